"""`cqar search`: assets by ticker, name, id elsewhere or address, and the venues that use them."""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf import json_format

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.run.wire import Registry, RegistryError

#: Assets, and of each addresses and codes, that are shown.
LIMIT: Final = 20
_SHOWN: Final = 10
_SOURCE: Final = "DATA_SOURCE_"


def search(registry: Registry, text: str) -> list[dict[str, Any]]:
    """What is known of the assets that the text may mean, exact matches first. Raises RegistryError."""
    ids = dict.fromkeys([*_by_id(registry, text), *_by_address(registry, text)])
    ids |= dict.fromkeys(each.asset_id for each in registry.call(contract.SearchAssetsRequest(query=text, limit=LIMIT)).assets)
    wanted = list(ids)[:LIMIT]
    assets = [
        answer.asset
        for answer in registry.calls(contract.GetAssetRequest(asset_id=each) for each in wanted)
        if not isinstance(answer, RegistryError)
    ]
    return [_known(registry, each) for each in assets]


def _by_id(registry: Registry, text: str) -> Iterator[str]:
    """Assets with this id in another system, which may stand before it: coingecko:bitcoin."""
    source, colon, external_id = text.partition(":")
    named = f"{_SOURCE}{source.upper()}"
    known: list[Any] = [each for each in assets_pb2.DataSource.values() if each]
    if colon and named in assets_pb2.DataSource.keys():  # noqa: SIM118 - an enum has no `in`
        known, text = [assets_pb2.DataSource.Value(named)], external_id
    requests = [contract.GetAssetIdentifierRequest(source=each, external_id=text) for each in known]
    for answer in registry.calls(requests):
        if not isinstance(answer, RegistryError):
            yield answer.identifier.asset_id


def _by_address(registry: Registry, text: str) -> Iterator[str]:
    """Assets with this address on any chain."""
    address = text.rpartition("/")[2]
    try:
        found = registry.call(contract.ListAssetDeploymentsRequest(address=address, page_size=LIMIT)).deployments
    except RegistryError:
        # No address of any chain has this form.
        return
    yield from (each.asset_id for each in found if not each.is_native)


def _known(registry: Registry, asset: Any) -> dict[str, Any]:
    asset_id = asset.asset_id
    lists = (
        contract.ListAssetIdentifiersRequest(asset_id=asset_id, page_size=100),
        contract.ListAssetDeploymentsRequest(asset_id=asset_id, page_size=100),
        contract.ListVenueAssetsRequest(asset_id=asset_id, page_size=1000),
    )
    identifiers, deployments, venues = registry.calls(lists)
    return {
        "asset_id": asset_id,
        "symbol": asset.symbol,
        "name": asset.name,
        "type": assets_pb2.AssetType.Name(asset.asset_type).removeprefix("ASSET_TYPE_").lower(),
        "category": asset.category,
        "ids": sorted(_identifier(each) for each in getattr(identifiers, "identifiers", ())),
        "addresses": [f"{each.chain_id}/{each.address}" for each in getattr(deployments, "deployments", ())],
        "venues": [f"{each.venue_id}:{each.venue_asset_symbol}" for each in getattr(venues, "venue_assets", ())],
    }


def _identifier(identifier: Any) -> str:
    source = assets_pb2.DataSource.Name(identifier.source).removeprefix(_SOURCE).lower()
    return f"{source}:{identifier.external_id}"


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Lines about an asset."""
    category = f", {found['category']}" if found["category"] else ""
    yield f"{found['asset_id']}  {found['symbol']}  {found['name']}  {found['type']}{category}"
    for name in ("ids", "addresses", "venues"):
        texts = found[name]
        more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
        if texts:
            yield f"  {name:<10} {', '.join(texts[:_SHOWN])}{more}"


def data(message: Any) -> dict[str, Any]:
    """A response as a JSON object with the contract's field names."""
    return json_format.MessageToDict(message, preserving_proto_field_name=True)
