"""Masking: real messages poured in, in every shape that a log line may have; nobody's number, name or key comes out."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.masking import MASK, MOST_REMEMBERED, Masker, mask_text
from overt.domain.traced import as_sent, header, traced

CORPUS = Path(__file__).parents[1] / "corpus"
MESSAGES = sorted((CORPUS / "rfc4475").glob("*.dat"))
BODIES = sorted((CORPUS / "siprec").glob("*.body"))
MASKER = Masker(b"k" * 32, "one call")
INVITE = (
    "INVITE sip:+14155550102;npdi@gw.example;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKab\r\n"
    'From: "Ada Lovelace" <sip:ada.lovelace@home.example>;tag=x\r\nTo: Grace Hopper <tel:+1-415-555-0102>\r\n'
    "Contact: Ada <sip:ada.lovelace:geheim@198.51.100.4>\r\nCall-ID: 14155550102-17@h\r\nCSeq: 1 INVITE\r\n"
    'P-Asserted-Identity: "Ada" <sip:4155550199@home.example>, tel:+14155550199\r\n'
    'Authorization: Digest username="ada", realm="r", nonce="n0nce", response="0123abcd"\r\n'
    "X-Customer: Ada Lovelace of Ockham\r\nSubject: her illness\r\nDiversion: <pidgin:ada>\r\n"
    "Content-Type: application/sdp\r\n\r\n"
    "v=0\r\no=ada 3724394400 1 IN IP4 192.0.2.7\r\ns=Ada calls\r\ne=ada@home.example\r\np=+1 415 555-0199\r\n"
    "c=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 31000 RTP/SAVP 0 8 97 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20\r\n"
    "a=ice-pwd:asd88fgpdd777uzjYhagZg\r\n"
)
SECRET = ("4155550102", "555-0102", "4155550199", "555-0199", "ada.", "Ada", "Lovelace", "Grace", "Hopper", "geheim", "n0nce",
          "0123abcd", "illness", "d0Rm", "asd88", "ada@", "ada:", ":ada")  # fmt: skip


def people(text: str) -> Iterator[str]:
    """User parts and numbers of a message, found in another way than masking finds them."""
    for found in re.finditer(r"sips?\s*:\s*([^\s<>\"@]+)@", text, re.IGNORECASE):
        yield found[1]
    yield from re.findall(r"tel:([^\s<>;]+)", text)
    yield from re.findall(r"\d{7,}", re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", text))


def shapes(message: str) -> Iterator[str]:
    """How a message gets into a log: as it is, as a repr, in a traceback, within a sentence."""
    yield message
    yield repr(message)
    yield repr(message.encode())
    yield f"call 7: could not read {message!r}, sorry"
    yield f"Traceback (most recent call last):\n  File x, line 3\nValueError: {message}"


@pytest.mark.parametrize("path", [*MESSAGES, *BODIES], ids=lambda one: one.name)
def test_no_user_part_and_no_number_of_real_messages_is_left(path: Path) -> None:
    octets = path.read_bytes()
    text = octets.decode("utf-8", "replace")
    shown = [*(mask_text(one) for one in shapes(text)), traced(octets, MASKER)]
    for one in shown:
        for person in people(text):
            assert f"{person}@" not in one and f":{person}" not in one.replace("branch", "")
            assert len(person) < 7 or person not in one, person
        left = re.search(r"(?:sips?:|tel:)(?![•‹\\]|%)[^\s<>;@\"'•‹]+@", one)
        assert left is None, left
        assert not re.search(r"inline:(?!•)", one)


@pytest.mark.parametrize("shape", range(5))
def test_nobody_is_left_in_a_message_with_everybody_in_it(shape: int) -> None:
    masked = mask_text(list(shapes(INVITE))[shape])
    header_words = ("X-Customer", "Subject", "illness")  # free words of strange headers: only the ladder knows headers
    lines = [line for line in re.split(r"\r\n|\\r\\n", masked) if not line.startswith(header_words[:2])]
    assert not [(one, line) for line in lines for one in SECRET if one in line]


def test_a_ladder_shows_what_an_engineer_needs_and_nobody() -> None:
    shown = traced(INVITE.encode(), MASKER)
    assert not [one for one in SECRET if one in shown]
    for kept in ("192.0.2.7:5060;branch=z9hG4bKab", "CSeq: 1 INVITE", "m=audio 31000 RTP/SAVP 0 8 97 101", "a=fmtp:101 0-15",
                 "AES_CM_128_HMAC_SHA1_80", "@home.example>;tag=x", f"Authorization: Digest {MASK}",
                 f"X-Customer: {MASK} (22 characters)"):  # fmt: skip
        assert kept in shown, kept
    assert header(shown, "cseq") == "1 INVITE" and header(shown, "missing") == ""


def test_the_same_person_has_the_same_mask_within_a_call_only() -> None:
    ways = ["sip:+14155550102@a", "sip:14155550102;npdi@b", "tel:+1-415-555-0102", "+1 (415) 555-0102"]
    masks = {re.search(r"‹[a-p]{6}›", MASKER.text(one))[0] for one in ways}  # type: ignore[index]
    assert len(masks) == 1
    assert MASKER.person("bob") != MASKER.person("eve") and MASKER.person("Bob") == MASKER.person("bob")
    assert (
        Masker(b"k" * 32, "another").person("bob")
        != MASKER.person("bob")
        != Masker(b"l" * 32, "one call").person("bob")
    )
    assert MASKER.person("") == "" and MASKER.person("!") == MASK and MASKER.person(MASK) == MASK


def test_what_is_nobodys_stays() -> None:
    kept = ("call 0199c6f2-77aa-7bbb-8ccc-1234567890ab: no answer at 2026-12-01T12:43:23 from 203.0.113.7:5060, 3 of 12345 packets, "
            "sha256 " + "0123456789abcdef" * 4)  # fmt: skip
    assert mask_text(kept) == kept


@pytest.mark.parametrize(
    "said",
    [
        "password=hunter2",
        "token: abc.def",
        "Bearer abc.def",
        '"secret": "hunter2"',
        "hep_key='hunter2'",
        "k=clear:hunter2",
    ],
)
def test_passwords_and_tokens_do_not_stay(said: str) -> None:
    assert "hunter2" not in mask_text(said) and "abc.def" not in mask_text(said)


@given(st.text(max_size=60), st.from_regex(r"\+?[0-9]{6,15}", fullmatch=True), st.text(max_size=60))
def test_no_number_stays_whatever_stands_around_it(before: str, number: str, after: str) -> None:
    if not re.search(r"[\w.:\-]$", before) and not re.match(r"[\w.\-T]", after):
        assert number.lstrip("+") not in mask_text(f"{before}{number}{after}")


@given(st.binary(max_size=400) | st.text(alphabet="sip:@<>\"',;= \r\n\t%\\0123a", max_size=400).map(str.encode))
def test_anything_can_be_shown(message: bytes) -> None:
    shown = traced(message, MASKER)
    assert isinstance(shown, str) and MASKER.text(MASKER.person("bob")) == MASKER.person("bob")


@pytest.mark.parametrize("piece", ["a", "sip:", ",a", ",", '"', "\\", "<", "1 ", "@", "a@", "<a:", "%2B", "password="])
def test_nothing_takes_long(piece: str) -> None:
    began = time.perf_counter()
    mask_text(piece * (65_536 // len(piece)))
    assert time.perf_counter() - began < 1.5


def test_bodies_that_are_no_description_are_shown_by_length_and_digest() -> None:
    digits = b"INFO sip:a@b SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\n"
    shown = traced(digits, MASKER)
    assert (
        "Signal" not in shown
        and f"(application/dtmf-relay: 10 bytes, digest {MASKER.digest(b'Signal=5' + bytes([13, 10]))})" in shown
    )
    assert MASKER.digest(b"x") != Masker(b"l" * 32, "one call").digest(b"x")  # nobody can try all keys of a telephone


def test_the_parts_of_a_body_are_shown_each_in_its_way() -> None:
    body = (
        b"--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=ada 1 1 IN IP4 192.0.2.7\r\n--b\r\n"
        b"Content-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n<name>Ada</name>\r\n"
        b"--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n--c\r\n\r\nAda\r\n--c--\r\n--b\r\n\r\nno type\r\n--b--\r\n"
    )
    head = b"INVITE sip:x@y SIP/2.0\r\nc: multipart/mixed;\r\n boundary=b\r\nnothing\r\n\r\n"
    shown = traced(head + body, MASKER)
    assert (
        "o=••• 1 1 IN IP4 192.0.2.7" in shown
        and "Ada" not in shown
        and "=ada" not in shown
        and f"\n{MASK}: {MASK} (0 characters)" in shown
    )
    assert re.search(r"\(application/rs-metadata\+xml: 16 bytes, digest [0-9a-f]{16}\)", shown)
    assert shown.count("(a body without a type:") == 2


def test_what_is_shown_can_be_sent_as_a_message() -> None:
    sent = as_sent(traced(INVITE.encode(), MASKER))
    head, _, body = sent.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[-1] == b"Content-Length: %d" % len(body) and body.startswith(b"v=0\r\no=xxx ") and sent.isascii()
    assert b"\n" not in sent.replace(b"\r\n", b"") and lines[0].startswith(b"INVITE sip:m-")
    assert as_sent("BYE x SIP/2.0\nl: 7") == b"BYE x SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def test_a_masker_remembers_a_bounded_number_of_lines() -> None:
    masker = Masker(b"k" * 32, "one call")
    for _ in range(2):
        for number in range(MOST_REMEMBERED + 50):
            assert masker.text(f"sip:a{number}@h") == f"sip:{masker.person(f'a{number}')}@h"
    assert len(masker._masked) == MOST_REMEMBERED
