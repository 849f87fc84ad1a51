"""The policy of a line: what it may not say."""

from __future__ import annotations

import pytest

from overt.domain.access import RIGHTS
from overt.domain.errors import PolicyRefused
from overt.domain.policy import HEARERS, LinePolicy


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"telling": "announce"}, "chosen_by"),
        ({"languages": ()}, "language"),
        ({"purpose": ""}, "purpose"),
        ({"retention_days": 0}, "at least 1"),
        ({"on_refusal": "route"}, "SIP URI"),
        ({"on_no_answer": "route"}, "SIP URI"),
        ({"basis": "B", "basis_document": "board paper 7"}, "legal basis B needs"),
        ({"basis": "B", "basis_person": "Dana"}, "legal basis B needs"),
        ({"record": False}, "unrecorded_why"),
    ],
)
def test_what_a_line_may_not_say_is_refused_with_what_to_write(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(PolicyRefused, match=why):
        LinePolicy("sales", **wrong)  # type: ignore[arg-type]


def test_what_is_whole_is_taken() -> None:
    routed = LinePolicy("sales", on_refusal="route", route="sip:desk@192.0.2.7")
    based = LinePolicy("sales", basis="B", basis_document="board paper 7", basis_person="Dana")
    silent = LinePolicy("sales", record=False, unrecorded_why="no policy matches")
    assert (routed.route, based.basis, silent.record) == ("sip:desk@192.0.2.7", "B", False)


def test_listeners_are_by_default_the_roles_that_may_play() -> None:
    assert set(HEARERS) == {role for role, actions in RIGHTS["recording"].items() if "play" in actions}
    assert LinePolicy("sales").listeners == HEARERS and "agent" not in HEARERS
