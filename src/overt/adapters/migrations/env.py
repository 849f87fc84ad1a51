"""What Alembic runs around the steps. The connection comes from `adapters.database`, inside its lock."""

from __future__ import annotations

from alembic import context

from overt.adapters.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
