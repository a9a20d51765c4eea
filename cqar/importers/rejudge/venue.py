"""What the registry has of a venue when its codes are judged again: meanings, claims, markets and reviews."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, Final

from google.protobuf import json_format

from cqar.contract.cqar.v1 import identity_pb2, reviews_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.exchanges.declarations import EXCHANGES, Exchange, declared
from cqar.importers.identity import claims
from cqar.importers.identity.candidates import Directory
from cqar.importers.identity.claims import Claim
from cqar.importers.identity.evidence import Facts
from cqar.importers.identity.meaning import Stored
from cqar.importers.rejudge.recalled import Markets, Recorded, recalled
from cqar.importers.run.run import Run
from cqar.importers.sources import venues
from cqar.importers.sources.codes import VenueCodes

#: The metadata of a venue asset that has the factors of its codes.
_MULTIPLIERS: Final = "multipliers"
_DECIDED: Final = (reviews_pb2.REVIEW_KIND_PROVISIONAL, reviews_pb2.REVIEW_KIND_CODE_CONFLICT)


class Symbols:
    """The assets of all symbols, loaded once. Raises wire.RegistryError."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._loaded: dict[str, tuple[str, str, str]] | None = None

    def sides(self, symbol_id: str) -> tuple[str, str, str]:
        """Base, quote and settlement of a symbol; empty where it has none."""
        if self._loaded is None:
            found = self._run.registry.pages(contract.ListSymbolsRequest(), "symbols")
            self._loaded = {
                each.symbol_id: (each.base_asset_id, each.quote_asset_id, each.settlement_asset_id) for each in found
            }
        return self._loaded.get(symbol_id, ("", "", ""))


class Renamings:
    """What ccxt renames, from the venues of the registry. Raises wire.RegistryError."""

    def __init__(self, run: Run) -> None:
        found = run.registry.pages(contract.ListVenuesRequest(), "venues")
        self._of = {each.venue_id: venues.remaps(each) for each in found}

    @property
    def venue_ids(self) -> list[str]:
        """All venues."""
        return sorted(self._of)

    @property
    def everywhere(self) -> frozenset[str]:
        """Codes that some exchange gives to another coin."""
        return frozenset(code for own in self._of.values() for code, unified in own.items() if code != unified)

    def of(self, venue_id: str, exchange_id: str) -> Mapping[str, str]:
        """Code -> what ccxt reads it as, at a venue of an exchange."""
        return self._of.get(venue_id) or self._of.get(exchange_id, {})


def exchange_of(venue_id: str) -> str:
    """The exchange that a venue is, or is a part of.

    >>> exchange_of("gate-futures"), exchange_of("upbit")
    ('gate', 'upbit')
    """
    parts = (name for name, each in EXCHANGES.items() if any(venue_id == part.venue_id for part in each.venues.values()))
    return venue_id if venue_id in EXCHANGES else next(parts, venue_id)


