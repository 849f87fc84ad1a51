"""Render every prompt's text to audio: `make prompts`. English by hibari-tts, others by espeak-ng.

Writes 8 kHz, mono, 16-bit WAV files beside the texts, and the table `prompts.toml`. Run it only when a text changes:
the audio is committed, and its hash is in every ledger entry that says that somebody was told.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
import soxr

FOLDER = Path(__file__).parent.parent / "src" / "overt" / "prompts"
VERSION = "1"
RATE = 8000
LEVEL_DBFS = -20.0
PEAK = 0.89
SPEEDS = {"cue-recorded": "1.15", "cue-not-recorded": "1.15", "demo-agent": "1.0"}
VOICES = {"es": "es-419"}
ORDER = ("announce", "announce-ask", "question", "yes-thanks", "no-thanks", "stopped", "unavailable", "cue-recorded",
         "cue-not-recorded", "recording-failed", "unrecorded-end", "unrecorded-route", "demo-caller", "demo-agent")  # fmt: skip


def speak(language: str, prompt: str, text: str, out: Path) -> None:
    """Have a text spoken into a WAV file."""
    if language == "en":
        hibari = shutil.which("hibari") or str(Path(sys.executable).parent / "hibari")
        speed = SPEEDS.get(prompt, "1.08")
        command = [hibari, "-o", str(out), "--seed", "7", "--threads", "1", "--speed", speed, text]
    else:
        command = ["espeak-ng", "-v", VOICES[language], "-s", "165", "-w", str(out), text]
    subprocess.run(command, check=True, stdout=sys.stderr)


def read(path: Path) -> tuple[np.ndarray, int]:
    """The samples of a WAV file as floats, and their rate."""
    with wave.open(str(path)) as wav:
        raw = np.frombuffer(wav.readframes(wav.getnframes()), dtype="<i2").astype(np.float64) / 32768
        return raw[:: wav.getnchannels()], wav.getframerate()


def prepare(sound: np.ndarray, rate: int) -> np.ndarray:
    """Resample, cut silence at both ends, bring to one loudness without clipping."""
    sound = soxr.resample(sound, rate, RATE)
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    sound = sound[max(loud[0] - 400, 0) : loud[-1] + 800]
    voiced = sound[np.abs(sound) > 0.02]
    sound = sound * (10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(voiced**2)) * 1.2)
    return np.tanh(sound / PEAK) * PEAK


def write(path: Path, sound: np.ndarray) -> None:
    """Write 8 kHz, mono, 16 bits, whole 20 ms frames."""
    samples = np.round(sound * 32767).astype("<i2")
    samples = np.concatenate([samples, np.zeros(-len(samples) % 160, dtype="<i2")])
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.tobytes())


def main() -> None:
    """Render all; write the table."""
    rows = ["# Every prompt: its audio's SHA-256 and length. Made by `make prompts`; not edited by hand.\n"]
    with tempfile.TemporaryDirectory() as folder:
        for language in ("en", "es"):
            for prompt in ORDER:
                text_file = FOLDER / language / f"{prompt}.txt"
                if not text_file.exists():
                    continue
                spoken, out = Path(folder) / "spoken.wav", text_file.with_suffix(".wav")
                speak(language, prompt, text_file.read_text().strip(), spoken)
                write(out, prepare(*read(spoken)))
                frames = len(read(out)[0])
                digest = hashlib.sha256(out.read_bytes()).hexdigest()
                rows.append(
                    f'[[prompt]]\nid = "{prompt}"\nlanguage = "{language}"\nversion = "{VERSION}"\n'
                    f'sha256 = "{digest}"\nduration_ms = {frames * 1000 // RATE}\n'
                )
                print(f"{language}/{prompt}: {frames / RATE:.1f} s", file=sys.stderr)
    (FOLDER / "prompts.toml").write_text("\n".join(rows))


if __name__ == "__main__":
    main()
