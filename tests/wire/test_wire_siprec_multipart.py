"""Bodies in parts: as recording clients send them, as nobody should, and as we write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire.sip.errors import LocalProtocolError
from overt.wire.siprec.errors import BrokenBody, quoted
from overt.wire.siprec.multipart import (
    LARGEST,
    LONGEST_HEADER,
    METADATA,
    MOST_HEADERS,
    MOST_PARTS,
    SDP,
    Part,
    read_body,
    write_body,
)

CORPUS = Path(__file__).parents[1] / "corpus" / "siprec"
OFFER, XML = b"v=0\r\ns=-", b"<recording/>"
PLAIN = (
    b"--one\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n"
    b"--one\r\nContent-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n<recording/>\r\n"
    b"--one--\r\n"
)
MIXED = "multipart/mixed;boundary=one"


def codes(content_type: str, body: bytes) -> list[str]:
    """What was wrong with a body from which both parts could be read nevertheless."""
    found = read_body(content_type, body)
    assert found.sdp is not None and found.sdp.replace(b"\r\n", b"\n").strip() == b"v=0\ns=-"
    assert found.metadata is not None and found.metadata.strip() == XML
    return [one.code for one in found.remarks]


@pytest.mark.parametrize(
    ("content_type", "change"),
    [
        (MIXED, lambda b: b),
        ('MULTIPART/Mixed; charset=x; Boundary="one"', lambda b: b),
        ("multipart/related ; boundary = one", lambda b: b),
        (MIXED, lambda b: b.replace(b"\r\n", b"\n")),
        (MIXED, lambda b: b"A preamble\r\nof two lines\r\n" + b + b"\r\nand an epilogue\r\n--one\r\n\r\nnot a part"),
        (MIXED, lambda b: b.replace(b"--one\r\n", b"--one \t\r\n")),
        (MIXED, lambda b: b[:-2] + b" "),
        (MIXED, lambda b: b.replace(b"Content-Type: ", b"content-TYPE:").replace(b"application", b"Application")),
        (MIXED, lambda b: b.replace(b"Disposition: r", b"Disposition:\r\n\t R")),
        (MIXED, lambda b: b.replace(b"rs-metadata+xml", b"rs-metadata")),
        (MIXED, lambda b: b.replace(b"rs-metadata+xml", b"xml")),
        (MIXED, lambda b: b.replace(b"rs-metadata+xml", b"octet-stream")),
        (MIXED, lambda b: b.replace(b"\r\n\r\nv=0", b"\r\nContent-Length: 8\r\n\r\nv=0")),
        (MIXED, lambda b: b.replace(b"\r\n\r\n<", b"\r\nContent-Transfer-Encoding: Binary\r\n\r\n<")),
        (
            MIXED,
            lambda b: b.replace(
                b"\r\n\r\n<recording/>", b"\r\nContent-Transfer-Encoding: base64\r\n\r\nPHJlY29yZGluZy8+"
            ),
        ),
        (
            MIXED,
            lambda b: b.replace(b"\r\n\r\n<r", b"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<=\r\n=72"),
        ),
        (MIXED, lambda b: b.replace(b"--one--", b"--one\r\nContent-Type: application/gtd\r\n\r\nIAM,\r\n--one--")),
        (MIXED, lambda b: b.replace(b"--one--", b"--one-x\r\n--one--").replace(b"<recording/>\r\n--one-x", b"<recording/>")),
    ],
)  # fmt: skip
def test_what_the_rules_allow_is_read_without_a_word(content_type: str, change) -> None:  # type: ignore[no-untyped-def]
    assert codes(content_type, change(PLAIN)) == []


@pytest.mark.parametrize(
    ("content_type", "change", "code"),
    [
        (MIXED, lambda b: b.removesuffix(b"--one--\r\n"), "no-final-boundary"),
        ("multipart/mixed", lambda b: b, "other-boundary"),
        ("", lambda b: b"\r\n" + b, "other-boundary"),
        ("multipart/mixed;boundary=--one", lambda b: b, "other-boundary"),
        (MIXED, lambda b: b.replace(b"--one", b"----one"), "other-boundary"),
        (MIXED, lambda b: b.replace(b"\r\n\r\nv=0", b"\r\nv=0"), "no-empty-line"),
        (MIXED, lambda b: b.replace(b"\r\n\r\nv=0", b"\r\nContent-Length: 99\r\n\r\nv=0"), "part-length"),
        (MIXED, lambda b: b.replace(b"\r\n\r\nv=0", b"\r\nContent-Length: many\r\n\r\nv=0"), "part-length"),
    ],
)
def test_what_the_rules_forbid_is_read_and_told(content_type: str, change, code: str) -> None:  # type: ignore[no-untyped-def]
    assert codes(content_type, change(PLAIN)) == [code]


def test_the_same_fault_in_two_parts_is_told_once() -> None:
    assert codes(MIXED, PLAIN.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n")) == ["part-length"]


def test_parts_without_a_type_are_known_by_their_look() -> None:
    found = read_body(MIXED, b'--one\n\nv=0\n--one\n\n<?xml version="1.0"?><recording/>\n--one\n\nhello\n--one--')
    assert [part.kind for part in found.parts] == [SDP, METADATA[0], "text/plain"] and found.remarks == ()
    assert [part.body for part in found.others] == [b"hello"]


def test_parts_within_parts_come_out_flat() -> None:
    inner = (
        b"Content-Type: multipart/alternative; boundary=two\r\n\r\n--two\r\n\r\nv=0\r\n--two\r\n\r\nx\r\n--two--\r\n"
    )
    found = read_body(
        MIXED, b"--one\r\n" + inner + b"--one\r\nContent-Type: application/rs-metadata+xml\r\n\r\n<a/>\r\n--one--"
    )
    assert (found.sdp, found.metadata) == (b"v=0", b"<a/>") and [p.body for p in found.others] == [b"x"]


def test_one_kind_alone_and_nothing_at_all() -> None:
    """Pauses come with SDP alone or with nothing; changes of people with metadata alone."""
    assert read_body("application/sdp", OFFER).sdp == OFFER and read_body("application/sdp", OFFER).metadata is None
    assert read_body("application/rs-metadata+xml; charset=utf-8", XML).metadata == XML
    assert read_body("application/sdp", b"\r\n").parts == () and read_body("", b"").metadata is None
    assert read_body("", OFFER).sdp == OFFER and read_body("text/plain", b"--\r\n").sdp is None


def test_what_a_part_is_for() -> None:
    part = Part((("content-disposition", "Signal ; handling=optional"),), b"")
    assert part.disposition == "signal" and not part.required
    assert Part((), b"").required and Part((("Content-Disposition", "session;handling=required"),), b"").required


@pytest.mark.parametrize(
    ("content_type", "body", "status", "said"),
    [
        (MIXED, b"x" * (LARGEST + 1), 513, "65536 bytes"),
        ("multipart/mixed", b"v=0", 400, "names no boundary"),
        (MIXED, b"v=0", 400, "«one» of the Content-Type does not stand"),
        ("multipart/mixed;boundary=" + "x" * 201, PLAIN, 400, "201 characters"),
        (MIXED, b"--one\r\n\r\nx\r\n" * (MOST_PARTS + 1) + b"--one--", 513, "more than 16 parts"),
        (MIXED, b"--one--\r\n", 400, "and has none"),
        (MIXED, b"--one\r\n" + b"a: b\r\n" * (MOST_HEADERS + 1) + b"\r\nx\r\n--one--", 513, "too many headers"),
        (MIXED, b"--one\r\na: b\r\n" + b" cd\r\n" * 2000 + b"\r\nx\r\n--one--", 513, "one too long"),
        (MIXED, b"--one\r\na: " + b"x" * 5000 + b"\r\n\r\nx\r\n--one--", 513, "one too long"),
        (MIXED, b"--one\r\nContent-Transfer-Encoding: base64\r\n\r\nabcde\r\n--one--", 400, "base64"),
        (MIXED, b"--one\r\nContent-Transfer-Encoding: uu\r\n\r\nabcde\r\n--one--", 415, "«uu»"),
        (MIXED, b"--one\r\nContent-Type: multipart/mixed;boundary=one2\r\n\r\n--one2\r\nContent-Type: multipart/x;boundary=one3"
                b"\r\n\r\n--one3\r\nContent-Type: multipart/x;boundary=one4\r\n\r\n--one4\r\n\r\nx", 400, "within parts"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_apart_is_refused_in_a_sentence(
    content_type: str, body: bytes, status: int, said: str
) -> None:
    with pytest.raises(BrokenBody) as caught:
        read_body(content_type, body)
    assert caught.value.status == status and said in caught.value.reason and caught.value.reason.endswith(".")


def test_what_stays_within_the_bounds_is_taken_apart() -> None:
    assert len(read_body(MIXED, b"--one\r\n\r\nx\r\n" * MOST_PARTS + b"--one--").parts) == MOST_PARTS
    head = (
        b"--one\r\n" + b"a: b\r\n" * (MOST_HEADERS - 1) + b"c: " + b"x" * (LONGEST_HEADER - 3) + b"\r\n\r\nx\r\n--one--"
    )
    assert len(read_body(MIXED, head).parts[0].headers) == MOST_HEADERS
    folded = read_body(MIXED, b"--one\r\na: b\r\n " + b"x" * (LONGEST_HEADER - 2) + b"\r\n\r\nx\r\n--one--")
    assert len(folded.parts[0].get("a")) == LONGEST_HEADER
    assert read_body(MIXED, PLAIN + b" " * (LARGEST - len(PLAIN))).sdp is not None


def test_a_part_that_ends_within_its_headers_is_empty() -> None:
    for piece in (
        b"Content-Type: application/sdp",
        b"Content-Type: application/sdp\r\n\r\n",
        b"Content-Type: application/sdp\r\n",
    ):
        found = read_body(MIXED, b"--one\r\n" + piece)
        assert found.sdp == b"" and [one.code for one in found.remarks] == ["no-final-boundary"]
    assert read_body(MIXED, b"--one\r\n \r\n--one--").parts[0].body == b""
    assert read_body(MIXED, b"--one\r\n x: y\r\n--one--").parts[0].body == b" x: y"


def test_text_of_strangers_is_quoted_short_and_clean() -> None:
    assert quoted("a\r\nb") == "«a??b»" and quoted("x" * 60) == f"«{'x' * 48}…»"


HEADER = st.tuples(
    st.sampled_from(["Content-Type", "Content-Disposition", "X-One"]),
    st.sampled_from(["application/sdp", "application/rs-metadata+xml", "recording-session", "a;b=c", "text/plain"]),
)


@given(st.lists(st.tuples(st.lists(HEADER, max_size=3), st.binary(max_size=80)), min_size=1, max_size=5))
def test_what_we_write_is_read_back_as_it_was(parts: list[tuple[list[tuple[str, str]], bytes]]) -> None:
    content_type, body = write_body([(tuple(headers), content) for headers, content in parts])
    found = read_body(content_type, body)
    assert [(list(part.headers), part.body) for part in found.parts] == parts and found.remarks == ()


def test_the_boundary_that_we_choose_stands_in_no_part() -> None:
    content_type, body = write_body([((), b"--overt-1"), ((), b"--overt-2x")])
    assert content_type == "multipart/mixed;boundary=overt-3" and len(read_body(content_type, body).parts) == 2
    content_type, body = write_body([((), b"x")], "with space and?")
    assert content_type.endswith('boundary="with space and?"') and read_body(content_type, body).parts[0].body == b"x"


@pytest.mark.parametrize(
    ("parts", "boundary"),
    [
        ([], ""), ([((), b"--mine")], "mine"), ([((), b"x")], "ends in space "), ([((), b"x")], "x" * 71),
        ([((("a", "b\r\nc"),), b"x")], ""), ([((), b"x")], "line\nend"),
    ],
)  # fmt: skip
def test_what_we_may_not_write_we_do_not(parts, boundary: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LocalProtocolError):
        write_body(parts, boundary)


@given(
    st.builds(
        lambda a, b, c: PLAIN[:a] + b + PLAIN[c:], st.integers(0, 200), st.binary(max_size=12), st.integers(0, 200)
    ),
    st.sampled_from([MIXED, "multipart/mixed", "", "application/sdp", 'multipart/mixed;boundary="'])
    | st.text(max_size=30),
)
def test_no_bytes_raise_anything_else(body: bytes, content_type: str) -> None:
    try:
        found = read_body(content_type, body)
    except BrokenBody:
        return
    assert (
        isinstance(found.sdp, bytes | None)
        and isinstance(found.metadata, bytes | None)
        and len(found.others) <= MOST_PARTS
    )


@given(st.sampled_from(sorted(CORPUS.glob("*.body"))), st.data())
def test_cut_anywhere_a_real_body_never_shows_more_than_it_has(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    boundary = whole.split(b"--", 1)[1].split(None, 1)[0].decode()
    try:
        found = read_body(f"multipart/mixed;boundary={boundary}", whole[:at])
    except BrokenBody:
        return
    every = read_body(f"multipart/mixed;boundary={boundary}", whole)
    assert len(found.parts) <= len(every.parts)
    assert found.parts[:-1] == every.parts[: max(0, len(found.parts) - 1)]
