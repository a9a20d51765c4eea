"""Many items of a call in one transaction: if the database rejects it, each half is tried in its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from cqar import errors
from cqar.writes.transaction import Batch, Transaction

#: Attempts of a transaction that loses a race.
_TRIES: Final = 3
_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        3: "INVALID_ARGUMENT",
        5: "NOT_FOUND",
        6: "ALREADY_EXISTS",
        7: "PERMISSION_DENIED",
        8: "RESOURCE_EXHAUSTED",
        9: "FAILED_PRECONDITION",
        10: "ABORTED",
    }
)
T = TypeVar("T")


class Refusal(NamedTuple):
    """An error as the result of an item: the name of the status that a single call would have, the field, and why."""

    code: str
    field: str
    reason: str


def refusal(error: errors.CqarError) -> Refusal:
    """The error as a result."""
    violations = getattr(error, "violations", ())
    field = violations[0].field if violations else getattr(error, "field", None)
    return Refusal(_NAMES[error.code], field or "", error.message)


async def write(
    batch: Batch,
    items: Sequence[T],
    each_of: Callable[[Transaction, Sequence[T]], Awaitable[None]],
    refuse: Callable[[T, errors.CqarError], None],
) -> int:
    """Write the items with `each_of`, and `refuse` those that cannot be written; returns the last revision, 0 without one.

    Raises Unavailable.
    """
    if not items:
        return 0
    for attempt in range(1, _TRIES + 1):
        try:
            async with batch.pool.transaction() as session:
                tx = Transaction(session, batch.call)
                await each_of(tx, items)
                await tx.finish()
        except errors.Unavailable:
            raise
        except errors.CqarError as error:
            if isinstance(error, errors.Aborted) and attempt < _TRIES:
                await asyncio.sleep(0.05 * attempt)
                continue
            if len(items) == 1:
                refuse(items[0], error)
                return 0
            break
        else:
            return tx.revision
    middle = len(items) // 2
    halves = [await write(batch, half, each_of, refuse) for half in (items[:middle], items[middle:])]
    return max(halves)
