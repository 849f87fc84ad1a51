"""Recording metadata: every dialect that was met, what is broken told in a sentence, attacks refused, updates applied."""

from __future__ import annotations

import calendar
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire.siprec.errors import BrokenMetadata, ForbiddenMetadata
from overt.wire.siprec.metadata import parse
from overt.wire.siprec.moment import Moment, read_moment
from overt.wire.siprec.multipart import read_body
from overt.wire.siprec.snapshot import (
    MOST_ENTRIES,
    Address,
    Attendance,
    Flow,
    Participant,
    Roster,
    Snapshot,
    Stream,
    apply,
    present,
    roster_change,
    same_call,
    together,
)
from overt.wire.siprec.tree import DEEPEST, LARGEST, MOST_ELEMENTS, guarded_parser, read

CORPUS = Path(__file__).parents[1] / "corpus" / "siprec"
NAMES = sorted(path.stem for path in CORPUS.glob("*.body"))
RFC = 'xmlns="urn:ietf:params:xml:ns:recording:1"'
ANN = '<participant participant_id="a"><nameID aor="sip:ann@example.org"/></participant>'


def corpus(name: str) -> Snapshot:
    """The metadata of a message of the corpus."""
    body = (CORPUS / f"{name}.body").read_bytes()
    boundary = body.split(b"--", 1)[1].split(None, 1)[0].decode()
    metadata = read_body(f"multipart/mixed;boundary={boundary}", body).metadata
    assert metadata is not None
    found = parse(metadata)
    assert found.original == metadata
    return found


def said(inner: str, mode: str = "complete", attributes: str = RFC) -> Snapshot:
    """A document with this in it."""
    return parse(f"<recording {attributes}><datamode>{mode}</datamode>{inner}</recording>".encode())


def codes(snapshot: Snapshot) -> list[str]:
    """What was wrong with a document."""
    assert all(one.sentence.endswith(".") and one.sentence[0].isupper() for one in snapshot.remarks)
    return [one.code for one in snapshot.remarks]


@pytest.mark.parametrize(
    ("name", "dialect", "addresses", "labels", "wrong"),
    [
        ("acme", "draft", ["sip:+14155550101@sbc.example.net Heron", "sip:2040@sbc.example.net 2040"],
         ["50331649", "50331650"], ["no-offset"]),
        ("broadworks-conference", "BroadWorks", ["sip:ann@hosted.example.net ", "sip:2040@hosted.example.net ",
         "cee@hosted.example.net "], ["1", "2"], []),
        ("broadworks-mixed", "BroadWorks", ["sip:+14155550101 ", "sip:2040@hosted.example.net;user=phone "], ["1"], []),
        ("cisco", "RFC 7865", ["sip:+14155550101@pbx.example.org ", "sip:2040@pbx.example.org Ben"], ["1", "2"], []),
        ("cisco-paused", "RFC 7865", ["sip:+14155550101@pbx.example.org ", "sip:2040@pbx.example.org "], ["1", "2"], []),
        ("connectel", "RFC 7865", ["sip:+14155550101@pbx.example.org front desk", "sip:2040@pbx.example.org "], ["1", "2"], []),
        ("jambonz", "RFC 7865", ["sip:+14155550101@pbx.example.org +14155550101", "sip:2040@pbx.example.org 2040"], ["1", "2"], []),
        ("netsapiens", "RFC 7865", ["sip:+14155550101@pbx.example.org ", "sip:2040@pbx.example.org "], ["1", "2"], []),
        ("opensips", "RFC 7865", ["sip:+14155550101@pbx.example.org ", "sip:2040@pbx.example.org "], [], []),
        ("smarttap", "draft", ["+14155550101@pbx.example.org ", "2040@pbx.example.org "], ["1", "2"], ["no-offset"]),
        ("two-calls", "RFC 7865", ["sip:ann@example.org Ann", "tel:+14155550101 ", "sip:ben@example.org ", "sip:cee@example.org "],
         ["96", "97", "98", "99"], []),
    ],
)  # fmt: skip
def test_every_dialect_is_read(
    name: str, dialect: str, addresses: list[str], labels: list[str], wrong: list[str]
) -> None:
    found = corpus(name)
    assert (found.dialect, found.complete) == (dialect, True) and codes(found) == wrong
    assert [f"{one.aor} {one.name}" for who in found.participants for one in who.addresses] == addresses
    assert [one.label for one in found.streams] == labels
    assert found.communication_sessions[0].started.at_us in (1793607320_000_000, 1793607320_040_000)
    calls = {one.id for one in found.communication_sessions}
    assert all(one.communication_session in calls for one in (*found.streams, *found.attendances, *found.recorded))
    assert len(present(found)) == len(found.participants)


