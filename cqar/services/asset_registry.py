"""Every RPC of `cqc.services.v1.AssetRegistry`, a row each: its name and the operation that serves it.

Writes are called with the `Write` under way, reads with a `Session`; the request and response messages come from the
contract by the RPC's name.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from cqar import errors
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.lookups import single
from cqar.model import addresses
from cqar.model.call import Role
from cqar.model.entities import (
    ASSET,
    ASSET_IDENTIFIER,
    CHAIN,
    DEPLOYMENT,
    QUALITY_FLAG,
    RELATIONSHIP,
    SYMBOL,
    SYMBOL_IDENTIFIER,
    VENUE,
    VENUE_ASSET,
    VENUE_SYMBOL,
)
from cqar.services import lookups
from cqar.storage.postgres import Session, Sql
from cqar.writes import prepare, procedures, search
from cqar.writes.operations import Create, Delete, Get, List, Update
from cqar.writes.paging import Filter

REGISTRY = pb.DESCRIPTOR.services_by_name["AssetRegistry"]


Kind = Literal["write", "read", "batch"]
#: The role that an RPC of a kind needs, unless its row says otherwise.
_ROLES: Mapping[Kind, Role] = {"read": Role.READER, "write": Role.WRITER, "batch": Role.WRITER}
#: Serves an RPC: what its kind gives it, and the request.
Operation = Callable[[Any, Any], Awaitable[Message]]


class Method(NamedTuple):
    """An RPC: what it is called, what it takes and gives, and what serves it."""

    name: str
    #: a write is given its `Write` in a transaction, a read a `Session`; a batch the `Batch` and makes its own transactions
    kind: Kind
    request: type[Message]
    response: type[Message]
    serve: Operation
    #: the RPC's path on the wire
    path: str
    #: the role that its caller needs
    role: Role
    #: its declaration in the contract
    described: MethodDescriptor

    def parse(self, data: bytes) -> Any:
        """The request. Raises Invalid for bytes that are none."""
        try:
            return self.request.FromString(data)
        except DecodeError:
            raise errors.Invalid("request", "MALFORMED", f"is not a {self.request.DESCRIPTOR.name}") from None


def method(service: ServiceDescriptor, name: str, kind: Kind, serve: Operation, role: Role | None = None) -> Method:
    """A row of the table of a service. `role`: where the kind's own is not enough."""
    described = service.methods_by_name[name]
    request, response = map(message_factory.GetMessageClass, (described.input_type, described.output_type))
    return Method(name, kind, request, response, serve, f"/{service.full_name}/{name}", role or _ROLES[kind], described)


def write(name: str, serve: Operation) -> Method:
    """A row of a write."""
    return method(REGISTRY, name, "write", serve)


def read(name: str, serve: Operation) -> Method:
    """A row of a read."""
    return method(REGISTRY, name, "read", serve)


def lookup(name: str, service: ServiceDescriptor = REGISTRY) -> Method:
    """A row of a lookup, which the hot path answers from its cache and admin from PostgreSQL, by the same rule."""
    asked = single.LOOKUPS[name]

    async def serve(session: Session, request: Any) -> Message:
        single.check(asked, request)
        derived, snap = await lookups.from_database(session, asked, request)
        derived.response.revision = snap
        return derived.response  # type: ignore[no-any-return]  # the lookup's response message

    return method(service, name, "read", serve)


