"""What is fuzzed: each reader of what strangers send, what it may raise, and what must hold of what it read.

Nothing here imports a fuzzer: `drive.py` drives these under atheris, `test_fuzz_corpus.py` under pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from overt.wire import sdp
from overt.wire.rtp import columns, rtcp
from overt.wire.rtp.codecs import CODECS
from overt.wire.rtp.dtmf import KeyReader
from overt.wire.rtp.packet import NotRtp, Packet
from overt.wire.sip.agent import Agent
from overt.wire.sip.digest import Challenge, Credentials, Nonces, answers, verify
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.message import Request, parse, respond
from overt.wire.sip.stream import StreamReader
from overt.wire.sip.transaction import Peer
from overt.wire.siprec import answering, metadata, multipart
from overt.wire.siprec.errors import BrokenBody, BrokenMetadata
from overt.wire.siprec.placement import awareness, compare, place
from overt.wire.siprec.snapshot import apply, present, roster_change, with_strangers

TESTS = Path(__file__).parents[1]
CORPUS = TESTS / "corpus" / "fuzz"
SOURCE = Peer("203.0.113.9", 5060)
CUT = b"\n=====\n"  # stands between the pieces of an input that has several
KEY = bytes(range(46))


@dataclass(frozen=True, slots=True)
class Target:
    """A reader: `read` takes any bytes and raises only `allowed`; `seeds` are honest inputs to begin with."""

    read: Callable[[bytes], object]
    allowed: tuple[type[Exception], ...]
    seeds: Callable[[], Iterator[bytes]]


# ------------------------------------------------------------------------------------------ SIP


def read_message(given: bytes) -> None:
    """What is read can be asked for everything, answered, written, and read again."""
    one = parse(given)
    _ = (
        one.vias,
        one.from_,
        one.to,
        one.cseq,
        one.contacts,
        one.record_routes,
        one.asserted,
        one.get("Subject"),
        one.all("k"),
    )
    if isinstance(one, Request):
        _ = (one.target, one.routes, one.required, one.supported)
        assert bytes(respond(one, 200, tag="t"))
    again = parse(bytes(one))
    assert (again.call_id, again.cseq, again.body) == (one.call_id, one.cseq, one.body)


def cut(given: bytes, at_once: int) -> tuple[list[bytes], str]:
    """The messages of a stream that comes in pieces of this size, and why it broke off."""
    reader, found = StreamReader(), []
    try:
        for at in range(0, len(given), at_once):
            found += list(reader.feed(given[at : at + at_once]))
    except RemoteProtocolError as error:
        return found, error.reason
    return found, ""


def read_stream(given: bytes) -> None:
    """However a stream is cut on its way, the same messages are in it."""
    reader, whole = StreamReader(), []
    try:
        for one in reader.feed(given):
            whole.append(one)
        why = ""
    except RemoteProtocolError as error:
        why = error.reason
    pieces, other = cut(given, 1 + len(given) % 13)
    assert pieces == whole[: len(pieces)] or whole == pieces[: len(whole)], "cut into other messages"
    assert bool(why) == bool(other) or "too large" in why + other, f"refused one way only: {why}{other}"


def read_by_agent(given: bytes) -> None:
    """A user agent takes anything that arrives, one datagram after the other, and time that passes."""
    names = iter(range(1_000_000))
    agent, now = Agent("127.0.0.1", 5060, lambda: f"n{next(names)}", "overt"), 1_000_000_000
    for datagram in given.split(CUT)[:16]:
        for happened in agent.receive(datagram, SOURCE, now):
            assert happened is not None
        now += 300_000_000
        agent.advance(now)
    for _ in range(3):
        now += 40_000_000_000
        agent.advance(now)


def read_digest(given: bytes) -> None:
    """Credentials and challenges, from a header's value."""
    text = given.decode("utf-8", "replace")
    assert isinstance(answers([text], "INVITE", "sip:a@b", "u", "p", "c"), tuple)
    nonces = Nonces(bytes(32))
    for one in (Challenge.parse, Credentials.parse):
        try:
            value = one(text)
        except RemoteProtocolError:
            continue
        if isinstance(value, Credentials):
            assert verify(value, "INVITE", "sip:a@b", value.realm, {"MD5": "0" * 32}, nonces, 1) != "right"
        assert value is None or str(value)


