"""Our answers and offers to recording clients: what can be kept is kept, what cannot is refused with a sentence."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire import sdes, sdp
from overt.wire.rtp.codecs import CODECS
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.siprec import answering
from overt.wire.siprec.answering import OurLine, keys_of, storable

ALL = frozenset(CODECS)
KEY = bytes(range(32))
INLINE = b64encode(bytes(30)).decode()
OFFER = f"""v=0
o=src 1 1 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
m=audio 5000 RTP/AVP 18 0 96 97 98 101 13 105 99
a=rtpmap:96 opus/48000/2
a=fmtp:96 useinbandfec=1
a=rtpmap:97 AMR/8000
a=fmtp:97 octet-align=1
a=rtpmap:98 speex/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=rtpmap:105 telephone-event/48000
a=label:a_leg
a=sendonly
m=audio 5002 RTP/SAVP 0
a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}
a=label:b leg
a=inactive
m=video 5004 RTP/AVP 31
m=audio 0 RTP/AVP 0
""".encode()
HEARD = sdp.parse(OFFER)


def lines(direction: answering.Heard = "recvonly") -> list[OurLine]:
    return [
        OurLine(1, "127.0.0.1", 7002, direction, storable(HEARD.media[1], ALL).kept, KEY),
        OurLine(0, "127.0.0.1", 7000, direction, storable(HEARD.media[0], ALL).kept),
    ]


def test_every_codec_that_can_be_stored_is_kept_in_its_order_and_the_rest_named() -> None:
    found = storable(HEARD.media[0], ALL)
    assert found.kept == (18, 0, 96, 97, 101, 13, 105)
    assert found.codecs == ((18, "G729"), (0, "PCMU"), (96, "opus"), (97, "AMR/oa")) and found.event_type == 101
    assert found.refused == ("speex/8000 cannot be stored", "payload type 99 is offered without a name (a=rtpmap)")
    plain = storable(HEARD.media[0], {"PCMU", "PCMA"})
    assert plain.codecs == ((0, "PCMU"),) and plain.kept == (0, 101, 13, 105)
    assert "G729 (payload type 18) cannot be decoded on this machine: install the extra `codecs`" in plain.refused


def test_events_are_those_at_the_clock_of_the_first_codec() -> None:
    media = HEARD.media[0]
    opus_first = replace(media, formats=tuple(sorted(media.formats, key=lambda one: one[0] != 96)))
    assert storable(opus_first, ALL).event_type == 105
    assert storable(replace(opus_first, formats=opus_first.formats[:1]), ALL).event_type is None
    only_other = replace(media, formats=((0, "PCMU/8000"), (105, "telephone-event/48000")))
    assert storable(only_other, ALL).event_type == 105


@pytest.mark.parametrize(
    ("changed", "secrecy", "said"),
    [
        ({"kind": "video"}, "optional", "a stream of video is not stored: only sound is"),
        ({"protocol": "UDP/TLS/RTP/SAVPF"}, "optional", "sound over UDP/TLS/RTP/SAVPF is not heard"),
        (
            {"protocol": "RTP/SAVP", "crypto": (sdes.Crypto(1, "AEAD_AES_128_GCM", bytes(28)),)},
            "off",
            "encryption is off",
        ),
        ({"protocol": "RTP/SAVP"}, "optional", "no suite that we have"),
        ({}, "required", "this client must encrypt"),
        ({"formats": ((98, "speex/8000"),)}, "optional", "none of the codecs of this stream can be stored"),
        ({"formats": ((97, "AMR/8000"),), "fmtp": ((97, "crc=1"),)}, "optional", "AMR/8000 with these parameters"),
        ({"formats": ((97, "AMR/16000"),), "fmtp": ()}, "optional", "cannot be stored: none"),
        ({"formats": ((101, "telephone-event/8000"),)}, "optional", "none of the codecs of this stream can be stored"),
    ],
)
def test_nothing_is_kept_of_what_cannot_be_heard_and_it_is_said(
    changed: dict[str, object], secrecy: sdp.Secrecy, said: str
) -> None:
    found = storable(replace(HEARD.media[0], **changed), ALL, secrecy)  # type: ignore[arg-type]
    assert found.kept == () == found.codecs and any(said in one for one in found.refused), found.refused


def test_a_closed_line_is_nobodys_fault() -> None:
    assert storable(HEARD.media[3], ALL) == answering.Storable((), (), None, ())


def test_each_line_is_answered_in_its_place() -> None:
    body = answering.answer(HEARD, lines(), session_id=4, version=2)
    answer = sdp.parse(body)
    assert [(one.kind, one.port, one.direction) for one in answer.media] == [
        ("audio", 7000, "recvonly"), ("audio", 7002, "inactive"), ("video", 0, "sendrecv"), ("audio", 0, "sendrecv"),
    ]  # fmt: skip
    first, second = answer.media[:2]
    assert [number for number, _ in first.formats] == [18, 0, 96, 97, 101, 13, 105] and first.label == "a_leg"
    assert dict(first.formats)[96] == "opus/48000/2" and first.parameters_of(97) == "octet-align=1"
    assert (
        first.parameters_of(101) == "0-16" and first.rtcp_port == 7001 and (answer.session_id, answer.version) == (4, 2)
    )
    assert second.protocol == "RTP/SAVP" and second.crypto[0].tag == 9 and second.label == "", (
        "a label that is no token"
    )
    keys = keys_of(lines()[0], HEARD)
    assert keys is not None and keys.receive == bytes(30) and keys.send == second.crypto[0].key
    assert KEY.hex() not in repr(lines()) and repr(KEY) not in repr(lines())


def test_what_we_do_not_open_is_inactive_and_what_has_no_line_of_ours_is_refused() -> None:
    answer = sdp.parse(answering.answer(HEARD, lines("inactive")[1:], session_id=1, version=1))
    assert [(one.port, one.direction) for one in answer.media[:2]] == [(7000, "inactive"), (0, "sendrecv")]
    nothing = sdp.parse(answering.answer(HEARD, [], session_id=1, version=1))
    assert {one.port for one in nothing.media} == {0} and nothing.address == "0.0.0.0"
    keyless = [replace(lines()[0], key=b""), replace(lines()[1], formats=(77,))]
    assert {one.port for one in sdp.parse(answering.answer(HEARD, keyless, session_id=1, version=1)).media} == {0}


def test_a_stream_without_an_address_is_heard_all_the_same() -> None:
    """We send nothing there."""
    named = sdp.parse(b"v=0\nc=IN IP4 src.example\nm=audio 5000 RTP/AVP 0\na=sendonly\n")
    line = OurLine(0, "::1", 7000, "recvonly", storable(named.media[0], ALL).kept)
    assert b"m=audio 7000 RTP/AVP 0\r\nc=IN IP6 ::1" in answering.answer(named, [line], session_id=1, version=1)


def test_our_offers_open_and_close_the_same_lines_with_the_same_keys() -> None:
    answered = sdp.parse(answering.answer(HEARD, lines(), session_id=1, version=1))
    opened = sdp.parse(answering.offer(HEARD, lines(), session_id=1, version=2))
    assert [one.direction for one in opened.media[:2]] == ["recvonly", "recvonly"] and opened.version == 2
    assert opened.media[1].crypto == answered.media[1].crypto
    assert [one.formats for one in opened.media] == [one.formats for one in answered.media]
    closed = sdp.parse(answering.offer(HEARD, lines("inactive"), session_id=1, version=3))
    assert [one.direction for one in closed.media[:2]] == ["inactive", "inactive"]


def test_to_a_client_that_offers_nothing_we_offer_all_that_can_be_decoded() -> None:
    two = [OurLine(at, "127.0.0.1", 7000 + 2 * at, "recvonly", (), KEY if at else b"") for at in (1, 0)]
    offer = sdp.parse(answering.first_offer(two, ALL, session_id=1, version=1))
    assert [(one.port, one.protocol) for one in offer.media] == [(7000, "RTP/AVP"), (7002, "RTP/SAVP")]
    assert {name for _, name in storable(offer.media[0], ALL).codecs} == ALL
    assert offer.media[1].crypto == sdes.offered(KEY) and keys_of(two[0], offer) is not None
    plain = sdp.parse(answering.first_offer(two, {"PCMU", "PCMA"}, session_id=1, version=1))
    assert [name for _, name in plain.media[0].formats] == ["PCMU/8000", "PCMA/8000", "telephone-event/8000"]


def test_there_are_no_keys_for_a_line_in_the_clear_or_none() -> None:
    assert keys_of(lines()[1], HEARD) is None and keys_of(replace(lines()[0], index=9), HEARD) is None
    assert keys_of(replace(lines()[0], key=b""), HEARD) is None


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda at, size, b: OFFER[:at] + b + OFFER[at + size :],
        st.integers(0, 900),
        st.integers(0, 40),
        st.binary(max_size=9),
    )
)
def test_no_offer_makes_an_answer_that_is_none(noise: bytes) -> None:
    try:
        heard = sdp.parse(noise)
    except RemoteProtocolError:
        return
    ours = [
        OurLine(index, "127.0.0.1", 7000 + 2 * index, "recvonly", storable(media, ALL).kept, KEY)
        for index, media in enumerate(heard.media)
    ]
    for body in (
        answering.answer(heard, ours, session_id=1, version=1),
        answering.offer(heard, ours, session_id=1, version=2),
    ):
        answer = sdp.parse(body)
        assert len(answer.media) == len(heard.media) and b"\r\n\r\n" not in body
        for line, media, offered in zip(ours, answer.media, heard.media, strict=True):
            assert (media.port != 0) == bool(line.formats)
            kept, known = {*media.formats}, {*offered.formats, (0, "PCMU/8000")}
            assert kept <= known or (not media.port and {one for one, _ in kept} <= {one for one, _ in known})
