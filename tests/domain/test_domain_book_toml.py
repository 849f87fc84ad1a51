"""The file of a policy book: it reads back as it was written, and whatever is wrong with it is said, all at once."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from overt.domain.book import Ask, ChosenBasis, Keep, NeverRecord, Policy, PolicyBook, Stated, Stricter, Tell, When
from overt.domain.book_toml import LARGEST_BYTES, book_sha256, parse_book, write_book
from overt.domain.errors import BookRefused, Finding
from policy_books import books

WHOLE = """\
# Comments are for people.
format = 1
title = "Calls of the house"
timezone = "America/New_York"

[[never_record]]
number = "+18005550199"
reason = "the works doctor"

[[relax]]
place = "US-MI"
by = "Dana Reyes"
reason = "opinion of counsel of 3 May"

[[stricter]]
place = "US-GA"
form = "express_opt_in"
by = "Dana Reyes"
reason = "the board wants it"

[[policy]]
name = "Orders"
responsible = "Robin Lee"
enabled = false
note = '''
Two lines,
with a "quotation".'''
locks = ["days", "basis"]

[policy.when]
direction = "inbound"
lines = ["orders*"]
numbers = ["+1415*", "withheld"]
days = ["mon", "fri"]
from = "22:00"
until = "06:30"

[policy.tell]
script = "standard"
languages = ["en", "es"]
purpose = "quality and training"

[policy.ask]
telling = "announce"
chosen_by = "Dana Reyes"
on_refusal = "route"
on_no_answer = "end"
route = "sip:desk@192.0.2.7"

[policy.capture]
record = true
share = 20
on_hold = "stop"

[policy.keep]
days = 30
listeners = ["compliance"]

