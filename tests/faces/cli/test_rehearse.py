"""`overt policy rehearse` as a compliance officer meets it: counts, each changed call and why, and what cannot be known."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.ruled_calls import Told, law, write
from adapters.written_calls import WrittenLedger
from domain.made_law import one_party, place
from overt.domain.book import Edition
from overt.domain.book_toml import book_sha256, parse_book
from overt.faces.cli.root import app

RUN = CliRunner()
HOUR = 3_600_000_000
SETTINGS = """
failure = "end-call"
served = ["US"]
recorder_place = "US-GA"
[[line]]
name = "support"
numbers = ["+14045550100"]
agent = "sip:agent1@192.0.2.20"
agent_place = "US-GA"
[[line]]
name = "sales"
numbers = ["+14045550101"]
agent = "sip:agent1@192.0.2.20"
agent_place = "US-TX"
telling = "announce"
chosen_by = "Dana Reyes"
languages = ["en", "es"]
"""
POLICY = """
[[policy]]
name = "{name}"
responsible = "Dana Reyes"
[policy.when]
lines = ["{name}"]
[policy.tell]
script = "standard"
languages = {languages}
purpose = "quality and training"
{more}
"""
ANNOUNCE = '[policy.ask]\ntelling = "announce"\nchosen_by = "Dana Reyes"'
SAME = "format = 1\n" + POLICY.format(name="support", languages='["en"]', more="") + POLICY.format(
    name="sales", languages='["en", "es"]', more=ANNOUNCE
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with two lines; whoever runs the tests is its administrator."""
    made = RUN.invoke(app, ["init", "--data", str(tmp_path / "d"), "--on-failure", "end-call"])
    assert made.exit_code == 0
    path = tmp_path / "d" / "overt.toml"
    path.write_text(SETTINGS + "[[account]]" + path.read_text().partition("[[account]]")[2])
    return tmp_path / "d"


@pytest.fixture
def calls(folder: Path) -> Iterator[WrittenLedger]:
    """Eight calls of the last hours: six on support, two on sales."""
    ledger, now = WrittenLedger(folder / "ledger" / "main"), time.time_ns() // 1000
    told = [
        Told(), Told(did="no"), Told(did="silence", number="+15125550100"), Told(did="busy"), Told(did="hung up"),
        Told(number="", did="withdrawn"), Told("sales", "+15125550100", on_file="US-TX"),
        Told("sales", "+15125550101", on_file="US-TX", did="withdrawn"),
    ]  # fmt: skip
    write(ledger, [(now - (20 - number) * HOUR, one) for number, one in enumerate(told)], law())
    ledger.publish()
    yield ledger
    ledger.close()


def book(folder: Path, text: str) -> str:
    """A book's file."""
    (folder / "new.toml").write_text(text)
    return str(folder / "new.toml")


def rehearse(folder: Path, *words: str, exits: int = 0, given: str = "") -> Any:
    """Run the command; return the result."""
    done = RUN.invoke(app, ["policy", "rehearse", *words, "--data", str(folder)], input=given)
    assert done.exit_code == exits, done.output
    return done


def rehearsed(folder: Path, *words: str) -> dict[str, Any]:
    """What the command says as JSON."""
    found = json.loads(rehearse(folder, *words, "--json").stdout)
    assert isinstance(found, dict)
    return found


def test_the_same_book_changes_nothing(folder: Path, calls: WrittenLedger) -> None:
    done = rehearse(folder, book(folder, SAME))
    assert (
        "Nothing would change." in done.stdout
        and "8 calls in" in done.stderr
        and "Nothing was published." in done.stderr
    )
    found = rehearsed(folder, book(folder, SAME))
    assert (found["rehearsed"], found["changed"], found["calls"], found["instead_of"]) == (8, 0, [], 0)
    assert found["was"] == found["would"] and found["ruled"] == {"support": 6, "sales": 2}
    assert found["was"]["will"] == {"ask": 6, "announce": 2} and found["was"]["recorded"] == {
        "whole": 2,
        "part": 2,
        "no": 4,
    }


