"""Logs: whatever is logged, in whatever way, comes out as one masked line (JSON) or masked text."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from overt.adapters.log_lines import LineFormatter

CORPUS = sorted((Path(__file__).parents[1] / "corpus").rglob("*.dat"))
NUMBER = "+14155550102"
INVITE = f'INVITE sip:{NUMBER}@gw SIP/2.0\r\nFrom: "Ada" <sip:ada.l@h>\r\na=crypto:1 X inline:c2VjcmV0\r\n'


def record(message: str, *args: object, **more: object) -> logging.LogRecord:
    one = logging.LogRecord("overt.signalling", logging.ERROR, "f", 1, message, args, None)
    one.__dict__.update(more)
    return one


def raised(text: str) -> logging.LogRecord:
    try:
        raise ValueError(text)
    except ValueError:
        return record("call %s: %s", "c-1", text, exc_info=sys.exc_info())


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("path", CORPUS, ids=lambda one: one.stem)
def test_real_messages_leave_nobody_in_a_log(path: Path, form: str) -> None:
    text = path.read_bytes().decode("utf-8", "replace")
    lines = [
        LineFormatter("signalling", form).format(one)
        for one in (
            raised(text),
            record(text),
            record("%r", text),
            record("x", fields={"message": text, "all": [text.encode()]}),
        )
    ]
    for line in lines:
        for word in ("sip:", "SIP:", "sips:"):
            for piece in line.split(word)[1:]:
                user, at, _ = piece.partition("@")
                assert not at or any(one in user for one in ' <>"\\,•\n\r') or user == "•••", user


@pytest.mark.parametrize("form", ["json", "text"])
def test_nobody_and_no_key_is_left_in_message_fields_or_traceback(form: str) -> None:
    odd = record("%s %s", "too few")
    for one in (
        raised(INVITE),
        record("call %s: %r", "c", INVITE),
        record("x", fields={"a": {"b": [INVITE, INVITE.encode()]}}),
        odd,
    ):
        line = LineFormatter("signalling", form).format(one)
        assert not [secret for secret in ("4155550102", "ada.l", '"Ada', "c2VjcmV0") if secret in line]


def test_json_lines_say_event_values_and_trace_apart() -> None:
    line = json.loads(LineFormatter("signalling", "json").format(raised(f"no answer from sip:{NUMBER}@gw")))
    assert line["event"] == "call %s: %s" and line["message"] == "call c-1: no answer from sip:•••@gw"
    assert line["level"] == "error" and line["process"] == "signalling" and line["trace"].startswith("Traceback")
    fields = json.loads(
        LineFormatter("x", "json").format(record("x", fields={"call": "c", "status": 486, "to": NUMBER}))
    )["fields"]
    assert fields == {"call": "c", "status": 486, "to": "•••"}
    assert "\n" not in LineFormatter("x", "json").format(raised("two\nlines"))


def test_text_lines_are_short() -> None:
    line = LineFormatter("x", "text").format(record("call %s ended", "c-1", fields={"status": 200}))
    assert line.endswith("Z overt.signalling call c-1 ended status=200")


RUN = """
import logging, threading
from overt.adapters.log_lines import set_up_logs
set_up_logs("worker")
logging.getLogger("overt.x").info("hello %s", "+14155550102")
logging.getLogger("other").info("not shown")
logging.getLogger("other").warning("shown sip:ada@h")
logging.getLogger("overt.x").error("odd %d", "ada@h")
threading.Thread(target=lambda: int("sip:ada@h")).start()
raise RuntimeError("sip:ada@h")
"""


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_process_logs_everything_masked_what_nobody_caught_too(form: str) -> None:
    environment = {**os.environ, "OVERT_LOG_FORMAT": form}
    said = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, env=environment, check=False)
    assert said.returncode == 1 and "ada" not in said.stderr and "5550102" not in said.stderr
    assert "hello •••" in said.stderr and "not shown" not in said.stderr and "shown sip:•••@h" in said.stderr
    assert said.stderr.count("nobody caught") == (4 if form == "json" else 2)
    if form == "json":
        assert len([json.loads(one) for one in said.stderr.splitlines()]) == 5
