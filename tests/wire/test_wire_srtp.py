"""Encrypted sound: against the vectors of the standards, against libsrtp, and against those who would forge or repeat it."""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.wire.rtp import srtp
from overt.wire.rtp.srtp import Protector, Unprotector
from overt.wire.sdes import SUITES

MASTER = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
SALT = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": "SRTP_PROFILE_AES128_CM_SHA1_80",
    "AES_CM_128_HMAC_SHA1_32": "SRTP_PROFILE_AES128_CM_SHA1_32",
    "AEAD_AES_128_GCM": "SRTP_PROFILE_AEAD_AES_128_GCM",
    "AEAD_AES_256_GCM": "SRTP_PROFILE_AEAD_AES_256_GCM",
}
KEYS = {suite: hashlib.shake_256(suite.encode()).digest(size) for suite, size in SUITES.items()}
REPORT = struct.pack(">BBHI", 0x80, 201, 1, 0xCAFE)


def rtp(sequence: int, content: bytes = b"sound" * 32, ssrc: int = 0xCA110000, first: int = 0x80) -> bytes:
    return struct.pack(">BBHII", first, 0, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc) + content


def opened(one: Unprotector, packet: bytes) -> bytes:
    buffer = bytearray(packet)
    return bytes(buffer[: one.rtp(buffer, len(packet))])


def test_session_keys_are_derived_as_the_standard_says() -> None:
    """RFC 3711 appendix B.3."""
    assert srtp.derived(MASTER, SALT, 0, 16).hex() == "c61e7a93744f39ee10734afe3ff7a087"
    assert srtp.derived(MASTER, SALT, 2, 14).hex() == "30cbbc08863d8c85d49db34a9ae1"
    assert srtp.derived(MASTER, SALT, 1, 20).hex() == "cebe321f6ff7716b6fd4ab49af256a156d38baa4"


def test_galois_counter_mode_is_that_of_the_standard() -> None:
    """RFC 7714 §16.1.1 and §16.2.1: session keys are given there, not derived."""
    gallia = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
    sealed = {
        16: "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        32: "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
    }
    for size, expected in sealed.items():
        one = srtp._Gcm(bytes(range(size)), b"Quid pro quo")
        packet = one.seal_rtp(gallia, 12, 0x5501A0B2, 0xF17B)
        assert packet == gallia[:12] + bytes.fromhex(expected)
        assert one.open_rtp(bytearray(packet), len(packet), 12, 0x5501A0B2, 0xF17B) == gallia[12:]


def test_the_code_by_hand_is_hmac() -> None:
    one = srtp._Counter(bytes(16), bytes(14), b"k" * 20, 10)
    assert one._code(b"content", b"rest") == hmac.digest(b"k" * 20, b"contentrest", "sha1")[:10]


@pytest.mark.parametrize("suite", SUITES)
def test_libsrtp_and_we_understand_each_other(suite: str) -> None:
    pylibsrtp = pytest.importorskip("pylibsrtp")
    profile = getattr(pylibsrtp.Policy, PROFILES[suite])

    def theirs(way: int) -> object:
        return pylibsrtp.Session(pylibsrtp.Policy(key=KEYS[suite], ssrc_type=way, srtp_profile=profile))

    sender, receiver = theirs(pylibsrtp.Policy.SSRC_ANY_OUTBOUND), theirs(pylibsrtp.Policy.SSRC_ANY_INBOUND)
    ours, mine = Unprotector(suite, KEYS[suite]), Protector(suite, KEYS[suite])
    with_extension = b"\x00\x00\x00\x07" + b"\xbe\xde\x00\x01abcd" + b"x" * 33
    for sequence in range(65530 - 30000, 65545, 5):  # over the turn of the sequence number
        for packet in (rtp(sequence), rtp(sequence, with_extension, 7, 0x91)):
            assert opened(ours, sender.protect(packet)) == packet
            assert receiver.unprotect(mine.rtp(packet)) == packet
    assert set(ours.rocs.values()) == {1}
    assert ours.rtcp(sender.protect_rtcp(REPORT)) == REPORT
    assert receiver.unprotect_rtcp(mine.rtcp(REPORT)) == REPORT


@pytest.mark.parametrize("suite", SUITES)
def test_what_was_changed_anywhere_or_came_before_is_not_opened(suite: str) -> None:
    sender, receiver = Protector(suite, KEYS[suite]), Unprotector(suite, KEYS[suite])
    first = sender.rtp(rtp(1))
    for at in range(len(first)):
        assert not opened(receiver, first[:at] + bytes((first[at] ^ 1,)) + first[at + 1 :])
    assert not opened(receiver, rtp(1)) and not opened(receiver, first[:20]) and not opened(receiver, first[:12])
    assert opened(receiver, first) == rtp(1)
    assert not opened(receiver, first), "a second time"
    assert not opened(receiver, sender.rtp(rtp(2))[:-1])
    report = sender.rtcp(REPORT)
    for at in range(len(report)):
        assert not receiver.rtcp(report[:at] + bytes((report[at] ^ 1,)) + report[at + 1 :])
    assert not receiver.rtcp(REPORT) and not receiver.rtcp(b"")
    assert receiver.rtcp(report) == REPORT and not receiver.rtcp(report)
    assert receiver.rtcp(sender.rtcp(REPORT)) == REPORT


