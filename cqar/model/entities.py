"""The 14 entities of the registry, and API keys.

To add a field or a table, see `docs/how-to`.

Each entity also declares the keys of the cache parts that hold its rows, see `cqar.model.cache_keys`.
"""

from collections.abc import Mapping

from cqar.contract.cqar.v1 import access_pb2, identity_pb2
from cqar.contract.cqar.v1 import events_pb2 as own_events_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.events.v1 import events_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model.cache_keys import (
    api_key_key,
    asset_identifiers_key,
    asset_key,
    caip2_key,
    chain_key,
    deployment_key,
    external_asset_key,
    external_symbol_key,
    identity_key,
    listings_key,
    symbol_identifiers_key,
    symbol_key,
    symbol_listings_key,
    venue_asset_key,
    venue_code_key,
    venue_key,
)
from cqar.model.entity import Entity, Parent, Row

CRITICAL = assets_pb2.FLAG_SEVERITY_CRITICAL


def _blocked(asset_id: str) -> str:
    """SQL: whether the asset of this expression has an active CRITICAL flag."""
    return (
        f"EXISTS (SELECT FROM quality_flags f WHERE f.asset_id = {asset_id} AND f.severity = {CRITICAL}"
        " AND f.resolved_at IS NULL AND f.deleted_at IS NULL)"
    )


#: SQL: whether the interval of `t` contains the current time.
_VALID_NOW = "COALESCE(t.listed_at <= now(), true) AND COALESCE(t.delisted_at > now(), true)"


# ---- the parts that hold a row ---------------------------------------------------------------------------------------


def _chain_keys(row: Row) -> tuple[str, ...]:
    return (chain_key(row["chain_id"]), *([caip2_key(row["caip2"])] if row["caip2"] else []))


def _flag_keys(row: Row) -> tuple[str, ...]:
    active = row["resolved_at"] is None and row["deleted_at"] is None
    return (asset_key(row["asset_id"]),) if active else ()


def _deployment_keys(row: Row) -> tuple[str, ...]:
    return (deployment_key(row["chain_id"], row["address"]),) if row["deleted_at"] is None else ()


def _asset_identifier_keys(row: Row) -> tuple[str, ...]:
    if row["deleted_at"] is not None:
        return ()
    return asset_identifiers_key(row["asset_id"]), external_asset_key(row["source"], row["external_id"])


def _symbol_identifier_keys(row: Row) -> tuple[str, ...]:
    if row["deleted_at"] is not None:
        return ()
    return symbol_identifiers_key(row["symbol_id"]), external_symbol_key(row["data_source"], row["external_id"])


def _venue_asset_keys(row: Row) -> tuple[str, ...]:
    venue, codes = row["venue_id"], [row["venue_asset_symbol"], *(row["venue_asset_aliases"] or ())]
    own = venue_asset_key(venue, row["asset_id"]), identity_key(venue, row["asset_id"])
    return *own, *(venue_code_key(venue, code) for code in dict.fromkeys(codes))


def _venue_symbol_keys(row: Row) -> tuple[str, ...]:
    return listings_key(row["venue_id"], row["venue_symbol"]), symbol_listings_key(row["symbol_id"])


# ---- the entities --------------------------------------------------------------------------------------------------

ASSET = Entity(
    name="asset",
    table="assets",
    message=assets_pb2.Asset,
    key=("asset_id",),
    field="asset",
    plural="assets",
    soft=True,
    stamped=True,
    part_keys=lambda row: (asset_key(row["asset_id"]),),
    required=("symbol", "name", "asset_type"),
    successor="successor_asset_id",
    created=events_pb2.AssetCreated,
)

CHAIN = Entity(
    name="chain",
    table="chains",
    message=assets_pb2.Chain,
    key=("chain_id",),
    required=("chain_name", "chain_type"),
    field="chain",
    plural="chains",
    parents=(Parent("native_asset_id", ASSET, "native_asset_id"),),
    renames={
        "name": "chain_name",
        "chain_id": "network_id",
        "block_explorer_url": "explorer_url",
        "chain_slug": "chain_id",
    },
    stamped=True,
    part_keys=_chain_keys,
    created=own_events_pb2.ChainRegistered,
)

