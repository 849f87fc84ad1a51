"""`make mutants`: changes domain/law and domain/consent in thousands of small ways; each change must make a test fail.

A scratch copy of the sources is changed by mutmut (`[tool.mutmut]` of pyproject.toml says where) and, in what mutmut
leaves alone, by `own_mutants`. A change with which every test passes *survives*: either a test is missing, or the
change makes no difference. The latter stand, each with its reason, in tests/mutants-equivalent.toml. Exit code 1 when
another one survives, or when that file names one that does not.

    tools/mutants.py [--write] [WHAT…]     --write puts the counts into docs/mutants.md; WHAT: decide, demand, consent, …
"""

from __future__ import annotations

import ast
import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from own_mutants import Mutant, own_mutants, try_all

ROOT = Path(__file__).resolve().parent.parent
SCRATCH = ROOT / ".stamps" / "mutants"
COPIED = ("src", "tests/conftest.py", "tests/databases.py", "tests/domain", "docs/law", "pyproject.toml")
EQUIVALENT = ROOT / "tests" / "mutants-equivalent.toml"
DOCUMENT = ROOT / "docs" / "mutants.md"
CHILDREN = os.cpu_count() or 1
ENDED = ("killed", "timeout", "segfault", "caught by type check")  # what did not survive


class Change(NamedTuple):
    """A change that a mutant makes: where, and the lines before and after it."""

    of: str
    before: str
    after: str


# ------------------------------------------------------------------------------------------ scratch


def settings() -> dict[str, Any]:
    """What pyproject.toml says of mutants."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
    return found


def changed_modules() -> dict[str, Path]:
    """The modules that are changed, by name, with their paths below the root."""
    said = settings()
    found = {}
    for path in sorted((ROOT / "src").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if any(fnmatch.fnmatch(name, one) for one in said["only_mutate"]) and not any(
            fnmatch.fnmatch(name, one) for one in said["do_not_mutate"]
        ):
            found[name.removeprefix("src/").removesuffix(".py").replace("/", ".")] = path.relative_to(ROOT)
    return found


def copy() -> None:
    """Make the scratch copy anew, with properties laid open."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    for name in COPIED:
        target = SCRATCH / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "static"))
        else:
            shutil.copy(ROOT / name, target)
    for path in changed_modules().values():
        (SCRATCH / path).write_text(lay_open((SCRATCH / path).read_text()))


def lay_open(text: str) -> str:
    """Write `@property def x` as `def x` and `x = property(x)`, since mutmut leaves alone what has a decorator."""
    lines = text.split("\n")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and [ast.unparse(one) for one in node.decorator_list] == ["property"]:
            assert node.end_lineno is not None
            lines[node.decorator_list[0].lineno - 1] = ""
            lines[node.end_lineno - 1] += f"\n{' ' * node.col_offset}{node.name} = property({node.name})"
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------ by mutmut


def by_mutmut(modules: Iterable[str]) -> tuple[Counter[str], list[Change]]:
    """Run mutmut on some modules. Return how many mutants ended how, and what survived."""
    log, here = SCRATCH / "mutmut.log", tuple(f"{name}.x" for name in modules)
    with log.open("wb") as out:
        ran = _mutmut("run", "--max-children", str(CHILDREN), *(f"{one}*" for one in here), stdout=out, stderr=out)
    listed = _mutmut("results", "--all", "true", stdout=subprocess.PIPE, text=True).stdout
    ends = dict(line.strip().rsplit(": ", 1) for line in listed.splitlines() if line.strip().startswith(here))
    if ran.returncode or not ends:
        last = re.split(rb"[\r\n]", log.read_bytes())[-30:]
        sys.exit("mutmut did not run to its end:\n" + b"\n".join(last).decode(errors="replace"))
    return Counter(ends.values()), list(_shown(sorted(name for name, end in ends.items() if end not in ENDED)))


def _mutmut(*words: str, **more: Any) -> subprocess.CompletedProcess[Any]:
    return subprocess.run([str(Path(sys.executable).with_name("mutmut")), *words], cwd=SCRATCH, check=False, **more)


def _shown(names: Sequence[str]) -> Iterator[Change]:
    os.chdir(SCRATCH)  # where mutmut looks for its settings, at once when it is imported
    from mutmut.mutation.diff_apply import find_mutant, get_diff_for_mutant

    for name in names:
        lines = get_diff_for_mutant(name, path=find_mutant(name).path).splitlines()
        before, after = (
            " ".join(line[1:].strip() for line in lines if line.startswith(sign) and line[:3] != sign * 3).strip()
            for sign in "-+"
        )
        module, _, function = name.partition("__mutmut")[0].rpartition(".")
        plain = function.removeprefix("xǁ").replace("ǁ", ".") if "ǁ" in function else function.removeprefix("x_")
        yield Change(f"{module}.{plain}", before, after)


