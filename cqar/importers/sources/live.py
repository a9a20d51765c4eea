"""The markets that an exchange publishes now, through the package ccxt. Only this module imports ccxt."""

import contextlib
import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import orjson

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract
from cqar.importers.exchanges.declarations import EXCHANGES
from cqar.importers.run.wire import Registry
from cqar.importers.sources import markets

#: Timeout in seconds of a request to an exchange.
_TIMEOUT: Final = 30.0
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
    """Raise LiveError unless the exchange is in the registry, in cqar's declarations or in ccxt. Raises RegistryError too."""
    known = set(EXCHANGES)
    if exchange_id in known:
        return
    known |= {each.venue_id for each in registry.pages(contract.ListVenuesRequest(), "venues")}
    if exchange_id in known:
        return
    with contextlib.suppress(ImportError):
        known.update(import_module("ccxt").exchanges)
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
        found = exchange.load_markets()
    except ccxt.BaseError as error:
        message = f"{exchange_id} did not return its markets: {type(error).__name__}: {error}"
        raise LiveError(message) from error
    remaps = {str(code): str(name) for code, name in (exchange.commonCurrencies or {}).items()}
    return Fetched(orjson.dumps(list(found.values()), default=str), _MODES.get(exchange.precisionMode), remaps)
