"""The prompts: audio beside its text, in the package, and the operator's own in DATA/prompts.

`prompts.toml` names each: id, language, version, the SHA-256 of its WAV file, its length. A prompt that is missing or
altered is left out and reported; recording stays off where it is needed (P12).
"""

from __future__ import annotations

import hashlib
import io
import tomllib
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

TABLE = "prompts.toml"
RATE = 8000


@dataclass(frozen=True, slots=True)
class LoadedPrompt:
    """One prompt: 8 kHz, 16-bit little-endian samples, and the text that they speak."""

    version: str
    sha256: str
    duration_ms: int
    text: str
    samples: bytes = field(repr=False)


def load_prompts(own: Path | None) -> tuple[dict[str, LoadedPrompt], list[str]]:
    """Return every usable prompt by name (`language/id`), and what is wrong with the others, as sentences.

    The operator's folder, where it has a table, stands over the package's; what is broken there is not replaced by
    ours, which may speak another text.
    """
    prompts, broken = _read_folder(files("overt.prompts"))
    problems = list(broken.values())
    if own is not None and (own / TABLE).exists():
        more, broken = _read_folder(own)
        prompts = {name: one for name, one in (prompts | more).items() if name not in broken}
        problems += broken.values()
    return prompts, problems


def _read_folder(folder: Traversable) -> tuple[dict[str, LoadedPrompt], dict[str, str]]:
    prompts: dict[str, LoadedPrompt] = {}
    broken: dict[str, str] = {}
    try:
        rows = tomllib.loads((folder / TABLE).read_text())["prompt"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        return {}, {TABLE: f"{folder / TABLE} cannot be read: {error}"}
    for row in rows:
        name = f"{row.get('language')}/{row.get('id')}"
        try:
            prompts[name] = _read(folder, row)
        except (OSError, KeyError, ValueError, wave.Error, EOFError) as error:
            broken[name] = f"prompt {name}: {error}; put the file back, or render it anew (`make prompts`)"
    return prompts, broken


def _read(folder: Traversable, row: Mapping[str, Any]) -> LoadedPrompt:
    base = folder / row["language"]
    audio = (base / f"{row['id']}.wav").read_bytes()
    digest = hashlib.sha256(audio).hexdigest()
    if digest != row["sha256"]:
        raise ValueError("its audio is not what the table says; it may speak another text")
    with wave.open(io.BytesIO(audio)) as wav:
        if (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) != (RATE, 1, 2):
            raise ValueError("its audio must be 8 kHz, mono, 16 bits")
        samples = wav.readframes(wav.getnframes())
    text = (base / f"{row['id']}.txt").read_text().strip()
    return LoadedPrompt(row["version"], digest, len(samples) // 2 * 1000 // RATE, text, samples)
