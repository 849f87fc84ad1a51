"""The signalling process: SIP, the consent machines, the story of each call. It can neither open nor sign."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import json
import logging
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from overt.adapters.closed_process import close_memory
from overt.adapters.engine_client import Engines, HeldCall
from overt.adapters.law_files import load_table
from overt.adapters.ledger_reader import read_stated
from overt.adapters.log_lines import set_up_logs
from overt.adapters.notary_client import NotaryClient
from overt.adapters.number_hints import AddressBook
from overt.adapters.prompt_files import load_prompts
from overt.adapters.rtp_ports import PortPool
from overt.adapters.signalling_server import SOCKET, SignallingServer
from overt.adapters.sqlite_erasures import SqliteErasures
from overt.adapters.system_clock import SystemClock
from overt.adapters.vault_keys import read_wrapping_key
from overt.compose.beside import make_sessions, take_up_beside
from overt.compose.governing import make_governor, make_lines
from overt.compose.observing import pulse
from overt.compose.observing_calls import SignallingObserved
from overt.compose.registering import begin_register, digest_secrets
from overt.config import FILE, Settings, SettingsRefused, load_settings
from overt.domain.call import Keys
from overt.domain.errors import Refused
from overt.domain.facts import Fact, Json
from overt.faces.sip.control import SipControl
from overt.faces.sip.gatekeeper import Secrets
from overt.faces.sip.gateway import Doors, Gateway
from overt.ports import CaptureAccount, NotDurable, Unavailable
from overt.services.attending import attend, take_up, turn_away
from overt.services.auditing import CallRecord, read_calls
from overt.services.client_register import ClientRegister
from overt.services.context import Context
from overt.services.governing import Governor
from overt.services.house import House, PromptFacts
from overt.wire.sip.digest import ALGORITHMS, Algorithm

READY = "run/ready"
GC_THRESHOLD = (50_000, 20, 50)
_log = logging.getLogger("overt.signalling")


def main(data_folder: Path, start_key: bytes) -> int:
    """Serve calls until SIGTERM or SIGINT. Return the exit code: 3 when something is missing."""
    set_up_logs("signalling")
    close_memory(keys=False)
    try:
        asyncio.run(_serve(data_folder, start_key))
    except (Unavailable, SettingsRefused, Refused, OSError) as error:
        _log.error("signalling does not start: %s", error)
        return 3
    return 0


async def _serve(data_folder: Path, start_key: bytes) -> None:
    settings = load_settings(data_folder)
    clock = SystemClock()
    ledger = NotaryClient(data_folder / "run" / "notary.sock")
    pool = PortPool(settings.rtp_address, settings.rtp_first, settings.rtp_last, clock.monotonic_ns)
    paths = [data_folder / "run" / f"engine-{number}.sock" for number in range(settings.engine_count)]
    lost = _Interruptions(ledger, clock)
    engines = Engines(paths, pool, settings.rtp_address, start_key, settings.rtp_timeout_s * 1000, lost.enter)
    table = load_table(settings.law_folder(data_folder))
    governor = make_governor(data_folder, settings, table, ledger, lambda error: _log.error("policies: %s", error))
    house = make_house(data_folder, settings, clock, ledger, engines, governor)
    observed = SignallingObserved(data_folder, settings)
    register = await begin_register(data_folder, settings, ledger, partial(_log.error, "clients: %s"))
    doors = _doors(settings, data_folder, register)
    gateway = Gateway(doors, lambda control: _on_call(house, control), observed.tracing)
    house = replace(house, remark=gateway.remark)
    gateway.sessions = make_sessions(house, gateway)
    held = await engines.start()
    await ledger.enter(_started(house, settings, data_folder, table.version))
    unended = _unended(data_folder, house)
    await _give_up(house, unended, {one.media.call for one in held})
    await governor.look()
    following = asyncio.create_task(register.follow())
    side_door = SignallingServer(data_folder / SOCKET, house.under_way.find)
    await side_door.start()
    await gateway.start()
    gone = {one.media.call for one in held if not _take_up(house, gateway, one)}
    await _give_up_gone(house, unended, gone)
    _settle_in()
    ready = {"sip": ", ".join(map(str, settings.listeners)), "restored": len(held)}
    (data_folder / READY).write_text(json.dumps(ready))
    async with pulse(data_folder, "signalling", lambda: observed.said(gateway, pool)):
        await _stopped(gateway)
        (data_folder / READY).unlink(missing_ok=True)
        following.cancel()
        await side_door.stop()
        await gateway.drain()
        await gateway.stop()
    observed.close()
    await engines.stop()


async def _give_up(house: House, unended: Sequence[CallRecord], held: Collection[str]) -> None:
    """The accounts of calls that no engine holds any more."""
    for record in unended:
        if record.id not in held:
            await house.ledger.enter(_lost(house, record, "signalling and engine died"))


async def _give_up_gone(house: House, unended: Sequence[CallRecord], gone: Collection[str]) -> None:
    """The accounts of calls that an engine holds, and with which nobody can go on."""
    why = "signalling died, and its successor has no leg or line to go on with"
    for record in unended:
        if record.id in gone:
            await house.ledger.enter(_lost(house, record, why))


def _settle_in() -> None:
    """Law, numbers and clients live as long as the process: no collection need look at them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)


