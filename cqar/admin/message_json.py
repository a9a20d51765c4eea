"""Messages as JSON and back: the contract's field names, decimals as text, enums by name, times as in RFC 3339.

Doubles of the contract are in neither direction: an exact number has a `_decimal` twin, which represents it. JSON is parsed
strictly, so that nothing is dropped or guessed: an unknown name, a null or a number of the wrong type is an error with the
field's path, and all errors of a request are reported at once.
"""

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf import json_format, struct_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from cqar import errors
from cqar.errors import Violation

#: Maximum nesting of metadata; protobuf accepts at most 100 levels of its own, three per level here.
MAX_DEPTH = 28
#: Integers up to this are exact in every JSON parser.
EXACT = 2**53
INT32 = range(-(2**31), 2**31)
INT64 = range(-(2**63), 2**63)
TIMESTAMP = "google.protobuf.Timestamp"
STRUCT = "google.protobuf.Struct"

_INTEGER = re.compile(r"-?[0-9]{1,19}")
#: Characters of a value that an error shows.
_SHOWN = 60


# ---- JSON to a message ---------------------------------------------------------------------------------------------


def known(described: Descriptor, without: Mapping[str, str]) -> Iterator[FieldDescriptor]:
    """The fields that JSON may set: all except doubles and those in `without`."""
    return (each for each in described.fields if each.type != FieldDescriptor.TYPE_DOUBLE and each.name not in without)


def fill(message: Any, given: Mapping[str, Any], without: Mapping[str, str], path: str = "") -> None:
    """Fill a message from parsed JSON. Raises Invalid naming every invalid field.

    `without`: fields that cannot be set here, with the reason; `path`: the object's name in errors.
    """
    _all(lambda name: _put(message, _named(message.DESCRIPTOR, name, without, path), given[name], f"{path}{name}"), given)


def fill_text(message: Any, given: Sequence[tuple[str, str]], without: Mapping[str, str]) -> None:
    """Fill a message from URL parameters: one text each, repeated names for a repeated field. Raises Invalid."""
    values: dict[str, Any] = {}
    broken: list[Violation] = []
    for name, value in given:
        try:
            field = _named(message.DESCRIPTOR, name, without, "")
            parsed = _TEXTS[field.type](value, name) if field.type in _TEXTS else value
        except errors.Invalid as error:
            broken += error.violations
            continue
        if field.is_repeated:
            values.setdefault(name, []).append(parsed)
        elif name in values:
            broken.append(Violation(name, "TWICE", "occurs twice"))
        else:
            values[name] = parsed
    if broken:
        raise errors.Invalid.of(broken)
    fill(message, values, without)


def _all(do: Callable[[Any], None], each: Iterable[Any]) -> None:
    """Apply the function to each element. Raises Invalid with all violations."""
    broken: list[Violation] = []
    for one in each:
        try:
            do(one)
        except errors.Invalid as error:
            broken += error.violations
    if broken:
        raise errors.Invalid.of(broken)


def _named(described: Descriptor, name: str, without: Mapping[str, str], path: str) -> FieldDescriptor:
    """The field with this name. Raises Invalid if it does not exist or JSON cannot set it."""
    where = f"{path}{_short(name)}"
    if name in without:
        raise errors.Invalid(where, "NOT_HERE", without[name])
    field = described.fields_by_name.get(name)
    if field is None:
        raise errors.Invalid(where, "UNKNOWN_FIELD", "is not a field of this request")
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        raise errors.Invalid(where, "UNKNOWN_FIELD", f"is not exact; send {name}_decimal as a string")
    return field


def _put(message: Any, field: FieldDescriptor, value: Any, path: str) -> None:
    if value is None:
        raise errors.Invalid(path, "NULL", "is null; omit it")
    if not field.is_repeated:
        _put_one(message, field, value, path)
        return
    if not isinstance(value, list):
        raise errors.Invalid(path, "WRONG_TYPE", "is not a list")
    into = getattr(message, field.name)
    _all(lambda at: _add(into, field, value[at], f"{path}[{at}]"), range(len(value)))


def _add(into: Any, field: FieldDescriptor, value: Any, path: str) -> None:
    if field.message_type is not None:
        fill(into.add(), _object(value, path), {}, f"{path}.")
    else:
        into.append(_READ[field.type](field, value, path))


def _put_one(message: Any, field: FieldDescriptor, value: Any, path: str) -> None:
    if field.message_type is None:
        setattr(message, field.name, _READ[field.type](field, value, path))
    elif field.message_type.full_name == TIMESTAMP:
        _put_time(getattr(message, field.name), value, path)
    elif field.message_type.full_name == STRUCT:
        _check_depth(_object(value, path), path, MAX_DEPTH)
        json_format.ParseDict(value, getattr(message, field.name))
        getattr(message, field.name).SetInParent()
    else:
        into = getattr(message, field.name)
        into.SetInParent()
        fill(into, _object(value, path), {}, f"{path}.")


