"""The markets that an exchange publishes now, through the package ccxt. Only this module imports ccxt."""

import contextlib
import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import orjson

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.exchanges.declarations import EXCHANGES
from cqar.importers.exchanges.names import CCXT
from cqar.importers.run.wire import Registry
from cqar.importers.sources import markets

#: Timeout in seconds of a request to an exchange.
_TIMEOUT: Final = 30.0
#: Venue -> the exchange that it is a part of.
_WHOLE: Final = {
    venue.venue_id: exchange_id
    for exchange_id, exchange in reversed(list(EXCHANGES.items()))
    for venue in exchange.venues.values()
    if venue.venue_id not in EXCHANGES
}
_MODES: Final = {2: markets.DECIMAL_PLACES, 3: markets.SIGNIFICANT_DIGITS, 4: markets.TICK_SIZE}


class LiveError(Exception):
    """The exchange is unknown or cannot be queried. `str()` is the reason and what to do."""


class Fetched(NamedTuple):
    """The markets and renamed codes of an exchange."""

    #: a JSON array of unified markets of ccxt
    markets: bytes
    precision_mode: str | None
    #: codes of the exchange that ccxt renames
    remaps: Mapping[str, str]


def check_known(registry: Registry, exchange_id: str) -> None:
    """Raise LiveError unless the exchange is one of ccxt or of cqar's declarations, or a venue of the registry.

    A venue that cqar makes of a part of an exchange is not an exchange. Raises RegistryError too.
    """
    known = CCXT | set(EXCHANGES)
    if exchange_id in known:
        return
    whole = _WHOLE.get(exchange_id)
    if whole is not None:
        message = f"{exchange_id} is a part of the exchange {whole}: cqar import ccxt {whole}"
        raise LiveError(message)
    known |= {each.venue_id for each in registry.pages(contract.ListVenuesRequest(), "venues")}
    with contextlib.suppress(ImportError):
        known |= set(import_module("ccxt").exchanges)
    if exchange_id not in known:
        message = f"{_unknown(exchange_id, known)} (--new-venue creates it)"
        raise LiveError(message)


def _unknown(exchange_id: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(exchange_id.lower(), sorted(known), n=1)
    return f"{exchange_id} is not an exchange that ccxt knows{f'; did you mean {near[0]}?' if near else ''}"


def fetch(exchange_id: str) -> Fetched:
    """Query the exchange. Raises LiveError."""
    try:
        ccxt: Any = import_module("ccxt")
    except ImportError:
        message = "querying an exchange needs the package ccxt: pip install 'cqar[importers]', or name a file with --file"
        raise LiveError(message) from None
    if exchange_id not in ccxt.exchanges:
        raise LiveError(_unknown(exchange_id, ccxt.exchanges))
    # Numbers as text are exact, unlike floats.
    exchange = getattr(ccxt, exchange_id)({"timeout": round(_TIMEOUT * 1_000), "enableRateLimit": True, "number": str})
    try:
        found = exchange.fetch_markets()
    except ccxt.BaseError as error:
        message = f"{exchange_id} did not return its markets: {type(error).__name__}: {error}"
        raise LiveError(message) from error
    # Not load_markets: it keeps the last of the markets that ccxt gives one unified symbol. The fees are those that it adds.
    fees = (getattr(exchange, "fees", None) or {}).get("trading") or {}
    rows = [{**fees, **{name: value for name, value in each.items() if value is not None}} for each in found]
    remaps = {str(code): str(name) for code, name in (exchange.commonCurrencies or {}).items()}
    return Fetched(orjson.dumps(rows, default=str), _MODES.get(exchange.precisionMode), remaps)
