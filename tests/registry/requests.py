"""Requests as hypothesis makes them: any values at all, or values that the registry takes."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import strategies as st

from cqar.methods import METHODS, Method

_CHARACTERS = st.characters(exclude_categories=("Cs",))
_ODD_TEXTS = (
    *("", " ", "a", "A/B", "\x00", "\u200b", "\u202e", "é", "e\u0301", "币安", "0x0", "native", "NaN", "1e-19", "-1", "1.5", "from"),
    *("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "0xa0B86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "x" * 5_000, "linear", "EVM"),
    *("https://example.com", "eip155:1", "%", "\\", "\u0378", "0:0"),
)

# ---- anything ------------------------------------------------------------------------------------------------------


def anything(ids: Sequence[str]) -> st.SearchStrategy[tuple[Method, Message]]:
    """Any call with any values in its fields; texts are often among the ids."""
    texts = st.one_of(st.sampled_from([*ids, *_ODD_TEXTS]), st.sampled_from(ids), st.text(_CHARACTERS, max_size=20))
    return st.sampled_from(METHODS).flatmap(lambda method: st.tuples(st.just(method), _message(method.request, texts)))


def _message(kind: type[Message], texts: st.SearchStrategy[str]) -> st.SearchStrategy[Message]:
    fields = {each.name: _value(each, texts) for each in kind.DESCRIPTOR.fields}
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: kind(**given))


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


@st.composite
def bent(draw: st.DrawFn, ids: Sequence[str]) -> tuple[Method, bytes]:
    """The bytes of a request after an accident on the way."""
    method, request = draw(anything(ids))
    data = bytearray(request.SerializeToString())
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data)))
        piece = draw(st.binary(max_size=4))
        data[place : place + draw(st.integers(0, 3))] = piece
    return method, bytes(data)


# ---- what is taken -------------------------------------------------------------------------------------------------


def _storable(text: str) -> str:
    """The text in the form that the registry stores."""
    return unicodedata.normalize("NFC", text).strip()


def good_texts(size: int) -> st.SearchStrategy[str]:
    """Texts that can be stored, of 1 to `size` characters."""
    printable = st.characters(exclude_categories=("Cc", "Cf", "Cn", "Cs", "Zl", "Zp", "Co"))
    return st.text(printable, min_size=1, max_size=size).map(_storable).filter(lambda text: 0 < len(text) <= size and text.isprintable())


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
METADATA = structs(good_texts(8), st.floats(allow_nan=False, allow_infinity=False))
URLS = st.text("abc/?=&%._-~", max_size=20).map(lambda rest: f"https://example.com/{rest}")


def fitting(required: Mapping[str, Any], optional: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Fields of a request: the required ones and any of the others."""
    fixed = {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in required.items()}
    return st.fixed_dictionaries(fixed, optional=dict(optional))


Same = Callable[[Any, Any], bool]


def same(given: Any, shown: Any) -> bool:
    """The value of a field as it was sent and as it is answered."""
    if isinstance(given, str) and isinstance(shown, str) and given != shown:
        return Decimal(given) == Decimal(shown)
    return bool(given == shown)
