"""How does Alembic run here? On the connection that `migrations.upgrade` opened, in its transaction."""

from alembic import context

from migrations.metadata import whole_metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=whole_metadata(),
    render_as_batch=True,  # SQLite changes a table by rebuilding it
    transactional_ddl=True,  # on SQLite too: our engine begins transactions itself
)
with context.begin_transaction():
    context.run_migrations()
