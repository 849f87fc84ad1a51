"""Recording sessions through a gateway in this process: whose voice comes to which ports, whatever the client does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from faces.sip.sip_doors import Datagrams, port, serving, until
from overt.config_listeners import Listener
from overt.domain.clients import Client
from overt.domain.identity import AGENT, CALLER, SIDES
from overt.domain.roster import Person
from overt.faces.sip.gateway import Gateway
from overt.faces.sip.recording_session import RecordingSession
from overt.faces.sip.sessions import Sessions
from overt.faces.sip.understanding import Means
from overt.inbox import CallEvent, Described, HungUp, LegChanged, LegMedia, Reclaimed
from overt.ports import Unavailable

SBC = Client("sbc", "siprec", addresses=("127.0.0.1",))
PORTS = {CALLER: 30000, AGENT: 30002}
KIND = "multipart/mixed;boundary=b"


class Session:
    """One session as a call would attend it: its door, and what it told."""

    def __init__(self, door: RecordingSession) -> None:
        self.door, self.events = door, list[CallEvent]()
        self.streams: dict[str, LegMedia] = {}
        door.listen(self.take)

    def take(self, event: CallEvent) -> None:
        """What the door tells."""
        self.events.append(event)
        if isinstance(event, LegChanged):
            self.streams[event.side] = event.media

    async def attend(self) -> None:
        """Accepted, and left as it is until it ends."""
        self.streams.update(self.door.place("127.0.0.1", PORTS, flowing=self.door.client.before != "inactive"))
        await self.door.accept()
        await until(lambda: any(isinstance(one, HungUp) for one in self.events), 30)

    def told(self, kind: type) -> int:
        """How often something of a kind was told."""
        return sum(isinstance(one, kind) for one in self.events)


class House:
    """A gateway with a recording client's peer."""

    def __init__(self, gateway: Gateway, peer: Datagrams) -> None:
        self.gateway, self.peer, self.sessions = gateway, peer, list[Session]()
        self.tag, self.number, self.tags = "", 0, dict[str, str]()

    async def attend(self, door: RecordingSession) -> None:
        """Attend a session."""
        self.sessions.append(Session(door))
        try:
            await self.sessions[-1].attend()
        except Unavailable:
            return

    def send(self, method: str, body: bytes = b"", *, call: str = "c1", kind: str = KIND, number: int = 0) -> None:
        """A request of the client's."""
        self.number += method != "ACK"
        tag = self.tags.get(call, "")
        lines = [
            f"{method} sip:srs@127.0.0.1 SIP/2.0", f"Via: SIP/2.0/UDP 127.0.0.1:{self.peer.port};rport;branch=z9hG4bK{call}{method}{self.number}",
            "Max-Forwards: 70", f"From: <sip:src@127.0.0.1>;tag={call}", f"To: <sip:srs@127.0.0.1>{f';tag={tag}' if tag else ''}",
            f"Call-ID: {call}", f"CSeq: {number or self.number} {method}", f"Contact: <sip:src@127.0.0.1:{self.peer.port}>;+sip.src",
            "Allow: INVITE, ACK, BYE, UPDATE", *([f"Content-Type: {kind}"] if body else []), f"Content-Length: {len(body)}", "", "",
        ]  # fmt: skip
        self.peer.transport.sendto("\r\n".join(lines).encode() + body, ("127.0.0.1", port(self.gateway)))

    async def answer(self, start: str = "SIP/2.0") -> str:
        """The next message that begins so; what comes before it is passed over."""
        async with asyncio.timeout(3):
            while not (got := (await self.peer.got.get()).decode()).startswith(start) or got.startswith("SIP/2.0 100"):
                pass
        return got

    async def ask(self, method: str, body: bytes = b"", *, call: str = "c1", ack: bytes | None = b"") -> str:
        """A request and its final answer, acknowledged where that is due."""
        self.send(method, body, call=call)
        answered = await self.answer("SIP/2.0")
        self.tags[call] = re.search(r"\r\nTo:[^\r]*;tag=(\S+)", answered)[1]  # type: ignore[index]
        if method == "INVITE" and ack is not None:
            self.send("ACK", ack, call=call, kind="application/sdp", number=self.number)
        return answered

    async def agree(self, body: str, status: str = "200 OK") -> str:
        """Answer the gateway's own offer, which is returned."""
        asked = await self.answer("INVITE")
        kept = [one for one in asked.split("\r\n") if one.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))]
        head = [
            f"SIP/2.0 {status}",
            *kept,
            f"Contact: <sip:src@127.0.0.1:{self.peer.port}>",
            "Content-Type: application/sdp",
        ]
        said = "\r\n".join([*head, f"Content-Length: {len(body)}", "", body])
        self.peer.transport.sendto(said.encode(), ("127.0.0.1", port(self.gateway)))
        return asked

    @property
    def session(self) -> Session:
        """The newest session."""
        return self.sessions[-1]


