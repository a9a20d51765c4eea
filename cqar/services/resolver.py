"""Every RPC of `cqar.v1.Resolver`, a row each: as admin answers them, from PostgreSQL."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message

from cqar.contract.cqar.v1 import resolver_pb2 as pb
from cqar.lookups import batch
from cqar.lookups.batch import ASSET, FULL, SLIM, BatchKind
from cqar.services import lookups
from cqar.services.method import AnyMethod, complete, read
from cqar.storage import parts
from cqar.storage.postgres import Session

SERVICE = lookups.RESOLVER
#: A stream of requests of ResolveVenueSymbols.
STREAM = f"/{SERVICE.full_name}/StreamVenueSymbols"
#: How the keys of a batch are resolved, by RPC and requested view.
KINDS: Mapping[str, Mapping[int, BatchKind]] = {
    "ResolveVenueSymbols": {pb.VIEW_UNSPECIFIED: SLIM, pb.SLIM: SLIM, pb.FULL: FULL},
    "ResolveAssets": {0: ASSET},
}


async def _resolve(session: Session, request: Any, kind: BatchKind, response: type[Message]) -> Message:
    batch.check_count(kind, len(request.keys))
    keys = [each.SerializeToString() for each in request.keys]
    found, revision = await lookups.batch_from_database(session, kind, keys, request.min_revision)
    answer: Any = response.FromString(batch.join([found[key] for key in keys]))
    answer.revision = revision
    return answer  # type: ignore[no-any-return]  # a message of the declared class


async def _venue_symbols(session: Session, request: Any) -> Message:
    """ResolveVenueSymbols."""
    kind = batch.by_view(KINDS["ResolveVenueSymbols"], request.view)
    return await _resolve(session, request, kind, pb.ResolveVenueSymbolsResponse)


async def _assets(session: Session, request: Any) -> Message:
    """ResolveAssets."""
    return await _resolve(session, request, ASSET, pb.ResolveAssetsResponse)


async def _revision(session: Session, _request: Any) -> Message:
    """GetRevision: the head in PostgreSQL."""
    head = await parts.head(session)
    return pb.GetRevisionResponse(epoch=head.epoch, revision=head.snap)


METHODS: tuple[AnyMethod, ...] = (
    read(SERVICE, "ResolveVenueSymbols", _venue_symbols),
    read(SERVICE, "ResolveAssets", _assets),
    lookups.BY_NAME["FindVenueSymbols"],
    read(SERVICE, "GetRevision", _revision),
)
BY_NAME: Mapping[str, AnyMethod] = {each.name: each for each in METHODS}
complete(SERVICE, METHODS)
