"""`cqar import coingecko FILE`: contracts and their coins by CoinGecko, as pairs of CAIP-19 id and CoinGecko id.

The list that CoinGecko publishes, coins/list?include_platform=true, is read as such pairs, too.

CoinGecko assigns the ids, so its list is authoritative: if the registry has the contract and the coin as two assets, they are
merged; if it has one of them, the other key is added. A pair with neither is not enough to create an asset, and a contract
that only a token list has is not trusted: both are refused.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.run import documents, published, report, rows
from cqar.importers.run.documents import Refused, Source
from cqar.importers.run.report import Entry
from cqar.importers.run.run import CHUNK, MOST, Item, Run
from cqar.importers.run.wire import RegistryError
from cqar.importers.sources.assets import retype
from cqar.importers.sources.chain_ids import Chains
from cqar.importers.sources.deployments import asset_type

#: Namespaces of CAIP-19 whose reference is an address; slip44 is the native coin.
_TOKENS = frozenset({"erc20", "token", "jetton", "coin", "trc20", "nep141"})
_NATIVE = "slip44"


class Pair(NamedTuple):
    """A contract or native coin, and its CoinGecko id."""

    chain: str
    #: None: the native coin
    address: str | None
    coingecko_id: str


_PAIR = msgspec.json.Decoder(tuple[str, str])


def parse(source: Source) -> Pair:
    """Read a row. Raises Refused."""
    caip19, coingecko_id = documents.decoded(source, _PAIR)
    chain, slash, asset = caip19.partition("/")
    namespace, colon, reference = asset.partition(":")
    if not (slash and colon and reference and coingecko_id):
        raise Refused("malformed", f"{caip19!r} is not a CAIP-19 id of an asset")
    if namespace not in _TOKENS and namespace != _NATIVE:
        raise Refused("unsupported_type", f"{namespace!r} is not a supported namespace of fungible tokens")
    return Pair(chain, None if namespace == _NATIVE else reference, coingecko_id)


class _Coin(msgspec.Struct):
    """A row of coins/list with platforms: the contract on each chain, by CoinGecko's name of the chain."""

    id: str
    platforms: dict[str, str | None]


_COIN = documents.decoder(_Coin)


def parse_coin(source: Source) -> list[Pair]:
    """Read a row of coins/list. A coin without contracts has no pair. Raises Refused."""
    row = documents.decoded(source, _COIN)
    if not row.id:
        raise Refused("incomplete", "the coin has no id")
    contracts = {name: address for name, address in row.platforms.items() if name and address}
    return [Pair(f"coingecko:{name}", address, row.id) for name, address in contracts.items()]


class _Found(NamedTuple):
    """A pair on a known chain, with the assets it refers to."""

    source: Source
    pair: Pair
    chain: assets_pb2.Chain
    by_address: str | None
    by_id: str | None

    @property
    def about(self) -> str:
        return f"{self.pair.coingecko_id} on {self.chain.chain_id} at {self.pair.address or 'native'}"

    @property
    def asset_type(self) -> assets_pb2.AssetType:
        if self.pair.address is None:
            return assets_pb2.ASSET_TYPE_NATIVE
        return asset_type(self.chain.chain_type)


def load(run: Run, data: bytes, name: str) -> None:
    """Import the document. Raises documents.FileError before anything is written, wire.RegistryError."""
    coins = published.recognize(data) == published.COINS
    sources = documents.rows(data, name, "coingecko", _Coin if coins else tuple[str, str])
    run.require(pb.MergeAssetsRequest(), "this import merges assets; use the key of an admin")
    run.report.rows += len(sources)
    chains = Chains(run.registry.pages(contract.ListChainsRequest(), "chains"))
    progress = run.progress(name, len(sources), passes=2)
    found: list[_Found] = []
    # A coin has up to a few dozen contracts.
    for chunk in documents.chunks(sources, CHUNK // 10 if coins else MOST // 2):
        found += _find(run, chains, list(_read(run, chunk, coins=coins)))
        progress.advance(len(chunk))
    # A coin that gets its id from one pair is found by that id in all others, whatever their order.
    found.sort(key=lambda each: each.by_address is None)
    merges = _Merges(run)
    for part in documents.chunks(found, CHUNK):
        run.write([item for each in part if (item := merges.settle(each)) is not None])
        progress.advance(len(part))
    retype(run, merges.types)


def _read(run: Run, sources: list[Source], *, coins: bool) -> Iterator[tuple[Source, Pair]]:
    """The pairs of the rows; rows that cannot be read are reported."""
    for source in sources:
        try:
            for pair in parse_coin(source) if coins else [parse(source)]:
                yield source, pair
        except Refused as refused:
            run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)


