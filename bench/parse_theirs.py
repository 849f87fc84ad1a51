"""Reads the INVITEs of `parse_made` with sipmessage, in a Python that has it; prints messages per second of processor time."""

from __future__ import annotations

import json
import sys
import time

from sipmessage import Message

from parse_made import invites


def read(received: bytes) -> None:
    """Every header that Overt checks while it reads."""
    one = Message.parse(received)
    _ = (
        one.via,
        one.from_address,
        one.to_address,
        one.call_id,
        one.cseq,
        one.contact,
        one.max_forwards,
        one.record_route,
    )
    _ = (one.route, one.require, one.supported, one.content_type, one.content_length, one.uri)
    _ = (one.headers.get("Session-Expires"), one.headers.get("P-Asserted-Identity"))


def main() -> None:
    """Several times over all of them."""
    messages, rates = invites(int(sys.argv[1])), []
    for way in (Message.parse, read):
        began = time.process_time()
        for one in messages:
            way(one)
        rates.append(len(messages) / (time.process_time() - began))
    print(json.dumps(rates))


if __name__ == "__main__":
    main()
