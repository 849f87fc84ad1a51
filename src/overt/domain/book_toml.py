"""The file of a policy book: TOML text ⇄ PolicyBook (docs/formats/policy-book.md).

Reading checks the *shape*: fields that exist, of the kind that they have. Everything wrong is said at once, with what was
likely meant. Whether a book makes sense is asked of `domain.book_checks`. What is written reads back as an equal book;
comments are lost.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from overt.domain.book import FORMAT, ChosenBasis, Lines, Policy, PolicyBook, Time
from overt.domain.errors import BookRefused, Finding

LARGEST_BYTES = 80 * 1024  # the text goes into one entry of the ledger, and an entry into one frame
_GREATEST = 2**53  # greater whole numbers are not safe in JSON (RFC 8785)
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
# A name of so many parts with dots between would cost the reader memory by the square of them; the format has none of four.
_LONG_NAME = re.compile(
    r"""(?<![\w\\-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\[^\n])*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){16}""", re.ASCII
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WIDTH = 110


class _At(NamedTuple):
    """Where in a book something stands: the policy's name, and the path below it."""

    policy: str = ""
    path: str = ""

    def below(self, name: str) -> _At:
        between = " " if " no. " in self.path else "."
        return self._replace(path=f"{self.path}{between}{name}" if self.path else name)

    def wrong(self, text: str, hint: str = "") -> Finding:
        what = self.path or ("" if self.policy else "the book")
        return Finding("stops", self.policy, f"{what} {text}".lstrip(), hint)


# ------------------------------------------------------------------------------------------ reading


def parse_book(text: str) -> PolicyBook:
    """Return the book that a text holds. Raises BookRefused with everything that is wrong with its shape."""
    written = dict(_tables(text))
    found = [*_format_wrong(written.pop("format", None))]
    book: PolicyBook | None = _table(PolicyBook, written, _At(), found)
    if book is None or found:
        raise BookRefused(found)
    return book


def book_sha256(text: str) -> str:
    """The SHA-256 of a book's text in UTF-8, in hex: what a published book is known by."""
    return hashlib.sha256(text.encode()).hexdigest()


def _tables(text: str) -> Mapping[str, Any]:
    try:
        size = len(text.encode())
        if size > LARGEST_BYTES:
            raise BookRefused([_At().wrong(f"has {size} bytes; {LARGEST_BYTES} are the most")])
        if _LONG_NAME.search(text):
            raise BookRefused([_At().wrong("holds a name of more than 16 parts", "leave out dots, or break the line")])
        return tomllib.loads(text)
    except UnicodeEncodeError as error:
        raise BookRefused([_At().wrong("is no text in UTF-8")]) from error
    except RecursionError as error:
        raise BookRefused([_At().wrong("nests too deeply to be read")]) from error
    except tomllib.TOMLDecodeError as error:
        raise BookRefused([_At().wrong(f"is not TOML: {error}")]) from error
    except ValueError as error:  # whole numbers of thousands of digits
        raise BookRefused([_At().wrong("holds a number too large to be read")]) from error


def _format_wrong(written: Any) -> Iterator[Finding]:
    if written is None:
        yield _At(path="format").wrong("is missing", f"write format = {FORMAT} at the head of the book")
    elif type(written) is not int or written != FORMAT:
        yield _At(path="format").wrong(f"is {_shown(written)}", f"this Overt reads format {FORMAT}")


def _table(kind: Any, written: Any, at: _At, found: list[Finding]) -> Any:
    """The dataclass that a table holds; None when something is wrong with it, which is then among `found`."""
    before, values = len(found), {}
    if not isinstance(written, Mapping):
        found.append(at.wrong(f"must be a table, not {_shown(written)}"))
        return None
    known = {_key(one): one for one in fields(kind)}
    found += [
        at.wrong(f"has an unknown field {_shown(one)}", _meant(one, known)) for one in written if one not in known
    ]
    for key, one in known.items():
        if key in written:
            values[one.name] = _value(_hints(kind)[one.name], written[key], at.below(key), found)
        elif one.default is MISSING:
            found.append(at.below(key).wrong("is missing"))
    return kind(**values) if len(found) == before else None


def _value(declared: Any, value: Any, at: _At, found: list[Finding]) -> Any:
    """A field's value in our own kind; what is wrong with it goes among `found`."""
    if is_dataclass(declared):
        return _table(declared, value, at, found)
    if get_origin(declared) is tuple:
        return _list(get_args(declared)[0], value, at, found)
    wrong, hint = _simple_wrong(declared, value)
    if wrong:
        found.append(at.wrong(wrong, hint))
    return value


