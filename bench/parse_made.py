"""INVITEs of about 900 bytes as a trunk sends them, each with its own numbers, tags and branches, none like another."""

from __future__ import annotations

from random import Random

SDP = (
    "v=0\r\no=- {port} 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"
)
INVITE = (
    "INVITE sip:{callee}@gw.example.net:5060;transport=udp SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{branch};rport\r\n"
    "Record-Route: <sip:198.51.100.7;lr>\r\n"
    "Route: <sip:gw.example.net;lr>\r\n"
    "Max-Forwards: 69\r\n"
    'From: "{name}" <sip:{caller}@carrier.example>;tag={tag}\r\n'
    "To: <sip:{callee}@gw.example.net>\r\n"
    "Call-ID: {call}@198.51.100.7\r\n"
    "CSeq: {number} INVITE\r\n"
    "Contact: <sip:{caller}@198.51.100.7:5060;transport=udp>\r\n"
    "P-Asserted-Identity: <sip:{caller}@carrier.example>\r\n"
    "User-Agent: Example SBC 9.2\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO\r\n"
    "Supported: timer, 100rel\r\n"
    "Require: timer\r\n"
    "Session-Expires: 1800;refresher=uac\r\n"
    "Content-Type: application/sdp\r\n"
    "Content-Length: {length}\r\n\r\n{body}"
)
NAMES = ("Alice Example", "Front desk", "Bob", "Sales & Service", "Zoë O'Neil")


def invite(chance: Random) -> bytes:
    """One INVITE."""
    body = SDP.format(port=chance.randrange(20_000, 60_000, 2))
    return INVITE.format(
        callee=f"+1415555{chance.randrange(10_000):04}", caller=f"+1202555{chance.randrange(10_000):04}",
        name=chance.choice(NAMES), branch=f"{chance.getrandbits(64):016x}", tag=f"{chance.getrandbits(40):010x}",
        call=f"{chance.getrandbits(96):024x}", number=chance.randrange(1, 9999), length=len(body), body=body,
    ).encode()  # fmt: skip


def invites(count: int, seed: int = 1) -> list[bytes]:
    """So many of them, the same for a seed."""
    chance = Random(seed)
    return [invite(chance) for _ in range(count)]
