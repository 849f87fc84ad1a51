"""The opener's door: who may have which recording opened, checked from receipts alone, and chunks given in order.

It trusts nobody: not the caller's word for who they are (the kernel tells the uid), not for what was granted
(the ledger's signature tells), not for what the caller of the recording was told (another receipt does). A grant
opens one recording once. What it gives are chunks in their order; keys never leave it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from overt.adapters.sealed_files import SealedFiles
from overt.adapters.sqlite_erasures import SqliteErasures
from overt.adapters.unix_frames import Asker
from overt.domain.access import Actor, Denied, may
from overt.ledger.checkpoint import CheckpointBroken, VerifierKey, verify
from overt.ledger.entry import Entry, EntryBroken, read_entry
from overt.ledger.merkle import included, leaf_hash
from overt.ports import Unavailable
from overt.protocol import AnyFrame, Chunks, Entered, Failed, Frame, OpenChunks
from overt.vault.format import Record, SealBroken
from overt.vault.keys import OpeningKey, WrongKey
from overt.vault.unseal import AuthenticatedEnd, unseal

GRANT_LIVES_US = 5 * 60 * 1_000_000
CLOCKS_DIFFER_US = 5 * 1_000_000
MOST_GRANTS_A_MINUTE = 30
MOST_AT_ONCE = 16
MOST_PIECES = 1024  # so that small chunks fit a frame together with their numbers
IDLE_US = 60 * 1_000_000
PIECE = 128 * 1024
ENDS = ("recording.closed", "recording.interrupted")
_log = logging.getLogger("overt.opener")
Piece = tuple[int, int, bytes]


class NotOpened(Exception):
    """The opener will not, or cannot, open. The text says why, and holds no content."""


@dataclass(frozen=True, slots=True)
class Vault:
    """What the opener holds: its key, the register of erasure secrets, the sealed recordings."""

    key: OpeningKey
    erasures: SqliteErasures
    recordings: SealedFiles


@dataclass(frozen=True, slots=True)
class Accounts:
    """Whom the opener answers: accounts by uid, and the key that signs the ledger's checkpoints."""

    by_uid: Mapping[int, Actor]
    notary: VerifierKey


class OpenerDesk:
    """Decides on grants. Remembers which were used; those entered before it started it does not know, so refuses."""

    def __init__(self, vault: Vault, accounts: Accounts, now_us: Callable[[], int]) -> None:
        self._vault, self._accounts, self._now_us = vault, accounts, now_us
        self._started_us = now_us()
        self._used: set[int] = set()
        self._recent: dict[int, deque[int]] = {}

    def open(self, uid: int, request: OpenChunks) -> Iterator[Piece]:
        """Return the pieces of the recording that a grant names. Uses the grant up. Raises NotOpened."""
        actor = self._accounts.by_uid.get(uid)
        if actor is None:
            raise NotOpened(f"no account is bound to the user id {uid}")
        self._not_too_fast(uid)
        grant = self._proven(Entered(
            index=request.index, entry=request.entry, size=request.size, proof=request.proof, checkpoint=request.checkpoint
        ))  # fmt: skip
        self._fits(grant, request, actor)
        backing = [self._proven(one) for one in request.backing]
        self._may(grant, actor, backing)
        if request.index in self._used:
            raise NotOpened(f"the grant at entry {request.index} was used; ask for another")
        self._used.add(request.index)
        return self._pieces(request.tenant, request.recording, _authenticated_end(grant, backing))

    def _not_too_fast(self, uid: int) -> None:
        recent, now = self._recent.setdefault(uid, deque()), self._now_us()
        while recent and not 0 <= now - recent[0] <= 60_000_000:
            recent.popleft()
        if len(recent) >= MOST_GRANTS_A_MINUTE:
            raise NotOpened(f"more than {MOST_GRANTS_A_MINUTE} recordings a minute; wait a little")
        recent.append(now)

    def _proven(self, receipt: Entered) -> Entry:
        """Return the entry that a receipt proves to stand in the ledger."""
        try:
            checkpoint = verify(receipt.checkpoint, self._accounts.notary)
            entry = read_entry(receipt.entry)
        except (CheckpointBroken, EntryBroken) as error:
            raise NotOpened(f"the receipt does not hold: {error}") from error
        leaf = leaf_hash(receipt.entry)
        if checkpoint.size != receipt.size or not included(
            leaf, receipt.index, receipt.size, receipt.proof, checkpoint.root
        ):
            raise NotOpened("the receipt does not hold: the entry is not in the tree that was signed")
        return entry

    def _fits(self, grant: Entry, request: OpenChunks, actor: Actor) -> None:
        now, body = self._now_us(), grant.body
        wrongs = {
            "the entry is no grant": grant.kind != "listening.granted",
            "the grant is for another recording": (grant.tenant, body.get("recording"))
            != (request.tenant, request.recording),
            "the grant is for somebody else": body.get("actor") != actor.name,
            "the grant is for part of the recording, and parts are not given yet": body.get("from_ms") != 0
            or body.get("to_ms") != -1,
            "the grant is too old": now - grant.entered_us > GRANT_LIVES_US,
            "the grant is from the future": grant.entered_us - now > CLOCKS_DIFFER_US,
            "the grant is older than this opener, which cannot know whether it was used": grant.entered_us
            < self._started_us,
        }
        for why, wrong in wrongs.items():
            if wrong:
                raise NotOpened(why)

    def _may(self, grant: Entry, actor: Actor, backing: list[Entry]) -> None:
        told = [one for one in backing if one.kind == "recording.permitted" and _same_recording(one, grant)]
        if not told:
            raise NotOpened("the receipt of the recording's permit is missing")
        body = grant.body
        verdict = may(
            actor, str(body.get("action")), purpose=str(body.get("purpose")), told=str(told[0].body.get("told_purpose", "")),
            document=str(body.get("document", "")),
        )  # fmt: skip
        if isinstance(verdict, Denied):
            raise NotOpened(verdict.reason)

    def _pieces(self, tenant: str, recording: str, end: AuthenticatedEnd | None) -> Iterator[Piece]:
        """Yield pieces no larger than `PIECE`. Raises NotOpened as soon as anything is not as it was sealed."""
        try:
            secret = self._vault.erasures.read(tenant, recording)
            if secret is None:
                raise NotOpened(f"recording {recording} was erased: its erasure secret is gone")
            records = self._vault.recordings.records(tenant, recording)
            header = next(iter(records), None)
            if header is None:
                raise NotOpened(f"recording {recording} is empty")
            yield 0, 0, header.body
            for opened in unseal(_again(header, records), self._vault.key, secret, end):
                for begin in range(0, max(len(opened.plaintext), 1), PIECE):
                    yield opened.track, opened.index, opened.plaintext[begin : begin + PIECE]
        except (SealBroken, WrongKey, Unavailable) as error:
            raise NotOpened(f"recording {recording} cannot be opened: {error}") from error