def test_no_message_of_the_corpus_is_forgotten() -> None:
    assert len(NAMES) == 11


def test_who_sends_and_receives() -> None:
    sending = Flow("pt-1", ("st-1",), ("st-2",))
    assert corpus("smarttap").flow("pt-1") == sending and corpus("acme").flow("pt-Egret/02==").sends == ("st-Basil==",)
    assert corpus("two-calls").flow("pt-a") == Flow("pt-a", ("st-1", "st-3"), ("st-2", "st-4"))
    mixed = corpus("broadworks-mixed")
    assert mixed.flows[0].sends == mixed.flows[1].sends == (mixed.streams[0].id,) and mixed.streams[0].mode == "mixed"
    assert corpus("connectel").flow("pt-ann") == Flow("pt-ann")
    assert said('<participantstreamassoc participant_id="a"><send>s</send><disassociate-time>2026-11-02T08:00:00Z</disassociate-time></participantstreamassoc>').flow("a").sends == ()  # fmt: skip


def test_groups_calls_and_what_vendors_add() -> None:
    found = corpus("two-calls")
    assert [(one.id, one.group, one.reasons) for one in found.communication_sessions] == [
        ("cs-1", "gr-1", ("queue",)), ("cs-2", "gr-1", ()),
    ]  # fmt: skip
    assert dict(found.groups[0].extensions[0].leaves()) == {"call-center/supervisor": "sip:dee@example.org"}
    assert found.attendances[0].parameters == ("answered",) and found.recorded[0].since.said == "2026-11-02T08:15:20Z"
    assert found.participants[0].addresses[0] == Address("sip:ann@example.org", "Ann", "it")
    assert [one.id for one in present(found, "cs-2")] == ["pt-a", "pt-c"]
    acme = corpus("acme").participants[0].extensions[0]
    assert dict(acme.leaves()) == {"extensiondata/callingParty": "true"}
    assert acme.children[0].namespace == "http://acmepacket.com/siprec/extensiondata"
    assert ("netsapiensExtension/callingParty@participant_id", "pt-ann") in corpus("netsapiens").extensions[0].leaves()
    assert corpus("netsapiens").communication_sessions[0].group == corpus("netsapiens").groups[0].id
    broadworks = corpus("broadworks-mixed")
    assert broadworks.groups[0].initiator == "sip:ann@hosted.example.net" and len(broadworks.extensions) == 2
    assert broadworks.communication_sessions[0].group == broadworks.groups[0].id
    assert corpus("connectel").participants[0].addresses[0].language == "en-US"


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        (f"<recording {RFC}>{ANN}</recording>", ["no-datamode"]),
        (f"<recording {RFC}><dataMode>Complete</dataMode>{ANN}</recording>", []),
        (f'<r:recording xmlns:r="urn:ietf:params:xml:ns:recording:1"><r:data-mode>complete</r:data-mode>{ANN}</r:recording>', []),
        (f"<recording><datamode>complete</datamode>{ANN}</recording>", ["unknown-namespace"]),
        (f'<recording xmlns="urn:x:y"><datamode>complete</datamode>{ANN}</recording>', ["unknown-namespace"]),
        (f"\n \ufeff<?xml version='1.0'?><recording {RFC}><datamode>complete</datamode>{ANN}</recording>\0\0\n", []),
        (f"<recording {RFC}><datamode>complete</datamode><x:y>z</x:y>{ANN}</recording>", ["unbound-prefix"]),
        (f"<recording {RFC}><datamode>complete</datamode></recording>", ["no-participants"]),
        (f"<recording {RFC}><datamode>complete</datamode><participant><aor>x</aor></participant></recording>", ["no-id"]),
        (f'<recording {RFC}><datamode>complete</datamode><participant id="a"/></recording>', ["no-address"]),
        (f'<recording {RFC}><datamode>complete</datamode>{ANN}<participantsessionassoc participant_id="b"/></recording>',
         ["stranger"]),
        (f'<recording {RFC}><datamode>complete</datamode>{ANN}<participantstreamassoc participant_id="a"><send>s</send>'
         "</participantstreamassoc></recording>", ["unknown-stream"]),
        (f'<recording {RFC}><datamode>complete</datamode>{ANN}<stream id="s" label="1"/><stream id="t"><label>1</label></stream>'
         "</recording>", ["same-label"]),
        (f'<recording {RFC}><datamode>complete</datamode>{ANN}<group id="g"><associate-time>noon</associate-time></group>'
         "</recording>", ["unreadable-time"]),
        (f"<recording {RFC}><datamode>complete</datamode><participantsessionassoc/><participantstreamassoc/>{ANN}</recording>", []),
        (f"<recording {RFC}><datamode>complete</datamode>{ANN}</recording>trailing", ["not-well-formed"]),
        (f"<recording {RFC}><datamode>complete</datamode>{ANN}<participant participant_id='b'><nameID aor='sip:b@exa", ["not-well-formed"]),
        (f"<recording {RFC}><datamode>complete</datamode>{ANN}</session></recording>", ["not-well-formed"]),
        (f"<recording {RFC}><datamode>complete</datamode>{ANN.replace('ann', 'R&D' + chr(1))}</recording>", ["bare-character"]),
        (f"<recording {RFC}><datamode>complete</datamode>{ANN.replace('ann', '&nbsp;')}</recording>", ["bare-character"]),
        (f"<recording {RFC}><datamode>complete</datamode>{ANN}<x>R&D</x></recording>", ["bare-character"]),
        (f"<recording {RFC}><datamode>complete</datamode>{ANN.replace('ann', 'R&D')}<broken", ["bare-character", "not-well-formed"]),
    ],
)  # fmt: skip
def test_what_is_broken_is_said_and_the_rest_is_read(document: str, wrong: list[str]) -> None:
    found = parse(document.encode())
    assert codes(found) == wrong
    assert ("R&D" in document and "<broken" in document) or found.participants or wrong == ["no-participants"]


