"""Fuzzes every reader of `targets` with atheris; `make fuzz` calls it (docs/fuzzing.md).

    drive.py run --budget SECONDS [--keep] [NAME …]    all of them, side by side, within this time
    drive.py one NAME MOMENT FOLDER…                   one of them, in this process: what `run` starts
    drive.py check NAME FILE                           what is wrong with how one input is read

`run` works below .stamps/fuzz, begins with the seeds of `targets` and with tests/corpus/fuzz, and ends with 1 when there are findings;
those are put into tests/corpus/fuzz/found, where tests/fuzz/test_fuzz_corpus.py reads them from then on. `--keep` puts the
smallest inputs that reach everything that was reached into tests/corpus/fuzz.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
WORK = ROOT / ".stamps" / "fuzz" / "work"
LARGEST, MOST_KEPT, MOST_FINDINGS = 4_096, 60, 3


def one(name: str, ends: float, folders: list[str]) -> None:
    """Fuzz a target in this process until a moment or until something is found; libFuzzer ends the process.

    A moment of 0 asks for no fuzzing, but for the smallest inputs of all folders in the first.
    """
    # What Python, numpy and the counters of coverage take is not the input's; what a long run gathers is allowed for.
    already = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds = max(1, int(ends - time.monotonic()))
    limits = [
        f"-max_len={LARGEST}",
        "-timeout=5",
        f"-rss_limit_mb={already + 600}",
        "-malloc_limit_mb=200",
        "-verbosity=0",
    ]
    work = (
        [f"-max_total_time={seconds}", f"-artifact_prefix={folders[0]}/../found/", "-print_final_stats=1"]
        if ends
        else ["-merge=1"]
    )
    instrumented(name, [*limits, *work, *folders])


def instrumented(name: str, words: list[str]) -> None:
    """Run libFuzzer with these words; to merge, it calls itself again by a script."""
    import atheris

    with atheris.instrument_imports(include=["overt.wire"]):
        from fuzz.targets import TARGETS
    target = TARGETS[name]

    def read(given: bytes) -> None:
        with contextlib.suppress(target.allowed):
            target.read(given)

    script = WORK / name / "again"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" again {name} "$@"\n')
    script.chmod(0o700)
    atheris.Setup([str(script), *words], read)
    atheris.Fuzz()


def check(name: str, path: Path) -> str:
    """What is wrong with how an input is read, asked of a Python of its own, which may hang."""
    command = [sys.executable, __file__, "check", name, str(path)]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()
    except subprocess.TimeoutExpired:
        return "more than 60 s"


def fuzz(name: str, seconds: int) -> tuple[str, int, list[str]]:
    """A target for so long, begun anew after each finding: its name, how many inputs it read, what was found."""
    place, ends, inputs, said = WORK / name, time.monotonic() + seconds, 0, []
    for folder in ("corpus", "seeds", "found"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    sow(name, place / "seeds")
    while time.monotonic() < ends - 1 and len(said) < MOST_FINDINGS:
        told = started(name, ends, place / "corpus", place / "seeds", kept(name))
        inputs += sum(int(line.split()[-1]) for line in told.splitlines() if "number_of_executed_units" in line)
        new = [path for path in (place / "found").iterdir() if path.is_file()]
        said += [f"{name}: {why}" for path in new if (why := settled(name, path))]
        if not new and "number_of_executed_units" not in told:
            return name, inputs, [*said, f"{name}: the fuzzer did not run:\n{told[-2000:]}"]
    return name, inputs, said


def started(name: str, ends: float, *folders: Path) -> str:
    """Run `one` in a process of its own; what it says."""
    command = [sys.executable, __file__, "one", name, str(ends), *map(str, folders)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=WORK / name)
    return ran.stdout.decode("utf-8", "replace")


def settled(name: str, path: Path) -> str:
    """What is wrong with an input that the fuzzer stopped at; kept for the tests when anything is."""
    why = check(name, path)
    if why:
        found = ROOT / "tests" / "corpus" / "fuzz" / "found"
        found.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, found / f"{name}-{path.name.rpartition('-')[2][:12]}")
        why += f" (tests/corpus/fuzz/found/{name}-{path.name.rpartition('-')[2][:12]})"
    path.unlink()
    return why


def kept(name: str) -> Path:
    """The inputs of a target that the repository keeps."""
    folder = ROOT / "tests" / "corpus" / "fuzz" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sow(name: str, folder: Path) -> None:
    """Write the seeds of a target."""
    from fuzz.targets import TARGETS

    for number, seed in enumerate(TARGETS[name].seeds()):
        (folder / f"{number:03}").write_bytes(seed)


def keep(name: str) -> None:
    """Replace what the repository keeps by the smallest inputs that reach as much; of too many the shortest stay."""
    fresh = WORK / name / "kept"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    started(name, 0, fresh, WORK / name / "corpus", WORK / name / "seeds", kept(name))
    chosen = sorted(fresh.iterdir(), key=lambda path: path.stat().st_size)[:MOST_KEPT]
    shutil.rmtree(kept(name))
    for path in chosen:
        content = path.read_bytes()
        (kept(name) / hashlib.sha256(content).hexdigest()[:12]).write_bytes(content)


def run(names: list[str], budget: int, keeping: bool) -> int:
    """Fuzz these targets, as many at once as there are processors. Returns 1 when something was found."""
    at_once = max(1, os.cpu_count() or 1)
    seconds = max(2, budget * at_once // len(names))
    with ThreadPoolExecutor(at_once) as pool:
        outcomes = list(pool.map(lambda name: fuzz(name, seconds), names))
    for name, inputs, said in outcomes:
        print(f"{name:10} {inputs:>10,} inputs in {seconds} s" + ("" if not said else f", {len(said)} findings"))
    findings = [why for _, _, said in outcomes for why in said]
    for name in names if keeping else ():
        keep(name)
    print("\n".join(findings) if findings else "nothing found")
    return 1 if findings else 0


def main() -> int:
    """Understand the command line."""
    command, *rest = sys.argv[1:]
    if command == "one":
        one(rest[0], float(rest[1]), rest[2:])
        return 0
    if command == "again":
        instrumented(rest[0], rest[1:])
        return 0
    from fuzz.targets import TARGETS
    from fuzz.verdicts import verdict

    if command == "check":
        print(verdict(TARGETS[rest[0]], Path(rest[1]).read_bytes()))
        return 0
    options = argparse.ArgumentParser(description="Fuzz what reads from strangers.")
    options.add_argument("--budget", type=int, default=3600, help="seconds for all together")
    options.add_argument("--keep", action="store_true", help="renew tests/corpus/fuzz")
    options.add_argument("names", nargs="*", metavar="NAME")
    chosen = options.parse_args(rest)
    return run(chosen.names or list(TARGETS), chosen.budget, chosen.keep)


if __name__ == "__main__":
    sys.exit(main())
