"""How a venue spells its symbols: a DEX on a chain as addresses in that chain's canonical form, any other venue as given."""

from typing import Final

from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model import addresses

#: The type of venues that spell symbols as addresses.
DEX: Final = venues_pb2.VENUE_TYPE_DEX


def chain_of(venue_type: int, chain_id: str | None) -> str | None:
    """The id of the chain whose address format the venue's symbols have; None if they are stored as given."""
    return chain_id or None if venue_type == DEX else None


def stored(venue_symbol: str, chain_type: str, caip2: str | None) -> str:
    """A symbol of a DEX in the stored form: an address of its chain. Raises Invalid if it is not an address."""
    return addresses.normalize(chain_type, venue_symbol, "venue_symbol", caip2=caip2).text