def test_the_place_of_a_fault_is_given_as_in_the_document() -> None:
    found = parse(f"\r\n\n<recording {RFC}>\n<datamode>complete</datamode>{ANN}\n</wrong>".encode())
    assert "mismatched tag, line 5, column 3" in found.remarks[0].sentence
    assert "example.org" not in found.remarks[0].sentence


def test_text_that_is_not_utf_8_is_read_as_what_it_is() -> None:
    document = f"<recording {RFC}><datamode>complete</datamode>{ANN.replace('ann', 'bjørn')}</recording>"
    declared = f"<?xml version='1.0' encoding='ISO-8859-1'?>{document}"
    for original, wrong in (
        (document.encode(), []), (document.encode("latin-1"), ["not-utf-8"]), (declared.encode("latin-1"), []),
        (document.encode("utf-16"), []), (document.encode("utf-16-le"), []), (document.encode("utf-16-be"), []),
        (document.replace("<rec", "<?xml version='1.0' encoding='rot13'?><rec", 1).encode(), []),
    ):  # fmt: skip
        found = parse(original)
        assert found.participants[0].addresses[0].aor == "sip:bjørn@example.org" and codes(found) == wrong


def test_participants_and_streams_within_a_session_belong_to_it() -> None:
    found = said(
        '<session session="c"><participant id="a"><name>Ann</name><aor>&lt;sip:a@b&gt;</aor></participant><stream id="s"/></session>'
    )
    assert found.attendances == (Attendance("a", "c"),) and found.streams == (Stream("s", "c"),)
    assert found.participants == (Participant("a", (Address("sip:a@b", "Ann"),)),)


