"""A new epoch by an operator's hand: what is counted from now on is not what was counted before.

After a restore, the registry counts revisions again that others have seen already, for other changes. Workers drop what they
hold and begin anew when they see the new epoch; Redis and the stream keep both histories apart by it.
"""

import asyncio
from typing import NamedTuple

from cqar import config, errors
from cqar.storage import parts
from cqar.storage.postgres import Pool, Sql

_NEW = Sql("renew_epoch", "UPDATE head SET epoch = gen_random_uuid() RETURNING epoch::text AS epoch, seq")


class Epoch(NamedTuple):
    """The name of a history, and the revision that it begins behind."""

    epoch: str
    revision: int


async def renew(pool: Pool) -> Epoch:
    """Give the registry a new epoch. Raises Unavailable."""
    async with pool.session() as session:
        row = await session.row(_NEW)
    if row is None:
        raise errors.Unavailable(parts.NO_HEAD)
    return Epoch(row["epoch"], row["seq"])


def new(database: config.Database) -> Epoch:
    """The same on the database of the settings. Raises Unavailable."""

    async def run() -> Epoch:
        pool = Pool(database, statement_timeout=database.statement_timeout, name="cqar-epoch")
        await pool.open()
        try:
            return await renew(pool)
        finally:
            await pool.close()

    return asyncio.run(run())
