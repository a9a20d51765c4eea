"""The existing rows of a registry by natural keys, read by list calls, many at once."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.dev.sample.facts import Contract, Interval
from cqar.dev.sample.requests import data_source
from cqar.dev.sample.wire import Ask, Wire
from cqar.model import addresses

_OPTIONS = {markets_pb2.OPTION_TYPE_CALL: "C", markets_pb2.OPTION_TYPE_PUT: "P"}
_SPOT_LIKE = (markets_pb2.SYMBOL_TYPE_SPOT, markets_pb2.SYMBOL_TYPE_MARGIN)


class Listed(NamedTuple):
    """A text that means a symbol in an interval."""

    symbol_id: str
    interval: Interval


def assets(wire: Wire, external_ids: Iterable[tuple[str, str]]) -> list[str | None]:
    """Return the asset of each (source, external id), in order; None for an unknown one."""
    asks = (
        Ask(contract.GetAssetIdentifierRequest(source=data_source(source), external_id=external), f"{source} {external!r}")
        for source, external in external_ids
    )
    answers = wire.find(asks, contract.GetAssetIdentifierResponse)
    return [None if answer is None else answer.identifier.asset_id for answer in answers]


def unidentified(wire: Wire, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the assets with these symbols and names that have no external id, by (symbol, name)."""
    wanted = set(names)
    if not wanted:
        return {}
    pages = wire.pages([Ask(contract.ListAssetsRequest(), "all assets")], contract.ListAssetsResponse)
    alike = [asset for page in pages for asset in page.assets if (asset.symbol, asset.name) in wanted]
    asks = [Ask(contract.ListAssetIdentifiersRequest(asset_id=asset.asset_id), asset.symbol) for asset in alike]
    answers = wire.send(asks, contract.ListAssetIdentifiersResponse)
    return {
        (asset.symbol, asset.name): asset.asset_id
        for asset, answer in zip(alike, answers, strict=True)
        if not answer.identifiers
    }


def chains(wire: Wire) -> dict[str, str]:
    """Return the chains by CAIP-2 id."""
    pages = wire.pages([Ask(contract.ListChainsRequest(), "all chains")], contract.ListChainsResponse)
    return {chain.caip2: chain.chain_id for page in pages for chain in page.chains if chain.caip2}


def deployments(wire: Wire, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the assets that are deployed at (chain, address or `native`)."""
    asks = (
        Ask(contract.ListAssetDeploymentsRequest(chain_id=chain, address=address), f"{address!r} on {chain!r}")
        for chain, address in places
    )
    pages = wire.pages(asks, contract.ListAssetDeploymentsResponse)
    return {
        (each.chain_id, addresses.NATIVE.text if each.is_native else each.address): each.asset_id
        for page in pages
        for each in page.deployments
    }


def relationships(wire: Wire, asset_ids: Iterable[str]) -> set[tuple[str, str, str]]:
    """Return the relationships from these assets as (from, type, to)."""
    asks = (
        Ask(contract.ListAssetRelationshipsRequest(asset_id=asset, direction="from"), f"relationships of {asset}")
        for asset in dict.fromkeys(asset_ids)
    )
    return {
        (
            each.from_asset_id,
            assets_pb2.RelationshipType.Name(each.relationship_type).removeprefix("RELATIONSHIP_TYPE_"),
            each.to_asset_id,
        )
        for page in wire.pages(asks, contract.ListAssetRelationshipsResponse)
        for each in page.relationships
    }


def groups(wire: Wire, names: Sequence[str]) -> set[str]:
    """Return the names that groups have."""
    asks = [Ask(contract.GetAssetGroupRequest(name=name), f"group {name!r}") for name in names]
    answers = wire.find(asks, contract.GetAssetGroupResponse)
    return {name for name, answer in zip(names, answers, strict=True) if answer is not None}


def flags(wire: Wire, flags_: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the (asset, type) that were ever raised, resolved ones included, so that none is raised again."""
    asks = [
        Ask(
            contract.ListQualityFlagsRequest(asset_id=asset, flag_type=f"FLAG_TYPE_{kind}", include_resolved=True),
            f"flags of {asset}",
        )
        for asset, kind in flags_
    ]
    answers = wire.send(asks, contract.ListQualityFlagsResponse)
    return {flag for flag, answer in zip(flags_, answers, strict=True) if answer.flags}


def venues(wire: Wire) -> set[str]:
    """Return the slugs of all venues."""
    pages = wire.pages([Ask(contract.ListVenuesRequest(), "all venues")], contract.ListVenuesResponse)
    return {venue.venue_id for page in pages for venue in page.venues}


def venue_assets(wire: Wire, venues_: Iterable[str]) -> set[tuple[str, str]]:
    """Return the existing (venue, asset) of these venues."""
    asks = [Ask(contract.ListVenueAssetsRequest(venue_id=venue), f"assets of {venue!r}") for venue in venues_]
    pages = wire.pages(asks, contract.ListVenueAssetsResponse)
    return {(each.venue_id, each.asset_id) for page in pages for each in page.venue_assets}


def symbols(wire: Wire, markets: Iterable[tuple[str, str]]) -> dict[Contract, str]:
    """Return the symbols of these (type, base asset) by their unique key, with asset ids in it."""
    asks = [
        Ask(contract.ListSymbolsRequest(symbol_type=f"SYMBOL_TYPE_{kind}", base_asset_id=base), f"{kind} symbols of {base}")
        for kind, base in dict.fromkeys(markets)
    ]
    pages = wire.pages(asks, contract.ListSymbolsResponse)
    return {_contract(each): each.symbol_id for page in pages for each in page.symbols}


def listings(wire: Wire, venues_: Iterable[str]) -> Mapping[tuple[str, str, str], list[Listed]]:
    """Return all listings of these venues, past ones included, by (venue, text, type)."""
    asks = [
        Ask(contract.ListVenueSymbolsRequest(venue_id=venue, include_delisted=True), f"listings of {venue!r}")
        for venue in venues_
    ]
    found: dict[tuple[str, str, str], list[Listed]] = {}
    for page in wire.pages(asks, contract.ListVenueSymbolsResponse):
        for each in page.venue_symbols:
            interval = (
                _instant(each.listed_at) if each.HasField("listed_at") else None,
                _instant(each.delisted_at) if each.HasField("delisted_at") else None,
            )
            key = (each.venue_id, each.venue_symbol, _type(each.symbol_type))
            found.setdefault(key, []).append(Listed(each.symbol_id, interval))
    return found


def _contract(symbol: markets_pb2.Symbol) -> Contract:
    """Return the unique key of a symbol; a derivative without settlement asset settles in its quote."""
    settle = None if symbol.symbol_type in _SPOT_LIKE else symbol.settlement_asset_id or symbol.quote_asset_id
    return Contract(
        base=symbol.base_asset_id,
        quote=symbol.quote_asset_id,
        settle=settle,
        type=_type(symbol.symbol_type),
        expiry=_instant(symbol.expiry) if symbol.HasField("expiry") else None,
        strike=Decimal(symbol.strike_price_decimal) if symbol.HasField("strike_price_decimal") else None,
        option=_OPTIONS.get(symbol.option_type),
    )


def _type(number: markets_pb2.SymbolType) -> str:
    return markets_pb2.SymbolType.Name(number).removeprefix("SYMBOL_TYPE_")


def _instant(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
