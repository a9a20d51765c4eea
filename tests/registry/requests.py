"""Requests made by hypothesis: with arbitrary values, or with values that the registry accepts."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from cqar.services.asset_registry import METHODS
from cqar.services.method import AnyMethod
from tests.registry.factory import USDC, USDT

_CHARACTERS = st.characters(exclude_categories=["Cs"])
_ODD_TEXTS = (
    *(
        "",
        " ",
        "a",
        "A/B",
        "\x00",
        "\u200b",
        "\u202e",
        "é",
        "e\u0301",
        "币安",
        "0x0",
        "native",
        "NaN",
        "1e-19",
        "-1",
        "1.5",
        "from",
    ),
    *("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "0xa0B86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "x" * 5_000, "linear", "EVM"),
    *("https://example.com", "eip155:1", "%", "\\", "\u0378", "0:0"),
)

# ---- what is taken -------------------------------------------------------------------------------------------------


def structs(names: st.SearchStrategy[str], numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Struct]:
    """Any metadata of these texts and numbers."""
    leaves = st.one_of(st.none(), st.booleans(), numbers, names)
    values = st.recursive(
        leaves, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)), max_leaves=6
    )

    def made(content: dict[str, Any]) -> Struct:
        struct = Struct()
        struct.update(content)
        return struct

    return st.dictionaries(names, values, max_size=3).map(made)


def _storable(text: str) -> str:
    """The text in the form that the registry stores."""
    return unicodedata.normalize("NFC", text).strip()


def good_texts(size: int) -> st.SearchStrategy[str]:
    """Texts that can be stored, of 1 to `size` characters."""
    printable = st.characters(exclude_categories=("Cc", "Cf", "Cn", "Cs", "Zl", "Zp", "Co"))
    return (
        st.text(printable, min_size=1, max_size=size)
        .map(_storable)
        .filter(lambda text: 0 < len(text) <= size and text.isprintable())
    )


_DIGITS = st.text("0123456789", max_size=40)
#: Decimals that can be stored, not negative, as text.
UNSIGNED = st.builds(lambda whole, fraction: f"{whole or '0'}.{fraction or '0'}", _DIGITS, _DIGITS)
POSITIVE = UNSIGNED.filter(lambda text: Decimal(text) > 0)
#: Fractions from 0 to 1.
FRACTIONS = _DIGITS.map(lambda digits: f"0.{digits or '0'}")
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(  # noqa: DTZ001 - UTC, as Timestamp takes it
    lambda moment: Timestamp(
        seconds=(moment - datetime(1970, 1, 1)) // timedelta(seconds=1),  # noqa: DTZ001 - the same
        nanos=moment.microsecond * 1_000,
    )
)
#: PostgreSQL knows no minus zero.
METADATA = structs(good_texts(8), st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number or 0.0))
URLS = st.text("abc/?=&%._-~", max_size=20).map(lambda rest: f"https://example.com/{rest}")
#: Numbers that most fields take.
SMALL = st.sampled_from(["0", "0.001", "0.5", "1", "1e-19"])
#: What fits the fields of these names.
_TEXTS: Mapping[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(("website_url", "logo_url", "block_explorer_url", "api_endpoint", "evidence_url", "rpc_urls"), URLS),
    **dict.fromkeys(("contract_address", "address", "protocol_address"), st.sampled_from(["native", USDC, USDC.lower(), USDT])),
    "venue_symbol": st.one_of(good_texts(6), st.sampled_from([USDC, USDT, "BTCUSDT"])),
    "chain_type": st.sampled_from(["EVM", "ton", "Other"]),
    "margin_kind": st.sampled_from(["linear", "inverse", "quanto"]),
    "direction": st.sampled_from(["from", "to", ""]),
    "page_token": st.just(""),
    "caip2": st.sampled_from(["eip155:1", "eip155:2"]),
    "conversion_rate": SMALL,
    "clear": st.sampled_from(["category", "tick_size", "symbol", "name", "metadata", "margin_kind", "is_active"]),
    **dict.fromkeys(("chain_slug", "venue_slug"), st.sampled_from(["one", "two", "three-3"])),
}


def fitting(required: Mapping[str, Any], optional: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Fields of a request: the required ones and any of the others."""
    fixed = {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in required.items()}
    return st.fixed_dictionaries(fixed, optional=dict(optional))


def same(sent: Any, shown: Any) -> bool:
    """The value of a field as it was sent and as it is answered."""
    if isinstance(sent, str) and isinstance(shown, str) and sent != shown:
        return Decimal(sent) == Decimal(shown)
    return bool(sent == shown)


# ---- anything ------------------------------------------------------------------------------------------------------

