"""Rows for Apply as importers make them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from google.protobuf import struct_pb2

from cqar import text
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.errors import Invalid

COINGECKO = assets_pb2.DATA_SOURCE_COINGECKO
INTERNAL = assets_pb2.DATA_SOURCE_INTERNAL
#: Metadata of a deployment: the token list that it was imported from.
LISTED_BY: Final = "listed_by"


def struct(value: Mapping[str, Any]) -> struct_pb2.Struct:
    """A JSON object as the message."""
    made = struct_pb2.Struct()
    made.update(value)
    return made


def url(value: str | None) -> str | None:
    """The URL if it is valid in the registry. Sources also publish placeholders, ipfs links and malformed URLs."""
    if not value:
        return None
    try:
        return text.url(value, "url")
    except Invalid:
        return None


def identifier(source: assets_pb2.DataSource, external_id: str) -> assets_pb2.AssetIdentifier:
    """An external id, primary for its source."""
    return assets_pb2.AssetIdentifier(source=source, external_id=external_id, is_primary=True)


def by_identifier(source: assets_pb2.DataSource, external_id: str) -> pb.ApplyRow:
    """A row that identifies an asset by an external id."""
    return pb.ApplyRow(asset=assets_pb2.Asset(), identifiers=[identifier(source, external_id)])


def by_address(chain_id: str, address: str) -> pb.ApplyRow:
    """A row that identifies an asset by a contract address."""
    return pb.ApplyRow(asset=assets_pb2.Asset(), deployments=[deployment(chain_id, address)])


def deployment(
    chain_id: str, address: str | None, decimals: int | None = None, metadata: Mapping[str, Any] | None = None
) -> assets_pb2.AssetDeployment:
    """A deployment; without an address, the native coin of the chain."""
    made = assets_pb2.AssetDeployment(chain_id=chain_id)
    if address is None:
        made.is_native = True
    else:
        made.address = address
    if decimals is not None:
        made.decimals = max(
            -1, min(decimals, 2**31 - 1)
        )  # the registry reports a value out of range; protobuf would raise ValueError
    if metadata:
        made.metadata.CopyFrom(struct(metadata))
    return made


def asset(
    symbol: str,
    name: str,
    asset_type: assets_pb2.AssetType,
    *,
    category: str | None = None,
    logo_url: str | None = None,
    identifiers: Sequence[assets_pb2.AssetIdentifier] = (),
    deployments: Sequence[assets_pb2.AssetDeployment] = (),
    ref: str = "",
) -> pb.ApplyRow:
    """An asset with its natural keys."""
    made = assets_pb2.Asset(symbol=symbol, name=name, asset_type=asset_type)
    if category:
        made.category = category
    if logo_url:
        made.logo_url = logo_url
    return pb.ApplyRow(ref=ref, asset=made, identifiers=identifiers, deployments=deployments)
