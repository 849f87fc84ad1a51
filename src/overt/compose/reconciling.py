"""What `overt calls account` does: puts the ledger's facts, a CDR and the settings together. It reads only."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from overt.adapters.accounted_calls import AccountedCalls, facts_of, indexes_of
from overt.adapters.cdr_files import LARGEST_MAP, column_map, read_rows, shipped_maps
from overt.adapters.ledger_window import LedgerWindow
from overt.adapters.number_hints import load_numbering
from overt.adapters.vitals_files import read_vitals
from overt.compose.remote import connected
from overt.config import Settings, load_settings
from overt.domain.cdr import BadRow, MapRefused, Row
from overt.domain.cdr_matching import Rules
from overt.faces.http.rooms import AccountingRooms
from overt.services.reconciling import (
    MOST_CALLS,
    OneCall,
    Progress,
    Question,
    Reconciled,
    TurnedAway,
    account_of,
    reconcile,
    turned_away,
    unwatched,
)

EACH_ALLOCATIONS = 100_000
HOME = "US"  # whose calling code counts where no place is set, as in number_hints


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked: UTC microseconds, a client or all, and a CDR with the text or name of its column map."""

    since_us: int
    until_us: int
    client: str = ""
    tolerance_us: int = 5_000_000
    cdr: Path | None = None
    columns: str = ""
    most: int = MOST_CALLS


def calling_codes(settings: Settings) -> frozenset[str]:
    """The calling codes behind which people dial here: of the places of the recorder, the lines, trunks and callers."""
    places = [settings.recorder_place, *settings.served, *(one.agent_place for one in settings.lines)]
    places += [one.place for one in settings.trunks]
    countries = {one.partition("-")[0] for one in places if one} or {HOME}
    codes = load_numbering().unrecorded.codes
    return frozenset(code for country in countries for code in codes.get(country, ()))


def map_text(given: str) -> str:
    """The text of a column map: of a file of that name, else as it is given (a shipped map's name). Raises MapRefused."""
    path = Path(given)
    if not path.suffix:
        return given
    try:
        if path.stat().st_size > LARGEST_MAP:
            raise MapRefused(f"{path} is no column map: it has more than {LARGEST_MAP // 1024} KiB")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise MapRefused(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise MapRefused(f"{path} is no text in UTF-8") from error


def reconcile_calls(data_folder: Path, wanted: Wanted, progress: Progress = unwatched) -> Reconciled:
    """Reconcile the calls of a time. Raises Refused, Unavailable, SettingsRefused, OSError for a CDR that cannot be read."""
    settings = load_settings(data_folder)
    question = Question(
        wanted.since_us, wanted.until_us, time.time_ns() // 1000, settings.account_loss_percent, wanted.client, wanted.most,
        Rules(wanted.tolerance_us, calling_codes(settings)),
    )  # fmt: skip
    past = AccountedCalls(data_folder / "ledger" / settings.tenant)
    with ExitStack() as opened:
        opened.callback(gc.set_threshold, *gc.get_threshold())
        gc.set_threshold(
            EACH_ALLOCATIONS, 20, 20
        )  # nothing here is cyclic, and to look for that takes a quarter of the time
        rows = None
        if wanted.cdr is not None:
            file = opened.enter_context(wanted.cdr.open("rb"))
            rows = cdr_rows(file, wanted.columns, wanted.cdr.stat().st_size, progress)
        return reconcile(past, question, rows, progress)


def cdr_rows(
    file: BinaryIO, columns: str, size: int, progress: Progress = unwatched
) -> Iterator[Row | BadRow | None]:  # fmt: skip
    """The rows of a CDR; `columns` is the text of a map, or the name of a shipped one. Raises MapRefused."""
    return read_rows(file, column_map(columns), lambda done: progress("CDR", done, size, 0))


def account_call(data_folder: Path, call: str) -> OneCall | None:
    """The account of one call; None when the ledger knows no such call. Raises Unavailable, SettingsRefused."""
    settings = load_settings(data_folder)
    folder = data_folder / "ledger" / settings.tenant
    entries = LedgerWindow(folder).some(indexes_of(folder, call))
    facts = facts_of(entries)
    if facts is None:
        return None
    question = Question(0, 0, time.time_ns() // 1000, settings.account_loss_percent)
    return account_of(facts, [one.stated for one in entries], question)


def turned_away_here(data_folder: Path) -> TurnedAway:
    """Who was turned away since the processes began."""
    return turned_away(read_vitals(data_folder).values())


def accounting_rooms(data_folder: Path, settings: Settings) -> AccountingRooms:
    """What the web needs to reconcile."""
    return AccountingRooms(
        AccountedCalls(data_folder / "ledger" / settings.tenant), facts_of,
        lambda file, columns: cdr_rows(file, columns, 0), tuple(shipped_maps()),
        lambda: turned_away_here(data_folder), settings.account_loss_percent, calling_codes(settings),
    )  # fmt: skip


# ------------------------------------------------------------------------------------------ asked of a server


def reconcile_at(server: str, asked: Mapping[str, Any], cdr: Path | None, columns: str) -> Mapping[str, Any]:
    """Ask a running server. Raises Refused, Unavailable, OSError for a CDR that cannot be read."""
    with connected(server) as client:
        if cdr is None:
            return dict(client.get("/api/account", asked))
        text = cdr.read_bytes().decode("utf-8", "replace")
        return dict(client.post("/api/account", {**asked, "cdr": text, "columns": columns}))


def account_at(server: str, call: str) -> Mapping[str, Any]:
    """Ask a running server for one call."""
    with connected(server) as client:
        return dict(client.get(f"/api/account/{call}"))
