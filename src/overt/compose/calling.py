"""`overt call`: one scripted call of our own phone."""

from __future__ import annotations

import struct
import wave
from dataclasses import dataclass
from pathlib import Path

from overt.adapters.prompt_files import RATE, load_prompts
from overt.phone.script import Outcome, Script, place
from overt.phone.sound import Heard
from overt.phone.telephone import Telephone
from overt.wire.rtp.g711 import decode_alaw, decode_ulaw, encode_ulaw


class NoSuchSound(Exception):
    """A WAV file that the phone cannot speak."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A call's outcome and what was heard."""

    outcome: Outcome
    heard: tuple[Heard, ...]


def speech(path: Path | None, own_words: str = "en/demo-caller") -> bytes:
    """The µ-law of an 8 kHz mono WAV file; words of our own when none is named. Raises NoSuchSound."""
    if path is None:
        prompts, _ = load_prompts(None)
        own = prompts.get(own_words)
        return encode_ulaw(own.samples) if own else b""
    try:
        with wave.open(str(path)) as wav:
            if (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) != (RATE, 1, 2):
                raise NoSuchSound(f"{path} must be 8 kHz, mono, 16 bits")
            return encode_ulaw(wav.readframes(wav.getnframes()))
    except (OSError, wave.Error, EOFError) as error:
        raise NoSuchSound(f"{path}: {error}") from error


async def place_call(address: str, script: Script, username: str = "", password: str = "") -> Placed:
    """Place one call from a local address; the password is for whoever asks for one."""
    phone = Telephone(address, username=username, password=password)
    await phone.start()
    try:
        outcome, call = await place(phone, script)
        return Placed(outcome, tuple(call.sound.heard))
    finally:
        phone.close()


def write_heard(path: Path, heard: tuple[Heard, ...]) -> None:
    """Write what was heard as WAV, packet after packet in the order of their RTP time."""
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        expected: int | None = None
        for one in heard:
            if expected is not None and 0 < (one.rtp_time - expected & 0xFFFFFFFF) < RATE * 10:
                silence = one.rtp_time - expected & 0xFFFFFFFF
                wav.writeframes(struct.pack(f"<{silence}h", *([0] * silence)))
            wav.writeframes(decode_alaw(one.payload) if one.payload_type == 8 else decode_ulaw(one.payload))
            expected = one.rtp_time + len(one.payload)
