"""What Alembic runs for every migration: on the connection that it was given."""

from alembic import context

from search.storage.schema import VERSION_TABLE
from search.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    # SQLite changes a table by copying it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
