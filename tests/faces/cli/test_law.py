"""`overt law` as a person meets it: pages, answers, worked cases, what is refused, how it exits."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from overt.adapters.law_files import load_table
from overt.domain.law.model import PURPOSES
from overt.faces.cli.root import app

RUN = CliRunner()
ROOT = Path(__file__).parents[3]
CASE = """cases:
- id: untold
  title: Nobody is told
  parties: [{role: agent, location: US-GA}, {role: customer, location: %s}]
  recorder_at: US-GA
  notice: {form: none}
  response: unaware
  expected: {effective_rule: %s, may_record_default_policy: %s, required_form: a form}
  authority: an authority
"""
CERTAIN = ("--from-said", "US-GA", "--agent", "us-ga", "--recorder", "US-GA")
BOOK = """format = 1
title = "Our calls"
[[relax]]
place = "US-MI"
by = "Dana"
reason = "opinion of counsel"
[[policy]]
name = "desk"
responsible = "Robin"
locks = ["languages"]
[policy.when]
lines = ["desk"]
days = ["mon"]
from = "09:00"
until = "10:00"
[policy.tell]
script = "standard"
languages = ["es"]
purpose = "quality"
[[policy]]
name = "house"
responsible = "Dana"
locks = ["days"]
[policy.when]
lines = ["desk"]
until = "10:00"
[policy.tell]
script = "standard"
languages = ["en"]
purpose = "quality"
[policy.keep]
days = 7
"""


def run(*words: str) -> Result:
    """A command of `overt law`."""
    return RUN.invoke(app, ["law", *words])


def decided(*words: str) -> dict[str, Any]:
    """What `overt law decide` says, as JSON."""
    result = run("decide", *words, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def first(*words: str) -> dict[str, Any]:
    """What it says for the first purpose."""
    found: dict[str, Any] = decided(*words)["purposes"][0]
    return found


def test_show_is_a_page_with_its_sources_and_the_law_that_was_read() -> None:
    shown = run("show", "us-ca", "--date", "2026-11-24")
    assert shown.exit_code == 0 and shown.stdout.startswith("California (US-CA)\n")
    for words in (
        "How consent may be shown",
        "Cal. Penal Code 632",
        "https://",
        "Worked examples",
        "not legal advice",
        "read for 2026-11-24",
    ):
        assert words in shown.stdout
    written = json.loads(run("show", "US-CA", "--json").stdout)
    assert (
        set(written) == {"law", "place", "sources", "duties", "bases"}
        and written["law"]["sha256"] == load_table().sha256
    )
    assert (
        written["place"]["effective_rule"] == "all-party" and written["place"]["forms"]["recording_tone"] == "unclear"
    )
    assert set(written["place"]["support"]["sources"]) == set(written["sources"]) and "CCPA" in written["duties"]
    assert "MIFID-16-7" in json.loads(run("show", "DE", "--json").stdout)["bases"]


def test_an_unknown_place_says_what_may_have_been_meant() -> None:
    for typed, meant in (("US-CAL", "US-CA"), ("california", "US-CA"), ("NSW", "AU-NSW")):
        unknown = run("show", typed)
        assert unknown.exit_code == 2 and unknown.stdout == "" and f"did you mean {meant}" in unknown.stderr
    assert run("show", "US-CA", "--date", "tomorrow").exit_code == 2


def test_list_has_every_place_or_those_of_a_rule() -> None:
    every = json.loads(run("list", "--json").stdout)["places"]
    assert {one["code"] for one in every} == set(load_table().rows)
    strict = json.loads(run("list", "--rule", "all-party", "--json").stdout)["places"]
    assert {one["effective_rule"] for one in strict} == {"all-party"} and len(strict) < len(every)
    assert {one["form"] for one in every if one["code"] in ("US-GA", "US-CA", "DE")} == {
        "none",
        "notice_then_continue",
        "express_opt_in",
    }
    shown = run("list", "--rule", "contested")
    assert (
        shown.exit_code == 0
        and "US-MI" in shown.stdout
        and "US-CA" not in shown.stdout
        and "places. Law table" in shown.stdout
    )
    wrong = run("list", "--rule", "two-party")
    assert wrong.exit_code == 2 and "all-party" in wrong.stderr


def test_two_numbers_and_a_site_are_not_enough_to_be_loose() -> None:
    found = decided("--from", "+14155550100", "--to", "+14045550100", "--agent", "US-GA")
    assert [one["purpose"] for one in found["purposes"]] == list(PURPOSES)
    one = found["purposes"][0]
    assert (one["rule"], one["form"], one["effect"], one["will"]) == ("all-party", "express_opt_in", "permit", "ask")
    assert one["decisive"] == ["unknown"] and {"unknown", "US-CA", "US-GA", "US"} == {
        ground["place"] for ground in one["grounds"]
    }
    assert any("caller" in words for words in one["less_strict_if"])
    assert found["asked"] == {"direction": "inbound", "from": "+1415•••••00", "to": "+1404•••••00"}
    parties = {party["party"]: party for party in found["located"]}
    assert parties["caller"]["certain"] is False and parties["agent"]["certain"] is True
    assert [said["prompt"] for said in one["spoken"]] == ["en/announce-ask", "en/question", "en/announce"]
    served = first("--from", "+14155550100", "--agent", "US-GA", "--recorder", "US-GA", "--served", "US")
    assert served["form"] == "notice_then_continue" and "US-CA" in served["decisive"]


def test_what_is_certain_is_decided_for_what_it_is_and_overt_tells_all_the_same() -> None:
    one = first(*CERTAIN)
    assert (one["rule"], one["form"], one["will"], one["less_strict_if"]) == ("one-party", "none", "ask", [])
    announced = first(*CERTAIN, "--telling", "announce", "--chosen-by", "Dana", "--language", "es", "--agent-notice")
    assert announced["will"] == "announce" and [said["prompt"] for said in announced["spoken"]] == [
        "es/announce",
        "es/cue-recorded",
    ]


@pytest.mark.parametrize(
    ("words", "party", "because"),
    [
        (("--from-said", "US-CA"), "caller", "US-CA: said in this call"), (("--from-on-file", "US-CA"), "caller", "US-CA: address on file"),
        (("--from-device", "US-CA"), "caller", "US-CA: network or device"), (("--from-trunk", "US-CA"), "caller", "US-CA: place that the trunk"),
        (("--to-said", "US-FL"), "agent", "US-FL: said in this call"), (("--to-on-file", "US-FL"), "agent", "US-FL: address on file"),
        (("--to-device", "US-FL"), "agent", "US-FL: network or device"), (("--to-trunk", "US-FL"), "agent", "US-FL: place that the trunk"),
        (("--agent", "US-FL"), "agent", "US-FL: configured site"), (("--recorder", "GB"), "recorder", "GB: configured site"),
        (("--direction", "outbound", "--to-said", "DE"), "called", "DE: said in this call"), (("--also", "IE"), "party 3", "IE: said in this call"),
    ],
)  # fmt: skip
def test_every_evidence_reaches_its_party_as_what_it_is(words: tuple[str, ...], party: str, because: str) -> None:
    located = {one["party"]: one["because"] for one in decided(*words, "--purpose", "recording")["located"]}
    found = [name for name, reasons in located.items() if any(one.startswith(because) for one in reasons)]
    assert found == [party], located


def test_withheld_and_disputed_numbers_prove_nothing() -> None:
    doubts = {
        words[-1]: decided(*words)["located"][0]["doubts"]
        for words in (("--withheld",), ("--from", "+14155550100", "--disputed"))
    }
    assert "withheld" in doubts["--withheld"][0] and "spoofed" in doubts["--disputed"][0]
    assert run("decide", "--withheld", "--from", "+14155550100").exit_code == 2


def test_readings_of_the_law_are_options() -> None:
    michigan = (*CERTAIN, "--also", "US-MI", "--purpose", "recording")
    assert first(*michigan)["rule"] == "all-party" and first(*michigan, "--relax", "US-MI")["rule"] == "one-party"
    assert first(*CERTAIN, "--stricter", "us-ga=express_opt_in")["form"] == "express_opt_in"
    maryland = ("--from-said", "US-MD", "--agent", "US-GA", "--recorder", "US-GA")
    assert (
        first(*maryland)["form"] == "notice_then_continue"
        and first(*maryland, "--profile", "strict")["form"] == "express_opt_in"
    )
    codes = {one["code"] for one in first(*CERTAIN, "--circumstance", "cards")["obligations"]}
    assert "no_card_codes" in codes and "no_card_codes" not in {one["code"] for one in first(*CERTAIN)["obligations"]}
    german = ("--from-said", "DE", "--agent", "DE", "--recorder", "DE", "--telling", "announce", "--chosen-by", "Dana")
    assert first(*german)["will"] == "ask"
    assert first(*german, "--basis", "MIFID-16-7")["will"] == "announce"
    assert first(*german, "--keep-days", "7", "--basis", "MIFID-16-7")["keep_days"] == 1827
    only = decided(*CERTAIN, "--purpose", "analysis", "--purpose", "recording")["purposes"]
    assert [one["purpose"] for one in only] == ["recording", "analysis"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--relax", "US-CA"), "does not call its rule contested"),
        (("--stricter", "US-GA=loud"), "US-GA=notice_then_continue"),
        (("--telling", "announce"), "chosen_by"),
        (("--telling", "sing"), "--telling is one of ask, announce"),
        (("--purpose", "fun"), "--purpose is one of"),
        (("--profile", "lax"), "--profile is one of standard, strict"),
        (("--direction", "up"), "--direction is one of"),
        (("--circumstance", "rain"), "unknown circumstance rain"),
        (("--basis", "WISH"), "unknown legal basis WISH"),
        (("--at", "noon"), "mon 09:30"),
        (("--at", "day 09:30"), "mon 09:30"),
        (("--policy", "nowhere.toml"), "nowhere.toml"),
        (("--law", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_asked_is_refused(words: tuple[str, ...], why: str) -> None:
    refused = run("decide", *CERTAIN, *words)
    assert refused.exit_code == 2 and why in refused.stderr and refused.stdout == ""


def test_a_place_that_the_table_does_not_know_is_held_strict_and_said() -> None:
    result = run("decide", "--from-said", "US-CX", "--agent", "US-GA", "--recorder", "US-GA", "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["purposes"][0]["form"] == "express_opt_in"
    assert "no row for US-CX; did you mean" in result.stderr and "unknown" not in result.stderr


def test_a_book_rules_it(tmp_path: Path) -> None:
    book = tmp_path / "book.toml"
    book.write_text(BOOK)
    ruled = ("--policy", str(book), "--line", "desk", "--at", "mon 09:30")
    found = decided(*CERTAIN, "--also", "US-MI", *ruled)
    assert found["policy"]["policy"] == "desk" and found["law"]["relaxed"] == ["US-MI"]
    assert (
        found["purposes"][0]["spoken"][0]["prompt"] == "es/announce-ask" and found["purposes"][0]["rule"] == "one-party"
    )
    shown = run("decide", *CERTAIN, *ruled)
    assert (
        "desk, for which Robin answers" in shown.stdout
        and "days is held by" in shown.stdout
        and "7 days" in shown.stdout
    )
    late = run("decide", *CERTAIN, "--policy", str(book), "--line", "desk", "--at", "mon 10:30")
    assert (
        late.exit_code == 0 and "no policy of the book matches" in late.stdout and "nothing is recorded" in late.stdout
    )
    book.write_bytes(b"\xff")
    assert "not UTF-8" in run("decide", "--policy", str(book)).stderr


def test_an_answer_reads_as_text() -> None:
    shown = run(
        "decide",
        "--from",
        "+14155550100",
        "--agent",
        "US-GA",
        "--recorder",
        "US-GA",
        "--served",
        "US",
        "--language",
        "fr",
    )
    assert shown.exit_code == 0 and "\x1b" not in shown.stdout
    for words in (
        "Recording: all-party; it takes", "the law allows", "Overt will", "made so by", "any of 51 places that the line serves",
        " more; --json has all", "Stop at once when anybody says no", "where the caller is", "there is no prompt fr/announce-ask",
        "Sharing:", "as for recording", "not legal advice",
    ):  # fmt: skip
        assert words in shown.stdout, words
    strict = run("decide", *CERTAIN, "--to", "911").stdout
    assert "do nothing of the kind" in strict and "emergency" in strict and "nothing is done" in strict


def test_cases_of_the_repository_and_of_the_table_pass() -> None:
    shown = run("cases", str(ROOT / "docs/law/cases.yaml"))
    assert shown.exit_code == 0, shown.stdout
    anywhere = run("cases", str(ROOT / "docs/law/cases.yaml"), "--served", "none")
    assert "unknown: all-party, express_opt_in" in anywhere.stdout and "unknown: all-party" not in shown.stdout
    assert "Kearney" in shown.stdout and "grounds" in shown.stdout and "not compared" in shown.stdout
    assert shown.stdout.endswith(" passed, 0 failed\n")
    own = json.loads(run("cases", "--table", "--json").stdout)
    assert own["failed"] == 0 and own["passed"] >= len(load_table().rows)


def test_a_case_that_comes_out_otherwise_fails(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text(CASE % ("US-TX", "one-party", "true"))
    assert run("cases", str(file)).stdout.endswith("1 passed, 0 failed\n")
    for place, rule, may in (
        ("US-TX", "one-party", "false"),
        ("US-TX", "all-party", "true"),
        ("US-CA", "one-party", "true"),
    ):
        file.write_text(CASE % (place, rule, may))
        failed = run("cases", str(file))
        assert failed.exit_code == 1 and "FAIL  untold: Nobody is told" in failed.stdout
        assert failed.stdout.endswith("0 passed, 1 failed\n")
        assert json.loads(run("cases", str(file), "--json").stdout)["failed"] == 1


def test_files_of_cases_that_cannot_be_read_are_refused_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    for text, why in (("cases: [", "line 1"), ("cases: []", "no case"), ("cases: [{id: a}]", "case a: field")):
        file.write_text(text)
        refused = run("cases", str(file))
        assert refused.exit_code == 2 and str(file) in refused.stderr and why in refused.stderr
    assert run("cases", str(tmp_path / "none.yaml")).exit_code == 2
    assert run("cases").exit_code == 2 and run("cases", str(file), "--table").exit_code == 2


def test_one_changed_line_changes_the_answer(tmp_path: Path) -> None:
    law = tmp_path / "law"
    shutil.copytree(str(files("overt.domain.law.data")), law)
    nevada = law / "places" / "US-NV.toml"
    asked = ("--from-said", "US-NV", "--agent", "US-GA", "--recorder", "US-GA")
    assert first(*asked)["form"] == "notice_then_continue"
    text = nevada.read_text()
    assert text.count('notice_then_continue = "likely"') == 1
    nevada.write_text(text.replace('notice_then_continue = "likely"', 'notice_then_continue = "no"'))
    assert first(*asked, "--law", str(law))["form"] == "express_opt_in"
    assert "read for" in run("show", "US-NV", "--law", str(law)).stdout
    assert run("cases", "--table", "--law", str(law)).exit_code == 1
    nevada.write_text(text.replace('notice_then_continue = "likely"', 'notice_then_continue = "perhaps"'))
    refused = run("show", "US-NV", "--law", str(law))
    assert refused.exit_code == 2 and "US-NV: forms: notice_then_continue must be one of" in refused.stderr
