"""The OpenAPI 3.1 description of the HTTP API: from the table of routes, the messages, their comments and the examples."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

import cqar
from cqar.admin import message_json
from cqar.admin.http import problems
from cqar.admin.http.routes import ROUTES, Route
from cqar.admin.http.schemas import Schema, Schemas
from cqar.admin.http.streams import LINES
from cqar.contract import comments, examples
from cqar.contract.cqar.v1 import access_pb2
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.examples import Example
from cqar.model import entities

_ENTITIES = {each.message.DESCRIPTOR.full_name: each for each in entities.BY_NAME.values()}
#: Required request fields of an RPC, in addition to the required columns of a new row.
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "SearchAssets": ("query",),
    "SearchSymbols": ("query",),
    "MergeAssets": ("into_asset_id",),
}
#: The services whose comments describe the RPCs.
_SERVICES = ("cqc.services.v1.AssetRegistry", "cqar.v1.Registry", "cqar.v1.Access")

_ABOUT = """The registry over HTTP, with the same rules as the gRPC calls.

Names are those of the contract. Decimals are strings. Enums are names; requests may also use numbers. 64-bit integers are
strings; requests may also use numbers. Times are RFC 3339. Unset fields are left out. Errors are problem details (RFC 9457)
whose `violations` name the fields."""

_TEXT: Schema = {"type": "string"}
_IF_MATCH: Schema = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the row when it was read. Returns 412 if the row has changed since. Only its revision counts.",
    "schema": {"type": "string", "pattern": r'^(\*|(W/)?"[0-9]{1,18}(-[0-9a-f]{1,16})?")$', "examples": ['"17"']},
}
_IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of a cached response. Returns 304 if it is still current.",
    "schema": {"type": "string", "examples": ['"17"']},
}
_IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A request that is sent again with the same key within 24 hours is executed once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}
_LAST_EVENT_ID: Schema = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The id of the last event received. Takes precedence over from_revision.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
}
_VIOLATION: Schema = {
    "type": "object",
    "properties": {each: {"type": "string"} for each in ("field", "rule", "description")},
    "required": ["field", "rule", "description"],
}
_PROBLEM: Schema = {
    "type": "object",
    "description": "Problem details (RFC 9457). `code` is the gRPC status, if there is one.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted({each.code for each in problems.KINDS.values()} | {"INTERNAL"})},
        "violations": {"type": "array", "items": _VIOLATION},
    },
    "required": ["type", "title", "status", "detail"],
}
_KEY: Schema = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, unless authentication is off. `x-role` is the role that an operation requires.",
}
_TAG: Schema = {
    "ETag": {
        "description": "The revision of the row, with a digest of what else the response shows",
        "schema": {"type": "string"},
    }
}
_LOCATION: Schema = {"Location": {"description": "The URL of the new row", "required": True, "schema": {"type": "string"}}}
_LINK: Schema = {"Link": {"description": 'The next page, rel="next"; absent on the last page', "schema": {"type": "string"}}}


def document() -> Schema:
    """The description, ready for JSON."""
    said = {name: comments.text(each) for name, each in comments.read().items()}
    schemas = Schemas(said)
    paths: dict[str, Schema] = {}
    used: set[str] = set()
    for route in ROUTES:
        name = route.rpc if route.rpc not in used else f"{route.rpc}.{'.'.join(route.variables) or 'all'}"
        used.add(name)
        paths.setdefault(route.path, {})[route.verb.lower()] = {"operationId": name, **_operation(route, schemas, said)}
    for name, example in examples.recorded().items():
        _show(paths[example.http.path][example.http.verb.lower()], name.partition("_")[2], example)
    problem = {"description": "A problem", "content": _content(problems.CONTENT_TYPE, {"$ref": "#/components/schemas/Problem"})}
    parts = {
        "schemas": {**schemas.components, "Problem": _PROBLEM},
        "responses": {"Problem": problem},
        "securitySchemes": {"key": _KEY},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cqar",
            "version": cqar.__version__,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{"key": []}, {}],
        "paths": paths,
        "components": parts,
    }


def _content(kind: str, schema: Schema, **more: Schema) -> Schema:
    return {kind: {"schema": schema, **{f"x-{name}": each for name, each in more.items()}}}


def _operation(route: Route, schemas: Schemas, said: Mapping[str, str]) -> Schema:
    text = next((said[full] for each in _SERVICES if (full := f"{each}.{route.rpc}") in said), "")
    operation: Schema = {
        "tags": [route.path.split("/")[2]],
        "summary": re.split(r"(?<=[.?])\s", text)[0],
        "description": text,
        "x-role": route.role.name.lower(),
        "parameters": list(_parameters(route, schemas)),
    }
    if route.answer == "results":
        row = schemas.of_request(pb.ApplyRow.DESCRIPTOR)
        content = {name: each for kind in LINES for name, each in _content(kind, _TEXT, line=row).items()}
        operation["requestBody"] = {"description": "One row per line, as JSON", "required": True, "content": content}
    elif route.takes_body:
        operation["requestBody"] = _body(route, schemas)
    return {**operation, "responses": _responses(route, schemas)}


# ---- requests ------------------------------------------------------------------------------------------------------


def _parameters(route: Route, schemas: Schemas) -> Iterator[Schema]:
    described = route.request
    fields = described.fields_by_name
    for name in route.variables:
        # An empty path segment never reaches a route.
        schema = {"minLength": 1, **schemas.given(fields[name])}
        yield {"name": name, "in": "path", "required": True, "schema": schema, **_described(schema)}
    without = {*route.without, *(["rows"] if route.answer == "results" else [])}
    if not route.takes_body or route.answer == "results":
        for field in message_json.known(described, dict.fromkeys(without, "")):
            schema = schemas.given(field)
            required = field.name in _REQUIRED.get(route.rpc, ())
            yield {"name": field.name, "in": "query", "required": required, "schema": schema, **_described(schema)}
    if route.answer == "events":
        yield _LAST_EVENT_ID
    elif route.conditional:
        yield _IF_MATCH
    elif route.verb == "GET" and route.entity is not None:
        yield _IF_NONE_MATCH
    if route.answer == "object" and route.method.kind == "write":
        yield _IDEMPOTENCY_KEY


def _described(schema: Schema) -> Schema:
    return {"description": schema.pop("description")} if "description" in schema else {}


def _body(route: Route, schemas: Schemas) -> Schema:
    properties: dict[str, Schema] = {}
    for field in message_json.known(route.request, route.without):
        schema = schemas.given(field)
        properties[field.name] = _nullable(schema) if route.verb == "PATCH" and _may_be_unset(route, field) else schema
    required = [name for name in _needed(route) if name in properties]
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    kinds = ("application/json", *(["application/merge-patch+json"] if route.verb == "PATCH" else []))
    return {"required": bool(required), "content": {kind: {"schema": schema} for kind in kinds}}


def _nullable(schema: Schema) -> Schema:
    described = _described(schema)
    return {"anyOf": [schema, {"type": "null"}], **described}


def _may_be_unset(route: Route, field: FieldDescriptor) -> bool:
    """Whether an update can unset the field: its column is optional."""
    entity = _ENTITIES[route.shown_entity.full_name]
    column = field.name.removesuffix("_decimal")
    return column not in entity.required and column not in entity.defaults


def _needed(route: Route) -> tuple[str, ...]:
    """The required request fields: those of the required columns of a new row."""
    if not route.rpc.startswith(("Create", "Add", "Raise")):
        return _REQUIRED.get(route.rpc, ())
    entity = _ENTITIES[route.shown_entity.full_name]
    names = {column: name for name, column in entity.renames.items() if name in route.request.fields_by_name}
    return tuple(names.get(column, column) for column in entity.required)


# ---- responses -----------------------------------------------------------------------------------------------------


def _responses(route: Route, schemas: Schemas) -> Schema:
    problem = {"$ref": "#/components/responses/Problem"}
    responses: Schema = dict.fromkeys(_failures(route), problem)
    if route.answer == "events":
        event = schemas.of_answer(access_pb2.TailEventsResponse.DESCRIPTOR)
        content = _content("text/event-stream", _TEXT, data=event)
        return {"200": {"description": "Events, until the client disconnects", "content": content}, **responses}
    if route.answer == "results":
        result = schemas.of_answer(pb.ApplyResult.DESCRIPTOR)
        content = _content(LINES[0], _TEXT, line=result)
        return {"200": {"description": "The result of each line, in order", "content": content}, **responses}
    described: Any = route.method.response.DESCRIPTOR
    lists = () if route.entity is not None else tuple(each.name for each in described.fields if each.is_repeated)
    entity = () if route.entity is None else (route.entity.name,)
    found: Schema = {
        "description": "Created" if route.location else "Success",
        "content": _content("application/json", schemas.of_answer(described, (*entity, *lists))),
    }
    headers = {**(_TAG if entity else {}), **(_LOCATION if route.location else {}), **(_LINK if _pages(described) else {})}
    if headers:
        found["headers"] = headers
    if route.verb == "GET" and entity:
        responses = {"304": {"description": "The cached response is still current"}, **responses}
    return {"201" if route.location else "200": found, **responses}


def _pages(described: Any) -> bool:
    return "next_page_token" in described.fields_by_name


def _failures(route: Route) -> Iterator[str]:
    """The statuses of the problems that the route may return."""
    yield from ("400", "401", "403", "404", "413", "429", "500", "503", "504")
    if route.answer != "events":
        yield "409"
    if route.takes_body:
        yield "415"
    if route.answer == "object" and route.conditional:
        yield "412"


# ---- examples ------------------------------------------------------------------------------------------------------


def _show(operation: Schema, name: str, example: Example) -> None:
    """Add the example to the parameters, the body and the response of the operation."""

    def add(to: Schema, value: Any) -> None:
        to.setdefault("examples", {})[name] = {"summary": example.title, "value": value}

    given = {**{each: example.http_fields[each] for each in example.path_fields}, **example.query}
    for parameter in operation["parameters"]:
        if parameter["name"] in given:
            add(parameter, given[parameter["name"]])
    if example.body is not None:
        for content in operation["requestBody"]["content"].values():
            add(content, example.body)
    found = example.http_response
    success = next(each for status, each in operation["responses"].items() if status.startswith("20"))
    if isinstance(found, dict) and examples.ELLIPSIS not in found and "application/json" in success["content"]:
        add(success["content"]["application/json"], found)
