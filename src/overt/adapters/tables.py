"""The tables of the database: accounts, and the catalogue of calls. The migrations make exactly these.

A catalogue comes in *editions*: `overt catalogue rebuild` fills a new one beside the one that is read, then puts it in
its place. Numbers stand masked and as keyed hashes only. Times are UTC microseconds.
"""

from __future__ import annotations

import sqlalchemy as sa

Whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by INTEGER PRIMARY KEY only
KEY_BYTES = 16

metadata = sa.MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"}
)  # fmt: skip


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, Whole, nullable=False)


def _yes(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def _key(name: str) -> sa.Column[bytes | None]:
    return sa.Column(name, sa.LargeBinary(KEY_BYTES), nullable=True)


# Who may sign in; see services.accounts.Account.
accounts = sa.Table(
    "accounts", metadata,
    sa.Column("tenant", sa.Text(), primary_key=True), sa.Column("name", sa.Text(), primary_key=True),
    _text("role"), _text("agent"), _text("password"), sa.Column("totp_secret", sa.Text(), nullable=True),
    _whole("totp_last_step"), _text("state"), _yes("must_change"), _whole("created_us"), _whole("ledger_index"),
)  # fmt: skip

# Who is signed in; see services.signing_in.WebSession.
sessions = sa.Table(
    "sessions", metadata,
    sa.Column("token_sha256", sa.Text(), primary_key=True), _text("tenant"), _text("account"), _text("stage"),
    _text("csrf"), _whole("created_us"), _whole("seen_us"), _whole("expires_us"), _text("address"), _text("agent"),
    sa.Index("ix_sessions_tenant_account", "tenant", "account"), sa.Index("ix_sessions_expires_us", "expires_us"),
)  # fmt: skip

# Who tried to sign in, with what success.
attempts = sa.Table(
    "attempts", metadata,
    sa.Column("id", Whole, primary_key=True, autoincrement=True), _text("tenant"), _text("account"), _text("address"),
    _whole("at_us"), _yes("ok"),
    sa.Index("ix_attempts_tenant_account_at_us", "tenant", "account", "at_us"),
    sa.Index("ix_attempts_tenant_address_at_us", "tenant", "address", "at_us"), sa.Index("ix_attempts_at_us", "at_us"),
)  # fmt: skip

# A whole catalogue of one tenant's ledger, as far as it was read: the entries before `position`, the bytes before `octets`.
editions = sa.Table(
    "editions", metadata,
    sa.Column("id", Whole, primary_key=True, autoincrement=True), _text("tenant"), _yes("current"), _text("origin"), _text("number_key"),
    _whole("position"), _whole("octets"), _whole("made_us"),
    sa.Index("ix_editions_current", "tenant", unique=True, sqlite_where=sa.text("current = 1"), postgresql_where=sa.text("current")),
)  # fmt: skip

# Texts that many calls share, each once: `kind` is line, agent, places (space between) or reason (outcome, new line, reason).
# `folded` is the text as it is searched.
words = sa.Table(
    "words", metadata,
    sa.Column("edition", Whole, sa.ForeignKey("editions.id", name="fk_words_edition"), primary_key=True),
    sa.Column("id", Whole, primary_key=True, autoincrement=False), _text("tenant"), _text("kind"), _text("text"), _text("folded"),
    sa.UniqueConstraint("edition", "kind", "text", name="uq_words_edition_kind_text"),
)  # fmt: skip

# A call; see services.searching.CallRow. `recordings` and `entries` with spaces between.
calls = sa.Table(
    "calls", metadata,
    sa.Column("row", Whole, primary_key=True, autoincrement=True),
    sa.Column("edition", Whole, sa.ForeignKey("editions.id", name="fk_calls_edition"), nullable=False),
    _text("tenant"), _text("id"), _whole("started_us"), _text("state"), _whole("line"), _whole("agent"), _whole("places"),
    _whole("reason"), _yes("gap"), _text("caller"), _text("called"), _key("caller_key"), _key("caller_tail"),
    _key("called_key"), _key("called_tail"), _text("effect"), _text("rule"), _text("citation"), _text("consent"), _text("told"),
    _text("stage"), _yes("hears"), _whole("disclosed_ms"), _whole("captured_ms"), _whole("call_ms"), _text("recordings"),
    _text("entries"), _whole("ledger_index"),
    sa.UniqueConstraint("edition", "id", name="uq_calls_edition_id"),
)  # fmt: skip
# What a scan needs stands in the two wide indexes, so that it reads no row that it does not show.
_NARROW = ("line", "agent", "places", "reason", "gap")
sa.Index("ix_calls_time", calls.c.edition, calls.c.started_us, calls.c.state, *(calls.c[name] for name in _NARROW))
sa.Index("ix_calls_state", calls.c.edition, calls.c.state, calls.c.started_us, *(calls.c[name] for name in _NARROW))
for _name in ("line", "agent", "places", "reason"):
    sa.Index(f"ix_calls_{_name}", calls.c.edition, calls.c[_name], calls.c.started_us)
for _name in ("caller_key", "caller_tail", "called_key", "called_tail"):
    sa.Index(
        f"ix_calls_{_name}", calls.c.edition, calls.c[_name], calls.c.started_us,
        sqlite_where=sa.text(f"{_name} IS NOT NULL"), postgresql_where=sa.text(f"{_name} IS NOT NULL"),
    )  # fmt: skip
sa.Index(
    "ix_calls_gap", calls.c.edition, calls.c.started_us, sqlite_where=sa.text("gap = 1"), postgresql_where=sa.text("gap")
)  # fmt: skip

# A recording; see services.listening.Held. `stored_bytes` is −1 until its sealed file was looked at; `whole`: it has its end;
# `listeners` with spaces between, NULL where no policy said.
recordings = sa.Table(
    "recordings", metadata,
    sa.Column("edition", Whole, sa.ForeignKey("editions.id", name="fk_recordings_edition"), primary_key=True),
    sa.Column("id", sa.Text(), primary_key=True), _text("tenant"), _text("call"), _text("told"), _whole("permitted"),
    _whole("started_us"), sa.Column("ended", Whole, nullable=True), _text("how"), _whole("captured_ms"), _whole("chunks"),
    _whole("stored_bytes"), _yes("whole"), sa.Column("listeners", sa.Text(), nullable=True),
    sa.Column("policy", sa.Text(), nullable=False, server_default=""),
    sa.Index("ix_recordings_permitted", "edition", "permitted"),
    sa.Index(
        "ix_recordings_unmeasured", "edition", "permitted",
        sqlite_where=sa.text("stored_bytes < 0"), postgresql_where=sa.text("stored_bytes < 0"),
    ),
)  # fmt: skip

# Where every so-many-th entry begins in the ledger's file, so that an entry read before is found again.
marks = sa.Table(
    "marks", metadata,
    sa.Column("edition", Whole, sa.ForeignKey("editions.id", name="fk_marks_edition"), primary_key=True),
    sa.Column("entry", Whole, primary_key=True, autoincrement=False), _text("tenant"), _whole("octets"),
)  # fmt: skip