def _find(run: Run, chains: Chains, read: list[tuple[Source, Pair]]) -> list[_Found]:
    pairs: list[tuple[Source, Pair, assets_pb2.Chain]] = []
    for source, pair in read:
        try:
            pairs.append((source, pair, chains.find(pair.chain)))
        except Refused as refused:
            run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)
    ids = list(dict.fromkeys(pair.coingecko_id for _, pair, _ in pairs))
    asset_ids = run.find(
        [rows.by_identifier(rows.COINGECKO, each) for each in ids]
        + [rows.by_address(chain.chain_id, pair.address or "native") for _, pair, chain in pairs]
    )
    by_id = dict(zip(ids, asset_ids, strict=False))
    owners = asset_ids[len(ids) :]
    return [
        _Found(source, pair, chain, owner, by_id[pair.coingecko_id])
        for (source, pair, chain), owner in zip(pairs, owners, strict=True)
    ]


class _Merges:
    """Settles pairs in order, since one may merge assets that later pairs refer to."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._into: dict[str, str] = {}
        self._named: dict[str, str] = {}
        #: what the pairs say about the assets that they join
        self.types: dict[str, tuple[assets_pb2.AssetType, Item]] = {}

    def settle(self, found: _Found) -> Item | None:
        """The row with what the pair adds, if anything. Merges and conflicts are carried out and reported at once."""
        owner, coin = self._now(found.by_address), self._now(found.by_id) or self._named.get(found.pair.coingecko_id)
        if owner is not None and owner == coin:
            self._run.report.add(Entry(report.UNCHANGED, "asset", found.about, line=found.source.line))
        elif owner is not None:
            return self._joined(found, owner, coin)
        elif coin is not None:
            return self._deployed(found, coin)
        else:
            self._refuse(found, "unknown_asset", "the registry has neither the contract nor the coin")
        return None

    def _refuse(self, found: _Found, kind: str, detail: str) -> None:
        self._run.report.reject(kind, detail, line=found.source.line, row=found.source.excerpt)

    def _deployed(self, found: _Found, coin: str) -> Item:
        """The coin has another contract, whose decimals the pair does not state."""
        deployment = rows.deployment(found.chain.chain_id, found.pair.address)
        deployment.asset_id = coin
        item = Item(pb.ApplyRow(asset_deployment=deployment), found.about, found.source)
        self.types.setdefault(coin, (found.asset_type, item))
        return item

    def _joined(self, found: _Found, owner: str, coin: str | None) -> Item | None:
        """The asset of the contract gets the id, or is merged into the coin that has it."""
        other = self._other_id(owner, found.pair.coingecko_id)
        if other is not None:
            detail = f"the asset {owner} at this address is {other}"
            entry = Entry(report.CONFLICT, "asset", found.about, "other_coingecko_id", detail, (), found.source.line)
            self._run.report.add(entry._replace(row=found.source.excerpt))
        elif coin is not None:
            self._merge(found, owner, coin)
        elif self._listed(owner):
            detail = "only a token list has this contract; --overwrite accepts it as the coin"
            self._refuse(found, "listed_only", detail)
        else:
            self._named[found.pair.coingecko_id] = owner
            named = assets_pb2.AssetIdentifier(
                asset_id=owner, source=rows.COINGECKO, external_id=found.pair.coingecko_id, is_primary=True
            )
            return Item(pb.ApplyRow(asset_identifier=named), found.about, found.source)
        return None

    def _now(self, asset_id: str | None) -> str | None:
        while asset_id in self._into:
            asset_id = self._into[asset_id]
        return asset_id

    def _other_id(self, asset_id: str, coingecko_id: str) -> str | None:
        """Another CoinGecko id of the asset."""
        for external_id, named in self._named.items():
            if named == asset_id and external_id != coingecko_id:
                return external_id
        request = contract.ListAssetIdentifiersRequest(asset_id=asset_id, source=rows.COINGECKO, page_size=10)
        stored = {each.external_id for each in self._run.registry.call(request).identifiers}
        return None if coingecko_id in stored or not stored else min(stored)

    def _listed(self, asset_id: str) -> bool:
        """Only token lists have the asset, and --overwrite is not set."""
        if self._run.options.overwrite:
            return False
        deployments = self._run.registry.call(
            contract.ListAssetDeploymentsRequest(asset_id=asset_id, page_size=100)
        ).deployments
        return all(rows.LISTED_BY in each.metadata.fields for each in deployments)

    def _merge(self, found: _Found, owner: str, coin: str) -> None:
        """Merge the asset at the address into the coin."""
        if not self._run.dry_run:
            try:
                self._run.registry.call(pb.MergeAssetsRequest(from_asset_id=owner, into_asset_id=coin))
            except RegistryError as error:
                reason = f"merge {error.code.name.lower()}"
                entry = Entry(report.CONFLICT, "asset", found.about, reason, error.details, (), found.source.line)
                self._run.report.add(entry._replace(row=found.source.excerpt))
                return
        self._into[owner] = coin
        self.types.setdefault(coin, (found.asset_type, Item(pb.ApplyRow(), found.about, found.source)))
        detail = f"asset {owner}, which has the address, is merged into {coin}"
        self._run.report.add(Entry(report.UPDATED, "asset", found.about, "merged", detail, line=found.source.line))
