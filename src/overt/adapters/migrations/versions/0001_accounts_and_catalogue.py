"""Accounts, sessions and attempts; the catalogue of calls and recordings."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _columns(kind: sa.types.TypeEngine[Any], names: str, *, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=nullable) for name in names.split()]


def _texts(names: str) -> list[sa.Column[Any]]:
    return _columns(sa.Text(), names)


def _wholes(names: str) -> list[sa.Column[Any]]:
    return _columns(_WHOLE, names)


def _yeses(names: str) -> list[sa.Column[Any]]:
    return _columns(sa.Boolean(), names)


def _edition(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["edition"], ["editions.id"], name=f"fk_{table}_edition")


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _index(name: str, table: str, columns: str, where: str = "", sqlite_where: str = "", unique: bool = False) -> None:
    parts = {}
    if where:
        parts = {"postgresql_where": sa.text(where), "sqlite_where": sa.text(sqlite_where or where)}
    op.create_index(name, table, columns.split(), unique=unique, **parts)  # type: ignore[arg-type]


def upgrade() -> None:
    """Make the tables."""
    _make_accounts()
    _make_editions()
    _make_calls()
    _make_recordings()


def _make_accounts() -> None:
    op.create_table(
        "accounts", *_texts("tenant name role agent password"), *_columns(sa.Text(), "totp_secret", nullable=True),
        *_wholes("totp_last_step"), *_texts("state"), *_yeses("must_change"), *_wholes("created_us ledger_index"),
        _key("accounts", "tenant", "name"),
    )  # fmt: skip
    op.create_table(
        "sessions", *_texts("token_sha256 tenant account stage csrf"), *_wholes("created_us seen_us expires_us"),
        *_texts("address agent"), _key("sessions", "token_sha256"),
    )  # fmt: skip
    _index("ix_sessions_tenant_account", "sessions", "tenant account")
    _index("ix_sessions_expires_us", "sessions", "expires_us")
    op.create_table(
        "attempts", sa.Column("id", _WHOLE, autoincrement=True, nullable=False), *_texts("tenant account address"),
        *_wholes("at_us"), *_yeses("ok"), _key("attempts", "id"),
    )  # fmt: skip
    _index("ix_attempts_tenant_account_at_us", "attempts", "tenant account at_us")
    _index("ix_attempts_tenant_address_at_us", "attempts", "tenant address at_us")
    _index("ix_attempts_at_us", "attempts", "at_us")


def _make_editions() -> None:
    op.create_table(
        "editions", sa.Column("id", _WHOLE, autoincrement=True, nullable=False), *_texts("tenant"), *_yeses("current"),
        *_texts("origin number_key"), *_wholes("position octets made_us"), _key("editions", "id"),
    )  # fmt: skip
    _index("ix_editions_current", "editions", "tenant", "current", "current = 1", unique=True)
    op.create_table(
        "words", *_wholes("edition"), sa.Column("id", _WHOLE, autoincrement=False, nullable=False),
        *_texts("tenant kind text folded"), _edition("words"), _key("words", "edition", "id"),
        sa.UniqueConstraint("edition", "kind", "text", name="uq_words_edition_kind_text"),
    )  # fmt: skip
    op.create_table(
        "marks", *_wholes("edition"), sa.Column("entry", _WHOLE, autoincrement=False, nullable=False), *_texts("tenant"),
        *_wholes("octets"), _edition("marks"), _key("marks", "edition", "entry"),
    )  # fmt: skip


def _make_calls() -> None:
    op.create_table(
        "calls", sa.Column("row", _WHOLE, autoincrement=True, nullable=False), *_wholes("edition"), *_texts("tenant id"),
        *_wholes("started_us"), *_texts("state"), *_wholes("line agent places reason"), *_yeses("gap"),
        *_texts("caller called"),
        *_columns(sa.LargeBinary(16), "caller_key caller_tail called_key called_tail", nullable=True),
        *_texts("effect rule citation consent told stage"), *_yeses("hears"),
        *_wholes("disclosed_ms captured_ms call_ms"), *_texts("recordings entries"), *_wholes("ledger_index"),
        _edition("calls"), _key("calls", "row"), sa.UniqueConstraint("edition", "id", name="uq_calls_edition_id"),
    )  # fmt: skip
    _index("ix_calls_time", "calls", "edition started_us state line agent places reason gap")
    _index("ix_calls_state", "calls", "edition state started_us line agent places reason gap")
    for name in ("line", "agent", "places", "reason"):
        _index(f"ix_calls_{name}", "calls", f"edition {name} started_us")
    for name in ("caller_key", "caller_tail", "called_key", "called_tail"):
        _index(f"ix_calls_{name}", "calls", f"edition {name} started_us", f"{name} IS NOT NULL")
    _index("ix_calls_gap", "calls", "edition started_us", "gap", "gap = 1")


def _make_recordings() -> None:
    op.create_table(
        "recordings", *_wholes("edition"), *_texts("id tenant call told"), *_wholes("permitted started_us"),
        *_columns(_WHOLE, "ended", nullable=True), *_texts("how"), *_wholes("captured_ms chunks stored_bytes"),
        *_yeses("whole"), _edition("recordings"), _key("recordings", "edition", "id"),
    )  # fmt: skip
    _index("ix_recordings_permitted", "recordings", "edition permitted")
    _index("ix_recordings_unmeasured", "recordings", "edition permitted", "stored_bytes < 0")


def downgrade() -> None:
    """Drop all of them."""
    for table in ("recordings", "calls", "marks", "words", "editions", "attempts", "sessions", "accounts"):
        op.drop_table(table)
