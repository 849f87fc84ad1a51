"""Every input that the fuzzer ever stopped at, and those that reach most, read again: a second each at the most."""

from __future__ import annotations

import pytest

from fuzz.targets import CORPUS, TARGETS
from fuzz.verdicts import verdict

FOUND = sorted((CORPUS / "found").glob("*")) if (CORPUS / "found").exists() else []


@pytest.mark.parametrize("name", TARGETS)
def test_what_the_fuzzer_kept_is_read_or_refused(name: str) -> None:
    kept = sorted((CORPUS / name).glob("*"))
    assert kept, f"no inputs kept for {name}: make fuzz ARGS=--keep"
    for given in (*TARGETS[name].seeds(), *(path.read_bytes() for path in kept)):
        assert verdict(TARGETS[name], given) == ""


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_the_fuzzer_found_stays_mended(path: object) -> None:
    assert verdict(TARGETS[path.name.rpartition("-")[0]], path.read_bytes()) == ""  # type: ignore[attr-defined]
