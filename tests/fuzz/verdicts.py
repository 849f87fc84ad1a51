"""Whether a reader stood an input: quickly enough, in little memory, and raising only what it may."""

from __future__ import annotations

import contextlib
import time
import tracemalloc

from fuzz.targets import Target

MOST_SECONDS, MOST_BYTES = 1.0, 200_000_000


def verdict(target: Target, given: bytes) -> str:
    """What is wrong with how an input was read; empty when nothing is."""
    tracemalloc.start()
    began = time.process_time()
    try:
        target.read(given)
    except target.allowed:
        pass
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return f"{type(error).__name__}: {error}"
    finally:
        took, (_, most) = time.process_time() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    if most > MOST_BYTES:
        return f"{most / 1e6:.0f} MB"
    # Tracing memory makes everything slower: who took long is timed again without.
    return slowness(target, given) if took > MOST_SECONDS else ""


def slowness(target: Target, given: bytes) -> str:
    """How long an input took, when that is too long."""
    began = time.process_time()
    with contextlib.suppress(target.allowed):
        target.read(given)
    took = time.process_time() - began
    return f"{took:.1f} s" if took > MOST_SECONDS else ""
