"""The lookups as method rows, and their answers from PostgreSQL: for admin, and for a worker that cannot use its cache."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from cqar import clock
from cqar.contract.cqar.v1 import resolver_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2
from cqar.lookups import batch, single
from cqar.lookups.batch import BatchKind
from cqar.lookups.derive import Derived
from cqar.lookups.single import LOOKUPS, Lookup
from cqar.model.parts import Missing, ReadParts, by_kind
from cqar.services.method import AnyMethod, read
from cqar.storage import parts
from cqar.storage.postgres import Session

ASSET_REGISTRY = asset_registry_pb2.DESCRIPTOR.services_by_name["AssetRegistry"]
RESOLVER = resolver_pb2.DESCRIPTOR.services_by_name["Resolver"]


async def from_database(session: Session, lookup: Lookup, request: Any) -> tuple[Derived, int]:
    """The answer to one lookup, and the snap of its newest part.

    Raises NotFound, Ambiguous and Invalid as the lookup does, and Precondition if the request's min_revision is beyond
    the head.
    """
    rows = ReadParts()
    snap = 0
    least = single.min_revision(request)
    while True:
        try:
            return lookup.derive(rows.__getitem__, request, clock.now()), snap
        except Missing as missing:
            head, found = await parts.read(session, missing.key)
            snap = max(snap, head.snap)
            single.check_min_revision(least, snap)
            rows.update(found)


async def batch_from_database(
    session: Session, kind: BatchKind, elements: Iterable[bytes], least: int
) -> tuple[dict[bytes, bytes], int]:
    """The framed resolutions of a batch's keys, by key, and the head before they were read.

    Raises Precondition if the revision `least` is beyond the head.
    """
    head = await parts.head(session)
    single.check_min_revision(least, head.snap)
    rows = ReadParts()

    def resolve(element: bytes) -> bytes:
        return batch.framed(batch.derive_result(kind, element, rows.__getitem__, clock.now()).response)

    async def load(keys: Collection[str]) -> None:
        for some in by_kind(keys).values():
            rows.update((await parts.read(session, *some))[1])

    return await batch.resolve_all(kind, elements, resolve, load), head.snap


def _row(name: str) -> AnyMethod:
    """The row of a lookup, in the service that declares it."""
    lookup = LOOKUPS[name]
    service = ASSET_REGISTRY if name in ASSET_REGISTRY.methods_by_name else RESOLVER

    async def serve(session: Session, request: Any) -> Message:
        single.check(lookup, request)
        derived, snap = await from_database(session, lookup, request)
        derived.response.revision = snap
        return derived.response  # type: ignore[no-any-return]  # the lookup's response message

    return read(service, name, serve)


#: The lookups by name. `ListAssetDeployments` is one only by address: admin's table has a row of its own for every filter.
BY_NAME: Mapping[str, AnyMethod] = {name: _row(name) for name in LOOKUPS}
