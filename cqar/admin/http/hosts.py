"""Which names the HTTP API answers to while keys are off: a web page must not reach it under a name of its own.

With DNS rebinding, the name of a page's server resolves to this machine, and the browser takes the API for that server. Only
the `Host` header shows the name that the browser was given.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from cqar import errors
from cqar.admin.http.problems import Handler

#: Paths that answer under any name: they do not show rows of the registry.
_ANY_HOST = re.compile(r"/health/\w+|/metrics")
#: A host and an optional port.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/@]+)(?::[0-9]{1,5})?")
_LOOPBACK_NAME: Final = "localhost"


def only(names: Iterable[str]) -> Middleware:
    """A middleware that refuses requests to other hosts, and requests of web pages of other origins, as Forbidden.

    Accepts loopback names and addresses, the address that the connection was made to, and `names`.
    """
    allowed = frozenset(name.strip().lower().strip("[]") for name in names if name.strip())

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not _ANY_HOST.fullmatch(request.path):
            host = request.headers.getall("Host", [])
            if len(host) != 1 or not _accepted(host[0], allowed | {_own_address(request)}):
                msg = "the Host header names no loopback address or configured name; see CQAR_ADMIN_HTTP_HOSTS"
                raise errors.Forbidden(msg)
            origins = request.headers.getall("Origin", [])
            if any(origin.partition("://")[2].lower() != host[0].lower() for origin in origins):
                msg = "requests of web pages from another origin are not allowed"
                raise errors.Forbidden(msg)
        return await handler(request)

    return check


def _accepted(host: str, allowed: frozenset[str]) -> bool:
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower().strip("[]")
    return name == _LOOPBACK_NAME or name.endswith(f".{_LOOPBACK_NAME}") or name in allowed or _is_loopback(name)


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _own_address(request: web.Request) -> str:
    """The address of this machine that the client connected to."""
    address = None if request.transport is None else request.transport.get_extra_info("sockname")
    return str(address[0]) if isinstance(address, tuple) else ""
