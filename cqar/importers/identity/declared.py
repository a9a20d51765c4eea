"""What is declared of codes: ids elsewhere, currencies, underlyings, and the classes that a venue says.

Each is a key by which the registry finds an asset, with the kind of evidence that it is and, where the registry need not have
the asset yet, the row that creates it.
"""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.exchanges import facts
from cqar.importers.exchanges.declarations import Exchange
from cqar.importers.identity import iso4217, known
from cqar.importers.identity.evidence import Facts, Kind
from cqar.importers.run import rows

#: Classes whose assets are their own, each with the category of the registry.
CATEGORIES: Final = {facts.EQUITY: "stock", facts.COMMODITY: iso4217.COMMODITY, facts.INDEX: "index"}
#: Ids by which a security is the same at all venues.
_SECURITIES: Final = frozenset(("isin", "figi"))


class Key(NamedTuple):
    """An id by which the registry finds an asset, and what it is evidence of."""

    kind: Kind
    source: assets_pb2.DataSource
    external_id: str
    strong: bool = True
    #: creates the asset if the registry does not have it
    row: pb.ApplyRow | None = None

    @property
    def value(self) -> str:
        """The id as evidence shows it."""
        return self.external_id if self.source == rows.INTERNAL else f"coingecko:{self.external_id}"


def keys(said: Facts, exchange: Exchange, venue_id: str, renamed: Collection[str]) -> Iterator[Key]:
    """The keys of a code. `renamed`: codes that some exchange gives to another coin."""
    underlying = exchange.underlyings.get(said.code) or exchange.underlyings.get(said.ticker)
    if underlying is not None and underlying.name not in said.names:
        # What trades on the spot market under the code of an index is an asset of its own.
        underlying = None
    if underlying is not None and underlying.iso4217 is None:
        own = f"{venue_id}:{said.code}"
        row = _row(said, underlying.name, underlying.category, own)
        yield Key(Kind.DECLARED_ID, rows.INTERNAL, own, row=row)
        return
    currency = underlying.iso4217 if underlying is not None else _currency(said)
    if currency is not None:
        row = iso4217.asset(currency, f"iso4217:{currency}")
        yield Key(Kind.ISO_4217, rows.INTERNAL, iso4217.external_id(currency), row=row)
        return
    if said.permissionless:
        return
    category = CATEGORIES.get(said.asset_class) if said.asset_class is not None else None
    if category is not None:
        yield _own_class(said, category, venue_id)
        return
    coingecko_id = known.COINGECKO.get(said.ticker)
    if coingecko_id is not None:
        doubtful = said.ticker in known.AMBIGUOUS or said.ticker in renamed
        yield Key(Kind.DECLARED_ID, rows.COINGECKO, coingecko_id, strong=not doubtful)
    if said.code in known.CODES:
        yield Key(Kind.DECLARED_ID, rows.COINGECKO, known.CODES[said.code])


def _currency(said: Facts) -> str | None:
    """The code of ISO 4217, where the venue says so or uses the code as money."""
    if said.permissionless:
        return None
    told = next((external_id for source, external_id in said.ids if source == "iso4217"), said.ticker)
    by_class = said.asset_class in (facts.FIAT, facts.COMMODITY)
    other = said.asset_class is not None and not by_class
    return told if iso4217.known(told) and (by_class or (said.as_money and not other)) else None


def _own_class(said: Facts, category: str, venue_id: str) -> Key:
    """An asset of the class: the same at all venues by an id of the security, else the venue's own."""
    name = said.names[0] if said.names else said.ticker
    for source, external_id in said.ids:
        if source in _SECURITIES:
            shared = f"{source}:{external_id}"
            return Key(Kind.DECLARED_ID, rows.INTERNAL, shared, row=_row(said, name, category, shared))
    own = f"{category}:{venue_id}:{said.code}"
    return Key(Kind.CLASS, rows.INTERNAL, own, row=_row(said, name, category, own))


def _row(said: Facts, name: str, category: str, external_id: str) -> pb.ApplyRow:
    identifiers = [rows.identifier(rows.INTERNAL, external_id)]
    synthetic = assets_pb2.ASSET_TYPE_SYNTHETIC
    return rows.asset(said.ticker, name, synthetic, category=category, identifiers=identifiers, ref=external_id)
