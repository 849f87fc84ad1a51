"""Settings: one table of what may stand in `overt.toml`, parsed once into frozen values.

`SETTINGS` is the table: name, kind, default (or REQUIRED), and one line of help. The sections that may come many times
(`[[listener]]`, `[[trunk]]`, `[[client]]`, `[[line]]`, `[[account]]`, `[[address_on_file]]`) are the tables below it.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from overt.config_clients import FileClient, bringing
from overt.config_clients import Trunk as Trunk
from overt.config_listeners import Listener, default_listeners, listener_problems
from overt.domain.clients import Client
from overt.domain.errors import ClientRefused
from overt.domain.expected_calls import parse_expected
from overt.domain.location import expand

AgentSrtp = Literal["off", "tls", "required"]
OnFailure = Literal["end-call", "stop-and-tell", "stop-and-flag"]
FILE = "overt.toml"
REQUIRED = object()
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


class SettingsRefused(Exception):
    """The settings cannot be used; the text names the setting and what to do."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its kind, its default, the values that it may have (any when empty), and what it means."""

    kind: type
    default: Any
    meaning: str
    choices: tuple[str, ...] = ()


SETTINGS: Mapping[str, Setting] = {
    "tenant": Setting(str, "main", "The tenant in every id, path, key and ledger origin."),
    "failure": Setting(
        str, REQUIRED, "What happens to a call when recording fails. There is no default.",
        ("end-call", "stop-and-tell", "stop-and-flag"),
    ),
    "recorder_place": Setting(str, "", "Where this machine records: an ISO 3166 code such as US-GA."),
    "served": Setting(list, [], "The places that the lines serve; «US» stands for the 50 states and DC. Unset: strictest."),
    "law": Setting(str, "", "A folder of law files that take the place of ours of the same name; empty: the law as shipped."),
    "profile": Setting(str, "standard", "How sure an accepted form of consent must be.", ("standard", "strict")),
    "sip_address": Setting(str, "127.0.0.1", "The address on which SIP is served."),
    "sip_port": Setting(int, 5060, "The port on which SIP is served, UDP and TCP."),
    "sip_tcp": Setting(bool, True, "Whether SIP is served over TCP too."),
    "sip_realm": Setting(str, "overt", "The realm in which clients that are known by digest prove themselves."),
    "sip_ca": Setting(str, "", "Who vouches for the TLS servers that we call (PEM); empty: whom this machine trusts."),
    "sip_nameservers": Setting(list, [], "Name servers for the names that we call; empty: those of this machine."),
    "agent_srtp": Setting(
        str, "tls", "Which agents are offered encrypted sound (SRTP): those called over TLS, all (required), or none.",
        ("tls", "required", "off"),
    ),
    "calls": Setting(int, 0, "The most calls at once; one more gets 503 and Retry-After. 0: no bound but the media ports."),
    "rtp_address": Setting(str, "127.0.0.1", "The address to which parties send their sound."),
    "rtp_first": Setting(int, 16384, "The first media port."),
    "rtp_last": Setting(int, 32767, "The last media port."),
    "engines": Setting(int, 0, "How many media engines; 0 for one less than there are cores, at least one."),
    "rtp_timeout_s": Setting(int, 30, "A leg from which nothing came for so long is over."),
    "ring_s": Setting(int, 30, "How long an agent is rung."),
    "answer_s": Setting(int, 6, "How long a caller has for an answer, after the question."),
    "yes_key": Setting(str, "1", "The key that allows recording."),
    "no_key": Setting(str, "2", "The key that refuses it."),
    "stop_key": Setting(str, "*", "The key that stops recording at any time; the other party does not hear it."),
    "database": Setting(
        str, "", "Where catalogue and accounts are: a postgresql:// address; empty for DATA/registers/overt.sqlite."
    ),
    "web_address": Setting(str, "127.0.0.1", "The address on which the console and the API are served."),
    "web_port": Setting(int, 8480, "Their port; 0 turns both off."),
    "web_origin": Setting(str, "", "How browsers reach the console, as https://overt.example; empty for address and port."),
    "web_certificate": Setting(str, "", "A certificate chain (PEM) for https, with web_key; needed off this machine."),
    "web_key": Setting(str, "", "The certificate's private key (PEM)."),
    "web_proxies": Setting(list, [], "Addresses of reverse proxies whose X-Forwarded-For and -Proto are believed."),
    "account_loss_percent": Setting(
        int, 1, "How many of a hundred packets a leg may lose before its call's account says that it has losses."
    ),
    "second_factor": Setting(
        str, "demanded", "Whether everybody who signs in must set up a one-time code.", ("demanded", "offered")
    ),
    "metrics": Setting(
        str, "token", "Who may read /metrics: whoever has a token, anybody on this machine (open), nobody.", ("token", "open", "off")
    ),
    "log_format": Setting(str, "text", "How the log's lines are written on standard error.", ("text", "json")),
    "ladder_days": Setting(int, 14, "For how many days the masked SIP messages of each call are kept; 0 for none."),
    "expect_calls": Setting(list, [], "When calls must come, or an alarm is raised: \"pbx Mo-Fr 09:00-17:00 30m\", hours in UTC."),
    "hep_server": Setting(str, "", "Where SIP messages are exported to (Homer, HEP3 over UDP), as homer.example:9060; empty for none."),
    "hep_id": Setting(int, 2001, "By which number Homer knows this node."),
    "hep_key": Setting(str, "", "The password that Homer asks for."),
    "hep_mask": Setting(bool, True, "Whether numbers, names, keys and metadata are masked before they are exported."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A line: the numbers or names that are called, where its agents are, the queue and team it belongs to, how it tells.

    How it tells, and how long it keeps, is said here until a policy book is published (`overt policy publish`).
    """

    name: str
    numbers: tuple[str, ...]
    agent: str
    queue: str = ""
    team: str = ""
    agent_place: str = ""
    agent_notice_on_file: str = ""
    languages: tuple[str, ...] = ("en",)
    purpose: str = "quality and training"
    telling: Literal["ask", "announce"] = "ask"
    chosen_by: str = ""
    retention_days: int = 90


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may use the commands: bound to an operating-system user."""

    name: str
    uid: int
    role: str


@dataclass(frozen=True, slots=True)
class AddressOnFile:
    """A service address: where the holder of a number is known to be, and who says so."""

    number: str
    place: str
    source: str


SECTIONS: Mapping[str, type[Any]] = {
    "listener": Listener,
    "trunk": Trunk,
    "client": FileClient,
    "line": Line,
    "account": Account,
    "address_on_file": AddressOnFile,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, as parsed. See SETTINGS for what each means."""

    tenant: str
    failure: OnFailure
    recorder_place: str
    served: tuple[str, ...]
    law: str
    profile: Literal["standard", "strict"]
    sip_address: str
    sip_port: int
    sip_tcp: bool
    sip_realm: str
    sip_ca: str
    sip_nameservers: tuple[str, ...]
    agent_srtp: AgentSrtp
    calls: int
    rtp_address: str
    rtp_first: int
    rtp_last: int
    engines: int
    rtp_timeout_s: int
    ring_s: int
    answer_s: int
    yes_key: str
    no_key: str
    stop_key: str
    database: str
    web_address: str
    web_port: int
    web_origin: str
    web_certificate: str
    web_key: str
    web_proxies: tuple[str, ...]
    account_loss_percent: int
    second_factor: Literal["demanded", "offered"]
    metrics: Literal["token", "open", "off"]
    log_format: Literal["text", "json"]
    ladder_days: int
    expect_calls: tuple[str, ...]
    hep_server: str
    hep_id: int
    hep_key: str = field(repr=False)
    hep_mask: bool
    listeners: tuple[Listener, ...] = ()
    trunks: tuple[Trunk, ...] = ()
    clients: tuple[FileClient, ...] = ()
    lines: tuple[Line, ...] = ()
    accounts: tuple[Account, ...] = ()
    addresses_on_file: tuple[AddressOnFile, ...] = field(default=(), repr=False)

    @property
    def bringing(self) -> tuple[Client, ...]:
        """Everybody who may bring calls, as the file says: trunks that have an address, and clients."""
        return bringing(self.trunks, self.clients, {line.name for line in self.lines})

    @property
    def origin(self) -> str:
        """How browsers reach the console."""
        host = f"[{self.web_address}]" if ":" in self.web_address else self.web_address
        return self.web_origin or f"{'https' if self.web_certificate else 'http'}://{host}:{self.web_port}"

    def law_folder(self, data_folder: Path) -> Path | None:
        """Where the operator's own law files lie, as seen from the data folder; None when there are none."""
        return data_folder / self.law if self.law else None

    @property
    def engine_count(self) -> int:
        """How many engines run."""
        return self.engines or max(1, (os.cpu_count() or 1) - 1)


def parse_settings(text: str) -> Settings:
    """Return the settings in a TOML text. Raises SettingsRefused naming what is wrong and what was likely meant."""
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefused(f"{FILE}: {error}") from error
    for name in written:
        if name not in SETTINGS and name not in SECTIONS:
            near = difflib.get_close_matches(name, [*SETTINGS, *SECTIONS], 1)
            raise SettingsRefused(f"unknown setting {name}" + (f"; did you mean {near[0]}?" if near else ""))
    plain = {name: _value(name, one, written) for name, one in SETTINGS.items()}
    plain["served"] = tuple(dict.fromkeys(place for one in plain["served"] for place in expand(one)))
    plain |= {name: tuple(plain[name]) for name in ("web_proxies", "sip_nameservers", "expect_calls")}
    many = {name: _section(name, kind, written.get(name, [])) for name, kind in SECTIONS.items()}
    listeners = many["listener"] or default_listeners(plain["sip_address"], plain["sip_port"], plain["sip_tcp"])
    settings = Settings(
        **plain, listeners=listeners, trunks=many["trunk"], clients=many["client"], lines=many["line"],
        accounts=many["account"], addresses_on_file=many["address_on_file"],
    )  # fmt: skip
    _check(settings)
    return settings


def _value(name: str, setting: Setting, written: Mapping[str, Any]) -> Any:
    value = written.get(name, setting.default)
    if value is REQUIRED:
        raise SettingsRefused(f"{name} must be set ({', '.join(setting.choices)}): {setting.meaning}")
    if type(value) is not setting.kind:
        raise SettingsRefused(f"{name} must be {setting.kind.__name__}, not {value!r}")
    if setting.choices and value not in setting.choices:
        raise SettingsRefused(f"{name} must be one of {', '.join(setting.choices)}, not {value}")
    return value


def _section(name: str, kind: type[Any], rows: Any) -> tuple[Any, ...]:
    if not isinstance(rows, list):
        raise SettingsRefused(f"[[{name}]] must be a list of tables")
    return tuple(_row(name, kind, row) for row in rows)


def _row(name: str, kind: type[Any], row: Mapping[str, Any]) -> Any:
    known = kind.__dataclass_fields__
    for strange in set(row) - set(known):
        near = difflib.get_close_matches(strange, known, 1)
        raise SettingsRefused(f"[[{name}]]: unknown field {strange}" + (f"; did you mean {near[0]}?" if near else ""))
    try:
        return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
    except TypeError as error:
        raise SettingsRefused(f"[[{name}]]: {error}") from error


def _check(settings: Settings) -> None:
    if settings.calls < 0:
        raise SettingsRefused("calls must be a number of calls, or 0 for no bound")
    for problem in listener_problems(settings.listeners):
        raise SettingsRefused(problem)
    if not 1024 <= settings.rtp_first < settings.rtp_last <= 65535:
        raise SettingsRefused("rtp_first and rtp_last must span ports between 1024 and 65535")
    keys = settings.yes_key + settings.no_key + settings.stop_key
    if len(set(keys)) != len(keys) or not set(keys) <= set("0123456789*#") or not settings.stop_key:
        raise SettingsRefused("yes_key, no_key and stop_key must be different keys of 0-9 * #")
    _check_web(settings)
    _check_observing(settings)
    _check_places(settings)
    numbers = [number for line in settings.lines for number in line.numbers]
    try:
        _ = settings.bringing
    except ClientRefused as refused:
        raise SettingsRefused(str(refused)) from refused
    doubles = sorted({number for number in numbers if numbers.count(number) > 1})
    if doubles:
        raise SettingsRefused(f"{', '.join(doubles)}: a number belongs to one line only")


def _check_places(settings: Settings) -> None:
    """A place that is written in another way would be a place that the law table does not know."""
    written = [
        ("recorder_place", settings.recorder_place), *(("served", one) for one in settings.served),
        *((f"[[trunk]] {one.name}: place", one.place) for one in settings.trunks),
        *((f"[[line]] {one.name}: agent_place", one.agent_place) for one in settings.lines),
        *(("[[address_on_file]]: place", one.place) for one in settings.addresses_on_file),
    ]  # fmt: skip
    for name, place in written:
        if place and not _PLACE.fullmatch(place):
            raise SettingsRefused(f"{name}: {place} is no place; write it as ISO 3166 does, as US-GA or DE")


def _check_observing(settings: Settings) -> None:
    if not 0 <= settings.ladder_days <= 3650:
        raise SettingsRefused("ladder_days must be 0, for no ladders, or a number of days")
    if not 0 <= settings.hep_id < 2**32:
        raise SettingsRefused("hep_id must be a number of at most 32 bits")
    try:
        for one in settings.expect_calls:
            parse_expected(str(one))
    except ValueError as error:
        raise SettingsRefused(f"expect_calls: {error}") from error


def _check_web(settings: Settings) -> None:
    if not 0 <= settings.web_port <= 65535:
        raise SettingsRefused("web_port must be a port, or 0 for no console")
    if bool(settings.web_certificate) != bool(settings.web_key):
        raise SettingsRefused("web_certificate and web_key go together")
    origin = urlsplit(settings.web_origin)
    if settings.web_origin and (origin.scheme not in ("http", "https") or not origin.netloc or origin.path):
        raise SettingsRefused("web_origin must be scheme and host, as https://overt.example, with nothing after it")
    if settings.database and not settings.database.startswith(("postgresql://", "postgresql+psycopg://", "sqlite:///")):
        raise SettingsRefused("database must be a postgresql:// address, or empty")
    here = settings.web_address in ("localhost", "::1") or settings.web_address.startswith("127.")
    if settings.web_port and not here and not settings.web_certificate and origin.scheme != "https":
        raise SettingsRefused(
            f"web_address {settings.web_address} is reached over the network: set web_certificate and web_key, or web_origin to "
            "the https:// address of a proxy in front"
        )


def resolve_data_folder(option: Path | None) -> Path:
    """The data folder: --data, else OVERT_DATA. Raises SettingsRefused when neither is given."""
    chosen = option or (Path(os.environ["OVERT_DATA"]) if os.environ.get("OVERT_DATA") else None)
    if chosen is None:
        raise SettingsRefused("say where the data folder is: --data DIR, or OVERT_DATA")
    return chosen.absolute()


def load_settings(folder: Path) -> Settings:
    """Read DATA/overt.toml. Raises SettingsRefused, saying what to do."""
    try:
        return parse_settings((folder / FILE).read_text())
    except OSError as error:
        raise SettingsRefused(f"{folder / FILE}: {error.strerror}; run `overt init --data {folder}` first") from error
