"""Settings: one table, unknown names refused by name, nothing assumed where a person must choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from overt.config import SettingsRefused, load_settings, parse_settings, resolve_data_folder
from overt.domain.location import US_PLACES

GOOD = 'failure = "end-call"\n'


def test_defaults_and_sections() -> None:
    settings = parse_settings(
        GOOD + 'served = ["US", "DE", "US-TX"]\n[[trunk]]\nname = "t"\naddresses = ["127.0.0.1"]\n'
        '[[line]]\nname = "s"\nnumbers = ["1"]\nagent = "sip:a@b"\n[[account]]\nname = "a"\nuid = 1\nrole = "agent"\n'
    )
    assert settings.served == (*US_PLACES, "DE") and len(US_PLACES) == 51
    assert settings.trunks[0].addresses == ("127.0.0.1",) and settings.lines[0].telling == "ask"
    assert settings.engine_count >= 1 and parse_settings(GOOD + "engines = 3").engine_count == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "failure must be set"),
        ('failure = "ignore"', "must be one of"),
        (GOOD + "sip_prt = 1", "did you mean sip_port"),
        (GOOD + "zzzzz = 1", "unknown setting zzzzz"),
        (GOOD + 'sip_port = "x"', "sip_port must be int"),
        (GOOD + "line = 1", "list of tables"),
        (GOOD + '[[line]]\nnam = "x"', "did you mean name"),
        (GOOD + '[[line]]\nqqqq = "x"', "unknown field qqqq"),
        (GOOD + '[[line]]\nname = "x"', "missing"),
        (GOOD + "rtp_first = 5\n", "ports between"),
        (GOOD + 'yes_key = "*"', "different keys"),
        (GOOD + 'stop_key = ""', "different keys"),
        (
            GOOD + '[[line]]\nname="a"\nnumbers=["1"]\nagent="x"\n[[line]]\nname="b"\nnumbers=["1"]\nagent="x"',
            "one line only",
        ),
        ("[[", "overt.toml"),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str) -> None:
    with pytest.raises(SettingsRefused, match=complaint):
        parse_settings(text)


def test_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OVERT_DATA", raising=False)
    with pytest.raises(SettingsRefused, match="OVERT_DATA"):
        resolve_data_folder(None)
    monkeypatch.setenv("OVERT_DATA", str(tmp_path))
    assert resolve_data_folder(None) == tmp_path
    with pytest.raises(SettingsRefused, match="overt init"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("more", "origin"),
    [
        ("", "http://127.0.0.1:8480"),
        ('web_address = "::1"\nweb_port = 1', "http://[::1]:1"),
        ('web_certificate = "c"\nweb_key = "k"\nweb_address = "192.0.2.1"', "https://192.0.2.1:8480"),
        ('web_address = "192.0.2.1"\nweb_origin = "https://overt.example"', "https://overt.example"),
    ],
)
def test_the_console_says_how_it_is_reached(more: str, origin: str) -> None:
    assert parse_settings(f'failure = "end-call"\n{more}').origin == origin


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("web_port = 70000", "web_port"),
        ('web_key = "k"', "go together"),
        ('web_origin = "overt.example"', "web_origin"),
        ('web_origin = "https://overt.example/console"', "nothing after it"),
        ('web_address = "0.0.0.0"', "over the network"),
        ('web_address = "192.0.2.1"\nweb_origin = "http://overt.example"', "over the network"),
        ('database = "mysql://x"', "postgresql"),
        ('second_factor = "never"', "second_factor"),
    ],
)
def test_a_console_that_would_be_unsafe_is_refused(more: str, why: str) -> None:
    with pytest.raises(SettingsRefused, match=why):
        parse_settings(f'failure = "end-call"\n{more}')


@pytest.mark.parametrize(
    "written",
    [
        'recorder_place = "Georgia"\n',
        'served = ["us-ga"]\n',
        '[[trunk]]\nname = "t"\naddresses = []\nplace = "US GA"\n',
        '[[line]]\nname = "s"\nnumbers = ["1"]\nagent = "sip:a@b"\nagent_place = "GA-"\n',
        '[[address_on_file]]\nnumber = "+12145550100"\nplace = "USA"\nsource = "crm"\n',
    ],
)
def test_a_place_is_written_as_iso_3166_does(written: str) -> None:
    with pytest.raises(SettingsRefused, match="is no place; write it as ISO 3166 does, as US-GA or DE"):
        parse_settings(GOOD + written)


def test_a_trunk_may_say_where_it_leads() -> None:
    settings = parse_settings(GOOD + '[[trunk]]\nname = "t"\naddresses = []\nplace = "AU-NSW"\n')
    assert settings.trunks[0].place == "AU-NSW" and parse_settings(GOOD).trunks == ()


def test_listeners_stand_in_sections_of_their_own_and_the_old_settings_for_them_when_there_is_none() -> None:
    assert [str(one) for one in parse_settings(GOOD).listeners] == ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
    assert [one.transport for one in parse_settings(GOOD + "sip_tcp = false").listeners] == ["udp"]
    written = (
        '[[listener]]\ntransport = "tls"\naddress = "::"\nport = 5061\ncertificate = "c.pem"\nkey = "/k.pem"\n'
        'advertised_address = "2001:db8::1"\n'
    )
    (listener,) = parse_settings(GOOD + written).listeners
    seen = listener.within(Path("/data"))
    assert (seen.certificate, seen.key, seen.client_ca) == ("/data/c.pem", "/k.pem", "")
    assert listener.place == ("2001:db8::1", 5061) and str(listener) == "tls:[::]:5061"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ('transport = "ws"', "transport must be one of"), ('address = "host.example"', "an IPv4 or IPv6 address"),
        ('address = "0.0.0.0"', "advertised_address must be set"), ("port = 0", "port must be"), ("port = 70000", "port must be"),
        ('port = "5060"', "port must be"), ("advertised_port = -1", "advertised_port must be"),
        ('certificate = "c"\nkey = "k"', "belong to tls"), ('transport = "tls"\ncertificate = "c"', "tls needs both"),
        ('client_certificate = "maybe"', "client_certificate must be"), ('client_certificate = "required"', "client_ca is needed"),
        ('client_ca = "ca.pem"', "for nothing else"), ('protocol = "udp"', "unknown field protocol"),
    ],
)  # fmt: skip
def test_listeners_that_cannot_be_served_are_refused(fields: str, complaint: str) -> None:
    names = {line.partition(" ")[0] for line in fields.split("\n")}
    rest = [f'{name} = {value}' for name, value in (("transport", '"udp"'), ("address", '"127.0.0.1"'), ("port", "5060"))
            if name not in names]  # fmt: skip
    with pytest.raises(SettingsRefused, match=complaint):
        parse_settings(GOOD + "[[listener]]\n" + "\n".join([fields, *rest]))


def test_two_listeners_on_one_socket_and_a_negative_bound_are_refused() -> None:
    one = '[[listener]]\ntransport = "tcp"\naddress = "127.0.0.1"\nport = 5060\n'
    tls = one.replace("tcp", "tls") + 'certificate = "c"\nkey = "k"\n'
    with pytest.raises(SettingsRefused, match="stand twice"):
        parse_settings(GOOD + one + tls)
    assert len(parse_settings(GOOD + one + one.replace("tcp", "udp")).listeners) == 2
    with pytest.raises(SettingsRefused, match="calls must be"):
        parse_settings(GOOD + "calls = -1")
