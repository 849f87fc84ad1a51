"""`overt calls account` as an engineer meets it: what is missing and extra and why, a CDR beside it, one call by the second."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from adapters.written_calls import Stated, WrittenLedger
from overt.adapters.api_client import ApiClient
from overt.adapters.vitals_files import write_vitals
from overt.faces.cli.root import app

RUN = CliRunner()
MINUTE = 60_000_000
NUMBERS = ("+14155550102", "+14155550103", "+14155550104")
MAP = 'caller = "src"\ncalled = "dst"\nstarted = "start"\nid = "id"\ntrunk = "via"\nformat = "unix"\n'


def story(number: int, silent: bool = False) -> list[Stated]:
    """A call of three minutes that was recorded; `silent`: nothing came from its agent."""
    recording = f"r{number}"
    legs = {"caller": {"received": 9000, "captured": 8500, "lost": 3, "late": 1, "dropped_without_permit": 500},
            "agent": {"received": 0 if silent else 9000, "captured": 0 if silent else 8500}}  # fmt: skip
    return [
        ("call.offered", {"line": "sales", "trunk": "sbc"}, {"from": NUMBERS[number], "to": "+14045550100", "call_id": f"id{number}"}),
        ("call.decided", {"effect": "permit, ask", "rule": "all-party", "form": "x"}, {}),
        ("recording.permitted", {"recording": recording}, {}),
        ("recording.closed", {"recording": recording, "captured_ms": 170_000}, {}),
        ("call.seconds", {"caller": [[0, 10, 500, 0, 500, 0, 0, 0], [10, 170, 8500, 8500, 0, 3, 1, 0]], "agent": []}, {}),
        ("call.ended", {"outcome": "recorded", "reason": "caller hung up", "call_ms": 180_000, "captured_ms": 170_000, "consent": "given",
                        "legs": legs, "gaps": [], "recordings": [recording], "disclosed_ms": 7000}, {}),
    ]  # fmt: skip


@pytest.fixture
def began() -> int:
    return time.time_ns() // 1000 - 60 * MINUTE


@pytest.fixture
def folder(tmp_path: Path, began: int) -> Path:
    """A data folder with three calls, a minute apart; the agent of the second was silent."""
    (tmp_path / "overt.toml").write_text('failure = "end-call"\n')
    ledger = WrittenLedger(tmp_path / "ledger" / "main")
    for number in range(3):
        at = began + number * MINUTE
        offered, *middle, closed, seconds, ended = story(number, silent=number == 1)
        for after, one in [
            (0, offered),
            *((10 * 1_000_000, one) for one in middle),
            *((3 * MINUTE, one) for one in (closed, seconds, ended)),
        ]:
            ledger.enter(f"call-{number}", at + after, one)
    ledger.publish()
    return tmp_path


def asked(folder: Path, *options: str, code: int) -> str:
    result = RUN.invoke(app, ["calls", "account", "--data", str(folder), *options])
    assert result.exit_code == code, result.output
    return result.output


def as_json(folder: Path, *options: str, code: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(asked(folder, "--json", *options, code=code))
    return found


def cdr(folder: Path, began: int, *rows: tuple[int, float, str]) -> tuple[str, ...]:
    """A CDR of calls by number, seconds after the first began, and id; and its map."""
    lines = [f"{NUMBERS[number][2:]},4045550100,{began / 1e6 + second:.3f},{id_},sbc" for number, second, id_ in rows]
    (folder / "cdr.csv").write_text("\n".join(["src,dst,start,id,via", *lines]) + "\n")
    (folder / "map.toml").write_text(MAP)
    return ("--cdr", str(folder / "cdr.csv"), "--columns", str(folder / "map.toml"))


def test_what_is_missing_and_why(folder: Path) -> None:
    write_vitals(
        folder,
        "signalling",
        {"counters": {"refused: stranger": 7}, "clients": {"sbc": {"refused": 2, "last_seen_us": 1, "calls": 1}}},
    )
    said = asked(folder, code=1)
    assert said.splitlines()[-1] == "2 as they should, 1 not (1 missing)"
    assert "call-1" in said and "the permit was open 2 min 50 s" in said
    assert "call-0" not in said and "5550103" not in said  # what is as it should be is counted, numbers are masked
    assert "2 of client sbc; 7 refused: stranger" in said
    assert "call-0" in asked(folder, "--all", code=1) and NUMBERS[1] in asked(folder, "--reveal", code=1)
    assert "call-0" in asked(folder, "--only", "recorded", code=1)


def test_as_json_with_the_account_of_each_leg(folder: Path) -> None:
    found = as_json(folder, code=1)
    assert [one["class"] for one in found["calls"]] == ["missing", "recorded", "recorded"] and found["total"] == 3
    first = found["calls"][1]
    assert first["legs"]["caller"] == {"offered": 9003, "permitted_ms": 170_000, "received": 9000, "captured": 8500, "lost": 3,
                                       "late": 1, "dropped": 500, "paused_ms": 0}  # fmt: skip
    assert found["legs"]["caller"]["received"] == 27_000 and first["from"] == "+1415•••••02"
    assert as_json(folder, "--only", "loss,alarm", code=1)["calls"] == []
    assert as_json(folder, "--client", "another", code=0)["total"] == 0
    assert as_json(folder, "--until", "2h", "--since", "3h", code=0)["summary"] == "0 as they should, 0 not"


def test_beside_a_cdr(folder: Path, began: int) -> None:
    options = cdr(folder, began, (0, 1, "id0"), (1, 62, "x"), (2, 600, "y"), (0, 1800, "z"))
    found = as_json(folder, *options, code=1)
    assert found["classes"] | {"loss": 0} == {"alarm": 0, "missing": 1, "never-came": 2, "extra": 1, "loss": 0, "under-way": 0,
                                              "recorded": 1, "not-recorded": 0}  # fmt: skip
    assert (found["cdr"]["by_id"], found["cdr"]["by_numbers"], found["cdr"]["rows"]) == (1, 1, 4)
    said = asked(folder, *options, code=1)
    assert "Matched: 1 by SIP's id, 1 by numbers and time." in said and "line 5 of the CDR, by sbc" in said
    assert said.splitlines()[-1] == "1 as they should, 4 not (1 missing, 2 never-came, 1 extra)"
    wide = as_json(folder, *options, "--tolerance", "600", code=1)
    assert wide["classes"]["never-came"] == 1 and wide["classes"]["extra"] == 0


def test_rows_that_cannot_be_read_and_a_clock_that_is_off_are_said(folder: Path, began: int) -> None:
    options = cdr(folder, began, *((number, number * 60 - 3600 + second, "") for number in range(3) for second in (0,)))
    with (folder / "cdr.csv").open("a") as file:
        file.write("".join(f"1,2,soon,{line},x\n" for line in range(7)))
    said = asked(folder, *options, code=1)
    assert (
        "7 that cannot be read" in said and "line 5: its times cannot be read as unix" in said and "and 2 more" in said
    )
    assert "Its times seem 3,600 s early" in said


def test_one_call_by_the_second(folder: Path) -> None:
    said = asked(folder, "call-0", code=0)
    assert (
        "recorded: recorded: 2 min 50 s" in said
        and "█ kept" in said
        and "|▒" in said.replace("\n", "")
        and "8500" in said
    )
    assert asked(folder, "call-1", code=1).startswith("missing: the permit was open")
    found = as_json(folder, "call-0", code=0)
    assert found["seconds"]["caller"]["rows"][0] == [0, 10, 500, 0, 500, 0, 0, 0] and "agent" not in found["seconds"]
    assert found["from"] == "+1415•••••02" and as_json(folder, "call-0", "--reveal", code=0)["from"] == NUMBERS[0]
    assert "knows no call" in asked(folder, "call-9", code=1)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--only", "lost"), 2, "there is no class lost"),
        (("--cdr", "{f}/overt.toml"), 2, "go together"),
        (("--columns", "asterisk"), 2, "go together"),
        (("--cdr", "{f}/overt.toml", "--columns", "nonsense"), 2, "no TOML"),
        (("--cdr", "{f}/overt.toml", "--columns", "{f}/none.toml"), 2, "No such file"),
        (("--cdr", "{f}/overt.toml", "--columns", "kamailio"), 2, "no column 'src_user'"),
        (("--cdr", "{f}/none.csv", "--columns", "asterisk"), 2, "does not exist"),
        (("--since", "1h", "--until", "2h"), 2, "is not before"),
        (("--since", "soon"), 2, "a day such as"),
        (("--server", "http://127.0.0.1:9", "--reveal"), 2, "a server shows no number in full"),
    ],
)
def test_what_cannot_be_asked_says_why(folder: Path, options: tuple[str, ...], code: int, words: str) -> None:
    said = asked(folder, *(one.format(f=folder) for one in options), code=code)
    assert words in " ".join(said.split())


def test_a_map_that_is_no_text_or_too_large(folder: Path, began: int) -> None:
    options = cdr(folder, began)
    for content, words in ((b"\xff\xfe\x00", "no text in UTF-8"), (b"#" * 70_000, "more than 64 KiB")):
        (folder / "map.toml").write_bytes(content)
        assert words in asked(folder, *options, code=2)


def test_a_day_of_calls_by_its_date(folder: Path, began: int) -> None:
    day = datetime.fromtimestamp(began / 1e6, UTC).date().isoformat()
    assert as_json(folder, "--since", day, code=1)["total"] == 3


def test_the_same_is_asked_of_a_server(folder: Path, began: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers as ours does is asked for the same time, classes and CDR; what it says is shown the same way."""
    here = as_json(folder, code=1)
    one = as_json(folder, "call-0", code=0)
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path == "/api/account":
            return httpx.Response(200, json=here)
        known = request.url.path == "/api/account/call-0"
        return httpx.Response(200, json=one) if known else httpx.Response(404, json={"title": "Not there"})

    @contextmanager
    def connected(server: str) -> Iterator[ApiClient]:
        yield ApiClient(server, "token", httpx.MockTransport(answer))

    monkeypatch.setattr("overt.compose.reconciling.connected", connected)
    said = RUN.invoke(app, ["calls", "account", "--server", "http://t", "--only", "missing", "--since", "1h"])
    assert said.exit_code == 1 and said.output.endswith("2 as they should, 1 not (1 missing)\n")
    asked_ = seen[0].url.params
    assert int(asked_["until"]) - int(asked_["since"]) == 60 * MINUTE and asked_["only"] == "missing"
    options = cdr(folder, began, (0, 1, "id0"))
    assert RUN.invoke(app, ["calls", "account", "--server", "http://t", *options]).exit_code == 1
    sent = json.loads(seen[1].content)
    assert (
        sent["columns"] == MAP
        and sent["cdr"].startswith("src,dst")
        and sent["tolerance_ms"] == 5000
        and sent["shown"] == 20
    )
    assert RUN.invoke(app, ["calls", "account", "call-0", "--server", "http://t"]).exit_code == 0
    assert "knows no call" in RUN.invoke(app, ["calls", "account", "call-9", "--server", "http://t"]).output
