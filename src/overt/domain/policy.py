"""What a line wants: how it tells, whom it asks, for what purpose, and who answers for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from overt.domain.errors import PolicyRefused

Telling = Literal["ask", "announce"]


@dataclass(frozen=True, slots=True)
class LinePolicy:
    """The policy of one line.

    `telling` is `ask` (tell, then ask for a key) or `announce` (tell, and treat staying as informed consent where
    every winning rule accepts that); `announce` needs `chosen_by`, a named person (P2). `agent_place` is the site of
    the line's agents; `agent_notice_on_file` the ISO date on which they acknowledged their notice, empty for none.
    Raises PolicyRefused for a policy that may not be enabled.
    """

    name: str
    telling: Telling = "ask"
    chosen_by: str = ""
    purpose: str = "quality and training"
    languages: tuple[str, ...] = ("en",)
    agent_place: str = ""
    agent_notice_on_file: str = ""
    retention_days: int = 90

    def __post_init__(self) -> None:
        if self.telling == "announce" and not self.chosen_by:
            raise PolicyRefused(f"line {self.name}: telling = announce needs chosen_by, a named person (P2)")
        if not self.languages:
            raise PolicyRefused(f"line {self.name}: at least one language is needed to tell anybody anything")
        if not self.purpose:
            raise PolicyRefused(f"line {self.name}: a purpose is needed, since callers must be told it (P1)")
        if self.retention_days < 1:
            raise PolicyRefused(f"line {self.name}: retention_days must be at least 1")
