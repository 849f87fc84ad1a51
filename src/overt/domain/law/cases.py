"""Worked cases: what courts, statutes and regulators said of particular calls, held against the engine.

A case names parties and where they were, what notice was given, how it was answered, and what is expected. Words that
people use for notices and answers are read by the tables `NOTICES` and `ANSWERS`; a word that neither knows counts for
nothing, and is said in the remarks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from overt.domain.errors import LawUnreadable
from overt.domain.law.because import Because
from overt.domain.law.decide import Decision, Wish, decide
from overt.domain.law.model import PURPOSES, Example, Form, Purpose
from overt.domain.law.reckoning import Law, Profile, Reckoning, reckon
from overt.domain.law.showing import Given, Response, Showing, judge
from overt.domain.law.table import Table
from overt.domain.location import UNKNOWN, Candidate, Locations, PartyPlaces

ADULT = 18
# Words in the name of a notice, the first that occurs counts → what it is.
NOTICES: tuple[tuple[str, Given], ...] = (
    ("none", "none"), ("false", "none"), ("no_notice", "none"), ("not_given", "none"), ("employee", "employees_only"),
    ("announce", "announcement"), ("beep", "tone"), ("tone", "tone"), ("written", "written"), ("terms", "written"),
    ("contract", "written"), ("prior", "before"), ("earlier", "before"), ("poster", "before"), ("verbal", "announcement"),
    ("spoken", "announcement"), ("oral", "announcement"), ("recorded", "announcement"), ("opt", "announcement"),
    ("key", "announcement"), ("press", "announcement"), ("ask", "announcement"), ("notice", "announcement"),
)  # fmt: skip
# Words in an answer, the first that occurs counts → what it means. YAML reads a bare yes or no as true or false.
ANSWERS: tuple[tuple[str, Response], ...] = (
    ("unaware", "unaware"), ("not_told", "unaware"), ("unknow", "unaware"), ("object", "refuses"), ("refus", "refuses"),
    ("declin", "refuses"), ("withdr", "refuses"), ("opt_out", "refuses"), ("opts_out", "refuses"), ("stop", "refuses"),
    ("express_no", "refuses"), ("says_no", "refuses"), ("hang", "refuses"), ("hung", "refuses"), ("leave", "refuses"),
    ("press_2", "refuses"), ("presses_2", "refuses"), ("false", "refuses"), ("silen", "continues"),
    ("no_answer", "continues"), ("continue", "continues"), ("stay", "continues"), ("implied", "continues"),
    ("ok", "agrees"), ("yes", "agrees"), ("true", "agrees"), ("agree", "agrees"),
    ("consent", "agrees"), ("opt_in", "agrees"), ("opts_in", "agrees"), ("press", "agrees"), ("accept", "agrees"),
)  # fmt: skip
OUTSET = frozenset({"start", "before", "outset", "begin", "prior"})
WEAK = frozenset({"weak", "number", "area_code", "prefix", "cli", "guess"})
_KNOWN = frozenset({
    "id", "kind", "title", "parties", "recorder_at", "notice", "response", "court_or_source_outcome", "expected",
    "authority", "sources", "confidence", "note", "relaxed_expected", "purpose", "date", "profile", "circumstances",
})  # fmt: skip
_SETTING = re.compile(r"contested\.(?P<place>[A-Z-]+)\s*=\s*one-party")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a case expects. `form` is in the case's own words, and is shown, not compared. `relaxed`: a contested place and
    what may be done once it is relaxed; empty place: not asked."""

    rule: str
    may_record: bool
    form: str = ""
    relaxed: str = ""
    may_record_relaxed: bool = False
    stricter_than_court: bool = False


@dataclass(frozen=True, slots=True)
class CaseParty:
    """A party of a case: its role, the place as the case writes it, and whether the evidence for it is strong."""

    role: str
    place: str
    strong: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """A worked case."""

    id: str
    title: str
    authority: str
    parties: tuple[CaseParty, ...]
    showing: Showing
    expected: Expected
    purpose: Purpose = "recording"
    on: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """What the engine says of a case. `passed`: rule and *may record* are as expected, relaxed or not."""

    case: Case
    rule: str
    form: Form
    may_record: bool
    why: str
    may_record_relaxed: bool
    passed: bool
    grounds: tuple[Because, ...]
    decision: Decision


