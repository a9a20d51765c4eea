"""`cqar import assets FILE`: assets by CoinGecko id, with the name that each source uses."""

from collections.abc import Mapping
from typing import Final

import msgspec
from google.protobuf import json_format

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.identity import flags
from cqar.importers.run import documents, rows
from cqar.importers.run.documents import Refused, Source
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.run.wire import RegistryError
from cqar.importers.sources.chain_ids import family

#: Metadata of an asset whose type no source states; its first deployment decides.
ASSUMED: Final = "asset_type_assumed"
#: Sources that write all tickers in one case, which is not the case that the issuer uses.
_CASELESS = frozenset({"web3icons", "yodlpay"})
#: Sources whose CoinGecko id is that of the displayed price: for a wrapped token it names the original.
_PRICING = frozenset({"solana"})
_NATIVE, _ERC20, _SPL = assets_pb2.ASSET_TYPE_NATIVE, assets_pb2.ASSET_TYPE_ERC20, assets_pb2.ASSET_TYPE_SPL
_NAMED: Mapping[str | None, assets_pb2.AssetType] = {
    each.name: getattr(assets_pb2, each.name) for each in assets_pb2.AssetType.DESCRIPTOR.values if each.number
}
#: chain-registry's type_asset -> the type.
_KINDS: Mapping[str | None, assets_pb2.AssetType] = {
    "evm-base": _NATIVE,
    "svm-base": _NATIVE,
    "bitcoin-like": _NATIVE,
    "substrate": _NATIVE,
    "sdk.coin": _NATIVE,
    "erc20": _ERC20,
    "cw20": _ERC20,
    "snip20": _ERC20,
    "snip25": _ERC20,
}


class _Seen(msgspec.Struct, rename="camel"):
    source: str
    symbol: str | None = None
    type: str | None = None
    category: str | None = None
    type_asset: str | None = None
    chain_id: int | None = None
    mint: str | None = None


class _Row(msgspec.Struct):
    coingecko_id: str
    symbol: str
    name: str
    seen: list[_Seen] = []


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """The asset described by a row."""

    coingecko_id: str
    symbol: str
    name: str
    asset_type: assets_pb2.AssetType
    #: no source states the type; it is taken as a native coin
    assumed: bool
    category: str | None


_ROW = documents.decoder(_Row)


def parse(source: Source) -> Fact:
    """Read a row. Raises Refused."""
    row = documents.decoded(source, _ROW)
    for field in ("coingecko_id", "symbol", "name"):
        if not getattr(row, field).strip():
            raise Refused("incomplete", f"{field} is empty")
    if row.seen and all(family(each.source) in _PRICING for each in row.seen):
        raise Refused(
            "claimed_only", f"only sources that use the CoinGecko id of the displayed price have {row.coingecko_id!r}"
        )
    asset_type = _type(row)
    return Fact(
        coingecko_id=row.coingecko_id,
        symbol=ticker(row.symbol, [(family(each.source), each.symbol or "") for each in row.seen]),
        name=row.name,
        asset_type=_NATIVE if asset_type is None else asset_type,
        assumed=asset_type is None,
        category=next((each.category for each in row.seen if each.category), None),
    )


def ticker(symbol: str, seen: list[tuple[str, str]]) -> str:
    """The ticker in the case that its issuer uses: CoinGecko writes all tickers in lower case.

    The spelling of the first source that keeps case, else upper case. `seen`: (family of sources, ticker).
    """
    if symbol != symbol.lower():
        return symbol
    spelled = (each for source, each in seen if source not in _CASELESS and each.lower() == symbol)
    return next((each for each in spelled if each != symbol), symbol.upper())


def _type(row: _Row) -> assets_pb2.AssetType | None:
    """The types that sources state for exactly this ticker."""
    for each in row.seen:
        if (each.symbol or "").lower() != row.symbol.lower():
            continue
        if each.type in _NAMED:
            return _NAMED[each.type]
        if each.type_asset in _KINDS:
            return _KINDS[each.type_asset]
        if each.mint:
            return _SPL
        if family(each.source) == "yodlpay" and each.chain_id is not None:
            return _ERC20
    return None


def load(run: Run, data: bytes, name: str) -> None:
    """Import the document. Raises documents.FileError before anything is written, wire.RegistryError."""
    sources = documents.rows(data, name, "assets", _Row)
    run.report.rows += len(sources)
    progress = run.progress(name, len(sources))
    there: dict[str, str] = {}
    for chunk in documents.chunks(sources, CHUNK):
        items = []
        for source in chunk:
            try:
                fact = parse(source)
            except Refused as refused:
                run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)
                continue
            if fact.assumed:
                run.report.note(
                    "type_assumed", f"no source states what {fact.symbol} ({fact.coingecko_id}) is: taken as a coin"
                )
            row = rows.asset(
                fact.symbol,
                fact.name,
                fact.asset_type,
                category=fact.category,
                identifiers=[rows.identifier(rows.COINGECKO, fact.coingecko_id)],
            )
            if fact.assumed:
                row.asset.metadata.update({ASSUMED: True})
            items.append(Item(row, f"{fact.symbol} (coingecko {fact.coingecko_id})", source, keys=(fact.coingecko_id,)))
        for item, result in zip(items, run.write(items), strict=True):
            if result.id:
                there[result.id] = item.row.asset.symbol
        progress.advance(len(chunk))
    flags.raise_unverified(run, flags.lookalikes(run, there))


def retype(run: Run, types: Mapping[str, tuple[assets_pb2.AssetType, Item]]) -> None:
    """Set the type of assets (by id) from a deployment if it was only assumed. Raises wire.RegistryError."""
    answers = run.registry.calls(contract.GetAssetRequest(asset_id=each) for each in types)
    items = []
    for (asset_id, (asset_type, item)), answer in zip(types.items(), answers, strict=True):
        metadata = {} if isinstance(answer, RegistryError) else json_format.MessageToDict(answer.asset.metadata)
        if metadata.pop(ASSUMED, False):
            asset = assets_pb2.Asset(asset_id=asset_id, asset_type=asset_type, metadata=rows.struct(metadata))
            items.append(Item(pb.ApplyRow(asset=asset), item.about, item.source))
    for chunk in documents.chunks(items, CHUNK):
        run.write(chunk, pb.UPSERT)
