"""`cqar import relationships FILE`: relationships of tokens: bridged, wrapped, staked, synthetic, migrated."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from google.protobuf import json_format

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.identity import iso4217
from cqar.importers.run import documents, rows
from cqar.importers.run.documents import Refused, Source
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.run.wire import RegistryError
from cqar.importers.sources.chain_ids import Chains
from cqar.importers.sources.deployments import denom

_BRIDGES = assets_pb2.RELATIONSHIP_TYPE_BRIDGES
#: Types of the sources -> types of cqar. A token that its issuer mints on another chain is the same asset, and a token of a
#: test network is unrelated: neither is a relationship between two assets, so both are refused.
_TYPES: Mapping[str, assets_pb2.RelationshipType] = {
    "ibc": _BRIDGES,
    "ibc-cw20": _BRIDGES,
    "ibc-bridge": _BRIDGES,
    "bridge": _BRIDGES,
    "wrapped": assets_pb2.RELATIONSHIP_TYPE_WRAPS,
    "superfluid-wrapper": assets_pb2.RELATIONSHIP_TYPE_WRAPS,
    "liquid-stake": assets_pb2.RELATIONSHIP_TYPE_STAKES,
    "synthetic": assets_pb2.RELATIONSHIP_TYPE_SYNTHETIC_OF,
    "legacy-mintage": assets_pb2.RELATIONSHIP_TYPE_MIGRATES_TO,
}
#: Where chain-registry puts money and metals, by ISO 4217 code.
_MARKETS = frozenset({"forex", "comex"})


class _From(msgspec.Struct):
    chain: str
    base: str


class _To(msgspec.Struct, rename="camel"):
    base_denom: str
    chain_name: str | None = None


class _Row(msgspec.Struct, rename={"of": "from"}):
    of: _From
    type: str
    counterparty: _To
    provider: str | None = None


class End(NamedTuple):
    """A token on a chain, both as named by the source."""

    chain: str
    address: str

    def __str__(self) -> str:
        return f"{self.address} on {self.chain}"


class Fact(NamedTuple):
    """A relationship between two tokens."""

    begins: End
    ends: End
    kind: assets_pb2.RelationshipType
    protocol: str | None


_ROW = documents.decoder(_Row)


def parse(source: Source) -> Fact:
    """Read a row. Raises Refused."""
    row = documents.decoded(source, _ROW)
    kind = _TYPES.get(row.type)
    if kind is None:
        raise Refused("unsupported_type", f"{row.type!r} is not a relationship between two assets")
    target = row.counterparty.chain_name or row.of.chain
    return Fact(_end(row.of.chain, row.of.base), _end(target, row.counterparty.base_denom), kind, row.provider)


def _end(chain: str, base: str) -> End:
    if not chain or not base:
        raise Refused("incomplete", "one end lacks a chain or an address")
    return End(chain, denom(base))


def load(run: Run, data: bytes, name: str) -> None:
    """Import the document. Raises documents.FileError before anything is written, wire.RegistryError."""
    sources = documents.rows(data, name, "relationships", _Row)
    run.report.rows += len(sources)
    facts: list[tuple[Source, Fact]] = []
    for source in sources:
        try:
            facts.append((source, parse(source)))
        except Refused as refused:
            run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)
    ends = _Ends(run, [end for _, fact in facts for end in (fact.begins, fact.ends)])
    progress = run.progress(name, len(sources))
    for chunk in documents.chunks(facts, CHUNK):
        items = []
        for source, fact in chunk:
            try:
                items.append(_item(source, fact, ends))
            except Refused as refused:
                run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)
        run.write(items)
        progress.advance(len(chunk))


def _item(source: Source, fact: Fact, ends: "_Ends") -> Item:
    begins, target = ends.of(fact.begins), ends.of(fact.ends)
    if begins == target:
        raise Refused("same_asset", f"{fact.begins} and {fact.ends} are the same asset in the registry")
    row = assets_pb2.AssetRelationship(from_asset_id=begins, to_asset_id=target, relationship_type=fact.kind)
    if fact.protocol:
        row.protocol = fact.protocol
    name = assets_pb2.RelationshipType.Name(fact.kind).removeprefix("RELATIONSHIP_TYPE_").lower()
    keys = (f"{begins} {target} {fact.kind}", *(each.address for each in (fact.begins, fact.ends) if each.chain in _MARKETS))
    about = f"{fact.begins} {name} {fact.ends}"
    return Item(pb.ApplyRow(asset_relationship=row), about, source, differs=False, keys=keys)


class _Ends:
    """The assets of tokens, looked up at once."""

    def __init__(self, run: Run, ends: list[End]) -> None:
        chains = Chains(run.registry.pages(contract.ListChainsRequest(), "chains"))
        self._chain_ids: dict[str, str | Refused] = {}
        for chain in dict.fromkeys(end.chain for end in ends):
            self._chain_ids[chain] = _chain_id(chains, chain)
        money = sorted({end.address for end in ends if end.chain in _MARKETS and iso4217.known(end.address)})
        items = [Item(iso4217.asset(code, f"iso4217:{code}"), f"{code} (ISO 4217)", keys=(code,)) for code in money]
        written = run.write(items)
        self._money = {code: result.id or f"ref:iso4217:{code}" for code, result in zip(money, written, strict=True)}
        natives = _natives(run, {each for each in self._chain_ids.values() if isinstance(each, str)})
        wanted = {
            end: rows.by_address(chain_id, "native" if natives.get(chain_id) == end.address else end.address)
            for end in dict.fromkeys(ends)
            if isinstance(chain_id := self._chain_ids[end.chain], str)
        }
        self._assets = dict(zip(wanted, run.find(wanted.values()), strict=True))

    def of(self, end: End) -> str:
        """The id of the asset. Raises Refused."""
        if end.chain in _MARKETS:
            if end.address not in self._money:
                raise Refused("unknown_asset", f"{end.address!r} is not a code of ISO 4217")
            return self._money[end.address]
        chain_id = self._chain_ids[end.chain]
        if isinstance(chain_id, Refused):
            raise Refused(chain_id.kind, chain_id.detail)
        found = self._assets[end]
        if found is None:
            raise Refused("unknown_asset", f"the registry has no asset with {end}")
        return found


def _chain_id(chains: Chains, name: str) -> str | Refused:
    if name in _MARKETS:
        return Refused("no_chain", f"{name!r} is a market, not a chain")
    try:
        return str(chains.find(name if ":" in name else f"chain-registry:{name}").chain_id)
    except Refused as refused:
        return refused


def _natives(run: Run, chain_ids: set[str]) -> dict[str, str]:
    """What sources write for native coins, if an import has stored it."""
    requests = [
        contract.ListAssetDeploymentsRequest(chain_id=each, address="native", page_size=1) for each in sorted(chain_ids)
    ]
    found = {}
    for answer in run.registry.calls(requests):
        if not isinstance(answer, RegistryError):
            for each in answer.deployments:
                denom = json_format.MessageToDict(each.metadata).get("denom")
                if isinstance(denom, str):
                    found[each.chain_id] = denom
    return found
