"""Playing over HTTP: any range is a slice, nothing leaves before its entry stands, and what was sent is what is entered."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import io
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overt.adapters.memory import MemoryClock, MemoryLedger
from overt.adapters.memory_accounts import MemoryAccounts, QuickPasswords
from overt.adapters.memory_catalogue import MemoryCatalogue
from overt.adapters.playback_opus import OpusEncoding
from overt.adapters.sign_in_proofs import TimedCodes
from overt.compose.web_app import make_app
from overt.faces.http.playing import MOST_PLAYINGS, end_all, sweep
from overt.faces.http.problems import RangeWrong
from overt.faces.http.rooms import Front, Pace, SystemShown, WebRooms
from overt.faces.http.sounding import asked_range
from overt.ports import NotDurable, Receipt, Unavailable
from overt.services.accounts import AccountRooms, add_account, close_account, set_password
from overt.services.encoding import wav_header
from overt.services.listening import IDLE_US, Held, ListeningRooms, NotOpened, Opening, Outline, Span
from overt.services.searching import CallRow
from overt.services.signing_in import SignInRooms, sign_in, sign_out

ORIGIN = "http://console.test"
CALL, RECORDING = "0193568a-0000-7000-8000-0000000000c1", "0193568a-0000-7000-8000-0000000000a1"
OURS, OTHERS = "0193568a-0000-7000-8000-0000000000c2", "0193568a-0000-7000-8000-0000000000a2"
AGENT = "sip:ann@pbx"
SAMPLES = 200_001  # 25 s and a little: seven windows
PURPOSE = {"purpose": "quality", "document": ""}
AT = np.arange(SAMPLES) / 8000
SOUND = np.stack([np.sin(2 * np.pi * 500 * AT), np.sin(2 * np.pi * 1100 * AT)], 1) * 9000
SOUND_BYTES = SOUND.astype("<i2").tobytes()
FILE = wav_header(SAMPLES) + SOUND_BYTES
SPANS = (
    Span("prompt", "caller", 0, 2000, "The announcement, to the caller"),
    Span("gap", "", 9, 99, "Missing: a meteor"),
)


class MemoryOpener:
    """Implements listening.Opener and listening.Opening: one recording in memory. `slow` holds windows back."""

    def __init__(self) -> None:
        self.outline = Outline(
            SAMPLES, 0, SAMPLES, 52, 12_500, {"caller": b"\x00\x80\xff", "agent": b"\x01\x02\x03"}, SPANS
        )
        self.opened: list[tuple[int, int]] = []
        self.begun: list[list[int]] = []
        self.ended = 0
        self.refuses = ""
        self.breaks_from = SAMPLES
        self.slow: asyncio.Event | None = None
        self.slow_from = 0

    async def begin(self, _t: str, _r: str, grant: Receipt, backing: Sequence[Receipt], *, peaks: bool) -> Opening:
        """See listening.Opener."""
        if self.refuses:
            raise NotOpened(self.refuses)
        self.begun.append([one.index for one in backing])
        return self if peaks else _Flat(self)

    async def window(self, first: int, samples: int) -> bytes:
        """See listening.Opening."""
        if self.slow is not None and first >= self.slow_from:
            await self.slow.wait()
        if first >= self.breaks_from:
            raise NotOpened("it was altered")
        self.opened.append((first, samples))
        return SOUND_BYTES[4 * first : 4 * (first + samples)]

    async def end(self) -> None:
        """See listening.Opening."""
        self.ended += 1


class _Flat:
    """An opening without peaks."""

    def __init__(self, opener: MemoryOpener) -> None:
        self.window, self.end = opener.window, opener.end
        self.outline = dataclasses.replace(opener.outline, peaks={})


class ProvenLedger(MemoryLedger):
    """Implements listening.ProvingLedger."""

    async def prove(self, index: int) -> Receipt:
        """See listening.ProvingLedger."""
        return Receipt(index, self.lines[index], self.tree.size, self.tree.inclusion(index), "")


class TwoHoldings:
    """Implements listening.Holdings with two ended recordings, and one under way."""

    def find(self, tenant: str, recording: str) -> Held | None:
        """See listening.Holdings."""
        calls = {RECORDING: CALL, OTHERS: OURS, "under-way": CALL}
        if recording not in calls:
            return None
        ended = None if recording == "under-way" else 1
        return Held(tenant, recording, calls[recording], "quality and training", 0, 1, ended, "closed", 5000, 3)

    def all(self, tenant: str) -> Sequence[Held]:
        """See listening.Holdings."""
        return []


@dataclasses.dataclass
class House:
    """The web's rooms in memory with an opener of one recording."""

    rooms: WebRooms
    app: Any
    opener: MemoryOpener
    ledger: ProvenLedger
    clock: MemoryClock
    accounts: AccountRooms

    async def token(self, name: str) -> tuple[str, str]:
        """Sign in; return token and csrf."""
        token, signed = await sign_in(self.rooms.signing, name, f"a good secret of {name[::-1]}", "192.0.2.1", "test")
        return token, signed.session.csrf

    async def come(self, name: str = "compliance", at: str = ORIGIN) -> httpx.AsyncClient:
        """A browser that is signed in; over real sockets when `at` is an address."""
        transport = httpx.ASGITransport(self.app) if at == ORIGIN else None
        client = httpx.AsyncClient(transport=transport, base_url=at)
        token, csrf = await self.token(name)
        client.headers.update({"authorization": f"Bearer {token}"} if transport is None else {"x-overt-csrf": csrf})
        if transport is not None:
            client.cookies.set("overt_session", token)
        return client

    def entered(self, kind: str) -> list[Any]:
        """The bodies of the entries of a kind."""
        return [dict(fact.body) for fact in self.ledger.facts if fact.kind == kind]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    yield await made()


