"""Fragments of the grammar of RFC 3261 §25, and the limits within which we read."""

from __future__ import annotations

import re

LARGEST_MESSAGE = 65_535  # a UDP datagram; sipp and Kamailio accept the same
MOST_HEADERS = 256
LARGEST_LINE = 8_192
LARGEST_BODY = 32_768
MOST_VALUES = 64  # values in one comma-separated header

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
METHOD = re.compile(r"[A-Z0-9\-.!%*_+`'~a-z]+")
STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d) ([^\r\n]*)", re.IGNORECASE)
REQUEST_LINE = re.compile(r"(\S+) (\S+) (\S+)")


def split_values(text: str) -> list[str]:
    """Split a header at its commas, outside quotes and angle brackets."""
    values, depth, quoted, start, escape = [], 0, False, 0, False
    for at, char in enumerate(text):
        if escape:
            escape = False
        elif quoted:
            escape = char == "\\"
            quoted = char != '"'
        elif char == '"':
            quoted = True
        elif char == "<":
            depth += 1
        elif char == ">":
            depth -= 1
        elif char == "," and depth == 0:
            values.append(text[start:at].strip())
            start = at + 1
    values.append(text[start:].strip())
    return [value for value in values if value][:MOST_VALUES]


def parse_parameters(text: str) -> dict[str, str]:
    """Read `;name=value;name` into a dictionary with lower-case names. Quotes around values are taken off."""
    parameters: dict[str, str] = {}
    for part in _split_semicolons(text):
        name, _, value = part.partition("=")
        if name.strip():
            parameters.setdefault(name.strip().lower(), value.strip().strip('"'))
    return parameters


def _split_semicolons(text: str) -> list[str]:
    parts, quoted, start = [], False, 0
    for at, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return parts


def write_parameters(parameters: dict[str, str]) -> str:
    """The inverse of `parse_parameters`."""
    return "".join(f";{name}={value}" if value else f";{name}" for name, value in parameters.items())
