"""Who and which: tenants, UUIDv7 identities, telephone numbers that do not show themselves.

Every id is a UUIDv7 (RFC 9562 §5.7) in its canonical text form; the time and the randomness are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tenant = str
Side = Literal["caller", "agent"]
CALLER: Side = "caller"
AGENT: Side = "agent"
SIDES: tuple[Side, Side] = (CALLER, AGENT)


def uuid7(unix_us: int, entropy: bytes) -> str:
    """Return a UUIDv7 for a time and ten bytes of randomness.

    `unix_us` is UTC in microseconds; its milliseconds go into the first 48 bits (RFC 9562 §5.7).
    Raises ValueError when the time is out of range or the randomness is not ten bytes.
    """
    millis = unix_us // 1000
    if not 0 <= millis < 1 << 48:
        raise ValueError("time does not fit the 48 bits of a UUIDv7")
    if len(entropy) != 10:
        raise ValueError("a UUIDv7 takes exactly ten bytes of randomness")
    tail = int.from_bytes(entropy, "big")
    number = millis << 80 | 0x7 << 76 | (tail >> 62 & 0xFFF) << 64 | 0b10 << 62 | tail & (1 << 62) - 1
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@dataclass(frozen=True, slots=True)
class Number:
    """A telephone number as it was presented, or nothing when it was withheld. Masked wherever it is shown.

    `disputed` when the network says that it could not confirm it to be the caller's own (STIR/SHAKEN).
    """

    text: str = ""
    disputed: bool = False

    @property
    def withheld(self) -> bool:
        """True when no number was presented."""
        return not self.text

    @property
    def masked(self) -> str:
        """The number with all but its head and its last two digits hidden; `withheld` when there is none."""
        if self.withheld:
            return "withheld"
        if len(self.text) <= 6:
            return "•" * len(self.text)
        head = self.text[:5] if len(self.text) >= 10 else ""  # of a short number, seven would be nearly all of it
        return f"{head}{'•' * (len(self.text) - len(head) - 2)}{self.text[-2:]}"

    def __repr__(self) -> str:
        return f"Number({self.masked})"

    __str__ = __repr__


class Secret(bytes):
    """Key material. Its bytes are usable; its text forms say only that it exists."""

    def __repr__(self) -> str:
        return f"Secret({len(self)} bytes)"

    __str__ = __repr__
