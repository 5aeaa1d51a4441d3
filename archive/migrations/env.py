"""Alembic's way into the catalogue: the connection comes from archive/catalogue.py."""

from alembic import context

from archive.model import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