[policy.law]
circumstances = ["investment"]
basis = { code = "MIFID-16-7", document = "licence 7", person = "Dana Reyes" }
"""


def refused(text: str) -> tuple[str, ...]:
    """What is said of a text."""
    with pytest.raises(BookRefused) as caught:
        parse_book(text)
    assert all(one.level == "stops" for one in caught.value.findings) and str(caught.value)
    return tuple(str(one) for one in caught.value.findings)


def test_every_field_is_read() -> None:
    book = parse_book(WHOLE)
    assert (book.title, book.timezone) == ("Calls of the house", "America/New_York")
    assert book.never_record == (NeverRecord("+18005550199", "the works doctor"),)
    assert book.relaxed_places == {"US-MI"} and book.stricter_forms == (("US-GA", "express_opt_in"),)
    (policy,) = book.policy
    assert policy == Policy(
        "Orders", "Robin Lee", False, 'Two lines,\nwith a "quotation".', ("days", "basis"),
        When("inbound", ("orders*",), (), (), (), ("+1415*", "withheld"), ("mon", "fri"), "22:00", "06:30"),
        Tell("standard", ("en", "es"), "quality and training"),
        Ask("announce", "Dana Reyes", "route", "end", "sip:desk@192.0.2.7"),
        policy.capture, Keep(30, ("compliance",)),
        Stated(("investment",), ChosenBasis("MIFID-16-7", "licence 7", "Dana Reyes")),
    )  # fmt: skip
    assert (policy.capture.record, policy.capture.share, policy.capture.on_hold) == (True, 20, "stop")


def test_what_is_written_is_short_and_in_order() -> None:
    book = PolicyBook(
        "Ours", stricter=(Stricter("US-GA", "express_opt_in", "Dana", "so"),),
        policy=(Policy("All", "Dana", note="one\ttwo\n\\three \"four\"", tell=Tell("standard", ("en",), "quality")),),
    )  # fmt: skip
    assert write_book(book) == (
        'format = 1\ntitle = "Ours"\n\n'
        '[[stricter]]\nplace = "US-GA"\nform = "express_opt_in"\nby = "Dana"\nreason = "so"\n\n'
        '[[policy]]\nname = "All"\nresponsible = "Dana"\nnote = """\none\ttwo\n\\\\three \\"four\\""""\n\n'
        '[policy.tell]\nscript = "standard"\nlanguages = ["en"]\npurpose = "quality"\n'
    )
    assert write_book(PolicyBook()) == "format = 1\n"


def test_long_lists_stand_one_entry_a_line() -> None:
    numbers = tuple(f"+1415555{number:04}" for number in range(12))
    text = write_book(PolicyBook(policy=(Policy("All", "Dana", when=When(numbers=numbers)),)))
    assert '\nnumbers = [\n    "+14155550000",\n' in text and parse_book(text).policy[0].when.numbers == numbers


@given(books)
@example(parse_book(WHOLE))
def test_what_is_written_reads_back_the_same(book: PolicyBook) -> None:
    text = write_book(book)
    assert parse_book(text) == book and write_book(parse_book(text)) == text


def test_a_control_character_is_written_so_that_reading_can_refuse_it() -> None:
    text = write_book(PolicyBook("bell \x07"))
    assert "bell \\u0007" in text and refused(text) == (
        "title holds a control character or a line break; leave it out",
    )


def policy(lines: str) -> str:
    """A book of one policy with further lines."""
    return f'format = 1\n[[policy]]\nname = "Sales"\nresponsible = "Dana"\n{lines}'


SALES = "policy «Sales»: "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ("format is missing; write format = 1 at the head of the book",)),
        ("format = 2", ("format is 2; this Overt reads format 1",)),
        ("format = true", ("format is true; this Overt reads format 1",)),
        ("format = 0x" + "f" * 9000, ("format is one too large; this Overt reads format 1",)),
        ("format = 1\ntitel = 'x'", ("the book has an unknown field «titel»; did you mean title?",)),
        ("format = 1\nzzz = 'x'", ("the book has an unknown field «zzz»",)),
        ("format = 1\ntimezone = 1", ("timezone must be a text, not 1",)),
        ("format = 1\npolicy = 3", ("policy must be a list, not 3",)),
        ("format = 1\npolicy = [3, {}]", (
            "policy «no. 1»: must be a table, not 3", "policy «no. 2»: name is missing", "policy «no. 2»: responsible is missing",
        )),
        ("format = 1\n[[never_record]]\nnumber = '+1800*'", ("never_record no. 1 reason is missing",)),
        ("format = 1\n[[stricter]]\nplace='FR'\nform='always'\nby='D'\nreason='r'", (
            "stricter no. 1 form is «always»; it is one of none, recording_tone, notice_then_continue, express_opt_in",)),
        (policy("purpose = 'quality'"), (SALES + "has an unknown field «purpose»; it belongs into [policy.tell]",)),
        (policy("when = []"), (SALES + "when must be a table, not a list",)),
        (policy("when = {}\nkeep = { days = { } }"), (SALES + "keep.days must be a whole number, not a table",)),
        (policy("[policy.when]\nline = ['a']"), (SALES + "when has an unknown field «line»; did you mean lines?",)),
        (policy("[policy.when]\nlines = 'sales'"), (SALES + 'when.lines must be a list, not «sales»; write ["sales"]',)),
        (policy("[policy.when]\nlines = ['a', 7]"), (SALES + "when.lines no. 2 must be a text, not 7",)),
        (policy("[policy.when]\ndays = ['monday']"), (
            SALES + "when.days no. 1 is «monday»; it is one of mon, tue, wed, thu, fri, sat, sun; did you mean mon?",)),
        (policy("[policy.when]\nfrom = '9:00'"), (
            SALES + "when.from is «9:00»; write a time of the day as 08:30, from 00:00 to 23:59",)),
        (policy("[policy.when]\nuntil = '24:00'"), (
            SALES + "when.until is «24:00»; write a time of the day as 08:30, from 00:00 to 23:59",)),
        (policy("[policy.ask]\ntelling = 1"), (SALES + "ask.telling is 1; it is one of ask, announce",)),
        (policy("[policy.capture]\nrecord = 1\nshare = 1.5"), (
            SALES + "capture.record must be true or false, not 1", SALES + "capture.share must be a whole number, not 1.5")),
        (policy("[policy.capture]\nshare = true"), (SALES + "capture.share must be a whole number, not true",)),
        (policy("[policy.keep]\ndays = 9007199254740992"), (SALES + "keep.days must be a whole number, not one too large",)),
        (policy('[policy.tell]\npurpose = "a\\nb"'), (
            SALES + "tell.purpose holds a control character or a line break; leave it out",)),
        (policy('note = "a\\u0000"'), (SALES + "note holds a control character or a line break; leave it out",)),
        (policy("[policy.law]\nbasis = { code = 1, paper = 'x' }"), (
            SALES + "law.basis has an unknown field «paper»", SALES + "law.basis.code must be a text, not 1")),
        (policy("enabled = 'very long text that says what nobody wants to read in full'"), (
            SALES + "enabled must be true or false, not «very long text that says what nobody wan…»",)),
        (policy("enabled = 1979-05-27"), (SALES + "enabled must be true or false, not 1979-05-27",)),
        ("x = " + "9" * 5000, ("the book holds a number too large to be read",)),
        *(
            (text, ("the book holds a name of more than 16 parts; leave out dots, or break the line",))
            for text in (
                ".".join("a" * 20_000) + " = 1", "[" + " . ".join("a" * 20_000) + "]", "x = { " + ".".join("a" * 99) + " = 1 }",
                ".".join(['"\\""'] * 9_000) + " = 1", ".".join(["'.'"] * 9_000) + " = 1", "\t.\t".join(['""'] * 17) + "= 1",
            )
        ),
        ("x = " + "[" * 70_000, ("the book nests too deeply to be read",)),
        ("\ud800", ("the book is no text in UTF-8",)),
        ("#" * (LARGEST_BYTES + 1), (f"the book has {LARGEST_BYTES + 1} bytes; {LARGEST_BYTES} are the most",)),
    ],
)  # fmt: skip
def test_everything_wrong_is_said_with_what_to_write(text: str, said: tuple[str, ...]) -> None:
    assert refused(text) == said


def test_what_is_no_toml_is_said_with_its_place() -> None:
    (said,) = refused("format = 1\ntitle = x")
    assert said.startswith("the book is not TOML: ") and "line 2" in said


plain = st.one_of(st.text(max_size=5), st.integers(-(2**70), 2**70), st.booleans(), st.floats(), st.just("mon"))
values = st.recursive(
    plain, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)), max_leaves=6
)  # fmt: skip
WORDS = (
    "format",
    "title",
    "policy",
    "relax",
    "stricter",
    "never_record",
    "name",
    "when",
    "from",
    "tell",
    "keep",
    "law",
    "basis",
)


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(one):08x}" for one in value if not "\ud800" <= one <= "\udfff") + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        written = {toml(key): toml(one) for key, one in value.items()}
        return f"{{{', '.join(f'{key} = {one}' for key, one in written.items())}}}"
    return str(value)


@given(
    st.dictionaries(st.sampled_from(WORDS), values, max_size=4),
    st.lists(st.tuples(st.sampled_from(WORDS), values), max_size=4),
)
def test_no_toml_makes_reading_fail_otherwise_than_by_refusing(
    top: dict[str, Any], inner: list[tuple[str, Any]]
) -> None:
    table = dict(inner)
    text = "\n".join(f"{name} = {toml(value)}" for name, value in {**top, "policy": [table], "format": 1}.items())
    try:
        parse_book(text)
    except BookRefused as refusal:
        assert refusal.findings


@given(st.text())
def test_no_text_makes_reading_fail_otherwise_than_by_refusing(text: str) -> None:
    try:
        parse_book(text)
    except BookRefused as refusal:
        assert refusal.findings


def test_a_book_is_known_by_the_hash_of_its_text() -> None:
    assert book_sha256("format = 1\n") == hashlib.sha256(b"format = 1\n").hexdigest()


def test_findings_say_where_and_what_to_do() -> None:
    assert str(Finding("warns", "", "no policy is enabled")) == "no policy is enabled"
    assert str(Finding("stops", "Sales", "it is so", "write otherwise")) == "policy «Sales»: it is so; write otherwise"
