"""Apply: many rows by their natural keys, set by set, with the rules of the single calls.

Rows go by kind in the order of their dependencies, in chunks of at most 1,000, a transaction each. A chunk locks what its
rows name and what they may be, in one statement a kind, lets each row's `prepare` step run over that, and writes all
inserts and all updates in one statement each. Where the database refuses a chunk, its rows are tried one by one.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from cqar import errors
from cqar.apply_chunk import Chunk
from cqar.apply_rows import KINDS, Asked, read_rows
from cqar.binding import TEXT
from cqar.call import Call
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.outbox import Batch, Write
from cqar.store import Store

MAX_ROWS = 10_000
#: Rows of one transaction, at most.
CHUNK = 1_000
#: Tries of a chunk that loses a race.
_TRIES = 3


class _DryRunEndsError(Exception):
    """Rolls the transaction of a dry run back."""


async def apply(batch: Batch, request: pb.ApplyRequest) -> pb.ApplyResponse:
    """Write the rows and tell what became of each. Raises Invalid, Exhausted, Unavailable; else a row's fault is its result."""
    if batch.call.idempotency_key is not None:
        raise errors.Invalid(
            "idempotency-key", "NOT_ALLOWED", "is of no use here: natural keys make Apply repeatable; leave it out"
        )
    if len(request.rows) > MAX_ROWS:
        msg = f"{len(request.rows)} rows are more than the {MAX_ROWS} that one Apply may have; send several"
        raise errors.Exhausted(msg)
    if request.mode not in pb.ApplyMode.values():
        raise errors.Invalid("mode", "UNKNOWN_VALUE", f"{request.mode} is not a mode; use UPSERT, CREATE_ONLY or FILL_UNSET")
    source = TEXT["source"](request.source, "source") if request.source else "apply"
    asked = read_rows(request)
    run = _Run(batch.store, replace(batch.call, source=source))
    await (run.dry(asked) if request.dry_run else run.write(asked))
    return pb.ApplyResponse(results=[row.result for row in asked], revision=run.revision)


def _chunks(asked: Sequence[Asked]) -> Iterator[list[Asked]]:
    """The rows by kind, then in pieces, each of rows that do not mean the same one."""
    for kind in KINDS:
        rows = [row for row in asked if row.kind is kind]
        yield from (rows[at : at + CHUNK] for at in range(0, len(rows), CHUNK))


class _Run:
    """One call of Apply: the ids that its refs stand for, and the last revision it made."""

    def __init__(self, store: Store, call: Call) -> None:
        self._store = store
        self._call = call
        self._refs: dict[str, str | None] = {}
        self.revision = 0

    async def write(self, asked: Sequence[Asked]) -> None:
        for chunk in _chunks(asked):
            await self._try(chunk)

    async def dry(self, asked: Sequence[Asked]) -> None:
        """The same in one transaction, which is rolled back before it takes a revision."""
        try:
            async with self._store.transaction() as session:
                write = Write(session, self._call)
                for rows in _chunks(asked):
                    try:
                        async with _savepoint(write):
                            await Chunk(write, self._refs).run(rows)
                    except errors.CqarError as error:
                        await self._one_by_one_dry(write, rows, error)
                    self._learn(rows)
                raise _DryRunEndsError  # noqa: TRY301 - it is what rolls the transaction back
        except _DryRunEndsError:
            for row in asked:
                row.result.revision = 0
                if row.result.outcome == pb.CREATED and row.invented:
                    row.result.id = ""

    async def _one_by_one_dry(self, write: Write, rows: Sequence[Asked], error: errors.CqarError) -> None:
        if isinstance(error, errors.Unavailable):
            raise error
        for row in rows:
            try:
                async with _savepoint(write):
                    await Chunk(write, self._refs).run([row])
            except errors.CqarError as refused:
                row.reject(refused)
            self._learn([row])

    async def _try(self, rows: list[Asked]) -> None:
        """A chunk in a transaction of its own; where it is refused, each row in one."""
        for attempt in range(_TRIES):
            try:
                async with self._store.transaction() as session:
                    write = Write(session, self._call)
                    await Chunk(write, self._refs).run(rows)
                    await write.finish()
            except errors.Unavailable:
                raise
            except errors.CqarError as error:
                if isinstance(error, errors.Aborted) and attempt < _TRIES - 1:
                    continue
                if len(rows) > 1:
                    for row in rows:
                        await self._try([row])
                    return
                rows[0].reject(error)
                break
            else:
                for row in rows:
                    row.result.revision = write.revision_of(row.kind.entity, row.result.id) or row.result.revision
                self.revision = max(self.revision, write.revision)
                break
        self._learn(rows)

    def _learn(self, rows: Sequence[Asked]) -> None:
        for row in rows:
            if row.ref:
                self._refs[row.ref] = None if row.result.outcome == pb.REJECTED else row.result.id


@asynccontextmanager
async def _savepoint(write: Write) -> AsyncIterator[None]:
    """What happens inside, changes collected included, is undone by an exception."""
    kept = write.mark()
    try:
        async with write.session.savepoint():
            yield
    except BaseException:
        write.back_to(kept)
        raise
