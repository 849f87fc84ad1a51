"""A running Overt under torture: every RFC 4475 message gets its verdict on the wire, and whatever is done leaks nothing.

`make torture` does the same with OVERT_TORTURE=10000 half-open dialogs.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from pathlib import Path

import pytest

from conftest import needs_program
from journeys.overt_house import ADDRESS, OvertHouse
from journeys.peers import PYTHON, Program, needs
from journeys.sipp_lossy import ours
from journeys.torture import STRANGER, Standing, Torturer, connected, flooded, mutilated, settled
from overt.wire.sip.message import Response, parse
from overt.wire.sip.stream import StreamReader

pytestmark = pytest.mark.journey
CORPUS = Path(__file__).parents[1] / "corpus" / "rfc4475"
PEER = "127.0.0.77"
FULL = int(os.environ.get("OVERT_TORTURE", "0"))
TRUNKS = f'[[trunk]]\nname = "torturer"\naddresses = ["{PEER}"]\n'
# What is answered over UDP. Nothing is: to responses, and to requests whose answer would have to copy what cannot be read.
VERDICTS: dict[int, str] = {
    0: "badinv01 badvers bcast bigcode insuf noreason quotbal scalar02 scalarlg unreason",
    200: "badaspec badbranch baddn lwsdisp semiuri transports zeromf",
    400: "clerr escruri inv2543 ltgtruri lwsruri lwsstart mcl01 mismatch01 mismatch02 multi01 ncl regbadct trws",
    404: "baddate esc01 longreq sdp01",  # INVITEs for numbers that this house has no line for
    405: "cparam01 cparam02 dblreq esc02 escnull intmeth mpart01 regaut01 regescrt unksm2",
    415: "invut",
    416: "novelsc unkscm",
    420: "bext01",
    481: "wsinv",
}
# Over a stream, what states no length (or two, or a malformed one) ends the connection: nobody knows where the next begins.
CLOSED = frozenset({"inv2543", "mcl01", "ncl"})
UNFINISHED = frozenset({"clerr"})  # waits for the rest of its body
SECOND_ANSWER = {"dblreq": 404}  # two requests in one stream


@pytest.fixture
def house(tmp_path: Path) -> OvertHouse:
    return OvertHouse(tmp_path, trunks=TRUNKS)


def final_of(answer: bytes, call_id: bytes) -> int:
    """The final status of an answer to this call, 0 for anything else."""
    message = parse(answer)
    return (
        message.status
        if isinstance(message, Response) and message.call_id.encode() == call_id and message.status >= 200
        else 0
    )


def call_id(message: bytes) -> bytes:
    """The Call-ID that a message states, as it stands there."""
    found = re.search(rb"(?im)^(?:call-id|i)\s*:\s*(\S+)", message)
    return found[1] if found else b""


async def by_udp(house: OvertHouse, message: bytes, seconds: float) -> int:
    """Send a message from the port that its Via names; the final status that comes back."""
    loop, ports = asyncio.get_running_loop(), {5060, 5070}
    sockets = []
    for port in sorted(ports):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setblocking(False)
        one.bind((PEER, port))
        sockets.append(one)
    sockets[0].sendto(message, (ADDRESS, house.ports.sip))

    async def answered(one: socket.socket) -> int:
        while True:
            status = final_of(await loop.sock_recv(one, 65_535), call_id(message))
            if status:
                return status

    waiting = [asyncio.ensure_future(answered(one)) for one in sockets]
    done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for one in sockets:
        one.close()
    return done.pop().result() if done else 0


async def by_tcp(house: OvertHouse, message: bytes, wanted: int, seconds: float) -> tuple[list[int], bool]:
    """Send a message over a connection: final statuses that come back, and whether the house closed it."""
    reader, writer = await asyncio.open_connection(ADDRESS, house.ports.sip, local_addr=(PEER, 0))
    writer.write(message)
    stream, statuses = StreamReader(opened=True), []
    try:
        async with asyncio.timeout(seconds):
            while len(statuses) < wanted or not wanted:
                received = await reader.read(65_535)
                if not received:
                    return statuses, True
                statuses += [one for answer in stream.feed(received) if (one := parse(answer).status) >= 200]  # type: ignore[union-attr]
    except TimeoutError:
        pass
    except ConnectionError:
        return statuses, True
    finally:
        writer.close()
    return statuses, False


async def test_every_torture_message_gets_its_verdict_on_the_wire(house: OvertHouse) -> None:
    table = {name: status for status, names in VERDICTS.items() for name in names.split()}
    assert table.keys() == {path.stem for path in CORPUS.glob("*.dat")}
    async with house:
        silent = [name for name, status in table.items() if not status]
        over_udp = {
            name: await by_udp(house, (CORPUS / f"{name}.dat").read_bytes(), 3) for name in table if name not in silent
        }
        over_udp |= {name: await by_udp(house, (CORPUS / f"{name}.dat").read_bytes(), 0.1) for name in silent}
        assert over_udp == table
        # The same over TCP, as other transactions: a branch names one whatever it came by.
        for name, status in table.items():
            message = (CORPUS / f"{name}.dat").read_bytes().replace(b"z9hG4bK", b"z9hG4bKt")
            message = re.sub(rb"(?im)^((?:call-id|i)\s*:\s*)", rb"\1t", message)
            wanted = [status, SECOND_ANSWER[name]] if name in SECOND_ANSWER else [status] if status else []
            if name in CLOSED:
                assert await by_tcp(house, message, 0, 3) == ([], True), name
            elif name in UNFINISHED:
                assert await by_tcp(house, message, 0, 0.2) == ([], False), name
            else:
                statuses, _ = await by_tcp(house, message, len(wanted), 3 if wanted else 0.1)
                assert sorted(statuses) == sorted(wanted), name
        (record,) = await ended_one(house)
        assert record.stages


async def ended_one(house: OvertHouse) -> list[object]:
    """After all that a call is taken as ever."""
    call = await house.recorded_call()
    call.hang_up()
    records = await house.ended()
    return [one for one in records if "permitted, recording" in one.stages]


async def test_half_open_dialogs_and_floods_leak_nothing(house: OvertHouse) -> None:
    """Two waves: what the second leaves more than the first would be a leak."""
    count = FULL or 60
    ways = ("cancelled", "gone", "repeated", "late", "odd", *(["silent"] if FULL else []))
    torture = [path.read_bytes() for path in sorted(CORPUS.glob("*.dat"))]
    patience = 150.0 if FULL else 75.0  # a CANCEL that comes too late leaves a call that is given up in 64 s
    async with house, Torturer(house, PEER) as peer, Torturer(house, STRANGER, 2) as stranger:
        before = await settled(house, 10)
        after: list[Standing] = []
        for wave in range(2):
            await peer.half_open(count // 2, 0.02 if FULL else 0.01, ways)
            await flooded(peer, [one for one in mutilated(torture, count * 10, wave) if b"INVITE" not in one])
            await flooded(stranger, mutilated(torture, count * 10, wave + 10))
            await connected(house, PEER, mutilated(torture, 30, wave + 20))
            await connected(house, STRANGER, mutilated(torture, 30, wave + 30))
            after.append(await settled(house, patience, forgotten=bool(FULL)))
        first, second = after
        assert peer.statuses().get(200, 0) + peer.statuses().get(487, 0) > 0 and 420 in peer.statuses()
        assert not [one for answers in stranger.answers.values() for one in answers if one.status != 403]
        # Connections of strangers are held for half a minute, eight of them at the most.
        assert second.files <= (first.files + 6 if FULL else before.files + 24), (before, *after)
        assert second.megabytes <= first.megabytes + max(12.0, count / 100), (first, second)
        (record,) = await ended_one(house)
        assert record is not None


async def test_a_tenth_of_all_messages_may_be_lost(tmp_path: Path) -> None:
    """sipp loses them; `make lossy` does five hundred calls. A call or two of so few is what chance does to anybody."""
    needs_program("sipp")
    assert await ours(tmp_path, 40) <= 2


TOOLS: dict[str, list[str]] = {
    "svmap": ["-m", "INVITE"], "svwar": ["-e", "100-130", "--force"], "svcrack": ["-u", "100", "-r", "1000-1030"], "svcrash": [],
}  # fmt: skip


async def test_sipvicious_finds_nothing(house: OvertHouse, tmp_path: Path) -> None:
    """Its tools, all at once, get silence or a refusal, and leave a house that takes calls."""
    needs(PYTHON)
    async with house:
        before, scans = await settled(house, 10), {}
        for tool, words in TOOLS.items():
            port = str(house.ports.sip)
            target = ["-d", ADDRESS, "-p", port] if tool == "svcrash" else ["-b", STRANGER, "-p", port, ADDRESS]
            scans[tool] = Program([PYTHON.with_name(f"sipvicious_{tool}"), *words, *target], tmp_path / f"{tool}.log")
        await asyncio.sleep(4)
        for scan in scans.values():
            scan.stop()
        for tool, scan in scans.items():
            assert not [one for one in ("Overt", "password is", "reqauth", "noauth") if one in scan.said], (
                tool,
                scan.said,
            )
        after = await settled(house, 20)
        # svmap comes from the address of a stranger; the others bind where they like, and are refused as a client.
        assert after.files <= before.files + 2 and after.transactions <= 8, (before, after)
        assert await ended_one(house)
