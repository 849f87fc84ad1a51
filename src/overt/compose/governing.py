"""What rules the calls of a data folder: the settings' lines, and the books that were published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from overt.adapters.key_files import VERIFIER_KEY, load_verifier_key
from overt.adapters.number_hints import load_numbering
from overt.adapters.prompt_files import load_prompts
from overt.adapters.published_books import Proof, PublishedBooks
from overt.adapters.system_clock import SystemClock, known_timezones, local_time
from overt.config import Settings
from overt.domain.book import PolicyBook, book_of_lines
from overt.domain.book_policy_checks import Known
from overt.domain.book_toml import book_sha256, write_book
from overt.domain.disclosure import scripts_in
from overt.domain.law.table import Table
from overt.domain.numbers import never_record
from overt.domain.policy import LinePolicy
from overt.services.governing import Governor, Premises
from overt.services.house import Line
from overt.services.listening import ProvingLedger
from overt.services.publishing import PublishingRooms

LOCK = "run/policy.lock"
# What must be there in a language, besides a script's own announcements, before a policy may tell in it.
PROMPTS = ("announce", "announce-ask", "question", "yes-thanks", "no-thanks", "stopped", "unavailable", "cue-recorded",
           "cue-not-recorded", "recording-failed")  # fmt: skip


def make_lines(settings: Settings) -> dict[str, Line]:
    """Every called number with its line. Raises PolicyRefused."""
    lines: dict[str, Line] = {}
    for one in settings.lines:
        policy = LinePolicy(
            one.name, one.telling, one.chosen_by, one.purpose, one.languages, one.agent_place,
            one.agent_notice_on_file, one.retention_days,
        )  # fmt: skip
        for number in one.numbers:
            lines[number] = Line(policy, one.agent, one.queue, one.team)
    return lines


def settings_book(settings: Settings) -> PolicyBook:
    """The book that the settings' lines amount to. Raises PolicyRefused."""
    lines = make_lines(settings).values()
    return book_of_lines(list({line.policy.name: line.policy for line in lines}.values()))


def make_premises(settings: Settings, table: Table) -> Premises:
    """What rules calls besides a published book. Raises Refused."""
    numbering, book = load_numbering(), settings_book(settings)
    here = {
        place.partition("-")[0] for place in settings.served or (settings.recorder_place,)
    }  # countries are asked for
    return Premises(
        table, settings.profile, settings.served, book, book_sha256(write_book(book)), local_time,
        lambda caller, called, own: never_record(caller, called, numbering, own, here),
    )  # fmt: skip


def make_governor(
    data_folder: Path, settings: Settings, table: Table, ledger: ProvingLedger, report: Callable[[Exception], None]
) -> Governor:
    """What rules the calls of a signalling process. Raises Refused, Unavailable."""
    return Governor(make_premises(settings, table), books(data_folder, settings, ledger), SystemClock(), report)


def books(data_folder: Path, settings: Settings, ledger: ProvingLedger | None) -> PublishedBooks:
    """The published books; proven by the ledger where there is a notary to ask. Raises Unavailable."""
    proof = Proof(ledger, load_verifier_key(data_folder / VERIFIER_KEY)) if ledger is not None else None
    return PublishedBooks(data_folder / "ledger" / settings.tenant, data_folder / LOCK, proof)


def publishing_rooms(
    data_folder: Path, settings: Settings, ledger: ProvingLedger, table: Table, *, proven: bool = True
) -> PublishingRooms:
    """What publishing needs at hand, for commands and for the web. Raises Refused, Unavailable.

    Not `proven`: the ledger's files are believed, as by every command that only reads; `overt ledger verify` checks them.
    """
    clock, prompts = SystemClock(), frozenset(load_prompts(data_folder / "prompts")[0])
    agents = [line.agent_place for line in settings.lines if line.agent_place]
    recorder = [settings.recorder_place] if settings.recorder_place else []
    trunks = [trunk.place for trunk in settings.trunks if trunk.place]
    known = Known(
        scripts=_scripts(prompts), timezones=known_timezones(), lines=[line.name for line in settings.lines],
        places=tuple(dict.fromkeys((*settings.served, *agents, *recorder, *trunks))), unserved=not settings.served,
        profile=settings.profile, on=clock.today(),
    )  # fmt: skip
    published = books(data_folder, settings, ledger if proven else None)
    return PublishingRooms(settings.tenant, ledger, clock, published, table, known, prompts, settings_book(settings))


def _scripts(prompts: frozenset[str]) -> Mapping[str, frozenset[str]]:
    """The scripts that there are, with the languages in which all is there that a call may need to be told."""
    able = {name.partition("/")[0] for name in prompts}
    able -= {one for one in able for prompt in PROMPTS if f"{one}/{prompt}" not in prompts}
    return {script: languages & able for script, languages in scripts_in(prompts).items()}
