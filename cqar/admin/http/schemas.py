"""JSON schemas of the contract's messages, as `cqar.admin.message_json` reads and writes them."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from cqar.admin import message_json

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_OBJECT: Schema = {"type": "object"}
_BYTES: Schema = {"type": "string", "contentEncoding": "base64"}
_INT32: Schema = {
    "type": "integer",
    "format": "int32",
    "minimum": message_json.INT32.start,
    "maximum": message_json.INT32.stop - 1,
}
_INT64: Schema = {
    "type": "integer",
    "format": "int64",
    "minimum": message_json.INT64.start,
    "maximum": message_json.INT64.stop - 1,
}
_INT64_TEXT: Schema = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}

_PLAIN: Mapping[int, Schema] = {
    FieldDescriptor.TYPE_STRING: _TEXT,
    FieldDescriptor.TYPE_BOOL: _FLAG,
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_BYTES: _BYTES,
}
_KNOWN: Mapping[str, Schema] = {message_json.TIMESTAMP: _TIME, message_json.STRUCT: _OBJECT}


class Schemas:
    """Collects the schemas of messages as they are requested; `said` has their comments by full name."""

    def __init__(self, said: Mapping[str, str]) -> None:
        self._said = said
        self.components: dict[str, Schema] = {}

    def of_answer(self, described: Any, required: tuple[str, ...] = ()) -> Schema:
        """A reference to the message as responses show it."""
        return self._refer(described.full_name, described, required, given=False)

    def of_request(self, described: Any) -> Schema:
        """A reference to the message as requests contain it."""
        return self._refer(f"{described.full_name}.given", described, (), given=True)

    def given(self, field: FieldDescriptor) -> Schema:
        """A field as requests contain it."""
        return self._field(field, given=True)

    def _refer(self, name: str, described: Any, required: tuple[str, ...], *, given: bool) -> Schema:
        if name not in self.components:
            schema: Schema = {"type": "object"}
            self.components[name] = schema
            if described.full_name in self._said:
                schema["description"] = self._said[described.full_name]
            fields = message_json.known(described, {})
            schema["properties"] = {each.name: self._field(each, given=given) for each in fields}
            if required:
                schema["required"] = list(required)
            if given:
                schema["additionalProperties"] = False
        return {"$ref": f"#/components/schemas/{name}"}

    def _field(self, field: FieldDescriptor, *, given: bool) -> Schema:
        one = self._single(field, given=given)
        schema = {"type": "array", "items": one} if field.is_repeated else dict(one)
        said = self._said.get(field.full_name)
        return {**schema, "description": said} if said else schema

    def _single(self, field: FieldDescriptor, *, given: bool) -> Schema:
        if field.message_type is not None:
            known = _KNOWN.get(field.message_type.full_name)
            if known is not None:
                return known
            return self.of_request(field.message_type) if given else self.of_answer(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type, given=given)
        if field.type == FieldDescriptor.TYPE_INT64:
            return {**_INT64, "type": ["integer", "string"], "pattern": _INT64_TEXT["pattern"]} if given else _INT64_TEXT
        if given and field.type == FieldDescriptor.TYPE_STRING and _is_decimal(field.name):
            return {**_TEXT, "examples": ["0.001"]}
        return _PLAIN[field.type]

    def _enum(self, described: EnumDescriptor, *, given: bool) -> Schema:
        names = [each.name for each in described.values]
        said = [f"{each.name}: {self._said[full]}" for each in described.values if (full := _full(each)) in self._said]
        schema: Schema = {"type": "string", "enum": names}
        if given:
            schema = {"enum": [*names, *(each.number for each in described.values)]}
        return {**schema, "description": " ".join(said)} if said else schema


def _is_decimal(name: str) -> bool:
    return name.endswith("_decimal") or name == "conversion_rate"


def _full(value: Any) -> str:
    """The full name in the comments, where a value is nested in its enum."""
    return f"{value.type.full_name}.{value.name}"