#: The ids that requests name; whoever sends them makes what they name.
ASSETS = ("asset1", "asset2", "asset3")
_IDS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("asset_id", "base_asset_id", "quote_asset_id", "settlement_asset_id", "native_asset_id"), ASSETS),
    **dict.fromkeys(("source_asset_id", "target_asset_id"), ASSETS),
    "symbol_id": ("symbol", "symbol2"),
    "group_id": ("group",),
    "flag_id": ("flag",),
    "deployment_id": ("deployment",),
    "venue_id": ("binance", "uniswap"),
    "chain_id": ("ethereum", "solana"),
}
_NAMED = sorted({each for ids in _IDS.values() for each in ids})
#: Fields that most calls cannot do without.
_NEEDED = frozenset(
    {
        *_IDS,
        "symbol",
        "name",
        "asset_type",
        "chain_type",
        "venue_type",
        "symbol_type",
        "relationship_type",
        "flag_type",
        "severity",
    }
    | {"description", "raised_by", "source", "data_source", "external_id", "venue_symbol", "venue_asset_symbol", "query"}
) - {"settlement_asset_id", "native_asset_id", "deployment_id"}
_ANY_TEXT = st.one_of(st.sampled_from([*_NAMED, *_ODD_TEXTS]), st.text(_CHARACTERS, max_size=20))


@st.composite
def anything(draw: st.DrawFn, start: str = "") -> tuple[AnyMethod, Message]:
    """Any call whose name starts so: with values that mostly fit and a few of any kind, or with any values at all."""
    method = draw(st.sampled_from([each for each in METHODS if each.name.startswith(start)]))
    described: list[Any] = list(method.request.DESCRIPTOR.fields)
    if draw(st.integers(0, 3)) == 0:
        any_value = {each.name: _value(each, _ANY_TEXT) for each in described}
        return method, method.request(**draw(st.fixed_dictionaries({}, optional=any_value)))
    needed = {
        each.name: _fit(each) for each in described if each.name in _NEEDED or each.name == f"{method.name[3:].lower()}_id"
    }
    more = {each.name: _fit(each) for each in described if each.name not in needed}
    sent = draw(st.fixed_dictionaries(needed, optional=more))
    for each in draw(st.lists(st.sampled_from(described), max_size=2)):
        sent[each.name] = draw(_value(each, _ANY_TEXT))
    return method, method.request(**sent)


def _fit(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Values that the registry may well take."""
    each: st.SearchStrategy[Any]
    name = field.name
    if field.message_type is not None:
        kinds = {"google.protobuf.Timestamp": TIMES, "google.protobuf.Struct": METADATA}
        each = kinds.get(field.message_type.full_name, st.fixed_dictionaries({"asset_id": st.sampled_from(ASSETS)}))
    elif field.type != FieldDescriptor.TYPE_STRING:
        few = {FieldDescriptor.TYPE_ENUM: st.integers(1, 5), FieldDescriptor.TYPE_BOOL: st.booleans()}
        each = few.get(field.type, st.sampled_from([0, 1, 5]))
    elif name in _IDS:
        each = st.sampled_from(_IDS[name])
    else:
        each = _TEXTS[name] if name in _TEXTS else SMALL if name.endswith("_decimal") else good_texts(6)
    return st.lists(each, max_size=3) if field.is_repeated else each


def _value(field: FieldDescriptor, texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    if field.message_type is None:
        each = _scalar(field, texts)
    elif field.message_type.full_name == "google.protobuf.Timestamp":
        nanos = st.one_of(st.integers(0, 999_999_999), st.integers(-(2**31), 2**31 - 1))
        seconds = st.one_of(st.integers(-(10**10), 10**10), st.integers(-(2**63), 2**63 - 1))
        each = st.builds(Timestamp, seconds=seconds, nanos=nanos)
    elif field.message_type.full_name == "google.protobuf.Struct":
        each = structs(st.text(_CHARACTERS, max_size=8), st.floats())
    else:
        member = {one.name: _value(one, texts) for one in field.message_type.fields}
        each = st.fixed_dictionaries({}, optional=member)
    return st.lists(each, max_size=3) if field.is_repeated else each


def _scalar(field: FieldDescriptor, texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    if field.type == FieldDescriptor.TYPE_STRING:
        return texts
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return st.one_of(st.sampled_from([0.0, 0.1, 1.0, -1.0, 1.5]), st.floats())
    if field.type == FieldDescriptor.TYPE_ENUM:
        return st.one_of(st.integers(0, 6), st.integers(-(2**31), 2**31 - 1))
    bits = 63 if field.type == FieldDescriptor.TYPE_INT64 else 31
    return st.one_of(st.integers(-1, 20), st.integers(-(2**bits), 2**bits - 1))


@st.composite
def bent(draw: st.DrawFn) -> tuple[AnyMethod, bytes]:
    """The bytes of a request, corrupted."""
    method, request = draw(anything())
    data = bytearray(request.SerializeToString())
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data)))
        piece = draw(st.binary(max_size=4))
        data[place : place + draw(st.integers(0, 3))] = piece
    return method, bytes(data)
