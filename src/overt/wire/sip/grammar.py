"""Fragments of the grammar of RFC 3261 §25, and the limits within which we read."""

from __future__ import annotations

import re

from overt.wire.sip.errors import RemoteProtocolError

LARGEST_MESSAGE = 65_535  # a UDP datagram; sipp and Kamailio accept the same
MOST_HEADERS = 256
LARGEST_LINE = 8_192
LARGEST_BODY = 32_768
MOST_VALUES = 64  # values in one comma-separated header

TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
METHOD = TOKEN
VERSION = re.compile(r"SIP/\d{1,4}\.\d{1,4}", re.IGNORECASE | re.ASCII)
STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6]\d\d)(?: ([^\r\n]*))?", re.IGNORECASE | re.ASCII)
REQUEST_LINE = re.compile(r"(\S+) (\S+) (\S+)")
_VALUE = re.compile(r'(?:[^,"<]|"(?:[^"\\]|\\.)*"?|<[^>]*>?)+', re.DOTALL)
_PLAIN_PARAMETER = rf'{TOKEN.pattern}(?:=[^\s;"]*)?'
PLAIN_PARAMETERS = f"(?:;{_PLAIN_PARAMETER})*"  # no white space, no quotes, no empty names
_PLAIN_PARAMETERS = re.compile(f"{_PLAIN_PARAMETER}{PLAIN_PARAMETERS}")
_NEEDS_QUOTES = re.compile(r"[^!#-+\--:=?-\[\]-~]")  # white space, controls, " , ; < > \ and what is not ASCII
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


def whole_number(text: str, largest: int) -> int | None:
    """A number of ASCII digits, None for anything else or more than `largest`."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 32:  # int() refuses thousands of digits by raising
        return None
    number = int(text)
    return number if number <= largest else None


def split_values(text: str) -> list[str]:
    """Split a header at its commas, outside quotes and angle brackets."""
    if "," not in text:
        text = text.strip()
        return [text] if text else []
    values = _VALUE.findall(text)
    return [value.strip() for value in values if value.strip()][:MOST_VALUES]


def parse_parameters(text: str, *, strict: bool = False) -> dict[str, str]:
    """Read `;name=value;name` into a dictionary with lower-case names. Quotes around values are taken off.

    `strict` raises RemoteProtocolError for an empty parameter between semicolons and for a name that is no token.
    """
    if _PLAIN_PARAMETERS.fullmatch(text):
        return plain_parameters(f";{text}")
    parameters: dict[str, str] = {}
    parts = _split_semicolons(text) if '"' in text else text.split(";")
    if strict and not parts[-1].strip():
        parts.pop()  # one semicolon at the end is met, and harms nobody
    for part in parts:
        name, _, value = part.partition("=")
        name = name.strip().lower()
        if strict and not TOKEN.fullmatch(name):
            raise RemoteProtocolError("an empty or malformed parameter")
        if name:
            parameters.setdefault(name, unquoted(value.strip()))
    return parameters


def plain_parameters(text: str) -> dict[str, str]:
    """The same for what nearly everybody writes, each with its semicolon before it: what `PLAIN_PARAMETERS` matches."""
    parameters: dict[str, str] = {}
    for part in text[1:].split(";"):
        name, _, value = part.partition("=")
        parameters.setdefault(name.lower(), value)
    return parameters


def unquoted(text: str) -> str:
    """A quoted string without its quotes and escapes; any other text as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return _QUOTED_PAIR.sub(r"\1", text[1:-1])


def quoted(text: str) -> str:
    """Text as a quoted string (§25.1)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _split_semicolons(text: str) -> list[str]:
    parts, inside, start, escape = [], False, 0, False
    for at, char in enumerate(text):
        if escape:
            escape = False
        elif char == '"':
            inside = not inside
        elif char == "\\":
            escape = inside
        elif char == ";" and not inside:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return parts


def write_parameters(parameters: dict[str, str]) -> str:
    """The inverse of `parse_parameters`. A value is quoted when it could not be read back else."""
    return "".join(
        f";{name}={quoted(value) if _NEEDS_QUOTES.search(value) else value}" if value else f";{name}"
        for name, value in parameters.items()
    )
