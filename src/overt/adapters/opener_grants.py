"""Whether a grant opens: checked from receipts alone, trusting nobody's word.

Not the asker's word for who they are: the kernel tells the uid, and the ledger tells of the console's accounts. Not for
what was granted: the ledger's signature tells. Not for what the caller of the recording was told: another receipt does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from overt.adapters.opener_accounts import ACCOUNT_KINDS, AccountEntries
from overt.domain.access import HEARS, Actor, Denied, Resource, may
from overt.ledger.checkpoint import CheckpointBroken, VerifierKey, verify
from overt.ledger.entry import Entry, EntryBroken, read_entry
from overt.ledger.merkle import included, leaf_hash
from overt.protocol import BeginOpening, Entered
from overt.services.listening import NotOpened, listeners_of
from overt.vault.unseal import AuthenticatedEnd

GRANT_LIVES_US = 5 * 60 * 1_000_000
CLOCKS_DIFFER_US = 5 * 1_000_000
MOST_GRANTS_A_MINUTE = 30
ENDS = ("recording.closed", "recording.interrupted")


@dataclass(frozen=True, slots=True)
class Accounts:
    """Whom the opener answers: accounts by uid, and the key that signs the ledger's checkpoints.

    A process of the opener's own uid, `own_uid`, may also speak for accounts of the console, whose entries stand in
    the ledger; None where there is no console.
    """

    by_uid: Mapping[int, Actor]
    notary: VerifierKey
    own_uid: int = -1
    console: AccountEntries | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """An entry that a receipt proved to stand in the ledger."""

    index: int
    line: bytes
    entry: Entry


@dataclass(frozen=True, slots=True)
class Granted:
    """What a grant opens: which milliseconds of which recording, to which end, for whom.

    `account` is the entry of an account of the console, None for one of the settings.
    """

    tenant: str
    recording: str
    from_ms: int
    to_ms: int
    end: AuthenticatedEnd | None
    actor: str
    grant: Proven
    account: Proven | None = None


class OpenerDesk:
    """Decides on grants. Remembers which were used; those entered before it started it does not know, so refuses."""

    def __init__(self, accounts: Accounts, now_us: Callable[[], int]) -> None:
        self._accounts, self._now_us = accounts, now_us
        self._started_us = now_us()
        self._used: set[int] = set()
        self._recent: dict[str, deque[int]] = {}

    def decide(self, uid: int, request: BeginOpening) -> Granted:
        """Return what a grant opens, and use it up. Raises NotOpened. `stands` is still to be asked."""
        grant = self._proven(request.grant)
        backing = [self._proven(one) for one in request.backing]
        actor, account = self._actor(uid, grant.entry, backing)
        self._not_too_fast(actor.name)
        self._fits(grant.entry, request, actor)
        _may(actor, grant.entry, backing)
        if grant.index in self._used:
            raise NotOpened(f"the grant at entry {grant.index} was used; ask for another")
        self._used.add(grant.index)
        body = grant.entry.body
        return Granted(
            request.tenant, request.recording, body["from_ms"], body["to_ms"], _authenticated_end(grant.entry, backing),
            actor.name, grant, account,
        )  # fmt: skip

    def stands(self, granted: Granted) -> Iterator[None]:
        """See in the ledger's log, in steps, that the account's entry is still its newest. Raises NotOpened."""
        account, known = granted.account, self._accounts.console
        if account is None or known is None:
            return
        yield from known.catch_up()
        if known.newest(granted.actor) != (account.index, account.line):
            raise NotOpened(f"the account {granted.actor} was changed or closed since; sign in again")

    def entered(self, granted: Granted) -> None:
        """Raise NotOpened unless the log, once caught up with, holds the grant itself at its place."""
        known = self._accounts.console
        if (
            granted.account is not None
            and known is not None
            and known.granted(granted.grant.index) != granted.grant.line
        ):
            raise NotOpened("the ledger's log does not hold the grant: it is behind, or was cut")

    def _proven(self, receipt: Entered) -> Proven:
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
        return Proven(receipt.index, receipt.entry, entry)

    def _actor(self, uid: int, grant: Entry, backing: Sequence[Proven]) -> tuple[Actor, Proven | None]:
        """Whom a process speaks for: the settings' account of its uid, or the console's that comes with its entry."""
        stated = [one for one in backing if one.entry.kind in ACCOUNT_KINDS]
        if not stated:
            actor = self._accounts.by_uid.get(uid)
            if actor is None:
                raise NotOpened(f"no account is bound to the user id {uid}")
            return actor, None
        if uid != self._accounts.own_uid or self._accounts.console is None:
            raise NotOpened(f"the user id {uid} may not speak for accounts of the console")
        return _console_account(grant, stated[0].entry), stated[0]

    def _not_too_fast(self, name: str) -> None:
        recent, now = self._recent.setdefault(name, deque()), self._now_us()
        while recent and not 0 <= now - recent[0] <= 60_000_000:
            recent.popleft()
        if len(recent) >= MOST_GRANTS_A_MINUTE:
            raise NotOpened(f"more than {MOST_GRANTS_A_MINUTE} recordings a minute; wait a little")
        recent.append(now)

    def _fits(self, grant: Entry, request: BeginOpening, actor: Actor) -> None:
        now, body = self._now_us(), grant.body
        wrongs = {
            "the entry is no grant": grant.kind != "listening.granted",
            "the grant is for another recording": (grant.tenant, body.get("recording"))
            != (request.tenant, request.recording),
            "the grant is for somebody else": body.get("actor") != actor.name,
            "the grant is for no part that there can be": not _is_part(body.get("from_ms"), body.get("to_ms")),
            "the grant is too old": now - grant.entered_us > GRANT_LIVES_US,
            "the grant is from the future": grant.entered_us - now > CLOCKS_DIFFER_US,
            "the grant is older than this opener, which cannot know whether it was used": grant.entered_us
            < self._started_us,
        }
        for why, wrong in wrongs.items():
            if wrong:
                raise NotOpened(why)


def _is_part(from_ms: object, to_ms: object) -> bool:
    if type(from_ms) is not int or type(to_ms) is not int:
        return False
    return from_ms >= 0 and (to_ms == -1 or to_ms > from_ms)


def _console_account(grant: Entry, account: Entry) -> Actor:
    """The account as its entry states it, when it is the one that was granted something, and open."""
    body = account.body
    wrongs = {
        "the account is another tenant's": account.tenant != grant.tenant,
        "the grant is for somebody else": body.get("account") != grant.body.get("actor"),
        "the grant is for another role than the account has": body.get("role") != grant.body.get("role"),
        "the account is closed": body.get("state") != "active",
    }
    for why, wrong in wrongs.items():
        if wrong:
            raise NotOpened(why)
    return Actor(str(body["account"]), str(body["role"]), agent=str(body.get("agent", "")))


def _may(actor: Actor, grant: Entry, backing: Sequence[Proven]) -> None:
    told = [
        one.entry for one in backing if one.entry.kind == "recording.permitted" and _same_recording(one.entry, grant)
    ]
    if not told:
        raise NotOpened("the receipt of the recording's permit is missing")
    body, action = grant.body, str(grant.body.get("action"))
    if action not in HEARS:
        raise NotOpened(f"to {action} a recording opens nothing")
    permit = told[0].body
    resource = Resource(
        "recording", told=str(permit.get("told_purpose", "")), listeners=listeners_of(permit),
        policy=str(permit.get("policy", "")),
    )  # fmt: skip
    verdict = may(
        actor, action, resource, purpose=str(body.get("purpose")), document=str(body.get("document", ""))
    )  # fmt: skip
    if isinstance(verdict, Denied):
        raise NotOpened(verdict.reason)


def _same_recording(one: Entry, grant: Entry) -> bool:
    return one.tenant == grant.tenant and one.body.get("recording") == grant.body.get("recording")


def _authenticated_end(grant: Entry, backing: Sequence[Proven]) -> AuthenticatedEnd | None:
    """The end that the ledger states, when it was passed; without, the recording must carry its own END record."""
    for one in backing:
        if one.entry.kind in ENDS and _same_recording(one.entry, grant):
            return AuthenticatedEnd(int(one.entry.body["chunks"]), str(one.entry.body["head"]))
    return None
