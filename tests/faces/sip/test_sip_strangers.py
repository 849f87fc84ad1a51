"""Nobody whom we do not know gets in, or reaches anybody through us; a password does; scanners are held up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext

import pytest

from faces.sip.sip_doors import HERE, SDP, Calls, Datagrams, port, request, serving, until
from overt.config_listeners import Listener
from overt.domain.clients import Client
from overt.faces.sip.connections import Bounds
from overt.faces.sip.gatekeeper import Admitted, Challenged, Forbidden, Gatekeeper, Silence
from overt.faces.sip.gateway import Gateway
from overt.faces.sip.scanners import MANY, MOST_HOSTS, MOST_REFUSALS, REMEMBERED, SECOND, WINDOW, Scanners, source_of
from overt.phone.telephone import CallFailed, Telephone
from overt.wire.sip import digest
from overt.wire.sip.message import Request, Response, parse
from overt.wire.sip.transaction import Peer

UDP, TCP = Listener("udp", "127.0.0.1", 0), Listener("tcp", "127.0.0.1", 0)
CALLER = Client("caller", addresses=("127.0.0.2",))
PASSWORD = "a password of some length"
PBX = Client("pbx", username="pbx")


def secrets(username: str) -> dict[digest.Algorithm, str]:
    return (
        {one: digest.ha1(one, username, "overt", PASSWORD) for one in ("SHA-256", "MD5")} if username == "pbx" else {}
    )


@pytest.mark.parametrize(
    "method", ["INVITE", "REGISTER", "MESSAGE", "SUBSCRIBE", "REFER", "PUBLISH", "BYE", "UPDATE", "INFO"]
)
async def test_a_stranger_gets_one_403_and_then_silence(method: str) -> None:
    calls = Calls()
    async with serving([UDP], [CALLER], story=calls) as gateway:
        peer = await Datagrams.bound()
        where = ("127.0.0.1", port(gateway))
        assert b"403 Forbidden" in await peer.ask(request(method, body=SDP if method == "INVITE" else b""), where)
        peer.transport.sendto(request(method, branch="2", call="c2"), where)
        assert await peer.silence() and gateway.agent.counters["refused: stranger"] == 2
        assert not calls.controls and gateway.agent.layer.size == 0 and not gateway.agent.legs
        peer.transport.close()


FRAUD = [
    request("INVITE", uri="sip:+19005550100@127.0.0.1", body=SDP),
    request("INVITE", uri="sip:+19005550100@198.51.100.7", more=["Route: <sip:127.0.0.1;lr>, <sip:198.51.100.7;lr>"], body=SDP),
    request("INVITE", to=";tag=forged", body=SDP, more=["Replaces: c1;to-tag=a;from-tag=b"]),
    request("REFER", more=["Refer-To: <sip:+19005550100@198.51.100.7>"]),
    request("REFER", to=";tag=forged", more=["Refer-To: <sip:+19005550100@198.51.100.7>"]),
    request("REGISTER", more=["Expires: 3600"]), request("MESSAGE"), request("SUBSCRIBE", more=["Event: dialog"]),
    request("BYE", to=";tag=forged"), request("UPDATE", to=";tag=forged", body=SDP), request("CANCEL"), request("ACK"),
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=a\r\nTo: <sip:a@b>;tag=b\r\n"
    b"Call-ID: c1\r\nCSeq: 1 INVITE\r\nContact: <sip:198.51.100.7>\r\nContent-Length: 0\r\n\r\n",
    b"INVITE sip:x SIP/2.0\r\n\r\n", b"\x00" * 40,
]  # fmt: skip


async def test_no_stranger_reaches_anybody_through_us_while_a_call_is_under_way() -> None:
    calls = Calls()
    async with serving([UDP], [CALLER], story=calls) as gateway:
        caller, agent = await Datagrams.bound("127.0.0.2"), await Datagrams.bound()
        stranger = await Datagrams.bound("127.0.0.5")
        where = ("127.0.0.1", port(gateway))
        await caller.ask(request("INVITE", body=SDP, contact=f"127.0.0.2:{caller.port}"), where)
        answered = parse(await asyncio.wait_for(caller.got.get(), 2))
        caller.transport.sendto(request("ACK", to=f";tag={answered.to.tag}", branch="ack"), where)
        await until(lambda: calls.controls and next(iter(gateway.agent.legs.values())).state == "confirmed")
        dialling = asyncio.create_task(
            calls.controls[0].dial(f"sip:agent@127.0.0.1:{agent.port}", "127.0.0.1", 40004, 5)
        )
        await asyncio.wait_for(agent.got.get(), 2)
        legs, forged = len(gateway.agent.legs), [*FRAUD, request("BYE", to=f";tag={answered.to.tag}", branch="bye")]
        for number, attempt in enumerate(forged):
            stranger.transport.sendto(attempt.replace(b"z9hG4bK1", b"z9hG4bKf%d" % number), where)
        await asyncio.sleep(0.2)
        said = [stranger.got.get_nowait() for _ in range(stranger.got.qsize())]
        assert all(b" 403 " in one for one in said) and len(said) <= 1
        assert agent.got.empty() or all(b"INVITE sip:agent" in agent.got.get_nowait() for _ in range(agent.got.qsize()))
        assert len(gateway.agent.legs) == legs and len(calls.controls) == 1 and caller.got.empty()
        # The agent's side is somebody whom we called: its answers come in, a call of its own does not.
        agent.transport.sendto(request("INVITE", branch="out", call="out", body=SDP), where)
        await asyncio.sleep(0.1)
        assert len(gateway.agent.legs) == legs and len(calls.controls) == 1
        await calls.controls[0].hang_up("agent")
        await dialling
        for one in (caller, agent, stranger):
            one.transport.close()


async def test_the_other_side_of_a_call_hangs_up_and_nobody_else() -> None:
    calls = Calls()
    async with serving([UDP], [CALLER], story=calls) as gateway:
        caller, other = await Datagrams.bound("127.0.0.2"), await Datagrams.bound("127.0.0.3")
        where = ("127.0.0.1", port(gateway))
        await caller.ask(request("INVITE", body=SDP, contact=f"127.0.0.2:{caller.port}"), where)
        answered = parse(await asyncio.wait_for(caller.got.get(), 2))
        bye = request("BYE", to=f";tag={answered.to.tag}", branch="bye", number=2)
        other.transport.sendto(bye, where)
        await until(lambda: gateway.agent.counters.get("refused: a stranger within a call"))
        assert len(gateway.agent.legs) == 1
        assert b"200 OK" in await caller.ask(bye, where) and not gateway.agent.legs
        caller.transport.close()
        other.transport.close()


# ------------------------------------------------------------------------------------------ passwords


async def invited(peer: Datagrams, gateway: Gateway, more: Sequence[str], branch: str, uri: str = "") -> bytes:
    message = request(
        "INVITE", branch=branch, call=f"call-{branch}", more=more, body=SDP, uri=uri or "sip:+14045550100@127.0.0.1"
    )
    return await peer.ask(message, ("127.0.0.1", port(gateway)))


def authorised(challenge: bytes, password: str = PASSWORD, count: int = 1) -> str:
    read = parse(challenge)
    asked = [value for name, value in read.headers if name == "WWW-Authenticate"]
    (given,) = digest.answers(asked, "INVITE", "sip:+14045550100@127.0.0.1", "pbx", password, "c", count)
    return f"Authorization: {given}"


async def test_a_client_with_a_password_is_asked_and_comes_in() -> None:
    calls = Calls()
    async with serving([UDP], [PBX], story=calls, secrets=secrets) as gateway:
        peer = await Datagrams.bound()
        challenge = await invited(peer, gateway, [], "1")
        assert b" 401 " in challenge and challenge.index(b"algorithm=SHA-256") < challenge.index(b"algorithm=MD5")
        peer.transport.sendto(
            request("ACK", branch="1", to=f";tag={parse(challenge).to.tag}"), ("127.0.0.1", port(gateway))
        )
        proof = authorised(challenge)
        assert b" 100 " in await invited(peer, gateway, [proof], "2")
        await until(lambda: calls.controls)
        assert calls.controls[0].offer.trunk == "pbx"
        answered = await asyncio.wait_for(peer.got.get(), 2)
        again = await invited(peer, gateway, [proof], "2")  # sent again by the network: the same answer
        assert b" 200 " in again and len(calls.controls) == 1
        bye = request("BYE", call="call-2", branch="bye", to=f";tag={parse(answered).to.tag}", number=2)
        assert b" 200 " in await peer.ask(bye, ("127.0.0.1", port(gateway)))
        # What passed once makes nobody else's call pass: the branch of it stands in every message of it.
        forged = request("INVITE", branch="2", call="forged", via="UDP 127.0.0.9:9", more=[proof], body=SDP)
        assert b" 401 " in await peer.ask(forged, ("127.0.0.1", port(gateway)))
        stale = await invited(peer, gateway, [proof], "3")  # the same proof for another call
        assert b" 401 " in stale and b"stale=true" in stale and len(calls.controls) == 1
        peer.transport.close()


async def test_a_wrong_password_is_counted_and_the_client_told_of() -> None:
    calls = Calls()
    async with serving([UDP], [PBX], story=calls, secrets=secrets) as gateway:
        peer = await Datagrams.bound()
        wrong = authorised(await invited(peer, gateway, [], "1"), "another password")
        assert b" 401 " in await invited(peer, gateway, [wrong], "2")
        assert gateway.agent.counters["refused: wrong password"] == 1
        assert "digest" in gateway.sightings.as_json()["pbx"]["sentences"][0]["sentence"]
        for number in range(MANY):
            peer.transport.sendto(
                request("INVITE", branch=f"t{number}", call=f"t{number}", more=[wrong]), ("127.0.0.1", port(gateway))
            )
        await until(lambda: gateway.agent.counters.get("refused: scanner"))
        assert not calls.controls
        peer.transport.close()


@pytest.mark.parametrize("listener", [UDP, TCP])
async def test_a_client_that_begins_with_many_calls_at_once_is_no_scanner(listener: Listener) -> None:
    calls = Calls()
    async with serving([listener], [PBX], story=calls, secrets=secrets) as gateway:
        where, via = ("127.0.0.1", port(gateway)), f"{listener.transport.upper()} 127.0.0.1:9"
        burst = [request("INVITE", branch=f"b{n}", call=f"call-{n}", body=SDP, via=via) for n in range(2 * MANY)]
        if listener is UDP:
            peer = await Datagrams.bound()
            for one in burst:
                peer.transport.sendto(one, where)
            challenge = await asyncio.wait_for(peer.got.get(), 2)
            await until(lambda: gateway.agent.counters.get("refused: scanner"))
            send, close = lambda one: peer.transport.sendto(one, where), peer.transport.close
        else:
            reader, writer = await asyncio.open_connection(*where)
            writer.write(b"".join(burst))
            challenge = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)
            await until(lambda: gateway.agent.counters.get("challenged") == 2 * MANY)
            send, close = writer.write, writer.close
        guess = authorised(challenge, "another password")
        if listener is UDP:  # it answers one challenge once, and no other guess comes in by it
            send(request("INVITE", branch="g", call="call-g", more=[guess], body=SDP, via=via))
            challenge = await asyncio.wait_for(peer.got.get(), 2)
        send(request("INVITE", branch="p", call="call-p", more=[authorised(challenge)], body=SDP, via=via))
        await until(lambda: calls.controls)
        close()


def test_a_scanner_guesses_once_for_each_challenge_that_it_got() -> None:
    gate, now, source = keeper([PBX]), SECOND, Peer("192.0.2.7", 5060)
    challenged = gate.admit(read(request("INVITE", body=SDP)), source, None, now)
    assert isinstance(challenged, Challenged)
    for number in range(2 * MANY):
        gate.admit(read(request("INVITE", branch=f"f{number}")), source, None, now)
    assert gate.barred(source, now)
    (given,) = digest.answers(challenged.values, "INVITE", "sip:+14045550100@127.0.0.1", "pbx", "a guess", "c")
    guess = read(request("INVITE", branch="2", more=[f"Authorization: {given}"], body=SDP))
    assert gate.may_prove(guess, now) and not gate.may_prove(guess, now + 400 * SECOND)
    assert isinstance(gate.admit(guess, source, None, now), Silence) and not gate.may_prove(guess, now)
    for value in (
        "Basic x",
        'Digest username="pbx"',
        str(given).replace('realm="overt"', 'realm="other"'),
        str(given).replace("salt", "sal"),
    ):
        assert not gate.may_prove(read(request("INVITE", more=[f"Authorization: {value}"])), now)
    assert not gate.may_prove(read(FRAUD[12]), now)


def keeper(clients: Sequence[Client]) -> Gatekeeper:
    return Gatekeeper(lambda: clients, secrets, "overt", b"k" * 32, lambda: "salt", lambda _: None, lambda _: False)


def read(message: bytes) -> Request | Response:
    return parse(message)


def test_all_that_is_set_of_a_client_must_fit() -> None:
    both = Client("both", addresses=("192.0.2.0/24",), username="pbx")
    gate = keeper([both, Client("six", addresses=("2001:db8::/48",))])
    invite = read(request("INVITE", body=SDP))
    assert isinstance(gate.admit(invite, Peer("192.0.2.7", 5060), None, 1), Challenged)
    assert isinstance(gate.admit(invite, Peer("192.0.3.7", 5060), None, 1), Forbidden)
    assert gate.admit(invite, Peer("2001:db8::9", 5060), None, 1) == Admitted(gate._by_address.at("2001:db8::9"))
    assert gate.welcome("2001:db8::1") and not gate.welcome("2001:db9::1")


def test_clients_may_come_and_go() -> None:
    clients: list[Client] = []
    gate = Gatekeeper(lambda: tuple(clients), secrets, "overt", b"k" * 32, lambda: "s", lambda _: None, lambda _: False)
    assert gate.known(Peer("192.0.2.7", 5060), None) is None
    clients.append(Client("new", addresses=("192.0.2.7",)))
    assert gate.known(Peer("192.0.2.7", 9), None) == clients[0]
    clients.clear()
    assert gate.known(Peer("192.0.2.7", 9), None) is None


def test_a_client_that_proved_itself_is_not_shut_out_by_forged_datagrams() -> None:
    gate, now = keeper([PBX]), SECOND
    source = Peer("192.0.2.7", 5060)
    invite = read(request("INVITE", body=SDP))
    challenged = gate.admit(invite, source, None, now)
    assert isinstance(challenged, Challenged)
    (given,) = digest.answers(challenged.values, "INVITE", invite.uri, "pbx", PASSWORD, "c")  # type: ignore[union-attr]
    proof = read(request("INVITE", branch="2", more=[f"Authorization: {given}"], body=SDP))
    assert gate.admit(proof, source, None, now) == Admitted(PBX)
    for number in range(3 * MANY):
        assert isinstance(gate.admit(read(request("INVITE", branch=f"f{number}")), source, None, now), Challenged)
    assert not gate.barred(source, now) and gate.client_of(source, None, now) == PBX
    assert gate.client_of(source, None, now + REMEMBERED + SECOND) is None
    assert gate.admit(read(request("OPTIONS")), source, None, now) == Admitted(PBX)
    assert gate.client_of(Peer("192.0.2.7", 5061), None, now) is None


def test_forged_datagrams_shut_nobody_out_who_comes_by_a_connection() -> None:
    gate, now = keeper([PBX]), SECOND
    for number in range(2 * MANY):
        gate.admit(
            read(request("INVITE", branch=f"f{number}", more=["User-Agent: sipvicious"])),
            Peer("192.0.2.7", 5),
            None,
            now,
        )
    assert gate.barred(Peer("192.0.2.7", 5060), now)
    stream = Peer("192.0.2.7", 40_000, "TLS", 9)
    assert not gate.barred(stream, now)
    assert isinstance(gate.admit(read(request("INVITE", via="TLS 192.0.2.7:9")), stream, None, now), Challenged)


def test_responses_come_in_from_those_whom_we_called_alone() -> None:
    gate, answer = keeper([]), read(FRAUD[12])
    assert isinstance(gate.admit(answer, Peer("192.0.2.7", 5060), None, 1), Silence)
    gate.calling("192.0.2.7")
    assert gate.admit(answer, Peer("192.0.2.7", 5060), None, 1) == Admitted(None)
    for number in range(20_000):
        gate.calling(f"host-{number}")
    assert isinstance(gate.admit(answer, Peer("192.0.2.7", 5060), None, 1), Silence) and len(gate._called) <= 10_000


@pytest.mark.parametrize(("password", "in_"), [(PASSWORD, True), ("another password", False)])
async def test_our_own_phone_proves_itself(password: str, in_: bool) -> None:
    story = Calls()
    async with serving([UDP], [PBX], story=story, secrets=secrets) as gateway:
        phone = Telephone("127.0.0.1", username="pbx", password=password)
        await phone.start()
        call = await phone.call(f"sip:sales@127.0.0.1:{port(gateway)}", number="+12145550100")
        with nullcontext() if in_ else pytest.raises(CallFailed, match="401 Unauthorized"):
            await asyncio.wait_for(call.answered, 3)
        assert len(story.controls) == in_
        phone.close()


# ------------------------------------------------------------------------------------------- scanners


@pytest.mark.parametrize("tool", ["friendly-scanner", "sipvicious", "sundayddr", "Friendly-Scanner v1", "pplsip"])
def test_known_tools_and_probes_get_nothing(tool: str) -> None:
    scanners = Scanners()
    assert scanners.judge("192.0.2.7", "REGISTER", tool, 1) == "slow" and scanners.held("192.0.2.7", 2)
    assert not scanners.held("192.0.2.7", REMEMBERED + 2) and not scanners.held("192.0.2.8", 2)
    assert scanners.judge("192.0.2.9", "OPTIONS", "Some PBX", 1) == "silence"


def test_many_tries_make_a_scanner_and_few_over_time_do_not() -> None:
    scanners = Scanners()
    treatments = [scanners.judge("192.0.2.7", "INVITE", "", at) for at in range(MANY)]
    assert treatments[0] == "refuse" and set(treatments[1:-1]) == {"silence"} and treatments[-1] == "slow"
    slowly = [scanners.judge("192.0.2.8", "INVITE", "", at * WINDOW // 2) for at in range(MANY * 2)]
    assert "slow" not in slowly
    assert scanners.judge("192.0.2.8", "INVITE", "", 10 * REMEMBERED) == "refuse"


def test_memory_and_answers_to_strangers_are_bounded() -> None:
    scanners = Scanners()
    said = [scanners.judge(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", "INVITE", "", 1) for n in range(MOST_HOSTS + 500)]
    assert len(scanners) == MOST_HOSTS and said.count("refuse") == MOST_REFUSALS
    assert scanners.judge("198.51.100.1", "INVITE", "", 2 * SECOND) == "refuse"


def test_an_ipv6_network_is_one_source() -> None:
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:2") != source_of("2001:db8:0:1::1")
    assert source_of("::ffff:192.0.2.7") == source_of("192.0.2.7") and source_of("fe80::1%lo") == source_of("fe80::2")
    assert source_of("no:address") == "no:address"


async def test_a_scanner_over_tcp_is_held_up_within_bounds() -> None:
    bounds = Bounds(tarpits=2, tarpit_s=0.6, message_s=0.4, of_one_stranger=50)
    async with serving([TCP], [CALLER], bounds=bounds) as gateway:
        made = []
        for number in range(4):
            reader, writer = await asyncio.open_connection("127.0.0.1", port(gateway))
            writer.write(request(via="TCP 127.0.0.1:9", branch=str(number), more=["User-Agent: friendly-scanner"]))
            made.append((reader, writer))
            await until(
                lambda: sum(v for k, v in gateway.agent.counters.items() if k.startswith("scanners:")) > len(made) - 1
            )
        assert gateway.agent.counters["scanners: connections held"] == 2 == gateway.transports.connections.size
        for reader, writer in made:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 3)
            writer.close()
        assert gateway.transports.connections.size == 0


async def test_one_call_more_than_may_be_gets_503_and_options_say_the_load() -> None:
    async with serving([UDP], [HERE], calls=1) as gateway:
        peer = await Datagrams.bound()
        assert b" 100 " in await invited(peer, gateway, [], "1")
        await asyncio.wait_for(peer.got.get(), 2)
        refused = parse(await invited(peer, gateway, [], "2"))
        while isinstance(refused, Response) and refused.status in (100, 200):
            refused = parse(await asyncio.wait_for(peer.got.get(), 2))
        assert isinstance(refused, Response) and refused.status == 503 and refused.get("Retry-After")
        health = await peer.ask(request(branch="o"), ("127.0.0.1", port(gateway)))
        while b"OPTIONS" not in health:
            health = await asyncio.wait_for(peer.got.get(), 2)
        assert b"calls=1;most=1" in health
        peer.transport.close()
