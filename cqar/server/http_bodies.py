"""Bodies of HTTP requests: never decompressed, and not received further than a handler reads them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

#: Settings of aiohttp's servers. aiohttp itself inflates bodies as they arrive, and reads on for ten seconds after a
#: response, whether or not a handler wants the body.
OPTIONS: Final[dict[str, Any]] = {"auto_decompress": False, "lingering_time": 0.0}
#: Seconds for a client to read the response before its connection is closed. Closing at once would send a reset, which
#: makes some clients lose the response.
_LINGER: Final = 1.0
_IDENTITY: Final = "identity"
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def identity_only(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Raise HTTPUnsupportedMediaType for a request with a Content-Encoding other than identity."""
    for value in request.headers.getall("Content-Encoding", ()):
        if any(each.strip().lower() not in ("", _IDENTITY) for each in value.split(",")):
            raise web.HTTPUnsupportedMediaType(reason="the body must not be compressed", headers={"Accept-Encoding": _IDENTITY})
    return await handler(request)


@web.middleware
async def close_unread(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Close the connection after the response if the body has not arrived completely. The rest of it is not received."""
    refusal: web.HTTPException | None = None
    response: web.StreamResponse
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = refusal = error
    if not request.content.is_eof() and not response.prepared:
        request.protocol.pause_reading()
        response.force_close()
        await response.prepare(request)
        await response.write_eof()
        await asyncio.sleep(_LINGER)
    if refusal is not None:
        raise refusal
    return response
