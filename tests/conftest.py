"""What all tests share: real programs, demanded in CI and asked for elsewhere."""

from __future__ import annotations

import os
import shutil

import pytest


def needs_program(name: str) -> None:
    """Skip loudly where a real program is missing; fail in CI, where it must be there."""
    if shutil.which(name) is not None:
        return
    message = f"needs the program {name}, which this machine lacks: `make install-peers` (root) installs it"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
