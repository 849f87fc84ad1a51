"""The door: nobody gets past it but to sign in, nothing changes but from our own pages, and every answer is guarded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from urllib.parse import quote, urlencode

import pytest

from overt.adapters.memory import MemoryClock, MemoryLedger
from overt.adapters.memory_accounts import MemoryAccounts, QuickPasswords
from overt.adapters.sign_in_proofs import TimedCodes
from overt.faces.http.door import COOKIE, LARGEST_BODY, LARGEST_BOOK_FORM, OPEN_PATHS, STAGE_PAGES, STAGE_PATHS, Door
from overt.faces.http.problems import Problem
from overt.faces.http.rooms import Front
from overt.services.accounts import Account, AccountRooms
from overt.services.signing_in import SignedIn, SignInRooms, WebSession, token_hash

ORIGIN = "http://overt.example:8080"
TOKEN, CSRF = "a token", "a csrf"
END = 10**18


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class House:
    """A door in front of an inner app that answers everything, and remembers what it was given."""

    secure: bool = False
    register: MemoryAccounts = field(default_factory=MemoryAccounts)
    reached: list[tuple[str, str, SignedIn | None, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.register.keep(Account("main", "ada", "compliance"))
        rooms = AccountRooms("main", MemoryLedger(), MemoryClock(), self.register, QuickPasswords())
        tokens = count()
        signing = SignInRooms(rooms, self.register, TimedCodes(), lambda: f"t{next(tokens)}", False)
        self.door = Door(self.inner, signing, Front(ORIGIN, self.secure, "main", "1"), self.page)  # type: ignore[arg-type]

    @staticmethod
    def page(problem: Problem) -> bytes:
        """How the door's own errors are drawn."""
        return f"<p>{problem.title}: {problem.detail}".encode()

    async def inner(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        """The whole house behind the door."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.reached.append((scope["method"], scope["path"], scope["state"]["signed"], body))
        headers = [(b"content-type", b"text/plain")]
        if scope["path"] == "/own":
            headers += [(b"Content-Security-Policy", b"default-src 'self'"), (b"cache-control", b"max-age=5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"inside"})

    def signed_in(self, stage: str = "in", token: str = TOKEN) -> None:
        """Let a token be ada's."""
        session = WebSession(token_hash(token), "main", "ada", stage, CSRF, seen_us=END, expires_us=END)  # type: ignore[arg-type]
        self.register.keep_session(session)

    async def ask(
        self, path: str, method: str = "GET", *, headers: Mapping[str, str] | None = None, token: str = "",
        body: bytes | list[bytes] = b"", query: bytes = b"", more: list[tuple[bytes, bytes]] | None = None,
        cut: bool = False,
    ) -> Answer:  # fmt: skip
        """Make a request at the level of ASGI, in which nothing tidies a path up."""
        given = {"host": "overt.example:8080", **(headers or {})}
        if token:
            given["cookie"] = f"theme=dark; {COOKIE}={token}; last=1"
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": quote(path).encode(), "query_string": query,
            "headers": [*((name.encode(), value.encode("latin-1")) for name, value in given.items()), *(more or ())],
            "client": ("192.0.2.1", 1),
        }  # fmt: skip
        parts = body if isinstance(body, list) else [body]
        messages = [
            {"type": "http.request", "body": part, "more_body": cut or n < len(parts)}
            for n, part in enumerate(parts, 1)
        ]
        sent: list[dict[str, object]] = []

        async def receive() -> dict[str, object]:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        await asyncio.wait_for(self.door(scope, receive, send), 5)  # type: ignore[arg-type]
        start, *rest = sent
        found = {name.decode().lower(): value.decode() for name, value in start["headers"]}  # type: ignore[attr-defined]
        assert len(found) == len(start["headers"]), "a header twice"  # type: ignore[arg-type]
        return Answer(start["status"], found, b"".join(one["body"] for one in rest))  # type: ignore[arg-type, misc]


@pytest.fixture
def house() -> House:
    return House()


# ------------------------------------------------------------------------------------------- nobody

INSIDE = ["/", "/calls", "/calls/c1", "/live", "/live/events", "/ledger", "/ledger/leaves", "/system", "/account", "/sign-out",
          "/sign-in/code", "/sign-in/second-factor", "/sign-in/password", "/api", "/api/calls", "/api/sessions/code",
          "/api/recordings/r/playings", "/api/openapi.json", "/schema", "/schema/openapi.json", "/favicon.ico", "/robots.txt"]  # fmt: skip
