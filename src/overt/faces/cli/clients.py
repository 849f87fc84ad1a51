"""`overt clients`: who may bring calls. Exit codes: 0 done, 1 refused or not permitted, 2 usage, 3 something is down."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from overt.compose import clients
from overt.domain.client_fields import BEFORE, FIELDS, FORM_WORDS, MODES, SRTP
from overt.domain.errors import ClientRefused
from overt.faces.cli.options import NEGATIVE, USAGE, AsJson, Folder, end, made, translated, wide
from overt.faces.cli.passwords import read_password
from overt.services.client_shown import Seen, as_json, shown_agent

clients_app = typer.Typer(help="Who may bring calls: trunks, and recording clients (SIPREC).", no_args_is_help=True)
LONGEST_PASSWORD = 256
Name = Annotated[str, typer.Argument(help="The client's name.")]
By = Annotated[str, typer.Option(help="The person who signs for it.")]
Why = Annotated[str, typer.Option(help="Why. It stands in the ledger for good.")]
PasswordFile = Annotated[
    str, typer.Option(help="A file whose first line is the password; - for standard input.", metavar="FILE")
]


def _said(name: str, *choices: str) -> Any:
    return typer.Option(help=FIELDS[name][1], metavar="|".join(choices) or None)


@clients_app.callback()
def group() -> None:
    """Who may bring calls: trunks, and recording clients (SIPREC)."""


@clients_app.command("add")
def add(
    data: Folder,
    name: Name,
    mode: Annotated[str, _said("mode", *MODES)],
    by: By,
    why: Why,
    address: Annotated[list[str] | None, _said("address", "IP", "CIDR")] = None,
    certificate: Annotated[str, _said("certificate", "NAME", "sha256:…")] = "",
    digest: Annotated[str, typer.Option(help=f"{FIELDS['digest'][1]} The password is asked for.", metavar="USER")] = "",
    password_file: PasswordFile = "",
    attest: Annotated[str, typer.Option(help=f"{FIELDS['attest'][1]} Several with commas.")] = "",
    form: Annotated[str, _said("form", *FORM_WORDS)] = "",
    before: Annotated[str, _said("before", *BEFORE)] = "",
    digits: Annotated[bool, _said("digits")] = False,
    answer_s: Annotated[int, _said("answer_s")] = 0,
    replays: Annotated[bool, _said("replays")] = False,
    anywhere: Annotated[bool, _said("anywhere")] = False,
    line: Annotated[str, _said("line")] = "",
    agents: Annotated[list[str] | None, _said("agents", "NUMBER", "DOMAIN")] = None,
    place: Annotated[str, _said("place")] = "",
    srtp: Annotated[str, _said("srtp", *SRTP)] = "",
    as_json_: AsJson = False,
) -> None:
    """Add a client. It may bring calls within a second, also while `overt serve` runs."""
    if password_file and not digest:
        end(USAGE, "--password-file goes with --digest")
    fields = {
        "name": name, "mode": mode, "address": address or [], "certificate": certificate, "digest": digest,
        "attest": [one.strip() for one in attest.split(",") if one.strip()], "form": form, "before": before,
        "digits": digits, "answer_s": answer_s, "replays": replays, "anywhere": anywhere, "line": line, "agents": agents or [], "place": place, "srtp": srtp,
    }  # fmt: skip
    with translated(), _refusals():
        folder = made(data)
        password = _password(password_file) if digest else ""
        done = clients.add_client(folder, fields, by, why, password)
    _tell(done, f"{name} may bring calls.", as_json_)


@clients_app.command("list")
def list_clients(data: Folder, as_json_: AsJson = False) -> None:
    """List every client: how it is known, what is attested of it, when that was proven, how it fares; and the strangers of late."""
    with translated(), _refusals():
        found, strangers = clients.list_clients(made(data)), clients.list_strangers(made(data))
    if as_json_:
        told = {"clients": [as_json(one) for one in found], "strangers": [asdict(one) for one in strangers]}
        print(json.dumps(told, ensure_ascii=False))
        return
    _print_clients(found)
    if strangers:
        table = Table("stranger", "tried", "times", "last (UTC)", "calls itself")
        for one in strangers:
            words = (
                f"{one.address} {one.transport}",
                ", ".join(one.tried),
                str(one.attempts),
                _at(one.at_us),
                one.tool,
            )
            table.add_row(*map(escape, words))
        wide().print(table)


def _print_clients(found: Sequence[Seen]) -> None:
    if not found:
        print("Nobody may bring calls yet: `overt clients add NAME --address … --mode …`.", file=sys.stderr)
        return
    table = Table("client", "mode", "known by", "attested", "proven (UTC)", "last seen (UTC)", "calls", "state")
    for one in found:
        client, fares = one.known.client, one.fares
        table.add_row(
            client.name, client.mode, ", ".join(_known_by(one)), _attested(one), _proven(one),
            _at(fares.last_seen_us) if fares is not None else "", str(fares.calls) if fares is not None else "", one.state,
        )  # fmt: skip
    wide().print(table)


@clients_app.command("show")
def show(data: Folder, name: Name, as_json_: AsJson = False) -> None:
    """Show a client: what was said of it, who signed for it and why, and what it does wrong, in sentences."""
    with translated(), _refusals():
        found = clients.show_client(made(data), name)
    if as_json_:
        print(json.dumps({"client": as_json(found)}, ensure_ascii=False))
        return
    table = Table(title=None, box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for about, words in _described(found):
        table.add_row(about, words.replace("[", r"\["))
    wide().print(table)


@clients_app.command("remove")
def remove(data: Folder, name: Name, by: By, why: Why, as_json_: AsJson = False) -> None:
    """Take a client away: its next call is a stranger's. Calls under way go on."""
    with translated(), _refusals():
        done = clients.remove_client(made(data), name, by, why)
    _tell(replace(done, unproven=""), f"{name} may bring no more calls.", as_json_)