def test_reports_in_the_clear_within_the_envelope_are_refused() -> None:
    """The bit that says `encrypted` is off, and the code is right: nobody agreed to that."""
    one = srtp.transforms("AES_CM_128_HMAC_SHA1_80", KEYS["AES_CM_128_HMAC_SHA1_80"])[1]
    assert isinstance(one, srtp._Counter)
    clear = REPORT + struct.pack(">I", 1)
    receiver = Unprotector("AES_CM_128_HMAC_SHA1_80", KEYS["AES_CM_128_HMAC_SHA1_80"])
    assert receiver.rtcp(clear + one._code(clear, b"")) == b""


def test_packets_out_of_order_are_taken_once_within_the_window() -> None:
    suite = "AEAD_AES_128_GCM"
    sender, receiver = Protector(suite, KEYS[suite]), Unprotector(suite, KEYS[suite])
    sealed = {sequence: sender.rtp(rtp(sequence)) for sequence in range(65400, 65400 + 400)}
    assert opened(receiver, sealed[65400]) and opened(receiver, sealed[65540]), "past the turn"
    assert opened(receiver, sealed[65530]) == rtp(65530), "before the turn, late"
    assert not opened(receiver, sealed[65530]) and not opened(receiver, sealed[65540 - 128])
    assert opened(receiver, sealed[65540 - 127])
    assert opened(receiver, sealed[65799]) and not opened(receiver, sealed[65541]), "a jump longer than the window"


def test_the_counter_goes_on_where_another_process_left_it() -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    told: list[tuple[int, int]] = []
    sender, before = (
        Protector(suite, KEYS[suite]),
        Unprotector(suite, KEYS[suite], on_roll=lambda *one: told.append(one)),
    )
    for sequence in range(30000, 140_000, 1000):
        assert opened(before, sender.rtp(rtp(sequence)))
    assert told == [(0xCA110000, 1), (0xCA110000, 2)] and before.rocs == {0xCA110000: 2}
    late = sender.rtp(rtp(140_000))
    assert not opened(Unprotector(suite, KEYS[suite]), late), "without the counter"
    assert opened(Unprotector(suite, KEYS[suite], before.rocs), late)
    for sequence in range(141_000, 200_000, 1000):
        sender.rtp(rtp(sequence))
    after = Unprotector(suite, KEYS[suite], before.rocs, lambda *one: told.append(one))
    assert opened(after, sender.rtp(rtp(200_000))), "it turned over while nobody listened"
    assert told[2:] == [(0xCA110000, 3)] and after.rocs == {0xCA110000: 3}
    anew = Unprotector(suite, KEYS[suite], {0xCA110000: 9}, lambda *one: told.append(one))
    assert opened(anew, Protector(suite, KEYS[suite]).rtp(rtp(1))) and told[3:] == [(0xCA110000, 0)]


def test_nothing_is_sealed_twice_with_one_index() -> None:
    sender = Protector("AEAD_AES_256_GCM", KEYS["AEAD_AES_256_GCM"])
    assert sender.rtp(rtp(500)) and not sender.rtp(rtp(500, b"something else"))
    assert sender.rtp(rtp(499)) and sender.follows(0xCA110000, 400) and not sender.follows(0xCA110000, 372)
    assert not sender.rtp(rtp(300)) and sender.follows(1, 300)
    assert not sender.rtp(b"\x80") and not sender.rtp(b"")
    young = Protector("AEAD_AES_256_GCM", KEYS["AEAD_AES_256_GCM"])
    assert young.rtp(rtp(0)) and not young.rtp(rtp(65535)), "before the first of all"


def test_before_the_first_of_all_nothing_is_opened() -> None:
    suite = "AEAD_AES_256_GCM"
    receiver, sender = Unprotector(suite, KEYS[suite]), Protector(suite, KEYS[suite])
    assert opened(receiver, sender.rtp(rtp(0)))
    assert not opened(receiver, Protector(suite, KEYS[suite]).rtp(rtp(65535)))


def test_of_very_many_sources_the_first_is_forgotten() -> None:
    suite = "AEAD_AES_128_GCM"
    sender, receiver = Protector(suite, KEYS[suite]), Unprotector(suite, KEYS[suite])
    for ssrc in range(srtp._MOST_SOURCES + 5):
        assert opened(receiver, sender.rtp(rtp(1, b"x", ssrc)))
    assert len(receiver.rocs) == srtp._MOST_SOURCES


@pytest.mark.parametrize(("suite", "size"), [("F8_128_HMAC_SHA1_80", 30), ("AEAD_AES_256_GCM", 28)])
def test_a_key_that_does_not_fit_is_an_error(suite: str, size: int) -> None:
    with pytest.raises(ValueError, match="no suite"):
        Unprotector(suite, bytes(size))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(SUITES)), st.binary(max_size=90), st.booleans())
def test_no_bytes_raise_anything(suite: str, noise: bytes, rtp_like: bool) -> None:
    receiver = Unprotector(suite, KEYS[suite])
    packet = bytes((0x80 | noise[0] & 0x3F,)) + noise[1:] if rtp_like and noise else noise
    assert opened(receiver, packet) == b"" and receiver.rtcp(packet) == b""
