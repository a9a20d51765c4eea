"""What a published document is, by its shape, and which import reads it.

A document that is given to the wrong import is refused with one message that names the right one.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

CHAINID: Final = "chainid.network's chains.json"
COINS: Final = "CoinGecko's coins/list with platforms"
#: Rows that have to have the shape.
_SAMPLE: Final = 20

_Fields = Mapping[str, msgspec.Raw]


class _Shape(NamedTuple):
    """A kind of document."""

    name: str
    #: whether the fields of the document, or of a row, have the shape
    test: Callable[[_Fields], bool]
    #: the import that reads it; empty: none does
    kind: str
    #: what to do with it
    advice: str


def _has(*names: str, but: Iterable[str] = ()) -> Callable[[_Fields], bool]:
    needed, strange = set(names), set(but)
    return lambda fields: fields.keys() >= needed and fields.keys().isdisjoint(strange)


#: Fields that only cqar's own documents have.
_OWN: Final = ("source", "sources", "seen")
_NAMED = _has("symbol", "name", "decimals", but=(*_OWN, "chain"))


def _is_token(fields: _Fields) -> bool:
    return _NAMED(fields) and not fields.keys().isdisjoint({"address", "id"})


_CCXT: Final = (
    "cqar import ccxt hyperliquid reads ccxt's markets: without --file it asks the exchange, and a file is the JSON array that"
    " ccxt's fetch_markets returns"
)
#: Documents that are one object.
_OBJECTS: Final = (
    _Shape("Hyperliquid's spotMeta", _has("universe", "tokens"), "", _CCXT),
    _Shape("Hyperliquid's meta", _has("universe"), "", _CCXT),
    _Shape("a token list", _has("tokens", "name"), "tokenlist", "cqar import tokenlist reads it"),
)
#: Documents that are an array of objects.
_ARRAYS: Final = (
    _Shape(CHAINID, _has("name", "chainId", "nativeCurrency", "rpc", but=_OWN), "chains", "cqar import chains reads it"),
    _Shape(COINS, _has("id", "symbol", "name", "platforms", but=_OWN), "coingecko", "cqar import coingecko reads it"),
    _Shape(
        "ccxt's markets",
        _has("id", "symbol", "base", "quote", "type", "info"),
        "markets",
        "cqar import ccxt EXCHANGE --file FILE reads it",
    ),
    _Shape(
        "an array of tokens",
        lambda fields: (
            _has("symbol", "name", "decimals", but=(*_OWN, "chain"))(fields) and not fields.keys().isdisjoint({"address", "id"})
        ),
        "tokenlist",
        "cqar import tokenlist reads it",
    ),
)


def recognize(data: bytes) -> str | None:
    """Return the name of the kind of a document; None if it has none of the shapes, or is not JSON."""
    found = _shape(data)
    return None if found is None else found.name


def misplaced(data: bytes, kind: str) -> str | None:
    """Return why an import of this kind does not read the document, as a clause; None if it may."""
    found = _shape(data)
    return None if found is None or kind == found.kind else f"this is {found.name}; {found.advice}"


def _shape(data: bytes) -> _Shape | None:
    try:
        document: Any = msgspec.json.decode(data, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if isinstance(document, dict):
        return next((each for each in _OBJECTS if each.test(document)), None)
    rows = [_fields(each) for each in document[:_SAMPLE]]
    return next((each for each in _ARRAYS if rows and all(map(each.test, rows))), None)


def _fields(raw: msgspec.Raw) -> _Fields:
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
