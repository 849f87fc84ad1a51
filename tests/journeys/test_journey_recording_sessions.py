"""Recording sessions (SIPREC) through a whole Overt, by a client of our own: every one with the account it should have."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from journeys.overt_house import ADDRESS, OvertHouse, noise
from journeys.recording_client import RecordingClient, metadata
from overt.services.auditing import CallRecord
from overt.wire.rtp.g711 import decode_ulaw

pytestmark = pytest.mark.journey

SBC, CLOSED, IVR, NOBODY = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"
TELLS = ("--by", "Dana", "--why", "our IVR tells everybody")
CLIENTS = (
    ("sbc", SBC, "--attest", "recording", *TELLS),
    ("closed", CLOSED, "--attest", "recording", "--before", "inactive", *TELLS),
    ("ivr", IVR, "--attest", "telling", "--digits", *TELLS),
    ("nobody", NOBODY),
)
CALLER_SOUND, AGENT_SOUND = noise(1, 600), noise(2, 600)
SOUNDS = (CALLER_SOUND, AGENT_SOUND)


def command(house: OvertHouse, *words: str) -> str:
    """Run a command of Overt; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "overt", *words, "--data", str(house.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def add_clients(house: OvertHouse) -> None:
    """Add every client while Overt serves."""
    for name, address, *more in CLIENTS:
        by = () if more else TELLS
        await asyncio.to_thread(
            command, house, "clients", "add", name, "--address", address, "--mode", "siprec", *more, *by
        )
    await asyncio.sleep(1)


class Tale:
    """One session of its own caller, so that its record can be told from the others."""

    number = 0

    def __init__(self, house: OvertHouse, address: str, *, tcp: bool = False) -> None:
        Tale.number += 1
        self.house, self.address, self.tcp = house, address, tcp
        self.caller = f"+121455501{Tale.number:02}"
        self.call_id = f"rs-{Tale.number}"

    async def client(self, again: str = "") -> RecordingClient:
        """A client's dialog; `again`: another one of the same session."""
        client = RecordingClient(
            self.address, (ADDRESS, self.house.ports.sip), call_id=self.call_id + again, tcp=self.tcp
        )
        await client.start()
        return client

    def document(self, *others: str, mode: str = "complete", left: tuple[str, ...] = ()) -> str:
        """Metadata: the caller and others."""
        return metadata(self.caller, *(others or ("sales",)), session=f"cs-{self.call_id}", mode=mode, left=left)

    def record(self) -> CallRecord | None:
        """What the ledger says of it."""
        return next((one for one in self.house.calls() if one.caller == self.caller), None)

    async def reached(self, stage: str, seconds: float = 6) -> None:
        """Wait until it went through a stage."""
        await self.house.until(lambda: any(stage in one for one in self.stages), seconds)

    @property
    def stages(self) -> list[str]:
        """What it went through."""
        record = self.record()
        return record.stages if record is not None else []

    async def ended(self, seconds: float = 10) -> CallRecord:
        """Its record once it is accounted for."""
        await self.house.until(lambda: (one := self.record()) is not None and one.ledger_index >= 0, seconds)
        record = self.record()
        assert record is not None
        return record


def channels(path: Path) -> tuple[bytes, bytes]:
    """Both channels of an export, 16 bits a sample."""
    with wave.open(str(path)) as wav:
        frames = wav.readframes(wav.getnframes())
    left, right = bytearray(), bytearray()
    for at in range(0, len(frames), 4):
        left += frames[at : at + 2]
        right += frames[at + 2 : at + 4]
    return bytes(left), bytes(right)


def holds(channel: bytes, sound: bytes, begin: int, frames: int = 20) -> bool:
    """True when a channel has these frames of a sound, bit for bit."""
    return decode_ulaw(sound[begin * 160 : (begin + frames) * 160]) in channel


async def attested(house: OvertHouse, *, tcp: bool) -> None:
    """Both parties on their own channel, bit for bit."""
    tale = Tale(house, SBC, tcp=tcp)
    client = await tale.client()
    response = await client.invite(tale.document())
    assert response.startswith("SIP/2.0 200") and client.heard(response) == ["recvonly"] * 2
    await tale.reached("permitted, recording")
    await asyncio.sleep(0.2)
    await client.talk(1.2, SOUNDS)
    await asyncio.sleep(0.2)
    await client.bye()
    record = await tale.ended()
    assert record.outcome == "recorded" and record.consent == "attested" and record.gaps == []
    assert record.legs["caller"]["captured"] == record.legs["agent"]["captured"] == 60
    left, right = channels(await asyncio.to_thread(house.export, record.recordings[0]))
    assert holds(left, CALLER_SOUND, 0, 60) and holds(right, AGENT_SOUND, 0, 60)
    assert not holds(left, AGENT_SOUND, 20) and not holds(right, CALLER_SOUND, 20)
    client.close()


async def not_attested(house: OvertHouse) -> None:
    """Received, counted and dropped; the session stays."""
    tale = Tale(house, NOBODY)
    client = await tale.client()
    assert (await client.invite(tale.document())).startswith("SIP/2.0 200")
    await client.talk(0.5, SOUNDS)
    await client.bye()
    record = await tale.ended()
    assert record.outcome == "not recorded: nobody attests that the parties of nobody's calls are told"
    assert record.legs["caller"]["dropped_without_permit"] == 25 and record.permitted == []
    client.close()


async def by_keys(house: OvertHouse, key: str) -> None:
    """The caller's key decides."""
    tale = Tale(house, IVR)
    client = await tale.client()
    await client.invite(tale.document("support"))
    await tale.reached("agent informed")
    await client.talk(0.2, SOUNDS)
    client.streams[0].press(key)
    if key == "1":
        await tale.reached("permitted, recording")
        await client.talk(0.6, SOUNDS, 100)
        client.streams[0].press("*")
        await tale.reached("recording closed")
    else:
        await client.talk(0.4, SOUNDS, 100)
    await client.bye()
    record = await tale.ended()
    assert record.outcome == ("recorded until withdrawn" if key == "1" else "not recorded: refused"), record
    client.close()


async def opened_by_us(house: OvertHouse, *, willing: bool) -> None:
    """Nothing may be sent before the permit; our re-INVITE opens the lines, or does not."""
    tale = Tale(house, CLOSED)
    client = await tale.client()
    if not willing:
        client.answer_ours = lambda message: "488 Not Acceptable Here"
    response = await client.invite(tale.document())
    assert client.heard(response) == ["inactive"] * 2
    await tale.reached("permitted, recording")
    await house.until(lambda: any(one.startswith("INVITE") for one in client.requests), 5)
    assert client.heard(client.requests[0]) == ["recvonly"] * 2
    await client.talk(0.6, SOUNDS)
    await client.bye()
    record = await tale.ended()
    assert (record.outcome == "recorded") == willing == bool(record.captured_ms), record
    assert willing or "answered our offer with 488" in record.outcome
    client.close()


async def paused(house: OvertHouse, how: str) -> None:
    """A pause in each of its shapes is a gap, and the recording goes on after it."""
    tale = Tale(house, SBC)
    client = await tale.client()
    await client.invite(tale.document())
    await tale.reached("permitted, recording")
    at = await client.talk(0.4, SOUNDS)
    if how == "one line only":
        client.lines = 1
        await client.ask("INVITE", client.sdp(["inactive"]), "application/sdp")
    else:
        await client.ask("INVITE", client.sdp(["inactive", "inactive"]), "application/sdp")
    await tale.reached("paused: hold")
    await asyncio.sleep(0.3)
    client.lines = 2
    await client.ask("INVITE", client.sdp(), "application/sdp")
    await house.until(lambda: "recording goes on" in tale.stages, 5)
    await client.talk(0.4, SOUNDS, at)
    await client.bye()
    record = await tale.ended()
    assert record.outcome == "recorded" and len(record.gaps) == 1 and len(record.permitted) == 1, record
    client.close()


async def joined(house: OvertHouse, method: str) -> None:
    """P6: somebody joins, told by a re-INVITE or an UPDATE with metadata alone: another episode, another recording."""
    tale = Tale(house, SBC)
    client = await tale.client()
    await client.invite(tale.document())
    await tale.reached("permitted, recording")
    at = await client.talk(0.4, SOUNDS)
    document = tale.document("sales", "supervisor")
    if method == "UPDATE":
        kind, body = client.body(document, "")
        assert (await client.ask("UPDATE", body, kind)).startswith("SIP/2.0 200")
    else:
        await client.invite(document)
    await house.until(lambda: len((tale.record() or CallRecord("")).permitted) == 2, 5)
    await client.talk(0.4, SOUNDS, at)
    await client.bye()
    record = await tale.ended()
    assert len(record.recordings) == 2 and record.outcome == "recorded", record
    client.close()


async def offered_late(house: OvertHouse) -> None:
    """An INVITE without a description: our 200 makes the offer, the ACK answers it."""
    tale = Tale(house, SBC)
    client = await tale.client()
    kind, body = client.body(tale.document(), "")
    client.cseq += 1
    client.send(client.request("INVITE", body, kind))
    async with asyncio.timeout(5):
        while not (response := await client.received.get()).startswith("SIP/2.0 200"):
            pass
    client.their_tag = response.partition("\r\nTo:")[2].partition(";tag=")[2].partition("\r\n")[0]
    client.aim(response)
    client.send(client.request("ACK", client.sdp(), "application/sdp", cseq=1))
    await tale.reached("permitted, recording")
    await client.talk(0.5, SOUNDS)
    await client.bye()
    record = await tale.ended()
    assert record.outcome == "recorded" and record.legs["agent"]["captured"] > 10, record
    client.close()


async def failed_over(house: OvertHouse) -> None:
    """The client dies without a word and comes back with the same communication session: one recording, a stated gap."""
    tale = Tale(house, SBC)
    first = await tale.client()
    await first.invite(tale.document())
    await tale.reached("permitted, recording")
    at = await first.talk(0.4, SOUNDS)
    second = await tale.client("-again")
    assert (await second.invite(tale.document())).startswith("SIP/2.0 200")
    await house.until(lambda: "recording goes on" in tale.stages, 5)
    await second.talk(0.4, SOUNDS, at)
    await second.bye()
    record = await tale.ended()
    assert record.outcome == "recorded" and len(record.recordings) == 1 and len(record.gaps) == 1, record
    assert record.legs["caller"]["captured"] > 30
    assert len([one for one in house.calls() if one.caller == tale.caller]) == 1
    first.close()
    second.close()


async def vanished(house: OvertHouse) -> None:
    """A client that simply vanishes: its session ends by itself, with an account."""
    tale = Tale(house, SBC)
    client = await tale.client()
    await client.invite(tale.document())
    await tale.reached("permitted, recording")
    await client.talk(0.3, SOUNDS)
    client.close()
    record = await tale.ended(12)
    assert record.outcome == "recorded" and record.reason == "caller silent", record


async def test_a_day_of_a_recording_server(tmp_path: Path) -> None:
    async with OvertHouse(tmp_path, more="rtp_timeout_s = 4\n") as house:
        await add_clients(house)
        await asyncio.gather(
            attested(house, tcp=False), attested(house, tcp=True), not_attested(house), by_keys(house, "1"),
            by_keys(house, "2"), opened_by_us(house, willing=True), opened_by_us(house, willing=False),
            paused(house, "both lines"), paused(house, "one line only"), joined(house, "INVITE"), joined(house, "UPDATE"),
            offered_late(house), failed_over(house), vanished(house),
        )  # fmt: skip
        assert house.verdict().verified
        shown = command(house, "clients", "show", "sbc", "--json")
        assert "sbc" in shown


@pytest.mark.parametrize("victim", ["signalling", "engine-0"])
async def test_p11_a_process_dies_and_the_session_goes_on(tmp_path: Path, victim: str) -> None:
    async with OvertHouse(tmp_path) as house:
        await add_clients(house)
        tale = Tale(house, SBC)
        client = await tale.client()
        await client.invite(tale.document())
        await tale.reached("permitted, recording")
        at = await client.talk(0.5, SOUNDS)
        killing = asyncio.create_task(house.kill(victim))
        at = await client.talk(2.5, SOUNDS, at)
        await killing
        await client.talk(0.5, SOUNDS, at)
        assert (await client.bye()).startswith("SIP/2.0 200")
        record = await tale.ended()
        assert record.outcome == "recorded" and record.captured_ms >= 900, record
        client.close()
