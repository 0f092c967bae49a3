"""Alembic's hook: it runs this file for each command, with `context` set up."""

from alembic import context

if context.is_offline_mode():
    raise NotImplementedError("migrations run on a connection; scripts of SQL are not made")

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    compare_server_default=True,
    # One transaction for all of them: a deployment migrates wholly or not at all.
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
