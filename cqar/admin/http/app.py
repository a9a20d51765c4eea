"""The HTTP API of admin: each request becomes an RPC's request and is served by the same operation."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiohttp import web
from google.protobuf.message import Message

from cqar import errors
from cqar.admin import message_json
from cqar.admin.http import hosts, incoming, openapi, problems, streams
from cqar.admin.http.routes import ROUTES, Route
from cqar.auth.authority import Authority, permit
from cqar.model import entities
from cqar.model.call import Call
from cqar.server import rpc
from cqar.server.rpc import Reply
from cqar.services.method import AnyMethod
from cqar.storage.postgres import Pool

#: Serves an RPC: takes its row, the serialized request and the call. See `cqar.services.run.run`.
Serve = Callable[[AnyMethod, bytes, Call], Awaitable[Reply]]

#: Bytes of a response above which its JSON is made outside the event loop.
_LARGE = 64 * 1024
_JSON = "application/json"
_PATCH = "application/merge-patch+json"
_NOT_KEPT = {"Cache-Control": "no-store"}
#: Response fields that state when the response was derived, not what is true.
_DATED = frozenset({"revision", "stale", "age_ms"})
#: Message -> its fields that do not depend on its row alone.
_DERIVED = {each.message.DESCRIPTOR.full_name: frozenset(each.derived) for each in entities.BY_NAME.values()}
#: The body of `/`: links to the API's entry points.
_LINKS: Mapping[str, str] = {"docs": "docs", "openapi": "openapi.json", "live": "health/live", "ready": "health/ready"}
_STATIC = Path(__file__).with_name("static")
#: Content security policy of the API page, which loads nothing from other hosts.
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def mount(
    application: web.Application, serving: Serve, pool: Pool, authority: Authority | None, names: Iterable[str] = ()
) -> None:
    """Add the API, its description and the API page. Every error of the application becomes a problem document.

    Without an authority, only requests to loopback and to the hosts in `names` are answered.
    """
    admission = hosts.only(names) if authority is None else incoming.admission(authority)
    application.middlewares.extend((problems.middleware, incoming.own_pages, admission))
    apply, events = streams.Apply(serving), streams.Events(pool)
    application.on_shutdown.append(events.stop)
    for route in ROUTES:
        answering = {"results": apply.handle, "events": events.handle}.get(route.answer) or _handler(route, serving)
        handle = _permitted(route, answering)
        application.router.add_route(route.verb, route.pattern, handle)
        if route.verb == "GET" and route.answer == "object":
            application.router.add_route("HEAD", route.pattern, handle)
    application.router.add_get("/", _links)
    _add_file(application, "/openapi.json", orjson.dumps(openapi.document()), _JSON)
    for path, name, kind in (
        ("/docs", "docs.html", "text/html"),
        ("/docs/docs.js", "docs.js", "text/javascript"),
        ("/docs/docs.css", "docs.css", "text/css"),
    ):
        _add_file(application, path, (_STATIC / name).read_bytes(), kind)


async def _links(_request: web.Request) -> web.Response:
    """The handler of `/`. Its links are relative, so that they work behind a proxy's path prefix."""
    return web.Response(body=orjson.dumps({"links": _LINKS}), content_type=_JSON, headers=problems.HEADERS)


def _add_file(application: web.Application, path: str, data: bytes, kind: str) -> None:
    headers = {**problems.HEADERS, "Content-Security-Policy": _POLICY}

    async def handle(_request: web.Request) -> web.Response:
        return web.Response(body=data, content_type=kind, charset="utf-8", headers=headers)

    application.router.add_get(path, handle)


def _permitted(route: Route, handle: problems.Handler) -> problems.Handler:
    """Check the role before reading the request. Raises Forbidden."""

    async def permitted(request: web.Request) -> web.StreamResponse:
        permit(incoming.principal_of(request), route.role, route.rpc)
        return await handle(request)

    return permitted


def _handler(route: Route, serving: Serve) -> problems.Handler:
    """The handler of a route that responds with one JSON object."""

    async def handle(request: web.Request) -> web.StreamResponse:
        async with asyncio.timeout(rpc.DEFAULT_DEADLINE):
            call = incoming.call_of(request, route.rpc)
            message: Any = await _request(route, request)
            await incoming.check_key(request)
            try:
                reply = await serving(route.method, message.SerializeToString(deterministic=True), call)
            except errors.CannotClear as error:
                # A client of HTTP sends null and never `clear`.
                raise errors.Invalid(error.name, error.violations[0].rule, error.violations[0].description) from None
            response: Any = route.method.response.FromString(reply.body)
            if len(reply.body) > _LARGE:
                return await asyncio.to_thread(_response, route, request, response)
            return _response(route, request, response)

    return handle


