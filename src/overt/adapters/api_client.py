"""A running server's API as the command line calls it: HTTP with a token, problems as refusals, sound into a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import httpx

from overt.domain.errors import Refused
from overt.ports import Unavailable

TIMEOUT_S = 30.0
_Params = Mapping[str, str | int]


class ServerRefused(Refused):
    """The server answered with a problem (RFC 9457); the text is its own. `status` is HTTP's."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class ApiClient:
    """One server, one token. Every method raises ServerRefused, or Unavailable when the server cannot be reached."""

    def __init__(self, origin: str, token: str = "", transport: httpx.BaseTransport | None = None) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._origin = origin.rstrip("/")
        self._http = httpx.Client(
            base_url=self._origin, headers=headers, timeout=TIMEOUT_S, transport=transport, follow_redirects=False
        )

    def get(self, path: str, params: _Params | None = None) -> Any:
        """The JSON of a GET."""
        with self._reached():
            return _json(self._http.get(path, params=params or {}))

    def octets(self, path: str, params: _Params | None = None) -> bytes:
        """The bytes of a GET."""
        with self._reached():
            return _good(self._http.get(path, params=params or {})).content

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON of a POST."""
        with self._reached():
            return _json(self._http.post(path, json=dict(body)))

    def delete(self, path: str) -> None:
        """Delete something."""
        with self._reached():
            _good(self._http.delete(path))

    def post_into(self, path: str, body: Mapping[str, Any], out: Path) -> Mapping[str, str]:
        """Write what a POST answers into a file (mode 0600), which appears whole or not at all; return the headers."""
        writing = out.with_name(f".{out.name}.{os.getpid()}")
        try:
            with self._reached(), self._http.stream("POST", path, json=dict(body)) as answer:
                if answer.is_error:
                    answer.read()
                _good(answer)
                handle = os.open(writing, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                with os.fdopen(handle, "wb") as file:
                    for piece in answer.iter_bytes():
                        file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())
                writing.replace(out)
                return dict(answer.headers)
        except OSError as error:
            raise Unavailable("export", f"{error.strerror}: {out}", retry=False) from error
        finally:
            writing.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise Unavailable("server", f"{self._origin} cannot be reached: {error}") from error


def _json(answer: httpx.Response) -> Any:
    try:
        return _good(answer).json()
    except ValueError as error:
        raise Unavailable("server", "it does not answer as Overt does: is this its address?", retry=False) from error


def _good(answer: httpx.Response) -> httpx.Response:
    if answer.is_redirect:
        raise Unavailable("server", f"it sends elsewhere ({answer.headers.get('location', '')[:80]})", retry=False)
    if answer.is_error:
        _refused(answer)
    return answer


def _refused(answer: httpx.Response) -> NoReturn:
    try:
        problem = answer.json()
        why = f"{problem['title']}: {problem['detail']}" if problem.get("detail") else str(problem["title"])
    except (ValueError, KeyError, TypeError, AttributeError):
        why = f"the server answered {answer.status_code}"
    if answer.status_code >= 500:
        raise Unavailable("server", why)
    raise ServerRefused(answer.status_code, why)
