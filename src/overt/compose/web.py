"""The web process: console and API. It shows, asks the opener for what somebody may hear, and can neither open nor sign."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import sqlalchemy as sa
import uvicorn
from litestar.types import ASGIApp

from overt import __version__
from overt.adapters.case_files import parse_case_text
from overt.adapters.closed_process import close_memory
from overt.adapters.database import migrate, open_database
from overt.adapters.key_files import VERIFIER_KEY, load_verifier_key
from overt.adapters.law_files import load_table
from overt.adapters.ledger_window import LedgerWindow
from overt.adapters.log_lines import set_up_logs
from overt.adapters.notary_client import NotaryClient
from overt.adapters.number_hints import AddressBook
from overt.adapters.number_index import number_index
from overt.adapters.opener_client import OpenerClient
from overt.adapters.past_calls import PastCalls
from overt.adapters.playback_opus import OpusEncoding
from overt.adapters.prompt_files import load_prompts
from overt.adapters.sign_in_proofs import Argon2Passwords, TimedCodes, enrolment_address
from overt.adapters.signalling_client import SignallingClient
from overt.adapters.sql_accounts import SqlAccounts
from overt.adapters.sql_catalogue import SqlCatalogue
from overt.adapters.sql_holdings import SqlHoldings
from overt.adapters.system_clock import SystemClock
from overt.adapters.vitals_files import read_vitals
from overt.compose.counselling import never_recorded
from overt.compose.governing import make_lines, make_premises, publishing_rooms
from overt.compose.machine import Machine
from overt.compose.observing import pulse
from overt.compose.observing_web import observing_rooms
from overt.compose.reconciling import accounting_rooms
from overt.compose.registering import client_rooms
from overt.compose.web_app import make_app
from overt.config import Settings, SettingsRefused, load_settings
from overt.domain.errors import Refused
from overt.domain.foresight import LineNow
from overt.domain.law.table import Table
from overt.faces.console.assets import STATIC, read_assets
from overt.faces.http.bringing import BringingRooms
from overt.faces.http.playing import end_all, sweep
from overt.faces.http.rooms import Front, LawRooms, Pace, WebRooms
from overt.ledger.checkpoint import CheckpointBroken
from overt.ports import Unavailable
from overt.services.accounts import AccountRooms
from overt.services.counsel import Counsel
from overt.services.listening import ListeningRooms
from overt.services.rehearsing import RehearsingRooms
from overt.services.signing_in import SignInRooms
from overt.services.unended import end_unended

NOTARY, OPENER, SIGNALLING = "run/notary.sock", "run/opener.sock", "run/signalling.sock"
SWEEP_S = 5.0
STOPS_WITHIN_S = 3
PACE = Pace(
    ahead_s=10, times=2.5
)  # browsers read minutes ahead when they may; the player plays at twice the speed at most
SEND_BUFFER = 64 * 1024  # two seconds of sound: what waits in the kernel counts as sent, so little should
_log = logging.getLogger("overt.web")


class _Server(uvicorn.Server):
    """Uvicorn's, which tells our streams to end when it is told to stop."""

    def __init__(self, config: uvicorn.Config, rooms: WebRooms) -> None:
        super().__init__(config)
        self._rooms = rooms

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop serving; see uvicorn.Server."""
        self._rooms.serving = False
        super().handle_exit(sig, frame)


def main(data_folder: Path) -> int:
    """Serve until SIGTERM or SIGINT. Return the exit code: 3 when something is missing."""
    set_up_logs("web")
    close_memory(keys=False)
    try:
        settings = load_settings(data_folder)
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(data_folder, settings))
    except (Unavailable, SettingsRefused, Refused, CheckpointBroken, OSError) as error:
        _log.error("the console does not start: %s", error)
        return 3
    return 0


async def _serve(folder: Path, settings: Settings) -> None:
    assets = read_assets(STATIC)
    engine = open_database(settings, folder)
    await asyncio.to_thread(migrate, engine)
    ledger = NotaryClient(folder / NOTARY)
    rooms = make_rooms(folder, settings, engine, ledger)
    try:
        await asyncio.to_thread(_read_books, rooms)
        await _end_predecessors(rooms, LedgerWindow(folder / "ledger" / settings.tenant), SqlAccounts(engine))
        config = _uvicorn(settings, make_app(rooms, assets))
        async with _swept(rooms), pulse(folder, "web", dict):
            with _bound(settings) as door:
                _log.info("the console is at %s", rooms.front.origin)
                await _Server(config, rooms).serve(sockets=[door])
    finally:
        rooms.rehearsals.stop_all()
        ledger.close()
        engine.dispose()


def make_rooms(folder: Path, settings: Settings, engine: sa.Engine, ledger: NotaryClient) -> WebRooms:
    """Everything that the faces need. Raises Unavailable when a key cannot be read."""
    clock, store, origin = SystemClock(), SqlAccounts(engine), settings.origin
    accounts = AccountRooms(settings.tenant, ledger, clock, store, Argon2Passwords())
    demanded = settings.second_factor == "demanded"
    signing = SignInRooms(accounts, store, TimedCodes(), lambda: secrets.token_urlsafe(32), demanded)
    opener = OpenerClient(folder / OPENER)
    law = law_rooms(folder, settings)
    policies = policy_rooms(folder, settings, ledger, law.counsel.table)
    return WebRooms(
        Front(origin, origin.startswith("https:"), settings.tenant, __version__), signing,
        SqlCatalogue(engine, number_index(folder, make=True)), LedgerWindow(folder / "ledger" / settings.tenant),
        ListeningRooms(settings.tenant, ledger, clock, SqlHoldings(engine), opener, OpusEncoding), Machine(folder, settings).shown,
        {code: rows[-1].name for code, rows in law.counsel.table.rows.items()}, load_verifier_key(folder / VERIFIER_KEY).text,
        lambda secret, account: enrolment_address(secret, account, f"Overt ({urlsplit(origin).netloc})"), law,
        policies, accounting_rooms(folder, settings), bringing_rooms(folder, settings, ledger), pace=PACE, observing=observing_rooms(folder, settings),
    )  # fmt: skip


def bringing_rooms(folder: Path, settings: Settings, ledger: NotaryClient) -> BringingRooms:
    """The register of clients and the way to calls under way. Raises Unavailable."""
    clients = client_rooms(folder, settings, ledger)
    return BringingRooms(clients, lambda: read_vitals(folder), SignallingClient(folder / SIGNALLING))


def law_rooms(folder: Path, settings: Settings) -> LawRooms:
    """Who answers questions of law. Addresses on file are left out: whoever may ask should not learn where callers live."""
    prompts, _ = load_prompts(folder / "prompts")
    texts = {name: one.text for name, one in prompts.items()}
    counsel = Counsel(load_table(settings.law_folder(folder)), AddressBook([]), texts, never_recorded)
    recorder = (settings.recorder_place,) if settings.recorder_place else ()
    return LawRooms(
        counsel, lambda text: parse_case_text(text, "the cases"), settings.served, recorder, settings.profile
    )


def policy_rooms(folder: Path, settings: Settings, ledger: NotaryClient, table: Table) -> RehearsingRooms:
    """The policy books, and what is needed to rehearse one. Raises Refused, Unavailable."""
    publishing, premises = publishing_rooms(folder, settings, ledger, table), make_premises(settings, table)
    lines = {one.policy.name: LineNow(one.policy, one.queue, one.team) for one in make_lines(settings).values()}
    past = PastCalls(folder / "ledger" / settings.tenant)
    return RehearsingRooms(publishing, past, settings.served, lines, premises.local_time, premises.never_record)


def _read_books(rooms: WebRooms) -> None:
    """Read the ledger's log for published books once, before anybody waits for it: later it is read on from there."""
    try:
        rooms.policies.publishing.publications.all()
    except Unavailable as error:
        _log.error("the published policy books cannot be read yet: %s", error)


