"""Write the facts of the sample to a registry by the calls of the contract, and find existing rows.

A fact is found by its natural key: an asset by its external ids, a chain by CAIP-2, a venue by its slug, a symbol by its
unique key, a listing by its text, type and time. Existing rows are not changed, so a load can be repeated, and an interrupted
load can be run again.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from msgspec import Struct

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.dev.sample import held, requests
from cqar.dev.sample.facts import Contract, Facts, meet
from cqar.dev.sample.reading import read
from cqar.dev.sample.wire import Ask, LoadError, Wire

_Reply = TypeVar("_Reply", bound=Message)


class Report(Struct, frozen=True, kw_only=True):
    """Counts of a load by kind.

    Kinds: assets, asset_identifiers, chains, deployments, relationships, groups, venues, venue_assets, symbols,
    venue_symbols, flags. Every mapping has every kind.
    """

    #: New rows.
    created: Mapping[str, int]
    #: Rows that existed, whatever else they hold now.
    unchanged: Mapping[str, int]
    #: Expired contracts, and keys that belong to another row of the registry.
    skipped: Mapping[str, int]


class _Kept(enum.Enum):
    """The reason why a fact is not sent."""

    UNCHANGED = enum.auto()
    SKIPPED = enum.auto()


def _silent(_line: str) -> None:
    """Report no progress."""


def load(
    channel: grpc.Channel,
    *,
    metadata: Sequence[tuple[str, str]] = (),
    progress: Callable[[str], None] = _silent,
    facts: Facts | None = None,
) -> Report:
    """Load the facts into the registry at the channel; by default those of the sample.

    `metadata` is sent with every call (the key); `progress` receives a line for each kind and each skipped fact.
    Raises LoadError at the first failed call, with the name of the fact; rows loaded before stay. Raises FactError.
    """
    return _Load(Wire(channel, metadata), read() if facts is None else facts, progress).run()


class _Load:
    """One load: the ids of found and created rows by the keys of the facts, and the counts."""

    def __init__(self, wire: Wire, facts: Facts, progress: Callable[[str], None]) -> None:
        self._wire = wire
        self._facts = facts
        self._progress = progress
        self._now = datetime.now(UTC)
        self._assets: dict[str, str] = {}
        self._chains: dict[str, str] = {}
        self._symbols: dict[Contract, str] = {}
        self._created: dict[str, int] = {}
        self._unchanged: dict[str, int] = {}
        self._skipped: dict[str, int] = {}

    def run(self) -> Report:
        """Load everything, referenced rows first; flags last, because they can block."""
        self._load_assets()
        self._load_chains()
        self._load_deployments()
        self._load_relationships()
        self._load_groups()
        self._load_venues()
        self._load_venue_assets()
        self._load_symbols()
        self._load_listings()
        self._load_flags()
        return Report(created=self._created, unchanged=self._unchanged, skipped=self._skipped)

    def _create(self, kind: str, rows: Sequence[Ask | _Kept], reply: type[_Reply]) -> list[_Reply | None]:
        """Send the requests and count. Return the replies in the order of the rows, None for those not sent."""
        asks = [row for row in rows if isinstance(row, Ask)]
        replies = iter(self._wire.send(asks, reply))
        self._created[kind] = len(asks)
        self._unchanged[kind] = rows.count(_Kept.UNCHANGED)
        self._skipped[kind] = rows.count(_Kept.SKIPPED)
        self._progress(f"{kind}: {len(asks)} created, {self._unchanged[kind]} unchanged, {self._skipped[kind]} skipped")
        return [next(replies) if isinstance(row, Ask) else None for row in rows]

    def _skip(self, about: str, why: str) -> _Kept:
        self._progress(f"{about} skipped: {why}")
        return _Kept.SKIPPED

    # ---- assets and their parts ------------------------------------------------------------------------------------

    def _load_assets(self) -> None:
        facts = self._facts.assets
        names = [(fact, source, external) for fact in facts for source, external in fact.ids.items()]
        owners = held.assets(self._wire, [(source, external) for _, source, external in names])
        for (fact, source, external), owner in zip(names, owners, strict=True):
            if owner is not None and self._assets.setdefault(fact.ref, owner) != owner:
                msg = f"asset {fact.ref!r}: {source} {external!r} belongs to {owner}, another id to {self._assets[fact.ref]}"
                raise LoadError(msg)
        # A load that stopped between an asset and its external ids left it without ids.
        left = held.unidentified(self._wire, [(fact.symbol, fact.name) for fact in facts if fact.ref not in self._assets])
        for fact in facts:
            if fact.ref not in self._assets and (fact.symbol, fact.name) in left:
                self._assets[fact.ref] = left[fact.symbol, fact.name]
        rows = [
            _Kept.UNCHANGED if fact.ref in self._assets else Ask(requests.asset(fact), f"asset {fact.ref!r}") for fact in facts
        ]
        for fact, reply in zip(facts, self._create("assets", rows, contract.CreateAssetResponse), strict=True):
            if reply is not None:
                self._assets[fact.ref] = reply.asset.asset_id
        keys = [
            _Kept.UNCHANGED
            if owner
            else Ask(requests.identifier(source, external, self._assets[fact.ref]), f"{source} {external!r} of {fact.ref!r}")
            for (fact, source, external), owner in zip(names, owners, strict=True)
        ]
        self._create("asset_identifiers", keys, contract.CreateAssetIdentifierResponse)

    def _load_chains(self) -> None:
        facts = self._facts.chains
        known = held.chains(self._wire)
        symbols = {asset.ref: asset.symbol for asset in self._facts.assets}
        rows = [
            _Kept.UNCHANGED
            if fact.caip2 in known
            else Ask(requests.chain(fact, self._assets[fact.native], symbols[fact.native]), f"chain {fact.slug!r}")
            for fact in facts
        ]
        for fact, reply in zip(facts, self._create("chains", rows, contract.CreateChainResponse), strict=True):
            self._chains[fact.slug] = known[fact.caip2] if reply is None else reply.chain.chain_id

    def _load_deployments(self) -> None:
        facts = [(fact, self._assets[fact.asset], self._chains[fact.chain]) for fact in self._facts.deployments]
        owners = held.deployments(self._wire, [(chain, fact.place) for fact, _, chain in facts])
        rows: list[Ask | _Kept] = []
        for fact, asset, chain in facts:
            about = f"deployment of {fact.asset!r} on {fact.chain!r}"
            owner = owners.get((chain, fact.place))
            if owner is None:
                rows.append(Ask(requests.deployment(fact, asset, chain), about))
            elif owner == asset:
                rows.append(_Kept.UNCHANGED)
            else:
                rows.append(self._skip(about, f"{fact.place} belongs to the asset {owner}"))
        self._create("deployments", rows, contract.CreateAssetDeploymentResponse)

    def _load_relationships(self) -> None:
        facts = [(fact, self._assets[fact.source], self._assets[fact.target]) for fact in self._facts.relationships]
        known = held.relationships(self._wire, [source for _, source, _ in facts])
        rows = [
            _Kept.UNCHANGED
            if (source, fact.type, target) in known
            else Ask(requests.relationship(fact, source, target), f"{fact.source!r} {fact.type} {fact.target!r}")
            for fact, source, target in facts
        ]
        self._create("relationships", rows, contract.CreateAssetRelationshipResponse)

    def _load_groups(self) -> None:
        known = held.groups(self._wire, [fact.name for fact in self._facts.groups])
        rows = [
            _Kept.UNCHANGED if fact.name in known else Ask(requests.group(fact, self._assets), f"group {fact.name!r}")
            for fact in self._facts.groups
        ]
        self._create("groups", rows, contract.CreateAssetGroupResponse)

    def _load_flags(self) -> None:
        facts = [(fact, self._assets[fact.asset]) for fact in self._facts.flags]
        known = held.flags(self._wire, [(asset, fact.type) for fact, asset in facts])
        rows = [
            _Kept.UNCHANGED
            if (asset, fact.type) in known
            else Ask(requests.flag(fact, asset), f"flag {fact.type} on {fact.asset!r}")
            for fact, asset in facts
        ]
        self._create("flags", rows, contract.RaiseQualityFlagResponse)

    # ---- venues and listings ---------------------------------------------------------------------------------------

    def _load_venues(self) -> None:
        known = held.venues(self._wire)
        rows = [
            _Kept.UNCHANGED if fact.slug in known else Ask(requests.venue(fact), f"venue {fact.slug!r}")
            for fact in self._facts.venues
        ]
        self._create("venues", rows, contract.CreateVenueResponse)

    def _load_venue_assets(self) -> None:
        known = held.venue_assets(self._wire, [fact.slug for fact in self._facts.venues])
        facts = [(venue.slug, fact, self._assets[fact.asset]) for venue in self._facts.venues for fact in venue.assets]
        rows = [
            _Kept.UNCHANGED
            if (venue, asset) in known
            else Ask(requests.venue_asset(fact, venue, asset), f"asset {fact.asset!r} at {venue!r}")
            for venue, fact, asset in facts
        ]
        self._create("venue_assets", rows, contract.CreateVenueAssetResponse)

    def _load_symbols(self) -> None:
        margins: dict[Contract, str | None] = {}
        for listing in self._facts.listings:
            margins[listing.canonical] = margins.get(listing.canonical) or listing.margin
        known = held.symbols(self._wire, [(fact.type, self._assets[fact.base]) for fact in margins])
        rows: list[Ask | _Kept] = []
        for fact, margin in margins.items():
            symbol = known.get(self._with_ids(fact))
            if symbol is not None:
                self._symbols[fact] = symbol
                rows.append(_Kept.UNCHANGED)
            elif fact.expiry is not None and fact.expiry <= self._now:
                rows.append(self._skip(f"symbol {fact.label}", "it has expired"))
            else:
                rows.append(Ask(requests.symbol(fact, margin, self._assets), f"symbol {fact.label}"))
        for fact, reply in zip(margins, self._create("symbols", rows, contract.CreateSymbolResponse), strict=True):
            if reply is not None:
                self._symbols[fact] = reply.symbol.symbol_id

    def _with_ids(self, fact: Contract) -> Contract:
        settle = None if fact.settle is None else self._assets[fact.settle]
        return fact._replace(base=self._assets[fact.base], quote=self._assets[fact.quote], settle=settle)

    def _load_listings(self) -> None:
        known = held.listings(self._wire, [fact.slug for fact in self._facts.venues])
        rows: list[Ask | _Kept] = []
        for fact in self._facts.listings:
            about = f"listing {fact.text!r} ({fact.type}) at {fact.venue!r}"
            symbol = self._symbols.get(fact.canonical)
            others = known.get((fact.venue, fact.text, fact.type), [])
            means = [other.symbol_id for other in others if meet(other.interval, fact.interval)]
            if symbol is None:
                rows.append(self._skip(about, f"{fact.canonical.label} has expired"))
            elif not means:
                rows.append(Ask(requests.listing(fact, fact.venue, symbol), about))
            elif symbol in means:
                rows.append(_Kept.UNCHANGED)
            else:
                rows.append(self._skip(about, f"here it means the symbol {means[0]}"))
        self._create("venue_symbols", rows, contract.CreateVenueSymbolResponse)
