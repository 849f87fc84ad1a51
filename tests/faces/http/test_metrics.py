"""/metrics: read by Prometheus' own parser; who may; and a table of the documentation that names every metric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.datastructures import State
from prometheus_client.parser import text_string_to_metric_families

from overt.domain.measures import MEASURES, full_name
from overt.domain.vitals import ClientVitals, Vitals
from overt.faces.api.metrics import METRICS, written
from overt.faces.http.observing import ObservingRooms
from overt.faces.http.problems import problem_of

DOCS = Path(__file__).parents[3] / "docs" / "observing.md"
SAID = {
    "signalling": Vitals("signalling", 5_000_000, 1, {"calls_offered": 3, 'sip_refused|a "quoted"\\ reason': 2}, {"calls": 1, "loop_lag_seconds": 0.25},
                         {"pbx": ClientVitals(1, 3, 1)}),
    "engine-0": Vitals("engine-0", 4_000_000, 2, {"packets_lost": 7}, {"legs": 2}),
}  # fmt: skip


def test_prometheus_reads_what_is_written() -> None:
    families = {one.name: one for one in text_string_to_metric_families(written(SAID, 6_000_000).decode())}
    assert set(families) == {f"overt_{name}" for name in MEASURES}
    for name, measure in MEASURES.items():
        assert (families[f"overt_{name}"].type, families[f"overt_{name}"].documentation) == (
            measure.kind,
            measure.meaning,
        )
    found = {
        (one.name, *sorted(one.labels.values())): one.value for family in families.values() for one in family.samples
    }
    assert found["overt_calls_offered_total", "signalling"] == 3 and found["overt_packets_lost_total", "engine-0"] == 7
    assert found["overt_sip_refused_total", 'a "quoted"\\ reason', "signalling"] == 2
    assert (
        found["overt_client_calls_total", "pbx", "signalling"] == 3
        and found["overt_vitals_age_seconds", "engine-0"] == 2
    )
    assert found["overt_loop_lag_seconds", "signalling"] == 0.25


def test_the_documentation_names_every_metric_and_no_other() -> None:
    rows = [line.split("|") for line in DOCS.read_text().splitlines() if line.startswith("| `overt_")]
    assert [row[1].strip().strip("`") for row in rows] == [full_name(name) for name in MEASURES]
    assert [row[4].strip() for row in rows] == [one.meaning for one in MEASURES.values()]


class Rooms:
    def __init__(self, observing: ObservingRooms) -> None:
        self.observing = observing
        self.signing = self.accounts = self.clock = self

    def now_us(self) -> int:
        return 6_000_000


async def asked(observing: ObservingRooms, client: str = "192.0.2.1", **headers: str) -> httpx.Response:
    app = Litestar(
        METRICS, state=State({"rooms": Rooms(observing)}), openapi_config=None, logging_config=None,
        exception_handlers={Exception: lambda _, error: problem(error)},
    )  # fmt: skip
    transport = httpx.ASGITransport(app, client=(client, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as browser:
        return await browser.get("/metrics", headers={name.replace("_", "-"): value for name, value in headers.items()})


def problem(error: Exception) -> Any:
    from litestar import Response

    return Response(b"", status_code=problem_of(error).status)


TOKEN = "a token that is long enough"


@pytest.mark.parametrize(("metrics", "client", "headers", "status"), [
    ("token", "192.0.2.1", {"authorization": f"Bearer {TOKEN}"}, 200), ("token", "192.0.2.1", {"authorization": "Bearer wrong"}, 401),
    ("token", "127.0.0.1", {}, 401), ("token", "192.0.2.1", {"authorization": TOKEN}, 401), ("open", "127.0.0.1", {}, 200),
    ("open", "::1", {}, 200), ("open", "192.0.2.1", {}, 401), ("open", "127.0.0.1", {"x_forwarded_for": "192.0.2.1"}, 401),
    ("open", "unix", {}, 401), ("off", "127.0.0.1", {"authorization": f"Bearer {TOKEN}"}, 404),
])  # fmt: skip
async def test_only_those_read_it_whom_the_setting_names(
    metrics: Any, client: str, headers: dict[str, str], status: int
) -> None:
    token = TOKEN if metrics == "token" else ""
    answer = await asked(ObservingRooms(metrics, token, lambda: SAID), client, **headers)
    assert answer.status_code == status
    assert (b"overt_calls " in answer.content or b"overt_calls{" in answer.content) == (status == 200)