TRICKS = ["//sign-in", "/sign-in/", "/sign-in/.", "/./sign-in", "/sign-in//", "/SIGN-IN", "/Sign-In", "/sign-in%00", "/sign-in\x00",
          "/sign-in;/calls", "/sign-in/../calls", "/static", "/STATIC/x", "/static/../calls", "/static/../../etc/passwd",
          "/static/./../calls", "/static/x/../../calls", "/static//calls", "/static/..", "/static/.", "/static/", "//static/x",
          "/static/..\\calls", "/static\\..\\calls", "/x/static/y", "/api/sessions/", "/api/sessions/..", "/api//sessions",
          "/calls/static/", "", "sign-in", "*", "/%2e%2e/calls", "/sign-in?x", "/sign-in#x", "/sign-in/x"]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "FOO"])
@pytest.mark.parametrize("path", INSIDE)
async def test_nobody_gets_in(house: House, path: str, method: str) -> None:
    answer = await house.ask(path, method)
    assert house.reached == []
    page = method in ("GET", "HEAD") and not path.startswith("/api") and not path.endswith("/events")
    assert answer.status == (303 if page else 401)
    if page:
        assert answer.headers["location"] == ("/sign-in" if path == "/" else f"/sign-in?next={quote(path, safe='')}")
    else:
        assert answer.headers["www-authenticate"] == 'Bearer realm="overt"'
    json = path.startswith("/api")
    assert page or answer.headers["content-type"].startswith("application/problem+json" if json else "text/html")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", TRICKS)
async def test_no_trick_with_the_path_opens(house: House, path: str, method: str) -> None:
    answer = await house.ask(path, method)
    assert house.reached == [] and answer.status in (303, 401)


@pytest.mark.parametrize("stage", STAGE_PAGES)
@pytest.mark.parametrize("path", [one for one in TRICKS if one])
async def test_no_trick_with_the_path_skips_a_step(house: House, path: str, stage: str) -> None:
    house.signed_in(stage)
    answer = await house.ask(path, token=TOKEN)
    assert house.reached == [] and answer.status in (303, 401)


@pytest.mark.parametrize("path", [*sorted(OPEN_PATHS), "/static/console.css", "/static/a/b.js", "/static/..hidden"])
async def test_nobody_may_sign_in_and_see_what_the_page_is_made_of(house: House, path: str) -> None:
    assert (await house.ask(path)).body == b"inside"
    assert house.reached == [("GET", path, None, b"")]


async def test_where_somebody_wanted_to_go_is_kept_and_cannot_lead_away(house: House) -> None:
    answer = await house.ask("/calls", query=b"state=recorded&find=a%20b")
    assert answer.headers["location"] == "/sign-in?next=%2Fcalls%3Fstate%3Drecorded%26find%3Da%2520b"
    answer = await house.ask("//evil.example/x\r\nset-cookie: a=b", query="ü=\n".encode())
    assert answer.headers["location"].startswith("/sign-in?next=%2F%2Fevil.example")
    assert "\r" not in answer.headers["location"] and "\n" not in answer.headers["location"]


@pytest.mark.parametrize("kind", ["websocket", "other"])
async def test_nothing_but_requests_comes_in(house: House, kind: str) -> None:
    async def never() -> None:
        raise AssertionError

    await house.door({"type": kind, "path": "/calls"}, never, never)  # type: ignore[arg-type, typeddict-item]
    assert house.reached == []


# ------------------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize("cookie", [
    f"{COOKIE}={TOKEN}", f"a=b; {COOKIE}={TOKEN}", f"a=b;{COOKIE}={TOKEN};c=d", f"  {COOKIE}={TOKEN}  ", f"a; ; =; {COOKIE}={TOKEN}",
])  # fmt: skip
async def test_a_cookie_lets_in(house: House, cookie: str) -> None:
    house.signed_in()
    assert (await house.ask("/calls", headers={"cookie": cookie})).status == 200
    assert house.reached[0][2].account.name == "ada"  # type: ignore[union-attr]


