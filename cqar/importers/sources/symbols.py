"""The symbols and listings of one venue's markets.

Specs are stored on the listing; a symbol takes them once, when it is created. A venue symbol that means another symbol than
before is never overwritten: it becomes a review.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from google.protobuf import timestamp_pb2

from cqar import exact
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqar.v1 import reviews_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.importers.run import report
from cqar.importers.run.report import Entry
from cqar.importers.run.run import Item, Run
from cqar.importers.run.wire import RegistryError
from cqar.importers.sources.markets import Market

#: Specs that a new symbol takes from its first market.
_SYMBOL_SPECS = ("tick_size", "lot_size", "min_order_size", "max_order_size", "min_notional", "contract_size")
_LISTING_SPECS = (
    *("tick_size", "lot_size", "min_order_size", "max_order_size", "contract_size"),
    *("min_notional", "max_order_value", "max_leverage", "maker_fee", "taker_fee"),
)
#: The reason recorded when an importer ends a listing.
_GONE = "no longer in the source"


class _Plan(NamedTuple):
    """The writes for a market."""

    market: Market
    symbol: markets_pb2.Symbol
    listing: venues_pb2.VenueSymbol
    #: the existing listing
    stored: Any


class Listings:
    """Writes the markets of a venue. `assets`: the asset of each code, an id or `ref:<name>`."""

    def __init__(self, run: Run, venue_id: str, assets: Mapping[str, str]) -> None:
        self._run = run
        self._venue_id = venue_id
        self._assets = assets
        self._now = datetime.now(UTC)
        self._stored: dict[tuple[str, int], list[Any]] = {}
        request = contract.ListVenueSymbolsRequest(venue_id=venue_id, include_delisted=True)
        for each in run.registry.pages(request, "venue_symbols"):
            self._stored.setdefault((each.venue_symbol, each.symbol_type), []).append(each)

    def write(self, markets: list[Market]) -> None:
        """Write symbols and listings in one call. Raises wire.RegistryError."""
        plans = [plan for market in markets if (plan := self._plan(market)) is not None]
        plans = list(self._without_conflicts(plans))
        items = []
        for plan in plans:
            ref, source, about = f"{self._venue_id} {plan.market.source.line}", plan.market.source, self._about(plan.market)
            keys = tuple(sorted({f"asset {each.removeprefix('ref:')}" for each in self._refs(plan.market)}))
            terms = plan.symbol.SerializeToString(deterministic=True)
            row = pb.ApplyRow(ref=ref, mode=pb.CREATE_ONLY, symbol=self._with_specs(plan))
            items.append(Item(row, about, source, differs=False, keys=(f"symbol {terms!r}", *keys)))
            plan.listing.symbol_id = f"ref:{ref}"
            listing = pb.ApplyRow(venue_symbol=plan.listing)
            items.append(Item(listing, about, source, keys=(about, self._venue_id, f"symbol {terms!r}", *keys)))
        results = self._run.write([item._replace(silent=True) for item in items], pb.UPSERT)
        for at in range(0, len(items), 2):
            self._report(items[at : at + 2], results[at : at + 2])

    def _report(self, items: list[Item], results: list[pb.ApplyResult]) -> None:
        """A refused symbol refuses its listing too; both count as one refused row."""
        if results[0].outcome == pb.REJECTED:
            expired = "expires in the future" in results[0].reason
            source = items[0].source
            kind = "expired" if expired else f"symbol {results[0].code.lower()} {results[0].field}".rstrip()
            self._run.report.reject(kind, results[0].reason, line=source.line, row=source.excerpt, about=items[0].about)
            return
        for item, result in zip(items, results, strict=True):
            self._run.report_result(item, result)

    def _about(self, market: Market) -> str:
        kind = markets_pb2.SymbolType.Name(market.symbol_type).removeprefix("SYMBOL_TYPE_").lower()
        return f"{market.id} ({kind}) at {self._venue_id}"

    def _refs(self, market: Market) -> Iterator[str]:
        for code in (market.base, market.quote, market.settle):
            if code is not None and self._assets[code.code].startswith("ref:"):
                yield self._assets[code.code]

    # ---- plans -----------------------------------------------------------------------------------------------------

    def _plan(self, market: Market) -> _Plan | None:
        waiting = [code.code for code in (market.base, market.quote, market.settle) if code and code.code not in self._assets]
        if waiting:
            detail = f"not resolved: {', '.join(dict.fromkeys(waiting))}"
            entry = Entry(report.REVIEW, "venue_symbol", self._about(market), "waits_for_code", detail, (), market.source.line)
            self._run.report.add(entry)
            return None
        stored = self._standing(market)
        listing = self._listing(market)
        if not self._placed(market, listing, stored):
            self._run.report.add(Entry(report.UNCHANGED, "venue_symbol", self._about(market), line=market.source.line))
            return None
        return _Plan(market, self._symbol(market), listing, stored)

    def _standing(self, market: Market) -> Any:
        """The listing of this venue symbol and type that is valid now, else the last one."""
        found = self._stored.get((market.id, market.symbol_type), [])
        valid = [each for each in found if not self._over(each)]
        return valid[0] if valid else max(found, key=lambda each: each.delisted_at.ToDatetime(tzinfo=UTC), default=None)

    def _over(self, listing: Any) -> bool:
        return bool(listing.HasField("delisted_at") and listing.delisted_at.ToDatetime(tzinfo=UTC) <= self._now)

    def _placed(self, market: Market, listing: venues_pb2.VenueSymbol, stored: Any) -> bool:
        """Set the interval of the listing; False if it has ended and the source says nothing else."""
        expired = market.expiry is not None and market.expiry <= self._now
        if expired:
            listing.is_active = False
        if stored is None:
            if market.created is not None and market.created <= self._now:
                _set(listing.listed_at, market.created)
                if market.expiry is not None and expired and market.created < market.expiry:
                    _set(listing.delisted_at, market.expiry)
            return True
        if not self._over(stored):
            if stored.HasField("listed_at"):
                listing.listed_at.CopyFrom(stored.listed_at)
                if expired and market.expiry is not None and stored.listed_at.ToDatetime(tzinfo=UTC) < market.expiry:
                    _set(listing.delisted_at, market.expiry)
            return True
        if expired or market.active is False:
            if not stored.HasField("listed_at") or not expired:
                return False
            listing.listed_at.CopyFrom(stored.listed_at)
            return True
        # It is listed again: a new interval begins.
        _set(listing.listed_at, self._now)
        return True

    def _symbol(self, market: Market) -> markets_pb2.Symbol:
        """The terms of the canonical symbol."""
        symbol = markets_pb2.Symbol(
            symbol_type=market.symbol_type,
            base_asset_id=self._assets[market.base.code],
            quote_asset_id=self._assets[market.quote.code],
        )
        if market.settle is not None:
            symbol.settlement_asset_id = self._assets[market.settle.code]
        if market.margin_kind is not None:
            symbol.margin_kind = market.margin_kind
        if market.expiry is not None:
            _set(symbol.expiry, market.expiry)
        if market.strike is not None:
            symbol.strike_price_decimal = exact.plain(market.strike)
        if market.option_type is not None:
            symbol.option_type = market.option_type
        return symbol

    @staticmethod
    def _with_specs(plan: _Plan) -> markets_pb2.Symbol:
        """The symbol with the specs of the market; specs of a multiplied listing are in its own units and stay there."""
        symbol = markets_pb2.Symbol()
        symbol.CopyFrom(plan.symbol)
        if plan.market.base.factor is None:
            for name in _SYMBOL_SPECS:
                value = getattr(plan.market.specs, name)
                if value is not None:
                    setattr(symbol, f"{name}_decimal", exact.plain(value))
        return symbol

    def _listing(self, market: Market) -> venues_pb2.VenueSymbol:
        listing = venues_pb2.VenueSymbol(venue_id=self._venue_id, venue_symbol=market.id, symbol_type=market.symbol_type)
        for name in _LISTING_SPECS:
            value = getattr(market.specs, name)
            if value is not None:
                setattr(listing, f"{name}_decimal", exact.plain(value))
        if market.base.factor is not None:
            listing.quantity_multiplier_decimal = exact.plain(market.base.factor)
        if market.active is not None:
            listing.is_active = market.active
        if market.metadata:
            listing.metadata.update(market.metadata)
        return listing

    # ---- conflicts -------------------------------------------------------------------------------------------------

    def _without_conflicts(self, plans: list[_Plan]) -> Iterator[_Plan]:
        """Markets whose venue symbol keeps its meaning; the others become reviews."""
        standing = [plan for plan in plans if plan.stored is not None and not self._over(plan.stored)]
        known = [not any(self._refs(plan.market)) for plan in standing]
        rows = [pb.ApplyRow(symbol=plan.symbol) for plan, sure in zip(standing, known, strict=True) if sure]
        found = iter(self._run.find(rows))
        means = {id(plan): next(found) if sure else None for plan, sure in zip(standing, known, strict=True)}
        reviews = []
        for plan in plans:
            if id(plan) not in means or means[id(plan)] == plan.stored.symbol_id:
                yield plan
            else:
                reviews.append(self._review(plan))
        if reviews and not self._run.dry_run:
            self._run.registry.call(reviews_pb2.OpenReviewsRequest(reviews=reviews))

    def _review(self, plan: _Plan) -> reviews_pb2.Review:
        review = reviews_pb2.Review(
            kind=reviews_pb2.REVIEW_KIND_LISTING_CONFLICT,
            venue_id=self._venue_id,
            code=plan.market.id,
            listing_id=plan.stored.listing_id,
            symbol=plan.symbol,
            venue_symbol=plan.listing,
            source=self._run.report.source,
        )
        if plan.market.created is not None:
            _set(review.venue_symbol.listed_at, plan.market.created)
        else:
            review.venue_symbol.ClearField("listed_at")
        sides = f"{plan.market.base.ticker}/{plan.market.quote.ticker}"
        review.reason = f"the venue symbol now means {sides}, before {plan.stored.symbol_id}"
        about, line = self._about(plan.market), plan.market.source.line
        entry = Entry(report.CONFLICT, "venue_symbol", about, "other_symbol", review.reason, (), line)
        self._run.report.add(entry._replace(row=plan.market.source.excerpt))
        return review

    # ---- delisting -------------------------------------------------------------------------------------------------

    def delist(self, present: Collection[str]) -> None:
        """End listings that are missing from the source. Raises wire.RegistryError."""
        gone = [
            each for (text, _), group in self._stored.items() if text not in present for each in group if not self._over(each)
        ]
        requests = [pb.DelistVenueSymbolRequest(listing_id=each.listing_id, reason=_GONE) for each in gone]
        answers = iter([None] * len(gone)) if self._run.dry_run else self._run.registry.calls(requests)
        for each, answer in zip(gone, answers, strict=True):
            about = f"{each.venue_symbol} at {self._venue_id}"
            if isinstance(answer, RegistryError):
                self._run.report.reject("delist_refused", str(answer), about=about)
            else:
                self._run.report.add(Entry(report.DELISTED, "venue_symbol", about, "", _GONE))


def _set(into: timestamp_pb2.Timestamp, at: datetime) -> None:
    into.FromDatetime(at)