async def made() -> House:
    ledger, clock, accounts, catalogue = ProvenLedger(), MemoryClock(), MemoryAccounts(), MemoryCatalogue()
    account_rooms = AccountRooms("main", ledger, clock, accounts, QuickPasswords())
    for name, role in (
        ("compliance", "compliance"),
        ("other", "compliance"),
        ("supervisor", "supervisor"),
        ("agent", "agent"),
    ):
        secret = f"a good secret of {name[::-1]}"
        await add_account(account_rooms, name, role, secret, agent=AGENT if role == "agent" else "", by="test")
        set_password(account_rooms, name, secret, own=True)
    for call, agent in ((CALL, "sip:ben@pbx"), (OURS, AGENT)):
        catalogue.put("main", CallRow(call, clock.now, "recorded", "sales", agent))
    signing = SignInRooms(account_rooms, accounts, TimedCodes(), _tokens(), demanded=False)
    opener = MemoryOpener()
    listening = ListeningRooms("main", ledger, clock, TwoHoldings(), opener, OpusEncoding)

    async def system() -> SystemShown:
        return SystemShown("0", [], [], [], [], 0)

    rooms = WebRooms(
        Front(ORIGIN, False, "main", "0"), signing, catalogue, None, listening, system, {}, "", lambda *_: "", None, None, None, None  # type: ignore[arg-type]
    )  # fmt: skip
    return House(rooms, make_app(rooms, {}), opener, ledger, clock, account_rooms)


def _tokens() -> Callable[[], str]:
    numbers = iter(range(10**6))
    return lambda: hashlib.sha256(str(next(numbers)).encode()).hexdigest()


async def begun(client: httpx.AsyncClient, **other: str) -> Any:
    answer = await client.post(f"/api/recordings/{RECORDING}/playings", json=PURPOSE | other)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def status(answer: Any) -> tuple[int, str]:
    got = await answer
    kind = got.json()["type"].rpartition(":")[2] if got.headers["content-type"] == "application/problem+json" else ""
    return got.status_code, kind


# ------------------------------------------------------------------------------------------- beginning


