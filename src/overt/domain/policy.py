"""What a line wants: how it tells, whom it asks, for what purpose, and who answers for that.

A line's settings give the first of it; a published policy book (`domain.book`) the rest, call by call: see
`domain.ruling.effective`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from overt.domain.access import RIGHTS
from overt.domain.errors import PolicyRefused

Telling = Literal["ask", "announce"]
OnNo = Literal["go-on", "end", "route"]  # what becomes of the call, never of the recording: that is off (P5)
OnHold = Literal["pause", "stop"]
HEARERS: tuple[str, ...] = tuple(role for role, actions in RIGHTS["recording"].items() if "play" in actions)


@dataclass(frozen=True, slots=True)
class LinePolicy:
    """The policy of one line, for one call.

    `telling` is `ask` (tell, then ask for a key) or `announce` (tell, and treat staying as informed consent where
    every winning rule accepts that); `announce` needs `chosen_by`, a named person (P2). `agent_place` is the site of
    the line's agents; `agent_notice_on_file` the ISO date on which they acknowledged their notice, empty for none.

    `record` False, with `unrecorded_why`: nothing is told, asked or kept. `on_refusal` and `on_no_answer` say what
    becomes of the call after a no: it goes on, ends, or is routed to `route` (a SIP URI). `script` names the prompts that
    are spoken. `listeners` are the roles that may listen; `retention_days` how long it is kept. `basis` is a legal basis of
    the law table, which needs its document and a person. `policy`, `version` and `book_sha256` name what ruled: the policy,
    the book's version (0: the settings) and its hash.
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
    script: str = "standard"
    on_refusal: OnNo = "go-on"
    on_no_answer: OnNo = "go-on"
    route: str = ""
    record: bool = True
    unrecorded_why: str = ""
    on_hold: OnHold = "pause"
    listeners: tuple[str, ...] = HEARERS
    circumstances: tuple[str, ...] = ()
    basis: str = ""
    basis_document: str = ""
    basis_person: str = ""
    responsible: str = ""
    policy: str = ""
    version: int = 0
    book_sha256: str = ""

    def __post_init__(self) -> None:
        for wrong in self._wrong():
            raise PolicyRefused(f"line {self.name}: {wrong}")

    def _wrong(self) -> Iterator[str]:
        if self.telling == "announce" and not self.chosen_by:
            yield "telling = announce needs chosen_by, a named person (P2)"
        if not self.languages:
            yield "at least one language is needed to tell anybody anything"
        if not self.purpose:
            yield "a purpose is needed, since callers must be told it (P1)"
        if self.retention_days < 1:
            yield "retention_days must be at least 1"
        if "route" in (self.on_refusal, self.on_no_answer) and not self.route:
            yield "routing a call after a no needs route, the SIP URI to which it goes"
        if self.basis and not (self.basis_document and self.basis_person):
            yield f"the legal basis {self.basis} needs its document and the person who chose it"
        if not self.record and not self.unrecorded_why:
            yield "record = false needs unrecorded_why, which the account of the call says"