@clients_app.command("prove")
def prove(
    data: Folder,
    name: Name,
    call: Annotated[str, typer.Option(help="The id of the test call.", metavar="ID")],
    by: Annotated[str, typer.Option(help="The person who heard the announcement on its recording.")],
    as_json_: AsJson = False,
) -> None:
    """Say that the announcement was heard on the recording of a test call: that proves what is attested of a client.

    The ledger must bear it out: this client brought the call, it was recorded, and somebody listened to it.
    """
    with translated(), _refusals():
        done = clients.prove_client(made(data), name, call, by)
    _tell(done, f"What is attested of {name} is proven.", as_json_)


@clients_app.command("password")
def password(data: Folder, name: Name, password_file: PasswordFile = "", as_json_: AsJson = False) -> None:
    """Set the password of a client's digest: only hashes of it are kept, in DATA/keys/digests.json."""
    with translated(), _refusals():
        done = clients.give_password(made(data), name, _password(password_file))
    _tell(done, f"{name} has a new password.", as_json_)


# ------------------------------------------------------------------------------------------ in and out


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except ClientRefused as refused:
        end(NEGATIVE, str(refused))


def _password(source: str) -> str:
    """The password from where it was said to be, else asked for on the terminal."""
    if source:
        return read_password(source, LONGEST_PASSWORD, "overt clients")
    if not sys.stdin.isatty():
        end(USAGE, "give the password with --password-file FILE (- for standard input): there is no terminal to ask on")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _tell(done: Seen, sentence: str, as_json_: bool) -> None:
    if as_json_:
        print(json.dumps({"client": as_json(done)}, ensure_ascii=False))
        return
    print(sentence)
    if done.unproven:
        print(f"{done.unproven[0].upper()}{done.unproven[1:]}: make one, listen to it, then `overt clients prove`.")


def _at(us: int) -> str:
    return datetime.fromtimestamp(us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M") if us else "never"


def _known_by(one: Seen) -> list[str]:
    client = one.known.client
    certificate = f"{client.certificate[:15]}…" if client.certificate.startswith("sha256:") else client.certificate
    return [*client.addresses, *([certificate] if certificate else []),
            *([f"digest {client.username}"] if client.username else [])]  # fmt: skip


def _attested(one: Seen) -> str:
    attested = one.known.client.attestation
    return f"{', '.join(attested.purposes) or 'telling'} ({attested.by})" if attested is not None else ""


def _proven(one: Seen) -> str:
    proven = one.known.proven
    when = _at(proven.at_us) if proven is not None else "never"
    return "" if one.known.client.attestation is None else f"{when}{' !' if one.unproven else ''}"


def _described(one: Seen) -> Iterator[tuple[str, str]]:
    known, fields = one.known, as_json(one)
    for name in ("name", "mode"):
        yield name, fields[name]
    yield "state", known.trouble or {"waits": "entered when `overt serve` starts"}.get(one.state, one.state)
    yield "known by", ", ".join(_known_by(one))
    for name in ("place", "line", "before", "srtp", "form", "answer_s"):
        if fields[name]:
            yield name, str(fields[name])
    for name in ("digits", "replays", "anywhere"):
        if fields[name]:
            yield name, FIELDS[name][1]
    if known.client.agents:
        yield "agents", ", ".join(shown_agent(agent) for agent in known.client.agents)
    if known.client.attestation is not None:
        yield "attested", f"{', '.join(fields['attest'])}, since {fields['since'] or 'the next start'}"
        yield "proven (UTC)", f"{_proven(one).rstrip(' !')}{f': {one.unproven}' if one.unproven else ''}"
    yield "signed for by", f"{known.by}: {known.why}"
    yield (
        "entered",
        f"{_at(known.at_us)}, entry {known.entry}, by {known.entered_by}" if known.entry >= 0 else "not yet",
    )
    if one.fares is not None:
        yield "last seen (UTC)", _at(one.fares.last_seen_us)
        yield "calls", f"{one.fares.calls} since `overt serve` started, {one.fares.refused} refused"
        for said in one.fares.sentences:
            yield _at(said.at_us), said.sentence
