"""A row as something to read: whatever is in it is said, and what is not in it has no section."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.made_law import ON, basis, duty, one_party, place, table
from overt.domain.law import words
from overt.domain.law.model import (
    FORMS,
    Contested,
    Example,
    Exposure,
    Forms,
    Notice,
    OutOfStateRecorder,
    PurposeRule,
    Row,
    Variant,
    Verified,
)  # fmt: skip
from overt.domain.law.page import Page, describe_basis, describe_duty, describe_place, gist

SOURCES = '[read]\ntitle = "A judgment"\naddress = "https://court.example/1"\nweight = "primary"\n[heard]\ntitle = "A list"\naddress = ""\nweight = "odd"'
LAW = table(
    [
        one_party("FREE", duties='["NAMED"]', sources='["read", "heard"]'), place("ASK"),
        one_party("US", kind="federal"), place("US-AA", kind="state", within="US", notice="likely", interval=15),
    ],
    sources=SOURCES,
    duties__NAMED=duty("NAMED", when="cards", obligations='["no_card_codes"]', form="express_opt_in", least=30, most=90, yields_to='["MUST"]'), duties__ALL=duty("ALL", everywhere="true"), duties__NONE=duty("NONE"), bases__MUST=basis("MUST", places='["FREE"]', least=1827),
)  # fmt: skip


def row(code: str) -> Row:
    """A row of the small law."""
    found = LAW.row(code, ON)
    assert found is not None
    return found


def said(page: Page) -> dict[str, dict[str, str]]:
    """A page as section → label → text; sentences without labels by their number."""
    return {
        one.title: {item.label or str(number): item.text for number, item in enumerate(one.items)}
        for one in page.sections
    }


def test_a_one_party_row_says_what_is_enough_and_what_binds_besides() -> None:
    page = describe_place(LAW, row("FREE"))
    sections = said(page)
    assert page.title == "Place FREE (FREE)" and page.lead == "Place FREE is one-party: one party's consent is enough."
    assert sections["The rule"]["What decides"] == "one-party (one party's consent is enough)"
    assert list(sections["How consent may be shown"]) == ["Any form"]
    assert sections["What else binds"] == {
        "ALL": "Duty ALL", "NAMED": "Duty NAMED (when payment cards are read out or keyed in)",
        "MUST": "Basis MUST; a legal basis other than consent",
    }  # fmt: skip
    links = {item.label or item.text: item.link for one in page.sections for item in one.items if item.link}
    assert links["NAMED"] == "duty/NAMED" and links["MUST"] == "basis/MUST"
    assert links["A judgment (statute, judgment, official paper)"] == "https://court.example/1"
    assert "A list (odd)" in sections["Sources"].values()
    assert sections["What a breach may cost"] == {"Criminal": "not known", "Civil": "not known"}
    for absent in (
        "What else to know",
        "Where more is asked",
        "People",
        "Worked examples",
        "Held stricter than a source",
    ):
        assert absent not in sections


def test_an_all_party_row_says_how_sure_each_form_is_from_strict_to_loose() -> None:
    page = describe_place(LAW, row("US-AA"))
    sections = said(page)
    assert sections["How consent may be shown"] == {
        "Express opt-in": words.SURE_WORDS["yes"], "Notice, then going on": words.SURE_WORDS["likely"],
        "Recording tone alone": words.SURE_WORDS["no"],
    }  # fmt: skip
    assert sections["Notice"]["A tone, where one is used"] == "every 15 seconds"
    assert sections["The rule"]["Lies within"] == "Place US (US), whose law binds here too"
    assert "practice, without an authority" in page.lead


def test_whatever_a_row_holds_is_said() -> None:
    full = replace(
        row("ASK"), rule="contested", contested=Contested(True, True, "two statutes disagree", "one-party"),
        criminal_rule="one-party", nuances=("A nuance.",), held_stricter=("A doubt.",), minors="A law on children.",
        employee_notice="A law on staff.", verify_before_release=("the article's number",), stands_for=("XX", "YY"),
        notice=Notice(False, "none", "not_required", "no", 0), out_of_state_recorder=OutOfStateRecorder("yes", "a case"),
        exposure=Exposure("a fine", "damages", 2500, "USD"), in_force_from="2020-01-01", in_force_until="2027-01-01",
        verified=Verified("verified", "A. Person", "2026-01-02", "the official text"),
        variant=(Variant("video", "all-party", Forms("yes", "no", "no"), "A note."),),
        purpose=(PurposeRule("sharing", "express_opt_in", "a section", "A reason."),),
        example=(
            Example("told", ("agent: ASK", "recorder: ASK"), "announcement", True, "continues", "all-party", False, "no opt-in."),
            Example("cut off", ("agent: ASK",), "announcement", False, "continues", "all-party", False, "not kept."),
            Example("untold", ("agent: ASK",), "none", False, "unaware", "one-party", True, "nothing asked."),
        ),
    )  # fmt: skip
    sections = said(describe_place(LAW, full))
    rule = sections["The rule"]
    assert rule["Why it is contested"] == "two statutes disagree" and rule["In criminal law"] == "one-party"
    assert 'place = "ASK"' in rule["The setting that relaxes it"] and rule["Speaks also for"] == "XX, YY"
    assert "When" not in sections["Notice"] and sections["Notice"]["Reaches a recorder elsewhere"] == "yes: a case"
    assert sections["Where more is asked"] == {
        "For sharing": "an express yes (a section). A reason.",
        "When the call is a leg of a video conference": "all-party: express opt-in accepted, by text or case; notice, "
        "then going on rejected; recording tone alone rejected. A note.",
    }
    assert sections["People"] == {"Agents and employees": "A law on staff.", "Minors": "A law on children."}
    assert sections["What a breach may cost"]["Least amount, where known"] == "2,500 USD"
    told, cut, untold = sections["Worked examples"].values()
    assert told == (
        "Agent: ASK, recorder: ASK. It is announced at the outset, on the recording; everybody stays. All-party; it may not "
        "be recorded. No opt-in."
    )
    assert "not on the recording" in cut and "recording;" not in untold and "may be recorded. Nothing asked." in untold
    standing = sections["How sure, and as of when"]
    assert standing["In force"] == "from 2020-01-01 until 2027-01-01"
    assert standing["State"] == "verified by A. Person on 2026-01-02 against the official text"
    assert standing["To be verified"] == "the article's number"
    assert (sections["What else to know"], sections["Held stricter than a source"]) == (
        {"0": "A nuance."},
        {"0": "A doubt."},
    )


@pytest.mark.parametrize(
    ("contested", "label", "text"),
    [
        (Contested(True, False, ""), "Why it is contested", "the law itself is unsettled"),
        (Contested(False, True, "some lists name it"), "Where others disagree", "some lists name it"),
        (Contested(False, True, ""), "Where others disagree", "popular lists of places disagree; the law does not"),
        (Contested(False, False, ""), None, None),
    ],
)
def test_who_disagrees_is_said(contested: Contested, label: str | None, text: str | None) -> None:
    rule = said(describe_place(LAW, replace(row("ASK"), contested=contested)))["The rule"]
    assert rule.get(label or "Where others disagree") == text and "The setting that relaxes it" not in rule


def test_the_gist_of_every_kind_of_row() -> None:
    ask = row("ASK")
    assert gist(ask).endswith("To be told and to stay is not enough: it takes an express yes.")
    assert gist(replace(ask, forms=Forms("yes", "yes", "no"))).endswith(
        "Whoever is told at the outset and stays counts as consenting."
    )
    assert "is contested, and held all-party:" in gist(replace(ask, rule="contested"))


def test_a_duty_says_whom_it_binds_where_and_to_what() -> None:
    page = describe_duty(LAW, LAW.duties["NAMED"])
    bound = said(page)["What it binds"]
    assert bound["Where"] == "Place FREE (FREE)" and bound["When"] == "payment cards are read out or keyed in"
    assert (bound["Keep at least"], bound["Keep at most"]) == ("30 days", "90 days")
    assert bound["Gives way to"] == "Basis MUST"
    assert "Gives way to" not in said(describe_duty(LAW, LAW.duties["ALL"]))["What it binds"]
    assert said(page)["What it demands"] == {
        "0": "Keep no card verification codes or PINs, not even sealed: suppress sound and digits"
    }
    asked = replace(LAW.duties["ALL"], verify_before_release=("a date",))
    assert said(describe_duty(LAW, asked))["How sure, and as of when"]["To be verified"] == "a date"
    assert said(describe_duty(LAW, LAW.duties["ALL"]))["What it binds"]["Where"] == "everywhere"
    assert said(describe_duty(LAW, LAW.duties["NONE"]))["What it binds"]["Where"] == "no place of the table names it"


def test_a_basis_says_what_it_allows_and_what_is_still_due() -> None:
    must = LAW.bases["MUST"]
    bound = said(describe_basis(LAW, must))["What it allows"]
    assert bound["What it is"] == "such calls must be recorded" and bound["Where"] == "Place FREE (FREE)"
    assert bound["What is still due"] == "A notice at the outset, after which everybody stays"
    assert bound["Keep at least"] == "1827 days, about 5 years"
    assert said(describe_basis(LAW, replace(must, kind="may_record")))["What it allows"]["What it is"].endswith(
        "may be recorded"
    )


def test_a_page_is_plain_json() -> None:
    written = describe_place(LAW, row("FREE")).as_json()
    assert set(written) == {"code", "title", "lead", "sections"}
    first = written["sections"][0]  # type: ignore[index]
    assert first["title"] == "The rule" and set(first["items"][0]) == {"label", "text", "link"}  # type: ignore[index]


def test_days_are_said_in_years_where_they_are_some() -> None:
    assert [words.days(one) for one in (1, 90, 1096, 1827)] == [
        "1 day",
        "90 days",
        "1096 days, about 3 years",
        "1827 days, about 5 years",
    ]


def test_every_code_has_words() -> None:
    assert set(words.FORM_WORDS) == set(words.SHORT_FORMS) == set(FORMS)
    assert set(words.RULE_WORDS) == {"one-party", "all-party", "contested"}
