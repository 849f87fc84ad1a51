"""What the domain refuses.

Refused                 the root: somebody asked for what may not be
├── PolicyRefused       a policy that may not be enabled
├── BookRefused         a policy book that cannot be read, with every finding
├── ClientRefused       a client that may not be added, or changed, so
├── LawUnreadable       a row of the law table that is not whole; nothing is decided on it
└── NotPermitted        an actor may not do this to that resource for this purpose
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


class Refused(Exception):
    """Root of the domain's refusals. The text says what to do."""


class PolicyRefused(Refused):
    """A policy that may not be enabled."""


class ClientRefused(Refused):
    """A client that may not be added, or changed, so."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found in a policy book: it *stops* its publishing or *warns*, and the hint says what to do.

    `policy` is the name of the policy that it is about; empty when it is about the book.
    """

    level: Literal["stops", "warns"]
    policy: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"policy «{self.policy}»: " if self.policy else ""
        return f"{where}{self.text}" + (f"; {self.hint}" if self.hint else "")


class BookRefused(Refused):
    """A policy book that cannot be read. `findings` are all that was found, its text too."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(str(one) for one in findings))
        self.findings = tuple(findings)


class LawUnreadable(Refused):
    """A row of the law table that is not whole."""


class NotPermitted(Refused):
    """An actor may not do this to that resource for this purpose."""