async def test_a_playing_says_all_that_a_player_needs(house: House) -> None:
    async with await house.come() as client:
        told = await begun(client)
    number = told["playing"]
    assert told == {
        "playing": number, "entry": number, "recording": RECORDING, "length_ms": 25_000, "intact": True, "chunks": 52,
        "peaks": {"caller": [0, 128, 255], "agent": [1, 2, 3]}, "bucket_us": 12_500,
        "spans": [
            {"kind": "prompt", "side": "caller", "from_ms": 0, "to_ms": 2000, "words": "The announcement, to the caller"},
            {"kind": "gap", "side": "", "from_ms": 9, "to_ms": 99, "words": "Missing: a meteor"},
        ],
        "sound": f"/api/playings/{number}/sound.wav", "opus": f"/api/playings/{number}/sound.opus",
    }  # fmt: skip
    (granted,) = house.entered("listening.granted")
    assert house.ledger.facts[number].kind == "listening.granted" and granted["actor"] == "compliance"
    account = house.accounts.register.find("main", "compliance")
    assert account is not None and house.opener.begun == [[0, 1, account.ledger_index]]
    assert house.opener.opened == []


async def test_nothing_opens_before_the_entry_is_durable(house: House) -> None:
    async with await house.come() as client:
        house.ledger.slow = asyncio.Event()
        asking = asyncio.create_task(client.post(f"/api/recordings/{RECORDING}/playings", json=PURPOSE))
        await asyncio.sleep(0.05)
        assert not house.opener.begun and not asking.done()
        house.ledger.down = True
        house.ledger.slow.set()
        assert await status(_value(await asking)) == (503, "not-durable")
        exported = client.post(f"/api/recordings/{RECORDING}/exports", json=PURPOSE)
        assert await status(exported) == (503, "not-durable")
    assert not house.opener.begun and not house.opener.opened and not house.rooms.playings


async def _value(answer: httpx.Response) -> httpx.Response:
    return answer


async def test_refusals_are_problems_and_are_entered(house: House) -> None:
    playings, exports = f"/api/recordings/{RECORDING}/playings", f"/api/recordings/{RECORDING}/exports"
    async with await house.come("supervisor") as client:
        assert await status(client.post(playings, json={"purpose": "curiosity"})) == (403, "forbidden")
        assert await status(client.post(playings, json={"purpose": "order"})) == (403, "forbidden")
        assert await status(client.post(exports, json=PURPOSE)) == (403, "forbidden")
        assert await status(client.post(playings, json={"document": "x"})) == (400, "http-400")
        for never in ("+14155550102", "q" * 60_000):  # it would stand in the ledger for good
            assert await status(client.post(playings, json={"purpose": never})) == (400, "bad-request")
        assert await status(client.post(playings, json=PURPOSE | {"document": "x" * 201})) == (400, "bad-request")
        assert await status(client.post("/api/recordings/none/playings", json=PURPOSE)) == (404, "not-found")
        assert await status(client.post("/api/recordings/under-way/playings", json=PURPOSE)) == (409, "not-opened")
        house.opener.refuses = "it was altered"
        assert await status(client.post(playings, json=PURPOSE)) == (409, "not-opened")
    async with await house.come("agent") as client:
        assert await status(client.post(playings, json=PURPOSE)) == (404, "not-found")
        assert await status(client.post(f"/api/recordings/{OTHERS}/playings", json=PURPOSE)) == (403, "forbidden")
    refused = [(one["actor"], one["action"], one["reason"][:24]) for one in house.entered("listening.refused")]
    assert refused == [
        ("supervisor", "play", "unknown purpose curiosit"), ("supervisor", "play", "the purpose order needs "),
        ("supervisor", "export", "the role supervisor may "), ("agent", "play", "the role agent may not p"),
    ]  # fmt: skip
    assert [one["how"] for one in house.entered("listening.ended")] == ["failed: it was altered"]
    assert not house.rooms.playings


async def test_a_playing_belongs_to_its_session(house: House) -> None:
    async with await house.come() as client, await house.come() as again, await house.come("other") as other:
        sound = (await begun(client))["sound"]
        for stranger in (again, other):
            assert await status(stranger.get(sound)) == (410, "playing-over")
            assert await status(stranger.get(sound.replace("wav", "opus"))) == (410, "playing-over")
            assert await status(stranger.delete(sound.removesuffix("/sound.wav"))) == (410, "playing-over")
        assert (await client.get(sound)).content == FILE


