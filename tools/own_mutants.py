"""Mutants that mutmut does not make, and the trying of them.

Outside of functions, where mutmut changes nothing: an entry of a table is left out, its value becomes another value of the
same table, two neighbours change places, a number grows by one, a truth turns, a word becomes another. The consent machine
is such a table, and so are the order of the rules, what Overt always owes and the words of worked cases. Sentences
(constants with a space) are wording and stay; so do types, which mypy and the reader of rows check.

Within functions: a condition that is no comparison turns round, a part of «and» and «or» is left out, a call whose value
nobody takes is left out, and so is a refusal.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

PATIENCE_S = 120.0


class Mutant(NamedTuple):
    """A change: in which module, at which name, from what to what; and the module's text after it."""

    module: str
    of: str
    before: str
    after: str
    text: str


@dataclass(frozen=True)
class Edit:
    """A stretch of a source, in bytes, and what stands there instead; in words, from what to what."""

    start: int
    end: int
    new: str
    before: str
    after: str


# ------------------------------------------------------------------------------------------ making


def own_mutants(module: str, text: str) -> Iterator[Mutant]:
    """Every mutant of a module's tables, constants, conditions and calls."""
    source, body = Source(text), ast.parse(text).body
    tables = ((name, _edits(source, value)) for name, value in _assigned(body))
    functions = ((name, _turned(source, function)) for name, function in _functions(body))
    for name, edits in (*tables, *functions):
        for edit in edits:
            changed = source.edited(edit)
            ast.parse(changed)  # what cannot be read would count as killed
            yield Mutant(module, name, edit.before, edit.after, changed)


