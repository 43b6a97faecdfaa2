"""Run migrations on the connection that the caller made, as the owner of the tables."""

from alembic import context

from timecredits import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.METADATA,
    compare_type=True,
    compare_server_default=False,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
