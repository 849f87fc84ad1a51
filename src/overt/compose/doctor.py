"""`overt doctor`: what stands between this machine and lawful recording, and what to do about each."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import ssl
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from overt.adapters.database import FILE as DATABASE
from overt.adapters.database import open_database
from overt.adapters.key_files import load_signing_key, load_verifier_key
from overt.adapters.law_files import load_table
from overt.adapters.notary_client import NotaryClient
from overt.adapters.prompt_files import load_prompts
from overt.adapters.sql_accounts import SqlAccounts
from overt.adapters.system_clock import SystemClock
from overt.adapters.vault_keys import read_wrapping_key
from overt.compose.governing import PROMPTS, make_lines, publishing_rooms
from overt.compose.moment import NOTARY
from overt.compose.registering import client_rooms
from overt.config import Settings, SettingsRefused, load_settings
from overt.config_listeners import Listener
from overt.domain.errors import LawUnreadable, Refused
from overt.domain.law.reckoning import Reckoning, reckon
from overt.domain.law.table import Table
from overt.faces.console.assets import STATIC, read_assets
from overt.ledger.checkpoint import CheckpointBroken
from overt.ports import Unavailable
from overt.services.client_file import file_trouble
from overt.services.clients import ClientRooms, Registered, listed
from overt.services.governing import Publication
from overt.services.publishing import Checked, checked, current

FILES_PER_CALL = 12
WANTED_CALLS = 500
WANTED_RMEM = 1 << 20
LEAST_ROOM = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `stops` recording, is worth a `look`, or is `good`; and what to do."""

    name: str
    state: Literal["good", "look", "stops"]
    found: str
    remedy: str = ""


def examine(folder: Path) -> list[Finding]:
    """Run every check. Nothing is changed."""
    try:
        settings = load_settings(folder)
        make_lines(settings)
    except (SettingsRefused, Refused) as error:
        return [Finding("settings", "stops", str(error), "mend overt.toml")]
    return [Finding("settings", "good", f"{len(settings.lines)} lines, {len(settings.trunks)} trunks"),
            *(finding for check in CHECKS for finding in check(folder, settings))]  # fmt: skip


