"""Accounting rooms over a few calls in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overt.adapters.accounted_calls import facts_of
from overt.adapters.cdr_files import column_map, read_rows
from overt.domain.reconciling import CallFacts, Counters, End, Kept, Step
from overt.faces.http.rooms import AccountingRooms
from overt.services.reconciling import Read, TurnedAway

MINUTE = 60_000_000


class FewAccounts:
    """Implements reconciling.AccountedCalls with a few calls."""

    def __init__(self, calls: Sequence[CallFacts]) -> None:
        self.calls = calls

    def read(self, since_us: int, until_us: int) -> Iterator[Read]:
        """See reconciling.AccountedCalls."""
        yield Read([one for one in self.calls if since_us <= one.offered_us < until_us], 100, 100)


def recorded(number: int, at_us: int, caller: str = "+14155550102", silent: bool = False) -> CallFacts:
    """A call of three minutes, recorded under a permit; `silent`: nothing came from its agent."""
    recording = f"r{number}"
    steps = (Step(at_us + 10_000_000, "permitted", recording), Step(at_us + 3 * MINUTE, "ended", recording))
    legs = {"caller": Counters(9000, 8500, 3, 2, 500), "agent": Counters() if silent else Counters(8800, 8500)}
    end = End(at_us + 3 * MINUTE, "recorded", "caller hung up", "given", 175_000, 170_000, legs, (), (recording,))
    return CallFacts(
        f"0193568a-0000-7000-8000-0000000000e{number}", at_us, "carrier", "sales", caller, "+14045550100", "ann",
        effect="permit, ask", standings={"caller": "given"}, joined_us=at_us + 9_000_000, steps=steps,
        kept=(Kept(recording, 170_000),), end=end,
    )  # fmt: skip


def accounting_rooms(calls: Sequence[CallFacts] = ()) -> AccountingRooms:
    """What the web needs to reconcile these calls."""
    return AccountingRooms(
        FewAccounts(calls), facts_of, lambda file, columns: read_rows(file, column_map(columns)),
        ("asterisk", "kamailio"), lambda: TurnedAway({"sbc": 2}, {"refused: stranger": 3}), 1, frozenset({"1"}),
    )  # fmt: skip
