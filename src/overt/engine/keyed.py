"""What opens and seals the packets of an encrypted leg. It lives as long as the keys: a hold or a new address keep it."""

from __future__ import annotations

from collections.abc import Callable

from overt.protocol import Keys
from overt.wire.rtp.srtp import Protector, Unprotector

OnRoll = Callable[[int, int], None]  # source, its rollover counter


class Keyed:
    """The keys of one leg at work. Raises ValueError when a key does not fit the suite."""

    def __init__(self, keys: Keys, opener: Unprotector, sealer: Protector) -> None:
        self.keys, self.opener, self.sealer = keys, opener, sealer
        self.open, self.open_report = opener.rtp, opener.rtcp
        self.seal, self.seal_report, self.follows = sealer.rtp, sealer.rtcp, sealer.follows


def keyed(before: Keyed | None, keys: Keys | None, on_roll: OnRoll) -> Keyed | None:
    """What a leg works with from now on: None in the clear; of what was before, all that has the same key.

    Raises ValueError when a key does not fit the suite.
    """
    if keys is None:
        return None
    if before is None or before.keys.suite != keys.suite:
        opener = Unprotector(keys.suite, keys.receive, keys.rocs, on_roll)
        return Keyed(keys, opener, Protector(keys.suite, keys.send))
    opener, sealer = before.opener, before.sealer
    if keys.receive != before.keys.receive:
        opener = Unprotector(keys.suite, keys.receive, opener.rocs, on_roll)
    if keys.send != before.keys.send:
        sealer = Protector(keys.suite, keys.send)
    return Keyed(keys, opener, sealer)
