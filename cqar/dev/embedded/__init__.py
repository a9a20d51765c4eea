"""PostgreSQL, Valkey and NATS from Python wheels, as child processes."""

from cqar.dev.embedded.home import EmbeddedError, Lock, in_use, lock
from cqar.dev.embedded.nats import Nats
from cqar.dev.embedded.postgres import Postgres
from cqar.dev.embedded.server import Server
from cqar.dev.embedded.valkey import Valkey

__all__ = ["EmbeddedError", "Lock", "Nats", "Postgres", "Server", "Valkey", "in_use", "lock"]
