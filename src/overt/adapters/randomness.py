"""Randomness from the system in larger helpings: asking the kernel for eight bytes costs as much as asking it for thousands."""

from __future__ import annotations

import os

HELPING = 4096


class Randomness:
    """Gives out bytes of the system's generator, each of them once. For tags, branches and identities; keys ask the kernel."""

    def __init__(self) -> None:
        self._pool, self._at, self._process = b"", 0, os.getpid()

    def take(self, count: int) -> bytes:
        """Return fresh random bytes, at most HELPING of them."""
        if (
            self._at + count > len(self._pool) or self._process != os.getpid()
        ):  # a forked child must not repeat its parent
            self._pool, self._at, self._process = os.urandom(HELPING), 0, os.getpid()
        self._at += count
        return self._pool[self._at - count : self._at]

    def token(self) -> str:
        """Return 64 random bits, hexadecimal."""
        return self.take(8).hex()
