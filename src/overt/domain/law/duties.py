"""What binds a recording besides consent (duties), and what may stand in consent's place (legal bases).

`data/duties/*.toml` and `data/bases/*.toml`, one law a file. A row names the duties of its place; a duty that is
`everywhere` needs no naming. `when` is a circumstance that the operator states of a line: a card is read out, say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from overt.domain.errors import LawUnreadable
from overt.domain.law.model import Form, Purpose, Sure, Verified
from overt.domain.law.reading import read_value

# What an operator may state of a line, and what it means.
CIRCUMSTANCES: Mapping[str, str] = {
    "": "always",
    "cards": "payment cards are read out or keyed in",
    "health": "the operator is a covered entity or business associate under HIPAA, and health is spoken of",
    "debt_collection": "the operator collects debts",
    "telemarketing": "the operator sells by telephone with account numbers it already has",
    "investment": "the operator is an investment firm, and orders are taken",
    "futures": "the operator deals in futures, options or swaps in the United States, and orders are taken",
    "medicare": "Medicare plans are marketed, sold or enrolled in",
    "voiceprints": "people are recognised by their voice, or speakers told apart by it",
    "telephone_company": "the operator is a telephone company and calls its own customers",
    "broadcast": "the call is recorded to be broadcast",
    "video": "the call is a leg of a video conference",
    "works_council": "the operator's agents have a works council",
    "regulated_service": "the line is customer service (SAC) of a provider that Brazil's federal government regulates",
}
# What a place or a law may demand of Overt and of its operator.
OBLIGATIONS: Mapping[str, str] = {
    "announce:caller": "tell the caller before anything is kept",
    "tell:agent": "tell the agent, call by call, that it is recorded",
    "ask:caller": "ask the caller, and count silence as a no",
    "record_announcement": "let the recording begin with the announcement",
    "law:record_announcement": "the law demands that the announcement stands on the recording",
    "stop_on_join": "stop when somebody joins, until they too were told and asked",
    "stop_on_no": "stop at once when anybody says no; the call goes on",
    "stop_when_personal": "stop as soon as a call turns out to be a personal one of the agent's",
    "no_known_minors": "do not record somebody known to be under age, unless a parent or guardian consents",
    "employee_notice": "keep the agents' acknowledged notice on file",
    "post_notice": "post the notice where the agents see it",
    "works_agreement": "have an agreement with the works council before agents are recorded",
    "works_consultation": "consult the works council before agents are recorded or monitored",
    "regulator_waiver": "have the regulator's waiver before customers' calls are recorded",
    "unrecorded_line": "give agents a line, or a switch, that is not recorded",
    "offer_unrecorded_way": "offer whoever objects another way to be served",
    "privacy_notice": "have a written privacy notice: purposes, basis, how long, who receives, rights",
    "give_a_copy": "give the person a copy on request, other people's personal data protected",
    "erase_on_request": "erase on request, as far as no other law forbids it",
    "stop_on_objection": "stop on objection to what rests on legitimate interest",
    "impact_assessment": "assess the impact on people's rights before monitoring systematically",
    "processor_contract": "have a contract with whoever processes recordings for the operator",
    "voiceprint_release": "have a written release before a voiceprint is made, and a public schedule for its end",
    "no_card_codes": "keep no card verification codes or PINs, not even sealed: suppress sound and digits",
    "protect_health": "hold health recordings under access control, audit, integrity and encryption",
    "not_systematic": "do not record everything: only as much as the purpose needs",
    "tone_while_recording": "a tone is to be heard at the stated interval while recording",
    "keep_within_bounds": "keep recordings within the stated bounds",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Duty:
    """A law that binds recordings besides consent. Days of keeping, 0: no bound. `form`: at least this, for its purposes.

    `yields_to` are the legal bases (codes) under which it does not bind, in the places of the basis.
    """

    code: str
    name: str
    applies_to: str
    everywhere: bool
    when: str
    purposes: tuple[Purpose, ...]
    obligations: tuple[str, ...]
    form: Form
    keep_at_least_days: int
    keep_at_most_days: int
    citations: tuple[str, ...]
    duties: tuple[str, ...]
    exposure: str
    in_force_from: str
    in_force_until: str
    source_speaks_as_of: str
    confidence: Sure
    sources: tuple[str, ...]
    verify_before_release: tuple[str, ...]
    verified: Verified
    yields_to: tuple[str, ...] = ()

    def in_force(self, on: str) -> bool:
        """True when the duty is in force on an ISO date; empty bounds are open."""
        return self.in_force_from <= on and (not self.in_force_until or on <= self.in_force_until)


@dataclass(frozen=True, slots=True)
class Basis:
    """A legal basis other than consent, in these places: told, but not asked. A no closes capture all the same (P5).

    `accepts` is the form that suffices on it; `document` says which paper the operator must name, `refusal` what the
    caller who says no is offered.
    """

    code: str
    name: str
    applies_to: str
    kind: Literal["must_record", "may_record"]
    places: tuple[str, ...]
    purposes: tuple[Purpose, ...]
    accepts: Literal["notice_then_continue"]
    document: str
    refusal: str
    keep_at_least_days: int
    citations: tuple[str, ...]
    notes: tuple[str, ...]
    in_force_from: str
    in_force_until: str
    source_speaks_as_of: str
    confidence: Sure
    sources: tuple[str, ...]
    verify_before_release: tuple[str, ...]
    verified: Verified

    def in_force(self, on: str) -> bool:
        """True when the basis is in force on an ISO date; empty bounds are open."""
        return self.in_force_from <= on and (not self.in_force_until or on <= self.in_force_until)


def parse_duty(name: str, written: Mapping[str, Any]) -> Duty:
    """Return the duty that a parsed TOML file holds. Raises LawUnreadable naming the file and the field."""
    duty = read_value(Duty, name, written)
    _known(name, "obligation", duty.obligations, OBLIGATIONS)
    _known(name, "circumstance", (duty.when,), CIRCUMSTANCES)
    _cited(name, duty.citations)
    _bounded(name, duty.keep_at_least_days, duty.keep_at_most_days)
    return duty


def parse_basis(name: str, written: Mapping[str, Any]) -> Basis:
    """Return the legal basis that a parsed TOML file holds. Raises LawUnreadable naming the file and the field."""
    basis = read_value(Basis, name, written)
    _cited(name, basis.citations)
    _bounded(name, basis.keep_at_least_days, 0)
    return basis


def _known(name: str, what: str, used: tuple[str, ...], known: Mapping[str, str]) -> None:
    for strange in sorted(set(used) - set(known)):
        raise LawUnreadable(f"{name}: unknown {what} {strange}; one of {', '.join(filter(None, known))}")


def _cited(name: str, citations: tuple[str, ...]) -> None:
    if not citations:
        raise LawUnreadable(f"{name}: a law without a citation binds nobody")


def _bounded(name: str, least: int, most: int) -> None:
    if least < 0 or (most and least > most):
        raise LawUnreadable(f"{name}: keep_at_least_days and keep_at_most_days leave no day to keep a recording")
