"""Accounts, sessions and attempts to sign in, in the database."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from overt.adapters.database import storable, work
from overt.adapters.tables import accounts, attempts, sessions
from overt.services.accounts import Account
from overt.services.signing_in import WebSession

_KEPT_ATTEMPTS_US = 30 * 24 * 3600 * 1_000_000


class SqlAccounts:
    """Implements accounts.AccountRegister and signing_in.WebSessions."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find(self, tenant: str, name: str) -> Account | None:
        """Return one account, or None."""
        with work(self._engine) as rows:
            row = rows.execute(sa.select(accounts).where(_account(tenant, storable(name)))).mappings().first()
        return None if row is None else _read(row)

    def all(self, tenant: str) -> Sequence[Account]:
        """Return all accounts, by name."""
        with work(self._engine) as rows:
            asked = sa.select(accounts).where(accounts.c.tenant == tenant).order_by(accounts.c.name)
            return [_read(row) for row in rows.execute(asked).mappings()]

    def keep(self, account: Account) -> None:
        """Add the account or put it in the place of what stood there."""
        fields = {name: getattr(account, name) for name in Account.__slots__}
        fields["totp_secret"] = account.totp_secret or None
        with work(self._engine) as rows:
            if not rows.execute(
                sa.update(accounts).where(_account(account.tenant, account.name)).values(fields)
            ).rowcount:
                rows.execute(sa.insert(accounts).values(fields))

    def exchange(self, before: Account, after: Account) -> bool:
        """Put one account in the place of another, if that still stands there as it was."""
        was = [accounts.c[name] == getattr(before, name) for name in Account.__slots__ if name != "totp_secret"]
        secret = accounts.c.totp_secret
        was.append(secret == before.totp_secret if before.totp_secret else secret.is_(None))
        fields = {name: getattr(after, name) for name in Account.__slots__}
        fields["totp_secret"] = after.totp_secret or None
        with work(self._engine) as rows:
            return bool(rows.execute(sa.update(accounts).where(*was).values(fields)).rowcount)

    def end_sessions(self, tenant: str, name: str, but: str = "") -> None:
        """End an account's sessions, save one."""
        mine = sa.and_(sessions.c.tenant == tenant, sessions.c.account == name, sessions.c.token_sha256 != but)
        with work(self._engine) as rows:
            rows.execute(sa.delete(sessions).where(mine))

    def forget_attempts(self, tenant: str, name: str) -> None:
        """Forget the attempts of a name."""
        with work(self._engine) as rows:
            rows.execute(sa.delete(attempts).where(attempts.c.tenant == tenant, attempts.c.account == name))

    def find_session(self, token_sha256: str) -> WebSession | None:
        """Return a session, or None."""
        with work(self._engine) as rows:
            row = rows.execute(sa.select(sessions).where(sessions.c.token_sha256 == token_sha256)).mappings().first()
        return None if row is None else WebSession(**{name: row[name] for name in WebSession.__slots__})

    def keep_session(self, session: WebSession) -> None:
        """Add a session or put it in the place of the one with its token; what is over is swept away."""
        fields = {name: getattr(session, name) for name in WebSession.__slots__}
        mine = sessions.c.token_sha256 == session.token_sha256
        with work(self._engine) as rows:
            if not rows.execute(sa.update(sessions).where(mine).values(fields)).rowcount:
                rows.execute(sa.delete(sessions).where(sessions.c.expires_us < session.seen_us))
                rows.execute(sa.insert(sessions).values(fields))

    def exchange_session(self, before: WebSession, after: WebSession) -> bool:
        """Put one session in the place of another, if that still stands there as it was."""
        was = [sessions.c[name] == getattr(before, name) for name in WebSession.__slots__]
        fields = {name: getattr(after, name) for name in WebSession.__slots__}
        with work(self._engine) as rows:
            return bool(rows.execute(sa.update(sessions).where(*was).values(fields)).rowcount)

    def end_session(self, token_sha256: str) -> None:
        """Forget a session."""
        with work(self._engine) as rows:
            rows.execute(sa.delete(sessions).where(sessions.c.token_sha256 == token_sha256))

    def note_attempt(self, tenant: str, account: str, address: str, at_us: int, ok: bool) -> None:
        """Remember an attempt; those of long ago are forgotten."""
        attempt = {"tenant": tenant, "account": account[:64], "address": address, "at_us": at_us, "ok": ok}
        with work(self._engine) as rows:
            rows.execute(sa.delete(attempts).where(attempts.c.at_us < at_us - _KEPT_ATTEMPTS_US))
            rows.execute(sa.insert(attempts).values(attempt))

    def failures(self, tenant: str, account: str, address: str, since_us: int) -> tuple[int, int]:
        """Count wrong tries: for the account since its last success, and from the address."""
        recent = sa.and_(attempts.c.tenant == tenant, attempts.c.at_us >= since_us)
        named = sa.and_(recent, attempts.c.account == account[:64])
        with work(self._engine) as rows:
            succeeded = rows.scalar(sa.select(sa.func.max(attempts.c.id)).where(named, attempts.c.ok)) or 0
            wrong = sa.select(sa.func.count()).select_from(attempts).where(~attempts.c.ok)
            by_name = rows.scalar(wrong.where(named, attempts.c.id > succeeded)) or 0
            by_address = rows.scalar(wrong.where(recent, attempts.c.address == address)) or 0
        return int(by_name), int(by_address)


def _account(tenant: str, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(accounts.c.tenant == tenant, accounts.c.name == name)


def _read(row: sa.RowMapping) -> Account:
    fields = {name: row[name] for name in Account.__slots__}
    fields["totp_secret"] = row["totp_secret"] or ""
    return Account(**fields)
