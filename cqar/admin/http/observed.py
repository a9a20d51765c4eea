"""Observes HTTP requests: counts and logs them like RPCs, and adds the request id to responses."""

from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from cqar.admin.http import incoming, problems
from cqar.observability import tracing
from cqar.observability.logs import Calls
from cqar.observability.tracing import Attributes, Tracer
from cqar.server.outcome import Outcome

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
#: HTTP status -> the name of the gRPC status under which it is counted.
_CODES = {int(kind.status): kind.code for kind in problems.KINDS.values()} | {int(HTTPStatus.INTERNAL_SERVER_ERROR): "INTERNAL"}


def _code(response: web.StreamResponse) -> str:
    """The name of the gRPC status under which a response is counted."""
    return _CODES.get(response.status, "OK" if response.status < HTTPStatus.BAD_REQUEST else "INVALID_ARGUMENT")


def _attributes(request: web.Request, path: str) -> Attributes:
    return {"http.request.method": request.method, "http.route": path}


def middleware(calls: Calls, tracer: Tracer) -> Middleware:
    """The outermost middleware of the API's routes; health and metrics are not observed."""

    @web.middleware
    async def observe(request: web.Request, handler: problems.Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        path = resource.canonical if resource is not None else ""
        if not path.startswith("/v1/"):
            return await handler(request)
        name = f"{request.method} {path}"
        request_id = tracing.request_id(request.headers.get(tracing.REQUEST_ID))
        structlog.contextvars.bind_contextvars(request_id=request_id, method=name)
        span = tracer.serve(name, request.headers.get(tracing.TRACE_PARENT), _attributes(request, path))
        metadata = [(header.lower(), value) for header, value in request.headers.items()]
        level = "debug" if request.method in _READS else "info"
        async with Outcome(calls, name, metadata, None, request_id=request_id, level=level, span=span) as call:
            try:
                response = await handler(request)
            finally:
                call.principal = incoming.principal_of(request).name
            call.code = _code(response)
        if not response.prepared:
            response.headers["X-Request-ID"] = request_id
        return response

    return observe
