"""`cqar import ccxt EXCHANGE`: the markets of an exchange become venues, venue assets, symbols and listings.

First the codes of each venue are resolved (`cqar.importers.identity.guard`) and written with their assets, then the markets
whose codes are all resolved. Other codes, and their markets, wait in the review queue.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from google.protobuf import json_format

from cqar import exact
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqar.v1 import reviews_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.importers.exchanges.declarations import SPOT, Exchange, Venue, declared
from cqar.importers.identity import flags, guard
from cqar.importers.identity.flags import Doubt
from cqar.importers.identity.guard import Directory, Guard, Stored, Use, Verdict
from cqar.importers.run import documents, report
from cqar.importers.run.documents import FileError, Refused, Source
from cqar.importers.run.report import Entry
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.sources import markets, venues
from cqar.importers.sources.markets import Code, Market
from cqar.importers.sources.symbols import Listings

_MODES = (markets.TICK_SIZE, markets.DECIMAL_PLACES, markets.SIGNIFICANT_DIGITS)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about the exchange besides its markets; None is looked up in the registry."""

    exchange_id: str
    precision_mode: str | None = None
    remaps: Mapping[str, str] | None = None


def load(run: Run, data: bytes, name: str, origin: Origin) -> None:
    """Import the markets. Raises documents.FileError before anything is written, wire.RegistryError."""
    _Exchange(run, origin).load(documents.rows(data, name, "markets", markets.Row), name)


class _Exchange:
    """The import of one exchange's markets."""

    def __init__(self, run: Run, origin: Origin) -> None:
        self._run = run
        self._origin = origin
        self._exchange = declared(origin.exchange_id)
        self._ids: dict[str, set[str]] = {}

    def load(self, sources: list[Source], name: str) -> None:
        run = self._run
        run.report.rows += len(sources)
        known = self._known_venue()
        found = self._parse(sources, known)
        by_venue: dict[str, list[Market]] = {}
        for market in found:
            by_venue.setdefault(self._venue(market).venue_id, []).append(market)
        self._write_venues(by_venue, found)
        remaps = self._origin.remaps if self._origin.remaps is not None else venues.remaps(known)
        codes = {venue_id: _VenueCodes(run, venue_id, self._exchange) for venue_id in by_venue}
        accepted = {venue_id: codes[venue_id].read(each) for venue_id, each in by_venue.items()}
        directory = Directory(run, {use.ticker for each in codes.values() for use in each.uses.values()})
        progress = run.progress(name, len(sources))
        for venue_id, own in codes.items():
            own.judge(Guard(run, directory, venue_id, self._exchange, remaps))
            listings = Listings(run, venue_id, own.assets)
            for chunk in documents.chunks(accepted[venue_id], CHUNK):
                listings.write(chunk)
                progress.advance(len(chunk))
            if run.options.delist and by_venue[venue_id]:
                listings.delist(self._ids[venue_id])

    # ---- rows ------------------------------------------------------------------------------------------------------

    def _known_venue(self) -> Any:
        """The venue of the exchange in the registry; empty if it does not exist."""
        for venue in self._run.registry.pages(contract.ListVenuesRequest(), "venues"):
            if venue.venue_id == self._origin.exchange_id:
                return venue
        return venues_pb2.Venue()

    def _parse(self, sources: list[Source], known: Any) -> list[Market]:
        run = self._run
        decoded = []
        for source in sources:
            try:
                decoded.append((source, markets.decode(source)))
            except Refused as refused:
                run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)
                self._remember(source)
        mode = self._mode([row for _, row in decoded], known)
        found: list[Market] = []
        seen: set[tuple[str, str, int]] = set()
        for source, row in decoded:
            try:
                market = markets.parse(source, row, self._exchange, mode)
                key = (self._venue(market).venue_id, market.id, market.symbol_type)
                self._ids.setdefault(key[0], set()).add(market.id)
                _once(key, seen)
            except Refused as refused:
                run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt, about=row.id)
                self._remember(source)
            else:
                found.append(market)
        return found

    def _remember(self, source: Source) -> None:
        """A refused row is not an absent row: its listing is not delisted, at any venue of the exchange."""
        try:
            row = msgspec.json.decode(source.raw)
        except (msgspec.MsgspecError, RecursionError):
            return
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            for venue in {self._origin.exchange_id, *(each.venue_id for each in self._exchange.venues.values())}:
                self._ids.setdefault(venue, set()).add(row["id"])

    def _mode(self, rows: list[Any], known: Any) -> str:
        """The precision mode: as requested, else proven by the payloads, else declared by the exchange, else tick sizes."""
        option = self._run.options.precision_mode
        proven = markets.mode_of(rows, self._exchange)
        stored = json_format.MessageToDict(known.metadata).get(venues.PRECISION)
        mode = option or proven or self._origin.precision_mode or stored or markets.TICK_SIZE
        if mode not in _MODES:
            message = f"{mode!r} is not a precision mode; use one of {', '.join(_MODES)}"
            raise FileError(message)
        self._run.report.note(
            f"precision {mode}", "requested" if option else "proven by the payloads" if proven else "declared"
        )
        return str(mode)

    def _venue(self, market: Market) -> Venue:
        own = Venue(self._origin.exchange_id, self._origin.exchange_id)
        return own if self._run.options.one_venue else self._exchange.venues.get(market.segment, own)

    def _write_venues(self, by_venue: Mapping[str, list[Market]], found: list[Market]) -> None:
        """Create missing venues under their declared names. Existing venues are not changed."""
        names = {self._venue(market).venue_id: self._venue(market).name for market in found}
        items = []
        for venue_id in by_venue:
            venue = venues_pb2.Venue(venue_id=venue_id, name=names[venue_id], venue_type=venues_pb2.VENUE_TYPE_CEX)
            if self._run.options.one_venue and self._exchange.venues:
                venue.default_symbol_type = _default(by_venue[venue_id], self._exchange)
            items.append(Item(pb.ApplyRow(venue=venue), venue_id, keys=(venue_id,), differs=False))
        self._run.write(items, pb.FILL_UNSET)


