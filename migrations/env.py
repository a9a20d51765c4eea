"""Alembic's environment: it renders the migrations as SQL, which `cqar.storage.migrate` executes.

There is no connection here. A transaction is opened around each migration by the one who executes it.
"""

from alembic import context

context.configure(dialect_name="postgresql", transactional_ddl=False)
context.run_migrations()
