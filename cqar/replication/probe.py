"""A look: what came after a revision by PostgreSQL's word, and where its head stands.

A worker looks by itself. Where it cannot reach PostgreSQL and admin can, it looks through admin, over NATS: the look begins
after the question, so what it says is as good.
"""

from collections.abc import Sequence

import msgspec

from cqar import errors
from cqar.model.events import Change
from cqar.replication.changes import CHANGES, change_of
from cqar.storage import parts
from cqar.storage.postgres import Pool

#: Subject of the questions, to all admins.
SUBJECT = "cqar.look"
#: Changes of one answer, at most: with values of 8 KB each they fit into a message of NATS.
MOST = 100


class ProbeResult(msgspec.Struct, frozen=True, array_like=True):
    """The head, and the next changes after the revision that was asked about."""

    epoch: str
    head: int
    history: str
    #: the event id of the change at that revision, if the outbox has it
    last: str | None
    changes: Sequence[Change]


class _Question(msgspec.Struct, frozen=True, array_like=True):
    epoch: str
    after: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ProbeResult)
_questions = msgspec.msgpack.Decoder(_Question)


async def read(pool: Pool, after: int, most: int) -> ProbeResult:
    """Look after a revision, at `most` so many changes far. Raises Unavailable."""
    async with pool.session() as session:
        rows = await session.rows(CHANGES, after, most)
    if not rows:
        raise errors.Unavailable(parts.NO_HEAD)
    first = rows[0]
    changes = [change_of(row) for row in rows if row["revision"] is not None]
    return ProbeResult(first["epoch"], first["head"], first["history"], first["last"], changes)


def question(epoch: str, after: int) -> bytes:
    """The question after a revision of an epoch, as it travels."""
    return _encoder.encode(_Question(epoch, after))


async def answer(pool: Pool, data: bytes) -> bytes:
    """The answer to a question, as it travels.

    Raises Unavailable also for another epoch: of several registries, each answers its own workers, and whoever has to begin
    anew needs PostgreSQL itself. Raises msgspec.DecodeError for what is no question.
    """
    asked = _questions.decode(data)
    result = await read(pool, asked.after, MOST)
    if result.epoch != asked.epoch:
        msg = f"this registry has the epoch {result.epoch}"
        raise errors.Unavailable(msg)
    return _encoder.encode(result)


def decode(data: bytes) -> ProbeResult:
    """The answer from its bytes. Raises Unavailable where they are none."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError:
        msg = "the answer to a probe is not from an admin of this version"
        raise errors.Unavailable(msg) from None
