"""Wording: the sentence for each kind of entry that speaks of a call. `WORDS` is the table.

A sentence says what its entry says, and nothing else; what somebody may want to look up beside it is its evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from overt.domain.call import UNSERVED
from overt.services.auditing import Stated, masked
from overt.services.wording_sessions import (
    consent_said,
    described,
    joined,
    left,
    reclaimed,
    seconds_noted,
    told_elsewhere,
)
from overt.services.wording_types import Evidence as Evidence
from overt.services.wording_types import Names as Names
from overt.services.wording_types import Tone as Tone
from overt.services.wording_types import Worded as Worded


def _offered(entry: Stated, _: Names) -> Worded:
    caller, trunk, line = masked(entry.personal.get("from", "erased")), entry.body["trunk"], entry.body["line"]
    who = {"withheld": "a number that was withheld", "erased": "a number that was erased"}.get(caller, caller)
    if not line:
        return f"A call from {who} came over the trunk {trunk}, for a number that belongs to no line.", "no", ()
    return f"A call from {who} came over the trunk {trunk}, for the line {line}.", "plain", ()


def _ruled(entry: Stated, _: Names) -> Worded:
    body = entry.body
    book = f"version {body['version']} of the policy book" if body["version"] else "what the settings say of the line"
    evidence = [("why this one", str(body["why"])), *(("held by another policy", str(one)) for one in body["locked"])]
    if not body["policy"]:
        return f"Nothing of this call may be recorded: {body['why']}.", "no", tuple(evidence[1:])
    ruled = f"The policy «{body['policy']}» rules the call, by {book}"
    if body["unrecorded_why"]:
        return f"{ruled}. It leaves the call unrecorded: {body['unrecorded_why']}.", "no", tuple(evidence)
    return f"{ruled}.", "plain", tuple(evidence)


def _located(entry: Stated, names: Names) -> Worded:
    parties = entry.body["parties"]
    said = [
        f"the {one['party']} {'is' if one['certain'] else 'may be'} in {_any_of([place(p, names) for p in one['places']])}"
        for one in parties
    ]
    evidence = tuple((one["party"], _named(reason, names)) for one in parties for reason in one["because"])
    return f"{capital('; '.join(said))}.", "plain", evidence


def _decided(entry: Stated, names: Names) -> Worded:
    body = entry.body
    effect, _, will = str(body["effect"]).partition(", ")
    facts = (
        ("rule", body["rule"]),
        ("the law allows", body["law_allows"]),
        ("Overt's own rules", ", ".join(body["obligations"])),
        ("purpose", body["purpose"]),
        ("law table", f"{body['law_version']} ({body['law_sha256'][:16]}…)"),
    )
    decided = (
        f"Overt decided to {_WILL[will]}"
        if effect == "permit" and will in _WILL
        else f"Nothing is recorded: {body['why']}"
        if body.get("why")
        else f"Overt's decision was «{body['effect']}»"
    )
    strictest = (
        f"The strictest law of all these places is {body['citation']}: it {law_asks(body['rule'], body['form'])}."
    )
    sentence = f"{strictest} {decided}."
    grounds = tuple(("because", _named(ground, names)) for ground in body["grounds"])
    said = tuple((name, value) for name, value in facts if value)
    return sentence, "plain" if effect == "permit" else "no", (*grounds, *said)


_FORMS = {"notice_then_continue": "counts being told and staying on the line as that", "express_opt_in": "wants an express yes"}  # fmt: skip
_WILL = {"announce": "tell everybody first, and record whoever stays without saying no",
         "ask": "tell everybody first, and record only after the caller's yes"}  # fmt: skip


def law_asks(rule: str, form: str = "") -> str:
    """What a law asks, to go on after its name: `wants everybody's consent, and …`."""
    if rule == "one-party":
        return "asks for the consent of one party only"
    return "asks for everybody's consent" + (f", and {_FORMS[form]}" if form in _FORMS else "")


def _told(entry: Stated, names: Names) -> Worded:
    body = entry.body
    if (elsewhere := told_elsewhere(entry, names)) is not None:
        return elsewhere
    evidence = (
        ("prompts", ", ".join(body["prompts"])),
        ("sent", seconds(body["milliseconds"])),
        ("line alive before and after", f"{_yes(body['heard_before'])}, {_yes(body['heard_after'])}"),
        ("loss", f"{body['loss_percent']} % at worst" if body["loss_percent"] else "none reported"),
    )
    if body["told"]:
        what = "announcement" if body["side"] == "caller" else "announcement or cue"
        sentence = f"The whole {what} went to the {body['side']}, {seconds(body['milliseconds'])}, over a living line."
        return sentence, "good", evidence
    return f"The {body['side']} was not told: {body['reason']}.", "no", evidence


def _answered(entry: Stated, _: Names) -> Worded:
    yes = entry.body["answer"] == "yes"
    return f"The answer counts as a {entry.body['answer']}: {entry.body['how']}.", "good" if yes else "no", ()


def _consent(entry: Stated, _: Names) -> Worded | None:
    body = entry.body
    tone, words = _STANDINGS.get(body["standing"], ("plain", ""))
    if body["standing"] == "refused":
        words = _REFUSED.get(body["reason"], f"could not be told ({body['reason']}), which counts as a no")
    if not words:
        return None
    return f"The {body['side']} {words}.", tone, (("purposes", ", ".join(body["purposes"])),)


_STANDINGS: Mapping[str, tuple[Tone, str]] = {
    "told": ("plain", ""),  # the telling itself has said so
    "asked": ("plain", "was asked"),
    "given": ("good", "consents"),
    "informed": ("good", "was told, and stayed"),
    "attested": ("good", "is attested to have been told"),
    "not_required": ("good", "need not consent"),
    "refused": ("no", ""),
    "withdrawn": ("no", "said no after all: consent is withdrawn"),
}
_REFUSED: Mapping[str, str] = {
    "pressed the no key": "said no, with the no key",
    "pressed the stop key": "said no, with the stop key",
    "pressed another key": "pressed a key that is neither yes nor no, which counts as a no",
    "no answer in time": "did not answer in time, which counts as a no",
    "hung up": "hung up first, which counts as a no",
    "put on hold while being told or asked": "was put on hold meanwhile, which counts as a no",
}


def _not_joined(entry: Stated, _: Names) -> Worded:
    return f"The {entry.body['side']} could not be reached: {entry.body['reason']}.", "no", ()


def _held(entry: Stated, _: Names) -> Worded:
    return f"The {entry.body['side']} {'went on hold' if entry.body['held'] else 'came off hold'}.", "plain", ()


def _failed(entry: Stated, _: Names) -> Worded:
    body = entry.body
    return f"{capital(body['what'])}. {capital(went_on(body['consequence']))}.", "bad", (("setting", body["setting"]),)


def went_on(consequence: str) -> str:
    """What was done about something that broke, as a clause in the past."""
    return _CONSEQUENCES.get(consequence, consequence)


_CONSEQUENCES = {"call goes on": "the call went on", "parties told": "the call went on, and both were told",
                 "call ended": "the call was ended", "call refused": "the call was refused"}  # fmt: skip


def _taken_up(entry: Stated, _: Names) -> Worded:
    sentence = f"The signalling process died; its successor took the call up after {seconds(entry.body['lost_ms'])}."
    return sentence, "bad", (("phase", entry.body["phase"]),)


def _permitted(entry: Stated, _: Names) -> Worded:
    body = entry.body
    evidence = (
        ("told", "; ".join(body["told"])),
        ("purposes", f"{', '.join(body['purposes'])} ({body['told_purpose']})"),
        ("legs", ", ".join(body["tracks"])),
        ("stop key", body["stop_keys"]),
        ("sealed to key", body["key_id"]),
    )
    if body["continues"]:
        sentence = "A further recording was permitted, going on from the one before."
        return sentence, "good", (*evidence, ("continues", body["continues"]))
    return "Everybody was told and nobody said no: the recording was permitted.", "good", evidence


def _stopped(entry: Stated, _: Names) -> Worded:
    body = entry.body
    who, withdrawn, how = str(body["reason"]).partition(" withdrawn: ")
    reason = f"the {who} said no ({how})" if withdrawn else because(body["reason"])
    by = {"engine": "the engine, by itself", "consent": "the rules of consent"}.get(body["by"], body["by"])
    return f"Recording {'paused' if body['paused'] else 'stopped'}: {reason}.", "no" if withdrawn else "plain", (("by", by),)  # fmt: skip


def _went_on(entry: Stated, _: Names) -> Worded:
    after = {"unheld": "nobody is on hold any more"}.get(entry.body["after"], f"after «{entry.body['after']}»")
    return f"Recording went on: {after}.", "good", ()


def because(reason: str) -> str:
    """Why a call or a recording ended, as a clause: `agent busy` → `the agent was busy`."""
    if reason.startswith(_FAILED):
        return f"the agent could not be reached ({reason.removeprefix(_FAILED).strip(' )')})"
    return _REASONS.get(reason, reason)


_FAILED = "agent failed ("
_REASONS: Mapping[str, str] = {
    "hold": "somebody was on hold", "caller hung up": "the caller hung up", "agent hung up": "the agent hung up",
    "caller silent": "nothing came from the caller any more", "agent silent": "nothing came from the agent any more",
    "agent busy": "the agent was busy", "agent declined": "the agent declined", "agent no answer": "the agent did not answer",
    UNSERVED: "somebody said no, and nobody is served unrecorded on this line",
    "caller on hold": "the caller was put on hold, which ends recording on this line",
    "agent on hold": "the agent was put on hold, which ends recording on this line",
    "lease ran out": "the permit was not renewed in time", "no such line": "the number that was called belongs to no line",
}  # fmt: skip


def _closed(entry: Stated, _: Names) -> Worded:
    body = entry.body
    gaps = tuple(("gap", gap) for gap in body["gaps"])
    whole = f"with {count(len(gaps), 'gap')}" if gaps else "without a gap"
    sentence = f"{seconds(body['captured_ms'])} of sound were sealed, in {count(body['chunks'], 'piece')}, {whole}."
    return sentence, "bad" if gaps else "good", (("end of the chain", body["head"]), *gaps)


def _interrupted(entry: Stated, _: Names) -> Worded:
    body = entry.body
    sentence = (
        f"The recording broke off ({body['cause']}); {seconds(body['captured_ms'])} of sound are sealed and whole."
    )
    return sentence, "bad", (("end of the chain", body["head"]), ("pieces", str(body["chunks"])))


def _ended(entry: Stated, _: Names) -> Worded:
    body = entry.body
    when = f" {seconds(body['call_ms'])} after it was answered" if body["call_ms"] else ""
    why = f": {because(body['reason'])}" if body["reason"] else ""
    return f"The call ended{when}{why}. Its account says «{body['outcome']}».", "plain", ()


def _granted(entry: Stated, _: Names) -> Worded:
    body = entry.body
    document = (("document", body["document"]),) if body["document"] else ()
    return f"{body['actor']} ({body['role']}) was allowed to {body['action']} it, for: {body['purpose']}.", "plain", document  # fmt: skip


def _refused_listening(entry: Stated, _: Names) -> Worded:
    body = entry.body
    sentence = f"{body['actor']} asked to {body['action']} it, for: {body['purpose']}. Refused: {body['reason']}."
    return sentence, "no", ()


def _listened(entry: Stated, _: Names) -> Worded:
    body = entry.body
    how = (("how it ended", str(body["how"])),) if body.get("how") else ()
    if body["milliseconds"] < 0:
        return f"How much of it was sent to {body['actor']} ({body['action']}) is not known.", "bad", how
    return f"{seconds(body['milliseconds'])} of it were sent to {body['actor']} ({body['action']}).", "plain", how


def _said(words: str) -> Callable[[Stated, Names], Worded]:
    return lambda entry, _: (words.format(**entry.body), "plain", ())


# the kind of an entry → the room that it belongs to, and its sentence; None where another entry says it already
WORDS: Mapping[str, tuple[str, Callable[[Stated, Names], Worded | None]]] = {
    "call.offered": ("arrival", _offered),
    "call.ruled": ("ruling", _ruled),
    "call.located": ("place", _located),
    "call.decided": ("law", _decided),
    "call.told": ("telling", _told),
    "session.described": ("arrival", described),
    "session.reclaimed": ("trouble", reclaimed),
    "call.consent_said": ("asking", consent_said),
    "call.seconds": ("account", seconds_noted),
    "call.answered_question": ("asking", _answered),
    "call.consent": ("asking", _consent),
    "call.joined": ("connecting", joined),
    "call.not_joined": ("connecting", _not_joined),
    "call.left": ("connecting", left),
    "call.held": ("connecting", _held),
    "call.failed": ("trouble", _failed),
    "call.resumed": ("trouble", _taken_up),
    "call.ended": ("account", _ended),
    "recording.permitted": ("permit", _permitted),
    "recording.resumed": ("recording", _went_on),
    "recording.stopped": ("recording", _stopped),
    "recording.closed": ("sealing", _closed),
    "recording.interrupted": ("sealing", _interrupted),
    "listening.granted": ("listening", _granted),
    "listening.refused": ("listening", _refused_listening),
    "listening.ended": ("listening", _listened),
}


# ------------------------------------------------------------------------------------------ small words


def seconds(milliseconds: int) -> str:
    """A length of time for people: `7.7 s`, `12 min 5 s`, `1 h 3 min`."""
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    minutes, rest = divmod((milliseconds + 500) // 1000, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def count(number: int, noun: str) -> str:
    """So many of something: `1 gap`, `2 gaps`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def capital(text: str) -> str:
    """A text with its first letter large."""
    return text[:1].upper() + text[1:]


def place(code: str, names: Names) -> str:
    """A place's name."""
    return "a place that nobody knows" if code == "unknown" else names.get(code, code)


def some(items: Sequence[str]) -> str:
    """The first few of many, and how many more: `Texas, Georgia and 49 more`."""
    shown = items if len(items) <= 4 else [*items[:2], f"{len(items) - 2} more"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def _any_of(items: Sequence[str]) -> str:
    return f"any of {len(items)} places" if len(items) > 6 else " or ".join(items)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _named(text: str, names: Names) -> str:
    """A text that begins with a place's code and a colon, with the place's name."""
    code, colon, rest = text.partition(":")
    return f"{place(code, names)}{colon}{rest}" if colon else text
