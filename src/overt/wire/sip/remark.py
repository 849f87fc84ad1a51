"""What cannot be read is answered as far as it can be, and told in plain words to the engineer of who sent it.

Sentences name headers and rules, and never what stood in them: no number, no name.
"""

from __future__ import annotations

import re
from binascii import crc32
from collections.abc import Mapping

from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import LARGEST_MESSAGE, METHOD
from overt.wire.sip.headers import CSeq, NameAddress, Via, checked_name
from overt.wire.sip.machine import Peer, Send
from overt.wire.sip.message import Request, respond
from overt.wire.sip.transaction import received_via, reply_to

# What an error means for whoever looks after the sender; "it" is the message.
SENTENCES: Mapping[str, str] = {
    "an INVITE without a Contact": "has no Contact, so that nothing can be sent to it within the call",
    "CSeq goes back": "has a lower CSeq number than one before it in the same call; it was answered with 500",
    "CSeq and request line differ in method": "names one method in its first line and another in its CSeq",
    "malformed CSeq": "has a CSeq that is not a number below 2³¹ and a method",
    "malformed Via": "has a Via that cannot be read, so that nobody knows where answers go",
    "no end of headers": "has no empty line after its headers",
    "a line that does not end with CR and LF": "has a line that does not end with CR and LF",
    "headers are not UTF-8": "has headers that are not UTF-8",
    "the body is shorter than Content-Length": "says a longer Content-Length than its body has: it may have been cut short",
    "malformed Content-Length": "has a Content-Length that is no number",
    "version not supported": "is not SIP/2.0",
    "unknown URI scheme": "calls a URI that is none of sip, sips and tel",
    "malformed URI": "has a URI that cannot be read",
    "unbalanced brackets or quotes": "has an address whose quotes or angle brackets do not match",
    "unbalanced quotes": "has an address whose quotes do not match",
    "an empty or malformed parameter": "has an empty or malformed parameter, as between two semicolons in a row",
    "malformed Session-Expires": "has a Session-Expires that is no number of seconds",
    "not a session description": "has a body that is said to be a session description, and is none",
    "malformed session description": "has a session description that cannot be read",
}
_LINE_END = re.compile(r"\r\n|\r|\n")
_FOLD = re.compile(r"(?:\r\n|\r|\n)[ \t]+")
_KEPT = frozenset({"via", "from", "to", "call-id", "cseq"})


def sentence(what: str, error: RemoteProtocolError) -> str:
    """One sentence about a message: `what` is its method, empty for one whose method nobody can read."""
    named = f"its {what}" if METHOD.fullmatch(what) and len(what) <= 16 else "one of its messages"
    known = SENTENCES.get(error.reason)
    return f"{named} {known}" if known else f"{named} cannot be taken: {error.reason.rstrip('.')}"


def begins_as(datagram: bytes) -> str:
    """The method that a message begins with, `response` for a response, empty when neither can be read."""
    first = datagram.lstrip(b"\r\n")[:64].split(b" ", 1)[0].decode("ascii", "replace")
    if first.upper().startswith("SIP/"):
        return "response"
    return first if METHOD.fullmatch(first) else ""


def salvage(datagram: bytes) -> Request | None:
    """The headers that an answer copies, of a request that cannot be read; None when one of them is missing or malformed.

    Only what §8.2.6 copies is kept, and the Request-URI is not. None too for an ACK, which nobody answers, and for responses.
    """
    head = datagram[:LARGEST_MESSAGE].lstrip(b"\r\n").partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    start, *lines = _LINE_END.split(_FOLD.sub(" ", head))
    method = start.partition(" ")[0]
    if not METHOD.fullmatch(method) or method == "ACK":
        return None
    first: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        low = checked_name(name) if colon else ""
        if low in _KEPT:
            first.setdefault(low, value.strip(" \t"))
    kept = Request(tuple(first.items()), b"", method, "")
    return kept if _answerable(kept) else None


def _answerable(request: Request) -> bool:
    try:
        for value in request.all("Via"):
            Via.parse(value)
        NameAddress.parse(request.get("From"))
        NameAddress.parse(request.get("To"))
        CSeq.parse(request.get("CSeq"))
        return bool(request.via.host and request.call_id)
    except RemoteProtocolError:
        return False


def refusal(datagram: bytes, error: RemoteProtocolError, source: Peer) -> Send | None:
    """The stateless answer to a request that cannot be read (§8.2.7), None when none can be given.

    The tag follows from the headers, so that a repeated request gets the same answer.
    """
    request = salvage(datagram)
    if request is None:
        return None
    tag = f"r{crc32(repr(request.headers).encode()):x}"
    marked = received_via(request, source)
    reason = error.reason if error.reason.isprintable() else ""
    return Send(bytes(respond(marked, error.status, reason=reason, tag=tag)), reply_to(marked, source))
