"""Reading what a person wrote: parsed TOML becomes frozen values, or a refusal that names the file and the field.

Every value of the law (rows, duties, legal bases) is a dataclass whose fields are texts, whole numbers, yes or no, lists
of texts, tables and lists of tables. A field with a default may be left out; no field may be added.
"""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, Field, fields
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from overt.domain.errors import LawUnreadable

T = TypeVar("T")
_SIMPLE: Mapping[type, str] = {str: "a text", int: "a whole number", bool: "true or false"}


def read_value(kind: type[T], where: str, written: Any) -> T:
    """Return the dataclass that a table holds. Raises LawUnreadable naming `where` and the field."""
    if not isinstance(written, Mapping):
        raise LawUnreadable(f"{where} must be a table")
    known = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    for strange in sorted(set(written) - set(known)):
        raise LawUnreadable(f"{where}: unknown field {strange}")
    missing = [one.name for one in fields(kind) if one.name not in written and not _optional(one)]  # type: ignore[arg-type]
    for name in sorted(missing):
        raise LawUnreadable(f"{where}: field {name} is missing")
    return kind(**{name: _field(known[name], f"{where}: {name}", value) for name, value in written.items()})


@lru_cache(maxsize=64)
def _hints(kind: Hashable) -> Mapping[str, Any]:
    """The types of a dataclass's fields. Remembered, since there are few kinds and many files."""
    return get_type_hints(kind)


def _optional(one: Field[Any]) -> bool:
    return one.default is not MISSING


def _field(declared: Any, where: str, value: Any) -> Any:
    if declared in _SIMPLE:
        return _simple(declared, where, value)
    origin = get_origin(declared)
    if origin is Literal:
        if value not in get_args(declared):
            raise LawUnreadable(f"{where} must be one of {', '.join(get_args(declared))}, not {value}")
        return value
    if origin is tuple:
        return _list(get_args(declared)[0], where, value)
    assert origin not in (Union, types.UnionType), "the values of the law have no unions"
    return read_value(declared, where, value)


def _simple(declared: type, where: str, value: Any) -> Any:
    if type(value) is not declared:
        raise LawUnreadable(f"{where} must be {_SIMPLE[declared]}")
    return value


def _list(item: Any, where: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise LawUnreadable(f"{where} must be a list")
    return tuple(_field(item, f"{where}, no. {number}", one) for number, one in enumerate(value, 1))
