"""An exchange's markets as it publishes them now, through the package ccxt. ccxt lives here."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import orjson

from cqar.importers.sources import markets

#: Seconds that one request to an exchange may take.
_TIMEOUT: Final = 30.0
_MODES: Final = {2: markets.DECIMAL_PLACES, 3: markets.SIGNIFICANT_DIGITS, 4: markets.TICK_SIZE}


class LiveError(Exception):
    """The exchange cannot be asked: `str()` says why, and what to do."""


class Fetched(NamedTuple):
    """What an exchange says."""

    #: a JSON list of ccxt's unified markets
    markets: bytes
    precision_mode: str | None
    #: the exchange's codes that ccxt gives other names
    remaps: Mapping[str, str]


def fetch(exchange_id: str) -> Fetched:
    """Ask the exchange. Raises LiveError."""
    try:
        ccxt: Any = import_module("ccxt")
    except ImportError:
        message = "asking an exchange needs the package ccxt: pip install 'cqar[importers]', or name a file with --file"
        raise LiveError(message) from None
    if exchange_id not in ccxt.exchanges:
        message = f"{exchange_id!r} is no exchange that ccxt knows"
        raise LiveError(message)
    # Numbers as text are exact; as floats they are not.
    exchange = getattr(ccxt, exchange_id)({"timeout": round(_TIMEOUT * 1_000), "enableRateLimit": True, "number": str})
    try:
        found = exchange.load_markets()
    except ccxt.BaseError as error:
        message = f"{exchange_id} does not tell its markets: {type(error).__name__}: {error}"
        raise LiveError(message) from error
    remaps = {str(code): str(name) for code, name in (exchange.commonCurrencies or {}).items()}
    return Fetched(orjson.dumps(list(found.values()), default=str), _MODES.get(exchange.precisionMode), remaps)