@pytest.mark.parametrize(
    ("written", "aor"),
    [
        ("&lt;sip:a@b&gt;", "sip:a@b"), ("Ann &lt; sip:a@b &gt; ", "sip:a@b"), (" tel:+1 ", "tel:+1"),
        ("sip:a&lt;b&gt;@c", "sip:a<b>@c"), ("&lt;&gt;", "<>"), ("a &lt;b&gt; &lt;c&gt;", "a <b> <c>"),
    ],
)  # fmt: skip
def test_addresses_are_taken_out_of_brackets_and_no_further(written: str, aor: str) -> None:
    found = said(
        f'<participant id="a"><nameID aor="{written}"/></participant><participant id="b"><aor>{written}</aor></participant>'
    )
    assert [who.addresses for who in found.participants] == [(Address(aor),)] * 2


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_shown_holds_a_number_or_a_name(name: str) -> None:
    found = corpus(name)
    shown = repr(found)
    assert found.participants[0].id in shown
    for one in (address for who in found.participants for address in who.addresses):
        assert one.aor not in shown and "4155550101" not in shown and repr(one.name) not in shown.replace("''", "")


def test_the_place_stands_for_an_id_that_is_missing_everywhere_alike() -> None:
    found = said(
        ANN
        + '<group/><session/><participant session="?1"><aor>x</aor><send>?1</send></participant><stream><label>1</label></stream>'
    )
    assert [one.id for one in found.participants] == ["a", "?2"] and found.attendances[0].participant == "?2"
    assert found.flow("?2").sends == ("?1",) and [one.id for one in found.streams] == ["?1"]
    assert (found.groups[0].id, found.communication_sessions[0].id) == ("?1", "?1") and codes(found) == ["no-id"]


def test_two_statements_on_one_are_one() -> None:
    found = said(ANN + ANN.replace("sip:ann", "tel:1").replace("/>", "><name>A</name></nameID>", 1) +
                 '<participantstreamassoc participant_id="a"><send>s</send></participantstreamassoc>'
                 '<participantstreamassoc participant_id="a"><recv>t</recv><send>s</send></participantstreamassoc>')  # fmt: skip
    assert len(found.participants) == 1 and found.flows == (Flow("a", ("s",), ("t",)),)
    early, late = read_moment("2026-11-02T08:00:00Z"), read_moment("2026-11-02T09:00:00Z")
    timed = Flow("a", ("s",), (), early, late)
    assert together(timed, Flow("a", ("t",))) == together(Flow("a", ("s",)), replace(timed, sends=("t",)))
    assert together(timed, Flow("a", (), (), late, early)).since == late


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    f"<recording {RFC}>&b;</recording>"
)


@pytest.mark.parametrize(
    "document",
    [
        LAUGHS.encode(),
        LAUGHS.encode("utf-16"),
        LAUGHS.encode("utf-16-be")[2:],
        b'<!DOCTYPE recording SYSTEM "file:///etc/passwd"><recording/>',
        b'<recording/><!ENTITY x SYSTEM "http://192.0.2.1/">',
        b"<recording>" + b"<a>" * DEEPEST + b"</a>" * DEEPEST + b"</recording>",
        b"<recording>" + b"<a/>" * MOST_ELEMENTS + b"</recording>",
    ],
)
def test_attacks_are_refused_whole(document: bytes) -> None:
    with pytest.raises(BrokenMetadata) as caught:
        parse(document)
    assert isinstance(caught.value, ForbiddenMetadata) or "not XML" in caught.value.reason
    assert caught.value.status == 400


