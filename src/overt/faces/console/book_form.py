"""The form of a policy book: fields ⇄ book, drawn from `domain.book_fields`. Whatever is filled in becomes a book, right or
wrong: its text is then read like any other, so that one parser says what is wrong with it.

A field's name is its path with a number after each list: `policy.0.when.lines`. Lists of texts have an entry a line; lists
of which the entries are known are boxes to tick. A policy is there when its `policy.N.there` is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from overt.domain.book import DAYS, LOCKABLE, Lines, Policy, PolicyBook, Time
from overt.domain.book_fields import MEANINGS
from overt.domain.book_toml import LARGEST_BYTES
from overt.domain.law.duties import CIRCUMSTANCES
from overt.domain.policy import HEARERS
from overt.faces.http.forms import Form
from overt.faces.http.problems import BadRequest

MOST_ENTRIES = 1000
_LONGEST_NUMBER = 18
# list → the entries that are offered to be ticked
TICKED: Mapping[str, Sequence[str]] = {
    "policy.when.days": DAYS, "policy.locks": tuple(LOCKABLE), "policy.keep.listeners": HEARERS,
    "policy.law.circumstances": tuple(one for one in CIRCUMSTANCES if one),
}  # fmt: skip
LABELS: Mapping[str, str] = {
    "title": "Title", "timezone": "Time zone", "number": "Number", "reason": "Reason", "place": "Place", "by": "Decided by",
    "form": "At least", "name": "Name", "responsible": "Who answers for it", "enabled": "It counts", "note": "Note",
    "locks": "Held for every call that this policy matches", "direction": "Direction", "lines": "Lines", "queues": "Queues",
    "teams": "Teams", "agents": "Agents", "numbers": "Numbers outside", "days": "Days", "from": "From", "until": "Until",
    "script": "Script", "languages": "Languages", "purpose": "Purpose", "telling": "Asking", "chosen_by": "Chosen by",
    "on_refusal": "After a no", "on_no_answer": "After no answer", "route": "Goes to", "record": "These calls are recorded",
    "share": "Of a hundred", "on_hold": "On hold", "listeners": "Who may listen", "circumstances": "What is so",
    "code": "Legal basis", "document": "Its document", "person": "Chosen by",
}  # fmt: skip
SECTIONS: Mapping[str, str] = {
    "when": "For which calls", "tell": "What is told", "ask": "Asking", "capture": "Recording",
    "keep": "Keeping and listening", "law": "What the law must know",
}  # fmt: skip
# The words for what may be chosen, where the file's own say too little.
CHOICES: Mapping[str, str] = {
    "any": "either way", "inbound": "they call us", "outbound": "we call them", "ask": "ask, always",
    "announce": "tell; ask only where the law wants it", "go-on": "goes on", "end": "ends politely", "route": "goes elsewhere",
    "pause": "pauses recording", "stop": "ends recording", "none": "nothing", "recording_tone": "a tone",
    "notice_then_continue": "a notice, then staying", "express_opt_in": "an express yes", "mon": "Monday", "tue": "Tuesday",
    "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
# list → the words for its entries
WORDS: Mapping[str, Mapping[str, str]] = {
    "policy.when.days": CHOICES, "policy.keep.listeners": {}, "policy.law.circumstances": CIRCUMSTANCES,
    "policy.locks": {**LABELS, "days": "Days of keeping", "basis": "Legal basis"},
}  # fmt: skip
Kind = Literal["text", "lines", "list", "ticks", "tick", "number", "time", "choice", "table"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A field to be drawn: its name in the form, its path in the file, its kind, and what stands in it.

    `choices` are (value, words); `value` a text, or the texts of a list; of a table `parts` are its fields.
    """

    name: str
    path: str
    kind: Kind
    label: str
    meaning: str
    value: Any = ""
    choices: tuple[tuple[str, str], ...] = ()
    parts: tuple[Drawn, ...] = ()

    @property
    def key(self) -> str:
        """The field's own name in the file."""
        return self.path.rpartition(".")[2]


# ------------------------------------------------------------------------------------------ drawing


def draw(table: Any, name: str, path: str) -> tuple[Drawn, ...]:
    """Return the fields of a table (a book, a policy, an entry), those of its tables among them; lists of tables left out."""
    found = []
    for key, declared, value in _members(table):
        below = f"{path}.{key}" if path else key
        if is_dataclass(value):
            parts = draw(value, f"{name}{key}.", below)
            found.append(Drawn(name + key, below, "table", SECTIONS.get(key, ""), MEANINGS.get(below, ""), parts=parts))
        elif not (get_origin(declared) is tuple and is_dataclass(get_args(declared)[0])):
            found.append(_drawn(name + key, below, declared, value))
    return tuple(found)


