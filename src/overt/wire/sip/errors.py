"""Who erred: the other side (RemoteProtocolError, with the status to answer with) or we (LocalProtocolError)."""

from __future__ import annotations


class ProtocolError(Exception):
    """Root of both."""


class RemoteProtocolError(ProtocolError):
    """The other side sent something wrong. `status` hints at the answer; `reason` is for its phrase."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


class LocalProtocolError(ProtocolError):
    """We tried something that the protocol does not allow now."""