def test_what_stays_within_the_bounds_is_read() -> None:
    deep = read(b"<r>" + b"<a>" * (DEEPEST - 1) + b"x" + b"</a>" * (DEEPEST - 1) + b"</r>")
    assert [text for _, text in deep.root.leaves()] == ["x"] and deep.remarks == ()
    assert len(read(b"<r>" + b"<a/>" * (MOST_ELEMENTS - 1) + b"</r>").root.children) == MOST_ELEMENTS - 1
    assert read(b"<r>" + b" " * (LARGEST - 7) + b"</r>").remarks == ()


def test_a_control_character_does_not_smuggle_a_document_type() -> None:
    with pytest.raises(BrokenMetadata):
        parse(LAUGHS.replace("<!DOCTYPE", "<\x01!DOCTYPE").replace("<!ENTITY", "<\x01!ENTITY").encode())


@pytest.mark.parametrize(
    "document",
    [b'<!DOCTYPE r SYSTEM "x"><r/>', b"<!DOCTYPE r><r/>", b'<!DOCTYPE r [<!ENTITY % p SYSTEM "y"> %p;]><r/>'],
)
def test_the_parser_refuses_by_itself_too(document: bytes) -> None:
    with pytest.raises(ForbiddenMetadata):
        guarded_parser().Parse(document, True)


@pytest.mark.parametrize(
    ("document", "status", "said_"),
    [
        (b"x" * (LARGEST + 1), 513, "65536 bytes"),
        (b"", 400, "not XML: no element found"),
        (b"hello", 400, "line 1, column 1"),
        (b"<html/>", 400, "«html»"),
    ],
)
def test_what_holds_nothing_is_refused_in_a_sentence(document: bytes, status: int, said_: str) -> None:
    with pytest.raises(BrokenMetadata) as caught:
        parse(document)
    assert caught.value.status == status and said_ in caught.value.reason


def update(inner: str) -> Snapshot:
    """A partial document."""
    found = said(inner, "partial")
    assert not found.complete
    return found


def test_somebody_joins_and_leaves_and_comes_back() -> None:
    start = corpus("cisco")
    joined = apply(start, update(
        '<participant participant_id="pt-cee"><nameID aor="sip:cee@pbx.example.org"/></participant>'
        '<stream stream_id="st-cee" session_id="cs-Otter"><label>3</label></stream>'
        '<participantsessionassoc participant_id="pt-cee" session_id="cs-Otter"><associate-time>2026-11-02T08:20:00Z</associate-time>'
        '</participantsessionassoc><participantstreamassoc participant_id="pt-cee"><send>st-cee</send></participantstreamassoc>'
    ))  # fmt: skip
    assert roster_change(start, joined) == Roster(("pt-cee",)) and len(joined.streams) == 3 and joined.complete
    assert roster_change(start, joined) and roster_change(joined, start)
    gone = apply(joined, update(
        '<participantsessionassoc participant_id="pt-ben" session_id="cs-Otter"><disassociate-time>2026-11-02T08:21:00Z'
        "</disassociate-time></participantsessionassoc>"
    ))  # fmt: skip
    assert roster_change(joined, gone) == Roster((), ("pt-ben",)) and not roster_change(gone, gone)
    assert gone.attendances[1].joined.said == "2026-11-02T08:15:20.040Z" and len(gone.participants) == 3
    back = apply(gone, update('<participantsessionassoc participant_id="pt-ben" session_id="cs-Otter"/>'))
    assert roster_change(gone, back) == Roster(("pt-ben",)) and len(present(back, "cs-Otter")) == 3


def test_leaving_without_naming_the_call_is_leaving_all_of_them() -> None:
    after = apply(corpus("two-calls"), update(
        '<participantsessionassoc participant_id="pt-a"><dissociate-time>2026-11-02T08:30:00Z</dissociate-time></participantsessionassoc>'
    ))  # fmt: skip
    assert [one.id for one in present(after)] == ["pt-b", "pt-c"]
    ben = update(
        '<participantsessionassoc participant_id="pt-b"><stop-time>2026-11-02T08:30:00Z</stop-time></participantsessionassoc>'
    )
    kept = apply(corpus("two-calls"), ben)
    assert [one.key for one in kept.attendances] == [one.key for one in corpus("two-calls").attendances]
    one_call = apply(corpus("two-calls"), update(
        '<participantsessionassoc participant_id="pt-a" session_id="cs-1"><stop-time>2026-11-02T08:30:00Z</stop-time></participantsessionassoc>'
    ))  # fmt: skip
    assert [one.id for one in present(one_call)] == ["pt-a", "pt-b", "pt-c"]
    assert [one.id for one in present(one_call, "cs-1")] == ["pt-b"]