def try_case(
    table: Table, case: Case, *, on: str, served: Sequence[str] = (), profile: Profile = "standard",
    read: Callable[[Reckoning], Law] | None = None,
) -> Tried:  # fmt: skip
    """Return what the engine says of a case on a day (the case's own, if it names one).

    `served` are the places that an unknown party may be in; with none, the strictest is demanded of it. `read` gives the
    table as it is read, for whoever tries many cases and reckons once.
    """
    law_of = read or (lambda reckoning: reckon(table, reckoning))
    reckoning = Reckoning(case.on or on, profile, tuple(served))
    decision = _decided(law_of(reckoning), case)
    shown = judge(decision.demand, case.showing)
    wanted = case.expected
    relaxed = bool(wanted.relaxed) and _relaxed(law_of(replace(reckoning, relaxed=frozenset({wanted.relaxed}))), case)
    passed = (decision.rule, shown.may_record) == (wanted.rule, wanted.may_record) and relaxed == (
        wanted.may_record_relaxed if wanted.relaxed else False
    )
    return Tried(
        case, decision.rule, decision.form, shown.may_record, shown.why, relaxed, passed, decision.grounds, decision
    )


def _decided(law: Law, case: Case) -> Decision:
    return decide(law, located(case.parties, law.reckoning.served), Wish(case.purpose))


def _relaxed(law: Law, case: Case) -> bool:
    return judge(_decided(law, case).demand, case.showing).may_record


def located(parties: Sequence[CaseParty], served: tuple[str, ...]) -> Locations:
    """Return where the parties of a case may be: `unknown` anywhere that is served, `unknown-US` in any part of it."""
    return Locations(tuple(_places(one, served) for one in parties))


def _places(party: CaseParty, served: tuple[str, ...]) -> PartyPlaces:
    within = party.place.removeprefix(f"{UNKNOWN}-") if party.place.startswith(f"{UNKNOWN}-") else ""
    if within:
        return PartyPlaces(party.role, (Candidate(within, "said", "no more is known"),), False)
    if party.place == UNKNOWN:
        nowhere = () if served else (Candidate(UNKNOWN, UNKNOWN, "no evidence"),)
        return PartyPlaces(party.role, nowhere, False, served)
    known = (Candidate(party.place, "said" if party.strong else "number", "as the case says"),)
    if party.strong:
        return PartyPlaces(party.role, known, True)
    nowhere = () if served else (Candidate(UNKNOWN, UNKNOWN, "no strong evidence"),)
    return PartyPlaces(party.role, known + nowhere, False, served)


# ------------------------------------------------------------------------------------------ examples of a row


def case_of(example: Example, name: str) -> Case:
    """Return a row's worked example as a case. Raises LawUnreadable when a party is not `role: PLACE`."""
    parties = tuple(_party_of(one, name) for one in example.parties)
    showing = Showing(example.notice, True, example.captured, example.response)
    expected = Expected(example.rule, example.may_record)
    return Case(name, example.title, example.why, parties, showing, expected)


def _party_of(text: str, name: str) -> CaseParty:
    role, _, place = text.partition(":")
    if not place.strip():
        raise LawUnreadable(f"{name}: a party is written as `role: PLACE`, not {text!r}")
    return CaseParty(role.strip(), place.strip())


# ------------------------------------------------------------------------------------------ reading


def parse_cases(written: Any) -> tuple[Case, ...]:
    """Return the cases of a parsed file. Raises LawUnreadable naming the case and the field."""
    if not isinstance(written, Mapping) or not isinstance(written.get("cases"), list):
        raise LawUnreadable("a file of cases has a list `cases`")
    return tuple(_case(one, number) for number, one in enumerate(written["cases"], 1))


