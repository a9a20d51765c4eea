"""Lookups answered from PostgreSQL alone: for admin, and for a worker whose cache must not or cannot answer."""

from collections.abc import Collection, Iterable
from typing import Any

from cqar import clock
from cqar.lookups import batch, single
from cqar.lookups.batch import Kind
from cqar.lookups.derive import Derived
from cqar.lookups.single import Lookup
from cqar.model.parts import Held, Missing, by_kind
from cqar.storage import parts
from cqar.storage.postgres import Session


async def from_database(session: Session, lookup: Lookup, request: Any) -> tuple[Derived, int]:
    """The answer to one lookup, and the snap of its newest part.

    Raises NotFound, Ambiguous and Invalid as the lookup does, and Precondition if the request's min_revision is beyond
    the head.
    """
    rows = Held()
    snap = 0
    least = single.min_revision(request)
    while True:
        try:
            return lookup.derive(rows.__getitem__, request, clock.now()), snap
        except Missing as missing:
            head, found = await parts.read(session, missing.key)
            snap = max(snap, head.snap)
            single.reached(least, snap)
            rows.update(found)


async def batch_from_database(
    session: Session, kind: Kind, elements: Iterable[bytes], least: int
) -> tuple[dict[bytes, bytes], int]:
    """The framed resolutions of a batch's keys, by key, and the head before they were read.

    Raises Precondition if the revision `least` is beyond the head.
    """
    head = await parts.head(session)
    single.reached(least, head.snap)
    rows = Held()

    def resolve(element: bytes) -> bytes:
        return batch.framed(batch.derived(kind, element, rows.__getitem__, clock.now()).response)

    async def load(keys: Collection[str]) -> None:
        for some in by_kind(keys).values():
            rows.update((await parts.read(session, *some))[1])

    return await batch.resolve_all(kind, elements, resolve, load), head.snap