def test_the_draft_lets_participants_leave_by_their_own_times() -> None:
    gone = update('<participant id="pt-1"><disassociate-time>2026-11-02T08:30:00Z</disassociate-time></participant>')
    assert [one.id for one in present(apply(corpus("smarttap"), gone))] == ["pt-2"]
    assert apply(corpus("smarttap"), gone).participants[0].addresses == corpus("smarttap").participants[0].addresses


def test_hold_replaces_what_somebody_sends() -> None:
    held = apply(
        corpus("cisco"),
        update('<participantstreamassoc participant_id="pt-ann"><recv>st-ben</recv></participantstreamassoc>'),
    )
    assert held.flow("pt-ann") == Flow("pt-ann", (), ("st-ben",)) and held.flow("pt-ben").sends == ("st-ben",)


def test_a_stream_ends_and_starts_again() -> None:
    ended = apply(
        corpus("cisco"),
        update('<stream stream_id="st-ben"><disassociate-time>2026-11-02T08:30:00Z</disassociate-time></stream>'),
    )
    assert ended.streams[1].ended and ended.streams[1].label == "2"
    assert not apply(ended, update('<stream stream_id="st-ben"/>')).streams[1].ended


def test_who_is_only_referred_to_is_somebody() -> None:
    after = apply(corpus("cisco"), update('<participantsessionassoc participant_id="pt-x" session_id="cs-Otter"/>'))
    assert present(after)[-1] == Participant("pt-x")
    assert said(ANN + '<participantsessionassoc participant_id="b"/>').participants[-1] == Participant("b")
    assert update('<participantsessionassoc participant_id="b"/>').participants == ()


def test_a_complete_document_replaces_everything_and_a_partial_one_may_come_first() -> None:
    assert apply(corpus("cisco"), corpus("acme")) == corpus("acme")
    first = update(ANN)
    assert not apply(first, update("")).complete and apply(first, update("")).participants == first.participants
    assert apply(corpus("jambonz"), update("")).extensions == corpus("jambonz").extensions
    assert apply(corpus("jambonz"), update("<other/>")).extensions[0].name == "other"


def test_updates_do_not_pile_up_without_bound() -> None:
    people = [Participant(str(number)) for number in range(MOST_ENTRIES)]
    full = Snapshot(participants=tuple(people[:-1]))
    assert len(apply(full, Snapshot(complete=False, participants=(people[-1],))).participants) == MOST_ENTRIES
    with pytest.raises(BrokenMetadata) as caught:
        apply(Snapshot(participants=tuple(people)), Snapshot(complete=False, participants=(Participant("one more"),)))
    assert caught.value.status == 513


def test_the_same_call_is_known_again_after_a_failover() -> None:
    cisco = corpus("cisco")
    assert same_call(cisco, corpus("jambonz")) and not same_call(cisco, corpus("acme"))
    swapped = '<session session_id="n"><sipSessionID>0BADCAFE0badcafe0badcafe0badcafe; remote=00c0ffee00c0ffee00c0ffee00c0ffee;x=y</sipSessionID></session>'
    assert same_call(cisco, said(swapped)) and not same_call(cisco, said(swapped.replace("0BAD", "1BAD")))
    nameless = said(f"<session><sipSessionID>;remote={'0' * 32}</sipSessionID></session>")
    assert not same_call(nameless, nameless)


