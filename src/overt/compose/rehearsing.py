"""What `overt policy rehearse` does: puts past calls, books and the law together, and reads only.

The console and the API rehearse by the same rooms.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from overt.adapters.law_files import load_table
from overt.adapters.notary_client import NotaryClient
from overt.adapters.past_calls import PastCalls
from overt.compose.governing import make_lines, make_premises, publishing_rooms
from overt.compose.moment import NOTARY
from overt.compose.policies import allowed
from overt.config import Settings, load_settings
from overt.domain.foresight import LineNow
from overt.services.publishing import PublishingRooms
from overt.services.rehearsing import Progress, Rehearsed, RehearsingRooms, Span, propose, rehearse_proposal


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be rehearsed. `text` None: the book in force. `law`: a folder of another table. `on`: an ISO date."""

    text: str | None
    span: Span
    law: Path | None = None
    on: str = ""


def rehearsing_rooms(data_folder: Path, settings: Settings, publishing: PublishingRooms) -> RehearsingRooms:
    """What rehearsing needs at hand, for the command and for the web. Raises Refused."""
    premises = make_premises(settings, publishing.table)
    lines = {one.policy.name: LineNow(one.policy, one.queue, one.team) for one in make_lines(settings).values()}
    past = PastCalls(data_folder / "ledger" / settings.tenant)
    return RehearsingRooms(publishing, past, settings.served, lines, premises.local_time, premises.never_record)


def rehearse_book(data_folder: Path, wanted: Wanted, progress: Progress) -> Rehearsed:
    """Rehearse, for the account bound to the operating-system user, who must be allowed to see policies.

    Raises NotPermitted, BookRefused, Refused (a table that cannot be read, say), Unavailable, SettingsRefused.
    """
    allowed(data_folder, "rehearse")
    settings = load_settings(data_folder)
    table = load_table(wanted.law or settings.law_folder(data_folder))
    ledger = NotaryClient(data_folder / NOTARY)  # it connects to nobody: the ledger's files are believed
    try:
        publishing = publishing_rooms(data_folder, settings, ledger, table, proven=False)
        rooms = rehearsing_rooms(data_folder, settings, publishing)
        proposal = asyncio.run(propose(rooms, wanted.text, wanted.on))
        return rehearse_proposal(rooms, proposal, wanted.span, progress)
    finally:
        ledger.close()
