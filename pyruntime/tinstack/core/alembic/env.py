"""Alembic's environment for every service: the connection and the metadata are passed in by ``core.migrate``."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=context.config.attributes["metadata"], compare_type=True)
with context.begin_transaction():
    context.run_migrations()