@asynccontextmanager
async def house(client: Client = SBC, agents: tuple[str, ...] = ()) -> AsyncIterator[House]:
    """A gateway that attends recording sessions."""
    async with serving([Listener("udp", "127.0.0.1", 0)], (client,)) as gateway:
        made = House(gateway, await Datagrams.bound())
        means = Means(frozenset({"PCMU"}), "optional", lambda person: _is(person, agents))
        gateway.sessions = Sessions(gateway, "main", lambda client: means, made.attend)
        yield made
        made.peer.transport.close()


def _is(person: Person, agents: tuple[str, ...]) -> bool:
    return person.number.text in agents


def sdp(*labels: str, closed: tuple[str, ...] = ()) -> str:
    """Lines with these labels, each from a port of its own."""
    lines = "".join(
        f"m=audio {0 if one in closed else 21000 + 2 * ord(one[-1])} RTP/AVP 0\r\na=label:{one}\r\na=sendonly\r\n"
        for one in labels
    )
    return f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n{lines}"


def people(sends: dict[str, str], *, call: str = "cs", ids: str = "") -> str:
    """Metadata in which each number sends the stream of a label."""
    named = "".join(
        f'<participant participant_id="{ids}{one}"><nameID aor="sip:{one}@pbx.example"/></participant>'
        f'<stream stream_id="s{label}" session_id="{call}"><label>{label}</label></stream>'
        f'<participantstreamassoc participant_id="{ids}{one}"><send>s{label}</send></participantstreamassoc>'
        for one, label in sends.items()
    )
    return (
        '<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>complete</datamode>'
        f'<session session_id="{call}"/>{named}</recording>'
    )


