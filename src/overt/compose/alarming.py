"""Alarms, in a thread of the worker: it looks each five seconds, enters what was raised and ended, writes the worker's vitals
and deletes traces that are old enough."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from cryptography import x509

from overt.adapters.alarm_files import read_watch, write_watch
from overt.adapters.law_files import load_table
from overt.adapters.ledger_clients import LedgerClients
from overt.adapters.notary_client import NotaryClient
from overt.adapters.system_clock import SystemClock
from overt.adapters.trace_files import sweep_traces
from overt.adapters.vitals_files import EACH_S, read_vitals, write_vitals
from overt.compose.observing import disk_said
from overt.config import Settings, SettingsRefused, load_settings
from overt.domain.alarms import Alarm, Signs, advance
from overt.domain.errors import Refused
from overt.domain.expected_calls import parse_expected
from overt.domain.facts import Fact, Json
from overt.ports import NotDurable, Unavailable
from overt.services.clients import read_register

LOOK_S, SLOW_LOOK_S, SWEEP_S = 5.0, 60.0, 3600.0
MOST_UNENTERED = 1000
_log = logging.getLogger("overt.worker")


def watch_alarms(data_folder: Path, stop: Event) -> None:
    """Look until told to stop. What cannot be read is said once, and tried again."""
    asyncio.run(_Watching(data_folder).run(stop))


class _Watching:
    """What is remembered between two looks; what changes seldom is read each minute."""

    def __init__(self, data_folder: Path) -> None:
        self._folder, self._clock = data_folder, SystemClock()
        self._ledger = NotaryClient(data_folder / "run" / "notary.sock", patience_s=2.0)
        self._watch = read_watch(data_folder)
        self._unentered: deque[Fact] = deque(maxlen=MOST_UNENTERED)
        self._settings: Settings | None = None
        self._slow = Signs(0, {})
        self._looked = self._looked_slowly = self._swept = -SWEEP_S
        self._trouble = ""

    async def run(self, stop: Event) -> None:
        """See watch_alarms."""
        while not stop.is_set():
            now = time.monotonic()
            if now - self._looked >= LOOK_S:
                self._looked = now
                await self._round(now)
            gauges = {**disk_said(self._folder), "alarms": len(self._watch.raised)}
            write_vitals(self._folder, "worker", {"gauges": gauges})
            await asyncio.sleep(EACH_S)
        self._ledger.close()

    async def _round(self, now: float) -> None:
        try:
            if now - self._looked_slowly >= SLOW_LOOK_S:
                self._slow = await self._read_slowly()
                self._looked_slowly = now
            if self._settings is not None and now - self._swept >= SWEEP_S:
                sweep_traces(self._folder, self._settings.ladder_days, self._clock.now_us())
                self._swept = now
            self._tell("")
        except (Unavailable, SettingsRefused, Refused, ValueError, OSError) as error:
            self._tell(str(error))
        self._look()
        await self._enter()

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            _log.error("not all alarms can be watched: %s", trouble)
        self._trouble = trouble

    def _look(self) -> None:
        """Look once; write what changed, for web and commands, before it is entered."""
        slow, vitals = self._slow, read_vitals(self._folder)
        signs = Signs(self._clock.now_us(), vitals, slow.expected, slow.certificates, slow.unproven, slow.law_us)
        self._watch, raised, ended = advance(self._watch, signs)
        write_watch(self._folder, self._watch)
        for one in raised:
            _log.warning("alarm: %s", one.sentence, extra={"fields": {"alarm": one.kind, "about": one.about}})
        self._unentered += [self._fact("alarm.raised", one, signs.now_us) for one in raised]
        self._unentered += [self._fact("alarm.ended", one, signs.now_us) for one in ended]

    def _fact(self, kind: str, one: Alarm, now_us: int) -> Fact:
        tenant = self._settings.tenant if self._settings is not None else "main"
        body: dict[str, Json] = {
            "alarm": one.kind,
            "about": one.about,
            "sentence": one.sentence,
            "since_us": one.since_us,
        }
        if kind == "alarm.ended":
            body["lasted_ms"] = (now_us - one.raised_us) // 1000
        return Fact(self._clock.new_id(), tenant, kind, now_us, "", body)

    async def _enter(self) -> None:
        """Enter what is not entered yet; a ledger that is away is an alarm of its own, which waits here."""
        while self._unentered:
            try:
                await self._ledger.enter(self._unentered[0])
            except NotDurable:
                return
            self._unentered.popleft()

    async def _read_slowly(self) -> Signs:
        """Settings, certificates, clients and law. Raises what reading them raises."""
        settings = self._settings = load_settings(self._folder)
        as_of = datetime.fromisoformat(load_table(settings.law_folder(self._folder)).as_of).replace(tzinfo=UTC)
        return Signs(
            0, {}, [parse_expected(one) for one in settings.expect_calls], dict(certificates(self._folder, settings)),
            await unproven(self._folder, settings), int(as_of.timestamp() * 1_000_000),
        )  # fmt: skip


def certificates(folder: Path, settings: Settings) -> Iterator[tuple[str, int]]:
    """The certificates that we show, and when each ends. One that cannot be read is the doctor's business."""
    files = {"of the console": settings.web_certificate} | {
        f"of {one}": one.certificate for one in settings.listeners if one.certificate
    }
    for name, path in files.items():
        if path:
            try:
                chain = x509.load_pem_x509_certificates((folder / path).read_bytes())
            except (OSError, ValueError):
                continue
            ends = min(one.not_valid_after_utc for one in chain)
            yield name, int(ends.timestamp() * 1_000_000)


async def unproven(folder: Path, settings: Settings) -> Sequence[str]:
    """The clients of which something is attested that no test call has proven. Raises Unavailable."""
    clients = LedgerClients(folder / "ledger" / settings.tenant, folder / "run" / "clients.lock", None)
    register = read_register(await clients.entries())
    attested = {one.name for one in settings.bringing if one.attestation is not None and one.name not in register}
    attested |= {
        name for name, one in register.items() if one.client.attestation is not None and one.proven is None
    }  # fmt: skip
    return sorted(attested)


def raised_now(data_folder: Path) -> Sequence[Alarm]:
    """The alarms that are raised, as the worker wrote last."""
    return read_watch(data_folder).raised
