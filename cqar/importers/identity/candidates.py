"""What the registry knows that a code may mean: the vetted assets by ticker and name, and the owners of addresses.

*Vetted* is an asset that a curated source has given an id. What only a token list has is never a candidate: anyone can add a
row to such a list. Assets that are provisional or have a SCAM flag are no candidates either.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from google.protobuf import json_format

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.exchanges import facts
from cqar.importers.exchanges.facts import AssetClass
from cqar.importers.identity import evidence, flags, names
from cqar.importers.identity.evidence import Candidate, Facts, Place
from cqar.importers.run import rows
from cqar.importers.run.run import Run
from cqar.importers.run.wire import RegistryError
from cqar.model.rules import PROVISIONAL

#: Sources that look at a coin before they give it an id.
CURATED: Final = (assets_pb2.DATA_SOURCE_COINGECKO, assets_pb2.DATA_SOURCE_COINMARKETCAP)
#: Metadata of an asset: further names, and the day it was first seen.
_ALSO: Final = "names"
_FIRST_SEEN: Final = "first_seen"
#: Relationships of a token with the asset that it stands for.
_FORMS: Final = frozenset((assets_pb2.RELATIONSHIP_TYPE_WRAPS, assets_pb2.RELATIONSHIP_TYPE_BRIDGES))
_RELATED: Final = _FORMS | {assets_pb2.RELATIONSHIP_TYPE_MIGRATES_TO}
#: Most deployments of one asset that are compared.
_PLACES: Final = 200
#: Single addresses are read by calls up to this number, or one for each `_PER_PAGE` assets of the registry: then pages are
#: faster.
_SINGLE: Final = 200
_PER_PAGE: Final = 50
#: What the names of tokens that stand for a security have.
_TOKENIZED: Final = ("xstock", "tokenized", "tokenised")


class Asset(NamedTuple):
    """An asset of the registry, as far as a code may mean it."""

    asset_id: str
    symbol: str
    name: str
    category: str
    #: ids of curated sources
    ids: tuple[str, ...] = ()
    #: further names
    known_as: tuple[str, ...] = ()
    first_seen: datetime | None = None


class Owned(NamedTuple):
    """A deployment at an address that a venue gives."""

    asset_id: str
    place: Place
    #: only a token list has it
    listed_only: bool


class Knowledge:
    """Assets by ticker and name. Pure; `Directory` loads it."""

    def __init__(self, assets: Iterable[Asset], vetted: Iterable[str]) -> None:
        self.assets = {each.asset_id: each for each in assets}
        self.vetted = frozenset(vetted)
        self._by_ticker: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        for asset_id in sorted(self.vetted & self.assets.keys()):
            asset = self.assets[asset_id]
            if asset.category == PROVISIONAL:
                continue
            self._by_ticker.setdefault(asset.symbol.upper(), []).append(asset_id)
            for key in {names.key(each) for each in (asset.name, *asset.known_as)} - {""}:
                self._by_name.setdefault(key, []).append(asset_id)

    def found(self, said: Facts) -> list[str]:
        """The vetted assets that the ticker or a name of a code finds."""
        tickers = () if said.permissionless else (said.ticker.upper(), said.code.upper())
        by_ticker = (each for ticker in tickers for each in self._by_ticker.get(ticker, ()))
        by_name = (each for name in evidence.own_names(said) for each in self._by_name.get(names.key(name), ()))
        return list(dict.fromkeys((*by_ticker, *by_name)))

    def candidate(
        self,
        asset_id: str,
        places: Iterable[Place] = (),
        excused: Iterable[str] = (),
        form_of: Iterable[str] = (),
    ) -> Candidate | None:
        """The asset as a candidate; None if the registry does not have it."""
        asset = self.assets.get(asset_id)
        if asset is None:
            return None
        return Candidate(
            asset_id=asset_id,
            symbol=asset.symbol,
            name=asset.name,
            known_as=asset.known_as,
            ids=asset.ids,
            asset_class=class_of(asset),
            places=tuple(places),
            excused=frozenset(excused),
            form_of=frozenset(form_of),
            first_seen=asset.first_seen,
        )


def class_of(asset: Asset) -> AssetClass:
    """The class of an asset: by its category, else by its name."""
    if asset.category in evidence.CLASSES:
        return evidence.CLASSES[asset.category]
    return facts.TOKENIZED if any(each in asset.name.lower() for each in _TOKENIZED) else facts.CRYPTO


class Deployments:
    """Loads deployments by address and by asset: one call for each, or all of them where that takes less time."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._caip2: dict[str, str] | None = None
        self._all: Mapping[str, Sequence[Any]] | None = None
        #: by asset
        self.places: dict[str, tuple[Place, ...]] = {}
        #: by address as a venue writes it
        self.owners: dict[str, tuple[Owned, ...]] = {}

    def at(self, addresses: Iterable[str], assets: int) -> Mapping[str, Sequence[Owned]]:
        """The deployments at each address, on all chains. `assets`: how many the registry has."""
        wanted = sorted(set(addresses) - self.owners.keys())
        if self._all is None and len(wanted) > max(_SINGLE, assets // _PER_PAGE):
            self._load_all()
        single = [each for each in wanted if self._all is None or not evidence.is_spelled_once(each)]
        for address in wanted:
            if self._all is not None:
                self._own(address, self._all.get(evidence.normal(address), ()))
        requests = [contract.ListAssetDeploymentsRequest(address=each, page_size=100) for each in single]
        for address, answer in zip(single, self._run.registry.calls(requests), strict=True):
            self._own(address, () if isinstance(answer, RegistryError) else answer.deployments)
        return self.owners

    def load(self, asset_ids: Iterable[str]) -> None:
        """Load the deployments of the assets."""
        wanted = [] if self._all is not None else sorted(set(asset_ids) - self.places.keys())
        requests = [contract.ListAssetDeploymentsRequest(asset_id=each, page_size=_PLACES) for each in wanted]
        for asset_id, answer in zip(wanted, self._run.registry.calls(requests), strict=True):
            found = () if isinstance(answer, RegistryError) else answer.deployments
            self.places[asset_id] = tuple(map(self._place, found))

    def _load_all(self) -> None:
        found: dict[str, list[Any]] = {}
        places: dict[str, list[Place]] = {}
        for each in self._run.registry.pages(contract.ListAssetDeploymentsRequest(), "deployments"):
            place = self._place(each)
            found.setdefault(place.address, []).append(each)
            places.setdefault(each.asset_id, []).append(place)
        self._all = found
        self.places = {asset_id: tuple(own) for asset_id, own in places.items()}

    def _own(self, address: str, found: Iterable[Any]) -> None:
        """Keep who owns an address, spelled as the venue spells it."""
        text = evidence.normal(address)
        self.owners[address] = tuple(
            Owned(each.asset_id, self._place(each)._replace(address=text), rows.LISTED_BY in each.metadata.fields)
            for each in found
            if not each.is_native
        )

    def _place(self, each: Any) -> Place:
        address = "" if each.is_native else evidence.normal(each.address)
        return Place(self._chain(each.chain_id), address, each.is_native or each.is_canonical)

    def _chain(self, chain_id: str) -> str:
        """The CAIP-2 id of a chain, where it has one."""
        if self._caip2 is None:
            chains = self._run.registry.pages(contract.ListChainsRequest(), "chains")
            self._caip2 = {each.chain_id: each.caip2 or each.chain_id for each in chains}
        return self._caip2.get(chain_id, chain_id)


class Directory:
    """Loads what the registry knows, once for all venues of an exchange. Every method may raise wire.RegistryError."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._knowledge: Knowledge | None = None
        self._deployments = Deployments(run)
        self._relations: dict[str, set[str]] | None = None
        self._form_of: dict[str, set[str]] = {}

    @property
    def knowledge(self) -> Knowledge:
        """The assets, loaded when they are first needed."""
        if self._knowledge is None:
            registry = self._run.registry
            scams = flags.flagged(self._run, assets_pb2.FLAG_TYPE_SCAM)
            ids: dict[str, list[str]] = {}
            for source in CURATED:
                for each in registry.pages(contract.ListAssetIdentifiersRequest(source=source), "identifiers"):
                    ids.setdefault(each.asset_id, []).append(each.external_id)
            assets = registry.pages(contract.ListAssetsRequest(), "assets")
            known = (_asset(each, ids.get(each.asset_id, ())) for each in assets)
            self._knowledge = Knowledge(known, ids.keys() - scams)
        return self._knowledge

    def is_provisional(self, asset_id: str) -> bool:
        """Whether the asset stands for a code that is not decided; what the registry does not have is not provisional."""
        asset = self.knowledge.assets.get(asset_id)
        return asset is not None and asset.category == PROVISIONAL

    def owners(self, addresses: Iterable[str]) -> Mapping[str, Sequence[Owned]]:
        """The deployments at each address, on all chains."""
        return self._deployments.at(addresses, len(self.knowledge.assets))

    def load_places(self, asset_ids: Iterable[str]) -> None:
        """Load the deployments of the assets, and how they are related to others."""
        self._load_relations()
        self._deployments.load(asset_ids)

    def candidates(self, asset_ids: Iterable[str], said: Facts) -> Iterator[Candidate]:
        """The assets as candidates for a code; those that the registry does not have are left out."""
        owners = {evidence.normal(each.text): self._deployments.owners.get(each.text, ()) for each in said.addresses}
        for asset_id in asset_ids:
            related = self._related(asset_id) if owners else frozenset()
            excused = [text for text, found in owners.items() if any(each.asset_id in related for each in found)]
            own = [each.place for found in owners.values() for each in found if each.asset_id == asset_id]
            places = (*own, *self._deployments.places.get(asset_id, ())) if owners else ()
            found_candidate = self.knowledge.candidate(asset_id, homed(places), excused, self._form_of.get(asset_id, ()))
            if found_candidate is not None:
                yield found_candidate

    def _load_relations(self) -> None:
        if self._relations is not None:
            return
        self._relations = {}
        for each in self._run.registry.pages(contract.ListAssetRelationshipsRequest(), "relationships"):
            if each.relationship_type in _RELATED:
                self._relations.setdefault(each.from_asset_id, set()).add(each.to_asset_id)
                self._relations.setdefault(each.to_asset_id, set()).add(each.from_asset_id)
            if each.relationship_type in _FORMS:
                self._form_of.setdefault(each.from_asset_id, set()).add(each.to_asset_id)

    def _related(self, asset_id: str) -> frozenset[str]:
        return frozenset((self._relations or {}).get(asset_id, ()))


def homed(places: Sequence[Place]) -> Iterator[Place]:
    """The places, each with whether the asset is at home on its chain: an asset of one chain is."""
    chains = {each.chain for each in places}
    homes = chains if len(chains) == 1 else {each.chain for each in places if each.home}
    return (each._replace(home=each.chain in homes) for each in places)


def _asset(asset: Any, ids: Sequence[str]) -> Asset:
    metadata = {}
    if ids and not asset.metadata.fields.keys().isdisjoint((_ALSO, _FIRST_SEEN)):
        metadata = json_format.MessageToDict(asset.metadata)
    also = metadata.get(_ALSO)
    more = tuple(each for each in also if isinstance(each, str)) if isinstance(also, list) else ()
    return Asset(asset.asset_id, asset.symbol, asset.name, asset.category, tuple(ids), more, _day(metadata.get(_FIRST_SEEN)))


def _day(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)