def _case(written: Any, number: int) -> Case:
    name = str(written.get("id", f"no. {number}")) if isinstance(written, Mapping) else f"no. {number}"
    try:
        return _read(written, name)
    except LawUnreadable:
        raise
    except (KeyError, TypeError, AttributeError) as error:
        missing = (
            f"field {error.args[0]} is missing" if isinstance(error, KeyError) else "it is not written as a case is"
        )
        raise LawUnreadable(f"case {name}: {missing}") from error


def _read(written: Mapping[str, Any], name: str) -> Case:
    notice, expected = written["notice"], written["expected"]
    remarks = [f"field {one} is not understood, and counts for nothing" for one in sorted(set(written) - _KNOWN)]
    parties = [_case_party(one, name) for one in written["parties"]]
    if written.get("recorder_at") is not None:
        parties.append(CaseParty("recorder", _code(written["recorder_at"], name)))
    purpose = str(written.get("purpose", "recording"))
    if purpose not in PURPOSES:
        raise LawUnreadable(f"case {name}: purpose is one of {', '.join(PURPOSES)}, not {purpose}")
    return Case(
        name, str(written.get("title", "")), str(written.get("authority", "")), tuple(parties),
        _showing(written, notice, remarks), _expected(written, expected, name), purpose,
        str(written.get("date", "")), tuple(remarks),
    )  # fmt: skip


def _case_party(written: Mapping[str, Any], name: str) -> CaseParty:
    source = str(written.get("source", ""))
    weak = any(word in source for word in WEAK)
    return CaseParty(str(written.get("role", "party")), _code(written["location"], name), not weak)


def _code(place: Any, name: str) -> str:
    if not isinstance(place, str):
        raise LawUnreadable(
            f"case {name}: a place is a text, not {place!r}; codes that YAML reads otherwise (NO) need quotes"
        )
    return place


def _showing(written: Mapping[str, Any], notice: Mapping[str, Any], remarks: list[str]) -> Showing:
    form, answer, at = str(notice["form"]), str(written["response"]), notice.get("at")
    given = _meant(form, NOTICES)
    response = _meant(answer, ANSWERS)
    if given is None:
        remarks.append(f"notice {form} is not understood, and counts as none")
    if response is None:
        remarks.append(f"response {answer} is not understood, and counts as not knowing")
    interval = notice.get("interval_s", notice.get("every_s"))
    return Showing(
        given or "none", _at_start(at, given), notice.get("captured_on_recording") is True, response or "unaware",
        interval if isinstance(interval, int) else 0, _barred(written["parties"]),
    )  # fmt: skip


def _meant(word: str, table: Sequence[tuple[str, Any]]) -> Any:
    plain = word.lower().replace("-", "_").replace(" ", "_")
    return next((meaning for part, meaning in table if part in plain), None)


def _at_start(at: Any, given: Given | None) -> bool:
    """Whether a notice came before any word that was kept. A tone comes while recording goes on."""
    return given == "tone" or any(word in str(at).lower() for word in OUTSET)


def _barred(parties: Sequence[Mapping[str, Any]]) -> str:
    """A known child without a guardian's consent may not be recorded."""
    for one in parties:
        age = one.get("age")
        child = one.get("minor") is True or (isinstance(age, int) and age < ADULT)
        if child and one.get("guardian_consents") is not True:
            return "a party is known to be under age, and no parent or guardian consents"
    return ""


def _expected(written: Mapping[str, Any], expected: Mapping[str, Any], name: str) -> Expected:
    may, relaxed = expected["may_record_default_policy"], written.get("relaxed_expected") or {}
    if not isinstance(may, bool):
        raise LawUnreadable(f"case {name}: may_record_default_policy is true or false, not {may!r}")
    found = _SETTING.search(str(relaxed.get("setting", "")))
    return Expected(
        str(expected["effective_rule"]), may, str(expected.get("required_form", "")), found["place"] if found else "",
        relaxed.get("may_record") is True, expected.get("stricter_than_court") is True,
    )  # fmt: skip
