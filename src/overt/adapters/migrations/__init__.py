"""The steps by which the database came to be, for Alembic; the same on SQLite and PostgreSQL."""
