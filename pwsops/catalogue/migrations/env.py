"""Runs the migrations on the connection that the catalogue hands over."""

from alembic import context

from pwsops.catalogue.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=False,
    render_as_batch=True,
)
context.run_migrations()
