"""Recording sessions in the signalling process: what can be done for a client, and who attends its sessions."""

from __future__ import annotations

from collections.abc import Callable

from overt.adapters.engine_client import HeldCall
from overt.adapters.playback_codecs import decodable
from overt.domain.clients import Client
from overt.domain.roster import Person, belongs
from overt.faces.sip.gateway import Gateway
from overt.faces.sip.recording_session import RecordingSession
from overt.faces.sip.sessions import Sessions
from overt.faces.sip.understanding import Means
from overt.services.context import Context
from overt.services.house import House
from overt.services.receiving import line_of, receive, take_up_session


def make_sessions(house: House, gateway: Gateway) -> Sessions:
    """What the gateway does with recording sessions."""
    able = decodable()

    def means(client: Client) -> Means:
        return Means(able, client.srtp, _is_agent(house, client))

    return Sessions(gateway, house.tenant, means, lambda session: _attend(house, session))


def _is_agent(house: House, client: Client) -> Callable[[Person], bool]:
    return lambda person: house.line(person.number.text) is not None or belongs(person, client.agents)


async def _attend(house: House, session: RecordingSession) -> None:
    await receive(house, session, line_of(house, session.client, session.seats, session.offer.called))


def take_up_beside(house: House, gateway: Gateway, held: HeldCall, context: Context) -> bool:
    """Go on with a recording session of a dead predecessor; False when too little of it is known."""
    client = context.client
    if client is None:
        return False
    try:
        session = gateway.sessions.restore(context.offer, client, context.control, context.seats)
    except (KeyError, TypeError, ValueError):  # another version left it: one session must not keep all from starting
        session = None
    if session is None:
        return False
    held.media.adopt(context.legs, "")
    context.found(held.episode, held.recording)
    line = line_of(house, client, context.seats, context.offer.called)
    gateway.run(take_up_session(house, session, line, context, held.media))
    return True
