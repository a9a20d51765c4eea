"""Apply: many rows by their natural keys, set by set, with the rules of the single calls.

Rows go by kind in the order of their dependencies, in chunks of at most 1,000, a transaction each. A chunk locks what its
rows name and what they may be, in one statement a kind, lets each row's `prepare` step run over that, and writes all
inserts and all updates in one statement each. Where the database refuses a chunk, its halves are tried.
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
from cqar.writes.apply.rows import REF, Asked, read_rows, repeated
from cqar.writes.transaction import Batch, Transaction

MAX_ROWS = 10_000
#: Rows of one transaction, at most.
CHUNK = 1_000
#: Rows that are read while the database works, at a time.
_SLICE = 50
#: Tries of a chunk that loses a race: against a deadlock or a lock, and against one that created the same rows.
_TRIES = {errors.Aborted: 3, errors.AlreadyExists: 2}


class _DryRunEndsError(Exception):
    """Rolls the transaction of a dry run back."""


async def apply(batch: Batch, request: pb.ApplyRequest) -> pb.ApplyResponse:
    """Write the rows and tell what became of each. Raises Invalid, Exhausted, Unavailable; else a row's fault is its result."""
    if batch.call.idempotency_key is not None:
        raise errors.Invalid("idempotency-key", "NOT_ALLOWED", "is not accepted: Apply is idempotent by natural keys; omit it")
    if len(request.rows) > MAX_ROWS:
        msg = f"{len(request.rows)} rows exceed the limit of {MAX_ROWS} per Apply; split the request"
        raise errors.Exhausted(msg)
    if request.mode not in pb.ApplyMode.values():
        raise errors.Invalid("mode", "UNKNOWN_VALUE", f"{request.mode} is not a mode; use UPSERT, CREATE_ONLY or FILL_UNSET")
    source = TEXT["source"](request.source, "source") if request.source else "apply"
    asked = read_rows(request)
    run = _Run(batch.pool, replace(batch.call, source=source))
    run.refs.update(dict.fromkeys(repeated(request)))
    await (run.dry(asked) if request.dry_run else run.write(asked))
    return pb.ApplyResponse(results=[row.result for row in asked], revision=run.revision)


def _chunks(asked: Sequence[Asked]) -> Iterator[tuple[list[Asked], list[Asked]]]:
    """The rows by kind, in pieces, each with the next one of its kind.

    A chain that names its native asset by a ref comes after the assets.
    """
    turns: dict[tuple[int, bool], list[Asked]] = {}
    for row in asked:
        late = row.kind.entity is CHAIN and row.message.native_asset_id.startswith(REF)  # type: ignore[attr-defined]  # a Chain
        turns.setdefault((_TURN[ASSET.name if late else row.kind.entity.name], late), []).append(row)
    for _, rows in sorted(turns.items()):
        pieces = [rows[at : at + CHUNK] for at in range(0, len(rows), CHUNK)]
        yield from zip(pieces, [*pieces[1:], []], strict=True)


_TURN = {kind.entity.name: at for at, kind in enumerate(KINDS)}


class _Run:
    """One call of Apply: the ids that its refs stand for, and the last revision it made."""

    def __init__(self, pool: Pool, call: Call) -> None:
        self._pool = pool
        self._call = call
        #: None: what has the name was rejected, or nobody can say what it is
        self.refs: dict[str, str | None] = {}
        self.revision = 0

    async def write(self, asked: Sequence[Asked]) -> None:
        for rows, following in _chunks(asked):
            async with self._reading(following):
                await self._try(rows)

    @asynccontextmanager
    async def _reading(self, rows: Sequence[Asked]) -> AsyncIterator[None]:
        """What happens inside waits for the database; meanwhile rows of the same kind are read."""

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

    async def _try(self, rows: Sequence[Asked]) -> None:
        """Rows in a transaction of their own; where it is refused, each half of them in one."""
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

    async def dry(self, asked: Sequence[Asked]) -> None:
        """The same in one transaction, which is rolled back before it takes a revision."""
        try:
            async with self._pool.transaction() as session:
                tx = Transaction(session, self._call)
                for rows, following in _chunks(asked):
                    async with self._reading(following):
                        await self._try_dry(tx, rows)
                raise _DryRunEndsError  # noqa: TRY301 - it is what rolls the transaction back
        except _DryRunEndsError:
            for row in asked:
                row.result.revision = 0
                if row.result.outcome == pb.CREATED:
                    row.result.id = ""

    async def _try_dry(self, tx: Transaction, rows: Sequence[Asked]) -> None:
        """`_try` with a savepoint in place of the transaction; it holds all locks that it took, so no race is lost twice."""
        try:
            async with _savepoint(tx):
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

    def _learn(self, rows: Sequence[Asked]) -> None:
        for row in rows:
            if row.ref:
                self.refs.setdefault(row.ref, None if row.rejected else row.result.id)


@asynccontextmanager
async def _savepoint(tx: Transaction) -> AsyncIterator[None]:
    """What happens inside, changes collected included, is undone by an exception."""
    kept = tx.mark()
    try:
        async with tx.session.savepoint():
            yield
    except BaseException:
        tx.back_to(kept)
        raise
