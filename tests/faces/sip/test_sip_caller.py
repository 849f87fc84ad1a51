"""Who calls: what a trunk says of a caller's number, and whether the network could confirm it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from overt.domain.identity import Number
from overt.faces.sip.control import called_of, caller_of
from overt.wire.sip.message import Request, parse

NUMBER = "+14155550100"


@pytest.mark.parametrize(
    "uri", ["sip:+14045550100@h", "sip:%2B14045550100;npdi;rn=+14045550199@h:5080;user=phone", "tel:+14045550100;npdi"]
)
def test_what_a_carrier_says_about_the_called_number_is_no_part_of_it(uri: str) -> None:
    asked = replace(invite("<sip:x@192.0.2.10>"), uri=uri)
    assert called_of(asked) == "+14045550100"


def invite(from_: str, *more: str) -> Request:
    """An INVITE from somebody, with further header lines."""
    lines = [
        "INVITE sip:sales@192.0.2.1 SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1", f"From: {from_};tag=a",
        "To: <sip:sales@192.0.2.1>", "Call-ID: 1", "CSeq: 1 INVITE", "Max-Forwards: 70", *more, "Content-Length: 0", "", "",
    ]  # fmt: skip
    read = parse("\r\n".join(lines).encode())
    assert isinstance(read, Request)
    return read


@pytest.mark.parametrize(
    ("request_", "number", "name"),
    [
        (invite(f'"Ann" <sip:{NUMBER}@192.0.2.10>'), Number(NUMBER), "Ann"),
        (invite(f"<tel:{NUMBER}>"), Number(NUMBER), ""),
        (invite("<sip:x@192.0.2.10>", f'P-Asserted-Identity: "Bo" <sip:{NUMBER}@192.0.2.10>'), Number(NUMBER), "Bo"),
        (invite(f"<sip:{NUMBER};cpc=ordinary@192.0.2.10>"), Number(NUMBER), ""),
        (invite("<sip:anonymous@anonymous.invalid>"), Number(), ""),
        (invite(f"<sip:{NUMBER}@192.0.2.10>", "Privacy: id"), Number(), ""),
        (invite(f"<sip:{NUMBER};verstat=TN-Validation-Failed@192.0.2.10>", "Privacy: id"), Number(), ""),
    ],
)
def test_the_callers_number_and_name(request_: Request, number: Number, name: str) -> None:
    assert caller_of(request_) == (number, name)


@pytest.mark.parametrize(
    ("address", "disputed"),
    [
        (f"<sip:{NUMBER};verstat=TN-Validation-Failed@192.0.2.10;user=phone>", True),
        (f"<sip:{NUMBER};verstat=TN-Validation-Failed-C@192.0.2.10>", True),
        (f"<sip:{NUMBER}@192.0.2.10;user=phone;verstat=tn-validation-failed>", True),
        (f"<tel:{NUMBER};verstat=TN-Validation-Failed>", True),
        (f"<sip:{NUMBER};verstat=TN-Validation-Passed-A@192.0.2.10>", False),
        (f"<sip:{NUMBER};verstat=No-TN-Validation@192.0.2.10>", False),
        (f"<sip:{NUMBER}@192.0.2.10>", False),
    ],
)
def test_a_number_that_the_network_could_not_confirm_is_disputed(address: str, disputed: bool) -> None:
    assert caller_of(invite(address))[0] == Number(NUMBER, disputed)
    assert caller_of(invite(f"<sip:{NUMBER}@192.0.2.10>", f"P-Asserted-Identity: {address}"))[0] == Number(
        NUMBER, disputed
    )
    asserted = f"P-Asserted-Identity: <sip:{NUMBER}@192.0.2.10>"
    assert caller_of(invite(address, asserted))[0] == Number(NUMBER, disputed)
