"""Accounting over the API and on the console's page: read and bounded, beside a CDR, one call by the second."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import httpx
import pytest

from faces.http.few_accounts import MINUTE, FewAccounts, recorded
from faces.http.test_routes import CALL, House, house
from overt.domain.facts import Fact
from overt.faces.http.parts import MOST_PARTS, split_parts
from overt.faces.http.problems import BadRequest

__all__ = ["house"]
MAP = 'caller = "src"\ncalled = "dst"\nstarted = "start"\ntimezone = "UTC"\nformat = "unix"\n'


@pytest.fixture
def at(house: House) -> int:
    """Three calls within the last hour, the second of which lacks its agent; when the first came."""
    began = house.rooms.signing.accounts.clock.now_us() - 30 * MINUTE
    calls = [recorded(number, began + number * 5 * MINUTE, silent=number == 1) for number in range(3)]
    house.rooms.accounting.past = FewAccounts(calls)
    return began


def csv(at: int, *seconds: float) -> str:
    return "src,dst,start\n" + "".join(f"4155550102,+14045550100,{at / 1e6 + one:.3f}\n" for one in seconds)


async def test_the_api_gives_each_call_its_class_and_why(house: House, at: int) -> None:
    async with await house.come("supervisor") as client:
        found = (await client.get("/api/account", params={"since": "1h"})).json()
        assert found["summary"] == "2 as they should, 1 not (1 missing)" and found["turned_away"]["clients"] == {
            "sbc": 2
        }
        assert (
            found["calls"][0]["why"].endswith("no packet came on the agent's leg")
            and found["calls"][0]["from"] == "+1415•••••02"
        )
        assert (await client.get("/api/account", params={"since": "1h", "only": "loss, extra"})).json()["calls"] == []
        few = (await client.get("/api/account", params={"since": "1h", "shown": "1"})).json()
        assert len(few["calls"]) == 2 and few["total"] == 3  # one of each class
        exact = {"since": str(at + 1), "until": str(at + 6 * MINUTE)}
        assert (await client.get("/api/account", params=exact)).json()["total"] == 1


async def test_the_api_compares_with_a_cdr(house: House, at: int) -> None:
    async with await house.come("compliance") as client:
        asked: dict[str, Any] = {"cdr": csv(at, 1, 600.5, 1200) + "1,2,soon\n", "columns": MAP, "since": "1h"}
        found = (await client.post("/api/account", json=asked)).json()
        assert {name: many for name, many in found["classes"].items() if many} == {
            "missing": 1,
            "never-came": 1,
            "recorded": 2,
        }
        assert found["cdr"]["by_numbers"] == 2 and found["cdr"]["first_bad"] == [
            {"line": 5, "why": "its times cannot be read as unix"}
        ]
        assert (await client.post("/api/account", json=asked | {"tolerance_ms": 100})).json()["cdr"]["by_numbers"] == 0


@pytest.mark.parametrize("query", [
    {"since": "soon"}, {"since": "2026-13-01"}, {"since": "1h", "until": "2h"}, {"since": "99w"}, {"only": "lost"}, {"shown": "-1"},
    {"tolerance_ms": "999999999"}, {"tolerance_ms": "x"}, {"since": "9" * 16}, {"since": "\x00"},
])  # fmt: skip
async def test_what_cannot_be_asked_is_a_problem(house: House, query: dict[str, str]) -> None:
    async with await house.come("compliance") as client:
        for path in ("/api/account", "/accounting"):
            answer = await client.get(path, params=query)
            assert answer.status_code == (
                400 if path == "/api/account" or not {"shown", "tolerance_ms"} & query.keys() else 200
            )


async def test_bad_maps_and_numbers_below_nothing_are_refused(house: House, at: int) -> None:
    async with await house.come("compliance") as client:
        for asked in (
            {"cdr": "a\n1\n", "columns": "nonsense"},
            {"cdr": "a\n1\n", "columns": MAP},
            {"cdr": "", "columns": MAP, "shown": -1},
        ):
            answer = await client.post("/api/account", json=asked)
            assert answer.status_code == 400, asked
        assert (await client.post("/api/account", content=b"x" * (17 << 20))).status_code == 413


async def test_a_few_at_once_and_one_for_each(house: House, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    running = house.rooms.accounting.running
    async with await house.come("compliance") as client:
        for others in (["compliance"], ["ada", "ben"]):
            running[:] = others
            assert (await client.get("/api/account")).status_code == 429
        running[:] = ["ada"]
        assert (await client.get("/api/account")).status_code == 200 and running == ["ada"]
        monkeypatch.setattr("overt.faces.http.accounting.LONGEST_S", -1.0)
        slow = await client.get("/api/account")
        assert slow.status_code == 400 and "took too long" in slow.json()["detail"] and running == ["ada"]


async def test_the_page_shows_what_is_not_as_it_should_be(house: House, at: int) -> None:
    async with await house.come("supervisor") as client:
        page = (await client.get("/accounting", params={"since": "1h"})).text
        assert "2 as they should, 1 not (1 missing)" in page and "no packet came on the agent&#39;s leg" in page
        assert page.count('href="/accounting/0193568a') == 1 and "5550102" not in page and "refused: stranger" in page
        chosen = (await client.get("/accounting", params={"since": "1h", "only": "recorded"})).text
        assert chosen.count('href="/accounting/0193568a') == 2
        assert (
            "No call came in that time" in (await client.get("/accounting", params={"since": "2h", "until": "1h"})).text
        )


async def test_the_page_takes_a_cdr_and_keeps_nothing_of_it(house: House, at: int) -> None:
    async with await house.come("compliance") as client:
        sent = {"since": "1h", "map": "asterisk", "columns": MAP}
        page = await client.post(
            "/accounting", data=sent, files={"cdr": ("a.csv", csv(at, 1, 1200).encode(), "text/csv")}
        )
        assert page.status_code == 200 and "1 never-came" in page.text and "matched 0 by SIP" in page.text
        wrong = await client.post(
            "/accounting", data={**sent, "columns": "x"}, files={"cdr": ("a.csv", b"1", "text/csv")}
        )
        assert wrong.status_code == 400 and "no TOML" in wrong.text and ">x</textarea>" in wrong.text
        none = await client.post("/accounting", data=sent, files={"cdr": ("", b"", "text/csv")})
        assert none.status_code == 400 and "Choose a file" in none.text


async def test_a_form_with_a_file_needs_its_csrf(house: House) -> None:
    async with await house.come("compliance") as client:
        csrf = client.headers.pop("x-overt-csrf")
        files = {"cdr": ("a.csv", csv(0, 1).encode(), "text/csv")}
        for given, status in ((csrf, 200), ("x", 403)):
            answer = await client.post("/accounting", data={"csrf": given, "columns": MAP}, files=files)
            assert answer.status_code == status
        assert (await client.post("/accounting", data={"columns": MAP}, files=files)).status_code == 403


async def test_one_call_by_the_second(house: House) -> None:
    ledger, clock = house.rooms.listening.ledger, house.rooms.signing.accounts.clock
    rows = [[0, 10, 500, 0, 500, 0, 0, 0], [10, 50, 2500, 2500, 0, 0, 0, 0], [60, 1, 0, 0, 0, 9, 0, 0]]
    body: Any = {"caller": rows, "agent": []}
    receipt = await ledger.enter(Fact(clock.new_id(), "main", "call.seconds", clock.now_us(), CALL, body))
    catalogue: Any = house.rooms.catalogue
    row = catalogue.find("main", CALL)
    catalogue.put("main", dataclasses.replace(row, entries=(*row.entries, receipt.index)))
    async with await house.come("supervisor") as client:
        found = (await client.get(f"/api/account/{CALL}")).json()
        assert found["seconds"]["caller"]["rows"] == rows and found["class"] == "under-way"
        page = (await client.get(f"/accounting/{CALL}")).text
        for words in ("0:10 to 1:00 kept", 'class="strip-lost" x="60"', "3,000 received", "Each stretch in numbers"):
            assert words in page, words
        for path in ("/api/account/none", "/accounting/none"):
            assert (await client.get(path)).status_code == 404


def test_a_form_is_split_into_its_parts() -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n\r\n--x\r\nX: y\r\nContent-Disposition: form-data; name="b"; filename="c"\r\n\r\n--y\r\n--x--\r\n'
    assert split_parts(body, b"x") == {"a": b"1\r\n", "b": b"--y"}
    assert split_parts(body.replace(b'"b"', b'"a"'), b"x") == {"a": b"1\r\n"}  # the first counts
    many = (
        b"".join(b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n' % one for one in range(MOST_PARTS + 1))
        + b"--x--"
    )
    for wrong in (b"", b"--x--", body[:-6], body.replace(b"name=", b"nam="), body.replace(b"\r\n\r\n", b"\r\n"), many):
        with pytest.raises(BadRequest):
            split_parts(wrong, b"x")


async def test_a_large_cdr_takes_no_time(house: House, at: int) -> None:
    async with await house.come("compliance") as client:
        began = time.monotonic()
        answer: httpx.Response = await client.post(
            "/api/account", json={"cdr": csv(at, *([-9e9] * 20_000)), "columns": MAP}
        )
        assert answer.json()["cdr"]["outside"] == 20_000 and time.monotonic() - began < 5