def body(offer: str = "", metadata: str = "") -> bytes:
    """Both in one body."""
    parts = [("application/sdp", offer), ("application/rs-metadata+xml", metadata)]
    written = "".join(f"--b\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts if text)
    return f"{written}--b--\r\n".encode()


BOTH = people({"100": "a", "200": "b"})


def ports(answer: str) -> list[int]:
    """The ports of the lines in an answer or offer of ours."""
    return [int(one) for one in re.findall(r"m=audio (\d+)", answer)]


def sources(session: Session) -> dict[str, int]:
    """From where each seat is heard now; only what flows."""
    return {side: one.port for side, one in session.streams.items() if not one.held}


A, B = 21000 + 2 * ord("a"), 21000 + 2 * ord("b")


async def begun(world: House, offer: str | None = None, metadata: str = BOTH) -> str:
    """A session with two voices."""
    answered = await world.ask("INVITE", body(sdp("a", "b") if offer is None else offer, metadata))
    await until(
        lambda: world.gateway.agent.legs and all(one.state == "confirmed" for one in world.gateway.agent.legs.values())
    )
    return answered


async def test_each_voice_comes_to_the_ports_of_its_seat_also_when_labels_change_places() -> None:
    async with house() as world:
        assert ports(await begun(world)) == [30000, 30002]
        assert sources(world.session) == {CALLER: A, AGENT: B}
        assert ports(await world.ask("INVITE", body(sdp("b", "a")))) == [30002, 30000]
        assert sources(world.session) == {}  # what is on the way to the ports of before is nobody's
        await until(lambda: sources(world.session) == {CALLER: A, AGENT: B})


async def test_voices_that_change_lines_in_metadata_alone_are_not_heard_before_the_client_agrees_on_other_ports() -> (
    None
):
    async with house() as world:
        await begun(world)
        assert "200 OK" in await world.ask("UPDATE", body("", people({"100": "b", "200": "a"})))
        assert sources(world.session) == {}
        offer = await world.agree(sdp("a", "b"))
        assert ports(offer) == [30002, 30000]
        await until(lambda: sources(world.session) == {CALLER: B, AGENT: A})


async def test_they_stay_unheard_where_it_does_not_agree_and_it_is_said() -> None:
    async with house() as world:
        await begun(world)
        await world.ask("UPDATE", body("", people({"100": "b", "200": "a"})))
        await world.agree("", "488 Not Acceptable Here")
        await until(lambda: "changed lines" in str(world.gateway.sightings.as_json()))
        assert sources(world.session) == {}
        await world.ask("UPDATE", body("", BOTH))
        await until(lambda: sources(world.session) == {CALLER: A, AGENT: B})


async def test_an_answer_to_our_first_offer_that_seats_them_otherwise_is_agreed_anew() -> None:
    async with house(agents=("100",)) as world:
        world.send("INVITE", body("", BOTH))
        answered = await world.answer("SIP/2.0 200")
        assert ports(answered) == [30000, 30002]
        world.tags["c1"] = re.search(r"\r\nTo:[^\r]*;tag=(\S+)", answered)[1]  # type: ignore[index]
        world.send("ACK", sdp("a", "b").encode(), kind="application/sdp", number=world.number)
        assert ports(await world.agree(sdp("a", "b"))) == [30002, 30000]
        await until(lambda: sources(world.session) == {AGENT: A, CALLER: B})


async def test_a_line_that_is_left_out_is_paused_and_the_other_keeps_its_seat() -> None:
    async with house() as world:
        await begun(world, metadata="")
        assert ports(await world.ask("INVITE", body(sdp("b")))) == [30002]
        await until(lambda: sources(world.session) == {AGENT: B})
        assert ports(await world.ask("INVITE", body(sdp("b", "a")))) == [30002, 30000]
        await until(lambda: sources(world.session) == {CALLER: A, AGENT: B})


async def test_closing_every_line_is_a_pause_and_no_error() -> None:
    async with house() as world:
        await begun(world)
        answered = await world.ask("INVITE", body(sdp("a", "b", closed=("a", "b"))))
        assert answered.startswith("SIP/2.0 200") and ports(answered) == [0, 0]
        await until(lambda: sources(world.session) == {})
        assert ports(await world.ask("INVITE", body(sdp("a", "b")))) == [30000, 30002]
        await until(lambda: sources(world.session) == {CALLER: A, AGENT: B})


async def test_who_joins_in_an_offer_that_is_refused_has_joined() -> None:
    async with house() as world:
        await begun(world)
        await_more = people({"100": "a", "200": "b", "300": "c"})
        answered = await world.ask("INVITE", body(sdp("a", "b").replace("RTP/AVP 0", "RTP/AVP 3"), await_more))
        assert answered.startswith("SIP/2.0 488") and sources(world.session) == {CALLER: A, AGENT: B}
        described = world.session.events[-1]
        assert isinstance(described, Described) and len(described.seats.people) == 3
        assert len(world.session.door.seats.people) == 3 and dict(world.session.door.seats.lines) == {
            CALLER: 0,
            AGENT: 1,
        }


async def test_whoever_fails_over_keeps_the_seats_also_when_the_metadata_names_them_in_another_order() -> None:
    async with house() as world:
        await begun(world)
        turned = people({"200": "b", "100": "a"})
        assert ports(await world.ask("INVITE", body(sdp("a", "b"), turned), call="c2")) == [30000, 30002]
        await until(lambda: world.session.told(Reclaimed) == 1 and len(world.sessions) == 1)
        assert sources(world.session) == {CALLER: A, AGENT: B}
        await world.ask("INVITE", body(sdp("a", "b"), BOTH.replace('"cs"', '"new"')), call="c3")
        await until(lambda: len(world.sessions) == 2)


async def test_another_call_with_the_same_id_takes_no_session_away() -> None:
    async with house() as world:
        await begun(world)
        await world.ask("INVITE", body(sdp("a", "b"), people({"300": "a", "200": "b"})), call="c2")
        await until(lambda: len(world.sessions) == 2)
        assert world.sessions[0].told(Reclaimed) == 0 and world.sessions[0].door.under_way
        assert "ids must be unique" in str(world.gateway.sightings.as_json())


async def test_a_client_that_fails_over_or_leaves_while_our_offer_waits_ends_the_waiting() -> None:
    client = Client("sbc", "siprec", addresses=("127.0.0.1",), before="inactive")
    for how in ("fails over", "leaves", "drained"):
        async with house(client) as world:
            assert "a=inactive" in await begun(world)
            opening = asyncio.create_task(world.session.door.let_flow(flowing=True))
            await world.answer("INVITE")
            if how == "fails over":
                assert "a=recvonly" in await world.ask("INVITE", body(sdp("a", "b"), BOTH), call="c2")
                await asyncio.wait_for(opening, 1)
                continue
            if how == "leaves":
                await world.ask("BYE")
            else:
                world.session.door.end("left: Overt was stopped")
            with pytest.raises(Unavailable, match="ended the session before" if how == "leaves" else "481"):
                await asyncio.wait_for(opening, 1)


async def test_one_that_gave_up_before_it_was_accepted_is_not_waited_for() -> None:
    async with house() as world:
        held = asyncio.Event()

        async def later(door: RecordingSession) -> None:
            world.sessions.append(Session(door))
            await held.wait()

        world.gateway.sessions._on_session = later
        world.send("INVITE", body(sdp("a", "b"), BOTH))
        await until(lambda: bool(world.sessions))
        world.send("CANCEL")
        world.number -= 1
        await until(lambda: world.session.told(HungUp) == 1) if world.session.told(HungUp) else None
        world.gateway.perform(world.gateway.agent.hang_up(next(iter(world.gateway.agent.legs.values())), 0))
        world.session.door.place("127.0.0.1", PORTS, flowing=True)
        with pytest.raises(Unavailable, match="gave up"):
            await asyncio.wait_for(world.session.door.accept(), 1)
        held.set()


async def test_a_successor_keeps_the_seats_and_knows_what_was_agreed() -> None:
    async with house() as world:
        await begun(world)
        await world.ask("INVITE", body(sdp("a", "b"), people({"200": "b", "100": "a"})))
        door = world.session.door
        restored = world.gateway.sessions.restore(door.offer, door.client, door.snapshot(), door.seats)
        assert restored is not None and dict(restored.seats.lines) == {CALLER: 0, AGENT: 1}
        assert [restored.seats.of(side).id for side in SIDES] == ["100", "200"]  # type: ignore[union-attr]
        assert restored._told == door._told


async def test_a_line_that_a_failover_leaves_out_is_paused() -> None:
    async with house() as world:
        await begun(world)
        await world.ask("INVITE", body(sdp("b"), BOTH), call="c2")
        await until(lambda: world.session.told(Reclaimed) == 1 and sources(world.session) == {AGENT: B})
