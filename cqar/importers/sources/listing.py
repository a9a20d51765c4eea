"""`cqar import ccxt EXCHANGE`: the markets of an exchange become venues, venue assets, symbols and listings.

First the codes of each venue are judged (`cqar.importers.identity.guard`) and written with their assets, provisional ones
included, then the markets. Only a market of a code that means several assets waits for a decision.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from google.protobuf import json_format

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.importers.exchanges.currencies import Currency
from cqar.importers.exchanges.declarations import SPOT, Exchange, Venue, declared
from cqar.importers.identity.candidates import Directory
from cqar.importers.identity.claims import Claims
from cqar.importers.identity.guard import Guard
from cqar.importers.run import documents, report
from cqar.importers.run.documents import FileError, Refused, Source
from cqar.importers.run.report import Entry
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.sources import markets, venues
from cqar.importers.sources.codes import VenueCodes
from cqar.importers.sources.markets import Market
from cqar.importers.sources.standing import Present, Standing, end, missing
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
        self._present: dict[str, Present] = {}
        #: codes that ccxt reads as another coin at some exchange
        self._renamed = {code for code, unified in (origin.remaps or {}).items() if code != unified}

    def load(self, sources: list[Source], name: str) -> None:
        run = self._run
        run.report.rows += len(sources)
        known = self._known_venue()
        found = self._parse(sources, known)
        by_venue: dict[str, list[Market]] = {}
        for market in found:
            by_venue.setdefault(self._venue(market).venue_id, []).append(market)
        standing = {venue_id: Standing(run, venue_id) for venue_id in by_venue}
        gone = missing(run, standing, self._present) if run.options.delist else {}
        self._write_venues(by_venue, found)
        codes = {venue_id: VenueCodes(run, venue_id) for venue_id in by_venue}
        accepted = {venue_id: codes[venue_id].read(each) for venue_id, each in by_venue.items()}
        directory, claims = Directory(run), Claims(run)
        progress = run.progress(name, len(sources))
        for venue_id, own in codes.items():
            own.judge(Guard(run, directory, claims, venue_id, self._exchange, self._renamed), claims)
            oldest = {each.first_market for each in own.facts.values()}
            listings = Listings(run, venue_id, own.assets, standing[venue_id], oldest)
            for chunk in documents.chunks(accepted[venue_id], CHUNK):
                listings.write(chunk)
                progress.advance(len(chunk))
            end(run, venue_id, gone.get(venue_id, []))

    # ---- rows ------------------------------------------------------------------------------------------------------

    def _known_venue(self) -> Any:
        """The venue of the exchange in the registry; empty if it does not exist. Collects what all venues rename."""
        known = venues_pb2.Venue()
        for venue in self._run.registry.pages(contract.ListVenuesRequest(), "venues"):
            self._renamed.update(code for code, unified in venues.remaps(venue).items() if code != unified)
            if venue.venue_id == self._origin.exchange_id:
                known = venue
        return known

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
        found = _Found()
        for source, row in decoded:
            try:
                market = markets.parse(source, row, self._exchange, mode).told(self._origin.currencies)
            except Refused as refused:
                run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt, about=row.id)
                self._remember(source)
            else:
                venue_id = self._venue(market).venue_id
                self._of(venue_id).add(market.id, market.symbol_type)
                found.add(venue_id, market)
        for market, detail in found.contradictory:
            source = market.source
            run.report.reject("contradictory", detail, line=source.line, row=source.excerpt, about=market.id)
        for market in found.markets:
            self._doubt(market)
        return found.markets

    def _doubt(self, market: Market) -> None:
        """Report the numbers of a row that are not read."""
        for doubt in market.doubts:
            if doubt.routine:
                self._run.report.note(f"{doubt.kind} {doubt.field}", doubt.detail)
            else:
                entry = Entry(report.OMITTED, "venue_symbol", market.id, doubt.kind, doubt.detail, (), market.source.line)
                self._run.report.add(entry)

    def _of(self, venue_id: str) -> Present:
        return self._present.setdefault(venue_id, Present())

    def _remember(self, source: Source) -> None:
        """A refused row is not an absent row: its listing is not delisted, at any venue of the exchange."""
        try:
            row = msgspec.json.decode(source.raw)
        except (msgspec.MsgspecError, RecursionError):
            return
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            for venue in {self._origin.exchange_id, *(each.venue_id for each in self._exchange.venues.values())}:
                self._of(venue).reject(row["id"])

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


class _Found:
    """The markets of a document. Rows that describe one market differently contradict each other: all of them are refused."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, int], list[Market]] = {}

    def add(self, venue_id: str, market: Market) -> None:
        """Add a market; one that says the same as an earlier one changes nothing."""
        group = self._groups.setdefault((venue_id, market.id, market.symbol_type), [])
        if all(_facts(market) != _facts(each) for each in group):
            group.append(market)

    @property
    def markets(self) -> list[Market]:
        """The markets without contradiction, in the order of the document."""
        return [group[0] for group in self._groups.values() if len(group) == 1]

    @property
    def contradictory(self) -> Iterator[tuple[Market, str]]:
        """The rows that contradict others, each with the reason, which names the others."""
        for group in self._groups.values():
            for market in group if len(group) > 1 else ():
                others = ", ".join(f"row {each.source.line} ({each.name})" for each in group if each is not market)
                yield market, f"{market.name} has the id and type of {others}, which says something else"


def _facts(market: Market) -> Market:
    return msgspec.structs.replace(market, source=Source(0, b""))


def _default(found: list[Market], exchange: Exchange) -> markets_pb2.SymbolType:
    """The default type for lookups at a venue kept together: spot, if the venue has spot markets."""
    types = {market.symbol_type for market in found}
    spot = markets_pb2.SYMBOL_TYPE_SPOT
    return spot if spot in types and SPOT in exchange.venues else min(types)