def _members(table: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each field of a table: its name in the file, its declared kind, its value."""
    hints = _hints(cast(Any, type(table)))
    for one in fields(table):
        yield one.name.rstrip("_"), hints[one.name], getattr(table, one.name)


@lru_cache(maxsize=32)
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _drawn(name: str, path: str, declared: Any, value: Any) -> Drawn:
    kind = _kind(path, declared)
    label = LABELS[path.rpartition(".")[2]]
    if kind == "choice":
        return Drawn(name, path, kind, label, MEANINGS[path], value, _choices(get_args(declared), [value], CHOICES))
    if kind == "ticks":
        return Drawn(name, path, kind, label, MEANINGS[path], value, _choices(TICKED[path], value, WORDS[path]))
    return Drawn(name, path, kind, label, MEANINGS[path], "\n".join(value) if kind == "list" else value)


def _kind(path: str, declared: Any) -> Kind:
    if path in TICKED:
        return "ticks"
    if get_origin(declared) is tuple:
        return "list"
    if get_origin(declared) is Literal:
        return "choice"
    return cast(Kind, {bool: "tick", int: "number", Time: "time", Lines: "lines"}.get(declared, "text"))


def _choices(known: Sequence[str], given: Sequence[str], words: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What may be chosen: what is given first, in its own order, so that nothing of a book is lost."""
    first = list(given) if len(given) > 1 else []
    all_of_them = dict.fromkeys([*first, *known, *given])
    return tuple((one, words.get(one, one)) for one in all_of_them)


# ------------------------------------------------------------------------------------------ reading


def book_of(form: Form) -> PolicyBook:
    """Return the book that is filled in, of whatever kinds its values are. Raises BadRequest when a field is too long."""
    book = _read(PolicyBook, form, "", "")
    lists = {name: tuple(_entries(form, name)) for name in ("never_record", "relax", "stricter")}
    return cast(PolicyBook, replace(book, **lists, policy=tuple(_policies(form))))


def _policies(form: Form) -> Iterator[Policy]:
    for number in _numbers(form, "policy", "there"):
        yield _read(Policy, form, f"policy.{number}.", "policy")


def _entries(form: Form, section: str) -> Iterator[Any]:
    """The entries of a list that have anything in them: the last one is there to be filled in."""
    kind = get_args(_hints(PolicyBook)[section])[0]
    for number in _numbers(form, section, fields(kind)[0].name):
        name = f"{section}.{number}."
        if any(form.raw(name + one.name, LARGEST_BYTES) for one in fields(kind) if one.name != "form"):
            yield _read(kind, form, name, section)


def _numbers(form: Form, section: str, key: str) -> list[int]:
    """The numbers of a list's entries, in their order."""
    start, end = f"{section}.", f".{key}"
    given = [one[len(start) : -len(end)] for one in form.fields if one.startswith(start) and one.endswith(end)]
    numbers = sorted({int(one) for one in given if one.isascii() and one.isdigit() and len(one) < _LONGEST_NUMBER})
    if len(numbers) > MOST_ENTRIES:
        raise BadRequest(f"A book edited here has at most {MOST_ENTRIES} entries a list; edit its file instead.")
    return numbers


def _read(kind: Any, form: Form, name: str, path: str) -> Any:
    """A table as it is filled in; its lists of tables stay empty."""
    values: dict[str, Any] = {}
    for one in fields(kind):
        declared, key = _hints(kind)[one.name], one.name.rstrip("_")
        below = f"{path}.{key}" if path else key
        if is_dataclass(declared):
            values[one.name] = _read(declared, form, f"{name}{key}.", below)
        elif get_origin(declared) is tuple and is_dataclass(get_args(declared)[0]):
            values[one.name] = ()
        else:
            values[one.name] = _value(form, name + key, _kind(below, declared))
    return kind(**values)


def _value(form: Form, name: str, kind: Kind) -> Any:
    if kind == "tick":
        return form.ticked(name)
    if kind == "ticks":
        return tuple(dict.fromkeys(form.fields.get(name, ())))
    given = form.raw(name, LARGEST_BYTES)
    if kind == "list":
        return tuple(filter(None, given.split("\n")))
    whole = kind == "number" and given.strip().isascii() and given.strip().isdigit()
    return int(given) if whole and len(given) < _LONGEST_NUMBER else given
