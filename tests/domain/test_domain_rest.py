"""Identity, facts, policy, disclosure, access."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.access import RIGHTS, ROLES, Action, Actor, Allowed, Denied, Resource, may, offered_purposes
from overt.domain.disclosure import untold
from overt.domain.errors import PolicyRefused
from overt.domain.facts import KINDS, Fact
from overt.domain.identity import Number, Secret, uuid7
from overt.domain.policy import LinePolicy


@given(st.integers(0, (1 << 48) * 1000 - 1), st.binary(min_size=10, max_size=10))
def test_uuid7_is_ordered_versioned_and_whole(at_us: int, entropy: bytes) -> None:
    one = uuid7(at_us, entropy)
    assert len(one) == 36 and one[14] == "7" and one[19] in "89ab"
    assert int(one.replace("-", "")[:12], 16) == at_us // 1000
    assert uuid7(at_us + 1000, entropy) > one if at_us // 1000 + 1 < 1 << 48 else True


def test_uuid7_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="48 bits"):
        uuid7(-1, bytes(10))
    with pytest.raises(ValueError, match="ten bytes"):
        uuid7(0, bytes(9))


def test_numbers_and_secrets_do_not_show_themselves() -> None:
    assert repr(Number("+14155550100")) == "Number(+1415•••••00)" and str(Number("12345")) == "Number(•••••)"
    assert Number().withheld and Number().masked == "withheld"
    assert Number("5550102").masked == "•••••02" and Number("2065550102").masked == "20655•••02"
    assert repr(Secret(b"abc")) == "Secret(3 bytes)" == str(Secret(b"abc"))


def test_facts_keep_to_their_table() -> None:
    assert Fact("i", "main", "recording.permitted", 0, body={"episode": "e"}).opens
    assert not Fact("i", "main", "call.ended", 0).opens
    with pytest.raises(ValueError, match="no such kind"):
        Fact("i", "main", "call.imagined", 0)
    with pytest.raises(ValueError, match="no field colour"):
        Fact("i", "main", "call.ended", 0, body={"colour": 1})
    assert all(kind.meaning.endswith(".") for kind in KINDS.values())


@pytest.mark.parametrize(
    "wrong",
    [{"telling": "announce"}, {"languages": ()}, {"purpose": ""}, {"retention_days": 0}],
)
def test_policies_that_may_not_be_enabled(wrong: dict[str, object]) -> None:
    with pytest.raises(PolicyRefused):
        LinePolicy("sales", **wrong)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Played:
    """A prompt as it was played."""

    frames: int = 10
    frames_sent: int = 10
    heard_before: bool = True
    heard_after: bool = True
    loss_percent: int | None = None
    reason: str = ""


@pytest.mark.parametrize(
    ("played", "why"),
    [
        ([Played()], ""),
        ([Played(loss_percent=5)], ""),
        ([Played(loss_percent=6)], "6 % loss"),
        ([Played(frames_sent=9)], "1 of 10 frames"),
        ([Played(heard_before=False)], "silent before"),
        ([Played(heard_after=False)], "silent after"),
        ([Played(), Played(reason="held")], "held"),
        ([], "nothing was played"),
    ],
)
def test_p1_told_means_heard_whole(played: list[Played], why: str) -> None:
    assert (why in untold(played)) if why else untold(played) == ""


def test_p8_who_may_do_what() -> None:
    boss = Actor("b", "administrator", 0)
    assert isinstance(may(boss, "export", purpose="quality", told="quality and training"), Allowed)
    assert isinstance(may(boss, "export", purpose="order", told="x", document="court 12"), Allowed)
    for actor, action, purpose, told in [
        (Actor("a", "agent", 1), "export", "quality", "quality"),
        (Actor("n", "nobody", 1), "list", "quality", "quality"),
        (boss, "export", "curiosity", "quality"),
        (boss, "export", "training", "quality"),
        (boss, "export", "order", "quality"),
    ]:
        assert isinstance(may(actor, action, purpose=purpose, told=told), Denied)


def test_p8_an_agent_reaches_their_own_calls_only() -> None:
    mine = Actor("ann", "agent", agent="sip:ann@pbx")
    assert isinstance(may(mine, "show", Resource("call", agent="sip:ann@pbx")), Allowed)
    assert may(mine, "show", Resource("call", agent="sip:ben@pbx")) == Denied("an agent sees their own calls only")
    assert isinstance(may(Actor("new", "agent"), "show", Resource("call")), Denied)
    assert isinstance(may(mine, "list", Resource("call")), Allowed)
    assert isinstance(may(mine, "play", Resource("recording", agent="sip:ann@pbx", told="quality")), Denied)
    assert isinstance(may(mine, "watch", Resource("live")), Denied)
    assert isinstance(may(Actor("s", "supervisor"), "watch", Resource("live")), Allowed)


def test_p8_only_told_or_compelled_purposes_are_offered() -> None:
    assert offered_purposes("quality and training")[:2] == ("quality", "training")
    assert offered_purposes("quality")[:2] == ("quality", "order")


@pytest.mark.parametrize("kind", RIGHTS)
def test_every_right_belongs_to_a_known_role_and_action(kind: str) -> None:
    assert set(RIGHTS[kind]) <= set(ROLES)
    assert {action for actions in RIGHTS[kind].values() for action in actions} <= set(get_args(Action))