# ---- the request ---------------------------------------------------------------------------------------------------


async def _request(route: Route, request: web.Request) -> Message:
    """The RPC's request. Raises Invalid, TooLarge, and HTTPUnsupportedMediaType if the body is not JSON."""
    message: Any = route.method.request()
    message_json.fill_text(message, incoming.variables(route, request), {})
    if route.takes_body:
        if incoming.parameters(request):
            raise errors.Invalid("query", "NOT_ALLOWED", f"{request.method} takes no query parameters; use the JSON body")
        given = await incoming.json_object(request, _JSON, *([_PATCH] if route.verb == "PATCH" else []))
        if route.verb == "PATCH":
            given = _cleared(message, given, route.without)
        message_json.fill(message, given, route.without)
    else:
        message_json.fill_text(message, incoming.parameters(request), route.without)
        if await incoming.body(request, incoming.MAX_BODY):
            raise errors.Invalid("body", "NOT_ALLOWED", f"{request.method} takes no body; use query parameters")
    expected = incoming.expected_revision(request)
    if expected is not None:
        if not route.conditional:
            raise errors.Invalid("If-Match", "NOT_ALLOWED", "is not supported here: the resource has no revision")
        message.expected_revision = expected
    return message  # type: ignore[no-any-return]  # the RPC's request


def _cleared(message: Any, given: Mapping[str, Any], without: Mapping[str, str]) -> Mapping[str, Any]:
    """The fields that a PATCH sets. Fields that are null, and empty lists, are added to `clear`."""
    known = {each.name for each in message_json.known(message.DESCRIPTOR, without)}
    unset = [name for name, value in given.items() if name in known and (value is None or value == [])]
    message.clear.extend(unset)
    return {name: value for name, value in given.items() if name not in unset}


# ---- the answer ----------------------------------------------------------------------------------------------------


def _response(route: Route, request: web.Request, message: Any) -> web.Response:
    shown: dict[str, Any] = message_json.shown(message)
    headers, status = {**problems.HEADERS, **({} if route.verb == "GET" else _NOT_KEPT)}, HTTPStatus.OK
    if route.entity is None:
        shown = {**{each.name: [] for each in message.DESCRIPTOR.fields if each.is_repeated}, **shown}
    else:
        entity = shown[route.entity.name]
        headers["ETag"] = tag = _tag(route, shown, entity)
        if route.location:
            status = HTTPStatus.CREATED
            headers["Location"] = re.sub(r"\{(\w+)\}", lambda name: quote(entity[name[1]], safe=""), route.location)
        elif route.verb == "GET" and incoming.has(request, tag):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    if shown.get("next_page_token"):
        headers["Link"] = f'<{_next(request, shown["next_page_token"])}>; rel="next"'
    return web.Response(status=status, body=orjson.dumps(shown), content_type=_JSON, headers=headers)


def _tag(route: Route, shown: Mapping[str, Any], entity: Mapping[str, Any]) -> str:
    """The entity tag: the row's revision, and a digest of everything else in the response.

    The rest, such as the flags of an asset or whether a listing is valid now, changes without the row.
    """
    derived = _DERIVED[route.shown_entity.full_name]
    more: dict[str, Any] = {name: value for name, value in entity.items() if name in derived}
    if route.verb == "GET":
        more |= {name: value for name, value in shown.items() if value and name not in _DATED and value is not entity}
    if not more:
        return f'"{entity["revision"]}"'
    packed = orjson.dumps(more, option=orjson.OPT_SORT_KEYS)
    return f'"{entity["revision"]}-{hashlib.blake2b(packed, digest_size=8).hexdigest()}"'


def _next(request: web.Request, token: str) -> str:
    """The URL of the next page: the same path and parameters with the page token."""
    pairs = [pair for pair in incoming.parameters(request) if pair[0] != "page_token"]
    return f"{request.rel_url.raw_path}?{urlencode([*pairs, ('page_token', token)])}"
