"""`cqar import tokenlist URL-or-file`: a list in the Uniswap schema: assets, deployments, and bridges between them.

Trust Wallet's lists, whose tokens name the chain by the number of its coin, and arrays of Solana tokens as Jupiter publishes
them are read too. An array has no version.

The version of the list is kept in an asset group named after the list. A version older than the last imported one is
refused, because it would restore tokens that the list has dropped.
"""

import re
from typing import NamedTuple

import msgspec
from google.protobuf import json_format

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.identity import flags
from cqar.importers.run import documents, published, rows
from cqar.importers.run.documents import FileError, Refused, Source
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.run.wire import RegistryError
from cqar.importers.sources import chain_ids, deployments
from cqar.importers.sources.chain_ids import Chains

#: The numbers that lists use for Solana and its clusters: Solana's own, Uniswap's and LI.FI's. Base58 addresses identify them.
_CLUSTERS = {
    **dict.fromkeys((101, 501_000_101, 1_151_111_081_099_710), chain_ids.SOLANA),
    102: "solana:4uhcVJyU9pJkvQyS88uRDiswHScCKQY3",
    103: "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1",
}
#: Trust Wallet's number of a chain's coin, as in c60_t0x6B17...: CAIP-2 id.
_COINS = {
    "60": "eip155:1",
    "61": "eip155:61",
    "195": chain_ids.TRON,
    "501": chain_ids.SOLANA,
    "966": "eip155:137",
    "8453": "eip155:8453",
    "9001": "eip155:42161",
    "10000025": "eip155:25",
    "10000070": "eip155:10",
    "10000100": "eip155:100",
    "10000250": "eip155:250",
    "10009000": "eip155:43114",
    "20000714": "eip155:56",
}
_ASSET = re.compile(r"c(\d{1,10})_t.+", re.DOTALL)
_BASE58 = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")
_HEX = re.compile(r"0[xX][0-9a-fA-F]+")
#: Networks where bridged tokens originate.
_ORIGINS = frozenset({"1", "5", "17000", "11155111"})
_LP_TAGS = frozenset({"lp-token", "saber-stableswap-lp"})


class _Version(msgspec.Struct, order=True, frozen=True):
    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


class _List(msgspec.Struct):
    name: str
    tokens: list[msgspec.Raw]
    version: _Version | None = None
    timestamp: str | None = None


class _Bridged(msgspec.Struct, rename="camel"):
    token_address: str


class _Extensions(msgspec.Struct, rename="camel"):
    bridge_info: dict[str, _Bridged] = {}


class _Token(msgspec.Struct):
    symbol: str
    name: str
    decimals: int
    chainId: int | None = None  # noqa: N815 - the schema's name
    address: str = ""
    #: Jupiter's name of the address
    id: str = ""
    #: Trust Wallet's name of the token
    asset: str = ""
    logoURI: str | None = None  # noqa: N815
    tags: list[str] = []
    extensions: _Extensions | None = None


class Token(NamedTuple):
    """A token of a list, with its counterparts on other chains as (chain number, address)."""

    deployment: deployments.Fact
    logo_url: str | None
    bridges: tuple[tuple[str, str], ...]
    number: str


_TOKEN = documents.decoder(_Token)


def parse(source: Source) -> Token:
    """Read a row. Raises Refused."""
    row = documents.decoded(source, _TOKEN)
    address = row.address or row.id
    if not row.symbol.strip() or not address:
        raise Refused("incomplete", "the token has no symbol or no address")
    fact = deployments.Fact(
        chain=_chain(row, address),
        address=address,
        denom=None,
        symbol=row.symbol,
        name=row.name.strip() or row.symbol,
        decimals=row.decimals,
        coingecko_id=None,
        claimed=None,
        asset_type=assets_pb2.ASSET_TYPE_LP_TOKEN if not _LP_TAGS.isdisjoint(row.tags) else None,
    )
    info = row.extensions.bridge_info if row.extensions else {}
    bridges = tuple((number, each.token_address) for number, each in info.items())
    return Token(fact, rows.url(row.logoURI), bridges, str(row.chainId))


def _chain(row: _Token, address: str) -> str:
    """The CAIP-2 id of a token's chain. Raises Refused."""
    evm = _HEX.fullmatch(address) is not None
    if row.chainId is not None:
        chain = f"eip155:{row.chainId}" if evm else _CLUSTERS.get(row.chainId)
        said = str(row.chainId)
    elif row.asset:
        coin = _ASSET.fullmatch(row.asset)
        chain, said = _COINS.get(coin[1]) if coin else None, row.asset
    else:
        # Jupiter's tokens are all on Solana; an EVM address may be on any chain.
        chain, said = chain_ids.SOLANA if _BASE58.fullmatch(address) else None, "a token without chainId"
    if chain is None or (evm and not chain.startswith("eip155:")):
        raise Refused("unknown_chain", f"{said} is not a chain with addresses such as {address!r}")
    return chain