@pytest.mark.parametrize("cookie", [
    "", COOKIE, f"{COOKIE}=", f"{COOKIE}={TOKEN}x", f"x{COOKIE}={TOKEN}", f"{COOKIE}x={TOKEN}", f"{COOKIE.upper()}={TOKEN}",
    f"a={COOKIE}={TOKEN}", f"{COOKIE}=\xe9\xff", f"{COOKIE}={token_hash(TOKEN)}", f'{COOKIE}="{TOKEN}"', f"{COOKIE}={TOKEN},x",
    "=" * 5000, ";" * 5000,
])  # fmt: skip
async def test_a_cookie_that_lets_nobody_in(house: House, cookie: str) -> None:
    house.signed_in()
    assert (await house.ask("/calls", headers={"cookie": cookie})).status == 303
    assert house.reached == []


async def test_a_second_cookie_header_is_read_with_the_first(house: House) -> None:
    house.signed_in()
    mine = (b"cookie", f"{COOKIE}={TOKEN}".encode())
    for more in ([mine, (b"cookie", b"a=b")], [(b"cookie", b"a=b"), mine], [(b"Cookie", mine[1])]):
        assert (await house.ask("/calls", more=more)).status == 200


@pytest.mark.parametrize(("header", "status"), [
    (f"Bearer {TOKEN}", 200), (f"bearer {TOKEN}", 200), (f"BEARER   {TOKEN} ", 200), ("Bearer", 401), ("Bearer ", 401), (TOKEN, 401),
    (f"Basic {TOKEN}", 401), (f"Bearer{TOKEN}", 401), ("Bearer \xe9\xff", 401), (f"Token {TOKEN}", 401),
])  # fmt: skip
async def test_a_bearer_token_is_taken_by_its_scheme(house: House, header: str, status: int) -> None:
    house.signed_in()
    answer = await house.ask("/api/calls", "POST", headers={"authorization": header}, body=b'{"a":1}')
    assert answer.status == status and len(house.reached) == (status == 200)


async def test_a_proxys_own_authorization_does_not_shut_the_cookie_out(house: House) -> None:
    house.signed_in()
    assert (await house.ask("/calls", token=TOKEN, headers={"authorization": "Basic YTpi"})).status == 200
    answer = await house.ask("/x", "POST", token=TOKEN, headers={"authorization": "Basic YTpi"})
    assert answer.status == 403 and len(house.reached) == 1


async def test_a_wrong_bearer_does_not_fall_back_to_the_cookie(house: House) -> None:
    house.signed_in()
    answer = await house.ask("/x", "POST", token=TOKEN, headers={"authorization": "Bearer wrong"})
    assert answer.status == 401 and house.reached == []


async def test_whoever_was_signed_out_is_nobody(house: House) -> None:
    house.signed_in()
    house.register.end_sessions("main", "ada")
    assert (await house.ask("/calls", token=TOKEN)).status == 303
    house.signed_in()
    house.register.keep(replace(house.register.find("main", "ada"), state="closed"))  # type: ignore[type-var]
    assert (await house.ask("/calls", token=TOKEN)).status == 303


@pytest.mark.parametrize(("path", "kind"), [("/calls", "text/html"), ("/api/calls", "application/problem+json")])
async def test_a_database_that_is_down_lets_nobody_in(house: House, path: str, kind: str) -> None:
    house.signed_in()
    house.register.down = True
    answer = await house.ask(path, token=TOKEN)
    assert answer.status == 503 and answer.headers["content-type"].startswith(kind) and house.reached == []
    assert (await house.ask("/sign-in")).status == 200


# ------------------------------------------------------------------------------------------- steps


@pytest.mark.parametrize("stage", STAGE_PAGES)
@pytest.mark.parametrize("path", [*INSIDE, *sorted(OPEN_PATHS)])
async def test_a_step_reaches_its_own_pages_only(house: House, path: str, stage: str) -> None:
    house.signed_in(stage)
    for method in ("GET", "POST"):
        house.reached.clear()
        csrf = {"x-overt-csrf": CSRF}
        answer = await house.ask(path, method, token=TOKEN, headers=csrf)
        if path in STAGE_PATHS[stage] or path in OPEN_PATHS:
            assert answer.status == 200 and len(house.reached) == 1
        elif path.startswith("/api"):
            assert answer.status == 401 and house.reached == []
        else:
            assert (answer.status, answer.headers["location"]) == (303, STAGE_PAGES[stage]) and house.reached == []
        bearer = await house.ask(path, method, headers={"authorization": f"Bearer {TOKEN}"})
        assert bearer.status == answer.status


