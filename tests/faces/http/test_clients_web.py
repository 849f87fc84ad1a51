"""Clients in the console and the API: added, shown, refused with what was written kept, proven and removed; answers given elsewhere."""

from __future__ import annotations

import dataclasses

import pytest

from faces.http.few_clients import UNDER_WAY, OneCall, faring
from faces.http.test_routes import CALL, House, house  # noqa: F401
from overt.domain.vitals import Stranger, Vitals
from overt.faces.http.bringing import BringingRooms
from overt.inbox import ConsentSaid
from overt.services.searching import CallRow

FIELDS = {"name": "sbc 2", "mode": "siprec", "address": "192.0.2.8, 2001:db8::/64", "by": "Dana Wu", "why": "contract <8>",
          "attest": "recording", "form": "notice", "before": "inactive", "srtp": "required", "line": "sales",
          "agents": "+14045550199 pbx.example", "digits": "1"}  # fmt: skip
JSON = {"name": "sbc 3", "mode": "siprec", "by": "Dana Wu", "why": "contract 8", "address": ["192.0.2.9"]}


async def test_a_client_is_added_shown_and_removed_in_the_console(house: House) -> None:  # noqa: F811
    async with await house.come("compliance") as client:
        added = await client.post("/clients", data=FIELDS)
        assert (added.status_code, added.headers["location"]) == (303, "/clients/sbc%202?done=added")
        page = (await client.get("/clients/sbc%202")).text
        for words in (
            "2001:db8::/64",
            "recording, by notice",
            "never proven",
            "inactive",
            "contract &lt;8&gt;",
            "+1404•••••99",
        ):
            assert words in page, words
        assert "4045550199" not in page
        refused = await client.post("/clients", data={**FIELDS, "name": "sbc 4"})
        assert refused.status_code == 400
        assert "192.0.2.8 belongs to the client sbc 2" in refused.text and "contract &lt;8&gt;" in refused.text
        nobody = await client.post("/clients/sbc%202/remove", data={"by": "", "why": "x"})
        assert nobody.status_code == 400 and "Say who signs for it" in nobody.text
        gone = await client.post("/clients/sbc%202/remove", data={"by": "Dana", "why": "replaced"})
        assert (gone.status_code, gone.headers["location"]) == (303, "/clients")
        assert (await client.get("/clients/sbc%202")).status_code == 404
        assert (await client.post("/clients/sbc%202/remove", data={"by": "Dana", "why": "x"})).status_code == 404
    body = house.rooms.bringing.clients.ledger.bodies("client.added")[-1]  # type: ignore[attr-defined]
    assert (body["entered_by"], body["source"], body["by"]) == ("compliance", "console", "Dana Wu")


async def test_what_recording_clients_alone_have_is_left_out_of_a_trunk(house: House) -> None:  # noqa: F811
    async with await house.come("administrator") as client:
        trunk = {**FIELDS, "mode": "gateway", "attest": ["telling"]}
        assert (await client.post("/clients", data=trunk)).status_code == 303
        (one,) = (one for one in (await client.get("/api/clients")).json()["clients"] if one["name"] == "sbc 2")
        assert (one["mode"], one["attest"], one["form"], one["digits"]) == ("gateway", ["telling"], "", False)


async def test_how_a_client_fares_and_who_is_a_stranger_is_said(house: House) -> None:  # noqa: F811
    faring_rooms = faring(house.rooms.bringing)
    stranger = Stranger("203.0.113.9", "UDP", faring_rooms.clients.clock.now_us(), 3, ("INVITE",), "<b>scanner</b>")

    def vitals() -> dict[str, Vitals]:
        return {name: dataclasses.replace(one, strangers=(stranger,)) for name, one in faring_rooms.vitals().items()}

    house.rooms.bringing = BringingRooms(faring_rooms.clients, vitals, faring_rooms.door)
    async with await house.come("supervisor") as client:
        page = (await client.get("/clients")).text
        assert "It answers no re-INVITE." in page and "203.0.113.9" in page and "&lt;b&gt;scanner" in page
        assert "Add a client" not in page  # a supervisor looks
        one = (await client.get("/clients/sbc%201")).text
        assert "It answers no re-INVITE." in one and "12 since signalling began" in one and "Remove" not in one
        told = (await client.get("/api/clients")).json()
        assert told["strangers"][0]["tried"] == ["INVITE"] and told["clients"][0]["seen"]["calls"] == 12


