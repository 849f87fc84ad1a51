"""Keys in descriptions: read, offered, answered, kept; and never shown."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire import sdes, sdp
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.leg import Leg, Offering
from overt.wire.sip.message import Request
from overt.wire.sip.transaction import Peer

KEY = bytes(range(32))
THEIRS = b64encode(bytes(range(100, 130))).decode()
OTHER = b64encode(bytes(range(44))).decode()
SECURE = f"""v=0
o=- 1 1 IN IP6 2001:db8::1
s=-
c=IN IP6 2001:db8::1
b=AS:64
t=0 0
m=audio 5000 RTP/SAVP 8 96
a=rtpmap:96 telephone-event/8000
a=crypto:1 F8_128_HMAC_SHA1_80 inline:{THEIRS}
a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{THEIRS}|2^20 WSH=64
a=crypto:3 AEAD_AES_256_GCM inline:{OTHER}
a=rtcp-mux
a=record:on
""".encode()
BOTH = SECURE + b"m=audio 6000 rtp/avp 0\n"


@pytest.mark.parametrize(
    "line",
    [
        f"x AES_CM_128_HMAC_SHA1_80 inline:{THEIRS}", f"1 AES_CM_128_HMAC_SHA1_80 outline:{THEIRS}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{THEIRS}|2^20|1:4", f"1 AES_CM_128_HMAC_SHA1_80 inline:{THEIRS};inline:{THEIRS}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{THEIRS} UNENCRYPTED_SRTP", f"1 AES_CM_128_HMAC_SHA1_80 inline:{THEIRS} KDR=1",
        f"1 AEAD_AES_256_GCM inline:{THEIRS}", "1 AES_CM_128_HMAC_SHA1_80 inline:!!!", "1 AES_CM_128_HMAC_SHA1_80", "",
        f"1 AES_192_CM_HMAC_SHA1_80 inline:{THEIRS}", f"{'9' * 5000} AES_CM_128_HMAC_SHA1_80 inline:{THEIRS}",
        f"² AES_CM_128_HMAC_SHA1_80 inline:{THEIRS}",
    ],
)  # fmt: skip
def test_a_line_that_asks_for_what_we_have_not_got_is_as_if_it_were_not_there(line: str) -> None:
    assert sdes.read(line) is None


def test_lines_are_read_however_they_are_written() -> None:
    for line in (
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{THEIRS}",
        f"1  aes_cm_128_hmac_sha1_80 INLINE:{THEIRS}|2^31 -UNKNOWN=1 WSH=128",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{THEIRS.rstrip('=')}",
    ):
        found = sdes.read(line)
        assert found is not None and (found.tag, found.suite) == (1, "AES_CM_128_HMAC_SHA1_80")
        assert found.key == bytes(range(100, 130))
    gcm = sdes.read(f"7 AEAD_AES_128_GCM inline:{b64encode(bytes(28)).decode().rstrip('=')}")
    assert gcm is not None and sdes.read(str(gcm).partition(":")[2]) == gcm


def test_each_suite_has_a_key_of_its_own_that_stays() -> None:
    lines = sdes.offered(KEY)
    assert [one.suite for one in lines] == list(sdes.SUITES) and lines == sdes.offered(KEY)
    assert {one.suite: len(one.key) for one in lines} == sdes.SUITES
    assert len({one.key[:20] for one in lines}) == len(lines)
    assert sdes.offered(KEY[::-1])[0].key != lines[0].key
    with pytest.raises(ValueError, match="too few"):
        sdes.of_suite(bytes(29), "AEAD_AES_128_GCM")


def test_both_ends_have_the_same_keys_after_an_answer() -> None:
    mine, yours = KEY, KEY[::-1]
    offer = sdp.parse(sdp.offer("127.0.0.1", 4000, session_id=1, key=mine, secure=True))
    answer = sdp.parse(sdp.answer(offer, "127.0.0.1", 5000, session_id=2, version=1, key=yours))
    ours, theirs = sdp.srtp_of(mine, answer), sdp.srtp_of(yours, offer)
    assert ours is not None and theirs is not None and ours.suite == theirs.suite == "AEAD_AES_256_GCM"
    assert (ours.receive, ours.send) == (theirs.send, theirs.receive)
    held = sdp.parse(sdp.offer("127.0.0.1", 4000, session_id=1, version=2, key=mine, secure=True, direction="sendonly"))
    assert held.audio is not None and held.audio.crypto == offer.audio.crypto if offer.audio else False


def test_the_first_suite_that_we_have_is_answered_under_its_own_tag() -> None:
    found = sdp.parse(SECURE)
    assert found.audio is not None and found.audio.secure and found.audio.rtcp_mux and found.audio.record == "on"
    body = sdp.answer(found, "2001:db8::2", 4000, session_id=1, version=1, key=KEY)
    assert b"m=audio 4000 RTP/SAVP 8 96\r\n" in body and b"c=IN IP6 2001:db8::2" in body and b"rtcp-mux" not in body
    answered = sdp.parse(body).audio
    assert answered is not None and [(one.tag, one.suite) for one in answered.crypto] == [
        (2, "AES_CM_128_HMAC_SHA1_32")
    ]
    assert answered.event_type == 96
    feedback = sdp.parse(SECURE.replace(b"RTP/SAVP", b"RTP/SAVPF"))
    assert b"RTP/SAVPF 8 96" in sdp.answer(feedback, "::1", 4000, session_id=1, version=1, key=KEY)


def test_what_is_set_decides_between_a_line_in_the_clear_and_an_encrypted_one() -> None:
    both = sdp.parse(BOTH)
    wanted: list[tuple[sdp.Secrecy, int]] = [("off", 6000), ("optional", 5000), ("required", 5000)]
    for secrecy, port in wanted:
        chosen = both.audio_of(secrecy)
        assert chosen is not None and chosen.port == port
        answer = sdp.parse(sdp.answer(both, "::1", 7000, session_id=1, version=1, key=KEY, secrecy=secrecy))
        assert [one.port for one in answer.media] == [7000 if one.port == port else 0 for one in both.media]
        assert (sdp.srtp_of(KEY, both, secrecy) is not None) == (secrecy != "off")
    assert b"RTP/AVP" in sdp.answer(both, "::1", 7000, session_id=1, version=1), "without a key of ours"
    swapped = sdp.parse(SECURE.replace(b" 8 96", b" 18 96") + b"m=audio 6000 RTP/AVP 0\n")
    assert swapped.audio is not None and swapped.audio.port == 6000, "the line whose codec we relay"


@pytest.mark.parametrize(
    ("body", "secrecy", "said"),
    [
        (b"v=0\nc=IN IP4 192.0.2.1\nm=audio 9 RTP/AVP 0\n", "required", "must be encrypted here"),
        (SECURE, "off", "encryption is off here"),
        (b"v=0\nc=IN IP4 192.0.2.1\nm=audio 9 RTP/SAVP 0\n", "optional", "no suite that we have"),
        (b"v=0\nc=IN IP4 192.0.2.1\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n", "optional", "no G.711 audio"),
        (b"v=0\nc=IN IP4 media.example\nm=audio 9 RTP/AVP 0\n", "optional", "a name in its place"),
        (b"v=0\nc=IN IP6 fe80::1%eth0\nm=audio 9 RTP/AVP 0\n", "optional", "a name in its place"),
    ],
)
def test_what_cannot_be_answered_says_why(body: bytes, secrecy: sdp.Secrecy, said: str) -> None:
    with pytest.raises(RemoteProtocolError, match=said) as caught:
        sdp.answer(sdp.parse(body), "127.0.0.1", 1, session_id=1, version=1, key=KEY, secrecy=secrecy)
    assert caught.value.status == 488


def test_a_leg_in_the_clear_has_no_keys() -> None:
    assert sdp.srtp_of(KEY, sdp.parse(b"v=0\nc=IN IP4 192.0.2.1\nm=audio 9 RTP/AVP 0\n")) is None
    assert sdp.srtp_of(KEY, sdp.parse(b"v=0\n")) is None


def test_keys_are_never_shown() -> None:
    found = sdp.parse(SECURE)
    keys = sdp.srtp_of(KEY, found)
    assert keys is not None and found.audio is not None
    peer = Peer("192.0.2.1", 5060)
    leg = Leg("l", True, peer, Request((), b"", "INVITE", ""), (), far=found, body=SECURE, secret=keys.send)
    leg.sent = Offering(SECURE)
    shown = repr(found) + repr(keys) + repr(found.audio.crypto[0]) + repr(leg)
    for hidden in (THEIRS, repr(keys.receive), repr(keys.send), keys.send.hex()):
        assert hidden not in shown


def test_parameters_of_formats_are_read_where_they_can_be() -> None:
    body = b"v=0\nc=IN IP4 192.0.2.1\nm=audio 9 RTP/AVP 97 111 300 x 0\na=rtpmap:111 opus/48000/2\na=rtpmap:97 AMR/8000/1\n"
    body += b"a=fmtp:97 octet-align=1; mode-set=7\na=fmtp:111\na=fmtp:0 x\na=fmtp:55 y\na=fmtp:z w\n"
    audio = sdp.parse(body).audio
    assert audio is not None and audio.formats == ((97, "AMR/8000"), (111, "opus/48000/2"), (0, "PCMU/8000"))
    assert audio.parameters_of(97) == "octet-align=1; mode-set=7" and audio.parameters_of(111) == ""
    assert audio.rtcp_port == 10
    edge = sdp.parse(b"v=0\nc=IN IP4 192.0.2.1\nm=audio 65535 RTP/AVP 0\na=rtcp:0\n").audio
    assert edge is not None and edge.rtcp_port == 65535
    cleared = sdp.parse(b"v=0\rc=IN IP4 192.0.2.1\rm=audio 9 RTP/AVP 0\ra=label:1\r\n").audio
    assert cleared is not None and cleared.label == "1"
    assert replace(cleared, kind="video").usable is False


@given(
    st.text(max_size=80)
    | st.builds(
        lambda at, x: (f"1 AES_CM_128_HMAC_SHA1_80 inline:{THEIRS}|2^20 WSH=1")[:at] + x,
        st.integers(0, 90),
        st.text(max_size=9),
    )
)
def test_no_line_raises_anything(line: str) -> None:
    found = sdes.read(line)
    assert found is None or sdes.read(str(found).partition(":")[2]) == found
