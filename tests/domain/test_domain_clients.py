"""Clients: read from fields, told apart, and found by what they show. Every refusal is a sentence."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.domain.client_fields import BEFORE, FIELDS, FORM_WORDS, SRTP, client_of, fields_of, reason_of
from overt.domain.client_reach import AddressTable, clash, fits, network_of, shown
from overt.domain.clients import Attestation, Client
from overt.domain.errors import ClientRefused
from overt.domain.law.demand import Demand
from overt.domain.law.model import PURPOSES

PRINT = "SHA256:" + ":".join(["AB"] * 32)
LEAST: dict[str, Any] = {"name": "sbc 1", "mode": "siprec", "address": ["192.0.2.7"]}


def made(**fields: Any) -> Client:
    """The client of the least fields and these."""
    return client_of({**LEAST, **fields})


def test_what_is_left_out_has_its_default() -> None:
    assert made() == Client("sbc 1", "siprec", ("192.0.2.7",))
    assert client_of({"name": "t", "address": ("10.0.0.0/24",)}).mode == "gateway"


def test_every_field_is_read() -> None:
    client = made(
        address=["192.0.2.7", "::ffff:192.0.2.7", "2001:DB8::/48"], certificate=PRINT, digest="sbc-1",
        attest=["transcription", "recording", "telling"], form="notice", by=" Dana  Wu ", why="contract 7 ",
        before="inactive", digits=True, answer_s=30, replays=True, line="support", agents=["+1 (404) 555-0100", "PBX.example", "42"],
        place="US-GA", srtp="required",
    )  # fmt: skip
    attested = Attestation("Dana Wu", "contract 7", ("recording", "transcription"), "notice_then_continue")
    assert client == Client(
        "sbc 1", "siprec", ("192.0.2.7", "2001:db8::/48"), "sha256:" + "ab" * 32, "sbc-1", "US-GA", "support",
        ("+14045550100", "pbx.example", "42"), attested, "inactive", True, 30, True, "required",
    )  # fmt: skip


def test_telling_alone_says_nothing_of_consent() -> None:
    attested = made(attest=["telling"], by="Dana", why="heard it").attestation
    assert attested is not None and attested.purposes == ()
    demand = Demand("all-party", frozenset(("express_opt_in",)))
    assert not attested.covers("recording", demand)
    assert Attestation("d", "w", ("recording",)).covers("recording", demand)
    assert not Attestation("d", "w", ("recording",), "notice_then_continue").covers("recording", demand)
    assert not Attestation("d", "w", ("recording",)).covers("monitoring", demand)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"nmae": "x"}, "a client has no field nmae; it has name, mode, address"),
        ({"name": ""}, "name: 1 to 64 characters"),
        ({"name": "a/b"}, "without a slash"),
        ({"name": "x" * 65}, "1 to 64"),
        ({"name": "a\x1bb"}, "control character"),
        ({"name": 7}, "name is text, not 7"),
        ({"mode": "srs"}, "mode: one of gateway, siprec, not srs"),
        ({"address": "192.0.2.7"}, "address is a list"),
        ({"address": ["192.0.2.7/24"]}, "did you mean 192.0.2.0/24?"),
        ({"address": ["sbc.example"]}, "is no address, and no network; write it as"),
        ({"address": ["224.0.0.1"]}, "nobody sends from 224.0.0.1"),
        ({"address": ["0.0.0.0"]}, "nobody sends from 0.0.0.0"),
        ({"address": ["0.0.0.0/0"]}, "0.0.0.0/0 is too wide to know a client by"),
        ({"address": ["10.0.0.0/15"]}, "too wide"),
        ({"address": ["2001:db8::/31"]}, "too wide"),
        ({"address": []}, "say by what the client is known"),
        ({"address": ["192.0.2.7"] * 65}, "address has at most 64 entries"),
        ({"certificate": "sha256:ab"}, "64 hexadecimal digits"),
        ({"certificate": "-x-"}, "name the certificate as"),
        ({"digest": "a:b"}, "make a user name"),
        ({"attest": ["all"]}, "attest: one of telling, recording, monitoring"),
        ({"attest": ["recording"]}, "say who signs for it"),
        ({"attest": ["recording"], "by": "D"}, "say why"),
        ({"attest": ["recording"], "by": "D", "why": "w", "form": "tone"}, "form: one of opt-in, notice, not tone"),
        ({"attest": ["telling"], "by": "D", "why": "w", "form": "notice"}, "says nothing of consent"),
        ({"form": "notice"}, "attest says to what"),
        ({"before": "drop"}, "before: one of receive-and-drop, inactive"),
        ({"mode": "gateway", "before": "inactive"}, "before is for recording clients"),
        ({"mode": "gateway", "digits": True}, "digits is for recording clients"),
        ({"mode": "gateway", "replays": True}, "replays is for recording clients"),
        ({"answer_s": 4, "digits": True}, "answer_s is a whole number of seconds, 5 to 600"),
        ({"answer_s": 601, "digits": True}, "5 to 600"), ({"answer_s": True, "digits": True}, "5 to 600"),
        ({"answer_s": 30}, "say digits too"),
        ({"digits": "yes"}, "digits is true or false"),
        ({"agents": ["not a host"]}, "is no number and no domain"),
        ({"place": "Georgia"}, "as US-GA or DE"),
        ({"srtp": "yes"}, "srtp: one of off, optional, required"),
        ({"line": "x" * 301}, "line is too long"),
    ],
)  # fmt: skip
def test_what_will_not_do_is_refused_with_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ClientRefused) as refused:
        made(**fields)
    assert sentence in str(refused.value)


def test_a_wide_network_beside_a_certificate_or_a_digest_knows_somebody() -> None:
    assert made(address=["0.0.0.0/0"], certificate="sbc.example.").certificate == "sbc.example"
    assert made(address=["10.0.0.0/16"]).addresses == ("10.0.0.0/16",)
    assert made(address=["::/0"], digest="sbc").addresses == ("::/0",)
    assert network_of("::ffff:10.1.0.0/112") == ip_network("10.1.0.0/16")


@pytest.mark.parametrize(
    ("by", "why"),
    [("", "w"), ("42", "w"), ("D", "…"), ("D" * 301, "w"), ("D", "w" * 2001), ("D\x07", "w"), ("D", "w\x9b")],
)
def test_nobody_signs_for_nothing(by: str, why: str) -> None:
    with pytest.raises(ClientRefused):
        reason_of(by, why)
    assert reason_of(" Dana\nWu ", "a\nb") == ("Dana Wu", "a\nb")


words = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12).map(str.strip)
networks = st.one_of(
    st.ip_addresses(v=4).map(ip_network),
    st.tuples(st.ip_addresses(v=4), st.integers(16, 32)).map(lambda one: ip_network(one, strict=False)),
    st.tuples(st.ip_addresses(v=6), st.integers(32, 128)).map(lambda one: ip_network(one, strict=False)),
).filter(lambda one: not (one.is_multicast or one.network_address.is_unspecified or "ffff:" in str(one)))


@st.composite
def clients(draw: st.DrawFn) -> Client:
    """Any client that may be added."""
    purposes = tuple(one for one in PURPOSES if draw(st.booleans()))
    form = draw(st.sampled_from(list(FORM_WORDS.values()))) if purposes else "express_opt_in"
    attested = draw(
        st.none() | st.builds(Attestation, words.map(lambda one: f"x{one}"), words, st.just(purposes), st.just(form))
    )
    mode = draw(st.sampled_from(["gateway", "siprec"]))
    siprec = mode == "siprec"
    digits = siprec and draw(st.booleans())
    return Client(
        draw(words), mode, tuple(dict.fromkeys(map(shown, draw(st.lists(networks, min_size=1, max_size=3))))),  # type: ignore[arg-type]
        draw(st.sampled_from(["", "sbc.example", "sha256:" + "0f" * 32])), draw(st.just("") | words), "DE", draw(words),
        tuple(dict.fromkeys(draw(st.lists(st.sampled_from(["+4930", "pbx.example", "7"]))))), attested,
        draw(st.sampled_from(BEFORE)) if siprec else "receive-and-drop",  # type: ignore[arg-type]
        digits, draw(st.integers(5, 600)) if digits else 60, siprec and draw(st.booleans()), draw(st.sampled_from(SRTP)),  # type: ignore[arg-type]
    )  # fmt: skip


@given(clients())
def test_a_client_and_its_fields_say_the_same(client: Client) -> None:
    fields = fields_of(client)
    assert set(fields) == set(FIELDS)
    assert client_of(fields) == client


@given(clients(), clients())
def test_a_clash_is_the_same_both_ways_and_keeps_addresses_apart(one: Client, other: Client) -> None:
    assert bool(clash(one, [other])) == bool(clash(other, [one]))
    assert clash(one, [one]) and not clash(one, [])
    if not clash(one, [other]):
        table = AddressTable([one, other])
        for client in (one, other):
            for address in client.addresses:
                assert table.at(str(network_of(address).network_address)) is client


def test_a_clash_says_what_with_whom() -> None:
    known = made(name="a", certificate="sbc.example", digest="u")
    assert clash(made(name="a"), [known]) == "there is a client a already"
    assert clash(made(), [known]) == "192.0.2.7 belongs to the client a; an address belongs to one client only"
    assert clash(made(address=["192.0.2.0/28"]), [known]).startswith("192.0.2.0/28 (it overlaps 192.0.2.7) belongs")
    assert "certificate sbc.example" in clash(made(address=[], certificate="sbc.example"), [known])
    assert "user name u already" in clash(made(address=[], digest="u"), [known])
    assert not clash(made(address=["192.0.2.8", "::1"]), [known])


def test_who_shows_all_that_is_set_is_the_client() -> None:
    client = made(address=["192.0.2.0/24"], certificate="sbc.example", digest="u")
    assert fits(client, "192.0.2.9", {"sbc.example"}, "u")
    assert fits(client, "::ffff:192.0.2.9", {"sbc.example"}, "u")
    assert not fits(client, "192.0.3.9", {"sbc.example"}, "u")
    assert not fits(client, "192.0.2.9", {"evil.example"}, "u")
    assert not fits(client, "192.0.2.9", {"sbc.example"}, "")
    assert not fits(client, "no address", {"sbc.example"}, "u")
    assert not fits(Client("nobody"), "192.0.2.9")
    assert fits(made(), "192.0.2.7") and not fits(made(), "192.0.2.8")
    assert AddressTable([made(address=["fe80::1"])]).at("fe80::1%eth0") is not None
    assert AddressTable([made()]).at("::1") is None