def test_every_step_has_its_page_and_a_way_out() -> None:
    assert set(STAGE_PAGES) == set(STAGE_PATHS)
    for stage, page in STAGE_PAGES.items():
        assert page in STAGE_PATHS[stage] and "/sign-out" in STAGE_PATHS[stage]
        assert all(page not in paths for other, paths in STAGE_PATHS.items() if other != stage)


# ------------------------------------------------------------------------------------------- our own pages

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def test_a_change_carries_its_csrf_in_a_header_or_a_field(house: House) -> None:
    house.signed_in()
    body = urlencode({"name": "x", "csrf": CSRF, "more": "ü"}).encode()
    assert (await house.ask("/x", "POST", token=TOKEN, headers={"x-overt-csrf": CSRF}, body=b"{}")).status == 200
    assert (await house.ask("/x", "POST", token=TOKEN, headers=FORM, body=body)).status == 200
    pieces = [body[:5], b"", body[5:]]
    assert (await house.ask("/x", "DELETE", token=TOKEN, headers=FORM, body=pieces)).status == 200
    assert [one[3] for one in house.reached] == [b"{}", body, body]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "FOO"])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b""), ({}, b"csrf="), ({}, b"csrf=wrong"), ({}, b"Csrf=a+csrf"), ({}, b"\xff\xfe\x00"), ({}, b'{"csrf":"a csrf"}'),
        ({}, "csrf=é".encode()), ({}, b"csrf=%ff%fe"), ({}, b"csrf=%ED%A0%80"), ({}, b"csrf=wrong&csrf=a+csrf"),
        ({"x-overt-csrf": "wrong"}, b"csrf=a+csrf"), ({"x-overt-csrf": "\xe9\xff"}, b""), ({"x-overt-csrf": CSRF + " "}, b""),
        ({"x-overt-csrf": "a"}, b""),
    ],
)  # fmt: skip
async def test_a_change_without_the_right_csrf_is_refused(
    house: House, method: str, headers: dict[str, str], body: bytes
) -> None:
    house.signed_in()
    answer = await house.ask("/api/x", method, token=TOKEN, headers={**FORM, **headers}, body=body)
    assert (
        answer.status == 403 and house.reached == [] and b"forged" in answer.body and CSRF.encode() not in answer.body
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_to_look_takes_no_csrf(house: House, method: str) -> None:
    house.signed_in()
    assert (await house.ask("/x", method, token=TOKEN, headers={"sec-fetch-site": "cross-site"})).status == 200


@pytest.mark.parametrize("path", ["/x", *sorted(OPEN_PATHS)])
@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True), ({"origin": ORIGIN}, True), ({"sec-fetch-site": "same-origin"}, True), ({"sec-fetch-site": "none"}, True),
        ({"origin": ORIGIN, "sec-fetch-site": "same-origin"}, True),
        ({"origin": "http://127.0.0.1:8080", "host": "127.0.0.1:8080"}, True),
        ({"origin": "http://evil.example"}, False), ({"origin": "null"}, False), ({"origin": ORIGIN + ".evil.example"}, False),
        ({"origin": ORIGIN.replace("http", "https")}, False), ({"origin": ORIGIN.replace("8080", "80")}, False),
        ({"origin": ORIGIN.upper()}, False), ({"origin": "\xe9"}, False),
        ({"sec-fetch-site": "cross-site"}, False), ({"sec-fetch-site": "same-site"}, False), ({"sec-fetch-site": "nonsense"}, False),
        ({"origin": ORIGIN, "sec-fetch-site": "cross-site"}, False),
    ],
)  # fmt: skip
async def test_a_change_that_another_sites_page_makes_is_refused(
    house: House, path: str, headers: dict[str, str], ours: bool
) -> None:
    house.signed_in()
    answer = await house.ask(path, "POST", token=TOKEN, headers={"x-overt-csrf": CSRF, **headers})
    assert answer.status == (200 if ours else 403) and len(house.reached) == ours


