"""`overt policy`: what calls are ruled by. Exit codes: 0 done, 1 refused or not permitted, 2 usage, 3 something is down."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from overt.compose import policies
from overt.domain.book import Policy
from overt.domain.book_toml import LARGEST_BYTES
from overt.domain.book_words import describe_policy
from overt.domain.errors import BookRefused, Finding, PolicyRefused
from overt.faces.cli.options import NEGATIVE, USAGE, AsJson, Folder, end, made, translated, wide
from overt.faces.cli.rehearse import rehearse
from overt.services.governing import Publication
from overt.services.publishing import Checked

policy_app = typer.Typer(help="What calls are ruled by.", no_args_is_help=True)
Version = Annotated[
    int | None, typer.Option(min=0, help="That version; 0 is what the settings' lines say. Else the one in force.")
]
Book = Annotated[str, typer.Argument(help="A policy book (TOML); - for standard input.", metavar="FILE")]
Reason = Annotated[str, typer.Option(help="Why. It stands in the ledger for good.")]
InsteadOf = Annotated[
    int | None, typer.Option(min=0, help="The version that you changed: refused when another is in force by now.")
]
NOTHING = "No policy book is published: each line of the settings rules its own calls, as version 0 says."


@policy_app.callback()
def policy() -> None:
    """What calls are ruled by."""


@policy_app.command("show")
def show(data: Folder, version: Version = None, as_json: AsJson = False) -> None:
    """Show the policy book in force, or an earlier version: who published it and why, and what each policy says."""
    with translated(), _refusals():
        found = policies.shown(made(data), version)
    if as_json:
        print(json.dumps(_as_json(found), ensure_ascii=False))
        return
    print(_headline(found))
    if found.trouble:
        end(NEGATIVE, f"{found.trouble}. Publish a book that can be read; until then the last good one rules.")
    book = found.edition.book
    console = wide()
    for number, one in enumerate(book.policy, 1):
        console.print(_described(number, one))
    for title, lines in (
        ("Never recorded", [f"{one.number}: {one.reason}" for one in book.never_record]),
        ("Read the loose way", [f"{one.place}: {one.reason} ({one.by})" for one in book.relax]),
        ("Held stricter", [f"{one.place}: {one.form}, {one.reason} ({one.by})" for one in book.stricter]),
    ):
        if lines:
            console.print(f"\n{title}", markup=False)
        for line in lines:
            console.print(f"  {line}", markup=False)


@policy_app.command("history")
def history(data: Folder, as_json: AsJson = False) -> None:
    """List every book that was published, the newest first: who, when, why, and what it changed."""
    with translated():
        found = policies.told_history(made(data))
    if as_json:
        print(json.dumps({"versions": [_as_json(one) for one in found]}, ensure_ascii=False))
        return
    if not found:
        print(NOTHING, file=sys.stderr)
        return
    for one in found:
        print(_headline(one))
        for change in one.changes:
            print(f"  {change}")
        if one.trouble:
            print(f"  {one.trouble}")


@policy_app.command("check")
def check(data: Folder, file: Book, as_json: AsJson = False) -> None:
    """Say everything that is wrong with a policy book, and what it would change. Exit code 1 when it cannot be published."""
    with translated():
        found = policies.check_text(made(data), _text(file))
    if as_json:
        told = {"may_be_published": found.may_be_published, "changes": list(found.changes)}
        print(json.dumps({**told, "findings": [_finding(one) for one in found.findings]}, ensure_ascii=False))
    else:
        _print_findings(found.findings)
        _print_changes(found)
        print("It can be published." if found.may_be_published else "It cannot be published.")
    raise typer.Exit(0 if found.may_be_published else NEGATIVE)


@policy_app.command("publish")
def publish(data: Folder, file: Book, reason: Reason, instead_of: InsteadOf = None, as_json: AsJson = False) -> None:
    """Publish a policy book: it is checked whole, entered in the ledger, and rules from the next call on."""
    text = _text(file)
    with translated(), _refusals():
        done, warned = policies.publish_text(made(data), text, reason, instead_of)
    if as_json:
        print(json.dumps(_as_json(done), ensure_ascii=False))
        return
    _print_findings(warned)
    print(_headline(done))
    for change in done.changes:
        print(f"  {change}")
    print("It rules from the next call on; calls in progress keep what they began with.")


@policy_app.command("import")
def import_book(
    data: Folder, file: Book, reason: Reason, instead_of: InsteadOf = None, as_json: AsJson = False
) -> None:
    """Publish a book that `overt policy export` wrote, here or elsewhere: the same as `publish`."""
    publish(data, file, reason, instead_of, as_json)


@policy_app.command("export")
def export(
    data: Folder,
    version: Version = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where it goes; else standard output.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the text of the book in force, or of an earlier version, exactly as it was published."""
    with translated(), _refusals():
        found = policies.shown(made(data), version)
        if found.trouble:
            end(NEGATIVE, found.trouble)
        if out is not None:
            out.write_bytes(found.text.encode())
    if as_json:
        print(json.dumps(_as_json(found), ensure_ascii=False))
    elif out is None:
        sys.stdout.write(found.text)
    else:
        print(f"{out}: {_named(found)}")


