"""`cqar import deployments FILE`: contracts and native coins on chains.

The address decides: each deployment belongs to an asset of its own unless a source whose CoinGecko id means identity names
another one. Wallets and the Solana list write the id of the displayed price, also for bridged and wrapped tokens; such ids
are kept as a claim in the metadata. The list by CoinGecko itself is imported separately (`cqar import coingecko`).
"""

from collections.abc import Iterator, Mapping

import msgspec

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.identity import flags
from cqar.importers.run import documents, report, rows
from cqar.importers.run.documents import Refused, Source
from cqar.importers.run.report import Entry
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.sources.assets import retype
from cqar.importers.sources.chain_ids import Chains, family

#: Sources whose coingecko_id identifies the asset.
_IDENTIFYING = frozenset({"yodlpay", "chain-registry"})
#: Token kinds of chain-registry that represent a token of another chain; the id is that of the other.
_VOUCHERS = frozenset({"ics20"})
#: Kinds that are native coins, whatever address the source gives.
_NATIVE_KINDS = frozenset({"evm-base", "svm-base", "bitcoin-like", "NATIVE"})
#: Names that Subwallet uses for tokens without an address.
_NO_ADDRESS = "-LOCAL-"
#: The category of assets on test networks: worthless and not traded.
TESTNET = "testnet"

_TYPES: Mapping[str, assets_pb2.AssetType] = {
    "ics20": assets_pb2.ASSET_TYPE_WRAPPED,
    "ERC721": assets_pb2.ASSET_TYPE_ERC721,
    "PSP34": assets_pb2.ASSET_TYPE_ERC721,
    "sdk.coin": assets_pb2.ASSET_TYPE_NATIVE,
    "substrate": assets_pb2.ASSET_TYPE_NATIVE,
    "LOCAL": assets_pb2.ASSET_TYPE_NATIVE,
}


class _Row(msgspec.Struct):
    chain: str
    address: str
    symbol: str
    sources: list[str]
    is_native: bool
    name: str | None = None
    decimals: int | None = None
    coingecko_id: str | None = None
    typeAsset: str | None = None  # noqa: N815 - the source's name
    assetType: str | None = None  # noqa: N815
    contract: str | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """The deployment described by a row."""

    #: namespace:reference or family:name
    chain: str
    #: None: the native coin
    address: str | None
    #: what the source writes for the native coin
    denom: str | None
    symbol: str
    name: str
    decimals: int | None
    #: the CoinGecko id of its asset, and an id that is only a claim
    coingecko_id: str | None
    claimed: str | None
    #: None: depends on the chain
    asset_type: assets_pb2.AssetType | None


_ROW = documents.decoder(_Row)


def parse(source: Source) -> Fact:
    """Read a row. Raises Refused."""
    row = documents.decoded(source, _ROW)
    if not row.symbol or not row.address:
        raise Refused("incomplete", "the row has no symbol or no address")
    kind = row.typeAsset or row.assetType or ""
    native = row.is_native or kind in _NATIVE_KINDS
    if not native and _NO_ADDRESS in row.address:
        raise Refused("no_address", f"{row.address!r} is a name that the source uses, not an address")
    means = native or (kind not in _VOUCHERS and not _IDENTIFYING.isdisjoint(map(family, row.sources)))
    return Fact(
        chain=row.chain,
        address=None if native else denom(row.contract or row.address),
        denom=row.address if native and row.address != "native" else None,
        symbol=row.symbol,
        name=(row.name or "").strip() or row.symbol,
        decimals=row.decimals,
        coingecko_id=row.coingecko_id if means else None,
        claimed=None if means else row.coingecko_id,
        asset_type=assets_pb2.ASSET_TYPE_NATIVE if native else _TYPES.get(kind),
    )


def denom(address: str) -> str:
    """The contract address without the kind prefix of chain-registry."""
    prefix, colon, rest = address.partition(":")
    return rest if colon and prefix in {"cw20", "snip20", "snip25"} else address


def asset_type(chain_type: str) -> assets_pb2.AssetType:
    """The token type on a chain: ERC20 is used for fungible tokens of all chains but Solana."""
    return assets_pb2.ASSET_TYPE_SPL if chain_type == "SOLANA" else assets_pb2.ASSET_TYPE_ERC20


class Placed(msgspec.Struct):
    """A fact on a known chain."""

    source: Source
    fact: Fact
    chain: assets_pb2.Chain
    logo_url: str | None = None
    #: the token list of the fact; such lists are not vetted
    listed_by: str | None = None

    def new(self) -> assets_pb2.AssetDeployment:
        """The deployment to create. Existing deployments are not attributed to the list."""
        made = self.deployment()
        if self.listed_by:
            made.metadata.update({rows.LISTED_BY: self.listed_by})
        return made

    def deployment(self) -> assets_pb2.AssetDeployment:
        """The deployment without its asset."""
        named = {"denom": self.fact.denom, "coingecko_claimed": self.fact.claimed}
        metadata = {name: value for name, value in named.items() if value}
        return rows.deployment(self.chain.chain_id, self.fact.address, self.fact.decimals, metadata)

    @property
    def key(self) -> str:
        """The key shared by all rows of one address."""
        address = self.fact.address or "native"
        return f"{self.chain.chain_id}/{address.lower() if self.chain.chain_type == 'EVM' else address}"

    @property
    def about(self) -> str:
        """The name in the report."""
        return f"{self.fact.symbol} on {self.chain.chain_id} at {self.fact.address or 'native'}"