def test_a_new_book_changes_what_it_changes_and_says_why(folder: Path, calls: WrittenLedger) -> None:
    new = "format = 1\n" + POLICY.format(name="support", languages='["en"]', more=ANNOUNCE + "\n[policy.keep]\ndays = 1") + POLICY.format(
        name="sales", languages='["en", "es"]', more='[policy.ask]\non_refusal = "end"'
    )  # fmt: skip
    found = rehearsed(folder, book(folder, new))
    assert found["would"]["will"] == {"announce": 6, "ask": 2}
    assert found["would"]["recorded"] == {"whole": 2, "part": 1, "no": 3, "unknown": 2}
    assert found["would"]["kept"] == {"1": 3} and found["was"]["kept"] == {"90": 4}
    by_why = {one["why"] for one in found["calls"]}
    assert {"they were not asked then", "they stayed after they were told", "they said no then"} <= by_why
    assert all(
        ("+1" not in one["caller"][6:] and "•" in one["caller"]) or one["caller"] == "withheld"
        for one in found["calls"]
    )
    done = rehearse(folder, book(folder, new))
    assert (
        "8 of 8 calls would have gone otherwise" in done.stdout
        and "what the new book changes of version 0" in done.stdout
    )
    assert (
        "told without a question" in done.stdout
        and "cannot be known" in done.stdout
        and "+15125550100" not in done.stdout
    )


def test_what_is_kept_too_short_would_be_gone(folder: Path) -> None:
    ledger, now = WrittenLedger(folder / "ledger" / "main"), time.time_ns() // 1000
    write(ledger, [(now - 72 * HOUR, Told())], law())
    ledger.publish()
    ledger.close()
    found = rehearsed(
        folder,
        book(
            folder,
            SAME.replace(
                'purpose = "quality and training"\n', 'purpose = "quality and training"\n[policy.keep]\ndays = 2\n', 1
            ),
        ),
    )
    assert found["what"] == {"kept": 1, "deleted": 1} and (found["was"]["over"], found["would"]["over"]) == (0, 1)
    assert (
        "kept until"
        in rehearse(folder, book(folder, SAME.replace('training"\n', 'training"\n[policy.keep]\ndays = 2\n', 1))).stdout
    )


def test_another_law_alone_may_be_rehearsed(folder: Path, calls: WrittenLedger, tmp_path: Path) -> None:
    (tmp_path / "law" / "places").mkdir(parents=True)
    texas = tmp_path / "law" / "places" / "US-TX.toml"
    texas.write_text(one_party("US-TX"))
    found = rehearsed(folder, "--law", str(tmp_path / "law"))
    assert found["law_version"].endswith("+own") and found["changed"] == 0 and found["changes"] == []
    texas.write_text(place("US-TX"))
    found = rehearsed(folder, "--law", str(tmp_path / "law"))
    assert found["what"] == {"telling": 2, "recorded": 2} and found["would"]["recorded"]["unknown"] == 2
    assert "the law asks for all-party, express_opt_in, where it asked for one-party, none" in found["calls"][0]["why"]
    texas.write_text("code =")
    assert "US-TX" in rehearse(folder, "--law", str(tmp_path / "law"), exits=2).stderr


def test_the_law_of_another_day(folder: Path, calls: WrittenLedger) -> None:
    assert rehearsed(folder, "--on", "2031-01-01")["law_on"] == "2031-01-01"
    assert "--on is a day" in rehearse(folder, "--on", "30d", exits=2).stderr


def test_nothing_to_rehearse(folder: Path) -> None:
    done = rehearse(folder, book(folder, SAME), "--since", "2020-01-01", "--until", "2020-02-01")
    assert "Nothing to rehearse: no call was offered from 2020-01-01 00:00 to 2020-02-01 00:00." in done.stdout
    assert rehearsed(folder, book(folder, SAME))["calls_read"] == 0
    assert "nothing to rehearse: name a policy book" in rehearse(folder, exits=2).stderr


