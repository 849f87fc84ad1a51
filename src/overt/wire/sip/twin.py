"""Frozen values made at the price of open ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass, make_dataclass
from dataclasses import field as a_field
from typing import Any, TypeVar

_Frozen = TypeVar("_Frozen")


def quick(frozen: type[_Frozen]) -> Callable[..., _Frozen]:
    """A quicker constructor of a frozen dataclass with slots: same arguments, same defaults, same values.

    A frozen dataclass sets each field through `object.__setattr__`, which made half of what reading a message costs. Here
    an open twin with the same slots is filled, and then becomes one of the frozen class, before anybody else sees it.
    """
    assert is_dataclass(frozen)
    parts: list[tuple[str, Any, Any]] = [
        (one.name, Any, a_field(default=one.default, default_factory=one.default_factory, init=one.init))
        if one.default is not MISSING or one.default_factory is not MISSING
        else (one.name, Any, a_field(init=one.init))
        for one in fields(frozen)
    ]
    twin: Any = make_dataclass(f"_Open{frozen.__name__}", parts, slots=True)

    def make(*values: object) -> _Frozen:
        one = twin(*values)
        one.__class__ = frozen
        return one  # type: ignore[no-any-return]

    return make