def _put_time(into: Any, value: Any, path: str) -> None:
    try:
        into.FromJsonString(_text(None, value, path))
    except errors.Invalid:
        raise
    except (ValueError, OverflowError, AttributeError):
        raise errors.Invalid(path, "BAD_TIME", "is not an RFC 3339 time such as 2024-05-01T12:30:00Z") from None


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise errors.Invalid(path, "WRONG_TYPE", "is not an object")
    return value


def _check_depth(value: Any, path: str, left: int) -> None:
    if not left:
        raise errors.Invalid(path, "TOO_DEEP", f"is nested more than {MAX_DEPTH} levels deep")
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            _check_depth(each, path, left - 1)


def _text(_field: FieldDescriptor | None, value: Any, path: str) -> str:
    if isinstance(value, str):
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    raise errors.Invalid(path, "WRONG_TYPE", "is a number; send it as a string" if number else "is not a string")


def _flag(_field: FieldDescriptor, value: Any, path: str) -> bool:
    if isinstance(value, bool):
        return value
    raise errors.Invalid(path, "WRONG_TYPE", "must be true or false")


def _integer(field: FieldDescriptor, value: Any, path: str) -> int:
    large = field.type == FieldDescriptor.TYPE_INT64
    if isinstance(value, str) and large and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise errors.Invalid(path, "WRONG_TYPE", "is not a whole number")
    if value not in (INT64 if large else INT32):
        raise errors.Invalid(path, "OUT_OF_RANGE", f"{value} does not fit into {64 if large else 32} bits")
    return value


def _enum(field: FieldDescriptor, value: Any, path: str) -> int:
    described: Any = field.enum_type
    if not isinstance(value, str):
        return _integer(field, value, path)
    found = described.values_by_name.get(value)
    if found is None:
        names = ", ".join(each.name for each in described.values if each.number)
        raise errors.Invalid(path, "UNKNOWN_VALUE", f"{_short(value)!r} is not one of {names}")
    return int(found.number)


_READ: Mapping[int, Callable[[FieldDescriptor, Any, str], Any]] = {
    FieldDescriptor.TYPE_STRING: _text,
    FieldDescriptor.TYPE_BOOL: _flag,
    FieldDescriptor.TYPE_INT32: _integer,
    FieldDescriptor.TYPE_INT64: _integer,
    FieldDescriptor.TYPE_ENUM: _enum,
}


def _text_flag(value: str, name: str) -> bool:
    if value not in ("true", "false"):
        raise errors.Invalid(name, "WRONG_TYPE", f"{_short(value)!r} must be true or false")
    return value == "true"


def _text_integer(value: str, name: str) -> int:
    if not _INTEGER.fullmatch(value):
        raise errors.Invalid(name, "WRONG_TYPE", f"{_short(value)!r} is not a whole number")
    return int(value)


def _text_enum(value: str, _name: str) -> str | int:
    return int(value) if _INTEGER.fullmatch(value) else value


#: How the text of a parameter becomes the JSON value; text and times stay as they are.
_TEXTS: Mapping[int, Callable[[str, str], Any]] = {
    FieldDescriptor.TYPE_BOOL: _text_flag,
    FieldDescriptor.TYPE_INT32: _text_integer,
    FieldDescriptor.TYPE_INT64: _text_integer,
    FieldDescriptor.TYPE_ENUM: _text_enum,
}


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


# ---- a message to JSON ---------------------------------------------------------------------------------------------


def shown(message: Message) -> dict[str, Any]:
    """The message as JSON: the fields that are set, except doubles."""
    return {
        field.name: [_shown(field, each) for each in value] if field.is_repeated else _shown(field, value)
        for field, value in message.ListFields()
        if field.type != FieldDescriptor.TYPE_DOUBLE
    }


def _shown(field: FieldDescriptor, value: Any) -> Any:
    match field.type:
        case FieldDescriptor.TYPE_MESSAGE:
            return _shown_message(value)
        case FieldDescriptor.TYPE_ENUM:
            described: Any = field.enum_type
            found = described.values_by_number.get(value)
            return value if found is None else found.name
        case FieldDescriptor.TYPE_INT64:
            return str(value)
        case FieldDescriptor.TYPE_BYTES:
            return base64.b64encode(value).decode()
        case _:
            return value


def _shown_message(value: Any) -> Any:
    match value.DESCRIPTOR.full_name:
        case "google.protobuf.Timestamp":
            return value.ToJsonString()
        case "google.protobuf.Struct":
            return _shown_struct(value)
        case _:
            return shown(value)


def _shown_struct(value: struct_pb2.Struct) -> dict[str, Any]:
    return {name: _shown_value(each) for name, each in value.fields.items()}


def _shown_value(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return _shown_struct(value.struct_value)
        case "list_value":
            return [_shown_value(each) for each in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() and abs(number) <= EXACT else number
        case "null_value" | None:
            return None
        case kind:
            return getattr(value, kind)
