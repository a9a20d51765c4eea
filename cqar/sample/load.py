"""Brings the sample's facts into a registry through the contract's own calls, and finds what is there already.

A fact is found again by its natural key: an asset by its external ids, a chain by CAIP-2, a venue by its slug, a symbol by
what makes it unique, a listing by its text, type and time. What is found is left as it stands, so a load can be repeated,
and one that was interrupted can be run again.
"""

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from msgspec import Struct

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.sample import requests
from cqar.sample.facts import Asset, Contract, Facts, Listing, meet
from cqar.sample.reading import read
from cqar.sample.wire import Ask, LoadError, Wire

_Reply = TypeVar("_Reply", bound=Message)
_Interval = tuple[datetime | None, datetime | None]


class Report(Struct, frozen=True, kw_only=True):
    """What a load did, as counts by kind: assets, asset_identifiers, chains, deployments, relationships, groups, venues,
    venue_assets, symbols, venue_symbols, flags. Every mapping has every kind.
    """

    created: Mapping[str, int]
    #: Were there already, with whatever else they say by now.
    unchanged: Mapping[str, int]
    #: Contracts that have expired, and keys that the registry holds for something else.
    skipped: Mapping[str, int]


class _Kept(enum.Enum):
    """Why a fact is not sent."""

    UNCHANGED = enum.auto()
    SKIPPED = enum.auto()


def _silent(_line: str) -> None:
    """No progress."""


def load(
    channel: grpc.Channel,
    *,
    metadata: Sequence[tuple[str, str]] = (),
    progress: Callable[[str], None] = _silent,
    facts: Facts | None = None,
) -> Report:
    """Loads the facts, the sample's own where none are given, into the registry at the channel.

    `metadata` goes with every call (the key); `progress` gets a line for each kind and each fact that is skipped. Raises
    LoadError at the first call that fails, naming the fact; what is loaded by then stays. Raises FactError.
    """
    return _Load(Wire(channel, metadata), read() if facts is None else facts, progress).run()


