"""The pool of media ports, with real sockets on loopback."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from overt.adapters.rtp_ports import REST_NS, Pair, PortPool
from overt.ports import Unavailable


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


def free_range(pairs: int) -> int:
    """The first, even port of a range that is free now."""
    while True:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1] & ~1
        try:
            for port in range(first, first + 2 * pairs):
                with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def close(*pairs: Pair) -> None:
    for pair in pairs:
        pair.rtp.close()
        pair.rtcp.close()


def test_pairs_are_even_and_odd_and_the_range_is_the_limit() -> None:
    first = free_range(2)
    pool = PortPool("127.0.0.1", first, first + 3, Clock())
    one, other = pool.take(), pool.take()
    assert [one.port, other.port] == [first, first + 2] and pool.open_pairs == 2
    assert one.rtp.getsockname()[1] % 2 == 0 and one.rtcp.getsockname()[1] == one.port + 1
    with pytest.raises(Unavailable, match="rtp_first"):
        pool.take()
    close(one, other)


def test_an_odd_first_port_is_passed_over() -> None:
    first = free_range(2)
    pool = PortPool("127.0.0.1", first - 1, first + 1, Clock())
    pair = pool.take()
    assert pair.port == first
    close(pair)


def test_a_freed_pair_rests_and_comes_last() -> None:
    first, clock = free_range(3), Clock()
    pool = PortPool("127.0.0.1", first, first + 5, clock)
    pair = pool.take()
    pool.free(pair)
    pool.free(pair)  # twice is once
    assert pool.open_pairs == 0 and pair.rtp.fileno() == -1
    second, third = pool.take(), pool.take()
    assert [second.port, third.port] == [first + 2, first + 4]
    with pytest.raises(Unavailable):
        pool.take()
    clock.now = REST_NS
    again = pool.take()
    assert again.port == first
    close(second, third, again)


def test_a_port_that_somebody_else_has_is_passed_over() -> None:
    first = free_range(2)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as theirs:
        theirs.bind(("127.0.0.1", first + 1))
        pair = PortPool("127.0.0.1", first, first + 3, Clock()).take()
    assert pair.port == first + 2
    close(pair)


def test_a_pair_of_a_predecessor_is_not_bound_again() -> None:
    first = free_range(2)
    theirs = PortPool("127.0.0.1", first, first + 3, Clock()).take()
    pool = PortPool("127.0.0.1", first, first + 3, Clock())
    adopted = pool.adopt(theirs.rtp, theirs.rtcp)
    other = pool.take()
    assert (adopted.port, other.port, pool.open_pairs) == (first, first + 2, 2)
    close(adopted, other)