# ------------------------------------------------------------------------------------------ bodies


def read_sdp(given: bytes) -> None:
    """A description that is read is answered, both in path and as a recording session's."""
    offered = sdp.parse(given)
    lines = [
        answering.OurLine(index, "127.0.0.1", 40_000, "recvonly", kept.kept, KEY if media.secure else b"")
        for index, media in enumerate(offered.media)
        if (kept := answering.storable(media, frozenset(CODECS))).kept
    ]
    if lines:
        assert sdp.parse(answering.answer(offered, lines, session_id=1, version=1))
        assert sdp.parse(answering.offer(offered, lines, session_id=1, version=2))
    awareness(given)
    assert sdp.parse(sdp.answer(offered, "127.0.0.1", 40_000, session_id=1, version=1, key=KEY))


def read_multipart(given: bytes) -> None:
    """A body of the kind that its first line states."""
    kind, _, body = given.partition(b"\n")
    read = multipart.read_body(kind.decode("utf-8", "replace"), body)
    _ = (read.sdp, read.metadata, read.others)
    for part in read.parts:
        _ = (part.kind, part.disposition, part.required, list(part.leaves()))


def read_metadata(given: bytes) -> None:
    """One snapshot, or several that follow each other, and where they put the lines of an offer."""
    first, *updates = given.split(CUT)[:4]
    snapshot = metadata.parse(first)
    offer = sdp.parse(SIPREC_OFFER)
    before = place(offer, snapshot)
    for update in updates:
        snapshot, old = apply(snapshot, metadata.parse(update)), snapshot
        roster_change(old, snapshot)
    after = place(offer, with_strangers(snapshot))
    compare(before, after)
    after.unheard(snapshot)
    present(snapshot)


SIPREC_OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0\r\na=label:1\r\na=sendonly\r\nm=audio 40002 RTP/AVP 0\r\na=label:2\r\na=sendonly\r\n"
)


# ------------------------------------------------------------------------------------------ sound


def read_rtp(given: bytes) -> None:
    """Packets one by one and all at once come to the same; keys are heard in their payloads."""
    packets = [one for one in given.split(CUT) if len(one) <= 2048][:32] or [b""]
    arena = np.zeros((len(packets), 2128), np.uint8)
    for row, one in enumerate(packets):
        arena[row, : len(one)] = np.frombuffer(one, np.uint8)
    sizes = np.array([len(one) for one in packets])
    heads, keys = columns.read_headers(arena, sizes), KeyReader()
    for row, one in enumerate(packets):
        try:
            packet = Packet.parse(one)
        except NotRtp:
            assert not heads.valid[row], "read in columns only"
            continue
        assert heads.valid[row], "read singly only"
        begin, size = int(heads.begin[row]), int(heads.size[row])
        assert (packet.sequence, packet.rtp_time) == (int(heads.sequence[row]), int(heads.rtp_time[row]))
        assert packet.payload == one[begin : begin + size]
        keys.read(packet.payload, packet.rtp_time, packet.ssrc)
        assert Packet.parse(bytes(packet)) == packet
    if heads.valid.any():
        rows = np.flatnonzero(heads.valid)
        columns.piece_beginnings(rows, np.zeros(len(rows), np.int64), heads)


def read_rtcp(given: bytes) -> None:
    """Reports of a compound packet."""
    kinds = rtcp.packet_types(given)
    reports = list(rtcp.read_reports(given))
    assert len(reports) <= len(kinds)


# ------------------------------------------------------------------------------------------ seeds


