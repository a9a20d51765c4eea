"""Every RPC of `cqc.services.v1.AssetRegistry`, a row each: its name and the operation that serves it."""

from collections.abc import Mapping

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.model import addresses
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
from cqar.services.method import AnyMethod, complete, read
from cqar.services.run import write
from cqar.storage.postgres import Sql
from cqar.writes import prepare, procedures, search
from cqar.writes.operations import Create, Delete, Get, List, Update
from cqar.writes.paging import Filter

SERVICE = lookups.ASSET_REGISTRY

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

METHODS: tuple[AnyMethod, ...] = (
    write(SERVICE, "CreateAsset", procedures.create_asset),
    lookups.BY_NAME["GetAsset"],
    write(SERVICE, "UpdateAsset", Update(ASSET, pb.UpdateAssetRequest, pb.UpdateAssetResponse, prepare=prepare.asset)),
    write(SERVICE, "DeleteAsset", _DELETE_ASSET),
    read(
        SERVICE,
        "ListAssets",
        List(
            ASSET,
            pb.ListAssetsResponse,
            (Filter("asset_type", "t.asset_type = {}"), Filter("category", "t.category = {}")),
        ),
    ),
    read(SERVICE, "SearchAssets", search.assets),
    write(
        SERVICE,
        "CreateAssetDeployment",
        Create(DEPLOYMENT, pb.CreateAssetDeploymentRequest, pb.CreateAssetDeploymentResponse, prepare=prepare.deployment),
    ),
    read(SERVICE, "GetAssetDeployment", Get(DEPLOYMENT, pb.GetAssetDeploymentResponse)),
    read(
        SERVICE,
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
        SERVICE,
        "CreateAssetIdentifier",
        Create(ASSET_IDENTIFIER, pb.CreateAssetIdentifierRequest, pb.CreateAssetIdentifierResponse),
    ),
    lookups.BY_NAME["GetAssetIdentifier"],
    read(
        SERVICE,
        "ListAssetIdentifiers",
        List(
            ASSET_IDENTIFIER,
            pb.ListAssetIdentifiersResponse,
            (Filter("asset_id", "t.asset_id = {}"), Filter("source", "t.source = {}")),
            needs=("asset_id",),
            unless="source",
        ),
    ),
    write(
        SERVICE,
        "CreateAssetRelationship",
        Create(
            RELATIONSHIP,
            pb.CreateAssetRelationshipRequest,
            pb.CreateAssetRelationshipResponse,
            prepare=prepare.relationship,
        ),
    ),
    read(SERVICE, "ListAssetRelationships", procedures.list_relationships),
    write(SERVICE, "CreateAssetGroup", procedures.create_group),
    read(SERVICE, "GetAssetGroup", procedures.get_group),
    write(SERVICE, "AddAssetToGroup", procedures.add_member),
    write(SERVICE, "RemoveAssetFromGroup", procedures.remove_member),
    write(SERVICE, "RaiseQualityFlag", procedures.raise_flag),
    write(SERVICE, "ResolveQualityFlag", procedures.resolve_flag),
    read(
        SERVICE,
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
    write(SERVICE, "CreateChain", Create(CHAIN, pb.CreateChainRequest, pb.CreateChainResponse, prepare=prepare.chain)),
    read(SERVICE, "GetChain", Get(CHAIN, pb.GetChainResponse)),
    read(SERVICE, "ListChains", List(CHAIN, pb.ListChainsResponse, (_CHAIN_TYPE,))),
    write(SERVICE, "CreateSymbol", Create(SYMBOL, pb.CreateSymbolRequest, pb.CreateSymbolResponse, prepare=prepare.symbol)),
    lookups.BY_NAME["GetSymbol"],
    write(SERVICE, "UpdateSymbol", Update(SYMBOL, pb.UpdateSymbolRequest, pb.UpdateSymbolResponse, prepare=prepare.symbol)),
    write(SERVICE, "DeleteSymbol", _DELETE_SYMBOL),
    read(
        SERVICE,
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
    read(SERVICE, "SearchSymbols", search.symbols),
    write(
        SERVICE,
        "CreateSymbolIdentifier",
        Create(SYMBOL_IDENTIFIER, pb.CreateSymbolIdentifierRequest, pb.CreateSymbolIdentifierResponse),
    ),
    lookups.BY_NAME["GetSymbolIdentifier"],
    read(
        SERVICE,
        "ListSymbolIdentifiers",
        List(
            SYMBOL_IDENTIFIER,
            pb.ListSymbolIdentifiersResponse,
            (Filter("symbol_id", "t.symbol_id = {}"), Filter("source", "t.data_source = {}")),
            needs=("symbol_id",),
        ),
    ),
    write(SERVICE, "CreateVenue", Create(VENUE, pb.CreateVenueRequest, pb.CreateVenueResponse, prepare=prepare.venue)),
    lookups.BY_NAME["GetVenue"],
    read(
        SERVICE,
        "ListVenues",
        List(
            VENUE,
            pb.ListVenuesResponse,
            (Filter("venue_type", "t.venue_type = {}"), Filter("chain_id", "t.chain_id = {}")),
        ),
    ),
    write(SERVICE, "CreateVenueAsset", procedures.list_asset),
    lookups.BY_NAME["GetVenueAsset"],
    read(
        SERVICE,
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
        SERVICE,
        "CreateVenueSymbol",
        Create(VENUE_SYMBOL, pb.CreateVenueSymbolRequest, pb.CreateVenueSymbolResponse, prepare=prepare.new_listing),
    ),
    lookups.BY_NAME["GetVenueSymbol"],
    read(
        SERVICE,
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
BY_NAME: Mapping[str, AnyMethod] = {each.name: each for each in METHODS}
complete(SERVICE, METHODS)