async def test_a_cookie_without_the_pages_csrf_begins_and_ends_nothing(house: House) -> None:
    async with await house.come() as client:
        number = (await begun(client))["playing"]
        del client.headers["x-overt-csrf"]
        assert (await client.post(f"/api/recordings/{RECORDING}/playings", json=PURPOSE)).status_code == 403
        assert (await client.delete(f"/api/playings/{number}")).status_code == 403
    assert len(house.rooms.playings) == 1


async def test_a_fifth_listening_ends_the_oldest(house: House) -> None:
    async with await house.come() as client:
        told = [await begun(client) for _ in range(MOST_PLAYINGS + 1)]
        assert await status(client.get(told[0]["sound"])) == (410, "playing-over")
        assert (await client.get(told[1]["sound"])).status_code == 200
    assert [one["how"] for one in house.entered("listening.ended")] == ["a newer listening began"]


# ---------------------------------------------------------------------------------------------- ranges


async def test_the_whole_file_comes_without_a_range(house: House) -> None:
    async with await house.come() as client:
        sound = (await begun(client))["sound"]
        answer = await client.get(sound)
    assert (answer.status_code, answer.content == FILE) == (200, True)
    assert answer.headers["content-length"] == str(len(FILE)) and answer.headers["accept-ranges"] == "bytes"
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("audio/wav", "no-store")
    assert "content-encoding" not in answer.headers and "content-range" not in answer.headers


SIZE = len(FILE)
_EDGES = st.sampled_from([0, 1, 43, 44, 45, 46, 47, 48, 127_999, 128_044, SIZE - 2, SIZE - 1, SIZE, SIZE + 9])
_BYTES = st.one_of(_EDGES, st.integers(0, SIZE + 100))


