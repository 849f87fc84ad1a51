"""The session description that a message carries, alone or as one part of several (RFC 5621)."""

from __future__ import annotations

from overt.wire import sdp
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.message import Request, Response
from overt.wire.siprec.multipart import METADATA, SDP, media_type, read_body


def described(message: Request | Response) -> sdp.Description | None:
    """The description that a message carries, None for an empty body and for one that is only recording metadata.

    Raises RemoteProtocolError: 415 for another kind of body, 488 for a description that cannot be read, and what
    `read_body` raises for parts.
    """
    body = message.body
    if not body:
        return None
    kind = media_type(message.get("Content-Type"))
    if kind.startswith("multipart/") or (not kind and body.lstrip().startswith(b"--")):
        found = read_body(message.get("Content-Type"), body).sdp
        return sdp.parse(found) if found is not None else None
    if kind in METADATA:
        return None
    if kind not in ("", SDP):
        raise RemoteProtocolError(f"a body of type {kind}", 415)
    return sdp.parse(body)