async def _stopped(gateway: Gateway) -> None:
    """Wait until we are told to stop; SIGHUP has the certificates read anew."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, gateway.reload)
    await stop.wait()


async def _on_call(house: House, control: SipControl) -> None:
    line = house.line(control.offer.called)
    if line is None:
        await turn_away(house, control)
        return
    await attend(house, control, line)


def _take_up(house: House, gateway: Gateway, held: HeldCall) -> bool:
    """Go on with a call of a dead predecessor; False when too little of it is known, and its sockets are freed."""
    try:
        context = Context.decoded(held.context)
    except ValueError:
        gateway.run(_let_go(held))
        return False
    if context.client is not None:
        taken = take_up_beside(house, gateway, held, context)
        if not taken:
            gateway.run(_let_go(held))
        return taken
    control = gateway.restore(context.offer, context.control)
    line = next((one for one in house.lines.values() if one.policy.name == context.policy.name), None)
    if control is None or line is None:
        gateway.run(_let_go(held))
        return False
    held.media.adopt(context.legs, house.keys.stop if context.state.phase == "bridged" else "")
    gateway.run(take_up(house, control, line, context, held.media))
    return True


async def _let_go(held: HeldCall) -> None:
    await held.media.close("call lost")
    await held.media.release()


def make_house(
    data_folder: Path,
    settings: Settings,
    clock: SystemClock,
    ledger: NotaryClient,
    engines: Engines,
    governor: Governor,
) -> House:
    """Put the house together. Raises Unavailable, Refused or SettingsRefused with what to do."""
    prompts, problems = load_prompts(data_folder / "prompts")
    for problem in problems:
        _log.error("recording stays off where this is needed: %s", problem)
    known = [(one.number, one.place, one.source) for one in settings.addresses_on_file]
    return House(
        tenant=settings.tenant, ledger=ledger, clock=clock,
        erasures=SqliteErasures(data_folder / "registers" / "erasures.sqlite"), engine=engines,
        addresses=AddressBook(known), governing=governor, served=settings.served,
        recorder_place=settings.recorder_place, lines=make_lines(settings),
        prompts={name: PromptFacts(str(one.version), one.sha256, one.duration_ms) for name, one in prompts.items()},
        keys=Keys(settings.yes_key, settings.no_key, settings.stop_key), on_failure=settings.failure,
        answer_s=settings.answer_s, ring_s=settings.ring_s, key_id=read_wrapping_key(data_folder / "keys").key_id,
        report=lambda call, error: _log.error("call %s: %s", call, error, exc_info=error),
        trunk_places={one.name: one.place for one in settings.trunks if one.place},
    )  # fmt: skip


def _doors(settings: Settings, data_folder: Path, register: ClientRegister) -> Doors:
    listeners = [one.within(data_folder) for one in settings.listeners]
    ca = str(data_folder / settings.sip_ca) if settings.sip_ca else ""
    return Doors(
        settings.tenant, listeners, register.clients, _secrets(data_folder, settings), realm=settings.sip_realm, calls=settings.calls, ca=ca,
        nameservers=settings.sip_nameservers, agent_srtp=settings.agent_srtp,
    )  # fmt: skip


def _secrets(data_folder: Path, settings: Settings) -> Secrets:
    """What is kept of the passwords of clients that are known by digest; nothing while it cannot be read."""
    kept = digest_secrets(data_folder, settings)

    def find(username: str) -> Mapping[Algorithm, str]:
        try:
            known = kept.find(username)
        except Unavailable as error:
            _log.error("clients that are known by digest cannot come in: %s", error)
            return {}
        kept_ha1 = known.ha1 if known is not None else {}
        return {one: kept_ha1[one] for one in ALGORITHMS if one in kept_ha1}

    return find


def _started(house: House, settings: Settings, data_folder: Path, law_version: str) -> Fact:
    digest = hashlib.sha256((data_folder / FILE).read_bytes()).hexdigest()
    body = {"settings_sha256": digest, "law_version": law_version, "failure": settings.failure}
    return Fact(house.clock.new_id(), house.tenant, "system.started", house.clock.now_us(), "", body)


def _unended(data_folder: Path, house: House) -> list[CallRecord]:
    """The calls that began and never ended, when nobody serves yet."""
    entries = read_stated(data_folder / "ledger" / house.tenant)
    return [one for one in read_calls(entries).values() if one.ledger_index < 0]


def _lost(house: House, record: CallRecord, why: str) -> Fact:
    """The account of a call that nobody can go on with."""
    body = _lost_body(record, why)
    return Fact(house.clock.new_id(), house.tenant, "call.ended", house.clock.now_us(), record.id, body)


def _lost_body(record: CallRecord, why: str) -> dict[str, Json]:
    return {
        "outcome": f"lost: {why}", "reason": "found at the next start", "call_ms": 0,
        "disclosed_ms": record.disclosed_ms, "captured_ms": record.captured_ms, "consent": record.consent, "legs": {},
        "gaps": [], "recordings": list(record.permitted),
    }  # fmt: skip


class _Interruptions:
    """Enters the ends of recordings whose engine died: the last chunk that reached the disk is their end."""

    def __init__(self, ledger: NotaryClient, clock: SystemClock) -> None:
        self._ledger, self._clock = ledger, clock
        self._tasks: set[asyncio.Task[None]] = set()

    def enter(self, tenant: str, call: str, account: CaptureAccount) -> None:
        """Enter one, until it stands."""
        task = asyncio.create_task(self._enter(tenant, call, account))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _enter(self, tenant: str, call: str, account: CaptureAccount) -> None:
        body: dict[str, Json] = {
            "recording": account.recording, "chunks": account.chunks, "head": account.head,
            "captured_ms": account.captured_ms, "cause": account.reason,
        }  # fmt: skip
        fact = Fact(self._clock.new_id(), tenant, "recording.interrupted", self._clock.now_us(), call, body)
        while True:
            try:
                await self._ledger.enter(fact)
                return
            except NotDurable:
                await asyncio.sleep(1)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), bytes.fromhex(sys.stdin.readline().strip())))
