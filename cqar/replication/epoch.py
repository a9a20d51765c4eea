"""Start a new epoch by hand: revisions of the new epoch are not comparable with those of the old one.

After a restore, the registry assigns revisions again that others have already seen for other changes. When workers see the
new epoch, they clear their caches and start over; Redis and the stream separate the histories by epoch.
"""

import asyncio
from typing import NamedTuple

from cqar import config, errors
from cqar.storage import parts
from cqar.storage.postgres import Pool, Sql

_NEW = Sql("renew_epoch", "UPDATE head SET epoch = gen_random_uuid() RETURNING epoch::text AS epoch, seq")


class Epoch(NamedTuple):
    """The id of an epoch, and the revision after which it starts."""

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
    """As `renew`, on the database of the settings. Raises Unavailable."""

    async def run() -> Epoch:
        pool = Pool(database, statement_timeout=database.statement_timeout, name="cqar-epoch")
        await pool.open()
        try:
            return await renew(pool)
        finally:
            await pool.close()

    return asyncio.run(run())
