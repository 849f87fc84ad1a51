"""`overt alarms` and `overt calls ladder` as a person meets them, on a folder and on a server."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from overt.adapters.alarm_files import write_watch
from overt.adapters.trace_files import TraceFiles, read_trace
from overt.domain.alarms import Alarm, Watch
from overt.domain.ladder import draw
from overt.faces.cli import alarms as alarms_command
from overt.faces.cli import ladder as ladder_command
from overt.faces.cli.root import app

RUN = CliRunner()
INVITE = b"INVITE sip:+14155550102@gw SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh data folder."""
    made = RUN.invoke(app, ["init", "--data", str(tmp_path / "d"), "--on-failure", "end-call", "--json"])
    assert made.exit_code == 0
    (tmp_path / "d" / "run").mkdir(exist_ok=True)
    return tmp_path / "d"


def traced(folder: Path) -> None:
    files = TraceFiles(folder)
    for at in (1, 2):
        files.note("call-1", "caller", False, "192.0.2.7:5060/UDP", INVITE, at * 500_000)
    files.note(
        "call-1", "caller", True, "192.0.2.7:5060/UDP", b"SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n\r\n", 2_000_000
    )
    files.close()


def test_alarms_end_with_one_when_any_is_raised(folder: Path) -> None:
    quiet = RUN.invoke(app, ["alarms", "--data", str(folder)])
    assert (quiet.exit_code, quiet.stdout) == (0, "No alarm is raised.\n")
    write_watch(folder, Watch({"a": Alarm("disk.low", "data folder", "The disk has 3 % left.", 1, 2, 2)}))
    raised = RUN.invoke(app, ["alarms", "--data", str(folder)])
    assert (
        raised.exit_code == 1 and "disk.low: The disk has 3 % left." in raised.stdout and "Make room" in raised.stdout
    )
    (one,) = json.loads(RUN.invoke(app, ["alarms", "--data", str(folder), "--json"]).stdout)["alarms"]
    assert (one["kind"], one["about"], one["raised_us"]) == ("disk.low", "data folder", 2)
    assert RUN.invoke(app, ["alarms", "--data", str(folder / "nowhere")]).exit_code == 2


def test_a_ladder_is_drawn_with_its_messages_when_asked(folder: Path) -> None:
    traced(folder)
    drawn = RUN.invoke(app, ["calls", "ladder", "call-1", "--data", str(folder)])
    assert (
        drawn.exit_code == 0
        and "INVITE ×2" in drawn.stdout
        and "486 Busy Here" in drawn.stdout
        and "Overt" in drawn.stdout
    )
    full = RUN.invoke(app, ["calls", "ladder", "call-1", "--data", str(folder), "--full"])
    assert "    INVITE sip:‹" in full.stdout and "4155550102" not in full.stdout
    shown = json.loads(RUN.invoke(app, ["calls", "ladder", "call-1", "--data", str(folder), "--json"]).stdout)
    assert shown["lanes"] == ["caller", "Overt"] and shown["arrows"][0]["repeats_us"] == [500_000]
    none = RUN.invoke(app, ["calls", "ladder", "call-2", "--data", str(folder)])
    assert none.exit_code == 1 and "ladder_days" in none.stderr


def test_a_server_is_asked_for_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced(folder)
    shown = json.loads(json.dumps(asdict(draw(read_trace(folder, "call-1")))))
    monkeypatch.setattr(ladder_command, "ladder_of", lambda server, call: {**shown, "cut": 3})
    drawn = RUN.invoke(app, ["calls", "ladder", "call-1", "--server", "http://t"])
    assert drawn.exit_code == 0 and "INVITE ×2" in drawn.stdout and "3 further messages" in drawn.stderr
    monkeypatch.setattr(alarms_command, "alarms_of", lambda server: [])
    assert RUN.invoke(app, ["alarms", "--server", "http://t"]).exit_code == 0
