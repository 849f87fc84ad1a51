"""Where everyone may be, and what that demands: rooms 2 and 3 of an episode, and the consent that it begins with (P3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from overt.domain import consent
from overt.domain.consent import ConsentState
from overt.domain.errors import PolicyRefused
from overt.domain.identity import AGENT, CALLER, SIDES, Number
from overt.domain.law.decide import Decision, Wish, decide
from overt.domain.law.model import Purpose
from overt.domain.law.reckoning import Law
from overt.domain.location import Evidence, Locations, locate
from overt.services.attended import Attended
from overt.services.house import House

PURPOSE: Purpose = "recording"
PARTIES = ("caller", "agent", "recorder")
# obligation → why it cannot be met yet: a call that it binds is not recorded
UNMET: Mapping[str, str] = {
    "tone_while_recording": "a law that binds this call demands a tone while recording, which cannot be given yet",
}
# the same beside a call, where the client's operator must do it
UNMET_BESIDE: Mapping[str, str] = {
    **UNMET,
    "law:record_announcement": "a law that binds this call wants the announcement on the recording, and its client does not "
    "play it again once capture is open",
}


def locate_for(call: Attended) -> Locations:
    """Room 2: every place that the parties may be in, with its evidence; entered in the ledger."""
    house = call.house
    parties = (*PARTIES, *(party for party, _ in _people(call) if party not in PARTIES))
    locations = locate(evidence(house, call), parties, house.served, doubts(house, call))
    call.note("call.located", parties=locations.as_json())
    return locations


def evidence(house: House, call: Attended) -> Sequence[Evidence]:
    """What is known of the parties' places: the address book, the number's own hints, the configured trunks and sites."""
    trunk, client = call.control.offer.trunk, call.context.client
    found = []
    for party, number in _people(call):
        found += [Evidence(party, "on_file", place, source) for place, source in house.addresses.on_file(number)]
        found += [Evidence(party, "number", place, why) for place, why in house.addresses.hinted(number)]
    place = client.place if client is not None else house.trunk_places.get(trunk, "")
    if place:
        found += [Evidence(party, "trunk", place, f"trunk {trunk}") for party in SIDES]
    if call.line.policy.agent_place:
        found.append(Evidence("agent", "site", call.line.policy.agent_place, f"line {call.line.policy.name}"))
    if house.recorder_place:
        found.append(Evidence("recorder", "site", house.recorder_place, "where Overt runs"))
    return found


def doubts(house: House, call: Attended) -> Sequence[tuple[str, str]]:
    """Why a party's number says no place, or is not to be believed."""
    found = ((party, house.addresses.doubt(number)) for party, number in _people(call))
    return tuple((party, why) for party, why in found if why)


def _people(call: Attended) -> Sequence[tuple[str, Number]]:
    """Everybody whose number we were told: in path the caller; beside a call, whom its client names."""
    if call.context.client is None:
        return ((CALLER, call.control.offer.caller),)
    seats = call.context.seats
    named = [(CALLER, seats.caller.number if seats.caller is not None else Number())]
    named += [(AGENT, seats.agent.number)] if seats.agent is not None and _is_number(seats.agent.number) else []
    return (*named, *((f"other {at}", one.number) for at, one in enumerate(seats.others, 1)))


def _is_number(number: Number) -> bool:
    """An agent's name says nothing of a place, and is no doubt either."""
    return number.text.lstrip("+").isdecimal()


def decide_for(call: Attended, locations: Locations) -> Decision:
    """Room 3: what the law demands of the call, and what Overt will do; entered in the ledger.

    A call that its policy does not let record is denied, and its record says all the same what the law would have asked.
    """
    policy = call.line.policy
    wish = Wish(PURPOSE, policy.telling, policy.chosen_by, policy.retention_days, policy.unrecorded_why)
    decision = decide_able(call.law, locations, wish, _unmet_for(call))
    if decision.effect == "indeterminate":
        call.house.report(call.control.offer.id, PolicyRefused(decision.why))  # somebody must look at it
    call.context.keep_days = decision.keep_days
    call.note("call.decided", **{**decision.as_json(), "purpose": f"{PURPOSE} for {policy.purpose}"})
    return decision


def _unmet_for(call: Attended) -> Mapping[str, str]:
    client = call.context.client
    return UNMET if client is None or client.replays else UNMET_BESIDE


def decide_able(law: Law, locations: Locations, wish: Wish, cannot_be: Mapping[str, str] = UNMET) -> Decision:
    """Return the decision, denied where the law demands what cannot be done here."""
    decision = decide(law, locations, wish)
    if (cannot := unmet(decision, cannot_be)) and decision.effect == "permit":
        return decide(law, locations, replace(wish, barred=cannot))
    return decision


def unmet(decision: Decision, cannot_be: Mapping[str, str] = UNMET) -> str:
    """Why something that the law demands cannot be done here; empty when all of it can."""
    return next((cannot_be[one] for one in decision.obligations if one in cannot_be), "")


def begin_for(call: Attended, decision: Decision) -> ConsentState:
    """The consent that the episode begins with: closed from the outset where nothing may be recorded."""
    return consent.begin(
        SIDES, asks=decision.will == "ask", purposes=(PURPOSE,), hold_closes=call.line.policy.on_hold == "stop",
        closed=decision.why,
    )  # fmt: skip