DEPLOYMENT = Entity(
    name="deployment",
    table="deployments",
    message=assets_pb2.AssetDeployment,
    key=("deployment_id",),
    required=("asset_id", "chain_id"),
    field="deployment",
    plural="deployments",
    parents=(Parent("asset_id", ASSET, "asset_id"), Parent("chain_id", CHAIN, "chain_id")),
    renames={"contract_address": "address"},
    joined={"chain_name": "(SELECT c.chain_name FROM chains c WHERE c.chain_id = t.chain_id)"},
    fixed=frozenset({"asset_id"}),
    soft=True,
    stamped=True,
    part_keys=_deployment_keys,
    created=events_pb2.AssetDeploymentCreated,
)

ASSET_IDENTIFIER = Entity(
    name="asset_identifier",
    table="asset_identifiers",
    message=assets_pb2.AssetIdentifier,
    key=("identifier_id",),
    required=("asset_id", "source", "external_id"),
    field="identifier",
    plural="identifiers",
    parents=(Parent("asset_id", ASSET, "asset_id"),),
    defaults={"is_primary": False},
    soft=True,
    part_keys=_asset_identifier_keys,
)

RELATIONSHIP = Entity(
    name="relationship",
    table="relationships",
    message=assets_pb2.AssetRelationship,
    key=("relationship_id",),
    required=("from_asset_id", "to_asset_id", "relationship_type"),
    field="relationship",
    plural="relationships",
    parents=(Parent("from_asset_id", ASSET, "source_asset_id"), Parent("to_asset_id", ASSET, "target_asset_id")),
    renames={"source_asset_id": "from_asset_id", "target_asset_id": "to_asset_id"},
    numbers=frozenset({"conversion_rate"}),
    stamped=True,
    created=events_pb2.RelationshipEstablished,
)

ASSET_GROUP = Entity(
    name="asset_group",
    table="asset_groups",
    message=assets_pb2.AssetGroup,
    key=("group_id",),
    required=("name",),
    field="group",
    stamped=True,
)

ASSET_GROUP_MEMBER = Entity(
    name="asset_group_member",
    table="asset_group_members",
    message=assets_pb2.AssetGroupMember,
    key=("member_id",),
    required=("group_id", "asset_id"),
    field="member",
    parents=(Parent("group_id", ASSET_GROUP, "group_id"), Parent("asset_id", ASSET, "asset_id")),
)

QUALITY_FLAG = Entity(
    name="quality_flag",
    table="quality_flags",
    message=assets_pb2.AssetQualityFlag,
    key=("flag_id",),
    required=("asset_id", "flag_type", "severity", "reason"),
    field="flag",
    plural="flags",
    parents=(Parent("asset_id", ASSET, "asset_id"),),
    renames={"description": "reason"},
    soft=True,
    part_keys=_flag_keys,
    created=events_pb2.QualityFlagRaised,
)

SYMBOL = Entity(
    name="symbol",
    table="symbols",
    message=markets_pb2.Symbol,
    key=("symbol_id",),
    required=("symbol_type", "base_asset_id", "quote_asset_id"),
    field="symbol",
    plural="symbols",
    parents=(
        Parent("base_asset_id", ASSET, "base_asset_id"),
        Parent("quote_asset_id", ASSET, "quote_asset_id"),
        Parent("settlement_asset_id", ASSET, "settlement_asset_id"),
    ),
    defaults={"is_active": True},
    soft=True,
    stamped=True,
    part_keys=lambda row: (symbol_key(row["symbol_id"]),),
    successor="successor_symbol_id",
    created=events_pb2.SymbolCreated,
    moved=own_events_pb2.MarketMoved,
    moves=("base_asset_id", "quote_asset_id", "settlement_asset_id"),
)

SYMBOL_IDENTIFIER = Entity(
    name="symbol_identifier",
    table="symbol_identifiers",
    message=markets_pb2.SymbolIdentifier,
    key=("identifier_id",),
    required=("symbol_id", "data_source", "external_id"),
    field="identifier",
    plural="identifiers",
    parents=(Parent("symbol_id", SYMBOL, "symbol_id"),),
    defaults={"is_primary": False},
    soft=True,
    part_keys=_symbol_identifier_keys,
)

