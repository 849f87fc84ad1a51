"""Explaining: a call's way through the rooms in plain words, each with the entries of the ledger that it rests on.

`explain` reads the entries of one call and says what happened, room by room; `verdict` says in one breath why the
call was, or was not, recorded. Nothing is said that an entry does not say. `WORDS` is the table: the kind of an
entry → its room and its sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from overt.services.auditing import CallRecord, Stated, masked

Tone = Literal["plain", "good", "no", "bad"]
ROOMS: Mapping[str, str] = {
    "arrival": "Arrival",
    "place": "Where everybody was",
    "law": "What the law asks",
    "telling": "Telling",
    "asking": "Asking",
    "connecting": "Connecting",
    "permit": "The permit",
    "recording": "Recording",
    "sealing": "Sealing",
    "trouble": "Trouble",
    "account": "The account",
    "listening": "Listening",
}
Names = Mapping[str, str]  # place code → its name


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence about one entry. `evidence` are names and values to look at; `at_us` UTC, microseconds."""

    room: str
    sentence: str
    tone: Tone
    evidence: tuple[tuple[str, str], ...]
    entry: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Room:
    """A room that the call went through, with what was said in it, in order."""

    key: str
    title: str
    said: tuple[Said, ...]

    @property
    def tone(self) -> Tone:
        """The strongest tone of what was said."""
        tones = [one.tone for one in self.said]
        return next((tone for tone in _STRONGEST if tone in tones), "plain")


_STRONGEST: tuple[Tone, ...] = ("bad", "no", "good")
Worded = tuple[str, Tone, tuple[tuple[str, str], ...]]


def explain(entries: Iterable[Stated], names: Names) -> tuple[Room, ...]:
    """Return the rooms that a call went through, in the order in which it first came to each."""
    rooms: dict[str, list[Said]] = {}
    for entry in entries:
        known = WORDS.get(entry.kind)
        if known is None:
            continue
        room, word = known
        said = word(entry, names)
        if said is not None:
            sentence, tone, evidence = said
            rooms.setdefault(room, []).append(Said(room, sentence, tone, evidence, entry.index, entry.at_us))
    return tuple(Room(key, ROOMS[key], tuple(said)) for key, said in rooms.items())


# ------------------------------------------------------------------------------------------ the verdict


def verdict(record: CallRecord, names: Names) -> str:
    """Why a call was or was not recorded, in a sentence or two."""
    if record.ledger_index < 0:
        return f"The call is in progress: {record.stages[-1] if record.stages else 'it has just come'}."
    law = _law_clause(record, names)
    if record.consent == "withdrawn" and record.captured_ms:
        return (
            f"Recorded for {seconds(record.captured_ms)}, until the caller said no. {law} The caller had been told and had "
            "said yes; the stop key turned the recorder off on every leg, and the call went on."
        )
    if record.captured_ms:
        return f"Recorded. {law} {_CONSENTED.get(record.consent, 'Consent was ' + record.consent + '.')}"
    return f"Not recorded. {_NOT.get(record.consent, _not_recorded(record))}"


_CONSENTED = {
    "given": "The caller was told why, was asked, and pressed the key that allows it.",
    "informed": "The caller was told why and how to say no, and stayed on the line; a named person chose that for this line.",
    "attested": "That everybody was told is attested for this trunk by a named person.",
    "not_required": "No consent was required of the caller.",
}
_NOT = {
    "refused": "The caller was asked and said no; the recorder stayed off and the call went on all the same.",
    "withdrawn": "The caller said no before anything was kept; the call went on all the same.",
    "timeout": "The caller was asked and did not answer in time. Silence is a no.",
    "unclear": "The caller pressed a key that is neither yes nor no. An unclear answer is a no.",
    "hang-up": "The caller hung up before the announcement was over, so nobody had been told.",
}


def _not_recorded(record: CallRecord) -> str:
    if record.told.startswith("not told"):
        return f"The caller was {record.told}, and nobody is recorded who was not told."
    return f"{_capital(record.outcome.removeprefix('not recorded: '))}: the call ended as «{record.reason}»."


def _law_clause(record: CallRecord, names: Names) -> str:
    places = _some([names.get(place, place) for place in record.places]) or "nowhere known"
    want = {"all-party": "wants everybody's consent", "one-party": "lets one party's consent suffice"}
    return f"The places of the call ({places}) were joined, and the strictest rule {want.get(record.rule, 'is not known')} ({record.citation})."


# ------------------------------------------------------------------------------------------ the words


def _offered(entry: Stated, _: Names) -> Worded:
    caller, trunk = masked(entry.personal.get("from", "erased")), entry.body["trunk"]
    line = entry.body["line"]
    if not line:
        return f"A call from {caller} came over the trunk {trunk} for a number that is no line's.", "no", ()
    return f"A call from {caller} came over the trunk {trunk} for the line {line}.", "plain", ()


