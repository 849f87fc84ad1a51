"""Who said no on a call, for as long as it lasts: whoever leaves and comes back, under whatever id, has still said it (P2, P5).

The consent machine holds a no for an episode, and for who keeps a seat. This holds it for people: also one that was said
before there was an episode, or by a newcomer whose episode has not begun.
"""

from __future__ import annotations

from overt.domain import consent
from overt.domain.consent import NEGATIVE, ConsentState, Standing
from overt.domain.identity import SIDES, Side
from overt.domain.roster import Refuser
from overt.services.context import Context

ABSENT = consent.REASONS["hung up"]  # whoever left without an answer has given none
ANOTHER = "somebody else on the call said no before"


def note_no(context: Context, side: Side, reason: str) -> None:
    """Somebody says no: whoever has the seat now."""
    said = Refuser(side, context.seats.of(side), reason)
    if not any((one.side, one.person) == (said.side, said.person) for one in context.noes):
        context.noes.append(said)


def note_change(context: Context, side: Side, standing: Standing, reason: str) -> None:
    """A party stands otherwise than before: remember it if that is a no."""
    if standing in NEGATIVE and reason != ABSENT:
        note_no(context, side, reason)


def still_refused(context: Context, begun: ConsentState) -> ConsentState:
    """The consent that an episode begins with, with the noes of whoever is on the call. Who is left alone is in a queue, or
    on hold, and talks to nobody: nothing of that is captured (P5)."""
    seats = context.seats
    noes = {side: one.reason for side in SIDES for one in reversed(context.noes) if one.sits(side, seats)}
    left = next((f"the {side} left, and nobody took their place" for side in context.deserted), "")
    return consent.remember(begun, noes, ANOTHER if any(one.stands_by(seats) for one in context.noes) else left)
