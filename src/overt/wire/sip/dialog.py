"""Dialogs (RFC 3261 §12): who speaks with whom, by which route, with which numbers. Values; restorable from JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.headers import CSeq, NameAddress
from overt.wire.sip.message import Headers, Request, Response
from overt.wire.sip.uri import Uri


@dataclass(frozen=True, slots=True)
class Dialog:
    """One dialog. `local` and `remote` are From/To values with their tags; `routes` the route set in order."""

    call_id: str
    local: str
    remote: str
    target: str
    routes: tuple[str, ...]
    local_number: int
    remote_number: int = -1

    @classmethod
    def of_server(cls, request: Request, tag: str) -> Dialog:
        """The dialog that our 2xx to an INVITE makes (§12.1.1). Raises RemoteProtocolError without a Contact."""
        contact = request.contact
        if contact is None:
            raise RemoteProtocolError("an INVITE without a Contact")
        local = str(request.to.tagged(tag))
        routes = tuple(request.all("Record-Route"))
        return cls(request.call_id, local, str(request.from_), str(contact.uri), routes, 0, request.cseq.number)

    @classmethod
    def of_client(cls, request: Request, response: Response) -> Dialog:
        """The dialog that a 1xx with a tag, or a 2xx, to our INVITE makes (§12.1.2)."""
        contact = response.contact
        target = str(contact.uri) if contact is not None else request.uri
        routes = tuple(reversed(response.all("Record-Route")))
        return cls(
            request.call_id, request.get("From"), response.get("To"), target, routes, request.cseq.number
        )  # fmt: skip

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return NameAddress.parse(self.local).tag

    @property
    def remote_tag(self) -> str:
        """Their tag."""
        return NameAddress.parse(self.remote).tag

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells it apart (§12): Call-ID, our tag, their tag."""
        return self.call_id, self.local_tag, self.remote_tag

    def taking(self, request: Request) -> Dialog:
        """The dialog after a request of theirs. Raises RemoteProtocolError (500) for a number that goes back (§12.2.2)."""
        number = request.cseq.number
        if number < self.remote_number:
            raise RemoteProtocolError("CSeq goes back", 500)
        return replace(self, remote_number=number)

    def retargeted(self, message: Request | Response) -> Dialog:
        """The dialog with the target that the Contact of an INVITE or UPDATE names, or of its 2xx (§12.2)."""
        contact = message.contact
        return replace(self, target=str(contact.uri)) if contact is not None else self

    def next_number(self) -> Dialog:
        """The dialog with our next sequence number."""
        return replace(self, local_number=self.local_number + 1)

    def request(
        self, method: str, via: str, *, number: int | None = None, headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Request:  # fmt: skip
        """A request within the dialog (§12.2.1.1). `number` is the INVITE's for its ACK, ours else."""
        uri, routes = self.target, list(self.routes)
        if routes and "lr" not in NameAddress.parse(routes[0]).uri.parameters:
            uri, routes = str(NameAddress.parse(routes[0]).uri), [*routes[1:], f"<{self.target}>"]
        cseq = str(CSeq(self.local_number if number is None else number, method))
        fixed: Headers = (
            ("Via", via), ("Max-Forwards", "70"), *(("Route", route) for route in routes), ("From", self.local),
            ("To", self.remote), ("Call-ID", self.call_id), ("CSeq", cseq), *headers,
        )  # fmt: skip
        return Request(fixed, body, method, uri)

    @property
    def next_hop(self) -> tuple[str, int]:
        """Host and port to which requests go: the first route, else the target."""
        uri = NameAddress.parse(self.routes[0]).uri if self.routes else Uri.parse(self.target)
        return uri.address

    def as_json(self) -> dict[str, Any]:
        """The dialog as plain JSON, for a successor process."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Dialog:
        """The inverse of `as_json`."""
        return cls(**{**kept, "routes": tuple(kept["routes"])})
