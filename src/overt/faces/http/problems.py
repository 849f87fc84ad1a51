"""Errors as RFC 9457 problems: one table from what inner rooms raise to a status and a title."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from litestar.exceptions import HTTPException

from overt.domain.errors import BookRefused, NotPermitted, Refused
from overt.ports import NotDurable, Unavailable
from overt.services.accounts import AccountRefused
from overt.services.clients import NoSuchClient
from overt.services.consenting import TooManyYeses
from overt.services.counsel import NoSuchPlace
from overt.services.listening import ListeningOver, NoSuchRecording, NotOpened
from overt.services.publishing import NoSuchVersion
from overt.services.searching import BadCursor
from overt.services.signing_in import SignInRefused, TooManyTries

TYPES = "urn:overt:problem:"
MOST_WRONG = 8  # fields of a body that are named


@dataclass(frozen=True, slots=True)
class Problem:
    """What is said of an error: `kind` ends the problem's type; `detail` says what to do, and holds no content."""

    status: int
    kind: str
    title: str
    detail: str

    def as_json(self) -> dict[str, object]:
        """The members of `application/problem+json`."""
        return {"type": TYPES + self.kind, "title": self.title, "status": self.status, "detail": self.detail}


class NotFound(Refused):
    """Nothing of that name is there, or not for whoever asks."""


class PlayingOver(Refused):
    """A playing that has ended, or was never this person's."""


class RangeWrong(Refused):
    """A range that is not one, or lies outside."""


class BadRequest(Refused):
    """A request that cannot be understood."""


class TooLarge(Refused):
    """A form larger than any of ours."""


class TooManyRehearsals(Refused):
    """As many rehearsals run as this process runs at once."""


class TooManyReconciled(Refused):
    """As many accounts as this process reckons at once are being reckoned."""


class CallOver(Refused):
    """Something is said of a call that is over."""


class NotSignedIn(Refused):
    """Nobody is signed in."""


class Forged(Refused):
    """A request that does not come from our own pages."""


# What is raised → status, kind, title. The first that fits counts.
PROBLEMS: Mapping[type[Exception], tuple[int, str, str]] = {
    NotSignedIn: (401, "not-signed-in", "Sign in first"),
    TooLarge: (413, "too-large", "Too large"),
    Forged: (403, "forged", "Not from our own pages"),
    NotFound: (404, "not-found", "Not there"),
    NoSuchPlace: (404, "not-found", "Not there"),
    NoSuchClient: (404, "not-found", "Not there"),
    NoSuchVersion: (404, "not-found", "Not there"),
    BookRefused: (400, "policy-book", "Not a policy book that can be published"),
    TooManyRehearsals: (429, "too-many-rehearsals", "Too many rehearsals"),
    TooManyReconciled: (429, "too-many-accounts", "Too many accounts at once"),
    NoSuchRecording: (404, "not-found", "Not there"),
    ListeningOver: (410, "playing-over", "This listening has ended"),
    PlayingOver: (410, "playing-over", "This listening has ended"),
    RangeWrong: (416, "range", "Outside the recording"),
    CallOver: (409, "call-over", "That call is over"),
    TooManyYeses: (429, "too-many-yeses", "Too fast"),
    BadRequest: (400, "bad-request", "Not understood"),
    BadCursor: (400, "bad-cursor", "Not a page of ours"),
    TooManyTries: (429, "too-many-tries", "Too many tries"),
    SignInRefused: (403, "sign-in", "Not signed in"),
    AccountRefused: (400, "account", "Not like this"),
    NotPermitted: (403, "forbidden", "You may not"),
    NotOpened: (409, "not-opened", "It was not opened"),
    NotDurable: (503, "not-durable", "The ledger cannot be written"),
    Unavailable: (503, "unavailable", "Something of ours does not answer"),
    Refused: (400, "refused", "Refused"),
}
_HTTP = {400: "Not understood", 403: "You may not", 404: "Not there", 405: "Not that way", 413: "Too large",
         415: "Another type is wanted", 429: "Too fast"}  # fmt: skip


def problem_of(error: Exception) -> Problem:
    """What is said of an error. One that nobody foresaw says nothing of itself."""
    for kind, (status, name, title) in PROBLEMS.items():
        if isinstance(error, kind):
            return Problem(status, name, title, str(error))
    if isinstance(error, HTTPException):
        title = _HTTP.get(error.status_code, "The request was refused")
        return Problem(error.status_code, f"http-{error.status_code}", title, _detail(error))
    return Problem(
        500, "fault", "A fault of ours", "It is in the log of the web process, with the time. Nothing was opened."
    )


def _detail(error: HTTPException) -> str:
    """What the framework says of a request that it refused, with the fields of a body that are not as they should be."""
    if error.status_code >= 500:
        return ""
    extra = error.extra if isinstance(error.extra, list) else []
    wrong = [
        f"{one.get('key', 'the body')}: {one['message']}" for one in extra if isinstance(one, dict) and "message" in one
    ]
    return ". ".join([error.detail, *wrong[:MOST_WRONG]])
