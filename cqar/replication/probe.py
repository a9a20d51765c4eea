"""A probe reads the head and the changes after a revision from PostgreSQL.

A worker probes PostgreSQL directly. If it cannot reach PostgreSQL but admin can, it sends the probe to admin over NATS. Admin
reads after it received the request, so the result is as recent.
"""

from collections.abc import Sequence

import msgspec

from cqar import errors
from cqar.model.events import Change
from cqar.replication.changes import CHANGES, change_of
from cqar.storage import parts
from cqar.storage.postgres import Pool

#: The subject of probe requests, which all admins answer.
SUBJECT = "cqar.look"
#: Maximum number of changes in one answer: with values of 8 KB each, they fit into a NATS message.
MOST = 100


class ProbeResult(msgspec.Struct, frozen=True, array_like=True):
    """The head, and the next changes after the requested revision."""

    epoch: str
    head: int
    history: str
    #: the event id of the change at the requested revision, if the outbox retains it
    last: str | None
    changes: Sequence[Change]


class _Question(msgspec.Struct, frozen=True, array_like=True):
    epoch: str
    after: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ProbeResult)
_questions = msgspec.msgpack.Decoder(_Question)


async def read(pool: Pool, after: int, most: int) -> ProbeResult:
    """Probe: read at most `most` changes after a revision. Raises Unavailable."""
    async with pool.session() as session:
        rows = await session.rows(CHANGES, after, most)
    if not rows:
        raise errors.Unavailable(parts.NO_HEAD)
    first = rows[0]
    changes = [change_of(row) for row in rows if row["revision"] is not None]
    return ProbeResult(first["epoch"], first["head"], first["history"], first["last"], changes)


def question(epoch: str, after: int) -> bytes:
    """The serialized request for changes after a revision of an epoch."""
    return _encoder.encode(_Question(epoch, after))


async def answer(pool: Pool, data: bytes) -> bytes:
    """The serialized answer to a serialized request.

    Raises Unavailable, also for another epoch: if several registries share NATS, each answers only its own workers, and a
    worker that must start over needs PostgreSQL itself. Raises msgspec.DecodeError for a malformed request.
    """
    wanted = _questions.decode(data)
    result = await read(pool, wanted.after, MOST)
    if result.epoch != wanted.epoch:
        msg = f"this registry has the epoch {result.epoch}"
        raise errors.Unavailable(msg)
    return _encoder.encode(result)


def decode(data: bytes) -> ProbeResult:
    """The result in a serialized answer. Raises Unavailable if it is malformed."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError:
        msg = "the answer to a probe is not from an admin of this version"
        raise errors.Unavailable(msg) from None
