"""Which m-line carries whom, in offers of every shape that recording clients send."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire import sdp
from overt.wire.siprec.metadata import parse
from overt.wire.siprec.moment import Moment
from overt.wire.siprec.multipart import read_body
from overt.wire.siprec.placement import Awareness, Change, Line, Placement, awareness, compare, place
from overt.wire.siprec.snapshot import Attendance, Flow, Participant, Snapshot, Stream, apply

CORPUS = Path(__file__).parents[1] / "corpus" / "siprec"
ENDED = Moment("2026-11-02T08:30:00Z", 1, True)


def offer(*lines: str) -> sdp.Description:
    """An offer of m-lines, each `label` or `label:direction`, or `label:refused`, `label:video`."""
    text = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n"
    for at, line in enumerate(lines):
        label, _, way = line.partition(":")
        kind = "video" if way == "video" else "audio"
        port = 0 if way == "refused" else 4000 + 2 * at
        direction = way if way in sdp.MIRRORED else "sendonly"
        text += f"m={kind} {port} RTP/AVP 0\na={direction}\n" + (f"a=label:{label}\n" if label else "")
    return sdp.parse(text.encode())


def metadata(*labels: str, people: str = "ab", mode: str = "", flows: tuple[Flow, ...] = ()) -> Snapshot:
    """Participants `a`, `b`, … and streams `s0`, `s1`, … with these labels."""
    streams = tuple(Stream(f"s{at}", "c", label, mode) for at, label in enumerate(labels))
    return Snapshot(participants=tuple(Participant(one) for one in people), streams=streams, flows=flows)


SENDING = (Flow("a", ("s0",), ("s1",)), Flow("b", ("s1",), ("s0",)))


def shown(placement: Placement) -> list[str]:
    """`label>senders` of every line, with how both are known."""
    return [f"{one.label}>{''.join(one.senders)} {one.basis}/{one.source}" for one in placement.lines]


@pytest.mark.parametrize(
    ("described", "snapshot", "lines", "wrong"),
    [
        (offer("1", "2"), metadata("1", "2", flows=SENDING), ["1>a label/send", "2>b label/send"], []),
        (offer("2", "1"), metadata("1", "2", flows=SENDING), ["2>b label/send", "1>a label/send"], []),
        (offer("x:video", "a_leg", "b_leg"), metadata("a_leg", "b_leg", flows=SENDING), ["a_leg>a label/send", "b_leg>b label/send"], []),
        (offer("10", "20"), metadata("1", "2", flows=SENDING), ["10>a order/send", "20>b order/send"], ["label-mismatch"]),
        (offer("", ""), metadata("1", "2", flows=SENDING), [">a order/send", ">b order/send"], ["label-mismatch"]),
        (offer("1", "9"), metadata("2", "1", flows=SENDING), ["1>b label/send", "9>a order/send"], ["label-mismatch"]),
        (offer("1", "1"), metadata("1", "2", flows=SENDING), ["1>a order/send", "1>b order/send"], ["label-mismatch"]),
        (offer("1", "2"), metadata("1", "1", flows=SENDING), ["1>a order/send", "2>b order/send"], ["label-mismatch"]),
        (offer("1", "2"), metadata("1", "2"), ["1>a label/order", "2>b label/order"], ["sender-by-order"]),
        (offer("1", "2"), metadata("1", "2", flows=(Flow("a"), Flow("b"))), ["1>a label/order", "2>b label/order"], ["sender-by-order"]),
        (offer("1", "2"), metadata("1", "2", flows=(Flow("a", (), ("s0",)), Flow("b", (), ("s1",)))),
         ["1>b label/not receiving", "2>a label/not receiving"], ["sender-by-exclusion"]),
        (offer("1", "2"), metadata("1", "2", flows=(Flow("a", ("1",)), Flow("b", ("2",)))), ["1>a label/send", "2>b label/send"], []),
        (offer("1", "2"), metadata("1", "2", flows=(Flow("a", ("s0",)),)), ["1>a label/send", "2> label/unknown"], ["unknown-sender"]),
        (offer("1", "2"), metadata("1", "2", people="abc"), ["1> label/unknown", "2> label/unknown"], ["unknown-sender"]),
        (offer("1", "2"), metadata("1", "2", people="abc", flows=(Flow("a", ("s0",)), Flow("b", ("s1",)), Flow("c", ("s1",)))),
         ["1>a label/send", "2>bc label/send"], []),
        (offer("5"), metadata("1", flows=(Flow("a", ("s0",)), Flow("b", ("s0",)))), ["5>ab only one/send"], ["label-mismatch"]),
        (offer("1"), metadata("1", mode="mixed"), ["1>ab label/mixed"], []),
        (offer("1"), metadata("1"), ["1>ab label/everybody"], ["sender-everybody"]),
        (offer("1"), metadata("1", people="a"), ["1>a label/order"], ["sender-by-order"]),
        (offer("1", "2"), metadata("1", "2", mode="mixed", flows=(Flow("a", ("s0",)),)), ["1>a label/send", "2>ab label/mixed"], []),
        (offer("0", "1"), metadata(), ["0>a order/order", "1>b order/order"], ["sender-by-order"]),
        (offer("0"), metadata(), ["0>ab only one/everybody"], ["sender-everybody"]),
        (offer("0"), metadata(people="a"), ["0>a only one/order"], ["sender-by-order"]),
        (offer("0:refused", "1"), metadata(), ["0> unknown/unknown", "1>ab only one/everybody"], ["sender-everybody"]),
        (offer("0:refused", "1", "2"), metadata(), ["0> unknown/unknown", "1>a order/order", "2>b order/order"], ["sender-by-order"]),
        (offer("0", "1"), metadata(people="abc"), ["0> unknown/unknown", "1> unknown/unknown"], ["unknown-sender"]),
        (offer("7"), metadata("1", "2", flows=SENDING), ["7> unknown/unknown"], ["unplaced-line", "unknown-sender"]),
        (offer("1:refused", "9"), metadata("1", "2", flows=SENDING), ["1>a label/send", "9>b order/send"], ["label-mismatch"]),
        (offer("9:refused", "1"), metadata("1", "2", flows=SENDING), ["9> unknown/unknown", "1>a label/send"], []),
        (offer("x:video"), metadata("1"), [], []),
        (offer("s1", "s0"), metadata("s1", "s0", flows=SENDING), ["s1>a label/send", "s0>b label/send"], []),
        (offer("1"), metadata("1", people="a", mode="mixed"), ["1>a label/order"], ["sender-by-order"]),
        (offer("1"), metadata("1", people=""), ["1> label/unknown"], ["unknown-sender"]),
        (offer("1"), metadata(people=""), ["1> only one/unknown"], ["unknown-sender"]),
    ],
)  # fmt: skip
def test_lines_are_put_to_streams_and_to_parties(
    described: sdp.Description, snapshot: Snapshot, lines: list[str], wrong: list[str]
) -> None:
    found = place(described, snapshot)
    assert shown(found) == lines and [one.code for one in found.remarks] == wrong
    assert all(one.sentence.endswith(".") for one in found.remarks)
    assert all(one.mixed is (len(one.senders) > 1) for one in found.lines)


def test_a_line_that_comes_later_is_awaited() -> None:
    """The metadata announces both streams at once; the second m-line comes by re-INVITE."""
    snapshot = metadata("1", "2", flows=SENDING)
    first, second = place(offer("1"), snapshot), place(offer("1", "2"), snapshot)
    assert (first.awaited, second.awaited) == (("s1",), ()) and first.remarks == ()
    assert first.unheard(snapshot) == ("b",) and second.unheard(snapshot) == ()
    assert compare(first, second) == (Change("added", 1, "2"),)


def test_who_left_and_what_ended_is_not_placed() -> None:
    left = Snapshot(attendances=(Attendance("b", "c", Moment(), ENDED),), complete=False)
    after = apply(metadata("1", "2", flows=SENDING), left)
    assert shown(place(offer("1", "2"), after)) == ["1>a label/send", "2> label/unknown"]
    ended = apply(metadata("1", "2"), Snapshot(streams=(Stream("s1", ended=ENDED),), complete=False))
    assert shown(place(offer("1", "2:refused"), ended)) == ["1>ab label/everybody", "2> unknown/unknown"]


def test_the_remark_on_labels_names_them() -> None:
    sentence = place(offer("a\x07", ""), metadata("1", "x" * 80)).remarks[0].sentence
    assert "(«a?», none and «1», «" in sentence and "x" * 49 not in sentence


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (["1", "2"], ["1", "2"], []),
        (["1", "2"], ["1:inactive", "2:inactive"], ["paused 0 1", "paused 1 2"]),
        (["1:inactive", "2:recvonly"], ["1", "2:sendrecv"], ["resumed 0 1", "resumed 1 2"]),
        (["1", "2"], ["2:inactive"], ["gone 0 1", "paused 0 2"]),
        (["1", "2"], ["1", "2:refused"], ["refused 1 2"]),
        (["2:inactive"], ["1", "2"], ["added 0 1", "resumed 1 2"]),
        (["1", "2"], ["2", "1"], []),
        (["", ""], ["", ":inactive"], ["paused 1 "]),
        (["1", "1"], ["1:inactive", "1"], ["paused 0 1"]),
        (["1", "2"], [], ["gone 0 1", "gone 1 2"]),
    ],
)
def test_what_a_new_offer_changed(before: list[str], after: list[str], changes: list[str]) -> None:
    snapshot = metadata("1", "2", flows=SENDING)
    found = compare(place(offer(*before), snapshot), place(offer(*after), snapshot))
    assert [f"{one.kind} {one.index} {one.label}" for one in found if one.kind != "reassigned"] == changes


def test_another_voice_in_the_same_line_is_told() -> None:
    """A transfer: the label stays, the metadata names somebody else."""
    before = metadata("1", "2", people="abc", flows=SENDING)
    partial = Snapshot(complete=False, flows=(Flow("b", (), ("s0",)), Flow("c", ("s1",), ("s0",))))
    after = apply(before, partial)
    both = offer("1", "2")
    assert compare(place(both, before), place(both, after)) == (Change("reassigned", 1, "2"),)


def test_what_endpoints_and_clients_say_of_recording() -> None:
    body = b"v=0\r\na=recordpref:on\r\nm=audio 1 RTP/AVP 0\r\na=record:ON \r\nm=audio 3 RTP/AVP 0\r\na=record:paused\r\na=record:off\r\na=recordpref:pause\r\nm=audio 5 RTP/AVP 0\r\na=record:maybe\r\na=recordpref:nopreference\r\n"
    assert awareness(body) == (Awareness("on", "on"), Awareness("paused", "pause"), Awareness("", "nopreference"))
    assert awareness(b"") == awareness(b"v=0\na=record:on\n") == () and awareness(b"\xff\nm=x") == (Awareness(),)


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("acme", ["Heron", "2040"]), ("broadworks-conference", ["", " "]), ("broadworks-mixed", [" "]), ("cisco", ["", "Ben"]),
        ("cisco-paused", ["", ""]), ("connectel", ["front desk", ""]), ("jambonz", ["+14155550101", "2040"]),
        ("netsapiens", ["", ""]), ("opensips", ["", ""]), ("smarttap", ["", ""]), ("two-calls", ["Ann", "", "Ann", ""]),
    ],
)  # fmt: skip
def test_in_every_message_of_the_corpus_every_line_has_its_voice(name: str, heard: list[str]) -> None:
    whole = (CORPUS / f"{name}.body").read_bytes()
    boundary = whole.split(b"--", 1)[1].split(None, 1)[0].decode()
    body = read_body(f"multipart/mixed;boundary={boundary}", whole)
    assert body.sdp is not None and body.metadata is not None
    snapshot = parse(body.metadata)
    found = place(sdp.parse(body.sdp), snapshot)
    names = {one.id: one.addresses[0].name for one in snapshot.participants}
    assert [" ".join(names[who] for who in line.senders) for line in found.lines] == heard
    assert found.unheard(snapshot) == found.awaited == ()
    assert {line.flowing for line in found.lines} == {"paused" if name == "cisco-paused" else "sends"}
    assert (found.lines[0].senders[0] == snapshot.participants[0].id) and found.lines[0].stream in {
        "",
        snapshot.streams[0].id if snapshot.streams else "",
    }


LABELS = st.lists(st.sampled_from(["0", "1", "2", "10", "a_leg", "16777227"]), min_size=2, max_size=4, unique=True)


@given(LABELS, st.data())
def test_where_labels_agree_no_order_changes_who_is_heard(labels: list[str], data: st.DataObject) -> None:
    people = "abcd"[: len(labels)]
    flows = tuple(Flow(who, (f"s{at}",)) for at, who in enumerate(people))
    snapshot = metadata(*labels, people=people, flows=flows)
    for shuffled in permutations(labels):
        found = place(offer(*shuffled), snapshot)
        assert {one.label: one.senders for one in found.lines} == {
            label: (people[at],) for at, label in enumerate(labels)
        }
        assert found.remarks == ()
    order = data.draw(st.permutations(labels))
    assert compare(place(offer(*labels), snapshot), place(offer(*order), snapshot)) == ()


LINES = st.lists(st.builds(lambda label, way: f"{label}:{way}", st.sampled_from(["", "1", "2", "3"]),
                           st.sampled_from(["", "inactive", "refused", "video", "sendrecv"])), max_size=5)  # fmt: skip
FLOWS = st.lists(
    st.builds(Flow, st.sampled_from("abc"), st.lists(st.sampled_from(["s0", "s1", "1"]), max_size=2).map(tuple),
              st.lists(st.sampled_from(["s0", "s1"]), max_size=2).map(tuple)), max_size=3).map(tuple)  # fmt: skip


@given(LINES, st.lists(st.sampled_from(["", "1", "2", "3"]), max_size=3), st.sampled_from(["", "a", "ab", "abc"]), FLOWS,
       st.sampled_from(["", "mixed", "separate"]))  # fmt: skip
def test_nobody_is_invented_and_no_stream_stands_twice(
    lines: list[str], labels: list[str], people: str, flows: tuple[Flow, ...], mode: str
) -> None:
    snapshot = metadata(*labels, people=people, mode=mode, flows=flows)
    found = place(offer(*lines), snapshot)
    streams = [one.stream for one in found.lines if one.stream]
    assert len(streams) == len(set(streams)) and set(streams).isdisjoint(found.awaited)
    assert set(streams) | set(found.awaited) == {one.id for one in snapshot.streams}
    assert {who for one in found.lines for who in one.senders} <= set(people)
    assert compare(found, found) == () and compare(Placement((Line(0, "", "sends"),)), Placement()) == (
        Change("gone", 0, ""),
    )
    for one in found.lines:
        named = {flow.participant for flow in flows if {one.stream, one.label} & set(flow.sends)} & set(people)
        assert one.source != "send" or named or one.basis != "label"