# ------------------------------------------------------------------------------------------ by ourselves


def by_ourselves(modules: Mapping[str, Path]) -> tuple[Counter[str], list[Change]]:
    """Try the mutants that mutmut does not make. Return how many ended how, and what survived."""
    tests = {name: _tests(name) for name in modules}
    unchanged = {
        frozenset(word for run in runs for word in run): Mutant(name, "", "", "", "") for name, runs in tests.items()
    }.values()
    if any(end != "survived" for _, end in try_all(SCRATCH, unchanged, tests, CHILDREN)):
        sys.exit("the tests fail before anything is changed")
    mutants = [one for name, path in modules.items() for one in own_mutants(name, (SCRATCH / path).read_text())]
    ends, survived = Counter[str](), []
    for number, (mutant, end) in enumerate(try_all(SCRATCH, mutants, tests, CHILDREN), 1):
        ends[end] += 1
        if end == "timeout":
            print("  timed out:", mutant.module, mutant.of, mutant.before, mutant.after, sep="\n    ", file=sys.stderr)
        if end == "survived":
            survived.append(Change(f"{mutant.module}.{mutant.of}", mutant.before, mutant.after))
            print("  survived:", *survived[-1], sep="\n    ", file=sys.stderr)
        if number % 50 == 0:
            print(f"  {number} of {len(mutants)}", file=sys.stderr)
    return ends, survived


def _tests(module: str) -> list[list[str]]:
    """The runs of pytest for a module, its own tests first: of consent the one file, of the law all but that."""
    every, last = settings()["pytest_add_cli_args_test_selection"], module.rsplit(".", 1)[1]
    mine = [one for one in every if ("consent" in one) == (last == "consent")]
    first = [one for one in mine if last in one] or mine[:1]
    return [
        [*settings()["pytest_add_cli_args"], *run] for run in (first, [one for one in mine if one not in first]) if run
    ]


# ------------------------------------------------------------------------------------------ comparing


def equivalent() -> dict[Change, str]:
    """What is known to make no difference, and why."""
    found: dict[Change, str] = {}
    for group in tomllib.loads(EQUIVALENT.read_text())["equivalent"]:
        for of, before, after in group["changes"]:
            found[Change(f"overt.domain.{of}", before, after)] = group["why"]
    return found


def compare(survived: Iterable[Change], modules: Iterable[str]) -> Iterator[str]:
    """What survived and is not known to make no difference; what is said to make none, and was killed or is gone."""
    known, here = equivalent(), tuple(f"{name}." for name in modules)
    for one in sorted(set(survived) - known.keys()):
        yield f"{one.of}: survived\n  - {one.before}\n  + {one.after}"
    for one in sorted(known.keys() - set(survived)):
        if one.of.startswith(here):
            yield f"{one.of}: is listed as equivalent, and was killed or is gone\n  - {one.before}\n  + {one.after}"


def table(theirs: Counter[str], own: Counter[str]) -> str:
    """The counts, for the document."""
    rows = ["| mutants | made | killed | by time-out | make no difference |", "| --- | --- | --- | --- | --- |"]
    for name, ends in (("made by mutmut", theirs), ("our own", own)):
        timed = ends["timeout"]
        rows.append(
            f"| {name} | {ends.total()} | {ends['killed']} | {timed} | {ends.total() - ends['killed'] - timed} |"
        )
    return "\n".join(rows)


def write(counts: str) -> None:
    """Put the counts between the marks of the document."""
    head, mark, rest = DOCUMENT.read_text().partition("<!-- counts -->\n")
    _, end, tail = rest.partition("<!-- end -->")
    assert mark and end, f"{DOCUMENT}: the marks for its counts are missing"
    DOCUMENT.write_text(f"{head}{mark}{counts}\n{end}{tail}")


def main(words: Sequence[str]) -> int:
    """Run, compare, report. Return the exit code."""
    only = [one for one in words if not one.startswith("-")]
    modules = {name: path for name, path in changed_modules().items() if not only or name.rsplit(".", 1)[1] in only}
    if not modules:
        sys.exit(f"no such module; one of {', '.join(name.rsplit('.', 1)[1] for name in changed_modules())}")
    copy()
    print(f"changing {', '.join(name.removeprefix('overt.domain.') for name in modules)}", file=sys.stderr)
    own, survived = by_ourselves(modules)
    theirs, more = by_mutmut(modules)
    wrong = list(compare([*survived, *more], modules))
    print(table(theirs, own))
    if "--write" in words and not wrong and not only:
        write(table(theirs, own))
    for one in wrong:
        print(one)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
