"""The house's own rules, kept by reading the source: what import-linter cannot see."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "overt"
PURE = ("domain", "wire", "vault", "ledger")
FORBIDDEN = {"asyncio", "socket", "ssl", "sqlite3", "logging", "os", "pathlib", "time", "random", "secrets", "uuid",
             "threading", "subprocess", "datetime"}  # fmt: skip
BANNED_WORDS = {
    "manager",
    "helper",
    "util",
    "utils",
    "common",
    "misc",
    "data",
    "info",
    "do",
    "flag",
    "wiretap",
}
BANNED_BARE = {"session", "user"}  # of whom, or of what? As part of a name they are allowed
LONGEST_FUNCTION, LONGEST_MODULE, LONGEST_STORY = 50, 400, 150
BROAD_EXCEPT = {"services/attending.py", "faces/sip/faults.py"}
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def modules(*folders: str) -> list[Path]:
    """Every module below these folders of the package."""
    return sorted(path for folder in folders or ("",) for path in (SOURCE / folder).rglob("*.py"))


def tree(path: Path) -> ast.Module:
    """A module's syntax."""
    return ast.parse(path.read_text())


def name(path: Path) -> str:
    """How a module is named in a report."""
    return str(path.relative_to(SOURCE))


def imported(module: ast.Module) -> Iterator[str]:
    """The top names of everything that a module imports."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (one.name.split(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", modules(*PURE), ids=name)
def test_the_pure_packages_touch_neither_world_nor_clock(path: Path) -> None:
    module = tree(path)
    assert not set(imported(module)) & FORBIDDEN
    assert not [node for node in ast.walk(module) if isinstance(node, (ast.AsyncFunctionDef, ast.Await))]
    called = {
        node.func.attr
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & {"now", "utcnow", "today", "time", "monotonic", "monotonic_ns", "time_ns"}


@pytest.mark.parametrize("path", modules("domain"), ids=name)
def test_the_domain_needs_nothing_but_python(path: Path) -> None:
    foreign = {one for one in imported(tree(path)) if one not in sys.stdlib_module_names and one != "overt"}
    assert not foreign


@pytest.mark.parametrize("path", modules(*PURE), ids=name)
def test_the_pure_packages_hold_no_mutable_globals(path: Path) -> None:
    for node in tree(path).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, MUTABLE):
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
            assert all(target.isupper() or target.lstrip("_").isupper() for target in targets), targets


@pytest.mark.parametrize("path", modules(), ids=name)
def test_sizes_stay_readable(path: Path) -> None:
    lines = path.read_text().count("\n")
    assert lines <= (LONGEST_STORY if name(path) == "services/recording.py" else LONGEST_MODULE)
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or node.lineno) - node.lineno < LONGEST_FUNCTION, node.name


@pytest.mark.parametrize("path", modules(), ids=name)
def test_names_are_the_fields_own(path: Path) -> None:
    words = {path.stem}
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            words.add(node.name)
    parts = {part.lower() for word in words for part in re.findall(r"[A-Z]?[a-z]+", word) if word.count("_") == 0}
    assert not parts & BANNED_WORDS - {"data"}, parts & BANNED_WORDS
    assert not {word.lower() for word in words} & BANNED_BARE


@pytest.mark.parametrize("path", modules(), ids=name)
def test_everything_is_caught_only_by_the_supervisors_of_a_call_and_of_the_gateway(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            broad = any(
                kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
                for kind in kinds
            )
            assert not broad or name(path) in BROAD_EXCEPT


@pytest.mark.parametrize("path", modules(), ids=name)
def test_public_things_have_docstrings(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module) or not module.body
    for node in module.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


def tracked() -> list[Path]:
    """Every text file that git tracks."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / one for one in listed.stdout.split("\n") if one and not one.endswith((".wav", ".png"))]


def test_no_machine_and_no_registry_is_named() -> None:
    paths = re.compile(r"(?<![\w.])/(?:{})/[\w.]".format("|".join(["work", "farm", "root"])))
    hosts = re.compile(
        "|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.(?:org|com)", "--index-" + "url"])
    )
    for path in tracked():
        if path.exists():
            text = path.read_text(errors="replace")
            assert not paths.search(text) and not hosts.search(text), path