@given(ranges=st.lists(st.tuples(st.sampled_from(["a-b", "a-", "-b"]), _BYTES, _BYTES), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_range_is_a_slice_and_counts_exactly(ranges: list[tuple[str, int, int]]) -> None:
    asyncio.run(_ranges(ranges))


async def _ranges(ranges: list[tuple[str, int, int]]) -> None:
    house = await made()
    heard: set[int] = set()
    async with await house.come() as client:
        told = await begun(client)
        for form, a, b in ranges:
            answer = await client.get(
                told["sound"], headers={"range": "bytes=" + form.replace("a", str(a)).replace("b", str(b))}
            )
            begin, end = {"a-b": (a, min(b + 1, SIZE)), "a-": (a, SIZE), "-b": (max(SIZE - b, 0), SIZE)}[form]
            if form == "a-b" and b < a:
                begin, end = 0, SIZE  # no range at all: it does not count
                assert (answer.status_code, answer.content == FILE) == (200, True)
            elif begin >= end:
                assert answer.status_code == 416 and answer.headers["content-range"] == f"bytes */{SIZE}"
                continue
            else:
                assert answer.status_code == 206 and answer.content == FILE[begin:end]
                assert answer.headers["content-range"] == f"bytes {begin}-{end - 1}/{SIZE}"
                assert answer.headers["content-length"] == str(end - begin)
            heard |= set(range(max(begin - 44, 0) // 4, -(-(end - 44) // 4))) if end > 44 else set()
        ended = (await client.delete(f"/api/playings/{told['playing']}")).json()
    assert ended["milliseconds"] == -(-len(heard) // 8)
    assert {at for begin, end in ended["ranges"] for at in range(begin, end)} == {at // 8 for at in heard}
    entered = house.entered("listening.ended")[0]
    assert (entered["milliseconds"], entered["ranges"]) == (ended["milliseconds"], ended["ranges"])


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, None),
        ({"range": "bytes=0-0"}, (0, 1)),
        ({"range": "Bytes = 5 - 9 "}, (5, 10)),
        ({"range": "bytes=90-"}, (90, 100)),
        ({"range": "bytes=-200"}, (0, 100)),
        ({"range": "bytes=5-2"}, None),
        ({"range": "bytes=-"}, None),
        ({"range": "bytes=a-b"}, None),
        ({"range": "bytes=٣-٤"}, None),
        ({"range": "bytes=" + "9" * 40 + "-"}, None),
        ({"range": "samples=0-1"}, None),
        ({"range": "bytes=0-1", "if-range": '"7"'}, (0, 2)),
        ({"range": "bytes=0-1", "if-range": '"8"'}, None),
        ({"range": "bytes=0-1", "if-range": "Sat, 29 Oct 1994 19:43:31 GMT"}, None),
    ],
)
def test_what_counts_as_a_range(headers: dict[str, str], wanted: tuple[int, int] | None) -> None:
    assert asked_range(headers, 100, '"7"') == wanted


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=0-1,5-6", "bytes=0-1, -1"])
def test_what_is_outside_or_several(asked: str) -> None:
    with pytest.raises(RangeWrong):
        asked_range({"range": asked}, 100, '"7"')


async def test_a_window_opens_only_as_it_is_taken_and_a_header_is_no_sound(house: House) -> None:
    async with await house.come() as client:
        told = await begun(client)
        await client.get(told["sound"], headers={"range": "bytes=0-43"})
        assert house.opener.opened == []
        await client.get(told["sound"], headers={"range": f"bytes={44 + 4 * 100_000}-{44 + 4 * 100_000 + 99}"})
        assert house.opener.opened == [(100_000, 25)]
        ended = (await client.delete(f"/api/playings/{told['playing']}")).json()
    assert ended == {"milliseconds": 4, "ranges": [[12_500, 12_504]]}


# ---------------------------------------------------------------------------------- going away, ending


@asynccontextmanager
async def served(house: House) -> AsyncIterator[str]:
    """The application over a real socket."""
    server = uvicorn.Server(uvicorn.Config(house.app, log_config=None, lifespan="off"))
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        running = asyncio.create_task(server.serve(sockets=[door]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        await running


async def test_whoever_goes_away_in_the_middle_is_counted_what_was_taken(house: House) -> None:
    async with served(house) as at, await house.come(at=at) as client:
        told = await begun(client)
        async with client.stream("GET", told["sound"]) as answer:
            taken = b""
            async for piece in answer.aiter_raw(4096):
                taken += piece
                if len(taken) >= 200_000:
                    break
        await asyncio.sleep(0.3)
        (playing,) = house.rooms.playings.values()
        assert not playing.under_way
        at_least, at_most = len(taken) // 4 - 11, SAMPLES
        assert at_least <= playing.sent.samples <= at_most
        assert len(house.opener.opened) * 32_000 >= playing.sent.samples
        ended = (await client.delete(f"/api/playings/{told['playing']}")).json()
        assert ended["ranges"][0][0] == 0 and ended["milliseconds"] == -(-playing.sent.samples // 8)
    assert house.entered("listening.ended")[0]["milliseconds"] == ended["milliseconds"]


async def test_a_player_is_given_sound_no_further_ahead_than_its_pace(house: House) -> None:
    house.rooms.pace = Pace(ahead_s=1, times=20)
    async with served(house) as at, await house.come(at=at) as client:
        told = await begun(client)
        begin = time.perf_counter()
        part = await client.get(told["sound"], headers={"range": f"bytes=0-{44 + 6 * 32_000 - 1}"})
        took = time.perf_counter() - begin
        assert part.status_code == 206 and len(part.content) == 44 + 6 * 32_000
        assert took >= 4 / 20  # five of six seconds came after the first; the last piece waited for four of them
        begin = time.perf_counter()
        assert len((await client.get(told["sound"], headers={"range": "bytes=0-31999"})).content) == 32_000
        house.rooms.pace = Pace(ahead_s=1, times=0.01)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await client.get(told["sound"], headers={"range": f"bytes=0-{6 * 32_000}"})
        await asyncio.sleep(0.3)
        ended = (await client.delete(f"/api/playings/{told['playing']}")).json()
        assert ended["ranges"][0][1] <= 6_000 + 1


async def test_a_client_that_reads_nothing_has_nothing_opened_for_it(house: House) -> None:
    house.opener.outline = dataclasses.replace(house.opener.outline, samples=SAMPLES)
    async with served(house) as at, await house.come(at=at) as client:
        told = await begun(client)
        host, port = at.removeprefix("http://").split(":")
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect((host, int(port)))
            head = f"GET {told['sound']} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {client.headers['authorization']}\r\n\r\n"
            slow.sendall(head.encode())
            await asyncio.sleep(0.5)
            (playing,) = house.rooms.playings.values()
            assert len(house.opener.opened) <= 2 and playing.sent.samples < 64_000
            assert playing.under_way  # it waits for its reader
            ended = await client.delete(f"/api/playings/{told['playing']}")  # what is on its way counts
            assert ended.json()["milliseconds"] > playing.sent.samples // 8 - 1
        assert len(house.opener.opened) <= 2


async def test_an_opener_that_is_gone_is_answered_as_such_before_any_byte(house: House) -> None:
    async with served(house) as at, await house.come(at=at) as client:
        told = await begun(client)
        house.opener.breaks_from = 0
        gone = await client.get(told["sound"])
        assert gone.status_code in (409, 503) and gone.headers["content-type"] == "application/problem+json"


async def test_a_stream_ends_with_its_playing_and_is_short(house: House) -> None:
    async with served(house) as at, await house.come(at=at) as client:
        told = await begun(client)
        house.opener.breaks_from = 64_000
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(told["sound"])
        assert await status(client.get(told["sound"])) == (410, "playing-over")
    (ended,) = house.entered("listening.ended")
    assert (ended["how"], ended["ranges"]) == ("failed: it was altered", [[0, 8000]])


async def test_what_fails_before_the_first_byte_is_a_problem(house: House) -> None:
    async with await house.come() as client:
        told = await begun(client)
        house.opener.breaks_from = 0
        asked = client.get(told["sound"], headers={"range": "bytes=44-99"})
        assert await status(asked) == (409, "not-opened")
    assert house.entered("listening.ended")[0]["milliseconds"] == 0


async def test_stopping_says_what_was_sent_and_only_once(house: House) -> None:
    async with await house.come() as client:
        told = await begun(client)
        await client.get(told["sound"], headers={"range": "bytes=44-32043"})
        house.ledger.down = True
        assert await status(client.delete(f"/api/playings/{told['playing']}")) == (503, "not-durable")
        assert await status(client.get(told["sound"])) == (410, "playing-over")
        with pytest.raises(NotDurable):
            await sweep(house.rooms)
        house.ledger.down = False
        await sweep(house.rooms)
    assert house.entered("listening.ended") == [
        {"recording": RECORDING, "action": "play", "actor": "compliance", "grant": told["playing"], "milliseconds": 1000,
         "ranges": [[0, 1000]], "how": "stopped"}
    ]  # fmt: skip
    assert not house.rooms.playings and house.opener.ended == 1


async def test_the_sweep_ends_what_is_idle_or_signed_out(house: House) -> None:
    async with await house.come() as client, await house.come("other") as other:
        await begun(client)
        await begun(other)
        await sweep(house.rooms)
        assert len(house.rooms.playings) == 2
        signed = await _signed(house, other)
        sign_out(house.rooms.signing, signed)
        await sweep(house.rooms)
        assert [one["how"] for one in house.entered("listening.ended")] == ["signed out"]
        await begun(client)
        await close_account(house.accounts, "compliance", by="test")
        await sweep(house.rooms)
    assert [one["how"] for one in house.entered("listening.ended")] == ["signed out"] * 3
    async with await house.come("supervisor") as client:
        await begun(client)
        house.clock.now += IDLE_US + 1000
        await sweep(house.rooms)
    assert [one["how"] for one in house.entered("listening.ended")] == ["signed out"] * 3 + ["idle"]


async def _signed(house: House, client: httpx.AsyncClient) -> Any:
    from overt.services.signing_in import recognise

    return recognise(house.rooms.signing, client.cookies["overt_session"])


async def test_stopping_the_server_ends_all(house: House) -> None:
    async with await house.come() as client:
        told = await begun(client)
        await begun(client)
        await client.get(told["sound"], headers={"range": "bytes=44-51"})
        house.ledger.down = True
        with pytest.raises(Unavailable):
            await end_all(house.rooms, "the server stopped")
        assert house.opener.ended == 2
        house.ledger.down = False
        await end_all(house.rooms, "again")
    ended = house.entered("listening.ended")
    assert [(one["how"], one["milliseconds"]) for one in ended] == [
        ("the server stopped", 1),
        ("the server stopped", 0),
    ]


# --------------------------------------------------------------------------------------- opus, exports


async def test_opus_is_the_stretch_and_sounds_like_it(house: House) -> None:
    async with await house.come() as client:
        told = await begun(client)
        answer = await client.get(told["opus"], params={"from_ms": "5000", "to_ms": "15000"})
        ended = (await client.delete(f"/api/playings/{told['playing']}")).json()
    assert answer.status_code == 200 and answer.headers["content-type"] == "audio/ogg; codecs=opus"
    back, rate = soundfile.read(io.BytesIO(answer.content), dtype="int16")
    assert (rate, back.shape) == (8000, (80_000, 2))
    for channel in (0, 1):
        assert np.corrcoef(back[:, channel], SOUND[40_000:120_000, channel])[0, 1] > 0.95
    assert ended == {"milliseconds": 10_000, "ranges": [[5000, 15_000]]}
    assert all(first + samples <= 120_000 for first, samples in house.opener.opened)


async def test_opus_of_no_stretch_is_outside(house: House) -> None:
    async with await house.come() as client:
        told = await begun(client)
        for query in ({"from_ms": "25000"}, {"from_ms": "9", "to_ms": "9"}, {"from_ms": "9", "to_ms": "5"}):
            assert await status(client.get(told["opus"], params=query)) == (416, "range")
        assert await status(client.get(told["opus"], params={"from_ms": "-1"})) == (400, "bad-request")
        assert (await client.get(told["opus"])).status_code == 200
        house.rooms.listening = dataclasses.replace(house.rooms.listening, encode=None)
        assert await status(client.get(told["opus"])) == (503, "unavailable")


async def test_an_export_is_the_whole_file_and_is_entered(house: House) -> None:
    async with await house.come() as client:
        answer = await client.post(
            f"/api/recordings/{RECORDING}/exports", json={"purpose": "order", "document": " 12 C 7 "}
        )
        assert (answer.status_code, answer.content == FILE) == (200, True)
        assert answer.headers["content-disposition"] == f'attachment; filename="overt-{RECORDING}.wav"'
        entry = int(answer.headers["x-overt-entry"])
        assert (await client.get(f"/api/playings/{entry}/sound.wav")).status_code == 410
    assert house.ledger.facts[entry].body["document"] == "12 C 7"
    (granted,), (ended,) = house.entered("listening.granted"), house.entered("listening.ended")
    assert (granted["action"], ended["action"], ended["how"], ended["milliseconds"]) == (
        "export",
        "export",
        "complete",
        25_001,
    )
    assert not house.rooms.playings and house.opener.ended == 1


async def test_an_export_that_breaks_off_says_so(house: House) -> None:
    house.opener.slow, house.opener.slow_from = asyncio.Event(), 32_000
    async with served(house) as at, await house.come(at=at) as client:
        async with client.stream("POST", f"/api/recordings/{RECORDING}/exports", json=PURPOSE) as answer:
            assert answer.headers["content-length"] == str(SIZE)
            async for _ in answer.aiter_raw(1000):
                break
        await asyncio.sleep(0.3)
        (ended,) = house.entered("listening.ended")
        assert ended["how"] == "the connection broke off" and ended["ranges"][0][1] <= 4000
        house.opener.slow, house.opener.breaks_from = None, 32_000
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(f"/api/recordings/{RECORDING}/exports", json=PURPOSE)
    assert house.entered("listening.ended")[1]["how"] == "failed: it was altered"
    assert house.entered("listening.ended")[1]["ranges"] == [[0, 4000]]