async def test_nobody_may_bring_calls_yet_is_said(house: House) -> None:  # noqa: F811
    async with await house.come("administrator") as client:
        await client.request("DELETE", "/api/clients/sbc%201", params={"by": "Dana", "why": "gone"})
        assert "Nobody may bring calls yet" in (await client.get("/clients")).text


async def test_the_api_adds_proves_and_removes(house: House) -> None:  # noqa: F811
    async with await house.come("administrator") as client:
        added = await client.post("/api/clients", json={**JSON, "digest": "sbc", "password": "correct horse"})
        assert added.status_code == 201 and added.json()["client"]["fingerprint"]
        assert "correct horse" not in added.text
        unproven = await client.post("/api/clients/sbc%201/proofs", json={"call": CALL, "by": "Ann"})
        assert unproven.status_code == 400 and "brought that call" in unproven.json()["detail"]
        again = await client.post("/api/clients/sbc%203/password", json={"password": "another horse"})
        assert again.json()["client"]["fingerprint"] != added.json()["client"]["fingerprint"]
        unknown = await client.post("/api/clients", json={**JSON, "colour": "red"})
        assert unknown.status_code == 400
        gone = await client.request("DELETE", "/api/clients/sbc%203", params={"by": "Dana", "why": "gone"})
        assert gone.status_code == 204
        assert (await client.get("/api/clients/sbc%203")).status_code == 404


async def test_a_program_says_what_a_party_answered_and_nothing_else(house: House) -> None:  # noqa: F811
    door = house.rooms.bringing.door
    assert isinstance(door, OneCall)
    path = f"/api/calls/{UNDER_WAY}/consent"
    async with await house.come("program") as client:
        no = await client.post(path, json={"party": "caller", "answer": "no"})
        assert (no.status_code, no.json()["standing"]) == (202, "refused")
        yes = {"party": "agent", "answer": "yes", "purposes": ["recording"], "how": "said yes to the bot", "told": True}
        assert (await client.post(path, json=yes)).json()["standing"] == "given"
        assert door.said == [
            ConsentSaid("caller", False, (), "not said how", "program"),
            ConsentSaid("agent", True, ("recording",), "said yes to the bot", "program", True),
        ]
        for wrong, status in (
            ({**yes, "purposes": []}, 400),
            ({**yes, "answer": "maybe"}, 400),
            ({**yes, "x": 1}, 400),
        ):
            assert (await client.post(path, json=wrong)).status_code == status
        assert (await client.post("/api/calls/none/consent", json=yes)).status_code == 404
        assert (await client.post(f"/api/calls/{CALL}/consent", json=yes)).status_code == 409
        early = CallRow("early", 1, "in progress", "sales", "")
        house.rooms.catalogue.put("main", early)  # type: ignore[attr-defined]
        answered = await client.post("/api/calls/early/consent", json=yes)
        assert answered.status_code == 404 and "say it again" in answered.json()["detail"]
        door.away = True
        assert (await client.post(path, json=yes)).status_code == 503
        assert (await client.get("/api/calls")).status_code == 403


@pytest.mark.parametrize("role", ["agent", "supervisor"])
async def test_whoever_may_not_say_it_is_not_heard(house: House, role: str) -> None:  # noqa: F811
    async with await house.come(role) as client:
        said = await client.post(f"/api/calls/{UNDER_WAY}/consent", json={"party": "caller", "answer": "no"})
    assert (
        said.status_code == 403
        and isinstance(house.rooms.bringing.door, OneCall)
        and not house.rooms.bringing.door.said
    )
