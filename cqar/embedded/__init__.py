"""Real servers from wheels, for one machine: PostgreSQL, Valkey and NATS as children of this process."""

from cqar.embedded.home import EmbeddedError, Lock, lock
from cqar.embedded.nats import Nats
from cqar.embedded.postgres import Postgres
from cqar.embedded.server import Server
from cqar.embedded.valkey import Valkey

__all__ = ["EmbeddedError", "Lock", "Nats", "Postgres", "Server", "Valkey", "lock"]