def _read(data: bytes, name: str) -> _List:
    """Read the document. Raises FileError."""
    other = published.misplaced(data, "tokenlist")
    if other is not None:
        message = f"{name}: {other}"
        raise FileError(message)
    try:
        found = msgspec.json.decode(data, type=_List | list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        message = f"{name}: not a token list: {error}"
        raise FileError(message) from error
    return found if isinstance(found, _List) else _List(name=name.removesuffix(".gz").removesuffix(".json"), tokens=found)


def load(run: Run, data: bytes, name: str) -> None:
    """Import the list. Raises documents.FileError before anything is written, wire.RegistryError."""
    tokens = _read(data, name)
    sources = [Source(line, bytes(raw)) for line, raw in enumerate(tokens.tokens, 1)]
    documents.check_form(sources, name, "tokenlist", _Token)
    group = _group(run, tokens, name)
    run.report.rows += len(sources)
    chains = Chains(run.registry.pages(contract.ListChainsRequest(), "chains"))
    progress = run.progress(name, len(sources))
    there: dict[str, str] = {}
    read = 0
    bridged: list[tuple[Source, Token]] = []
    for chunk in documents.chunks(sources, CHUNK):
        placed = []
        for source in chunk:
            try:
                token = parse(source)
                read += 1
                chain = chains.find(token.deployment.chain)
                placed.append(deployments.Placed(source, token.deployment, chain, token.logo_url, tokens.name))
            except Refused as refused:
                run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)
                continue
            if token.bridges:
                bridged.append((source, token))
        there.update(deployments.write(run, placed))
        progress.advance(len(chunk))
    _bridge(run, chains, bridged)
    if group is not None and (read or not sources):
        run.write([group], pb.UPSERT)
    flags.raise_unverified(run, flags.lookalikes(run, there))


def _group(run: Run, tokens: _List, name: str) -> Item | None:
    """The group that keeps the version of the list, if it has one. Raises FileError if a newer version was imported."""
    if tokens.version is None:
        return None
    title = f"token list: {tokens.name}"
    try:
        group = run.registry.call(contract.GetAssetGroupRequest(name=title)).group
    except RegistryError as error:
        if error.code.name != "NOT_FOUND":
            raise
    else:
        last = json_format.MessageToDict(group.metadata).get("version")
        if isinstance(last, str) and _version(last) > tokens.version and not run.options.overwrite:
            message = f"{name}: version {tokens.version} is older than {last}, which was imported; --overwrite takes it"
            raise FileError(message)
    metadata = {"version": str(tokens.version), **({"timestamp": tokens.timestamp} if tokens.timestamp else {})}
    row = assets_pb2.AssetGroup(name=title, group_type="token_list", metadata=rows.struct(metadata))
    return Item(pb.ApplyRow(asset_group=row), f"{title} {tokens.version}")


def _version(text: str) -> _Version:
    numbers = [int(each) if each.isdecimal() else 0 for each in text.split(".")]
    return _Version(*[*numbers, 0, 0, 0][:3])


# ---- bridges -------------------------------------------------------------------------------------------------------


class _Link(NamedTuple):
    """A token that represents another one on its chain."""

    source: Source
    begins: tuple[str, str]
    ends: tuple[str, str]


def _bridge(run: Run, chains: Chains, tokens: list[tuple[Source, Token]]) -> None:
    """Relationships from `bridgeInfo`, which both sides may state: the token on the network of origin is the original."""
    links: dict[tuple[tuple[str, str], tuple[str, str]], _Link] = {}
    for source, token in tokens:
        for bridge in token.bridges:
            try:
                link = _link(source, token, bridge, chains)
                links.setdefault((link.begins, link.ends), link)
            except Refused as refused:
                run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)
    places = list(dict.fromkeys(end for link in links.values() for end in (link.begins, link.ends)))
    assets = dict(zip(places, run.find(rows.by_address(*place) for place in places), strict=True))
    items = []
    for link in links.values():
        begins, ends = assets[link.begins], assets[link.ends]
        about = f"{link.begins[1]} on {link.begins[0]} bridges {link.ends[1]} on {link.ends[0]}"
        if begins is None or ends is None:
            run.report.reject("unknown_asset", f"one end is not in the registry: {about}", line=link.source.line)
        elif begins == ends:
            run.report.reject("same_asset", f"both ends are the same asset: {about}", line=link.source.line)
        else:
            row = assets_pb2.AssetRelationship(
                from_asset_id=begins, to_asset_id=ends, relationship_type=assets_pb2.RELATIONSHIP_TYPE_BRIDGES
            )
            items.append(Item(pb.ApplyRow(asset_relationship=row), about, link.source, differs=False))
    for chunk in documents.chunks(items, CHUNK):
        run.write(chunk)


def _link(source: Source, token: Token, bridge: tuple[str, str], chains: Chains) -> _Link:
    """One bridge of a token; others do not depend on it. Raises Refused."""
    number, address = bridge
    own = (str(chains.find(token.deployment.chain).chain_id), token.deployment.address or "native")
    other = (str(chains.find(f"eip155:{number}").chain_id), address)
    if (number in _ORIGINS) == (token.number in _ORIGINS):
        raise Refused(
            "no_origin",
            f"exactly one chain must be where tokens originate, but {token.number} and {number} are both or neither",
        )
    begins, ends = (own, other) if number in _ORIGINS else (other, own)
    return _Link(source, begins, ends)
