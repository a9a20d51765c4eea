"""Errors as HTTP problem details (RFC 9457), with the fields that broke a rule."""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from cqar import errors
from cqar.errors import Violation
from cqar.observability import logs

_log = logs.logger("http")

CONTENT_TYPE = "application/problem+json"
#: Headers of every response that may be cached: it must be revalidated.
HEADERS: Mapping[str, str] = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
#: Set on a request whose response has started, so that no other response can be sent.
STARTED = web.RequestKey("started", bool)
#: Prefix of problem types, which are identifiers and cannot be dereferenced.
_TYPE = "urn:cqar:problem:"
#: Seconds after which a client may retry.
_RETRY_AFTER = "1"


class ProblemKind(NamedTuple):
    """How an error class is presented: the HTTP status, the name of the gRPC status, and a title."""

    status: HTTPStatus
    code: str
    title: str


#: Error class -> its presentation. A subclass comes before its base class.
KINDS: Mapping[type[errors.CqarError], ProblemKind] = {
    errors.Invalid: ProblemKind(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", "Invalid request"),
    errors.NotFound: ProblemKind(HTTPStatus.NOT_FOUND, "NOT_FOUND", "Not found"),
    errors.AlreadyExists: ProblemKind(HTTPStatus.CONFLICT, "ALREADY_EXISTS", "Already exists"),
    errors.Precondition: ProblemKind(HTTPStatus.CONFLICT, "FAILED_PRECONDITION", "Precondition failed"),
    errors.Moved: ProblemKind(HTTPStatus.PRECONDITION_FAILED, "ABORTED", "Revision mismatch"),
    errors.Aborted: ProblemKind(HTTPStatus.CONFLICT, "ABORTED", "Write conflict"),
    errors.Unauthenticated: ProblemKind(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", "Missing or invalid API key"),
    errors.Forbidden: ProblemKind(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", "Permission denied"),
    errors.TooLarge: ProblemKind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RESOURCE_EXHAUSTED", "Too large"),
    errors.Exhausted: ProblemKind(HTTPStatus.TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", "Too many requests"),
    errors.Unavailable: ProblemKind(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", "Dependency unavailable"),
    errors.DeadlineExceeded: ProblemKind(HTTPStatus.GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED", "Deadline exceeded"),
}
_BUG = ProblemKind(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", "Internal error")

_HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": _RETRY_AFTER},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": _RETRY_AFTER},
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def kind_of(error: errors.CqarError) -> ProblemKind:
    """The presentation of the error."""
    return next(KINDS[each] for each in type(error).__mro__ if each in KINDS)


def violations_of(error: errors.CqarError) -> Sequence[Violation]:
    """The fields that the error is about."""
    match error:
        case errors.Invalid() | errors.Precondition():
            return error.violations
        case errors.NotFound(field=str(field)):
            return (Violation(field, "NOT_FOUND", error.message),)
        case errors.AlreadyExists():
            return (Violation(error.field, "TAKEN", error.message),)
        case _:
            return ()


def body_of(error: errors.CqarError) -> bytes:
    """The error as a problem document."""
    return _body(*kind_of(error), error.message, _more(error))


def of(error: errors.CqarError) -> web.Response:
    """The error as a response."""
    headers = {"Retry-After": str(math.ceil(error.seconds))} if isinstance(error, errors.Throttled) else None
    return _answer(*kind_of(error), error.message, _more(error), headers)


def _more(error: errors.CqarError) -> Mapping[str, Any]:
    violations = violations_of(error)
    more: dict[str, Any] = {"code": kind_of(error).code}
    return more if not violations else {**more, "violations": [each._asdict() for each in violations]}


def plain(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A problem that has a standard HTTP status and no error class."""
    return _answer(status, status.name, status.phrase, detail, headers=headers)


def _answer(
    status: HTTPStatus,
    code: str,
    title: str,
    detail: str,
    more: Mapping[str, Any] = MappingProxyType({}),
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    body = _body(status, code, title, detail, more)
    all_headers = {**_HEADERS.get(status, {}), **(headers or {}), **HEADERS, "Cache-Control": "no-store"}
    return web.Response(status=status, body=body, content_type=CONTENT_TYPE, headers=all_headers)


def _body(status: HTTPStatus, code: str, title: str, detail: str, more: Mapping[str, Any]) -> bytes:
    name = "moved" if status == HTTPStatus.PRECONDITION_FAILED else code.lower().replace("_", "-")
    return orjson.dumps({"type": f"{_TYPE}{name}", "title": title, "status": int(status), "detail": detail, **more})


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with a problem document. An unexpected error is logged as a bug."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        return _of_http(request, error)
    except Exception as error:
        if STARTED in request:
            raise
        return _of_any(request, error)


def _of_http(request: web.Request, error: web.HTTPException) -> web.Response:
    match error:
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return plain(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"{request.method} is not allowed here; use {allowed}",
                {"Allow": allowed},
            )
        case web.HTTPNotFound():
            return plain(HTTPStatus.NOT_FOUND, "unknown path; see /openapi.json")
        case web.HTTPUnsupportedMediaType():
            encodings = {name: error.headers[name] for name in ("Accept-Encoding",) if name in error.headers}
            return plain(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, error.reason, encodings)
        case _:
            return plain(HTTPStatus(error.status), error.reason)


def _of_any(request: web.Request, error: Exception) -> web.Response:
    match error:
        case errors.CqarError():
            return of(error)
        case TimeoutError():
            return of(errors.DeadlineExceeded("deadline exceeded"))
        case ConnectionResetError() | web.RequestPayloadError():
            return plain(HTTPStatus.BAD_REQUEST, "the body is truncated")
        case _:
            _log.error("internal_error", method=request.method, path=request.path, exc_info=error)
            return _answer(*_BUG, "internal error; see the server's log", {"code": _BUG.code})
