"""Facts as create requests of the contract. Ids come from the registry; numbers are exact text."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from cqar import exact
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.dev.sample.facts import Asset, Chain, Contract, Deployment, Flag, Group, Listing, Relationship, Venue, VenueAsset

#: The source of flags and the evidence of identities.
SOURCE = "cqar sample"

_OPTION_TYPES = {"C": "OPTION_TYPE_CALL", "P": "OPTION_TYPE_PUT"}


def asset(fact: Asset) -> contract.CreateAssetRequest:
    """The asset, without its external ids."""
    return contract.CreateAssetRequest(
        symbol=fact.symbol,
        name=fact.name,
        asset_type=f"ASSET_TYPE_{fact.type}",
        category=fact.category,
        description=fact.description,
        website_url=fact.website,
    )


def identifier(source: str, external_id: str, asset_id: str) -> contract.CreateAssetIdentifierRequest:
    """An external id as the asset's primary one in its source."""
    return contract.CreateAssetIdentifierRequest(
        asset_id=asset_id, source=data_source(source), external_id=external_id, is_primary=True
    )


def chain(fact: Chain, asset_id: str, symbol: str) -> contract.CreateChainRequest:
    """The chain; id and symbol are those of its native asset."""
    return contract.CreateChainRequest(
        name=fact.name,
        chain_slug=fact.slug,
        chain_type=fact.type,
        chain_id=fact.network_id,
        caip2=fact.caip2,
        native_asset_id=asset_id,
        native_asset_symbol=symbol,
        max_decimals=fact.max_decimals,
        block_explorer_url=fact.explorer,
        rpc_urls=fact.rpc_urls,
        is_testnet=False,
    )


def deployment(fact: Deployment, asset_id: str, chain_id: str) -> contract.CreateAssetDeploymentRequest:
    """The deployment; a native one has no address."""
    return contract.CreateAssetDeploymentRequest(
        asset_id=asset_id,
        chain_id=chain_id,
        contract_address=fact.address,
        decimals=fact.decimals,
        is_native=fact.native,
        is_canonical=fact.canonical,
    )


def relationship(fact: Relationship, source_id: str, target_id: str) -> contract.CreateAssetRelationshipRequest:
    """The relationship from one asset to another."""
    return contract.CreateAssetRelationshipRequest(
        source_asset_id=source_id,
        target_asset_id=target_id,
        relationship_type=f"RELATIONSHIP_TYPE_{fact.type}",
        conversion_rate=number(fact.rate),
        protocol=fact.protocol,
        description=fact.description,
    )


def group(fact: Group, asset_ids: Mapping[str, str]) -> contract.CreateAssetGroupRequest:
    """The group with its members; `asset_ids` by key."""
    members = [
        assets_pb2.AssetGroupMember(asset_id=asset_ids[member.asset], weight_decimal=number(member.weight))
        for member in fact.members
    ]
    return contract.CreateAssetGroupRequest(name=fact.name, description=fact.description, group_type=fact.type, members=members)


def flag(fact: Flag, asset_id: str) -> contract.RaiseQualityFlagRequest:
    """The flag."""
    return contract.RaiseQualityFlagRequest(
        asset_id=asset_id,
        flag_type=f"FLAG_TYPE_{fact.type}",
        severity=f"FLAG_SEVERITY_{fact.severity}",
        description=fact.reason,
        source=SOURCE,
    )


def venue(fact: Venue) -> contract.CreateVenueRequest:
    """The venue, without its assets."""
    return contract.CreateVenueRequest(
        name=fact.name,
        venue_slug=fact.slug,
        venue_type=f"VENUE_TYPE_{fact.type}",
        default_symbol_type=f"SYMBOL_TYPE_{fact.default_type}" if fact.default_type else None,
        website_url=fact.website,
        api_endpoint=fact.api,
    )


def venue_asset(fact: VenueAsset, venue_id: str, asset_id: str) -> contract.CreateVenueAssetRequest:
    """The venue's code for an asset."""
    return contract.CreateVenueAssetRequest(
        venue_id=venue_id,
        asset_id=asset_id,
        venue_asset_symbol=fact.code,
        venue_asset_aliases=fact.aliases,
        deposit_enabled=fact.deposit,
        withdraw_enabled=fact.withdraw,
        trading_enabled=fact.trading,
        identity_evidence=SOURCE,
    )


def symbol(fact: Contract, margin: str | None, asset_ids: Mapping[str, str]) -> contract.CreateSymbolRequest:
    """The canonical symbol: its identity only, since specs belong to the listings."""
    return contract.CreateSymbolRequest(
        symbol_type=f"SYMBOL_TYPE_{fact.type}",
        base_asset_id=asset_ids[fact.base],
        quote_asset_id=asset_ids[fact.quote],
        settlement_asset_id=asset_ids[fact.settle] if fact.settle else None,
        margin_kind=margin,
        expiry=instant(fact.expiry),
        strike_price_decimal=number(fact.strike),
        option_type=_OPTION_TYPES[fact.option] if fact.option else None,
    )


def listing(fact: Listing, venue_id: str, symbol_id: str) -> contract.CreateVenueSymbolRequest:
    """The listing with its specs and fees."""
    return contract.CreateVenueSymbolRequest(
        venue_id=venue_id,
        symbol_id=symbol_id,
        venue_symbol=fact.text,
        symbol_type=f"SYMBOL_TYPE_{fact.type}",
        maker_fee_decimal=number(fact.maker),
        taker_fee_decimal=number(fact.taker),
        tick_size_decimal=number(fact.tick),
        lot_size_decimal=number(fact.lot),
        min_order_size_decimal=number(fact.min_size),
        max_order_size_decimal=number(fact.max_size),
        contract_size_decimal=number(fact.contract_size),
        quantity_multiplier_decimal=number(fact.multiplier),
        min_notional_decimal=number(fact.min_notional),
        max_leverage_decimal=number(fact.max_leverage),
        listed_at=instant(fact.listed_at),
        delisted_at=instant(fact.delisted_at),
    )


def data_source(name: str) -> str:
    """The enum value of a source of external ids, from its name in lower case."""
    return f"DATA_SOURCE_{name.upper()}"


def number(value: Decimal | None) -> str | None:
    """The number as plain text."""
    return None if value is None else exact.plain(value)


def instant(value: datetime | None) -> Timestamp | None:
    """The time as a protobuf timestamp."""
    if value is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(value)
    return stamp
