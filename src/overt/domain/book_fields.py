"""Every field of a policy book's file: its kind, what is preset, whether it can be locked, and what it means.

The format's document and the console's editor are drawn from this; the kinds and presets are those of `domain.book`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from overt.domain.book import LOCKABLE, Lines, PolicyBook, Time

FORMAT_MEANING = "Always 1. An Overt that reads another format refuses the book."
MEANINGS: Mapping[str, str] = {
    "title": "What people call the book.",
    "timezone": "The IANA name of the clock by which `days`, `from` and `until` are read, as `America/New_York`.",
    "never_record.number": "A number as `+14155550100`, or the beginning of some as `+1415*`: whichever side has it, the "
    "call is not recorded.",
    "never_record.reason": "Why; it stands in the account of each such call, the number does not.",
    "relax.place": "A place whose rule the law table calls contested, by its code: it is read the loose way.",
    "relax.by": "The person who decided it.",
    "relax.reason": "Why, or which opinion of counsel; it stands in the ledger.",
    "stricter.place": "Any place of the law table, by its code.",
    "stricter.form": "The form of consent that is demanded there at least, whatever the table says.",
    "stricter.by": "The person who decided it.",
    "stricter.reason": "Why; it stands in the ledger.",
    "policy.name": "How ledger, console and reports call it. No two may differ in upper and lower case only.",
    "policy.responsible": "The person who answers for this policy.",
    "policy.enabled": "Whether it counts. One that does not neither rules nor locks.",
    "policy.note": "For people; Overt does not read it. May have several lines.",
    "policy.locks": "Fields that are as they stand here for every call that this policy matches, whichever policy rules it.",
    "policy.when.direction": "Which way the call goes: from outside in, or from us out.",
    "policy.when.lines": "The lines, by their names in the settings.",
    "policy.when.queues": "The queues that the lines belong to.",
    "policy.when.teams": "The teams that the lines belong to.",
    "policy.when.agents": "The agents, by the SIP address at which they are called.",
    "policy.when.numbers": "Numbers of the party outside, or beginnings of them; `withheld` for a call without one.",
    "policy.when.days": "Days of the week. A time that runs over midnight belongs to the day on which it begins.",
    "policy.when.from": "When the time begins. Not set: at midnight.",
    "policy.when.until": "The first minute that is no longer in it. Not set: midnight. Not after `from`: it runs over midnight.",
    "policy.tell.script": "Which set of prompts is spoken: `standard`, or one of your own.",
    "policy.tell.languages": "The languages in which it is spoken, one after the other; the first is the agents' too.",
    "policy.tell.purpose": "For what the call is recorded, in the words that the script speaks.",
    "policy.ask.telling": "`ask` tells and asks; `announce` tells and takes staying for informed consent, where every law "
    "that counts accepts it. Elsewhere Overt asks all the same.",
    "policy.ask.chosen_by": "The person who chose `announce`, which needs one.",
    "policy.ask.on_refusal": "What becomes of the call after a no: it goes on unrecorded, ends politely, or goes to `route`.",
    "policy.ask.on_no_answer": "The same after no answer, which is a no.",
    "policy.ask.route": "Where the call goes, unrecorded: a SIP address.",
    "policy.capture.record": "Whether these calls are recorded at all.",
    "policy.capture.share": "How many of a hundred are. Which ones follows from the call's own id: nobody chooses, and it can "
    "be reckoned again.",
    "policy.capture.on_hold": "Whether hold pauses recording, or ends it for the rest of the call.",
    "policy.keep.days": "For how many days a recording is kept. A law that demands otherwise goes before.",
    "policy.keep.listeners": "The roles that may listen, each still for a purpose that the caller was told (P8).",
    "policy.law.circumstances": "What the operator states of these calls and the law depends on.",
    "policy.law.basis": "A legal basis other than consent.",
    "policy.law.basis.code": "Its code in the law table.",
    "policy.law.basis.document": "The paper that shows that it holds for you.",
    "policy.law.basis.person": "The person who chose it.",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field: its path as `policy.when.lines`, its kind in words, what is preset as TOML (empty: must be written).

    `section` is the heading under which it stands in the file; `lockable` says whether a policy's `locks` may name it.
    """

    path: str
    section: str
    kind: str
    preset: str
    lockable: bool
    meaning: str

    @property
    def name(self) -> str:
        """The field's own name."""
        return self.path.rpartition(".")[2]


def field_rows() -> tuple[FieldRow, ...]:
    """Every field of the file in its order, `format` first."""
    head = FieldRow("format", "", "whole number", "", False, FORMAT_MEANING)
    return (head, *_rows(PolicyBook, "", ""))


def _rows(kind: Any, path: str, section: str) -> Iterator[FieldRow]:
    hints = get_type_hints(kind, include_extras=True)
    for one in fields(kind):
        declared, name = hints[one.name], one.name.rstrip("_")
        below = f"{path}.{name}" if path else name
        if below in MEANINGS:
            lockable = (path.rpartition(".")[2], name) in LOCKABLE.get(name, ())
            yield FieldRow(below, section, _kind(declared), _preset(one), lockable, MEANINGS[below])
        if get_origin(declared) is tuple and is_dataclass(get_args(declared)[0]):
            yield from _rows(get_args(declared)[0], below, f"[[{below}]]")
        elif is_dataclass(declared):
            yield from _rows(declared, below, section if below in MEANINGS else f"[{below}]")


def _kind(declared: Any) -> str:
    if get_origin(declared) is Literal:
        return f"one of {', '.join(get_args(declared))}"
    if get_origin(declared) is tuple:
        item = get_args(declared)[0]
        return "list of texts" if item is str else f"list of {', '.join(get_args(item))}"
    if is_dataclass(declared):
        return f"table of {', '.join(one.name for one in fields(declared))}"
    return {int: "whole number", bool: "true or false", Time: "time as 08:30", Lines: "text of any lines"}.get(
        declared, "text"
    )


def _preset(one: Field[Any]) -> str:
    value = one.default
    if value is MISSING:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{entry}"' for entry in value) + "]"
    return "none" if is_dataclass(value) else str(value) if isinstance(value, int) else f'"{value}"'