def _functions(body: Sequence[ast.stmt], inside: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    for one in body:
        if isinstance(one, ast.ClassDef):
            yield from _functions(one.body, f"{one.name}.")
        elif isinstance(one, ast.FunctionDef):
            yield inside + one.name, one


def _turned(source: Source, function: ast.FunctionDef) -> Iterator[Edit]:
    """Conditions turned round; parts of them, calls and refusals left out."""
    for node in ast.walk(function):
        tests: Sequence[ast.expr] = []
        if isinstance(node, (ast.If, ast.IfExp)):
            tests = [node.test]
        elif isinstance(node, ast.comprehension):
            tests = node.ifs
        elif isinstance(node, ast.BoolOp):
            for one in node.values:
                rest = [f"({source.of(other)})" for other in node.values if other is not one]
                sign = " and " if isinstance(node.op, ast.And) else " or "
                yield Edit(*source.span(node), f"({sign.join(rest)})", source.of(node), sign.join(rest))
        elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            yield source.replace(node, "pass")
        for one in tests:
            if not isinstance(one, (ast.Compare, ast.UnaryOp)):  # those mutmut turns itself
                yield source.replace(one, f"(not ({source.of(one)}))")


def _assigned(body: Sequence[ast.stmt], inside: str = "") -> Iterator[tuple[str, ast.expr]]:
    for one in body:
        if isinstance(one, ast.ClassDef):
            yield from _assigned(one.body, f"{one.name}.")
        elif isinstance(one, ast.AnnAssign) and one.value is not None and isinstance(one.target, ast.Name):
            yield inside + one.target.id, one.value
        elif isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            yield inside + one.targets[0].id, one.value


class Source:
    """A module's text, by the byte offsets of its syntax."""

    def __init__(self, text: str) -> None:
        self.bytes = text.encode()
        self.lines = [0]
        for line in self.bytes.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Where a piece of syntax begins and ends."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self.lines[node.lineno - 1] + node.col_offset, self.lines[node.end_lineno - 1] + node.end_col_offset

    def of(self, *nodes: ast.expr | ast.stmt) -> str:
        """What is written from the first of some pieces to the last, on one line."""
        written = self.bytes[self.span(nodes[0])[0] : self.span(nodes[-1])[1]].decode()
        return " ".join(written.split())

    def replace(self, node: ast.expr | ast.stmt, new: str) -> Edit:
        """Something else in the place of one."""
        return Edit(*self.span(node), new, self.of(node), new)

    def edited(self, edit: Edit) -> str:
        """The text after an edit."""
        return (self.bytes[: edit.start] + edit.new.encode() + self.bytes[edit.end :]).decode()


def _edits(source: Source, node: ast.expr) -> Iterator[Edit]:
    if isinstance(node, ast.Constant):
        yield from (source.replace(node, new) for new in _other(node.value))
    elif isinstance(node, ast.Dict):
        yield from _of_dict(source, node)
    elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        yield from _of_items(source, node)
    elif isinstance(node, ast.Call) and source.of(node.func) != "TypeVar":
        for one in node.args:
            yield from _edits(source, one)
    elif isinstance(node, ast.BinOp):
        for one in (node.left, node.right):
            yield from _edits(source, one)


def _other(value: object) -> Iterable[str]:
    if isinstance(value, bool):
        return [repr(not value)]
    if isinstance(value, int):
        return [repr(value + 1)]
    if isinstance(value, str) and " " not in value:
        return [repr(f"XX{value}XX")]
    return []


def _of_dict(source: Source, node: ast.Dict) -> Iterator[Edit]:
    values = list(dict.fromkeys(source.of(one) for one in node.values))
    words = all(isinstance(one, ast.Constant) and " " not in str(one.value) for one in node.values)
    for key, value in zip(node.keys, node.values, strict=True):
        assert key is not None
        start, end = source.span(key)[0], source.span(value)[1]
        yield Edit(start, _after_comma(source.bytes, end), "", source.of(key, value), "(left out)")
        if words and len(values) > 1:
            for other in values:
                if other != source.of(value):
                    yield Edit(*source.span(value), other, source.of(key, value), f"{source.of(key)}: {other}")
        else:
            yield from _edits(source, value)


def _of_items(source: Source, node: ast.Tuple | ast.List | ast.Set) -> Iterator[Edit]:
    pairs = len(node.elts) > 2 and all(isinstance(one, ast.Tuple) and len(one.elts) == 2 for one in node.elts)
    if len(node.elts) > 1 or not isinstance(node, ast.Set):
        for one in node.elts:
            start, end = source.span(one)
            yield Edit(start, _after_comma(source.bytes, end), "", source.of(one), "(left out)")
    if not isinstance(node, ast.Set):
        for one, other in zip(node.elts, node.elts[1:], strict=False):
            if pairs and _meaning(source, one) == _meaning(source, other):
                continue  # which of two words with one meaning is found first is the same
            start, end = source.span(one)[0], source.span(other)[1]
            swapped = f"{source.of(other)}, {source.of(one)}"
            yield Edit(start, end, swapped, source.of(one, other), swapped)
    meanings = list(dict.fromkeys(_meaning(source, one) for one in node.elts)) if pairs else []
    for one in node.elts:
        if pairs and isinstance(one, ast.Tuple):
            yield from _of_pair(source, one, meanings)
        else:
            yield from _edits(source, one)


def _meaning(source: Source, pair: ast.expr) -> str:
    assert isinstance(pair, ast.Tuple)
    return source.of(pair.elts[1])


def _of_pair(source: Source, node: ast.Tuple, meanings: Sequence[str]) -> Iterator[Edit]:
    """A word and its meaning: another word, or any other meaning of the same table."""
    word, meaning = node.elts
    yield from _edits(source, word)
    for other in meanings:
        if other != source.of(meaning):
            yield Edit(*source.span(meaning), other, source.of(node), f"({source.of(word)}, {other})")


def _after_comma(text: bytes, end: int) -> int:
    """Where an element ends with its comma; the tuple of one element keeps its brackets and becomes empty."""
    rest = text[end:]
    skipped = len(rest) - len(rest.lstrip())
    return end + skipped + 1 if rest.lstrip().startswith(b",") else end


# ------------------------------------------------------------------------------------------ trying


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module with another text."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self.name, self.path, self.text = name, path, text

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module of our name only."""
        return importlib.machinery.ModuleSpec(name, self, origin=str(self.path)) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the other text."""
        module.__file__ = str(self.path)
        exec(compile(self.text, str(self.path), "exec"), module.__dict__)


def try_all(
    root: Path, mutants: Iterable[Mutant], tests: Mapping[str, Sequence[Sequence[str]]], children: int
) -> Iterator[tuple[Mutant, str]]:
    """Run the tests of each mutant's module in a process forked for it; yield the mutant and how it ended.

    `root` is a scratch copy with src and tests; `tests` has by module what pytest is told, once for each run: the first
    that fails is the last. Ends: killed, survived, timeout. A module that no longer loads is killed too.
    """
    for plugin in entry_points(group="pytest11"):  # what is loaded before the fork is not loaded again for every mutant
        plugin.load()
    importlib.import_module("hypothesis.strategies")
    waiting, running = iter(mutants), dict[int, tuple[Mutant, float]]()
    while True:
        while len(running) < children and (mutant := next(waiting, None)) is not None:
            running[_fork(root, mutant, tests[mutant.module])] = mutant, time.monotonic()
        if not running:
            return
        for pid, (mutant, began) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            late = time.monotonic() - began > PATIENCE_S
            if not ended and late:
                os.kill(pid, 9)
                os.waitpid(pid, 0)
            if ended or late:
                del running[pid]
                code = os.waitstatus_to_exitcode(status) if ended else -9
                yield mutant, "survived" if code == 0 else "timeout" if not ended else "killed"
        time.sleep(0.01)


def _fork(root: Path, mutant: Mutant, tests: Sequence[Sequence[str]]) -> int:
    pid = os.fork()
    if pid:
        return pid
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.chdir(root)
    sys.path[:0] = [str(root / "src"), str(root / "tests")]
    path = root / "src" / (mutant.module.replace(".", "/") + ".py")
    if mutant.text:
        sys.meta_path.insert(0, _Changed(mutant.module, path, mutant.text))
    os._exit(next((code for words in tests if (code := int(pytest.main(["-x", *words])))), 0))