def _once(key: tuple[str, str, int], seen: set[tuple[str, str, int]]) -> None:
    if key in seen:
        raise Refused("duplicate", f"{key[1]!r} is in the document twice with the same type")
    seen.add(key)


def _default(found: list[Market], exchange: Exchange) -> markets_pb2.SymbolType:
    """The default type for lookups at a venue kept together: spot, if the venue has spot markets."""
    types = {market.symbol_type for market in found}
    spot = markets_pb2.SYMBOL_TYPE_SPOT
    return spot if spot in types and SPOT in exchange.venues else min(types)


# ---- the codes of a venue ------------------------------------------------------------------------------------------


class _VenueCodes:
    """The codes of one venue: how its markets use them, which assets they mean, and the venue assets that record it."""

    def __init__(self, run: Run, venue_id: str, exchange: Exchange) -> None:
        self._run = run
        self._venue_id = venue_id
        self._exchange = exchange
        self.uses: dict[str, Use] = {}
        #: code -> asset; codes that are not resolved are missing
        self.assets: dict[str, str] = {}
        self._stored: dict[str, Any] = {}
        self._factors: dict[str, str] = {}

    def read(self, found: list[Market]) -> list[Market]:
        """Collect the codes in the order of the rows; return the markets whose codes do not contradict earlier rows."""
        accepted = []
        for market in found:
            try:
                self._use(market.base, market, as_money=False)
                self._use(market.quote, market, as_money=True)
            except Refused as refused:
                source = market.source
                self._run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt, about=market.id)
            else:
                accepted.append(market)
        by_ticker = {use.ticker: use.code for use in self.uses.values()}
        for at, market in enumerate(accepted):
            settle = market.settle
            if settle is None:
                continue
            earlier = self.uses.get(settle.code)
            if earlier is not None and earlier.ticker != settle.ticker:
                # The code belongs to another asset; this asset has a code of its own.
                own = Code(by_ticker.get(settle.ticker, settle.ticker), settle.ticker)
                accepted[at] = msgspec.structs.replace(market, settle=own)
                settle = own
            self._use(settle, market, as_money=True)
        return accepted

    def _use(self, code: Code, market: Market, *, as_money: bool) -> None:
        use = self.uses.get(code.code)
        if use is None:
            use = self.uses[code.code] = Use(code.code, code.ticker)
        elif use.ticker != code.ticker:
            raise Refused("code_conflict", f"{code.code!r} is {use.ticker} in an earlier row and {code.ticker} here")
        use.as_money = use.as_money or as_money
        if code.factor is not None:
            self._factors[code.code] = exact.plain(code.factor)
        if market.address and code is market.base:
            use.addresses.add(market.address)

    def judge(self, guard: Guard) -> None:
        """Resolve the codes and write the result. Raises wire.RegistryError."""
        stored = self._read_stored()
        verdicts = guard.judge(list(self.uses.values()), stored)
        self._write_assets(verdicts)
        self._write_venue_assets(verdicts)
        self._ask(verdicts)

    def _read_stored(self) -> dict[str, list[Stored]]:
        stored: dict[str, list[Stored]] = {}
        for each in self._run.registry.pages(contract.ListVenueAssetsRequest(venue_id=self._venue_id), "venue_assets"):
            self._stored[each.asset_id] = each
            if each.HasField("delisted_at") and each.delisted_at.ToDatetime(tzinfo=UTC) <= datetime.now(UTC):
                continue
            for code in (each.venue_asset_symbol, *each.venue_asset_aliases):
                stored.setdefault(code, []).append(Stored(each.asset_id, each.identity_evidence))
        return stored

    def _write_assets(self, verdicts: Mapping[str, Verdict]) -> None:
        """Create new assets once each: provisional ones, money and underlyings."""
        new: dict[str, pb.ApplyRow] = {}
        for verdict in verdicts.values():
            if verdict.row is not None:
                new.setdefault(verdict.row.ref, verdict.row)
        made: dict[str, str] = {}
        doubts = []
        again: set[str] = set()
        items = [
            Item(row, f"{row.asset.symbol} at {self._venue_id}", keys=(f"asset {ref}",), differs=False)
            for ref, row in new.items()
        ]
        for item, result in zip(items, self._run.write(items, pb.CREATE_ONLY), strict=True):
            if result.outcome == pb.REJECTED:
                continue
            made[item.row.ref] = f"ref:{item.row.ref}" if self._run.dry_run else result.id
            if item.row.asset.category == guard.PROVISIONAL:
                reason = f"only {self._venue_id} uses the code, and no asset has its ticker"
                doubts.append(Doubt(result.id, item.row.asset.symbol, reason))
                again.update({result.id} if result.outcome != pb.CREATED else ())
        for code, verdict in verdicts.items():
            if verdict.asset is not None:
                asset = made.get(verdict.row.ref) if verdict.row is not None else verdict.asset
                if asset is not None:
                    self.assets[code] = asset
        flagged = again - flags.without(self._run, again)
        doubts = [each for each in doubts if each.asset_id not in flagged]
        flags.raise_unverified(self._run, doubts)

    def _write_venue_assets(self, verdicts: Mapping[str, Verdict]) -> None:
        """One row per asset: its first code is the main one and stays so; further codes are aliases."""
        codes: dict[str, list[str]] = {}
        for code in self.uses:
            if code in self.assets:
                codes.setdefault(self.assets[code], []).append(code)
        items = []
        for asset, own in codes.items():
            row = self._venue_asset(asset, own, verdicts[own[0]].evidence)
            about = f"{own[0]} at {self._venue_id}"
            items.append(Item(pb.ApplyRow(venue_asset=row), about, keys=(f"va {asset}", self._venue_id, _key(asset))))
        for chunk in documents.chunks(items, CHUNK):
            for item, result in zip(chunk, self._run.write(chunk, pb.UPSERT), strict=True):
                if result.outcome == pb.REJECTED:
                    for code in codes[item.row.venue_asset.asset_id]:
                        del self.assets[code]

    def _venue_asset(self, asset: str, codes: list[str], evidence: str) -> venues_pb2.VenueAsset:
        stored = self._stored.get(asset)
        row = venues_pb2.VenueAsset(venue_id=self._venue_id, asset_id=asset)
        known = [] if stored is None else [stored.venue_asset_symbol, *stored.venue_asset_aliases]
        row.venue_asset_symbol, *aliases = dict.fromkeys([*known, *codes])
        row.venue_asset_aliases.extend(aliases)
        if stored is None or guard.level(evidence) < guard.level(stored.identity_evidence):
            row.identity_evidence = evidence
        factors = {code: self._factors[code] for code in codes if code in self._factors}
        if factors:
            metadata = {} if stored is None else json_format.MessageToDict(stored.metadata)
            row.metadata.update({**metadata, "multipliers": {**metadata.get("multipliers", {}), **factors}})
        return row

    def _ask(self, verdicts: Mapping[str, Verdict]) -> None:
        """Put unresolved codes into the review queue."""
        reviews = []
        for code, verdict in verdicts.items():
            review = self._review(code, verdict)
            if review is not None:
                reviews.append(review)
        for chunk in documents.chunks(reviews, CHUNK):
            if not self._run.dry_run:
                self._run.registry.call(reviews_pb2.OpenReviewsRequest(reviews=chunk))
            for review in chunk:
                _report_review(self._run, review)

    def _review(self, code: str, verdict: Verdict) -> reviews_pb2.Review | None:
        ticker = self.uses[code].ticker
        review = reviews_pb2.Review(venue_id=self._venue_id, code=code, source=self._run.report.source)
        review.venue_asset.venue_asset_symbol = code
        review.candidate_asset_ids.extend(verdict.candidates)
        if verdict.against is not None:
            review.kind = reviews_pb2.REVIEW_KIND_CODE_CONFLICT
            review.asset_id = verdict.against
            review.reason = f"{code} ({ticker}) has meant another asset so far than {verdict.evidence} says"
        elif verdict.asset is None:
            review.kind = reviews_pb2.REVIEW_KIND_CANDIDATES
            review.reason = f"{len(verdict.candidates)} assets may be meant by {code} ({ticker}): {verdict.evidence}"
        elif verdict.evidence == guard.PROVISIONAL and not verdict.asset.startswith("ref:"):
            review.kind = reviews_pb2.REVIEW_KIND_PROVISIONAL
            review.asset_id = verdict.asset
            review.reason = f"a provisional asset stands for {code} ({ticker})"
        elif verdict.evidence == guard.PROVISIONAL and code in self.assets and not self._run.dry_run:
            review.kind = reviews_pb2.REVIEW_KIND_PROVISIONAL
            review.asset_id = self.assets[code]
            review.reason = f"a provisional asset stands for {code} ({ticker})"
        else:
            return None
        return review


def _key(asset: str) -> str:
    """The row that creates the asset, on which others depend in a dry run."""
    return f"asset {asset.removeprefix('ref:')}" if asset.startswith("ref:") else ""


def _report_review(run: Run, review: reviews_pb2.Review) -> None:
    about = f"{review.code} at {review.venue_id}"
    if review.kind == reviews_pb2.REVIEW_KIND_CODE_CONFLICT:
        run.report.add(Entry(report.CONFLICT, "venue_asset", about, "other_asset", review.reason))
    elif review.kind == reviews_pb2.REVIEW_KIND_CANDIDATES:
        detail = f"{review.reason}: {', '.join(review.candidate_asset_ids)}"
        run.report.add(Entry(report.REVIEW, "venue_asset", about, "several_candidates", detail))
    else:
        run.report.note("provisional", review.reason)