@given(st.datetimes(), st.integers(0, 999_999), st.sampled_from(["Z", "z", "", "+00:00", "-0400", "+05:30"]))
def test_times_are_read_as_the_calendar_has_them(at, fraction: int, zone: str) -> None:  # type: ignore[no-untyped-def]
    offset = {"-0400": -14_400, "+05:30": 19_800}.get(zone, 0)
    written = f"{at:%m-%dT%H:%M:%S}.{fraction:06d}{zone}"
    seconds = calendar.timegm(at.timetuple()) - offset
    assert read_moment(f" {at.year:04d}-{written}") == Moment(
        f"{at.year:04d}-{written}", seconds * 1_000_000 + fraction, bool(zone)
    )


@pytest.mark.parametrize(
    "text",
    ["", "noon", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00", "2026-01-00T00:00:00",
     "2026-01-01T24:00:00", "2026-01-01T00:60:00", "2026-01-01T00:00:61", "٢٠٢٦-01-01T00:00:00Z", "2026-01-01"],
)  # fmt: skip
def test_what_is_no_time_is_kept_as_it_was_written(text: str) -> None:
    assert read_moment(text).at_us is None and read_moment(text).said == text and bool(read_moment(text)) is bool(text)


def test_leap_days_and_leap_seconds() -> None:
    assert read_moment("2000-02-29T00:00:00Z").at_us == 951_782_400_000_000
    assert read_moment("2016-12-31 23:59:60Z").at_us == read_moment("2017-01-01t00:00:00Z").at_us


@given(st.sampled_from(NAMES), st.data())
def test_no_bytes_raise_anything_else(name: str, data: st.DataObject) -> None:
    whole = corpus(name).original
    at, to = sorted(data.draw(st.tuples(st.integers(0, len(whole)), st.integers(0, len(whole)))))
    to = data.draw(st.sampled_from([at, to, min(len(whole), at + 3)]))
    noise = data.draw(
        st.binary(max_size=8) | st.sampled_from([b"<", b">", b"&", b"]]>", b"<!--", b"<![CDATA[", b"</recording>"])
    )
    try:
        found = parse(whole[:at] + noise + whole[to:])
    except BrokenMetadata:
        return
    assert codes(found) is not None and apply(corpus(name), found).participants is not None


@given(st.sampled_from(NAMES), st.data())
def test_cut_anywhere_a_document_names_nobody_whom_the_whole_does_not(name: str, data: st.DataObject) -> None:
    whole = corpus(name)
    try:
        found = parse(whole.original[: data.draw(st.integers(0, len(whole.original)))])
    except BrokenMetadata:
        return
    assert {one for one in found.participants if one.addresses} <= set(whole.participants)
    assert set(found.streams) <= set(whole.streams)


PARTICIPANTS = st.sampled_from("abcd")
STATEMENTS = st.lists(
    st.builds(
        lambda who, left: Snapshot(
            complete=False,
            attendances=(Attendance(who, "c", Moment("t", 1), Moment("u", 2) if left else Moment()),),
        ),
        PARTICIPANTS, st.booleans(),
    ), max_size=12,
)  # fmt: skip


@given(STATEMENTS)
def test_who_is_on_the_call_is_who_was_named_last_as_being_there(statements: list[Snapshot]) -> None:
    state = Snapshot()
    expected: dict[str, bool] = {}
    for one in statements:
        before, state = state, apply(state, one)
        expected[one.attendances[0].participant] = not one.attendances[0].left
        assert state == apply(state, one), "said twice changes nothing"
        change = roster_change(before, state)
        assert set(change.joined).isdisjoint(change.left)
    assert {one.id for one in present(state)} == {who for who, there in expected.items() if there}


def test_elements_are_asked_in_any_case_and_in_the_order_of_names() -> None:
    element = read(b'<a x:ID="1" session="2" Session_Id="" y="3" Y="4"><b/><b> t </b><C><d e="f"/></C></a>').root
    assert element.get("session_id", "id", "session") == "1" and element.get("y") == "3" and element.get("none") == ""
    assert element.said("B", "c") == "t" and element.said("c") == "" and len(element.all("b")) == 2
    assert ("a/C/d@e", "f") in element.leaves()
