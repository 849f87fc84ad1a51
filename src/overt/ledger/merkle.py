"""The Merkle tree of RFC 9162 §2.1: roots, inclusion proofs, consistency proofs, and their checks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


class Tree:
    """A growing tree. Keeps every level's complete nodes, so that a root or a proof costs O(log n)."""

    def __init__(self, leaves: Sequence[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaves:
            self.append(leaf)

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> int:
        """Append a leaf hash and return its index."""
        self._levels[0].append(leaf)
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if level + 1 == len(self._levels):
                self._levels.append([])
            row = self._levels[level]
            self._levels[level + 1].append(node_hash(row[-2], row[-1]))
            level += 1
        return self.size - 1

    def _hash(self, begin: int, end: int) -> bytes:
        """The hash over leaves begin..end; complete aligned subtrees are read, the rest is computed."""
        width = end - begin
        level = width.bit_length() - 1
        if width == 1 << level and begin % width == 0:
            return self._levels[level][begin >> level]
        middle = begin + _split(width)
        return node_hash(self._hash(begin, middle), self._hash(middle, end))

    def root(self, size: int | None = None) -> bytes:
        """The root of the first `size` leaves (all by default)."""
        size = self.size if size is None else size
        return self._hash(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """The inclusion path of a leaf in the tree of `size` (RFC 9162 §2.1.3.1). Raises IndexError."""
        size = self.size if size is None else size
        if not 0 <= index < size <= self.size:
            raise IndexError(f"no leaf {index} in a tree of {size}")
        path: list[bytes] = []
        begin, end = 0, size
        while end - begin > 1:
            middle = begin + _split(end - begin)
            if index < middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(begin, middle))
                begin = middle
        return tuple(reversed(path))

    def consistency(self, old: int, new: int | None = None) -> tuple[bytes, ...]:
        """The consistency proof between two sizes (RFC 9162 §2.1.4.1). Raises IndexError."""
        new = self.size if new is None else new
        if not 0 < old <= new <= self.size:
            raise IndexError(f"no proof from {old} to {new} in a tree of {self.size}")
        return tuple(self._subproof(old, 0, new, True))

    def _subproof(self, old: int, begin: int, end: int, whole: bool) -> list[bytes]:
        if old == end - begin:
            return [] if whole else [self._hash(begin, end)]
        middle = begin + _split(end - begin)
        if old <= middle - begin:
            return [*self._subproof(old, begin, middle, whole), self._hash(middle, end)]
        return [*self._subproof(old - (middle - begin), middle, end, False), self._hash(begin, middle)]


def included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Check an inclusion path (RFC 9162 §2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last, current = index, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if node % 2 or node == last:
            current = node_hash(step, current)
            while node % 2 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, step)
        node, last = node >> 1, last >> 1
    return last == 0 and current == root


def consistent(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Check a consistency proof (RFC 9162 §2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new or not proof:
        return False
    steps = list(proof) if old & old - 1 else [old_root, *proof]
    node, last = old - 1, new - 1
    while node % 2:
        node, last = node >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if node % 2 or node == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while node % 2 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, step)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
