"""Strangers and scanners: who gets one answer, who gets silence, who is held up. What is kept of them is bounded."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Literal

Treatment = Literal["refuse", "silence", "slow"]
# Programs that look for doors, by what they call themselves (or what others call them).
TOOLS = re.compile(
    r"friendly-scanner|friendly-request|sipvicious|sundayddr|sip-?scan|sipcli|pplsip|vaxsipuseragent|svmap|smap|iwar|"
    r"sivus|gulp|sipv|siparmyknife|sipptk|eyebeam-scan|masscan|zmap|nmap|mr\.?sip",
    re.IGNORECASE,
)
SECOND = 1_000_000_000
MOST_HOSTS = 20_000
MANY = 20  # attempts within WINDOW that make somebody a scanner
WINDOW = 60 * SECOND
REMEMBERED = 3600 * SECOND
MOST_REFUSALS = 50  # a second, to all strangers together: sources can be forged, and we answer nobody in another's name


@dataclass(slots=True)
class Attempts:
    """What one source did. Times in ns."""

    since: int
    count: int = 0
    refused_at: int = -REMEMBERED
    scanner_until: int = 0


class Scanners:
    """Judges those whom we do not know, each by its address (IPv6: by its /64, of which one machine has all)."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, Attempts] = OrderedDict()
        self._second, self._refusals = 0, 0

    def __len__(self) -> int:
        return len(self._seen)

    def held(self, host: str, now: int) -> bool:
        """Whether a source is a scanner already: nothing of it needs to be read."""
        one = self._seen.get(source_of(host))
        if one is None or now >= one.scanner_until:
            return False
        self._seen.move_to_end(source_of(host))
        return True

    def judge(self, host: str, method: str, tool: str, now: int) -> Treatment:
        """What an attempt deserves. `tool` is what the sender calls itself."""
        one = self._attempt(host, now)
        if TOOLS.search(tool) or one.count >= MANY:
            one.scanner_until = now + REMEMBERED
            return "slow"
        if method in ("OPTIONS", "ACK", "") or now - one.refused_at < REMEMBERED or not self._may_answer(now):
            return "silence"
        one.refused_at = now
        return "refuse"

    def _attempt(self, host: str, now: int) -> Attempts:
        source = source_of(host)
        one = self._seen.get(source)
        if one is None:
            one = self._seen[source] = Attempts(now)
            if len(self._seen) > MOST_HOSTS:
                self._seen.popitem(last=False)
        self._seen.move_to_end(source)
        if now - one.since > WINDOW:
            one.since, one.count = now, 0
        one.count += 1
        return one

    def _may_answer(self, now: int) -> bool:
        if now // SECOND != self._second:
            self._second, self._refusals = now // SECOND, 0
        self._refusals += 1
        return self._refusals <= MOST_REFUSALS

    def failed(self, host: str, now: int) -> bool:
        """Count an INVITE of somebody who may yet prove himself; True when it was one too many."""
        one = self._attempt(host, now)
        if one.count >= MANY:
            one.scanner_until = now + REMEMBERED
        return one.count >= MANY

    def forgive(self, host: str) -> None:
        """Somebody proved who he is."""
        self._seen.pop(source_of(host), None)


def source_of(host: str) -> str:
    """What tells sources apart: an IPv4 address, the /64 of an IPv6 one."""
    if ":" not in host:
        return host
    try:
        written = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(written, IPv6Address) and written.ipv4_mapped is None:
        return written.exploded[:19]
    return str(written.ipv4_mapped) if isinstance(written, IPv6Address) else host