_DELETE_ASSET = Delete(
    ASSET,
    pb.DeleteAssetResponse,
    used=Sql(
        "uses_of_asset",
        "(SELECT 'symbol' AS kind, symbol_id AS id FROM symbols WHERE deleted_at IS NULL"
        " AND $1 IN (base_asset_id, quote_asset_id, settlement_asset_id) LIMIT 10)"
        " UNION ALL (SELECT 'relationship', relationship_id FROM relationships"
        " WHERE $1 IN (from_asset_id, to_asset_id) LIMIT 10)"
        " UNION ALL (SELECT 'asset_group', group_id FROM asset_group_members WHERE asset_id = $1 LIMIT 10)"
        " UNION ALL (SELECT 'chain', chain_id FROM chains WHERE native_asset_id = $1 LIMIT 10)"
        " UNION ALL (SELECT 'venue_asset', venue_id || '/' || asset_id FROM venue_assets"
        " WHERE asset_id = $1 AND COALESCE(delisted_at > now(), true) LIMIT 10)",
    ),
    along=((DEPLOYMENT, "asset_id"), (ASSET_IDENTIFIER, "asset_id"), (QUALITY_FLAG, "asset_id")),
)
_DELETE_SYMBOL = Delete(
    SYMBOL,
    pb.DeleteSymbolResponse,
    used=Sql(
        "uses_of_symbol",
        "SELECT 'venue_symbol' AS kind, listing_id AS id FROM venue_symbols"
        " WHERE symbol_id = $1 AND COALESCE(delisted_at > now(), true) LIMIT 10",
    ),
    along=((SYMBOL_IDENTIFIER, "symbol_id"),),
)
_LIVING = "COALESCE(t.delisted_at > now(), true)"
_CHAIN_TYPE = Filter("chain_type", "t.chain_type = {}", convert=lambda kind: addresses.chain_type(kind, "chain_type"))