class Venue:
    """A venue and its codes. Raises wire.RegistryError."""

    def __init__(self, run: Run, venue_id: str, directory: Directory, symbols: Symbols, renamings: Renamings) -> None:
        self._run = run
        self._directory = directory
        self.venue_id = venue_id
        exchange_id = exchange_of(venue_id)
        self.exchange: Exchange = declared(exchange_id)
        self._renamed = renamings.of(venue_id, exchange_id)
        self.codes = VenueCodes(run, venue_id)
        #: code -> what it means so far
        self.stored: Mapping[str, Sequence[Stored]] = self.codes.read_stored()
        found = run.registry.pages(identity_pb2.ListEvidenceRequest(venue_id=venue_id), "claims")
        self.messages: dict[str, identity_pb2.IdentityClaim] = {each.code: each for each in found}
        self.claims: dict[str, Claim] = {code: claims.read(each) for code, each in self.messages.items()}
        self.markets = self._markets(symbols)
        self._rejected: dict[str, set[str]] = {}
        #: (kind, code) of open reviews
        self.asked: set[tuple[int, str]] = set()
        self._load_reviews()
        #: codes that persons have decided
        self.decided = {code for code, means in self.stored.items() if self._is_decided(code, means)}
        self.codes.facts = dict(self._facts())

    def _markets(self, symbols: Symbols) -> dict[str, Markets]:
        found: dict[str, Markets] = {}
        request = contract.ListVenueSymbolsRequest(venue_id=self.venue_id, include_delisted=True)
        for each in self._run.registry.pages(request, "venue_symbols"):
            base, *money = symbols.sides(each.symbol_id)
            for asset_id in {base, *money} - {""}:
                found.setdefault(asset_id, Markets()).count += 1
            for asset_id in set(money) - {""}:
                found[asset_id].as_money = True
            if base:
                _based(found[base], each)
        return found

    def _load_reviews(self) -> None:
        for status in (reviews_pb2.REVIEW_STATUS_OPEN, reviews_pb2.REVIEW_STATUS_REJECTED):
            request = reviews_pb2.ListReviewsRequest(venue_id=self.venue_id, status=status)
            for each in self._run.registry.pages(request, "reviews"):
                if status == reviews_pb2.REVIEW_STATUS_OPEN:
                    self.asked.add((each.kind, each.code))
                elif each.kind in _DECIDED:
                    self._rejected.setdefault(each.code, set()).add(each.asset_id)

    def _is_decided(self, code: str, means: Sequence[Stored]) -> bool:
        """Whether a person decided, wrote it by hand, or rejected the question whether it is something else."""
        claim = self.claims.get(code)
        if claim is not None and claim.decided:
            return True
        return any(each.decided or each.asset_id in self._rejected.get(code, ()) for each in means)

    def is_read(self, code: str) -> bool:
        """Whether an import has recorded how it read the code."""
        return code in self.claims and self.claims[code].reading is not None

    def is_verified(self, code: str) -> bool:
        """Whether the claim of the registry is VERIFIED."""
        return self.messages[code].level == identity_pb2.IDENTITY_LEVEL_VERIFIED

    # ---- facts -----------------------------------------------------------------------------------------------------

    def _facts(self) -> Iterator[tuple[str, Facts]]:
        """What the venue says of each code that may be judged."""
        spoken = {code: said for code, each in self.messages.items() if (said := claims.facts_of(each)) is not None}
        claimed = {means[0].asset_id for code, means in self.stored.items() if code in spoken}
        for code, means in self.stored.items():
            if code in self.decided:
                continue
            said = spoken.get(code)
            if said is None and means[0].asset_id not in claimed:
                said = recalled(self._recorded(code, means[0]), self.exchange, self._renamed)
            # Else it is a text under which an earlier import recorded a code that has a claim.
            if said is not None:
                yield code, said

    def _recorded(self, code: str, means: Stored) -> Recorded:
        row = self.codes.row(means.asset_id)
        factors = json_format.MessageToDict(row.metadata).get(_MULTIPLIERS)
        asset = self._directory.knowledge.assets.get(means.asset_id)
        return Recorded(
            venue_id=self.venue_id,
            code=code,
            main=code == row.venue_asset_symbol,
            evidence=means.evidence,
            ticker=code if asset is None else asset.symbol,
            provisional=self._directory.is_provisional(means.asset_id),
            markets=self.markets.get(means.asset_id, Markets()),
            multipliers=factors if isinstance(factors, dict) else {},
        )


def _based(markets: Markets, listing: Any) -> None:
    """Add a listing whose base is the asset."""
    markets.on_spot = markets.on_spot or listing.symbol_type == markets_pb2.SYMBOL_TYPE_SPOT
    began = listing.listed_at.ToDatetime(tzinfo=UTC) if listing.HasField("listed_at") else None
    if began is not None and (markets.since is None or began < markets.since):
        markets.first, markets.since = listing.venue_symbol, began
