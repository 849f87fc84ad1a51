"""What `overt … --server` does: the same questions, asked of a running server as whoever is signed in there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from overt.adapters.api_client import ApiClient, ServerRefused
from overt.adapters.token_file import keep_token, read_token
from overt.domain.errors import Refused
from overt.ledger.checkpoint import VerifierKey
from overt.ledger.verify import Verdict, verify_ledger

PAGE, ENTRIES = 200, 500
CODE_WANTED = "code"


class SignInUnfinished(Refused):
    """Something has to be done in the console first; the text says what."""


@contextmanager
def connected(server: str) -> Iterator[ApiClient]:
    """A server as whoever is signed in. Raises Refused when nobody is, or not any more."""
    token = read_token(server)
    if not token:
        raise Refused(f"nobody is signed in to {server}; `overt sign-in --server {server}`")
    client = ApiClient(server, token)
    try:
        yield client
    except ServerRefused as refused:
        if refused.status == 401:
            raise Refused(f"the sign-in to {server} is over; `overt sign-in --server {server}`") from refused
        raise
    finally:
        client.close()


def sign_in_to(server: str, name: str, password: str, ask_code: Callable[[], str]) -> Mapping[str, Any]:
    """Sign in and keep the token. `ask_code` is called when a second factor is wanted. Raises Refused, Unavailable."""
    client = ApiClient(server)
    try:
        opened = client.post("/api/sessions", {"name": name, "password": password})
        if opened["stage"] == CODE_WANTED:
            client = ApiClient(server, opened["token"])
            opened = client.post("/api/sessions/code", {"code": ask_code()})
    finally:
        client.close()
    if opened["stage"] != "in":
        raise SignInUnfinished(f"{opened['next']} Do it in the console, at {server}, then sign in here again.")
    keep_token(server, opened["token"])
    return dict(opened)


def sign_out_of(server: str) -> None:
    """Sign out, and forget the token whatever the server says. Raises Refused, Unavailable."""
    try:
        with connected(server) as client:
            client.delete("/api/sessions/current")
    finally:
        keep_token(server, "")


def calls_of(server: str) -> Iterator[Mapping[str, Any]]:
    """Yield every call that the account may see, newest first, page by page."""
    return _paged(server, "calls")


def recordings_of(server: str) -> Iterator[Mapping[str, Any]]:
    """Yield every recording that the account may see, those of the newest calls first, page by page."""
    return _paged(server, "recordings")


def _paged(server: str, what: str) -> Iterator[Mapping[str, Any]]:
    after = ""
    with connected(server) as client:
        while True:
            page = client.get(f"/api/{what}", {"limit": PAGE} | ({"after": after} if after else {}))
            yield from page[what]
            after = page["after"]
            if not after:
                return


def call_of(server: str, call: str) -> Mapping[str, Any]:
    """One call with its verdict and its way."""
    with connected(server) as client:
        return dict(client.get(f"/api/calls/{call}"))


def export_from(server: str, recording: str, purpose: str, document: str, out: Path) -> Mapping[str, str]:
    """Export a recording as WAV; return what the server says of it in its headers."""
    with connected(server) as client:
        asked = {"purpose": purpose, "document": document}
        return client.post_into(f"/api/recordings/{recording}/exports", asked, out)


def verdict_of(
    server: str, against: list[str], key: VerifierKey | None, progress: Callable[[int, int], None]
) -> Verdict:
    """Fetch a server's whole ledger and check it here. Without a `key` of one's own the server's is believed.

    Personal values do not leave the server, so their salted commitments are not checked.
    """
    with connected(server) as client:
        ledger = client.get("/api/ledger")
        size, lines = int(ledger["size"]), list[bytes]()
        while len(lines) < size:
            page = client.get("/api/ledger/entries", {"first": len(lines), "count": ENTRIES})["entries"]
            if not page:
                break
            lines += [one["line"].encode() for one in page]
            progress(len(lines), size)
    known = key or VerifierKey.parse(ledger["verifier_key"])
    return verify_ledger(lines, ledger["checkpoint"], known, None, against)


def ladder_of(server: str, call: str) -> dict[str, Any]:
    """The SIP ladder of a call."""
    with connected(server) as client:
        return dict(client.get(f"/api/calls/{call}/ladder"))


def alarms_of(server: str) -> Sequence[Mapping[str, Any]]:
    """The alarms that are raised."""
    with connected(server) as client:
        return list(client.get("/api/alarms")["alarms"])


def system_of(server: str) -> Mapping[str, Any]:
    """Processes, trunks, lines and the doctor's findings."""
    with connected(server) as client:
        return dict(client.get("/api/system"))
