"""The symbols and listings of one venue's markets.

Specs are stored on the listing alone. A venue symbol that means another symbol than before, or that began later by the venue's
own account, is never overwritten: it becomes a review, and trading of the listing is blocked until it is decided.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from google.protobuf import timestamp_pb2

from cqar import exact
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqar.v1 import reviews_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.importers.run import report
from cqar.importers.run.report import Change, Entry
from cqar.importers.run.run import Item, Run
from cqar.importers.run.wire import RegistryError
from cqar.importers.sources.markets import Market
from cqar.importers.sources.standing import Standing
from cqar.model import rules

_LISTING_SPECS = (
    *("tick_size", "lot_size", "min_order_size", "max_order_size", "contract_size"),
    *("min_notional", "max_order_value", "max_leverage", "maker_fee", "taker_fee"),
)
#: By how much the beginning of a listing may differ between two documents: sources round it to a day.
_ROUNDED: Final = timedelta(days=1)


class _Plan(NamedTuple):
    """The writes for a market."""

    market: Market
    symbol: markets_pb2.Symbol
    listing: venues_pb2.VenueSymbol
    #: the existing listing
    stored: Any


class Listings:
    """Writes the markets of a venue.

    `assets`: the asset of each code, an id or `ref:<name>`; `oldest`: the first market of each code, whose beginning is a
    matter of the code.
    """

    def __init__(
        self, run: Run, venue_id: str, assets: Mapping[str, str], standing: Standing, oldest: Collection[str] = ()
    ) -> None:
        self._run = run
        self._venue_id = venue_id
        self._assets = assets
        self._standing = standing
        self._oldest = oldest
        self._now = standing.now

    def write(self, markets: list[Market]) -> None:
        """Write symbols and listings in one call. Raises wire.RegistryError."""
        plans = [plan for market in markets if (plan := self._plan(market)) is not None]
        plans = self._without_conflicts(plans)
        self._note_texts(plans)
        items = []
        for plan in plans:
            ref, source, about = f"{self._venue_id} {plan.market.source.line}", plan.market.source, self._about(plan.market)
            keys = tuple(sorted({f"asset {each.removeprefix('ref:')}" for each in self._refs(plan.market)}))
            terms = plan.symbol.SerializeToString(deterministic=True)
            row = pb.ApplyRow(ref=ref, mode=pb.CREATE_ONLY, symbol=plan.symbol)
            items.append(Item(row, about, source, differs=False, keys=(f"symbol {terms!r}", *keys)))
            plan.listing.symbol_id = f"ref:{ref}"
            listing = pb.ApplyRow(venue_symbol=plan.listing)
            items.append(Item(listing, about, source, keys=(about, self._venue_id, f"symbol {terms!r}", *keys)))
        results = self._run.write([item._replace(silent=True) for item in items], pb.UPSERT)
        for at in range(0, len(items), 2):
            self._report(items[at : at + 2], results[at : at + 2])
        self._withdraw([plan for plan in plans if plan.stored is not None and not self._standing.over(plan.stored)])

    def _note_texts(self, plans: list[_Plan]) -> None:
        """Note active markets that mean one symbol: one of their codes may mean another asset."""
        texts: dict[tuple[bytes, str], set[str]] = {}
        for plan in plans:
            if plan.listing.is_active or not plan.listing.HasField("is_active"):
                terms = plan.symbol.SerializeToString(deterministic=True)
                texts.setdefault((terms, plan.listing.quantity_multiplier_decimal), set()).add(plan.market.id)
        for same in texts.values():
            if len(same) > 1:
                shown = ", ".join(sorted(same))
                self._run.report.note("several_texts", f"{shown} at {self._venue_id} are active markets of one symbol")

    def _report(self, items: list[Item], results: list[pb.ApplyResult]) -> None:
        """A refused symbol refuses its listing too; both count as one refused row."""
        if results[0].outcome == pb.REJECTED:
            source = items[0].source
            kind = f"symbol {results[0].code.lower()} {results[0].field}".rstrip()
            self._run.report.reject(kind, results[0].reason, line=source.line, row=source.excerpt, about=items[0].about)
            return
        for item, result in zip(items, results, strict=True):
            self._run.report_result(item, result)

    def _withdraw(self, plans: list[_Plan]) -> None:
        """Unset the numbers of listings that an earlier import stored and that are now known to be wrong."""
        wrong: dict[str, tuple[_Plan, list[Change]]] = {}
        for plan in plans:
            for doubt in plan.market.doubts:
                stored = getattr(plan.stored, f"{doubt.field}_decimal")
                if stored and doubt.value == Decimal(stored):
                    wrong.setdefault(plan.stored.listing_id, (plan, []))[1].append(Change(doubt.field, stored, None))
        requests = [
            pb.UpdateVenueSymbolRequest(listing_id=each, clear=[f"{change.field}_decimal" for change in changes])
            for each, (_, changes) in wrong.items()
        ]
        answers = iter([None] * len(requests)) if self._run.dry_run else self._run.registry.calls(requests)
        for (plan, changes), answer in zip(wrong.values(), answers, strict=True):
            about, line = self._about(plan.market), plan.market.source.line
            if isinstance(answer, RegistryError):
                self._run.report.reject("clear_refused", str(answer), line=line, about=about)
            else:
                self._run.report.add(Entry(report.UPDATED, "venue_symbol", about, changes=changes, line=line))

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
        stored = self._standing.find(market.id, market.symbol_type)
        listing = self._listing(market)
        if not self._placed(market, listing, stored):
            self._run.report.add(Entry(report.UNCHANGED, "venue_symbol", self._about(market), line=market.source.line))
            return None
        return _Plan(market, self._symbol(market), listing, stored)

    def _placed(self, market: Market, listing: venues_pb2.VenueSymbol, stored: Any) -> bool:
        """Set the interval of the listing; False if it has ended and the source says nothing else."""
        expired = market.expiry is not None and market.expiry <= self._now
        if expired:
            # It ended and was not switched off: at a time before its end it was tradable.
            listing.ClearField("is_active")
        if stored is None:
            self._begun(market, listing, expired=expired)
            return True
        if self._standing.over(stored):
            return self._returned(market, listing, stored, expired=expired)
        if stored.HasField("listed_at"):
            listing.listed_at.CopyFrom(stored.listed_at)
        if expired and market.expiry is not None and _time(stored, "listed_at") < market.expiry:
            _set(listing.delisted_at, market.expiry)
        return True

    def _begun(self, market: Market, listing: venues_pb2.VenueSymbol, *, expired: bool) -> None:
        """Set the interval of a new listing; that of an expired contract has an end."""
        ends = market.expiry if expired else None
        if market.created is not None and market.created <= self._now and (ends is None or market.created < ends):
            _set(listing.listed_at, market.created)
        if ends is not None:
            _set(listing.delisted_at, ends)

    def _returned(self, market: Market, listing: venues_pb2.VenueSymbol, stored: Any, *, expired: bool) -> bool:
        """Set the interval where the last listing has ended: a new one if it is listed again."""
        if expired:
            if stored.HasField("listed_at"):
                listing.listed_at.CopyFrom(stored.listed_at)
            listing.delisted_at.CopyFrom(stored.delisted_at)
            return True
        if market.active is False:
            return False
        since = market.created
        again = since is not None and _time(stored, "delisted_at") <= since <= self._now
        _set(listing.listed_at, since if since is not None and again else self._now)
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

    def _without_conflicts(self, plans: list[_Plan]) -> list[_Plan]:
        """Markets whose venue symbol keeps its meaning and its beginning; the others become reviews."""
        standing = [plan for plan in plans if plan.stored is not None and not self._standing.over(plan.stored)]
        known = [not any(self._refs(plan.market)) for plan in standing]
        rows = [pb.ApplyRow(symbol=plan.symbol) for plan, sure in zip(standing, known, strict=True) if sure]
        found = iter(self._run.find(rows))
        means = {id(plan): next(found) if sure else None for plan, sure in zip(standing, known, strict=True)}
        kept, reviews = [], []
        for plan in plans:
            if id(plan) in means and means[id(plan)] != plan.stored.symbol_id:
                reviews.append(self._other_symbol(plan))
                continue
            later = id(plan) in means and self._began_later(plan)
            if later and plan.market.id not in self._oldest and not self._same_by_decision(plan):
                reviews.append(self._other_beginning(plan))
                continue
            kept.append(plan)
            if later or (id(plan) in means and self._began_earlier(plan)):
                self._tell_beginning(plan)
        if reviews and not self._run.dry_run:
            self._run.registry.call(reviews_pb2.OpenReviewsRequest(reviews=reviews))
        self._lift([plan for plan in kept if plan.stored is not None])
        return kept

    def _began_later(self, plan: _Plan) -> bool:
        """Whether the venue now says that the listing began later than the registry does."""
        created, stored = plan.market.created, plan.stored
        if created is None or created > self._now or not stored.HasField("listed_at"):
            return False
        return created > _time(stored, "listed_at") + _ROUNDED

    def _began_earlier(self, plan: _Plan) -> bool:
        """Whether the venue says that the listing began earlier, when the registry has no listing of that text and type."""
        created, stored = plan.market.created, plan.stored
        if created is None or not stored.HasField("listed_at") or created >= _time(stored, "listed_at") - _ROUNDED:
            return False
        others = self._standing.all(plan.market.id, plan.market.symbol_type)
        return not any(_holds(each, created) for each in others if self._standing.over(each))

    def _tell_beginning(self, plan: _Plan) -> None:
        begins, created = (str(each) for each in (_time(plan.stored, "listed_at"), plan.market.created))
        about, line = self._about(plan.market), plan.market.source.line
        change = Change("listed_at", begins, created)
        self._run.report.add(Entry(report.DIFFERS, "venue_symbol", about, "listed_at", changes=(change,), line=line))

    def _same_by_decision(self, plan: _Plan) -> bool:
        """Whether a person has decided that the listing did not begin again then."""
        request = reviews_pb2.ListReviewsRequest(
            venue_id=self._venue_id,
            kind=reviews_pb2.REVIEW_KIND_LISTING_CONFLICT,
            status=reviews_pb2.REVIEW_STATUS_REJECTED,
            code=plan.market.id,
        )
        return any(
            each.listing_id == plan.stored.listing_id
            and each.venue_symbol.symbol_id == plan.stored.symbol_id
            and _time(each.venue_symbol, "listed_at") == plan.market.created
            for each in self._run.registry.pages(request, "reviews")
        )

    def _other_symbol(self, plan: _Plan) -> reviews_pb2.Review:
        """The question about a venue symbol that now means another symbol."""
        sides = f"{plan.market.base.ticker}/{plan.market.quote.ticker}"
        reason = f"the venue symbol now means {sides}, before {plan.stored.symbol_id}"
        return self._review(plan, plan.listing, "other_symbol", reason)

    def _other_beginning(self, plan: _Plan) -> reviews_pb2.Review:
        """The question about a listing that began later by the venue's own account. The next import writes its numbers."""
        listing = venues_pb2.VenueSymbol(
            venue_id=self._venue_id,
            venue_symbol=plan.market.id,
            symbol_type=plan.market.symbol_type,
            symbol_id=plan.stored.symbol_id,
        )
        if plan.listing.quantity_multiplier_decimal:
            listing.quantity_multiplier_decimal = plan.listing.quantity_multiplier_decimal
        times = f"{plan.market.created:%Y-%m-%d}, before {_time(plan.stored, 'listed_at'):%Y-%m-%d}"
        reason = f"the venue now says that it listed the market on {times}: the text may have been given to another asset"
        return self._review(plan, listing, "other_beginning", reason)

    def _review(self, plan: _Plan, listing: venues_pb2.VenueSymbol, kind: str, reason: str) -> reviews_pb2.Review:
        review = reviews_pb2.Review(
            kind=reviews_pb2.REVIEW_KIND_LISTING_CONFLICT,
            venue_id=self._venue_id,
            code=plan.market.id,
            listing_id=plan.stored.listing_id,
            symbol=plan.symbol,
            venue_symbol=listing,
            source=self._run.report.source,
            reason=reason,
        )
        if plan.market.created is not None:
            _set(review.venue_symbol.listed_at, plan.market.created)
        else:
            review.venue_symbol.ClearField("listed_at")
        about, source = self._about(plan.market), plan.market.source
        self._run.report.add(Entry(report.CONFLICT, "venue_symbol", about, kind, reason, (), source.line, source.excerpt))
        return review

    def _lift(self, plans: list[_Plan]) -> None:
        """Lift blocks for questions that no longer exist, since the source and the registry agree again."""
        blocked = [plan for plan in plans if plan.stored.blocked_reason.startswith(rules.OPEN_QUESTION)]
        for plan in blocked:
            request = reviews_pb2.ListReviewsRequest(
                venue_id=self._venue_id, kind=reviews_pb2.REVIEW_KIND_LISTING_CONFLICT, code=plan.market.id
            )
            listing_id = plan.stored.listing_id
            if any(each.listing_id == listing_id for each in self._run.registry.pages(request, "reviews")):
                continue
            if not self._run.dry_run:
                self._run.registry.call(pb.UpdateVenueSymbolRequest(listing_id=listing_id, clear=["blocked_reason"]))
            change = Change("blocked_reason", plan.stored.blocked_reason, None)
            about, line = self._about(plan.market), plan.market.source.line
            self._run.report.add(Entry(report.UPDATED, "venue_symbol", about, changes=(change,), line=line))


def _set(into: timestamp_pb2.Timestamp, at: datetime) -> None:
    into.FromDatetime(at)


def _time(listing: Any, field: str) -> datetime:
    """A bound of a listing's interval; the first time if it has none."""
    if not listing.HasField(field):
        return datetime.min.replace(tzinfo=UTC)
    found: datetime = getattr(listing, field).ToDatetime(tzinfo=UTC)
    return found


def _holds(listing: Any, at: datetime) -> bool:
    """Whether the interval of a listing that has ended contains a time."""
    return _time(listing, "listed_at") <= at < _time(listing, "delisted_at")
