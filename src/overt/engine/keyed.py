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


Sealers = dict[tuple[str, bytes], Protector]  # of one leg, by suite and key


def keyed(before: Keyed | None, keys: Keys | None, on_roll: OnRoll, sealers: Sealers) -> Keyed | None:
    """What a leg works with from now on: None in the clear; of what was before, all that has the same key.

    `sealers` are all that the leg ever had: a key that comes back, after another suite or a while in the clear, goes on
    where it was, for a sealer that began anew would use its key stream twice. Raises ValueError when a key does not fit the
    suite.
    """
    if keys is None:
        return None
    opener = before.opener if before is not None and before.keys.suite == keys.suite else None
    if opener is None or before is None or keys.receive != before.keys.receive:
        opener = Unprotector(keys.suite, keys.receive, opener.rocs if opener else keys.rocs, on_roll)
    sealer = sealers.get((keys.suite, keys.send)) or Protector(keys.suite, keys.send)
    sealers[keys.suite, keys.send] = sealer
    return Keyed(keys, opener, sealer)