METHODS = (
    write("CreateAsset", procedures.create_asset),
    lookup("GetAsset"),
    write("UpdateAsset", Update(ASSET, pb.UpdateAssetRequest, pb.UpdateAssetResponse)),
    write("DeleteAsset", _DELETE_ASSET),
    read(
        "ListAssets",
        List(
            ASSET,
            pb.ListAssetsResponse,
            (Filter("asset_type", "t.asset_type = {}"), Filter("category", "t.category = {}")),
        ),
    ),
    read("SearchAssets", search.assets),
    write(
        "CreateAssetDeployment",
        Create(DEPLOYMENT, pb.CreateAssetDeploymentRequest, pb.CreateAssetDeploymentResponse, prepare=prepare.deployment),
    ),
    read("GetAssetDeployment", Get(DEPLOYMENT, pb.GetAssetDeploymentResponse)),
    read(
        "ListAssetDeployments",
        List(
            DEPLOYMENT,
            pb.ListAssetDeploymentsResponse,
            (
                Filter("asset_id", "t.asset_id = {}"),
                Filter("chain_id", "t.chain_id = {}"),
                Filter("address", "t.address = ANY({}::text[])"),
            ),
            prepare=procedures.addresses_of,
        ),
    ),
    write(
        "CreateAssetIdentifier",
        Create(ASSET_IDENTIFIER, pb.CreateAssetIdentifierRequest, pb.CreateAssetIdentifierResponse),
    ),
    lookup("GetAssetIdentifier"),
    read(
        "ListAssetIdentifiers",
        List(
            ASSET_IDENTIFIER,
            pb.ListAssetIdentifiersResponse,
            (Filter("asset_id", "t.asset_id = {}"), Filter("source", "t.source = {}")),
            needs=("asset_id",),
        ),
    ),
    write(
        "CreateAssetRelationship",
        Create(
            RELATIONSHIP,
            pb.CreateAssetRelationshipRequest,
            pb.CreateAssetRelationshipResponse,
            prepare=prepare.relationship,
        ),
    ),
    read("ListAssetRelationships", procedures.list_relationships),
    write("CreateAssetGroup", procedures.create_group),
    read("GetAssetGroup", procedures.get_group),
    write("AddAssetToGroup", procedures.add_member),
    write("RemoveAssetFromGroup", procedures.remove_member),
    write("RaiseQualityFlag", procedures.raise_flag),
    write("ResolveQualityFlag", procedures.resolve_flag),
    read(
        "ListQualityFlags",
        List(
            QUALITY_FLAG,
            pb.ListQualityFlagsResponse,
            (
                Filter("asset_id", "t.asset_id = {}"),
                Filter("min_severity", "t.severity >= {}"),
                Filter("flag_type", "t.flag_type = {}"),
                Filter("include_resolved", "t.resolved_at IS NULL", unless=True),
            ),
        ),
    ),
    write("CreateChain", Create(CHAIN, pb.CreateChainRequest, pb.CreateChainResponse, prepare=prepare.chain)),
    read("GetChain", Get(CHAIN, pb.GetChainResponse)),
    read("ListChains", List(CHAIN, pb.ListChainsResponse, (_CHAIN_TYPE,))),
    write("CreateSymbol", Create(SYMBOL, pb.CreateSymbolRequest, pb.CreateSymbolResponse, prepare=prepare.symbol)),
    lookup("GetSymbol"),
    write("UpdateSymbol", Update(SYMBOL, pb.UpdateSymbolRequest, pb.UpdateSymbolResponse, prepare=prepare.symbol)),
    write("DeleteSymbol", _DELETE_SYMBOL),
    read(
        "ListSymbols",
        List(
            SYMBOL,
            pb.ListSymbolsResponse,
            (
                Filter("symbol_type", "t.symbol_type = {}"),
                Filter("base_asset_id", "t.base_asset_id = {}"),
                Filter("quote_asset_id", "t.quote_asset_id = {}"),
            ),
        ),
    ),
    read("SearchSymbols", search.symbols),
    write(
        "CreateSymbolIdentifier",
        Create(SYMBOL_IDENTIFIER, pb.CreateSymbolIdentifierRequest, pb.CreateSymbolIdentifierResponse),
    ),
    lookup("GetSymbolIdentifier"),
    read(
        "ListSymbolIdentifiers",
        List(
            SYMBOL_IDENTIFIER,
            pb.ListSymbolIdentifiersResponse,
            (Filter("symbol_id", "t.symbol_id = {}"), Filter("source", "t.data_source = {}")),
            needs=("symbol_id",),
        ),
    ),
    write("CreateVenue", Create(VENUE, pb.CreateVenueRequest, pb.CreateVenueResponse, prepare=prepare.venue)),
    lookup("GetVenue"),
    read(
        "ListVenues",
        List(
            VENUE,
            pb.ListVenuesResponse,
            (Filter("venue_type", "t.venue_type = {}"), Filter("chain_id", "t.chain_id = {}")),
        ),
    ),
    write("CreateVenueAsset", procedures.list_asset),
    lookup("GetVenueAsset"),
    read(
        "ListVenueAssets",
        List(
            VENUE_ASSET,
            pb.ListVenueAssetsResponse,
            (
                Filter("venue_id", "t.venue_id = {}"),
                Filter("asset_id", "t.asset_id = {}"),
                Filter(
                    "venue_asset_symbol",
                    "(t.venue_asset_symbol = {} OR t.venue_asset_aliases @> ARRAY[{}])",
                    convert=lambda code: (code, code),
                ),
            ),
        ),
    ),
    write(
        "CreateVenueSymbol",
        Create(VENUE_SYMBOL, pb.CreateVenueSymbolRequest, pb.CreateVenueSymbolResponse, prepare=prepare.new_listing),
    ),
    lookup("GetVenueSymbol"),
    read(
        "ListVenueSymbols",
        List(
            VENUE_SYMBOL,
            pb.ListVenueSymbolsResponse,
            (
                Filter("venue_id", "t.venue_id = {}"),
                Filter("symbol_id", "t.symbol_id = {}"),
                Filter("venue_symbol", "t.venue_symbol = ANY({}::text[])"),
                Filter("include_delisted", _LIVING, unless=True),
            ),
            prepare=procedures.spellings_of,
        ),
    ),
)
BY_NAME: Mapping[str, Method] = {each.name: each for each in METHODS}


def complete(service: ServiceDescriptor, rows: Sequence[Method]) -> None:
    """Raise TypeError unless the rows serve each RPC of the service once; a stream is no row."""
    served = [each.name for each in rows]
    missing = {each.name for each in service.methods if not each.server_streaming} ^ set(served)
    if missing or len(served) != len(set(served)):
        msg = f"the method table and the contract disagree: {sorted(missing)}"
        raise TypeError(msg)


complete(REGISTRY, METHODS)
