"""Where everyone may be, and what that demands: rooms 2 and 3 of an episode, and the consent that it begins with (P3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from overt.domain import consent
from overt.domain.consent import ConsentState
from overt.domain.errors import PolicyRefused
from overt.domain.identity import CALLER, SIDES
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


def locate_for(call: Attended) -> Locations:
    """Room 2: every place that the parties may be in, with its evidence; entered in the ledger."""
    house = call.house
    locations = locate(evidence(house, call), PARTIES, house.served, doubts(house, call))
    call.note("call.located", parties=locations.as_json())
    return locations


def evidence(house: House, call: Attended) -> Sequence[Evidence]:
    """What is known of the parties' places: the address book, the number's own hints, the configured trunks and sites."""
    number, trunk = call.control.offer.caller, call.control.offer.trunk
    found = [Evidence("caller", "on_file", place, source) for place, source in house.addresses.on_file(number)]
    found += [Evidence("caller", "number", place, why) for place, why in house.addresses.hinted(number)]
    if trunk in house.trunk_places:
        found += [Evidence(party, "trunk", house.trunk_places[trunk], f"trunk {trunk}") for party in SIDES]
    if call.line.policy.agent_place:
        found.append(Evidence("agent", "site", call.line.policy.agent_place, f"line {call.line.policy.name}"))
    if house.recorder_place:
        found.append(Evidence("recorder", "site", house.recorder_place, "where Overt runs"))
    return found


def doubts(house: House, call: Attended) -> Sequence[tuple[str, str]]:
    """Why the caller's number says no place, or is not to be believed."""
    why = house.addresses.doubt(call.control.offer.caller)
    return ((CALLER, why),) if why else ()


def decide_for(call: Attended, locations: Locations) -> Decision:
    """Room 3: what the law demands of the call, and what Overt will do; entered in the ledger.

    A call that its policy does not let record is denied, and its record says all the same what the law would have asked.
    """
    policy = call.line.policy
    wish = Wish(PURPOSE, policy.telling, policy.chosen_by, policy.retention_days, policy.unrecorded_why)
    decision = decide_able(call.law, locations, wish)
    if decision.effect == "indeterminate":
        call.house.report(call.control.offer.id, PolicyRefused(decision.why))  # somebody must look at it
    call.context.keep_days = decision.keep_days
    call.note("call.decided", **{**decision.as_json(), "purpose": f"{PURPOSE} for {policy.purpose}"})
    return decision


def decide_able(law: Law, locations: Locations, wish: Wish) -> Decision:
    """Return the decision, denied where the law demands what cannot be done here."""
    decision = decide(law, locations, wish)
    if (cannot := unmet(decision)) and decision.effect == "permit":
        return decide(law, locations, replace(wish, barred=cannot))
    return decision


def unmet(decision: Decision) -> str:
    """Why something that the law demands cannot be done here; empty when all of it can."""
    return next((UNMET[one] for one in decision.obligations if one in UNMET), "")


def begin_for(call: Attended, decision: Decision) -> ConsentState:
    """The consent that the episode begins with: closed from the outset where nothing may be recorded."""
    return consent.begin(
        SIDES, asks=decision.will == "ask", purposes=(PURPOSE,), hold_closes=call.line.policy.on_hold == "stop",
        closed=decision.why,
    )  # fmt: skip