def place(source: Source, chains: Chains) -> Placed:
    """Read a row and find its chain. Raises Refused."""
    fact = parse(source)
    return Placed(source, fact, chains.find(fact.chain))


def load(run: Run, data: bytes, name: str) -> None:
    """Import the document. Raises documents.FileError before anything is written, wire.RegistryError."""
    sources = documents.rows(data, name, "deployments", _Row)
    run.report.rows += len(sources)
    chains = Chains(run.registry.pages(contract.ListChainsRequest(), "chains"))
    progress = run.progress(name, len(sources))
    there: dict[str, str] = {}
    for chunk in documents.chunks(sources, CHUNK):
        placed = []
        for source in chunk:
            try:
                placed.append(place(source, chains))
            except Refused as refused:
                run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)
        there.update(write(run, placed))
        progress.advance(len(chunk))
    flags.raise_unverified(run, flags.lookalikes(run, there))


def write(run: Run, placed: list[Placed]) -> Iterator[tuple[str, str]]:
    """Write assets with their deployments, and facts about existing deployments. Yields asset id and ticker."""
    tickers = _tickers(run, placed)
    items: list[Item] = []
    assets: list[tuple[int, Placed]] = []
    for each in placed:
        row = _row(each, tickers)
        row.ref = f"{each.source.line}"
        named = tuple(key.external_id for key in row.identifiers)
        assets.append((len(items), each))
        items.append(Item(row, each.about, each.source, keys=named or (each.key,)))
        if not named:
            row.deployments.append(each.new())
        if named or run.dry_run:
            # A dry run writes nothing, so rows that others refer to are sent along.
            items.append(_deployment(each, f"ref:{row.ref}", *named)._replace(silent=not named))
    results = run.write(items)
    _retype(run, [(items[at], results[at]) for at, _ in assets])
    again = []
    for at, each in assets:
        result = results[at]
        if result.id:
            yield result.id, each.fact.symbol
        if items[at].row.identifiers:
            continue
        if result.outcome == pb.CREATED:
            run.report.add(Entry(report.CREATED, "asset_deployment", each.about, line=each.source.line))
        elif run.dry_run and result.outcome != pb.REJECTED:
            run.report_result(items[at + 1], results[at + 1])
        elif result.id:
            again.append(_deployment(each, result.id))
    run.write(again)


def _retype(run: Run, done: list[tuple[Item, pb.ApplyResult]]) -> None:
    """Existing assets whose type was only assumed get the type of their first deployment."""
    known: dict[str, Item] = {}
    for item, result in done:
        if result.id and result.outcome != pb.CREATED:
            known.setdefault(result.id, item)
    retype(run, {asset_id: (item.row.asset.asset_type, item) for asset_id, item in known.items()})


def _deployment(placed: Placed, asset_id: str, *keys: str) -> Item:
    deployment = placed.deployment()
    deployment.asset_id = asset_id
    return Item(pb.ApplyRow(asset_deployment=deployment), placed.about, placed.source, keys=(placed.key, *keys))


def _tickers(run: Run, placed: list[Placed]) -> dict[str, str]:
    """The tickers of the assets that native coins claim to be, by CoinGecko id."""
    wanted = {each.fact.coingecko_id for each in placed if each.fact.address is None and each.fact.coingecko_id}
    ids = sorted(filter(None, wanted))
    found = run.find(rows.by_identifier(rows.COINGECKO, each) for each in ids)
    known = {asset_id: each for each, asset_id in zip(ids, found, strict=True) if asset_id}
    answers = run.registry.calls(contract.GetAssetRequest(asset_id=asset_id) for asset_id in known)
    return {known[answer.asset.asset_id]: answer.asset.symbol for answer in answers if hasattr(answer, "asset")}


def _row(placed: Placed, tickers: Mapping[str, str]) -> pb.ApplyRow:
    fact, chain = placed.fact, placed.chain
    coingecko = fact.coingecko_id
    if chain.is_testnet or (fact.address is None and tickers.get(coingecko or "", fact.symbol) != fact.symbol):
        # Coins of test networks have the id of the real one, and a coin with another ticker is another coin.
        coingecko = None
    return rows.asset(
        fact.symbol,
        fact.name,
        asset_type(chain.chain_type) if fact.asset_type is None else fact.asset_type,
        category=TESTNET if chain.is_testnet else None,
        logo_url=placed.logo_url,
        identifiers=[rows.identifier(rows.COINGECKO, coingecko)] if coingecko else [],
    )