def _located(entry: Stated, names: Names) -> Worded:
    parties = entry.body["parties"]
    said = [
        f"the {one['party']} {'is' if one['certain'] else 'may be'} in {_list([names.get(p, p) for p in one['places']], 'or')}"
        for one in parties
    ]
    evidence = tuple((one["party"], reason) for one in parties for reason in one["because"])
    return f"{_capital('; '.join(said))}.", "plain", evidence


def _decided(entry: Stated, names: Names) -> Worded:
    body = entry.body
    form = _FORMS.get(body["form"], body["form"])
    sentence = (
        f"The strictest rule of all these places is {body['rule']}: {body['citation']}. The law asks for {form}; "
        f"Overt's decision is: {body['effect']}."
    )
    grounds = tuple(("because", _named(ground, names)) for ground in body["grounds"])
    facts = (
        ("the law allows", body["law_allows"]),
        ("obligations", ", ".join(body["obligations"])),
        ("purpose", body["purpose"]),
        ("law table", f"{body['law_version']} ({body['law_sha256'][:16]}…)"),
    )
    return sentence, "no" if "deny" in body["effect"] else "plain", (*grounds, *facts)


_FORMS = {"none": "no consent of the other party", "notice_then_continue": "notice, and staying on the line",
          "express_opt_in": "an express yes"}  # fmt: skip


def _told(entry: Stated, _: Names) -> Worded:
    body = entry.body
    evidence = (
        ("prompts", ", ".join(body["prompts"])),
        ("sent", seconds(body["milliseconds"])),
        ("alive before and after", f"{_yes(body['heard_before'])}, {_yes(body['heard_after'])}"),
        ("loss reported", "none reported" if body["loss_percent"] is None else f"{body['loss_percent']} %"),
    )
    if body["told"]:
        return f"The {body['side']} heard all of it: {seconds(body['milliseconds'])} of announcement.", "good", evidence
    return f"The {body['side']} was not told: {body['reason']}.", "no", evidence


def _consent(entry: Stated, _: Names) -> Worded | None:
    body = entry.body
    tone, words = _STANDINGS.get(body["standing"], ("plain", ""))
    if not words:
        return None
    why = f" ({body['reason']})" if body["reason"] and body["standing"] != "informed" else ""
    return f"The {body['side']} {words}{why}.", tone, (("purposes", ", ".join(body["purposes"])),)


_STANDINGS: Mapping[str, tuple[Tone, str]] = {
    "asked": ("plain", "was asked for consent"),
    "given": ("good", "gave consent"),
    "informed": ("good", "was told, was offered a way out, and stayed"),
    "attested": ("good", "is attested to have been told"),
    "not_required": ("good", "needs give no consent"),
    "refused": ("no", "counts as having said no"),
    "withdrawn": ("no", "withdrew consent"),
}


def _permitted(entry: Stated, _: Names) -> Worded:
    body = entry.body
    evidence = (
        ("told", "; ".join(body["told"])),
        ("purposes", f"{', '.join(body['purposes'])} ({body['told_purpose']})"),
        ("legs", ", ".join(body["tracks"])),
        ("stop key", body["stop_keys"]),
        ("sealed to key", body["key_id"]),
    )
    return (
        "Everybody on the call may be recorded: a permit was made, entered here, and only then capture opened.",
        "good",
        evidence,
    )


def _stopped(entry: Stated, _: Names) -> Worded:
    body = entry.body
    verb = "paused" if body["paused"] else "stopped"
    tone: Tone = "no" if "withdrawn" in body["reason"] else "plain"
    return f"Recording {verb}: {body['reason']}.", tone, (("by", body["by"]),)


def _closed(entry: Stated, _: Names) -> Worded:
    body = entry.body
    gaps = tuple(("gap", f"{gap['from_ms']} to {gap['to_ms']} ms: {gap['cause']}") for gap in body["gaps"])
    evidence = (("chain's end", body["head"]), *gaps)
    count = f", with {_count(len(gaps), 'gap')}" if gaps else ", without a gap"
    sentence = f"{seconds(body['captured_ms'])} were sealed in {_count(body['chunks'], 'record')}{count}."
    return sentence, "bad" if gaps else "good", evidence


def _interrupted(entry: Stated, _: Names) -> Worded:
    body = entry.body
    sentence = f"The recording lost its engine ({body['cause']}); {seconds(body['captured_ms'])} are authenticated."
    return sentence, "bad", (("chain's end", body["head"]), ("records", str(body["chunks"])))


def _ended(entry: Stated, _: Names) -> Worded:
    body = entry.body
    return (
        f"The call lasted {seconds(body['call_ms'])} after the answer and came out as «{body['outcome']}» ({body['reason']}).",
        "plain", (),
    )  # fmt: skip


