"""The law: how long a decision takes, against the same join written naively; how long the table takes to load.

    python bench/law.py [--write]

A decision is `locate` and `decide` for three parties. The naive one asks the rows themselves, place by place, with nothing
reckoned beforehand; it is written in this file, and must come to the same rule, form, obligations and bounds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import report
from overt.adapters.law_files import load_table
from overt.domain.law.decide import Decision, Wish, decide
from overt.domain.law.duties import Duty
from overt.domain.law.model import FORMS, Row
from overt.domain.law.reckoning import PARTS, Law, Reckoning, reckon
from overt.domain.law.table import Table
from overt.domain.location import UNKNOWN, US_PLACES, Evidence, Locations, locate

ON = "2026-11-24"
AIM_US, AIM_MS = 50.0, 50.0
TIMES, ROUNDS, NAIVE_TIMES, LOADS = 20_000, 5, 300, 15
PARTIES = ("caller", "agent", "recorder")
WISH = Wish()
AT = (Evidence("agent", "site", "US-GA", "line support"), Evidence("recorder", "site", "US-GA", "where Overt runs"))
# what is known of the caller → the evidence
CALLERS: dict[str, tuple[Evidence, ...]] = {
    "withheld: 51 places": AT,
    "an area code: 51 places": (Evidence("caller", "number", "US-CA", "area code 415"), *AT),
    "a German number: 52 places": (Evidence("caller", "number", "DE", "country code +49"), *AT),
    "certain: 3 parties, 2 places": (Evidence("caller", "on_file", "US-TX", "customer file"), *AT),
    "disagreeing evidence": (
        Evidence("caller", "device", "US-CA", "SIM"), Evidence("caller", "on_file", "US-TX", "customer file"), *AT,
    ),
}  # fmt: skip


# ------------------------------------------------------------------------------------------ naively


@dataclass(slots=True)
class Joined:
    """What the naive join collects."""

    rule: str = "one-party"
    forms: frozenset[str] = frozenset(FORMS)
    obligations: frozenset[tuple[str, str]] = frozenset()
    tone_s: int = 0
    least: int = 0
    most: int = 0


def naive(table: Table, locations: Locations) -> Joined:
    """The same join for a recording, place by place from the rows, as somebody would write it who is in no hurry."""
    joined = Joined()
    for duty in table.duties.values():
        if duty.everywhere:
            take_duty(joined, duty)
    for party in locations.parties:
        for place in party.places:
            take_place(joined, table, place)
    return joined


def take_place(joined: Joined, table: Table, place: str) -> None:
    """Join a place: its row, the row that it lies within, and its parts where no more than the country is known."""
    row = table.row(place, ON)
    if row is None or place == UNKNOWN:
        joined.rule, joined.forms = "all-party", joined.forms & {FORMS[-1]}
        return
    rows = [row]
    within = table.row(row.within, ON) if row.within else None
    rows += [within] if within is not None else []
    for code in table.rows:
        part = table.row(code, ON)
        if part is not None and part.within == row.code and part.kind in PARTS:
            rows.append(part)
    for one in rows:
        take_row(joined, table, one)


def take_row(joined: Joined, table: Table, row: Row) -> None:
    """Join what one row demands."""
    if row.effective_rule == "all-party":
        accepted = {"express_opt_in"}
        accepted |= {"notice_then_continue"} if row.forms.notice_then_continue in ("yes", "likely") else set()
        accepted |= {"recording_tone"} if row.forms.recording_tone in ("yes", "likely") else set()
        joined.rule, joined.forms = "all-party", joined.forms & accepted
        joined.tone_s = shortest(joined.tone_s, row.notice.tone_interval_s)
    if row.notice.announcement_must_be_recorded == "yes":
        joined.obligations |= {("law:record_announcement", row.citations[0])}
    if row.minors:
        joined.obligations |= {("no_known_minors", row.minors)}
    if row.employee_notice:
        joined.obligations |= {("employee_notice", row.employee_notice)}
    for one in row.purpose:
        if one.purpose == "recording":
            take_form(joined, one.form)
    for code in row.duties:
        take_duty(joined, table.duties[code])


def take_duty(joined: Joined, duty: Duty) -> None:
    """Join what a duty demands."""
    if duty.when or "recording" not in duty.purposes or not duty.in_force(ON):
        return
    take_form(joined, duty.form)
    joined.obligations |= {(code, duty.citations[0]) for code in duty.obligations}
    joined.least = max(joined.least, duty.keep_at_least_days)
    joined.most = shortest(joined.most, duty.keep_at_most_days)


def take_form(joined: Joined, form: str) -> None:
    """Join a demand for at least a form."""
    joined.rule = "all-party" if form != "none" else joined.rule
    joined.forms &= frozenset(FORMS[list(FORMS).index(form) :])


def shortest(one: int, other: int) -> int:
    """The shorter of two bounds, of which 0 is none."""
    return min(one, other) if one and other else one or other


def agreed(decision: Decision, joined: Joined) -> bool:
    """Whether both came to the same."""
    demand = decision.demand
    return (demand.rule, demand.forms, demand.tone_at_most_s, demand.keep_at_least_days, demand.keep_at_most_days) == (
        joined.rule, joined.forms, joined.tone_s, joined.least, joined.most,
    ) and {(one.code, one.citation) for one in demand.obligations} == joined.obligations  # fmt: skip


# ------------------------------------------------------------------------------------------ measured


def timed(once: Callable[[], object], times: int, rounds: int = 1) -> float:
    """Microseconds of processor time that it takes, the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time_ns()
        for _ in range(times):
            once()
        best = min(best, (time.process_time_ns() - began) / times / 1000)
    return best