def files(*patterns: str) -> Iterator[bytes]:
    """Whole files of tests/corpus."""
    for pattern in patterns:
        for path in sorted((TESTS / "corpus").glob(pattern)):
            yield path.read_bytes()


def calls() -> Iterator[bytes]:
    """Whole calls as an agent sees them."""
    invite, *others = list(files("rfc4475/*.dat"))[:6]
    yield CUT.join((invite, *others))
    base = (
        b"%b sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK%b\r\nFrom: <sip:b@c>;tag=f\r\nTo: <sip:a@127.0.0.1>%b\r\n"
        b"Call-ID: c\r\nCSeq: %b\r\nContact: <sip:b@203.0.113.9>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\n\r\n%b"
    )
    invited = base % (b"INVITE", b"1", b"", b"1 INVITE", SIPREC_OFFER)
    within = [
        base % (method, b"2", b";tag=n1", b"2 " + method, b"")
        for method in (b"BYE", b"UPDATE", b"INFO", b"INVITE", b"PRACK")
    ]
    yield invited
    yield from (CUT.join((invited, one)) for one in within)
    yield CUT.join((invited, base % (b"CANCEL", b"1", b"", b"1 CANCEL", b"")))


def bodies() -> Iterator[bytes]:
    """Bodies of recording sessions, each with the kind that it is sent as."""
    for body in files("siprec/*.body"):
        boundary = body.partition(b"--")[2].partition(b"\r\n")[0]
        yield b"multipart/mixed;boundary=" + boundary + b"\n" + body


def parts(of: str) -> Iterator[bytes]:
    """The descriptions (`sdp`) or snapshots (`metadata`) in those bodies."""
    for body in bodies():
        kind, _, whole = body.partition(b"\n")
        found = getattr(multipart.read_body(kind.decode(), whole), of)
        if found:
            yield found


def sound() -> Iterator[bytes]:
    """A few packets of a call, one of them a key."""
    packets = [bytes(Packet(0, number, 160 * number, 7, bytes(range(160)))) for number in range(4)]
    yield CUT.join((*packets, bytes(Packet(101, 5, 800, 7, b"\x05\x8a\x03\x20"))))
    yield b"\xb1\x80" + bytes(10) + b"\0\0\0\x07" + b"\xbe\xde\0\x01\x10\xff\0\0" + bytes(20) + b"\x04"


def reports() -> Iterator[bytes]:
    """Compound packets of ours."""
    blocks = (rtcp.ReportBlock(7, 3, 9, 1000, 4, 5, 6),)
    yield rtcp.build(rtcp.Report(9, blocks, 1 << 40, 160, 2, 320), "overt")
    yield rtcp.build(rtcp.Report(9, blocks), "overt") + rtcp.goodbye(9)


def proofs() -> Iterator[bytes]:
    """Digest values of both sides."""
    asked = b'Digest realm="overt", nonce="n", qop="auth", algorithm=SHA-256, opaque="o", stale=true'
    yield asked
    yield answers([asked.decode()], "INVITE", "sip:a@b", "u", "p", "c")[0].encode()
    yield b'Digest username="a\\"b", realm=x, nonce="", uri="sip:a@b", response="00", nc=00000001'


REFUSAL = (RemoteProtocolError,)
TARGETS: dict[str, Target] = {
    "message": Target(read_message, REFUSAL, lambda: files("rfc4475/*.dat")),
    "stream": Target(read_stream, (), lambda: files("rfc4475/*.dat")),
    "agent": Target(read_by_agent, (), calls),
    "digest": Target(read_digest, (), proofs),
    "sdp": Target(read_sdp, REFUSAL, lambda: parts("sdp")),
    "multipart": Target(read_multipart, (BrokenBody,), bodies),
    "metadata": Target(read_metadata, (BrokenMetadata,), lambda: parts("metadata")),
    "rtp": Target(read_rtp, (), sound),
    "rtcp": Target(read_rtcp, (rtcp.NotRtcp,), reports),
}