policy_app.command("rehearse")(rehearse)


# ------------------------------------------------------------------------------------------ in and out


@contextmanager
def _refusals() -> Iterator[None]:
    """What a book, or its publishing, is refused for: every finding, and exit code 1."""
    try:
        yield
    except BookRefused as refused:
        _print_findings(refused.findings, refused=True)
        end(NEGATIVE, "It was not published; nothing was changed.")
    except PolicyRefused as refused:
        end(NEGATIVE, str(refused))


def _text(file: str) -> str:
    """A book's text, exactly as it is written, from a file or standard input. Somewhat too much is told from whole."""
    try:
        if file == "-":
            return sys.stdin.buffer.read(LARGEST_BYTES + 1).decode()
        with Path(file).open("rb") as book:
            return book.read(LARGEST_BYTES + 1).decode()
    except OSError as error:
        end(USAGE, f"{file} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        end(USAGE, f"{file} is no text in UTF-8")


def _named(found: Publication) -> str:
    version = found.edition.version
    return f"version {version} of the policy book" if version else "what the settings' lines say (version 0)"


def _headline(found: Publication) -> str:
    if found.entry < 0:
        return f"Version 0: what the settings' lines say. SHA-256 {found.edition.sha256}\n{NOTHING}"
    at = datetime.fromtimestamp(found.at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    title = f" «{found.edition.book.title}»" if found.edition.book.title else ""
    reason = " ".join(found.reason.split())  # on one line, so that none of it looks like another version
    return (
        f"Version {found.edition.version}{title}, published by {found.by} on {at}: {reason}\n"
        f"Entry {found.entry} of the ledger; law table {found.law_version}; SHA-256 {found.edition.sha256}"
    )


def _described(number: int, one: Policy) -> Table:
    table = Table(title=None, box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    off = "" if one.enabled else " (not enabled)"
    table.add_row(f"\n{number}.", f"\n{_plain(one.name)}{off}, answered for by {_plain(one.responsible)}")
    for clause in describe_policy(one):
        table.add_row(clause.about, _plain(clause.words))
    return table


def _plain(text: str) -> str:
    """A text in which rich sees no markup."""
    return text.replace("[", r"\[")


def _print_findings(findings: Sequence[Finding], *, refused: bool = False) -> None:
    for one in findings:
        print(f"{one.level.upper():5}  {one}", file=sys.stderr if refused else sys.stdout)


def _print_changes(found: Checked) -> None:
    for change in found.changes:
        print(f"  {change}")
    if found.book is not None and not found.changes:
        print("  It says what is in force already.")


def _finding(one: Finding) -> dict[str, Any]:
    return {"level": one.level, "policy": one.policy, "text": one.text, "hint": one.hint}


def _as_json(found: Publication) -> dict[str, Any]:
    return {
        "version": found.edition.version, "sha256": found.edition.sha256, "ledger_index": found.entry,
        "published_us": found.at_us, "by": found.by, "reason": found.reason, "law_version": found.law_version,
        "law_sha256": found.law_sha256, "changes": list(found.changes), "trouble": found.trouble, "book": found.text,
    }  # fmt: skip
