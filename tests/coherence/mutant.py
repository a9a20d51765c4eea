"""`python -m tests.coherence.mutant NAMES admin|hotpath`: a process whose protocol is broken on purpose.

Each mutant leaves out one thing that the protocol needs, to show that the checker notices.
"""

import asyncio
import random
import sys
import time
from collections.abc import Callable, Mapping

import asyncpg

from cqar import config
from cqar.cli import main as command
from cqar.hotpath.cache import Cache
from cqar.hotpath.feed import Feed
from cqar.model.events import Change
from cqar.storage.postgres import Sql
from cqar.writes import transaction
from cqar.writes.transaction import Transaction


def no_floor() -> None:
    """Forgotten keys count as unchanged."""

    def current(self: Cache, key: str, snap: int) -> bool:
        return self._recent.get(key, 0) <= snap

    Cache.current = current  # type: ignore[method-assign]


def no_recent() -> None:
    """A read is admitted without a check for changes since."""

    def current(self: Cache, key: str, snap: int) -> bool:
        del key
        return self.floor <= snap

    Cache.current = current  # type: ignore[method-assign]


def lease_at_reception() -> None:
    """A message renews the lease."""
    received = Feed._received

    def renewing(self: Feed, data: bytes) -> None:
        received(self, data)
        self.fresh_as_of = time.monotonic()

    Feed._received = renewing  # type: ignore[method-assign]


def per_row_versions() -> None:
    """A change is compared with its row and not with the change before it."""
    apply = Cache.apply

    def jumping(self: Cache, change: Change, now: float) -> bool:
        if change.revision > self.applied:
            self.applied = change.revision - 1
        return apply(self, change, now)

    Cache.apply = jumping  # type: ignore[method-assign]


def last_seen_relay() -> None:
    """Revisions are counted before the commit, as by a sequence, and the relay sends those beyond the last it saw."""
    finish_sql, finish = transaction.finish_sql, Transaction.finish

    def counted_before(names: tuple[str, ...]) -> Sql:
        made = finish_sql(names)
        at = len(transaction._FIELDS) + 1
        head = f"h AS (UPDATE head SET seq = seq + ${at} RETURNING seq, seq - ${at} AS base)"
        if head not in made.text:
            message = f"{made.name} does not count as this mutant expects"
            raise RuntimeError(message)
        counter = f"h AS (SELECT s AS seq, s - ${at} AS base FROM cqar_mutant_count(${at}) s)"
        return Sql(made.name, made.text.replace(head, counter))

    async def late(self: Transaction) -> None:
        await finish(self)
        await asyncio.sleep(random.random() * 0.2)  # noqa: S311 - not a secret

    asyncio.run(_install())
    transaction.finish_sql = counted_before  # type: ignore[assignment]
    Transaction.finish = late  # type: ignore[method-assign]


#: Counts in a separate session, which commits at once.
_COUNT = """
CREATE EXTENSION IF NOT EXISTS dblink;
CREATE OR REPLACE FUNCTION cqar_mutant_count(n integer) RETURNS bigint LANGUAGE sql AS $$
  SELECT s FROM dblink(format('host=%s user=cqar dbname=cqar', btrim(current_setting('unix_socket_directories'), '"')),
    format('UPDATE head SET seq = seq + %s RETURNING seq', n)) AS c(s bigint)
$$;
"""


async def _install() -> None:
    connection = await asyncpg.connect(config.load().database.url, timeout=10)
    try:
        await connection.execute("SELECT pg_advisory_lock(4711)")  # several admins start at once
        await connection.execute(_COUNT)
    finally:
        await connection.close()


MUTANTS: Mapping[str, Callable[[], None]] = {
    "no-floor": no_floor,
    "no-recent": no_recent,
    "lease-at-reception": lease_at_reception,
    "per-row-versions": per_row_versions,
    "last-seen-relay": last_seen_relay,
}


def main() -> None:
    """Apply the mutants, then run the process."""
    for name in sys.argv.pop(1).split(","):
        MUTANTS[name]()
    command.main()


if __name__ == "__main__":
    main()