def _granted(entry: Stated, _: Names) -> Worded:
    body = entry.body
    document = (("document", body["document"]),) if body["document"] else ()
    return f"{body['actor']} ({body['role']}) may {body['action']} it for {body['purpose']}.", "plain", document


def _refused_listening(entry: Stated, _: Names) -> Worded:
    body = entry.body
    return (
        f"{body['actor']} asked to {body['action']} it for {body['purpose']} and may not: {body['reason']}.",
        "no",
        (),
    )


def _listened(entry: Stated, _: Names) -> Worded:
    body = entry.body
    return f"{seconds(body['milliseconds'])} of it were sent to {body['actor']} ({body['action']}).", "plain", ()


WORDS: Mapping[str, tuple[str, Callable[[Stated, Names], Worded | None]]] = {
    "call.offered": ("arrival", _offered),
    "call.located": ("place", _located),
    "call.decided": ("law", _decided),
    "call.told": ("telling", _told),
    "call.consent": ("asking", _consent),
    "call.joined": ("connecting", lambda e, _: (f"The {e.body['side']} joined: {e.body['how']}.", "plain", ())),
    "call.not_joined": (
        "connecting",
        lambda e, _: (f"The {e.body['side']} could not be reached: {e.body['reason']}.", "no", ()),
    ),
    "call.left": ("connecting", lambda e, _: (f"The {e.body['side']} left: {e.body['how']}.", "plain", ())),
    "call.held": (
        "connecting",
        lambda e, _: (
            f"The {e.body['side']} was {'put on hold' if e.body['held'] else 'taken off hold'}.",
            "plain",
            (),
        ),
    ),
    "call.failed": ("trouble", lambda e, _: (f"{_capital(e.body['what'])}: {e.body['consequence']}.", "bad", ())),
    "call.resumed": (
        "trouble",
        lambda e, _: (f"A successor took the call up again after {seconds(e.body['lost_ms'])}.", "bad", ()),
    ),
    "recording.permitted": ("permit", _permitted),
    "recording.resumed": ("recording", lambda e, _: (f"Recording went on after: {e.body['after']}.", "good", ())),
    "recording.stopped": ("recording", _stopped),
    "recording.closed": ("sealing", _closed),
    "recording.interrupted": ("sealing", _interrupted),
    "call.ended": ("account", _ended),
    "listening.granted": ("listening", _granted),
    "listening.refused": ("listening", _refused_listening),
    "listening.ended": ("listening", _listened),
}


# ------------------------------------------------------------------------------------------ who listened


@dataclass(frozen=True, slots=True)
class Listened:
    """A listening, or an attempt: who, as what, why, and what they were sent. `milliseconds` −1: not stated yet."""

    at_us: int
    actor: str
    role: str
    action: str
    purpose: str
    document: str
    milliseconds: int
    refused: str
    entry: int


def who_listened(entries: Iterable[Stated]) -> tuple[Listened, ...]:
    """Return every listening to a call's recordings, in order, from the entries that speak of them."""
    found: dict[int, Listened] = {}
    for entry in entries:
        body: Mapping[str, Any] = entry.body
        if entry.kind == "listening.granted":
            found[entry.index] = _listening(entry, body, -1, "")
        elif entry.kind == "listening.refused":
            found[entry.index] = _listening(entry, body, 0, str(body["reason"]))
        elif entry.kind == "listening.ended" and body["grant"] in found:
            grant = found[body["grant"]]
            found[grant.entry] = Listened(
                grant.at_us, grant.actor, grant.role, grant.action, grant.purpose, grant.document,
                int(body["milliseconds"]), "", grant.entry,
            )  # fmt: skip
    return tuple(found.values())


def _listening(entry: Stated, body: Mapping[str, Any], milliseconds: int, refused: str) -> Listened:
    return Listened(
        entry.at_us, str(body["actor"]), str(body.get("role", "")), str(body["action"]), str(body["purpose"]),
        str(body.get("document", "")), milliseconds, refused, entry.index,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------ small words


def seconds(milliseconds: int) -> str:
    """A length of time for people: `7.7 s`, `12 min 5 s`, `1 h 3 min`."""
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, rest = divmod(milliseconds // 1000, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _list(items: Sequence[str], word: str) -> str:
    if len(items) > 6:
        return f"any of {len(items)} places"
    return f" {word} ".join(items)


def _some(items: Sequence[str]) -> str:
    """The first few of many, and how many more."""
    shown = items if len(items) <= 4 else [*items[:2], f"{len(items) - 2} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def _named(ground: str, names: Names) -> str:
    place, colon, rest = ground.partition(":")
    return f"{names.get(place, place)}{colon}{rest}"
