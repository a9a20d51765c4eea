"""What all processes share: HTTP servers, and running until a signal."""

import asyncio
import logging
import os
import signal
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator

from aiohttp import web, web_protocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.log import server_logger
from prometheus_client.metrics_core import Metric

from cqar.lane.accepting import Handshakes
from cqar.observability import logs
from cqar.observability.metrics import counter, tallied
from cqar.server import descriptors, http_bodies
from cqar.server.tls import Identity

_log = logs.logger("process")

#: Seconds for running HTTP requests to finish when the process stops.
_HTTP_GRACE = 5.0
#: Concurrent HTTP connections of a port, or an eighth of the file descriptors if that is less.
_HTTP_CONNECTIONS = 256
#: Seconds for a TLS handshake and for the head of the first request; seconds for the head of the next one.
_HEAD_TIMEOUT = 10.0
_KEEPALIVE_TIMEOUT = 75.0
_BACKLOG = 128
#: Seconds within which repeated signals count as one: a terminal and a supervisor may both forward a Ctrl-C.
_ONE_SIGNAL = 0.5


class PortError(Exception):
    """A port that the process should listen on is in use."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"cannot listen on {host}:{port}: the port is in use; stop the other process or set another port")


class _Malformed(logging.Filter):
    """Logs a malformed HTTP request, such as one from a gRPC client, on one line instead of with a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let all other records pass."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        lines = str(error.message).splitlines() or [""]
        _log.warning("bad_http_request", error=lines[0], hint="this is an HTTP port; it does not serve gRPC")
        return False


class _Refusing(asyncio.Protocol):
    """Closes a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


class _Requests(web.RequestHandler):
    """The requests of a connection. Nothing is received after a malformed head.

    aiohttp goes on parsing until it has answered, and queues an error with the bytes for every read.
    """

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        """Parse some bytes."""
        super().data_received(data)
        if self._messages and isinstance(self._messages[-1][0], web_protocol._ErrInfo) and self.transport is not None:  # noqa: SLF001 - aiohttp has no name for it
            self.transport.pause_reading()


class _Acceptor:
    """Accepts the HTTP connections of a port, up to a limit. Closes one whose first request does not arrive in time."""

    def __init__(self, server: web.Server | None, tls: ssl.SSLContext | None) -> None:
        self._server = server
        self._tls = tls
        self._most = min(_HTTP_CONNECTIONS, descriptors.limit() // 8)
        #: connections that were closed, by reason
        self.closed = Counter[str]()
        self.handshakes = Handshakes(self._most, _HEAD_TIMEOUT, self._established, self)

    def __call__(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        return self._established() if self._tls is None else self.handshakes.accept(self._tls)

    # ---- places of handshakes --------------------------------------------------------------------------------------

    def take(self, _network: str) -> bool:
        """Whether there is room for one more connection."""
        server = self._server
        fits = server is not None and len(server.connections) + len(self.handshakes.running) <= self._most
        self.closed["connections"] += not fits
        return fits

    def release(self, _network: str) -> None:
        """Nothing: the connections are counted where they are."""

    def crowded_out(self) -> None:
        """Count a handshake that had to make room."""
        self.closed["handshakes"] += 1

    # ---- requests --------------------------------------------------------------------------------------------------

    def _established(self) -> asyncio.Protocol:
        server = self._server
        if server is None or len(server.connections) >= self._most:
            self.closed["connections"] += 1
            return _Refusing()
        loop = asyncio.get_running_loop()
        handler = _Requests(server, loop=loop, **server._kwargs)  # noqa: SLF001 - as the server itself would
        loop.call_later(_HEAD_TIMEOUT, self._check, handler)
        return handler

    def _check(self, handler: web.RequestHandler) -> None:
        # aiohttp's own timeout of idle connections does not run before the first request.
        if handler.transport is not None and not handler._request_count:  # noqa: SLF001 - see above
            self.closed["slow_heads"] += 1
            handler.force_close()


class Http:
    """The HTTP servers of one process, with its certificate, or in plaintext without one."""

    def __init__(self, identity: Identity | None) -> None:
        self._identity = identity
        self._runners: list[web.AppRunner] = []
        self._servers: list[asyncio.Server] = []
        self._acceptors: list[_Acceptor] = []
        self._logger = server_logger.getChild("cqar")
        self._logger.addFilter(_Malformed())

    async def listen(self, host: str, port: int, application: web.Application, *, shared: bool = False) -> int:
        """Listen; returns the port. `shared`: share the port with other processes. Raises PortError if it is in use."""
        context = None if self._identity is None else self._identity.context("http/1.1")
        accept = _Acceptor((await self._prepared(application)).server, context)
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(accept, host, port, reuse_port=shared or None, backlog=_BACKLOG)
        except OSError as error:
            raise PortError(host, port) from error
        self._servers.append(server)
        self._acceptors.append(accept)
        return int(server.sockets[0].getsockname()[1])

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of all ports."""
        closed = sum((each.closed for each in self._acceptors), Counter[str]())
        yield counter("cqar_http_connections_closed", "HTTP connections closed, by reason", ("reason",), tallied(closed))

    async def listen_at(self, path: str, application: web.Application) -> None:
        """Listen on a Unix socket, in plaintext."""
        await web.UnixSite(await self._prepared(application), path).start()

    async def _prepared(self, application: web.Application) -> web.AppRunner:
        application.middlewares.insert(0, http_bodies.close_unread)
        application.middlewares.append(http_bodies.identity_only)
        runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=_HTTP_GRACE,
            logger=self._logger,
            keepalive_timeout=_KEEPALIVE_TIMEOUT,
            **http_bodies.OPTIONS,
        )
        self._runners.append(runner)
        await runner.setup()
        return runner

    async def close(self) -> None:
        """Stop listening and let running requests finish for a moment."""
        for server in self._servers:
            server.close()
        for acceptor in self._acceptors:
            acceptor.handshakes.stop()
        for runner in self._runners:
            await runner.cleanup()


async def until_stopped(at_once: Callable[[], None] = lambda: None) -> None:
    """Wait for SIGTERM or SIGINT. A further signal calls `at_once` and ends the process immediately."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    since = 0.0

    def take(number: int) -> None:
        nonlocal since
        if not stopped.is_set():
            since = time.monotonic()
            stopped.set()
        elif time.monotonic() - since > _ONE_SIGNAL:
            _log.warning("stopped_at_once")
            at_once()
            os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, take, number)
    await stopped.wait()
    _log.info("stopping")
