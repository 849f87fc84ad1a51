"""Settings: one table, unknown names refused by name, nothing assumed where a person must choose."""

from __future__ import annotations

from pathlib import Path

import pytest

from overt.config import US_PLACES, SettingsRefused, load_settings, parse_settings, resolve_data_folder

GOOD = 'failure = "end-call"\n'


def test_defaults_and_sections() -> None:
    settings = parse_settings(
        GOOD + 'served = ["US", "DE"]\n[[trunk]]\nname = "t"\naddresses = ["127.0.0.1"]\n'
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
