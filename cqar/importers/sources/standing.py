"""What the registry has of a venue's listings when an import begins, and which of them the source no longer has."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.run import report
from cqar.importers.run.documents import FileError
from cqar.importers.run.report import Entry
from cqar.importers.run.run import DelistLimit, Run
from cqar.importers.run.wire import RegistryError

#: The most living listings of a venue that --delist ends without --delist-limit: a fifth, but ten of a small venue.
USUAL: Final = DelistLimit(percent=Decimal(20), least=10)
#: The reason recorded when an importer ends a listing.
_GONE = "no longer in the source"
#: Listings that a refusal names.
_NAMED = 10


class Standing:
    """The listings of a venue, by venue symbol and type. Raises wire.RegistryError."""

    def __init__(self, run: Run, venue_id: str) -> None:
        self.now = datetime.now(UTC)
        self._stored: dict[tuple[str, int], list[Any]] = {}
        request = contract.ListVenueSymbolsRequest(venue_id=venue_id, include_delisted=True)
        for each in run.registry.pages(request, "venue_symbols"):
            self._stored.setdefault((each.venue_symbol, each.symbol_type), []).append(each)

    def find(self, text: str, symbol_type: int) -> Any:
        """Return the listing that is valid now, else the last one; None without any."""
        found = self.all(text, symbol_type)
        valid = [each for each in found if not self.over(each)]
        return valid[0] if valid else max(found, key=lambda each: each.delisted_at.ToDatetime(tzinfo=UTC), default=None)

    def all(self, text: str, symbol_type: int) -> list[Any]:
        """Return all listings of a venue symbol and type, ended ones included."""
        return self._stored.get((text, symbol_type), [])

    def over(self, listing: Any) -> bool:
        """Return whether the listing has ended."""
        return bool(listing.HasField("delisted_at") and listing.delisted_at.ToDatetime(tzinfo=UTC) <= self.now)

    def living(self) -> list[Any]:
        """Return the listings that have not ended."""
        return [each for group in self._stored.values() for each in group if not self.over(each)]


class Present:
    """The markets of a document: those that were read by text and type, rejected rows by their text alone."""

    def __init__(self) -> None:
        self._read: set[tuple[str, int]] = set()
        self._rejected: set[str] = set()

    def add(self, text: str, symbol_type: int) -> None:
        """Add a market that was read."""
        self._read.add((text, symbol_type))

    def reject(self, text: str) -> None:
        """Add a rejected row. It is not an absent one, whatever its type."""
        self._rejected.add(text)

    def has(self, listing: Any) -> bool:
        """Return whether the document has the market of a listing."""
        return listing.venue_symbol in self._rejected or (listing.venue_symbol, listing.symbol_type) in self._read


# ---- delisting -----------------------------------------------------------------------------------------------------


def missing(run: Run, standing: Mapping[str, Standing], present: Mapping[str, Present]) -> dict[str, list[Any]]:
    """Return the living listings that the source no longer has, by venue. Writes nothing.

    Raises documents.FileError if a venue would lose more of them than the limit allows.
    """
    limit = run.options.delist_limit or USUAL
    found, refusals = {}, []
    for venue_id, there in standing.items():
        living = there.living()
        gone = [each for each in living if not present[venue_id].has(each)]
        found[venue_id] = gone
        if len(gone) > limit.of(len(living)):
            refusals.append(_refusal(venue_id, gone, len(living), limit))
    if refusals:
        message = f"{'; '.join(refusals)}. Nothing was imported: check the source, or allow it with --delist-limit"
        raise FileError(message)
    return found


def _refusal(venue_id: str, gone: list[Any], living: int, limit: DelistLimit) -> str:
    named = ", ".join(sorted(map(_named, gone))[:_NAMED])
    more = f" and {len(gone) - _NAMED:,} others" if len(gone) > _NAMED else ""
    return (
        f"--delist would end {len(gone):,} of the {living:,} living listings of {venue_id}, more than the limit of"
        f" {limit.of(living):,}: {named}{more}"
    )


def _named(listing: Any) -> str:
    kind = markets_pb2.SymbolType.Name(listing.symbol_type).removeprefix("SYMBOL_TYPE_").lower()
    return f"{listing.venue_symbol} ({kind})"


def end(run: Run, venue_id: str, gone: list[Any]) -> None:
    """End the listings. Raises wire.RegistryError."""
    for each, answer in _ended(run, gone):
        about = f"{_named(each)} at {venue_id}"
        if isinstance(answer, RegistryError):
            run.report.reject("delist_refused", str(answer), about=about)
        else:
            run.report.add(Entry(report.DELISTED, "venue_symbol", about, "", _GONE))


def _ended(run: Run, gone: list[Any]) -> Iterator[tuple[Any, Any]]:
    requests = [pb.DelistVenueSymbolRequest(listing_id=each.listing_id, reason=_GONE) for each in gone]
    answers = iter([None] * len(gone)) if run.dry_run else run.registry.calls(requests)
    return zip(gone, answers, strict=True)