def decisions(table: Table) -> list[dict[str, object]]:
    """Every kind of call, decided by the reckoned law and naively."""
    law = reckon(table, Reckoning(ON, served=US_PLACES))
    rows = []
    for name, evidence in CALLERS.items():
        locations = locate(evidence, PARTIES, US_PLACES)
        if not agreed(decide(law, locations, WISH), naive(table, locations)):
            raise SystemExit(f"{name}: the naive join comes to something else")
        rows.append(measured(name, law, table, evidence))
    return rows


def measured(name: str, law: Law, table: Table, evidence: Sequence[Evidence]) -> dict[str, object]:
    """A row of the table: microseconds each."""
    ours = timed(lambda: decide(law, locate(evidence, PARTIES, US_PLACES), WISH), TIMES, ROUNDS)
    single = sorted(timed(lambda: decide(law, locate(evidence, PARTIES, US_PLACES), WISH), 1) for _ in range(5000))
    slow = timed(lambda: naive(table, locate(evidence, PARTIES, US_PLACES)), NAIVE_TIMES, 3)
    grounds = timed(lambda: decide(law, locate(evidence, PARTIES, US_PLACES), WISH).as_json(), 300, 3)
    return {
        "what is known of the caller": name, "decision_us": round(ours, 1), "p99_us": round(quantiles(single, n=100)[98], 1),
        "naive_us": round(slow, 1), "times_faster": round(slow / ours, 1), "with_its_grounds_in_words_us": round(grounds, 1),
    }  # fmt: skip


LOADING = """
import time
from overt.adapters.law_files import load_table
began = time.perf_counter()
table = load_table()
print((time.perf_counter() - began) * 1000, len(table.rows), len(table.duties) + len(table.bases))
"""


def loading() -> list[dict[str, object]]:
    """The table read by fresh processes, read again in this one, and reckoned."""
    fresh = [subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=True).stdout.split()
             for _ in range(LOADS)]  # fmt: skip
    times = [float(one[0]) for one in fresh]
    again = [timed(load_table, 1) / 1000 for _ in range(LOADS)]
    table = load_table()
    reckoned = [timed(lambda: reckon(table, Reckoning(ON, served=US_PLACES)), 1) / 1000 for _ in range(LOADS)]
    head = {"places": fresh[0][1], "duties and bases": fresh[0][2]}
    return [
        {"what": "table, a fresh process", **head, "median_ms": round(median(times), 1), "worst_ms": round(max(times), 1)},
        {"what": "table, again", **head, "median_ms": round(median(again), 1), "worst_ms": round(max(again), 1)},
        {"what": "reckoned for a day", **head, "median_ms": round(median(reckoned), 1), "worst_ms": round(max(reckoned), 1)},
    ]  # fmt: skip


def main() -> None:
    """Measure, print, and say whether both aims are met."""
    options = argparse.ArgumentParser(description="Measure the law.")
    options.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    chosen = options.parse_args()
    table = load_table()
    decided, loaded = decisions(table), loading()
    slowest, load = max(float(str(row["decision_us"])) for row in decided), float(str(loaded[0]["median_ms"]))
    text = "\n\n".join((
        "Processor time on one core. A decision is locating and deciding for three parties, 51 places served; *with its "
        "grounds in words* is all that its ledger entry says. The naive join comes to the same, which is checked.",
        report.table(decided), report.table(loaded),
        f"The slowest decision took {slowest} µs (aim: under {AIM_US:.0f}), loading {load} ms (aim: under {AIM_MS:.0f}). "
        f"{report.machine()}.",
    ))  # fmt: skip
    print(text)
    if chosen.write:
        report.write("law", text)
    if slowest >= AIM_US or load >= AIM_MS:
        raise SystemExit("an aim was missed")


if __name__ == "__main__":
    main()
