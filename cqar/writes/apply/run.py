"""Apply: many rows by their natural keys, written as sets, with the rules of the single RPCs.

Rows are processed by kind in dependency order, in chunks of at most 1,000 rows, one transaction per chunk. A chunk locks the
rows that it names and those it may match with one statement per kind, runs the `prepare` step of each row, and writes all
inserts and all updates with one statement each. If the database rejects a chunk, its halves are tried.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from cqar import errors
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.model.binding import TEXT
from cqar.model.call import Call
from cqar.model.entities import ASSET, CHAIN
from cqar.storage.postgres import Pool
from cqar.writes.apply.chunk import Chunk
from cqar.writes.apply.kinds import KINDS
from cqar.writes.apply.rows import REF, RequestRow, read_rows, repeated
from cqar.writes.transaction import Batch, Transaction

MAX_ROWS = 10_000
#: Maximum number of rows in one transaction.
CHUNK = 1_000
#: Rows to parse at a time while the database works.
_SLICE = 50
#: Attempts of a chunk that loses a race, by error: a deadlock or lock timeout, and a concurrent insert of the same rows.
_TRIES = {errors.Aborted: 3, errors.AlreadyExists: 2}


class _DryRunEndsError(Exception):
    """Rolls back the transaction of a dry run."""


async def apply(batch: Batch, request: pb.ApplyRequest) -> pb.ApplyResponse:
    """Write the rows; returns a result for each.

    Raises Invalid, Exhausted, Unavailable. A fault of one row is that row's result.
    """
    if batch.call.idempotency_key is not None:
        raise errors.Invalid("idempotency-key", "NOT_ALLOWED", "is not accepted: Apply is idempotent by natural keys; omit it")
    if len(request.rows) > MAX_ROWS:
        msg = f"{len(request.rows)} rows exceed the limit of {MAX_ROWS} per Apply; split the request"
        raise errors.Exhausted(msg)
    if request.mode not in pb.ApplyMode.values():
        raise errors.Invalid("mode", "UNKNOWN_VALUE", f"{request.mode} is not a mode; use UPSERT, CREATE_ONLY or FILL_UNSET")
    source = TEXT["source"](request.source, "source") if request.source else "apply"
    requested = read_rows(request)
    run = _Run(batch.pool, replace(batch.call, source=source))
    run.refs.update(dict.fromkeys(repeated(request)))
    await (run.dry(requested) if request.dry_run else run.write(requested))
    return pb.ApplyResponse(results=[row.result for row in requested], revision=run.revision)


def _chunks(requested: Sequence[RequestRow]) -> Iterator[tuple[list[RequestRow], list[RequestRow]]]:
    """The rows by kind, in chunks, each with the next chunk of its kind.

    A chain whose native asset is a ref comes after the assets.
    """
    turns: dict[tuple[int, bool], list[RequestRow]] = {}
    for row in requested:
        late = row.kind.entity is CHAIN and row.message.native_asset_id.startswith(REF)  # type: ignore[attr-defined]  # a Chain
        turns.setdefault((_TURN[ASSET.name if late else row.kind.entity.name], late), []).append(row)
    for _, rows in sorted(turns.items()):
        pieces = [rows[at : at + CHUNK] for at in range(0, len(rows), CHUNK)]
        yield from zip(pieces, [*pieces[1:], []], strict=True)


_TURN = {kind.entity.name: at for at, kind in enumerate(KINDS)}


class _Run:
    """One call of Apply: the ids that its refs stand for, and its last revision."""

    def __init__(self, pool: Pool, call: Call) -> None:
        self._pool = pool
        self._call = call
        #: None: the row was rejected, or the ref is ambiguous
        self.refs: dict[str, str | None] = {}
        self.revision = 0

    async def write(self, requested: Sequence[RequestRow]) -> None:
        for rows, following in _chunks(requested):
            async with self._reading(following):
                await self._try(rows)

    @asynccontextmanager
    async def _reading(self, rows: Sequence[RequestRow]) -> AsyncIterator[None]:
        """Parse rows of the same kind while the body waits for the database."""

        async def read() -> None:
            for at, row in enumerate(rows):
                row.read(self.refs)
                if at % _SLICE == 0:
                    await asyncio.sleep(0)

        task = asyncio.create_task(read())
        try:
            yield
        finally:
            await task

    async def _try(self, rows: Sequence[RequestRow]) -> None:
        """Write the rows in one transaction; if it is rejected, write each half in its own."""
        attempt = 1
        while True:
            try:
                async with self._pool.transaction() as session:
                    tx = Transaction(session, self._call)
                    await Chunk(tx, self.refs).run(rows)
                    await tx.finish()
            except errors.Unavailable:
                raise
            except errors.CqarError as error:
                if attempt < _TRIES.get(type(error), 1):
                    attempt += 1
                    continue
                if len(rows) > 1:
                    await self._try(rows[: len(rows) // 2])
                    await self._try(rows[len(rows) // 2 :])
                    return
                rows[0].reject(error)
            else:
                for row in rows:
                    row.result.revision = tx.revision_of(row.kind.entity, row.result.id) or row.result.revision
                self.revision = max(self.revision, tx.revision)
            self._learn(rows)
            return

    async def dry(self, requested: Sequence[RequestRow]) -> None:
        """Do the same in one transaction, which is rolled back before it takes a revision."""
        try:
            async with self._pool.transaction() as session:
                tx = Transaction(session, self._call)
                for rows, following in _chunks(requested):
                    async with self._reading(following):
                        await self._try_dry(tx, rows)
                raise _DryRunEndsError  # noqa: TRY301 - it is what rolls the transaction back
        except _DryRunEndsError:
            for row in requested:
                row.result.revision = 0
                if row.result.outcome == pb.CREATED:
                    row.result.id = ""

    async def _try_dry(self, tx: Transaction, rows: Sequence[RequestRow]) -> None:
        """As `_try`, with a savepoint per attempt. The transaction keeps its locks, so no race is lost twice."""
        try:
            async with tx.savepoint():
                await Chunk(tx, self.refs).run(rows)
        except errors.Unavailable:
            raise
        except errors.CqarError as error:
            if len(rows) > 1:
                await self._try_dry(tx, rows[: len(rows) // 2])
                await self._try_dry(tx, rows[len(rows) // 2 :])
                return
            rows[0].reject(error)
        self._learn(rows)

    def _learn(self, rows: Sequence[RequestRow]) -> None:
        for row in rows:
            if row.ref:
                self.refs.setdefault(row.ref, None if row.rejected else row.result.id)
