"""What a sentence about an entry is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Tone = Literal["plain", "good", "no", "bad"]
Names = Mapping[str, str]  # place code → its name
Evidence = tuple[tuple[str, str], ...]
Worded = tuple[str, Tone, Evidence]
