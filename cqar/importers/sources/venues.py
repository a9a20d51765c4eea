"""`cqar import venues FILE`: exchanges as ccxt declares them: names, URLs, fees, remapped tickers.

The remaps (`commonCurrencies`) and the precision mode are kept in the metadata of the venue for `cqar import ccxt`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from google.protobuf import json_format

from cqar import exact, text
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.errors import Invalid
from cqar.importers.exchanges.payload import number
from cqar.importers.run import documents, rows
from cqar.importers.run.documents import Refused, Source
from cqar.importers.run.run import CHUNK, Item, Run
from cqar.importers.sources.bounds import Bounds

#: Keys in the metadata of a venue.
REMAPS: Final = "common_currencies"
PRECISION: Final = "precision_mode"
#: Where ccxt puts the URL of the public API, by its most common names.
_PUBLIC = ("public", "rest", "spot", "api", "v1")


class _Row(msgspec.Struct, rename="camel"):
    id: str
    name: str
    dex: bool = False
    precision_mode: str | None = None
    urls: dict[str, Any] = {}
    fees: dict[str, Any] = {}
    common_currencies: dict[str, str] = {}


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """The venue described by a row."""

    venue_id: str
    name: str
    dex: bool
    website_url: str | None
    api_endpoint: str | None
    metadata: dict[str, Any]


_ROW = documents.decoder(_Row)


def parse(source: Source) -> Fact:
    """Read a row. Raises Refused."""
    row = documents.decoded(source, _ROW)
    try:
        venue_id = text.given_slug(row.id, "id")
    except Invalid as error:
        raise Refused("bad_id", error.message) from error
    if not row.name.strip():
        raise Refused("incomplete", "the row has no name")
    trading = row.fees.get("trading")
    fees = {side: fee for side in ("maker", "taker") if (fee := _fee(trading, side)) is not None}
    metadata: dict[str, Any] = {**({"fees": fees} if fees else {})}
    if row.precision_mode:
        metadata[PRECISION] = row.precision_mode.lower()
    if row.common_currencies:
        metadata[REMAPS] = row.common_currencies
    return Fact(
        venue_id=venue_id,
        name=row.name,
        dex=row.dex,
        website_url=rows.url(_first(row.urls.get("www"))),
        api_endpoint=rows.url(_public(row.urls.get("api"))),
        metadata=metadata,
    )


def _fee(trading: Any, side: str) -> str | None:
    """A plausible fee as an exact fraction; `percentage` of ccxt states that it is one."""
    if not isinstance(trading, dict) or trading.get("percentage", True) is not True:
        return None
    fee = Bounds().fee(side, None, number(trading.get(side)))
    return None if fee is None else exact.plain(fee)


def _first(value: Any) -> str | None:
    if isinstance(value, list):
        value = next(iter(value), None)
    return value if isinstance(value, str) else None


def _public(value: Any) -> str | None:
    if isinstance(value, dict):
        value = next((value[name] for name in _PUBLIC if isinstance(value.get(name), str)), None)
    return value if isinstance(value, str) and "{" not in value else None


def load(run: Run, data: bytes, name: str) -> None:
    """Import the document. Raises documents.FileError before anything is written, wire.RegistryError."""
    sources = documents.rows(data, name, "venues", _Row)
    run.report.rows += len(sources)
    progress = run.progress(name, len(sources))
    for chunk in documents.chunks(sources, CHUNK):
        items = []
        for source in chunk:
            try:
                items.append(item(parse(source), source))
            except Refused as refused:
                run.report.reject(refused.kind, refused.detail, line=source.line, row=source.excerpt)
        run.write(items)
        progress.advance(len(chunk))


def item(fact: Fact, source: Source) -> Item:
    """The row of a venue."""
    venue = venues_pb2.Venue(
        venue_id=fact.venue_id,
        name=fact.name,
        venue_type=venues_pb2.VENUE_TYPE_DEX if fact.dex else venues_pb2.VENUE_TYPE_CEX,
    )
    if fact.website_url:
        venue.website_url = fact.website_url
    if fact.api_endpoint:
        venue.api_endpoint = fact.api_endpoint
    if fact.metadata:
        venue.metadata.CopyFrom(rows.struct(fact.metadata))
    return Item(pb.ApplyRow(venue=venue), fact.venue_id, source, keys=(fact.venue_id,))


def remaps(venue: Any) -> Mapping[str, str]:
    """The remaps in the metadata of a venue: code -> unified code of ccxt."""
    remaps = json_format.MessageToDict(venue.metadata).get(REMAPS)
    return {str(code): str(unified) for code, unified in remaps.items()} if isinstance(remaps, dict) else {}
