"""The markets that an exchange publishes now, through the package ccxt. Only this module imports ccxt."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import orjson

from cqar.importers.sources import markets

#: Timeout in seconds of a request to an exchange.
_TIMEOUT: Final = 30.0
_MODES: Final = {2: markets.DECIMAL_PLACES, 3: markets.SIGNIFICANT_DIGITS, 4: markets.TICK_SIZE}


class LiveError(Exception):
    """The exchange cannot be queried. `str()` is the reason and what to do."""


class Fetched(NamedTuple):
    """The markets and renamed codes of an exchange."""

    #: a JSON array of unified markets of ccxt
    markets: bytes
    precision_mode: str | None
    #: codes of the exchange that ccxt renames
    remaps: Mapping[str, str]


def fetch(exchange_id: str) -> Fetched:
    """Query the exchange. Raises LiveError."""
    try:
        ccxt: Any = import_module("ccxt")
    except ImportError:
        message = "querying an exchange needs the package ccxt: pip install 'cqar[importers]', or name a file with --file"
        raise LiveError(message) from None
    if exchange_id not in ccxt.exchanges:
        message = f"{exchange_id!r} is not an exchange that ccxt knows"
        raise LiveError(message)
    # Numbers as text are exact, unlike floats.
    exchange = getattr(ccxt, exchange_id)({"timeout": round(_TIMEOUT * 1_000), "enableRateLimit": True, "number": str})
    try:
        found = exchange.load_markets()
    except ccxt.BaseError as error:
        message = f"{exchange_id} did not return its markets: {type(error).__name__}: {error}"
        raise LiveError(message) from error
    remaps = {str(code): str(name) for code, name in (exchange.commonCurrencies or {}).items()}
    return Fetched(orjson.dumps(list(found.values()), default=str), _MODES.get(exchange.precisionMode), remaps)