def _keys(folder: Path, _: Settings) -> Iterator[Finding]:
    try:
        load_signing_key(folder)
        load_verifier_key(folder / "keys" / "notary.vkey")
        key_id = read_wrapping_key(folder / "keys").key_id
    except (Unavailable, CheckpointBroken) as error:
        yield Finding(
            "keys", "stops", str(error), "restore the keys from your copy; `overt init` makes new ones elsewhere"
        )
        return
    loose = [path.name for path in (folder / "keys").glob("*.key") if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if loose:
        yield Finding("keys", "stops", f"{', '.join(loose)} can be read by others", "chmod 600 them, and ask who did")
    else:
        yield Finding("keys", "good", f"sealing to {key_id}")


def _prompts(folder: Path, settings: Settings) -> Iterator[Finding]:
    prompts, problems = load_prompts(folder / "prompts")
    needed = {f"{language}/{prompt}" for line in settings.lines for language in line.languages for prompt in PROMPTS}
    missing = sorted(needed - set(prompts))
    for problem in problems:
        yield Finding("prompts", "look", problem, "put the file back")
    if missing:
        yield Finding(
            "prompts", "stops", f"missing: {', '.join(missing)}", "put them into DATA/prompts with their table"
        )
    else:
        yield Finding("prompts", "good", f"{len(prompts)} prompts")


def _law(folder: Path, settings: Settings) -> Iterator[Finding]:
    """The table, and what a law demands of the operator that the settings do not say is so."""
    try:
        table = load_table(settings.law_folder(folder))
        law = reckon(table, Reckoning(SystemClock().today(), settings.profile, settings.served))
    except Refused as error:
        yield Finding("law", "stops", str(error), "mend that file, or take the setting law out")
        return
    verified = sum(row.verified.state == "verified" for rows in table.rows.values() for row in rows)
    shown = f"table {table.version}, {len(table.rows)} places, of which {verified} verified against the official text"
    yield Finding("law", "good", shown)
    if not settings.served:
        remedy = 'set served, ["US"] for the 50 states and DC; docs/law/locating.md'
        yield Finding(
            "law", "look", "served is not set: a caller whose place is not known must say yes expressly", remedy
        )
    for line in settings.lines:
        owed = law.demand("recording", line.agent_place).obligations if line.agent_place else ()
        duties = sorted(one.citation for one in owed if one.code == "employee_notice")
        if duties and not line.agent_notice_on_file:
            remedy = "have the agents acknowledge it, and set agent_notice_on_file to the day"
            yield Finding(
                "law", "look", f"line {line.name}: no agents' notice is on file ({'; '.join(duties)})", remedy
            )


def _policies(folder: Path, settings: Settings) -> Iterator[Finding]:
    """The book in force: whether it can be read, and whether law, lines and prompts still are what it was made for."""
    notary = NotaryClient(folder / NOTARY)  # it connects to nobody before it is asked
    try:
        table = load_table(settings.law_folder(folder))
        rooms = publishing_rooms(folder, settings, notary, table, proven=False)
        rules = asyncio.run(current(rooms))
    except LawUnreadable:
        return  # said already
    except (Unavailable, Refused) as error:
        yield Finding(
            "policies", "stops", str(error), "`overt ledger verify` says more; calls pass unrecorded meanwhile"
        )
        return
    finally:
        notary.close()
    if rules.trouble:
        yield Finding("policies", "stops", rules.trouble, "publish a book that can be read: `overt policy publish`")
    elif not rules.edition.version:
        yield Finding("policies", "good", "no book is published: each line of the settings rules itself")
    else:
        yield _judged(rules, checked(rooms, rules.text, rules), table, settings)


def _judged(rules: Publication, found: Checked, table: Table, settings: Settings) -> Finding:
    version, enabled = rules.edition.version, [one for one in rules.edition.book.policy if one.enabled]
    stopping = [str(one) for one in found.findings if one.level == "stops"]
    if stopping:
        return Finding("policies", "stops", f"version {version}: {'; '.join(stopping)}", "mend it, and publish it anew")
    codes = {one.name: one.law.basis.code for one in enabled if one.law.basis.code}
    bound = [name for name, code in codes.items() if table.bases[code].kind == "must_record"]
    if bound and settings.failure != "end-call":
        why = f"{', '.join(bound)} must be recorded, yet when recording fails calls go on ({settings.failure})"
        return Finding("policies", "look", why, 'failure = "end-call", if nobody may be served unrecorded then either')
    return Finding(
        "policies",
        "good",
        f"version {version}, published by {rules.by}: {len(enabled)} of {len(rules.edition.book.policy)} policies enabled",
    )


def _ports(folder: Path, settings: Settings) -> Iterator[Finding]:
    for one in settings.listeners:
        yield _listener(one.within(folder))
    pairs = (settings.rtp_last - settings.rtp_first + 1) // 2
    yield Finding("media ports", "good" if pairs >= 2 else "stops", f"room for {pairs // 2} calls at once")


def _listener(one: Listener) -> Finding:
    """Whether a listener could be served: its address is free, and its certificate can be read."""
    family = socket.AF_INET6 if ":" in one.address else socket.AF_INET
    kind = socket.SOCK_DGRAM if one.transport == "udp" else socket.SOCK_STREAM
    try:
        if one.transport == "tls":
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(one.certificate, one.key, password=lambda: "")
    except OSError as error:
        return Finding("SIP listener", "stops", f"{one}: certificate or key cannot be used: {error.strerror}",
                       "name a chain and its key in PEM, without a passphrase")  # fmt: skip
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
        try:
            probe.bind((one.address, one.port))
        except OSError as error:
            return Finding("SIP listener", "look", f"{one}: {error.strerror}",
                           "fine while `overt serve` runs; else stop what holds it, or change its port")  # fmt: skip
    return Finding("SIP listener", "good", f"{one} is free")


def _clock(_: Path, __: Settings) -> Iterator[Finding]:
    sane = time.time() > 1_767_225_600  # 2026-01-01: no entry can be older
    yield Finding("clock", "good" if sane else "stops", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
                  "" if sane else "set the clock; run an NTP client")  # fmt: skip


def _disk(folder: Path, _: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    yield Finding("disk", "good" if free > LEAST_ROOM else "look", f"{free >> 20} MiB free",
                  "" if free > LEAST_ROOM else "make room: a full disk stops recording")  # fmt: skip


def _limits(_: Path, __: Settings) -> Iterator[Finding]:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    enough = files >= WANTED_CALLS * FILES_PER_CALL
    yield Finding("open files", "good" if enough else "look", f"RLIMIT_NOFILE {files}: {files // FILES_PER_CALL} calls at once",
                  "" if enough else f"raise it to {WANTED_CALLS * FILES_PER_CALL}, for {WANTED_CALLS} calls")  # fmt: skip
    rmem = int(Path("/proc/sys/net/core/rmem_max").read_text())
    yield Finding("socket memory", "good" if rmem >= WANTED_RMEM else "look", f"net.core.rmem_max {rmem}",
                  "" if rmem >= WANTED_RMEM else f"sysctl -w net.core.rmem_max={WANTED_RMEM}")  # fmt: skip
    locked = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY or os.geteuid() == 0
    yield Finding("locked memory", "good" if locked else "look", "keys stay out of swap" if locked else "keys may reach swap",
                  "" if locked else "raise RLIMIT_MEMLOCK, or turn swap off")  # fmt: skip


def _separation(_: Path, __: Settings) -> Iterator[Finding]:
    yield Finding("separation", "look", "separation not enforced: all processes run under one account",
                  "run notary, opener and engines under accounts of their own (a later release ships units for that)")  # fmt: skip


def _lines(_: Path, settings: Settings) -> Iterator[Finding]:
    if not settings.lines:
        yield Finding("lines", "stops", "without a line no call can come", "write a [[line]] into overt.toml")


def _clients(folder: Path, settings: Settings) -> Iterator[Finding]:
    """Who may bring calls: whether anybody, whether each can come in, and whether what is attested was proven lately."""
    notary = NotaryClient(folder / NOTARY)  # it connects to nobody before it is asked
    try:
        rooms = client_rooms(folder, settings, notary, proven=False)
        known = asyncio.run(listed(rooms))
        troubles = [one for one in (_client_trouble(rooms, one, known) for one in known) if one is not None]
    except Unavailable as error:
        yield Finding("clients", "look", str(error), "the last good clients may bring calls meanwhile")
        return
    finally:
        notary.close()
    yield from troubles
    if not known:
        remedy = "`overt clients add NAME --address … --mode …`, or a [[trunk]] in overt.toml"
        yield Finding("clients", "stops", "nobody may bring calls", remedy)
    elif not troubles:
        attested = sum(one.client.attestation is not None for one in known)
        found = f"{len(known)} may bring calls" + (
            f"; of {attested} something is attested, and proven" if attested else ""
        )
        yield Finding("clients", "good", found)


def _client_trouble(rooms: ClientRooms, one: Registered, known: Sequence[Registered]) -> Finding | None:
    """What is to be done about a client; None when all is well."""
    client, name = one.client, one.client.name
    if one.trouble:
        return Finding(
            "clients", "look", one.trouble, f"it brings no calls: `overt clients remove {name}`, and add it anew"
        )
    standing = {other.client.name: other for other in known if other.entry >= 0}
    in_file = next((other for other in rooms.file if other.client.name == name), None)
    beside = file_trouble(in_file, standing) if in_file is not None else ""
    if beside:
        return Finding("clients", "look", beside, "mend overt.toml, or remove the other")
    kept = rooms.secrets.fingerprint(client.username) if client.username else ""
    if client.username and (not kept or (one.entry >= 0 and kept != one.fingerprint)):
        said = "another password is kept than the ledger names" if kept else "no password is kept for its digest"
        return Finding("clients", "look", f"{name}: {said}", f"`overt clients password {name}`")
    unproven = one.unproven(rooms.clock.now_us())
    if unproven:
        remedy = f"make a test call, listen to its recording, then `overt clients prove {name} --call ID --by PERSON`"
        return Finding("clients", "look", f"{name}: {unproven}", remedy)
    return None


def _console(folder: Path, settings: Settings) -> Iterator[Finding]:
    if not settings.web_port:
        yield Finding("console", "good", "turned off (web_port = 0)")
        return
    try:
        read_assets(STATIC)
        open_accounts = _open_accounts(folder, settings)
    except Unavailable as error:
        yield Finding("console", "look", str(error), "calls are recorded meanwhile; nobody sees them in a browser")
        return
    found = f"{settings.web_address}:{settings.web_port}, {open_accounts} open accounts"
    yield Finding("console", "good" if open_accounts else "look", found,
                  "" if open_accounts else "nobody can sign in: `overt accounts add NAME --role ROLE`")  # fmt: skip


def _open_accounts(folder: Path, settings: Settings) -> int:
    """How many may sign in. Raises Unavailable."""
    if not settings.database and not (folder / DATABASE).exists():
        return 0
    engine = open_database(settings, folder)
    try:
        return sum(one.state == "active" for one in SqlAccounts(engine).all(settings.tenant))
    finally:
        engine.dispose()


CHECKS: tuple[Callable[[Path, Settings], Iterator[Finding]], ...] = (
    _lines, _clients, _keys, _prompts, _law, _policies, _ports, _clock, _disk, _limits, _separation, _console,
)  # fmt: skip