def test_since_and_until(folder: Path, calls: WrittenLedger) -> None:
    assert rehearsed(folder, book(folder, SAME), "--since", "15h")["rehearsed"] == 2
    assert rehearsed(folder, book(folder, SAME), "--since", "4w", "--until", "15h")["rehearsed"] == 6
    today = datetime.now(UTC).date().isoformat()
    assert rehearsed(folder, book(folder, SAME), "--since", today)["rehearsed"] < 9
    for words, why in (
        (("--since", "yesterday"), "--since is a day such as 2026-11-24, or a time ago such as 30d"),
        (("--until", "2026-13-01"), "--until is a day"),
        (("--since", "1h", "--until", "2h"), "--since 1h is not before --until 2h"),
    ):
        assert why in rehearse(folder, book(folder, SAME), *words, exits=2).stderr


def test_a_book_that_could_not_be_published_is_not_rehearsed(folder: Path, calls: WrittenLedger) -> None:
    text = SAME.replace(ANNOUNCE, '[policy.ask]\ntelling = "announce"').replace(
        'languages = ["en"]', 'languages = ["fr"]'
    )
    done = rehearse(folder, book(folder, text), exits=2)
    assert "could not be published, so it is not rehearsed" in done.stderr and done.stdout == ""
    assert "chosen_by" in done.stderr and "fr" in done.stderr
    stops = json.loads(rehearse(folder, book(folder, text), "--json", exits=2).stdout)["stops"]
    assert len(stops) == 2
    assert "is not TOML" in rehearse(folder, book(folder, "format = "), exits=2).stderr


def test_what_is_no_file_of_a_book(folder: Path) -> None:
    assert "No such file" in rehearse(folder, str(folder / "none.toml"), exits=2).stderr
    (folder / "new.toml").write_bytes(b"\xff")
    assert "no text in UTF-8" in rehearse(folder, str(folder / "new.toml"), exits=2).stderr


def test_a_book_may_come_by_standard_input_and_its_warnings_are_said(folder: Path, calls: WrittenLedger) -> None:
    done = rehearse(
        folder,
        "-",
        given="format = 1\n" + POLICY.format(name="all", languages='["en"]', more="").replace('lines = ["all"]', ""),
    )
    assert "warning: " in done.stderr and "8" in done.stdout


def test_what_was_erased_cannot_be_known_and_is_said(folder: Path, calls: WrittenLedger) -> None:
    calls.erase(0)
    west = "format = 1\n" + POLICY.format(name="support", languages='["en"]', more="").replace(
        "lines =", 'numbers = ["+1415*"]\nlines ='
    )
    found = rehearsed(
        folder,
        book(
            folder,
            west
            + SAME.removeprefix("format = 1\n")
            .replace("support", "rest", 1)
            .replace('["support"]', '["support", "sales"]'),
        ),
    )
    assert found["apart"] == {"erased": 1} and found["rehearsed"] == 7 and found["calls_read"] == 8
    done = rehearse(folder, book(folder, west))
    assert "1 call is left out: erased (a number or agent was erased, and the policies ask for it)." in done.stdout
    assert "told nothing, and not recorded: " in done.stdout and "(none: not recorded)" in done.stdout


def test_a_broken_entry_is_said(folder: Path, calls: WrittenLedger) -> None:
    path = folder / "ledger" / "main" / "entries.log"
    lines = path.read_bytes().split(b"\n")
    lines[3] = lines[3].replace(b'"rule":', b'"rule"')
    path.write_bytes(b"\n".join(lines))
    done = rehearse(folder, book(folder, SAME))
    assert (
        "1 entries of the ledger cannot be read (first: 3)" in done.stdout
        and "1 call is left out: unreadable" in done.stdout
    )


def test_a_ledger_that_cannot_be_read_ends_it(folder: Path, calls: WrittenLedger) -> None:
    (folder / "ledger" / "main" / "checkpoint").write_text("no note")
    assert "cannot be read" in rehearse(folder, book(folder, SAME), exits=3).stderr


