"""Reads HTTP requests: the caller, the parameters and the body, strictly and within limits."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from cqar import errors
from cqar.admin import message_json
from cqar.admin.http.problems import Handler
from cqar.admin.http.routes import Route
from cqar.auth.authority import Authority
from cqar.model.call import ANYONE, Call, Principal

#: Maximum bytes of a JSON body.
MAX_BODY = 64 * 1024
#: Maximum number of URL parameters.
MAX_PARAMETERS = 200
#: Maximum characters of an idempotency key.
_KEY_LENGTH = 128
_TAG = re.compile(r'(?:W/)?"([0-9]{1,19})(?:-[0-9a-f]+)?"')


#: Paths that need no key: health, and the description of the API, which contains no registry data.
_OPEN = re.compile(r"/|/health/\w+|/openapi\.json|/docs(/[\w.]+)?")
#: Headers that browsers add to cross-site requests.
_FOREIGN = frozenset({"cross-site", "same-site"})
_PRINCIPAL = web.RequestKey("principal", Principal)
_AUTHORITY = web.RequestKey("authority", Authority)


def admission(authority: Authority) -> Middleware:
    """A middleware that admits only callers whom the authority knows."""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _OPEN.fullmatch(request.path):
            request[_PRINCIPAL] = await authority.admit(request.headers.get("Authorization"), request.remote or "")
            request[_AUTHORITY] = authority
        return await handler(request)

    return admit


async def check_key(request: web.Request) -> None:
    """Verify the key of a request again, whose body or response takes time. Raises Unauthenticated, Unavailable."""
    authority = request.get(_AUTHORITY)
    if authority is not None:
        await authority.check_again(request.headers.get("Authorization"))


@web.middleware
async def own_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse cross-site requests of browsers: with keys off, any web page could write as the user who visits it."""
    if request.headers.get("Sec-Fetch-Site") in _FOREIGN:
        msg = "cross-site requests are not allowed"
        raise errors.Forbidden(msg)
    return await handler(request)


def principal_of(request: web.Request) -> Principal:
    """The caller; the anonymous principal while keys are off."""
    principal: Principal = request.get(_PRINCIPAL, ANYONE)
    return principal


def call_of(request: web.Request, method: str) -> Call:
    """The call that the request makes. Raises Invalid for a malformed idempotency key."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= _KEY_LENGTH and key.isascii() and key.isprintable()):
        raise errors.Invalid("Idempotency-Key", "BAD_KEY", f"must be printable ASCII text of 1 to {_KEY_LENGTH} characters")
    return Call(method=method, principal=principal_of(request), idempotency_key=key)


def variables(route: Route, request: web.Request) -> list[tuple[str, str]]:
    """The variables of the path, decoded. Raises Invalid for text that is not UTF-8."""
    parts = zip(route.path.split("/"), request.rel_url.raw_path.split("/"), strict=True)
    return [(name[1:-1], _decoded(raw, name[1:-1])) for name, raw in parts if name.startswith("{")]


def _decoded(raw: str, name: str) -> str:
    try:
        text = unquote(raw, errors="strict")
        text.encode()
    except UnicodeError:
        raise errors.Invalid(name, "NOT_UTF8", "is not percent-encoded UTF-8") from None
    return text


def parameters(request: web.Request) -> list[tuple[str, str]]:
    """The parameters of the URL. Raises Invalid for text that is not UTF-8, and for too many parameters."""
    query = request.rel_url.raw_query_string
    try:
        found = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
        "".join(part for pair in found for part in pair).encode()
    except UnicodeError:
        raise errors.Invalid("query", "NOT_UTF8", "is not percent-encoded UTF-8") from None
    except ValueError:
        raise errors.Invalid("query", "TOO_MANY", f"has more than the {MAX_PARAMETERS} allowed parameters") from None
    return found


def expected_revision(request: web.Request) -> int | None:
    """The revision in If-Match; None for any. Raises Invalid unless it is one entity tag."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    match = _TAG.fullmatch(header.strip())
    if match is None or int(match[1]) not in message_json.INT64:
        raise errors.Invalid("If-Match", "BAD_TAG", 'must be one quoted entity tag from an ETag header, such as "17"')
    return int(match[1])


def has(request: web.Request, tag: str) -> bool:
    """Whether the client already has the response with this entity tag, according to If-None-Match."""
    header = request.headers.get("If-None-Match", "")
    return header.strip() == "*" or tag in re.findall(r'"[^"]*"', header)


async def body(request: web.Request, limit: int) -> bytes:
    """The body. Raises TooLarge beyond the limit."""
    found = bytearray()
    async for chunk in request.content.iter_any():
        found += chunk
        if len(found) > limit:
            msg = f"the body exceeds {limit:,} bytes"
            raise errors.TooLarge(msg)
    return bytes(found)


async def json_object(request: web.Request, *media_types: str) -> Mapping[str, Any]:
    """The JSON object of the body; empty without a body. Raises as `body`, `check_media_type` and `parsed`."""
    data = await body(request, MAX_BODY)
    if not data:
        return {}
    check_media_type(request, *media_types)
    return parsed(data)


def check_media_type(request: web.Request, *allowed: str) -> None:
    """Raise HTTPUnsupportedMediaType for another content type or charset than UTF-8."""
    charset = (request.charset or "utf-8").lower()
    if request.content_type not in allowed or charset not in ("utf-8", "utf8", "us-ascii"):
        raise web.HTTPUnsupportedMediaType(reason=f"the content type must be {' or '.join(allowed)}, in UTF-8")


def parsed(data: bytes) -> Mapping[str, Any]:
    """The JSON object in the bytes. Raises Invalid with the position of the error."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        where = f"at line {error.lineno}, column {error.colno}"
        raise errors.Invalid("body", "MALFORMED", f"is not JSON: {error.msg.partition(':')[0]} {where}") from None
    if not isinstance(found, dict):
        raise errors.Invalid("body", "WRONG_TYPE", "is not a JSON object")
    return found
