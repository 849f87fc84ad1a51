"""Randomness is given out once."""

from __future__ import annotations

import os

from overt.adapters.randomness import HELPING, Randomness


def test_no_bytes_are_given_twice_and_helpings_follow_each_other() -> None:
    pool = Randomness()
    given = [pool.take(10) for _ in range(3 * HELPING // 10)]
    assert len(set(given)) == len(given) and {len(one) for one in given} == {10}
    assert len(pool.token()) == 16 and pool.token() != pool.token()


def test_a_forked_child_does_not_repeat_its_parent() -> None:
    pool = Randomness()
    pool.take(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, pool.take(16))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16) != pool.take(16)
