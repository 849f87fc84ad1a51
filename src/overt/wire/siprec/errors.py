"""What is wrong with a recording client's message: errors where nothing can be read, remarks where it was read anyway.

Sentences are for the engineer who looks after the client. They name elements, labels, lines and sizes, and never what was said
in them: no number, no name.
"""

from __future__ import annotations

from dataclasses import dataclass

from overt.wire.sip.errors import RemoteProtocolError

LONGEST_QUOTE = 48


class BrokenBody(RemoteProtocolError):
    """The body of a message cannot be taken apart. `reason` is a sentence; `status` hints at the answer."""


class BrokenMetadata(RemoteProtocolError):
    """Nothing can be read of the recording metadata. `reason` is a sentence; `status` hints at the answer."""


class ForbiddenMetadata(BrokenMetadata):
    """The metadata has what attacks on XML readers are made of (a document type, entities, depth); none of it is read."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a client sent wrong, though it could be read. `code` is for counting, `sentence` for the engineer."""

    code: str
    sentence: str


def quoted(text: str) -> str:
    """A label, boundary or namespace as it may stand in a sentence: short, and without control characters."""
    clean = "".join(char if char.isprintable() else "?" for char in text[:LONGEST_QUOTE])
    return f"«{clean}{'…' if len(text) > LONGEST_QUOTE else ''}»"