def _again(first: Record, rest: Iterator[Record]) -> Iterator[Record]:
    yield first
    yield from rest


def _same_recording(one: Entry, grant: Entry) -> bool:
    return one.tenant == grant.tenant and one.body.get("recording") == grant.body.get("recording")


def _authenticated_end(grant: Entry, backing: list[Entry]) -> AuthenticatedEnd | None:
    """The end that the ledger states, when it was passed; without, the recording must carry its own END record."""
    for one in backing:
        if one.kind in ENDS and _same_recording(one, grant):
            return AuthenticatedEnd(int(one.body["chunks"]), str(one.body["head"]))
    return None


@dataclass(slots=True)
class _Cursor:
    """One grant under way: the pieces left, the one that did not fit the last frame."""

    pieces: Iterator[Piece]
    touched_us: int
    held: Piece | None = None

    def draw(self) -> Piece | None:
        piece, self.held = self.held or next(self.pieces, None), None
        return piece


class OpenerCounter:
    """Answers the requests of all connections (unix_frames.FrameServer): each grant is given in order, once."""

    def __init__(self, desk: OpenerDesk, now_us: Callable[[], int]) -> None:
        self._desk, self._now_us = desk, now_us
        self._cursors: dict[tuple[int, int], _Cursor] = {}  # by uid and grant

    async def answer(self, request: AnyFrame, asker: Asker) -> Frame:
        """Return the reply to a request. Never raises for what was asked."""
        if not isinstance(request, OpenChunks):
            return Failed(why="the opener opens chunks, nothing else")
        try:
            return self._next((asker.uid, request.index), request)
        except NotOpened as refused:
            self._cursors.pop((asker.uid, request.index), None)
            _log.warning("not opened for uid %d: %s", asker.uid, refused)
            return Failed(why=str(refused))

    def _cursor(self, key: tuple[int, int], request: OpenChunks) -> _Cursor:
        now = self._now_us()
        for idle in [known for known, one in self._cursors.items() if now - one.touched_us > IDLE_US]:
            del self._cursors[idle]
        cursor = self._cursors.get(key)
        if cursor is None:
            if len(self._cursors) >= MOST_AT_ONCE:
                raise NotOpened("too many recordings are being opened; wait a little")
            cursor = self._cursors[key] = _Cursor(self._desk.open(key[0], request), now)
        cursor.touched_us = now
        return cursor

    def _next(self, key: tuple[int, int], request: OpenChunks) -> Chunks:
        """As many pieces as were asked for and fit one frame."""
        cursor = self._cursor(key, request)
        given: list[Piece] = []
        room = PIECE
        while len(given) < min(max(request.count, 1), MOST_PIECES):
            piece = cursor.draw()
            if piece is None:
                del self._cursors[key]
                return Chunks(chunks=tuple(given), last=True)
            if piece[1] < request.first:
                raise NotOpened(f"chunk {request.first} was asked for, {piece[1]} is next: chunks come in order")
            if len(piece[2]) > room:
                cursor.held = piece
                break
            room -= len(piece[2])
            given.append(piece)
        return Chunks(chunks=tuple(given), last=False)
