"""The commands as a person meets them: what they refuse, what they say, how they exit."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from overt.adapters.prompt_files import load_prompts
from overt.compose.doctor import PROMPTS
from overt.faces.cli.root import app

RUN = CliRunner()
LINE = '[[trunk]]\nname = "t"\naddresses = ["127.0.0.1"]\n[[line]]\nname = "s"\nnumbers = ["1"]\nagent = "sip:a@127.0.0.1"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh data folder with a line."""
    made = RUN.invoke(app, ["init", "--data", str(tmp_path / "d"), "--on-failure", "end-call", "--json"])
    assert made.exit_code == 0 and json.loads(made.stdout)["vkey"].startswith("overt.local/main/")
    with (tmp_path / "d" / "overt.toml").open("a") as file:
        file.write(LINE)
    return tmp_path / "d"


def test_init_demands_the_failure_setting_and_never_overwrites(tmp_path: Path, folder: Path) -> None:
    asked = RUN.invoke(app, ["init", "--data", str(tmp_path / "x")])
    assert asked.exit_code == 2 and "stop-and-flag" in asked.stderr and not (tmp_path / "x").exists()
    wrong = RUN.invoke(app, ["init", "--data", str(tmp_path / "x"), "--on-failure", "ignore"])
    assert wrong.exit_code == 2 and not (tmp_path / "x").exists()
    again = RUN.invoke(app, ["init", "--data", str(folder), "--on-failure", "end-call"])
    assert again.exit_code == 2 and "already" in again.stderr
    told = RUN.invoke(app, ["init", "--data", str(tmp_path / "y"), "--on-failure", "end-call", "--serve", "US"])
    assert told.exit_code == 0 and "overt serve" in told.stdout
    for key in ("notary.key", "opener.key"):
        assert stat.S_IMODE((folder / "keys" / key).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_doctor_says_what_stands_in_the_way(folder: Path) -> None:
    good = RUN.invoke(app, ["doctor", "--data", str(folder), "--json"])
    states = {one["name"]: one["state"] for one in json.loads(good.stdout)["findings"]}
    assert good.exit_code == 0 and states["keys"] == "good" and states["separation"] == "look"
    (folder / "keys" / "opener.key").chmod(0o644)
    loose = RUN.invoke(app, ["doctor", "--data", str(folder)])
    assert loose.exit_code == 1 and "can be read by others" in loose.stdout
    (folder / "keys" / "notary.key").unlink()
    assert RUN.invoke(app, ["doctor", "--data", str(folder)]).exit_code == 1
    (folder / "overt.toml").write_text('failure = "never"')
    broken = RUN.invoke(app, ["doctor", "--data", str(folder)])
    assert broken.exit_code == 1 and "must be one of" in broken.stdout


def test_doctor_says_what_the_law_demands_of_the_operator(folder: Path) -> None:
    text = (folder / "overt.toml").read_text()

    def found(settings: str) -> list[str]:
        (folder / "overt.toml").write_text(settings)
        said = json.loads(RUN.invoke(app, ["doctor", "--data", str(folder), "--json"]).stdout)["findings"]
        return [f"{one['state']}: {one['found']}" for one in said if one["name"] == "law"]

    place, noticed = 'agent_place = "US-NY"\n', 'agent_notice_on_file = "2026-01-01"\n'
    assert any("served is not set" in one for one in found(text)) and "0 verified" in found(text)[0]
    missing = found(text + place)
    assert any("look: line s: no agents' notice is on file" in one and "52-c" in one for one in missing)
    assert not any("notice is on file" in one for one in found(text + place + noticed))
    assert found('law = "nowhere"\n' + text) == [f"stops: {folder / 'nowhere'}: No such file or directory"]


def test_doctor_misses_prompts_and_lines(folder: Path) -> None:
    text = (folder / "overt.toml").read_text()
    (folder / "overt.toml").write_text(text.replace('agent = "sip:a@127', 'languages = ["fr"]\nagent = "sip:a@127'))
    assert "fr/announce" in RUN.invoke(app, ["doctor", "--data", str(folder)]).stdout
    (folder / "overt.toml").write_text(text.replace(LINE, ""))
    assert "no call can come" in RUN.invoke(app, ["doctor", "--data", str(folder)]).stdout


def test_empty_states_and_unknown_ids(folder: Path, tmp_path: Path) -> None:
    none = RUN.invoke(app, ["calls", "list", "--data", str(folder)])
    assert none.exit_code == 0 and "No call has come yet" in none.stderr
    assert json.loads(RUN.invoke(app, ["calls", "list", "--data", str(folder), "--json"]).stdout) == {"calls": []}
    unknown = RUN.invoke(app, ["calls", "show", "x", "--data", str(folder)])
    assert unknown.exit_code == 1 and "knows no call x" in unknown.stderr
    nowhere = RUN.invoke(app, ["calls", "list", "--data", str(tmp_path / "nowhere")])
    assert nowhere.exit_code == 2 and "overt init" in nowhere.stderr
    assert RUN.invoke(app, ["serve", "--data", str(tmp_path / "nowhere")]).exit_code == 2


def test_call_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    bad_key = RUN.invoke(app, ["call", "sip:x@127.0.0.1:9", "--press", "1"])
    assert bad_key.exit_code == 2 and "KEY@SECONDS" in bad_key.stderr
    (tmp_path / "x.wav").write_bytes(b"no sound")
    bad_sound = RUN.invoke(app, ["call", "sip:x@127.0.0.1:9", "--speak", str(tmp_path / "x.wav")])
    assert bad_sound.exit_code == 2 and "x.wav" in bad_sound.stderr


def test_the_packages_prompts_are_whole() -> None:
    prompts, problems = load_prompts(None)
    assert not problems and {
        f"{language}/{one}" for language in ("en", "es") for one in (*PROMPTS, "unrecorded-end", "unrecorded-route")
    } <= set(prompts)
    assert prompts["en/cue-recorded"].duration_ms <= 1500 and prompts["es/cue-recorded"].duration_ms <= 1500
    for name in ("en/announce", "en/announce-ask"):
        assert all(word in prompts[name].text for word in ("monitor", "record", "quality and training", "confidential"))