async def _end_predecessors(rooms: WebRooms, window: LedgerWindow, accounts: SqlAccounts) -> None:
    """Enter an end for what a web process that was killed gave. Those of the settings' accounts are the commands' own."""
    tenant = rooms.front.tenant
    try:
        grants = await asyncio.to_thread(window.unended)
        ours = [one for one in grants if accounts.find(tenant, str(one.body["actor"])) is not None]
        ended = await end_unended(rooms.listening, ours)
    except Unavailable as error:
        _log.error("listenings of a web process before us could not be ended yet: %s", error)
        return
    if ended:
        _log.warning("%d listenings of a web process before us were ended; how much was sent is not known", ended)


@asynccontextmanager
async def _swept(rooms: WebRooms) -> AsyncIterator[None]:
    """End what nobody listens to any more, now and then; and everything when we stop."""

    async def sweeping() -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await sweep(rooms)
            except Unavailable as error:
                _log.error("an idle listening could not be ended yet: %s", error)

    task = asyncio.create_task(sweeping())
    try:
        yield
    finally:
        task.cancel()
        with suppress(Unavailable):
            await end_all(rooms, "the server stopped")


def _uvicorn(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, lifespan="off",
        proxy_headers=bool(settings.web_proxies), forwarded_allow_ips=list(settings.web_proxies),
        timeout_graceful_shutdown=STOPS_WITHIN_S, timeout_keep_alive=30, h11_max_incomplete_event_size=32_768,
        ssl_certfile=settings.web_certificate or None, ssl_keyfile=settings.web_key or None,
    )  # fmt: skip


@contextmanager
def _bound(settings: Settings) -> Iterator[socket.socket]:
    """The listening socket. Bound here, so that a port that is taken is said in our words. Raises OSError."""
    family = socket.AF_INET6 if ":" in settings.web_address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # each connection takes it over
        try:
            door.bind((settings.web_address, settings.web_port))
        except OSError as error:
            raise OSError(f"{settings.web_address}:{settings.web_port}: {error.strerror}; change web_port") from error
        yield door


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
