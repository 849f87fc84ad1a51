"""The notary: the only sequencer of the ledger and the only holder of its signing key. Group commit within 5 ms."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from overt import protocol
from overt.adapters.ledger_files import LedgerFiles, PersonalRow, checkpoint_of
from overt.adapters.unix_frames import Asker
from overt.ledger.checkpoint import origin_of, sign
from overt.ledger.entry import SALT_BYTES, Entry, EntryBroken, commitment, write_entry
from overt.ports import NotDurable

GROUP_S = 0.003
MOST_KNOWN = 200_000  # a day's calls by the hundred thousand must not fill the memory
LARGEST_GROUP = 512


class _Identity(msgspec.Struct):
    """What the notary remembers of an entry; whoever verifies reads all of it."""

    id: str


def _identities(lines: Sequence[bytes]) -> OrderedDict[str, int]:
    """The index of the newest entries by their facts' ids. Raises EntryBroken for a line that is no entry."""
    reader = msgspec.json.Decoder(_Identity)
    found: OrderedDict[str, int] = OrderedDict()
    try:
        for index, line in enumerate(lines):
            found[reader.decode(line).id] = index
            if len(found) > MOST_KNOWN:
                found.popitem(last=False)
        return found
    except msgspec.DecodeError as error:
        raise EntryBroken(f"a line of the log is no entry: {error}") from error


class Notary:
    """Takes facts, makes them entries, answers when they are durable. A fact's id enters once, however often it comes.

    It is known again for as long as it is among the newest MOST_KNOWN: whoever tries again does so within minutes.
    """

    def __init__(self, files: LedgerFiles, key: Ed25519PrivateKey, tenant: str, now_us: Callable[[], int]) -> None:
        self._files, self._key, self._tenant, self._now_us = files, key, tenant, now_us
        self._origin = origin_of(tenant, key.public_key().public_bytes_raw())
        self._known = _identities(files.lines)
        self._waiting: list[tuple[protocol.Append, asyncio.Future[protocol.Frame]]] = []
        self._note, self._published = "", -1
        self._wake = asyncio.Event()
        self._commits = self._failures = self._commit_us = self._worst_us = 0
        self._publish()

    def _publish(self) -> None:
        self._note = sign(checkpoint_of(self._files.tree, self._origin), self._key)
        self._files.publish(self._note)
        self._published = self._files.tree.size

    def said(self) -> Mapping[str, Mapping[str, int | float]]:
        """What the notary says of itself: entries, commits and how long they took; the worst one since this was asked last."""
        worst, self._worst_us = self._worst_us, 0
        return {
            "counters": {
                "ledger_commits": self._commits, "ledger_commit_failures": self._failures,
                "ledger_commit_microseconds": self._commit_us,
            },
            "gauges": {
                "ledger_entries": self._files.tree.size, "ledger_waiting": len(self._waiting),
                "ledger_commit_worst_seconds": worst / 1e6,
            },
        }  # fmt: skip

    async def handle(self, frame: protocol.AnyFrame, _: Asker) -> protocol.Frame:
        """Answer one frame."""
        match frame:
            case protocol.Append() if frame.tenant != self._tenant:
                return protocol.Failed(why=f"this notary keeps the ledger of {self._tenant}")
            case protocol.Append():
                future: asyncio.Future[protocol.Frame] = asyncio.get_running_loop().create_future()
                self._waiting.append((frame, future))
                self._wake.set()
                return await future
            case protocol.Prove(index=index) if 0 <= index < self._published == self._files.tree.size:
                return self._receipt(index)
            case protocol.Prove():
                return protocol.Failed(why="no such entry")
        return protocol.Failed(why="not a frame for a notary")

    async def commit_forever(self) -> None:
        """Commit what waits, in groups."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GROUP_S)
            group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
            if not self._waiting:
                self._wake.clear()
            began = time.perf_counter_ns()
            self._commit(group)
            took_us = (time.perf_counter_ns() - began) // 1000
            self._commits, self._commit_us = self._commits + 1, self._commit_us + took_us
            self._worst_us = max(self._worst_us, took_us)

    def _commit(self, group: list[tuple[protocol.Append, asyncio.Future[protocol.Frame]]]) -> None:
        lines: list[bytes] = []
        personal: list[PersonalRow] = []
        fresh: dict[str, int] = {}
        broken: dict[str, str] = {}
        for append, _ in group:
            if append.id in fresh:
                continue
            if append.id in self._known:
                self._known.move_to_end(append.id)
                continue
            index = self._files.tree.size + len(lines)
            try:
                line, rows = self._written(append, index)
            except EntryBroken as error:
                broken[append.id] = str(error)
                continue
            lines.append(line)
            personal += rows
            fresh[append.id] = index
        try:
            if lines:
                self._files.append(lines, personal)
                self._remember(fresh)
            if self._published < self._files.tree.size:
                self._publish()
        except NotDurable as error:
            self._failures += 1
            failed = protocol.Failed(why=error.why, retry=True)
            self._answer(group, lambda _: failed)
            return
        self._answer(group, lambda append: self._reply(append, broken))

    def _remember(self, fresh: Mapping[str, int]) -> None:
        self._known.update(fresh)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _reply(self, append: protocol.Append, broken: dict[str, str]) -> protocol.Frame:
        if append.id in broken:
            return protocol.Failed(why=broken[append.id])
        return self._receipt(self._known[append.id])

    def _answer(
        self,
        group: list[tuple[protocol.Append, asyncio.Future[protocol.Frame]]],
        reply: Callable[[protocol.Append], protocol.Frame],
    ) -> None:
        for append, future in group:
            if not future.done():
                future.set_result(reply(append))

    def _written(self, append: protocol.Append, index: int) -> tuple[bytes, list[PersonalRow]]:
        rows = [
            PersonalRow(index, field, secrets.token_bytes(SALT_BYTES), value)
            for field, value in sorted(append.personal.items())
        ]
        entry = Entry(
            append.id, append.tenant, append.kind, append.at_us, self._now_us(), append.call, append.body,
            {row.field: commitment(row.salt, row.value) for row in rows},
        )  # fmt: skip
        return write_entry(entry), rows

    def _receipt(self, index: int) -> protocol.Entered:
        tree = self._files.tree
        return protocol.Entered(
            index=index,
            entry=self._files.lines[index],
            size=tree.size,
            proof=tree.inclusion(index),
            checkpoint=self._note,
        )