VENUE = Entity(
    name="venue",
    table="venues",
    message=venues_pb2.Venue,
    key=("venue_id",),
    required=("name", "venue_type"),
    field="venue",
    plural="venues",
    parents=(Parent("chain_id", CHAIN, "chain_id"),),
    renames={"venue_slug": "venue_id"},
    defaults={"is_active": True},
    stamped=True,
    part_keys=lambda row: (venue_key(row["venue_id"]),),
)

VENUE_ASSET = Entity(
    name="venue_asset",
    table="venue_assets",
    message=venues_pb2.VenueAsset,
    key=("venue_id", "asset_id"),
    required=("venue_id", "asset_id", "venue_asset_symbol"),
    field="venue_asset",
    plural="venue_assets",
    parents=(
        Parent("venue_id", VENUE, "venue_id"),
        Parent("asset_id", ASSET, "asset_id"),
        Parent("deployment_id", DEPLOYMENT, "deployment_id"),
    ),
    joined={"trading_enabled_stored": "t.trading_enabled"},
    overridden={
        "trading_enabled": "CASE WHEN t.trading_enabled THEN t.blocked_reason IS NULL"
        f" AND NOT {_blocked('t.asset_id')} ELSE t.trading_enabled END",
        "is_active": f"t.is_active AND {_VALID_NOW}",
    },
    defaults={"is_active": True},
    stamped=True,
    part_keys=_venue_asset_keys,
    created=events_pb2.VenueAssetListed,
    delisted=events_pb2.VenueAssetDelisted,
)

VENUE_SYMBOL = Entity(
    name="venue_symbol",
    table="venue_symbols",
    message=venues_pb2.VenueSymbol,
    key=("listing_id",),
    required=("venue_id", "symbol_id", "venue_symbol"),
    field="venue_symbol",
    plural="venue_symbols",
    parents=(Parent("venue_id", VENUE, "venue_id"), Parent("symbol_id", SYMBOL, "symbol_id")),
    overridden={"is_active": f"t.is_active AND {_VALID_NOW}"},
    defaults={"is_active": True},
    stamped=True,
    part_keys=_venue_symbol_keys,
    created=events_pb2.VenueSymbolListed,
    event_fields={
        # An array, so that the index on symbols is used: a venue has too many listings.
        "is_new_listing": "t.venue_id <> ALL (ARRAY(SELECT o.venue_id FROM venue_symbols o"
        " WHERE o.symbol_id = t.symbol_id AND o.listing_id <> t.listing_id))"
    },
    delisted=events_pb2.VenueSymbolDelisted,
    moved=own_events_pb2.MarketMoved,
    moves=("symbol_id",),
)

#: What a venue's code means, and why. Lookups do not read it, so caches do not hold it.
IDENTITY_CLAIM = Entity(
    name="identity_claim",
    table="identity_claims",
    message=identity_pb2.IdentityClaim,
    key=("venue_id", "code"),
    required=("venue_id", "code", "level"),
    field="claim",
    plural="claims",
    parents=(Parent("venue_id", VENUE, "venue_id"), Parent("asset_id", ASSET, "asset_id")),
    items=frozenset({"evidence"}),
    stamped=True,
    carried=False,
)

ALL = (
    ASSET,
    CHAIN,
    DEPLOYMENT,
    ASSET_IDENTIFIER,
    RELATIONSHIP,
    ASSET_GROUP,
    ASSET_GROUP_MEMBER,
    QUALITY_FLAG,
    SYMBOL,
    SYMBOL_IDENTIFIER,
    VENUE,
    VENUE_ASSET,
    VENUE_SYMBOL,
    IDENTITY_CLAIM,
)

#: API keys. Their hashes stay in PostgreSQL and in the memory of the processes.
API_KEY = Entity(
    name="api_key",
    table="api_keys",
    message=access_pb2.ApiKey,
    key=("key_id",),
    required=("principal", "role"),
    field="key",
    plural="keys",
    part_keys=lambda row: (api_key_key(row["key_id"]),),
    secret=frozenset({"hash"}),
    unrevised=frozenset({"last_used_at"}),
    carried=False,
)

BY_NAME: Mapping[str, Entity] = {each.name: each for each in (*ALL, API_KEY)}