def _list(item: Any, value: Any, at: _At, found: list[Finding]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        hint = f"write [{_quoted(value[:40])}]" if isinstance(value, str) else ""
        found.append(at.wrong(f"must be a list, not {_shown(value)}", hint))
        return ()
    return tuple(_value(item, one, _entry(item, number, one, at), found) for number, one in enumerate(value, 1))


def _entry(item: Any, number: int, written: Any, at: _At) -> _At:
    """Where an entry of a list stands: policies are known by name."""
    if item is not Policy:
        return at._replace(path=f"{at.path} no. {number}")
    name = written.get("name") if isinstance(written, Mapping) else None
    return _At(name if isinstance(name, str) and name else f"no. {number}")


def _simple_wrong(declared: Any, value: Any) -> tuple[str, str]:
    """What is wrong with a text, number, choice or yes-or-no, and a hint; empty texts when nothing is."""
    if declared is bool:
        return ("", "") if isinstance(value, bool) else (f"must be true or false, not {_shown(value)}", "")
    if declared is int:
        whole = type(value) is int and abs(value) < _GREATEST
        return ("", "") if whole else (f"must be a whole number, not {_shown(value)}", "")
    if get_origin(declared) is Literal:
        choices = get_args(declared)
        near = difflib.get_close_matches(value, choices, 1) if isinstance(value, str) else []
        fits = isinstance(value, str) and value in choices
        return ("", "") if fits else (f"is {_shown(value)}; it is one of {', '.join(choices)}", _did_you_mean(near))
    return _text_wrong(declared, value)


def _text_wrong(declared: Any, value: Any) -> tuple[str, str]:
    if not isinstance(value, str):
        return f"must be a text, not {_shown(value)}", ""
    if declared == Time and not _TIME.fullmatch(value) and value:
        return f"is {_shown(value)}", "write a time of the day as 08:30, from 00:00 to 23:59"
    seen = value.replace("\n", "").replace("\t", "") if declared == Lines else value
    return ("holds a control character or a line break", "leave it out") if _CONTROLS.search(seen) else ("", "")


@lru_cache(maxsize=32)
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _key(one: Field[Any]) -> str:
    return one.name.rstrip("_")


def _meant(strange: str, known: Mapping[str, Any]) -> str:
    """What an unknown field was likely to be: a known one, or one that belongs elsewhere in a policy."""
    home = _homes().get(strange)
    return f"it belongs into [{home}]" if home else _did_you_mean(difflib.get_close_matches(strange, known, 1))


@lru_cache(maxsize=1)
def _homes() -> Mapping[str, str]:
    """The section of each field of a policy's sections."""
    sections = {one.name: _hints(Policy)[one.name] for one in fields(Policy) if is_dataclass(_hints(Policy)[one.name])}
    return {_key(one): f"policy.{name}" for name, kind in sections.items() for one in fields(kind)}


def _did_you_mean(near: Sequence[str]) -> str:
    return f"did you mean {near[0]}?" if near else ""


def _shown(value: Any) -> str:
    """A value as it stands in a complaint, never long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"«{_CONTROLS.sub('…', value[:40])}{'…' if len(value) > 40 else ''}»"
    if isinstance(value, int) and abs(value) >= _GREATEST:
        return "one too large"
    return "a table" if isinstance(value, dict) else "a list" if isinstance(value, list) else str(value)


# ------------------------------------------------------------------------------------------ writing


def write_book(book: PolicyBook) -> str:
    """Return the text of a book: sections in their order, and only what differs from what is preset."""
    parts = [
        "\n".join([f"format = {FORMAT}", *_differing(replace(book, never_record=(), relax=(), stricter=(), policy=()))])
    ]
    for name in ("never_record", "relax", "stricter"):
        parts += ["\n".join([f"[[{name}]]", *_differing(one)]) for one in getattr(book, name)]
    for policy in book.policy:
        parts.append("\n".join(["[[policy]]", *_differing(policy)]))
        parts += [_section(one.name, getattr(policy, one.name)) for one in fields(policy)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _section(name: str, value: Any) -> str:
    lines = list(_differing(value)) if is_dataclass(value) else []
    return "\n".join([f"[policy.{name}]", *lines]) if lines else ""


def _differing(table: Any) -> Iterator[str]:
    """A line for each field that is not as preset, those with tables of their own left out."""
    for one in fields(table):
        value = getattr(table, one.name)
        if value != one.default and (not is_dataclass(value) or isinstance(value, ChosenBasis)):
            yield f"{_key(one)} = {_written(value)}"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return _written_list([_quoted(one) for one in value])
    return f"{{ {', '.join(_differing(value))} }}" if isinstance(value, ChosenBasis) else _text(value)


def _written_list(items: Sequence[str]) -> str:
    short = f"[{', '.join(items)}]"
    return short if len(short) <= _WIDTH else "\n".join(["[", *(f"    {one}," for one in items), "]"])


def _text(value: str) -> str:
    """A text of one line as one, of several lines as several."""
    return '"""\n' + _escaped(value, kept="\n\t") + '"""' if "\n" in value else _quoted(value)


def _quoted(value: str) -> str:
    return f'"{_escaped(value)}"'


def _escaped(value: str, kept: str = "") -> str:
    plain = value.replace("\\", "\\\\").replace('"', '\\"')
    return _CONTROLS.sub(lambda one: one[0] if one[0] in kept else f"\\u{ord(one[0]):04x}", plain)
