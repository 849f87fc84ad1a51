"""Files of worked cases: YAML (or JSON, which is YAML), read narrowly.

Nothing but texts, numbers, true, false, null, lists and mappings is made of it; a field that stands twice, a reference
(`*name`), too much text or too deep a nesting is refused. YAML 1.1 reads a bare NO as false; here it is Norway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from overt.domain.errors import LawUnreadable
from overt.domain.law.cases import Case, parse_cases

LARGEST_BYTES = 1024 * 1024
NORWAY = "NO"
_TOO_LARGE = f"more than {LARGEST_BYTES // 1024} KiB of cases are not read at once"
_TAG = "tag:yaml.org,2002:"
_TRUE = frozenset({"true", "yes", "on"})
_SCALARS: Mapping[str, Callable[[str], Any]] = {
    f"{_TAG}null": lambda _: None,
    f"{_TAG}bool": lambda text: text if text == NORWAY else text.lower() in _TRUE,
    f"{_TAG}int": lambda text: int(text) if text.isascii() and text.isdigit() and len(text) < 18 else text,
}  # whatever else there is (dates, fractions) stays the text that it is


def read_cases(path: Path) -> tuple[Case, ...]:
    """Return the cases of a file. Raises LawUnreadable, naming the file and the place in it."""
    try:
        with path.open("rb") as file:
            written = file.read(LARGEST_BYTES + 1)
        if len(written) > LARGEST_BYTES:
            raise LawUnreadable(f"{path}: {_TOO_LARGE}")
        return parse_case_text(written.decode(), str(path))
    except OSError as error:
        raise LawUnreadable(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LawUnreadable(f"{path}: the file is not UTF-8, from byte {error.start} on") from error


def parse_case_text(text: str, name: str) -> tuple[Case, ...]:
    """Return the cases of a text. Raises LawUnreadable, naming it and the line."""
    if len(text.encode(errors="replace")) > LARGEST_BYTES:
        raise LawUnreadable(f"{name}: {_TOO_LARGE}")
    try:
        cases = parse_cases(_plain(_composed(text)))
    except yaml.MarkedYAMLError as error:
        raise LawUnreadable(f"{name}{_where(error.problem_mark)}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise LawUnreadable(f"{name}: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise LawUnreadable(f"{name}: it nests too deeply to be read") from error
    except LawUnreadable as error:
        raise LawUnreadable(f"{name}: {error}") from error
    if not cases:
        raise LawUnreadable(f"{name}: there is no case in it")
    return cases


def _composed(text: str) -> Any:
    """The tree of a document, of which no part stands for another: references could make a small text a huge one."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="references are not read", problem_mark=event.start_mark)
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _plain(node: Any) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(one) for one in node.value]
    if node is None:
        return None
    return _SCALARS.get(node.tag, str)(node.value)


def _mapping(node: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="the name of a field is a text", problem_mark=key.start_mark)
        if key.value in found:
            raise yaml.MarkedYAMLError(problem=f"the field {key.value} stands twice", problem_mark=key.start_mark)
        found[key.value] = _plain(value)
    return found


def _where(mark: Any) -> str:
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