class _Load:
    """One load: the ids of what it has found or created so far, by the facts' own keys, and what it counted."""

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
        """Everything, what is referred to before what refers to it; flags last, since they can block."""
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
        """Sends what is to be sent and counts; the replies in the order of the rows, None for what is not sent."""
        asks = [row for row in rows if isinstance(row, Ask)]
        replies = iter(self._wire.send(asks, reply))
        self._created[kind] = len(asks)
        self._unchanged[kind] = rows.count(_Kept.UNCHANGED)
        self._skipped[kind] = rows.count(_Kept.SKIPPED)
        self._progress(f"{kind}: {len(asks)} created, {self._unchanged[kind]} unchanged, {self._skipped[kind]} skipped")
        return [next(replies) if isinstance(row, Ask) else None for row in rows]

    def _skip(self, about: str, why: str) -> _Kept:
        self._progress(f"{about}: skipped, {why}")
        return _Kept.SKIPPED

    # ---- assets and what belongs to them ---------------------------------------------------------------------------

    def _load_assets(self) -> None:
        names = [(fact, source, external) for fact in self._facts.assets for source, external in fact.ids.items()]
        answers = self._identified(names)
        self._assets |= self._unidentified([fact for fact in self._facts.assets if fact.ref not in self._assets])
        rows = [
            _Kept.UNCHANGED if fact.ref in self._assets else Ask(requests.asset(fact), f"asset {fact.ref!r}")
            for fact in self._facts.assets
        ]
        for fact, reply in zip(self._facts.assets, self._create("assets", rows, contract.CreateAssetResponse), strict=True):
            if reply is not None:
                self._assets[fact.ref] = reply.asset.asset_id
        keys = [
            Ask(requests.identifier(source, external, self._assets[fact.ref]), f"asset {fact.ref!r}, {source} {external!r}")
            if answer is None
            else _Kept.UNCHANGED
            for (fact, source, external), answer in zip(names, answers, strict=True)
        ]
        self._create("asset_identifiers", keys, contract.CreateAssetIdentifierResponse)

    def _identified(
        self, names: Sequence[tuple[Asset, str, str]]
    ) -> list[contract.GetAssetIdentifierResponse | None]:
        """Finds assets by their external ids; all ids of one asset must agree."""
        asks = (
            Ask(
                contract.GetAssetIdentifierRequest(source=requests.data_source(source), external_id=external),
                f"asset {fact.ref!r}, {source} {external!r}",
            )
            for fact, source, external in names
        )
        answers = self._wire.find(asks, contract.GetAssetIdentifierResponse)
        for (fact, source, external), answer in zip(names, answers, strict=True):
            if answer is None:
                continue
            owner = answer.identifier.asset_id
            if self._assets.setdefault(fact.ref, owner) != owner:
                msg = f"asset {fact.ref!r}: {source} {external!r} belongs to {owner}, another id to {self._assets[fact.ref]}"
                raise LoadError(msg)
        return answers

    def _unidentified(self, facts: Sequence[Asset]) -> dict[str, str]:
        """Assets that a load created and was stopped before it could identify them: same symbol and name, no id at all."""
        if not facts:
            return {}
        wanted = {(fact.symbol, fact.name): fact.ref for fact in facts}
        pages = self._wire.pages([Ask(contract.ListAssetsRequest(), "all assets")], contract.ListAssetsResponse)
        alike = [asset for page in pages for asset in page.assets if (asset.symbol, asset.name) in wanted]
        asks = [Ask(contract.ListAssetIdentifiersRequest(asset_id=asset.asset_id), asset.symbol) for asset in alike]
        answers = self._wire.send(asks, contract.ListAssetIdentifiersResponse)
        return {
            wanted[asset.symbol, asset.name]: asset.asset_id
            for asset, answer in zip(alike, answers, strict=True)
            if not answer.identifiers
        }

    def _load_chains(self) -> None:
        pages = self._wire.pages([Ask(contract.ListChainsRequest(), "all chains")], contract.ListChainsResponse)
        known = {chain.caip2: chain.chain_id for page in pages for chain in page.chains if chain.caip2}
        facts = self._facts.chains
        rows = [
            _Kept.UNCHANGED
            if fact.caip2 in known
            else Ask(requests.chain(fact, self._assets[fact.native]), f"chain {fact.slug!r}")
            for fact in facts
        ]
        replies = self._create("chains", rows, contract.CreateChainResponse)
        for fact, reply in zip(facts, replies, strict=True):
            self._chains[fact.slug] = known[fact.caip2] if reply is None else reply.chain.chain_id

    def _load_deployments(self) -> None:
        facts = [(fact, f"deployment of {fact.asset!r} on {fact.chain!r}") for fact in self._facts.deployments]
        asks = [
            Ask(contract.ListAssetDeploymentsRequest(chain_id=self._chains[fact.chain], address=fact.place), about)
            for fact, about in facts
        ]
        pages = self._wire.pages(asks, contract.ListAssetDeploymentsResponse)
        owners = {_place(each): each.asset_id for page in pages for each in page.deployments if not _retired(each)}
        rows: list[Ask | _Kept] = []
        for fact, about in facts:
            asset, chain = self._assets[fact.asset], self._chains[fact.chain]
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
        asks = [
            Ask(contract.ListAssetRelationshipsRequest(asset_id=source, direction="from"), f"relationships of {fact.source!r}")
            for fact, source, _ in facts
        ]
        pages = self._wire.pages(asks, contract.ListAssetRelationshipsResponse)
        known = {
            (each.from_asset_id, assets_pb2.RelationshipType.Name(each.relationship_type), each.to_asset_id)
            for page in pages
            for each in page.relationships
        }
        rows = [
            _Kept.UNCHANGED
            if (source, f"RELATIONSHIP_TYPE_{fact.type}", target) in known
            else Ask(requests.relationship(fact, source, target), f"{fact.source!r} {fact.type} {fact.target!r}")
            for fact, source, target in facts
        ]
        self._create("relationships", rows, contract.CreateAssetRelationshipResponse)

    def _load_groups(self) -> None:
        facts = [(fact, f"group {fact.name!r}") for fact in self._facts.groups]
        asks = [Ask(contract.GetAssetGroupRequest(name=fact.name), about) for fact, about in facts]
        answers = self._wire.find(asks, contract.GetAssetGroupResponse)
        rows = [
            Ask(requests.group(fact, self._assets), about) if answer is None else _Kept.UNCHANGED
            for (fact, about), answer in zip(facts, answers, strict=True)
        ]
        self._create("groups", rows, contract.CreateAssetGroupResponse)

    def _load_flags(self) -> None:
        """A flag that was resolved since is not raised again."""
        facts = [(fact, f"flag {fact.type} on {fact.asset!r}") for fact in self._facts.flags]
        asks = [
            Ask(
                contract.ListQualityFlagsRequest(
                    asset_id=self._assets[fact.asset], flag_type=f"FLAG_TYPE_{fact.type}", include_resolved=True
                ),
                about,
            )
            for fact, about in facts
        ]
        answers = self._wire.send(asks, contract.ListQualityFlagsResponse)
        rows = [
            _Kept.UNCHANGED if answer.flags else Ask(requests.flag(fact, self._assets[fact.asset]), about)
            for (fact, about), answer in zip(facts, answers, strict=True)
        ]
        self._create("flags", rows, contract.RaiseQualityFlagResponse)

    # ---- venues and what they list ---------------------------------------------------------------------------------

    def _load_venues(self) -> None:
        pages = self._wire.pages([Ask(contract.ListVenuesRequest(), "all venues")], contract.ListVenuesResponse)
        known = {venue.venue_id for page in pages for venue in page.venues}
        rows = [
            _Kept.UNCHANGED if fact.slug in known else Ask(requests.venue(fact), f"venue {fact.slug!r}")
            for fact in self._facts.venues
        ]
        self._create("venues", rows, contract.CreateVenueResponse)

    def _load_venue_assets(self) -> None:
        asks = [
            Ask(contract.ListVenueAssetsRequest(venue_id=fact.slug), f"assets of {fact.slug!r}")
            for fact in self._facts.venues
        ]
        pages = self._wire.pages(asks, contract.ListVenueAssetsResponse)
        known = {(each.venue_id, each.asset_id) for page in pages for each in page.venue_assets}
        rows = [
            _Kept.UNCHANGED
            if (venue.slug, self._assets[fact.asset]) in known
            else Ask(
                requests.venue_asset(fact, venue.slug, self._assets[fact.asset]), f"asset {fact.asset!r} at {venue.slug!r}"
            )
            for venue in self._facts.venues
            for fact in venue.assets
        ]
        self._create("venue_assets", rows, contract.CreateVenueAssetResponse)

    def _load_symbols(self) -> None:
        margins: dict[Contract, str | None] = {}
        for listing in self._facts.listings:
            margins[listing.canonical] = margins.get(listing.canonical) or listing.margin
        known = self._known_symbols(list(margins))
        rows: list[Ask | _Kept] = []
        for fact, margin in margins.items():
            about = f"symbol {_label(fact)}"
            if self._with_ids(fact) in known:
                rows.append(_Kept.UNCHANGED)
            elif fact.expiry is not None and fact.expiry <= self._now:
                rows.append(self._skip(about, "it has expired"))
            else:
                rows.append(Ask(requests.symbol(fact, margin, self._assets), about))
        for (fact, row), reply in zip(
            zip(margins, rows, strict=True), self._create("symbols", rows, contract.CreateSymbolResponse), strict=True
        ):
            if reply is not None:
                self._symbols[fact] = reply.symbol.symbol_id
            elif row is _Kept.UNCHANGED:
                self._symbols[fact] = known[self._with_ids(fact)]

    def _known_symbols(self, facts: Sequence[Contract]) -> dict[Contract, str]:
        """The registry's symbols of the same types and bases, by what makes them unique, with ids of assets."""
        asks = [
            Ask(
                contract.ListSymbolsRequest(symbol_type=f"SYMBOL_TYPE_{kind}", base_asset_id=self._assets[base]),
                f"symbols of {base!r}",
            )
            for kind, base in dict.fromkeys((fact.type, fact.base) for fact in facts)
        ]
        pages = self._wire.pages(asks, contract.ListSymbolsResponse)
        return {_contract(each): each.symbol_id for page in pages for each in page.symbols}

    def _with_ids(self, fact: Contract) -> Contract:
        settle = self._assets[fact.settle] if fact.settle else None
        return fact._replace(base=self._assets[fact.base], quote=self._assets[fact.quote], settle=settle)

    def _load_listings(self) -> None:
        known = self._known_listings()
        rows: list[Ask | _Kept] = []
        for fact in self._facts.listings:
            about = f"listing {fact.text!r} ({fact.type}) at {fact.venue!r}"
            symbol = self._symbols.get(fact.canonical)
            held = [other for when, other in known.get(_listing_key(fact), ()) if meet(when, (fact.listed_at, fact.delisted_at))]
            if symbol is None:
                rows.append(self._skip(about, "its symbol has expired"))
            elif not held:
                rows.append(Ask(requests.listing(fact, fact.venue, symbol), about))
            elif symbol in held:
                rows.append(_Kept.UNCHANGED)
            else:
                rows.append(self._skip(about, f"it means the symbol {held[0]} here"))
        self._create("venue_symbols", rows, contract.CreateVenueSymbolResponse)

    def _known_listings(self) -> dict[tuple[str, str, str], list[tuple[_Interval, str]]]:
        """When the registry's listings mean which symbol, by venue, text and type."""
        asks = [
            Ask(contract.ListVenueSymbolsRequest(venue_id=fact.slug, include_delisted=True), f"listings of {fact.slug!r}")
            for fact in self._facts.venues
        ]
        known: dict[tuple[str, str, str], list[tuple[_Interval, str]]] = {}
        for page in self._wire.pages(asks, contract.ListVenueSymbolsResponse):
            for each in page.venue_symbols:
                kind = markets_pb2.SymbolType.Name(each.symbol_type).removeprefix("SYMBOL_TYPE_")
                known.setdefault((each.venue_id, each.venue_symbol, kind), []).append((_interval(each), each.symbol_id))
        return known


def _place(deployment: assets_pb2.AssetDeployment) -> tuple[str, str]:
    """The chain and the address, or `native`."""
    return deployment.chain_id, "native" if deployment.is_native else deployment.address