async def test_a_form_is_as_large_as_it_may_be_and_no_larger(house: House) -> None:
    house.signed_in()
    field = b"csrf=a+csrf&x="
    fits = field + b"x" * (LARGEST_BODY - len(field))
    assert (await house.ask("/x", "POST", token=TOKEN, headers=FORM, body=fits)).status == 200
    for body in (fits + b"x", [fits, b"x"], [b"x" * 1000] * 1000):
        answer = await house.ask("/x", "POST", token=TOKEN, headers=FORM, body=body)
        assert answer.status == 413 and len(house.reached) == 1


async def test_the_form_of_a_policy_book_may_be_larger_and_nothing_else(house: House) -> None:
    house.signed_in()
    field = b"csrf=a+csrf&text="
    book = field + b"x" * (LARGEST_BOOK_FORM - len(field))
    assert (await house.ask("/policies/edit", "POST", token=TOKEN, headers=FORM, body=book)).status == 200
    assert (await house.ask("/policies/edit", "POST", token=TOKEN, headers=FORM, body=book + b"x")).status == 413
    for path in ("/policies", "/law", "/policiesx/edit", "/sign-out"):
        assert (await house.ask(path, "POST", token=TOKEN, headers=FORM, body=book)).status == 413, path


async def test_a_form_with_a_file_carries_its_csrf_first(house: House) -> None:
    house.signed_in()
    headers = {**FORM, "content-type": "multipart/form-data; boundary=x"}

    def form(*parts: bytes) -> bytes:
        return b"".join(b"--x\r\nContent-Disposition: form-data; " + one + b"\r\n" for one in parts) + b"--x--\r\n"

    token, cdr = b'name="csrf"\r\n\r\n' + CSRF.encode(), b'name="cdr"; filename="a.csv"\r\n\r\n'
    assert (
        await house.ask("/accounting", "POST", token=TOKEN, headers=headers, body=form(token, cdr + b"1,2"))
    ).status == 200
    for wrong in (form(cdr), form(token + b"x", cdr), form(cdr + b"x" * 5000, token)):
        assert (await house.ask("/accounting", "POST", token=TOKEN, headers=headers, body=wrong)).status == 403
    large = form(token, cdr + b"x" * 200_000)
    assert (await house.ask("/accounting", "POST", token=TOKEN, headers=headers, body=large)).status == 200
    for path in ("/accounting/x", "/calls"):
        assert (await house.ask(path, "POST", token=TOKEN, headers=headers, body=large)).status == 413


async def test_a_request_that_is_cut_short_reaches_nothing(house: House) -> None:
    house.signed_in()
    for body in ([], [b"csrf=a+csrf"]):
        answer = await house.ask("/x", "POST", token=TOKEN, headers=FORM, body=body, cut=True)
        assert answer.status == 403 and house.reached == []


# ------------------------------------------------------------------------------------------- every answer


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize(
    ("path", "method", "signed", "status"),
    [
        ("/calls", "GET", True, 200), ("/calls", "HEAD", True, 200), ("/calls", "GET", False, 303), ("/api/calls", "GET", False, 401),
        ("/x", "POST", True, 403), ("/sign-in", "GET", False, 200), ("/sign-in", "HEAD", False, 200), ("/static/x.css", "GET", False, 200),
    ],
)  # fmt: skip
async def test_every_answer_carries_our_headers(
    path: str, method: str, signed: bool, status: int, secure: bool
) -> None:
    house = House(secure=secure)
    house.signed_in()
    answer = await house.ask(path, method, token=TOKEN if signed else "")
    assert answer.status == status
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy and "form-action 'self'" in policy and "*" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "microphone=()" in answer.headers["permissions-policy"]
    assert ("strict-transport-security" in answer.headers) == secure
    assert answer.headers.get("cache-control") == (None if path.startswith("/static/") else "no-store")


async def test_a_page_may_say_more_of_itself(house: House) -> None:
    house.signed_in()
    answer = await house.ask("/own", token=TOKEN)
    assert answer.headers["content-security-policy"] == "default-src 'self'"
    assert answer.headers["cache-control"] == "max-age=5" and answer.headers["x-frame-options"] == "DENY"


async def test_the_doors_own_answers_have_their_length(house: House) -> None:
    for path in ("/calls", "/api/calls", "/live/events"):
        answer = await house.ask(path)
        assert int(answer.headers["content-length"]) == len(answer.body)
