"""P6: who is seated where beside a call, and what another roster means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from overt.domain.identity import AGENT, CALLER, SIDES, Number
from overt.domain.roster import Person, Refuser, Seats, VoiceLine, are_the_same, belongs, is_same, regroup, seat

ANN, BO, CY = (Person(one, Number(f"+1415555010{at}"), "pbx.example") for at, one in enumerate(("ann", "bo", "cy")))
TWO = VoiceLine(0, "1", ("ann",)), VoiceLine(1, "2", ("bo",))
NOBODY = VoiceLine(0), VoiceLine(1)


def never(person: Person) -> bool:
    return False


def test_the_first_who_is_named_calls_and_each_is_heard_on_their_own_line() -> None:
    seats = seat((ANN, BO), TWO, never)
    assert (seats.caller, seats.agent, seats.others, seats.mixed) == (ANN, BO, (), False)
    assert seats.line(CALLER) == 0 and seats.line(AGENT) == 1 and seats.people == (ANN, BO)


def test_whom_the_house_knows_for_an_agent_has_the_agents_seat() -> None:
    seats = seat((ANN, BO), TWO, lambda one: one == ANN)
    assert (seats.caller, seats.agent) == (BO, ANN) and (seats.line(CALLER), seats.line(AGENT)) == (1, 0)


def test_one_line_of_everybody_goes_to_the_callers_seat() -> None:
    seats = seat((ANN, BO), (VoiceLine(3, "m", ("ann", "bo")),), never)
    assert seats.mixed and seats.lines == ((CALLER, 3),) and seats.line(AGENT) is None
    conference = seat((ANN, BO, CY), (VoiceLine(0, "", ("ann",)), VoiceLine(1, "", ("bo", "cy"))), never)
    assert conference.lines == ((CALLER, 0), (AGENT, 1)) and conference.mixed and conference.others == (CY,)


def test_lines_of_nobody_known_go_by_their_order_and_keep_it() -> None:
    seats = seat((), NOBODY, never)
    assert seats == Seats(lines=((CALLER, 0), (AGENT, 1))) and seats.people == ()
    assert seat((), (VoiceLine(1),), never, seats).lines == ((AGENT, 1),)
    assert seat((), (VoiceLine(2),), never, seats).lines == ((CALLER, 2),)


def test_who_has_no_seat_is_on_the_call_and_not_on_a_track() -> None:
    seats = seat((ANN, BO, CY), (*TWO, VoiceLine(2, "3", ("cy",))), never)
    assert seats.others == (CY,) and seats.unheard == (2,) and len(seats.lines) == 2
    assert seat((ANN, BO), (*TWO, VoiceLine(2)), never).unheard == (2,)
    twice = seat((ANN, BO), (TWO[0], VoiceLine(1, "", ("ann",))), never)
    assert twice.lines == ((CALLER, 0),) and twice.unheard == (1,)  # never on the track of somebody else


def test_who_is_alone_calls_unless_they_are_an_agent() -> None:
    assert (seat((ANN,), (), never).caller, seat((ANN,), (), never).agent) == (ANN, None)
    alone = seat((ANN,), (), lambda one: True)
    assert (alone.caller, alone.agent) == (None, ANN)


def test_a_seat_is_kept_through_a_transfer() -> None:
    before = seat((ANN, BO), TWO, never)
    after = seat((CY, ANN), (VoiceLine(0, "1", ("ann",)), VoiceLine(1, "2", ("cy",))), never, before)
    assert (after.caller, after.agent) == (ANN, CY)
    change = regroup(before, after)
    assert (change.joined, change.left, change.stayed, change.ends_episode) == ((CY,), (BO,), (CALLER,), True)
    gone = seat((BO,), TWO[1:], never, before)
    assert (gone.caller, gone.agent) == (None, BO) and regroup(before, gone).ends_episode


def test_nothing_ends_when_all_stay_or_somebody_without_a_seat_leaves() -> None:
    three, two = seat((ANN, BO, CY), TWO, never), seat((ANN, BO), TWO, never)
    assert not regroup(two, two).ends_episode
    assert not regroup(three, two).ends_episode and regroup(three, two).left == (CY,)
    assert regroup(two, three).ends_episode


def test_an_agent_is_known_by_number_or_domain() -> None:
    assert belongs(ANN, ("14155550100",)) and belongs(ANN, ("+14155550100",)) and belongs(ANN, ("pbx.example",))
    assert not belongs(ANN, ()) and not belongs(Person("x"), ("",))


people = st.lists(st.sampled_from((ANN, BO, CY)), unique=True).map(tuple)
ids = st.lists(st.sampled_from(("ann", "bo", "cy", "who")), unique=True, max_size=2).map(tuple)


@given(people, st.lists(ids, max_size=4), people, st.sampled_from((ANN, BO, CY)))
def test_everybody_is_somewhere_once_and_no_line_is_in_two_places(
    first: tuple[Person, ...], carried: list[tuple[str, ...]], then: tuple[Person, ...], agent: Person
) -> None:
    lines = [VoiceLine(at, "", senders) for at, senders in enumerate(carried)]
    before = seat(first, lines, lambda one: one == agent)
    after = seat(then, lines, lambda one: one == agent, before)
    for seats, here in ((before, first), (after, then)):
        assert sorted(one.id for one in seats.people) == sorted(one.id for one in here)
        assert sorted([*(index for _, index in seats.lines), *seats.unheard]) == list(range(len(lines)))
        assert len(dict(seats.lines)) == len(seats.lines)
    assert regroup(before, before).stayed == SIDES and not regroup(before, before).ends_episode
    assert set(regroup(before, after).joined) == set(then) - set(first)


def test_whoever_said_no_is_known_again_by_id_or_number_and_where_nobody_was_named_by_the_seat() -> None:
    ann, again = Person("ann", Number("+14155550100")), Person("other id", Number("+14155550100"))
    other, nameless = Person("bo", Number("+14155550101")), Person("x")
    assert is_same(ann, again) and is_same(ann, Person("ann")) and not is_same(nameless, Person("y"))
    no = Refuser(CALLER, ann, "said so")
    assert no.sits(CALLER, Seats(again)) and no.sits(AGENT, Seats(other, ann))
    assert not no.sits(CALLER, Seats(other)) and not no.sits(CALLER, Seats())
    assert no.stands_by(Seats(other, None, (again,))) and not no.stands_by(Seats(ann))
    nobody = Refuser(CALLER, None, "said so")
    assert nobody.sits(CALLER, Seats(ann)) and not nobody.sits(AGENT, Seats(ann))
    assert not nobody.stands_by(Seats(ann, None, (other,)))


def test_rosters_are_of_the_same_people_by_their_numbers_else_by_ids() -> None:
    ann, again = Person("ann", Number("+14155550100")), Person("other id", Number("+14155550100"))
    assert are_the_same(Seats(ann), Seats(None, again)) and not are_the_same(Seats(ann), Seats(Person("ann")))
    assert are_the_same(Seats(Person("x")), Seats(Person("x"))) and not are_the_same(
        Seats(Person("x")), Seats(Person("y"))
    )


def test_a_line_of_nobody_known_is_found_again_by_its_label_when_others_are_left_out() -> None:
    both = seat((), (VoiceLine(0, "a"), VoiceLine(1, "b")), lambda one: False)
    left_out = seat((), (VoiceLine(0, "b"),), lambda one: False, both)
    assert left_out.lines == ((AGENT, 0),) and dict(left_out.labels) == {CALLER: "a", AGENT: "b"}
    assert seat((), (VoiceLine(0, "b"), VoiceLine(1, "a")), lambda one: False, left_out).lines == (
        (CALLER, 1),
        (AGENT, 0),
    )
