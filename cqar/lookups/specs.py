"""Whose numbers an answer about a listing gives: its own of the time asked, else what a person set on the symbol, or none."""

from typing import Final

from cqar import clock
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.contract.shared import enums_pb2

#: The numbers that both a listing and a symbol have; each has an exact twin.
_SHARED: Final = ("tick_size", "lot_size", "min_order_size", "max_order_size", "contract_size", "min_notional")
#: Their fields in a symbol.
_OF_SYMBOL: Final = tuple(field for name in _SHARED for field in (name, f"{name}_decimal"))
#: All numbers of a listing that may change while it lives. The multiplier is part of the mapping.
_OF_LISTING: Final = (
    *(f"{name}_decimal" for name in _SHARED[:-1]),
    *(
        field
        for name in ("min_notional", "min_order_value", "max_order_value", "max_leverage", "maker_fee", "taker_fee")
        for field in (name, f"{name}_decimal")
    ),
)


def apply(canonical: markets_pb2.Symbol, listing: venues_pb2.VenueSymbol, as_of: int | None) -> enums_pb2.SpecsSource:
    """Give the symbol the numbers that apply to the listing, and return whose they are; 0 if it has none.

    `as_of` is the time in the request, None without one. Before the last change of the listing's numbers they are not known:
    symbol and listing lose theirs.
    """
    if as_of is not None and as_of < clock.of(listing, "specs_since", as_of):
        for message, names in ((canonical, _OF_SYMBOL), (listing, _OF_LISTING)):
            for name in names:
                message.ClearField(name)
        return enums_pb2.SPECS_SOURCE_NOT_KNOWN_THEN
    own = inherited = False
    for name in _SHARED:
        exact = f"{name}_decimal"
        if listing.HasField(exact):
            own = True
            setattr(canonical, exact, getattr(listing, exact))
            setattr(canonical, name, float(getattr(listing, exact)))
        else:
            inherited = inherited or canonical.HasField(exact)
    return _SOURCES[own, inherited]


_SOURCES: Final = {
    (False, False): enums_pb2.SPECS_SOURCE_UNSPECIFIED,
    (True, False): enums_pb2.SPECS_SOURCE_LISTING,
    (False, True): enums_pb2.SPECS_SOURCE_SYMBOL,
    (True, True): enums_pb2.SPECS_SOURCE_MIXED,
}
