"""Offers and answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire import sdp
from overt.wire.sip.errors import RemoteProtocolError

VIDEO_FIRST = b"""v=0
o=- 1 2 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
a=sendonly
m=video 5000 RTP/AVP 99
a=rtpmap:99 H264/90000
m=audio 4000/2 RTP/AVP 18 8 0 96
c=IN IP4 192.0.2.9/127
a=rtpmap:96 telephone-event/8000
a=rtpmap:55 ghost/8000
a=rtcp:4444 IN IP4 192.0.2.9
a=label:1
"""


def test_what_is_offered_is_read() -> None:
    found = sdp.parse(VIDEO_FIRST)
    audio = found.audio
    assert audio is not None and audio.codec == (8, "PCMA") and audio.event_type == 96
    assert (audio.address, audio.port, audio.rtcp_port, audio.direction, audio.label) == (
        "192.0.2.9",
        4000,
        4444,
        "sendonly",
        "1",
    )


def test_an_answer_keeps_the_lines_in_their_places_and_mirrors() -> None:
    answer = sdp.parse(sdp.answer(sdp.parse(VIDEO_FIRST), "127.0.0.1", 6000, session_id=1, version=3))
    assert [(m.kind, m.port) for m in answer.media] == [("video", 0), ("audio", 6000)]
    assert answer.audio is not None and answer.audio.direction == "recvonly" and answer.version == 3
    assert answer.audio.formats == ((8, "PCMA/8000"), (96, "telephone-event/8000"))
    plain = sdp.answer(sdp.parse(b"v=0\nc=IN IP6 ::1\nm=audio 9 RTP/AVP 0\n"), "::1", 6000, session_id=1, version=1)
    assert b"IN IP6 ::1" in plain and b"telephone-event" not in plain


def test_hold_by_address_and_refused_lines() -> None:
    held = sdp.parse(b"v=0\nc=IN IP4 0.0.0.0\nm=audio 9 RTP/AVP 0\n")
    assert held.audio is not None and held.audio.direction == "inactive"
    assert sdp.parse(b"v=0\nm=audio 0 RTP/AVP 0\n").audio is None
    assert sdp.parse(b"v=0\nm=audio 9 RTP/SAVP 0\n").audio is None
    for body in (b"v=0\nm=audio 9 RTP/AVP 18\n", b"v=0\n"):
        with pytest.raises(RemoteProtocolError) as caught:
            sdp.answer(sdp.parse(body), "127.0.0.1", 1, session_id=1, version=1)
        assert caught.value.status == 488


def test_our_offer_prefers_what_the_other_leg_has() -> None:
    offer = sdp.parse(sdp.offer("127.0.0.1", 4000, session_id=9, first="PCMA"))
    assert offer.audio is not None and offer.audio.codec == (8, "PCMA") and offer.audio.event_type == sdp.EVENT_TYPE


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 40000, b"v=0\n" + b"a=x\n" * 600, b"v=0\n" + b"m=audio 1 RTP/AVP 0\n" * 20, b"hello", b"v=0\no=- x y\n",
        b"v=0\nm=audio\n", b"v=0\nm=audio 99999 RTP/AVP 0\n", b"v=0\nm=audio 9 RTP/AVP 0\na=rtcp:x\n", b"v=0\nc=IN\n",
        b"v=0\nm=audio 9 RTP/AVP 0\na=rtpmap:0\n",
    ],
)  # fmt: skip
def test_what_is_no_description_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        sdp.parse(body)
    assert caught.value.status == 488


@given(
    st.binary(max_size=200)
    | st.builds(lambda a, b: VIDEO_FIRST[:a] + b + VIDEO_FIRST[a:], st.integers(0, 300), st.binary(max_size=9))
)
def test_no_bytes_raise_anything_else(noise: bytes) -> None:
    try:
        sdp.answer(sdp.parse(noise), "127.0.0.1", 4000, session_id=1, version=1)
    except RemoteProtocolError:
        return