def test_only_whoever_may_publish_may_rehearse(folder: Path, calls: WrittenLedger) -> None:
    path = folder / "overt.toml"
    path.write_text(path.read_text().replace('role = "administrator"', 'role = "compliance"'))
    rehearse(folder, book(folder, SAME))
    path.write_text(path.read_text().replace('role = "compliance"', 'role = "supervisor"'))
    assert "may not rehearse policies" in rehearse(folder, book(folder, SAME), exits=1).stderr


def test_more_changed_calls_than_are_shown(folder: Path) -> None:
    ledger, now = WrittenLedger(folder / "ledger" / "main"), time.time_ns() // 1000
    write(ledger, [(now - (40 - number) * HOUR, Told()) for number in range(25)], law())
    ledger.publish()
    ledger.close()
    new = book(
        folder, "format = 1\n" + POLICY.format(name="support", languages='["en", "es"]', more="[policy.keep]\ndays = 7")
    )
    assert "20 of 25 changed calls are shown; --all-changes shows more." in rehearse(folder, new).stdout
    assert "changed calls are shown" not in rehearse(folder, new, "--all-changes").stdout
    assert len(rehearsed(folder, new)["calls"]) == 25


def test_a_book_that_changes_much_is_told_in_short(folder: Path, calls: WrittenLedger) -> None:
    many = "format = 1\n" + "".join(
        POLICY.format(name=f"a [{number}]", languages='["en"]', more="").replace(
            "lines =", 'queues = ["none"]\nlines ='
        )
        for number in range(25)
    )
    done = rehearse(folder, book(folder, many), "--since", "15h")
    assert "and 8 more; --all-changes shows them" in done.stdout and "a [24]" in done.stdout
    assert "more; --all-changes" not in rehearse(folder, book(folder, many), "--all-changes").stdout


def test_calls_of_which_nothing_can_be_said(folder: Path) -> None:
    ledger, now = WrittenLedger(folder / "ledger" / "main"), time.time_ns() // 1000
    write(ledger, [(now - HOUR, Told(did="turned away"))], law())
    ledger.publish()
    ledger.close()
    done = rehearse(folder, book(folder, SAME))
    assert "1 call is left out: never decided" in done.stdout and "would be" not in done.stdout


def test_calls_that_a_published_book_ruled_are_held_against_it(folder: Path) -> None:
    ledger, now = WrittenLedger(folder / "ledger" / "main"), time.time_ns() // 1000
    text = SAME.replace('training"\n', 'training"\n[policy.capture]\non_hold = "stop"\n', 1)
    edition = Edition(parse_book(text), 1, book_sha256(text))
    body = {
        "version": 1,
        "sha256": edition.sha256,
        "by": "dana",
        "reason": "start",
        "law_version": "",
        "law_sha256": "",
    }
    entry = ledger.enter("", now - 40 * HOUR, ("policy.published", body, {"book": text, "changes": ""}))
    ids = write(ledger, [(now - 30 * HOUR, Told(edition=edition))], law())
    ledger.enter(ids[0], now - 29 * HOUR, ("call.held", {"side": "caller", "held": True}, {}))
    ids += write(ledger, [(now - 28 * HOUR, Told(edition=edition, did="no"))], law(), seed=2)
    ledger.publish()
    found = rehearsed(folder, "--on", "2026-11-24")
    assert (found["instead_of"], found["changed"], found["rehearsed"]) == (1, 0, 2)
    more = book(folder, SAME.replace('training"\n', 'training"\n[policy.ask]\non_refusal = "end"\n', 1))
    found = rehearsed(folder, more)
    assert found["what"] == {"after a no": 1} and found["calls"][0]["would"]["after_no"] == "end"
    assert found["calls"][0]["was"]["version"] == 1 and found["calls"][0]["would"]["version"] == 2
    ledger.erase(entry)  # nobody has the book any more: what it wanted of a no is not known
    assert rehearsed(folder, more)["changed"] == 0
    assert "was erased" in rehearse(folder, "--on", "2026-11-24", exits=2).stderr
    write(ledger, [(now - 27 * HOUR, Told(edition=Edition(edition.book, 7, "77")))], law(), seed=3)
    ledger.publish()
    assert rehearsed(folder, more)["rehearsed"] == 3  # a book that nobody published is not known either
    ledger.close()
