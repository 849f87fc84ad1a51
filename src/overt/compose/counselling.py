"""Counsel for the commands: the law as the package ships it or an operator's folder, the prompts' words, no settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from overt.adapters.case_files import read_cases
from overt.adapters.law_files import load_table
from overt.adapters.number_hints import AddressBook, load_numbering
from overt.adapters.prompt_files import load_prompts
from overt.adapters.system_clock import SystemClock
from overt.domain.book import PolicyBook
from overt.domain.book_toml import parse_book
from overt.domain.errors import PolicyRefused
from overt.domain.law.reckoning import Profile
from overt.domain.numbers import never_record
from overt.services.counsel import Counsel
from overt.services.trying import Tries, examples, try_all


def counsel(law: Path | None) -> Counsel:
    """Counsel on a folder's law, or ours. Raises LawUnreadable."""
    prompts, _ = load_prompts(None)
    texts = {name: one.text for name, one in prompts.items()}
    return Counsel(load_table(law), AddressBook([]), texts, never_recorded)


def never_recorded(caller: str, called: str, own: Sequence[str]) -> str:
    """Why a call between two numbers is never recorded, by the emergency numbers of all countries and the `own` list."""
    return never_record(caller, called, load_numbering(), own)


def today() -> str:
    """The day, UTC, as an ISO date."""
    return SystemClock().today()


def try_cases(file: Path | None, law: Path | None, on: str, served: tuple[str, ...], profile: Profile) -> Tries:
    """Try the cases of a file, or every example of the table where none is named. Raises LawUnreadable."""
    table = load_table(law)
    cases = examples(table, on) if file is None else read_cases(file)
    return try_all(table, cases, on, served, profile)


def read_book(path: Path) -> PolicyBook:
    """Read a policy book. Raises PolicyRefused, and BookRefused with everything that is wrong with its shape."""
    try:
        return parse_book(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise PolicyRefused(f"{path}: the book is not UTF-8, from byte {error.start} on") from error
    except OSError as error:
        raise PolicyRefused(f"{path}: {error.strerror}") from error
