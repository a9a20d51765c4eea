"""`cqar import ccxt EXCHANGE`: the markets of an exchange become venues, venue assets, symbols and listings.

First the codes of each venue are resolved (`cqar.importers.identity.guard`) and written with their assets, then the markets
whose codes are all resolved. Other codes, and their markets, wait in the review queue.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from google.protobuf import json_format

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.importers.exchanges.currencies import Currency
from cqar.importers.exchanges.declarations import SPOT, Exchange, Venue, declared
from cqar.importers.identity.guard import Directory, Guard
from cqar.importers.run import documents
from cqar.importers.run.documents import FileError, Refused, Source
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.sources import markets, venues
from cqar.importers.sources.codes import VenueCodes
from cqar.importers.sources.markets import Market
from cqar.importers.sources.symbols import Listings

_MODES = (markets.TICK_SIZE, markets.DECIMAL_PLACES, markets.SIGNIFICANT_DIGITS)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about the exchange besides its markets; None is looked up in the registry."""

    exchange_id: str
    precision_mode: str | None = None
    remaps: Mapping[str, str] | None = None
    #: what the exchange says of its codes besides its markets
    currencies: Mapping[str, Currency] = msgspec.field(default_factory=dict)


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
        codes = {venue_id: VenueCodes(run, venue_id, self._exchange) for venue_id in by_venue}
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
                market = markets.parse(source, row, self._exchange, mode).told(self._origin.currencies)
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
