"""`cqar import ccxt EXCHANGE --currencies FILE`: the currencies of the exchange, as evidence for its codes."""

from collections.abc import Mapping

import msgspec

from cqar.importers.exchanges.currencies import Currency, facts_of
from cqar.importers.run.documents import FileError


def load(data: bytes, name: str, exchange_id: str) -> Mapping[str, Currency]:
    """The currencies by the exchange's own code, of a document of one exchange or of several. Raises FileError."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        message = f"{name}: no JSON: {error}"
        raise FileError(message) from error
    own = document.get(exchange_id) if isinstance(document, dict) else None
    said = facts_of(own if isinstance(own, dict | list) and "id" not in own else document, exchange_id)
    if not said:
        message = f"{name}: has no currencies of {exchange_id}; use what ccxt's fetch_currencies gives"
        raise FileError(message)
    return said
