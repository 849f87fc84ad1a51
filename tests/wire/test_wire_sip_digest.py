"""Digest: the examples of RFC 7616, both roles against one another, and everything that must not prove anybody."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt.wire.sip import digest
from overt.wire.sip.digest import ALGORITHMS, Algorithm, Challenge, Credentials, Nonces, Verdict
from overt.wire.sip.errors import RemoteProtocolError

REALM, USER, PASSWORD, URI = "overt", "pbx-7", "pâss: word", "sip:+14045550100@192.0.2.1"
KEY = bytes(range(32))
SECOND = 1_000_000_000
SECRETS: dict[Algorithm, str] = {one: digest.ha1(one, USER, REALM, PASSWORD) for one in ALGORITHMS}


def answered(nonces: Nonces, now: int, *, password: str = PASSWORD, count: int = 1, uri: str = URI) -> Credentials:
    """What a peer answers to our challenges, as we read it."""
    asked = digest.challenges(REALM, nonces.fresh("salt", now), ("SHA-256", "MD5"))
    (given_,) = digest.answers(asked, "INVITE", uri, USER, password, "cnonce", count)
    return Credentials.parse(given_)


def verdict(credentials: Credentials, nonces: Nonces, now: int, *, uri: str = URI, method: str = "INVITE") -> Verdict:
    return digest.verify(credentials, method, uri, REALM, SECRETS, nonces, now)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: Algorithm, response: str) -> None:
    asked = (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    (given_,) = digest.answers([asked], "GET", "/dir/index.html", "Mufasa", "Circle of Life", cnonce)
    assert f'response="{response}"' in given_ and "nc=00000001" in given_ and "opaque=" in given_


def test_the_example_of_rfc_2617_with_sha_512_256_told_apart() -> None:
    assert digest.ha1("MD5", "Mufasa", "testrealm@host.com", "Circle Of Life") == "939e7578ed9e3c518a452acee763bce9"
    assert len(digest.ha1("SHA-512-256", "a", "b", "c")) == 64 and digest.ha1(
        "SHA-512-256", "a", "b", "c"
    ) != digest.ha1("SHA-256", "a", "b", "c")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_who_knows_the_password_is_known_by_each_algorithm(algorithm: Algorithm) -> None:
    nonces = Nonces(KEY)
    asked = digest.challenges(REALM, nonces.fresh("s", 5), [algorithm])
    (given_,) = digest.answers(asked, "INVITE", URI, USER, PASSWORD, "c")
    assert verdict(Credentials.parse(given_), nonces, 6) == "good"


def test_the_strongest_algorithm_stands_first_and_is_answered() -> None:
    asked = digest.challenges(REALM, "n", ("MD5", "SHA-256"), stale=True)
    assert ["SHA-256" in one for one in asked] == [True, False] and all("stale=true" in one for one in asked)
    (given_,) = digest.answers(asked, "INVITE", URI, USER, PASSWORD, "c")
    assert Credentials.parse(given_).algorithm == "SHA-256"


def test_a_client_answers_each_realm_once_and_passes_over_what_it_cannot_do() -> None:
    asked = [
        'Digest realm="a", nonce="1", algorithm=SHA-1024', "Basic realm=x", 'Digest realm="a", nonce="2", qop="auth-int"',
        'Digest realm="a"', 'Digest realm="a", realm="b", nonce="3"', 'Digest realm="a", nonce="4"',
        'Digest realm="a", nonce="5", qop="auth"', 'Digest realm="b", nonce="6", qop="auth", stale=TRUE',
    ]  # fmt: skip
    given_ = [Credentials.parse(one) for one in digest.answers(asked, "INVITE", URI, USER, PASSWORD, "c")]
    assert [(one.realm, one.nonce, one.qop) for one in given_] == [("a", "4", ""), ("b", "6", "auth")]
    assert given_[0].cnonce == "" and digest.answers(["Basic x"], "INVITE", URI, USER, PASSWORD, "c") == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"response": "0" * 64}, {"username": "else"}, {"uri": "sip:+1900@192.0.2.1"}, {"algorithm": "MD5"}, {"qop": ""},
        {"realm": "else"}, {"count": 2}, {"cnonce": "else"}, {"nonce": "else"},
    ],
)  # fmt: skip
def test_what_is_changed_on_the_way_proves_nobody(changed: dict[str, object]) -> None:
    nonces = Nonces(KEY)
    credentials = replace(answered(nonces, 0), **changed)  # type: ignore[arg-type]
    expected: Verdict = "good" if "username" in changed else "wrong"
    assert verdict(credentials, nonces, 1) == expected  # whose secrets are asked for is the caller's matter


def test_other_methods_other_numbers_and_unknown_people_are_wrong() -> None:
    nonces = Nonces(KEY)
    assert verdict(answered(nonces, 0), nonces, 1, method="BYE") == "wrong"
    assert verdict(answered(nonces, 0), nonces, 1, uri="sip:+1900@192.0.2.1") == "wrong"
    assert verdict(answered(nonces, 0, uri="sip:h"), nonces, 1, uri="sip:h2") == "wrong"
    assert verdict(answered(nonces, 0, uri="no uri"), nonces, 1) == "wrong"
    assert verdict(answered(nonces, 0, password="x"), nonces, 1) == "wrong"
    assert digest.verify(answered(nonces, 0), "INVITE", URI, REALM, {}, nonces, 1) == "wrong"
    rewritten = "sip:+14045550100@proxy.example;transport=tcp"
    assert verdict(answered(nonces, 0), nonces, 1, uri=rewritten) == "good"


def test_nonces_age_and_are_ours_alone() -> None:
    nonces = Nonces(KEY, lifetime=10 * SECOND)
    late, other = answered(nonces, 0), answered(Nonces(b"other key"), 0)
    assert verdict(late, nonces, 10 * SECOND + 1) == "stale" and verdict(other, nonces, 1) == "stale"
    assert nonces.spend("", 1, 0) == "stale" and nonces.spend("é-ü", 1, 0) == "stale"
    assert nonces.spend(nonces.fresh("s", 5), 1, 4) == "stale"  # made in the future: the clock of another process


def test_a_count_is_used_once_in_whatever_order_it_comes() -> None:
    nonces = Nonces(KEY)
    nonce = nonces.fresh("s", 0)
    assert [nonces.spend(nonce, count, 1) for count in (1, 1, 3, 2, 2, 3)] == [
        "good", "replayed", "good", "good", "replayed", "replayed",
    ]  # fmt: skip
    assert nonces.spend(nonce, 1000, 1) == "good" and nonces.spend(nonce, 900, 1) == "replayed"
    assert nonces.spend(nonce, 999, 1) == "good"


@given(st.lists(st.integers(1, 200), max_size=60))
def test_no_count_is_ever_good_twice(counts: list[int]) -> None:
    nonces, good = Nonces(KEY), []
    nonce = nonces.fresh("s", 0)
    for count in counts:
        if nonces.spend(nonce, count, 1) == "good":
            good.append(count)
    assert len(good) == len(set(good)) and (not counts or counts[0] in good)


def test_what_is_kept_of_nonces_is_bounded_and_what_was_forgotten_cannot_be_replayed() -> None:
    nonces = Nonces(KEY)
    made = [nonces.fresh("s", at) for at in range(digest.MOST_SPENT + 1)]
    now = len(made)
    assert {nonces.spend(one, 1, now) for one in made} == {"good"}
    assert {nonces.spend(one, 1, now) for one in made} == {"stale", "replayed"}
    assert nonces.spend(made[0], 2, now) == "stale" and nonces.spend(made[-1], 2, now) == "good"
    old = Nonces(KEY, lifetime=10)
    for at in range(digest.MOST_SPENT + 1):
        assert old.spend(old.fresh("s", at), 1, at) == "good"
    assert old.spend(old.fresh("t", digest.MOST_SPENT - 1), 1, digest.MOST_SPENT) == "good"


@pytest.mark.parametrize(
    "text",
    [
        "", "Digest", "Basic abc", 'Digest username="a", realm="b", nonce="c", uri="d"',
        'Digest username="a", realm="b", nonce="c", uri="d", response="e", algorithm=SHA-1',
        'Digest username="a", realm="b", nonce="c", uri="d", response="e", qop=auth-int',
        'Digest username="a", realm="b", nonce="c", uri="d", response="e", nc=zz',
        'Digest username="a", username="b", realm="b", nonce="c", uri="d", response="e"',
    ],
)  # fmt: skip
def test_credentials_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Credentials.parse(text)


WORDS = (
    st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)


@given(WORDS, WORDS, WORDS, WORDS, st.sampled_from(list(ALGORITHMS)), st.integers(1, 2**32 - 1), WORDS, st.booleans())
def test_what_is_written_is_read_back(
    username: str, realm: str, nonce: str, uri: str, algorithm: Algorithm, count: int, word: str, opaque: bool
) -> None:
    written = Credentials(username, realm, nonce, uri, "ab", algorithm, "auth", word, count, word if opaque else "")
    assert Credentials.parse(str(written)) == written
    asked = Challenge(realm, nonce, algorithm, "auth" if opaque else "", word if opaque else "", stale=opaque)
    assert Challenge.parse(str(asked)) == asked


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading(text: str) -> None:
    for read in (Credentials.parse, Challenge.parse):
        with contextlib.suppress(RemoteProtocolError):
            read(f"Digest {text}")
