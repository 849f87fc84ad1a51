"""The side door of signalling: what is said at one end reaches the call at the other, and only from our own account."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from overt import protocol
from overt.adapters.signalling_client import SignallingClient
from overt.adapters.signalling_server import SignallingServer, Take
from overt.adapters.unix_frames import Asker, FrameClient
from overt.inbox import ConsentSaid
from overt.ports import Unavailable
from overt.services.consenting import (
    MOST_ACCOUNTS,
    YES_EACH_S,
    ConsentRefused,
    NoCallUnderWay,
    Pace,
    TooManyYeses,
    Word,
    say_consent,
)

NO = ConsentSaid("caller", False, (), "said no", "bot")


class Calls:
    """Two calls under way; one takes its time."""

    def __init__(self) -> None:
        self.said: list[tuple[str, ConsentSaid]] = []
        self.slow = asyncio.Event()

    def find(self, call: str) -> Take | None:
        """The way to a call."""

        async def take(word: ConsentSaid) -> str:
            self.said.append((call, word))
            if call == "broken":
                raise Unavailable("engine", "it is away")
            if call == "slow":
                await self.slow.wait()
            return "given" if word.granted else "refused"

        return take if call in ("c1", "slow", "broken") else None


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[tuple[Calls, SignallingServer, Path]]:
    """A side door with calls behind it."""
    calls, path = Calls(), tmp_path / "signalling.sock"
    server = SignallingServer(path, calls.find)
    await server.start()
    yield calls, server, path
    await server.stop()


async def test_what_is_said_reaches_the_call_and_its_standing_comes_back(
    door: tuple[Calls, SignallingServer, Path],
) -> None:
    calls, _, path = door
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    client = SignallingClient(path)
    yes = ConsentSaid("agent", True, ("recording", "analysis"), "said yes", "bot", True)
    assert await client.say("c1", yes) == "given"
    assert await client.say("c1", NO) == "refused"
    assert calls.said == [("c1", yes), ("c1", NO)]
    with pytest.raises(NoCallUnderWay):
        await client.say("c2", NO)
    with pytest.raises(Unavailable, match="it is away"):
        await client.say("broken", NO)
    client.close()


async def test_a_no_does_not_wait_behind_a_slow_call(door: tuple[Calls, SignallingServer, Path]) -> None:
    calls, _, path = door
    client = SignallingClient(path)
    waiting = asyncio.create_task(client.say("slow", NO))
    async with asyncio.timeout(1):
        assert await client.say("c1", NO) == "refused"
    calls.slow.set()
    assert await waiting == "refused"
    client.close()


async def test_a_signaller_that_is_gone_or_silent_is_said_and_one_that_is_back_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, path = Calls(), tmp_path / "signalling.sock"
    client = SignallingClient(path)
    with pytest.raises(Unavailable, match="signalling: it cannot be reached"):
        await client.say("c1", NO)
    for _ in range(2):
        server = SignallingServer(path, calls.find)
        await server.start()
        assert await client.say("c1", NO) == "refused"
        await server.stop()
        await asyncio.sleep(0.05)
    server = SignallingServer(path, calls.find)
    await server.start()
    monkeypatch.setattr("overt.adapters.signalling_client.ANSWER_S", 0.05)
    with pytest.raises(Unavailable, match="nobody knows whether"):
        await client.say("slow", NO)
    client.close()
    await server.stop()


async def test_another_account_and_another_frame_are_refused(door: tuple[Calls, SignallingServer, Path]) -> None:
    calls, server, path = door
    frame = protocol.SayConsent(call="c1", side="caller", granted=False, purposes=(), how="", by="x")
    stranger = await server.handle(frame, Asker(1, os.getuid() + 1))
    assert isinstance(stranger, protocol.Failed) and calls.said == []
    client = FrameClient()
    await client.connect(path)
    for wrong in (
        protocol.Prove(index=1),
        protocol.SayConsent(call="c1", side="x", granted=True, purposes=(), how="", by=""),
    ):
        with pytest.raises(Unavailable, match="not a frame for signalling"):
            await client.answer(wrong)
    client.close()


# ------------------------------------------------------------------------------------------- what may be said


class Heard:
    """Implements consenting.SideDoor and remembers."""

    def __init__(self) -> None:
        self.words: list[ConsentSaid] = []

    async def say(self, call: str, word: ConsentSaid) -> str:
        """See consenting.SideDoor."""
        self.words.append(word)
        return "refused"


async def said(word: Word, call: str = "c1") -> ConsentSaid:
    """What reaches the call."""
    heard = Heard()
    await say_consent(heard, Pace(), call, word, "bot", 1)
    return heard.words[0]


async def test_a_no_is_taken_with_whatever_is_missing_and_refuses_every_purpose() -> None:
    assert await said(Word("caller", "no", "")) == ConsentSaid("caller", False, (), "not said how", "bot")
    assert await said(Word("agent", "no", "they\nsaid \x1b no" + "!" * 900, ("nonsense",), True)) == ConsentSaid(
        "agent", False, (), ("they said no" + "!" * 900)[:500], "bot", True
    )


async def test_a_yes_says_to_what_and_how() -> None:
    yes = await said(Word("caller", "yes", "pressed 1", ("sharing", "recording"), True))
    assert yes == ConsentSaid("caller", True, ("recording", "sharing"), "pressed 1", "bot", True)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (Word("both", "no", "x"), "party: one of caller, agent"), (Word("caller", "maybe", "x"), "silence and unclear"),
        (Word("caller", "yes", "x"), "purposes"), (Word("caller", "yes", "x", ("recording", "all")), "purposes"),
        (Word("caller", "yes", " !", ("recording",)), "how: say how"),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_refused(word: Word, sentence: str) -> None:
    with pytest.raises(ConsentRefused, match=sentence):
        await said(word)
    for call in ("", "x" * 65, "../c1"):
        with pytest.raises(NoCallUnderWay):
            await said(Word("caller", "no", ""), call)


async def test_yeses_have_a_pace_and_noes_none() -> None:
    pace, heard = Pace(), Heard()
    yes, no = Word("caller", "yes", "x", ("recording",)), Word("caller", "no", "x")
    for number in range(YES_EACH_S):
        await say_consent(heard, pace, "c1", yes, "bot", number)
    with pytest.raises(TooManyYeses):
        await say_consent(heard, pace, "c1", yes, "bot", 999_999_999)
    await say_consent(heard, pace, "c1", no, "bot", 999_999_999)
    await say_consent(heard, pace, "c1", yes, "another", 999_999_999)
    await say_consent(heard, pace, "c1", yes, "bot", 1_000_000_000)
    for number in range(MOST_ACCOUNTS + 1):
        pace.take(f"a{number}", 2)
    assert len(pace.said) == MOST_ACCOUNTS
