"""The gRPC server of a process: handlers of raw bytes, statuses for errors, health, reflection, graceful shutdown."""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import asyncio
import contextlib
import functools
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from cqar import errors
from cqar.auth.authority import Authority, permit, unnamed
from cqar.model.call import ANYONE, Call, Principal, Role
from cqar.observability import logs, tracing
from cqar.observability.logs import Calls
from cqar.observability.tracing import Tracer
from cqar.server import limits
from cqar.server.outcome import Outcome
from cqar.server.process import Http, PortError
from cqar.server.statuses import Metadata, code_of, refuse
from cqar.server.tls import Identity

_log = logs.logger("serve")

#: Maximum bytes of a request.
MAX_REQUEST = limits.MAX_MESSAGE
#: Seconds that a call may take if its client sets no deadline.
DEFAULT_DEADLINE = limits.DEADLINE
#: Seconds for watchers of the health service to receive the last update.
_LAST_WORD = 0.05
#: Seconds in which grpc itself ends a call with an invalid message, such as one that is too large after decompression.
_AFTERTHOUGHT = 0.01
#: Seconds that a call of an unknown method waits for its request.
_REQUEST_WAIT = 1.0
#: Attributes of the spans of calls.
_RPC = {"rpc.system.name": "grpc"}
_REVISION = "cqar-revision"
AUTHORIZATION: Final = "authorization"


def _secret_name() -> str:
    """A metadata name that no caller can guess: it proves that the metadata was added within this process."""
    return f"cqar-peer-{secrets.token_hex(16)}"


#: Metadata with the address of a call's peer, set by the part of this process that accepted the connection and believed
#: by the rest of it. In the initial metadata of an answer it says that the answer has begun.
FORWARDED: Final = _secret_name()


#: Metadata of a call that a worker passes on to admin. See `Authority.mark`.
PASSED_ON: Final = "cqar-passed-on"


class Reply(NamedTuple):
    """The bytes of a response and its trailing metadata."""

    body: bytes
    trailing: Metadata = ()


#: Serves one RPC: takes request bytes, returns response bytes.
Serve = Callable[[bytes, Call], Awaitable[Reply]]


def revision_metadata(revision: int) -> Metadata:
    """Trailing metadata of a write's response: the revision that a reader must wait for to see the write."""
    return ((_REVISION, str(revision)),)


def revision_in(metadata: Metadata) -> int | None:
    """The revision in trailing metadata, or None."""
    return next((int(value) for key, value in metadata if key == _REVISION), None)


class Served(NamedTuple):
    """One unary RPC: its name, what serves it, the maximum bytes of a request, and the level of its log lines."""

    name: str
    serve: Serve
    request_bytes: int
    level: str = "debug"


def unary(served: Served, authority: Authority | None, calls: Calls) -> grpc.RpcMethodHandler[bytes, bytes]:
    """The handler of one unary RPC. `served` parses the bytes, so that malformed bytes get a proper status.

    `authority` identifies the caller; None admits every caller. `served` checks what the caller may do.
    """
    name, serve, request_bytes, level = served

    async def behave(_requests: Any, context: Any) -> bytes:
        metadata = context.invocation_metadata() or ()
        known = None
        if not calls.quiet:
            known = tracing.request_id(tracing.value(metadata, tracing.REQUEST_ID))
            structlog.contextvars.bind_contextvars(request_id=known, method=name)
        failed = functools.partial(refuse, context, name)
        async with Outcome(calls, name, metadata, failed, request_id=known, level=level) as call:
            async with asyncio.timeout(limits.seconds(context.time_remaining())):
                principal = ANYONE if authority is None else await admitted(authority, context)
                call.principal = principal.name
                data = await _message(context)
                call.restart()
                limits.check(data, request_bytes)
                reply = await serve(data, _call(name, metadata, principal))
        if reply.trailing:
            context.set_trailing_metadata(reply.trailing)
        return reply.body

    # On the wire it is the same, but grpc's own unary handler waits indefinitely if the message never arrives completely.
    return grpc.stream_unary_rpc_method_handler(behave)


@contextlib.contextmanager
def traced(tracer: Tracer, call: Call) -> Iterator[None]:
    """Record the body as the span of the call, if its trace is sampled."""
    span = tracer.serve(call.method, tracing.value(call.metadata, tracing.TRACE_PARENT), _RPC)
    failure: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failure = error
        raise
    finally:
        logs.end(span, code_of(failure))


async def _message(context: Any) -> bytes:
    """The request's only message. Raises Invalid if it is missing or incomplete."""
    data: Any = await context.read()
    if data is grpc.aio.EOF:
        await asyncio.sleep(_AFTERTHOUGHT)
        raise unreadable()
    return data  # type: ignore[no-any-return]  # nothing unpacks it


def unreadable() -> errors.Invalid:
    """The error of a request without a complete message."""
    return errors.Invalid("request", "MALFORMED", "has no message, or an incomplete one")


def unknown(authority: Authority | None) -> Callable[[str], grpc.RpcMethodHandler[bytes, bytes]]:
    """The handler of unknown methods: UNIMPLEMENTED for callers who may call anything; otherwise they are refused as usual."""

    def handler(path: str) -> grpc.RpcMethodHandler[bytes, bytes]:
        async def behave(_requests: Any, context: Any) -> Any:
            # A grpc.aio client whose call ends while it is sending reports INTERNAL instead of the status.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REQUEST_WAIT):
                    await context.read()
            try:
                if authority is not None:
                    principal = await admitted(authority, context)
                    permit(principal, Role.ADMIN, path)
                    unnamed(principal, path)
            except errors.CqarError as error:
                await refuse(context, path, error)
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"unknown method {path}")
            yield b""  # unreachable: makes this a generator

        return grpc.stream_stream_rpc_method_handler(behave)

    return handler


async def admitted(authority: Authority, context: Any) -> Principal:
    """The caller. Raises Unauthenticated, Throttled, Unavailable."""
    return await authority.admit(authorization(context), client(authority, context))


async def check_again(authority: Authority | None, context: Any) -> None:
    """Verify the key of a stream again; without an authority, do nothing. Raises Unauthenticated, Unavailable."""
    if authority is not None:
        await authority.check_again(authorization(context))


def client(authority: Authority, context: Any) -> str | None:
    """The address of the caller, or None if a worker with the same pepper has passed the call on."""
    mark = tracing.value(context.invocation_metadata() or (), PASSED_ON)
    passed_on = isinstance(mark, str) and authority.passed_on(authorization(context), mark)
    return None if passed_on else address(context)


def authorization(context: Any) -> str | None:
    """The value of the metadata `authorization`."""
    for name, value in context.invocation_metadata() or ():
        if name == AUTHORIZATION:
            return value if isinstance(value, str) else None
    return None


def address(context: Any) -> str:
    """The address of the caller, without the port."""
    for name, value in context.invocation_metadata() or ():
        if name == FORWARDED:
            return str(value)
    peer: str = context.peer()
    return peer.rpartition(":")[0] or peer


async def begin(context: Any, initial: Metadata = ()) -> None:
    """Start the response before its first message, so that the caller, and a proxy in this process, knows that it has begun."""
    # A grpc.aio client cannot tell empty initial metadata from a call that ended without any.
    within = any(name == FORWARDED for name, _ in context.invocation_metadata() or ())
    await context.send_initial_metadata((*initial, (FORWARDED, "")) if within else initial)


def _call(method: str, metadata: Metadata, principal: Principal) -> Call:
    key = next((value for name, value in metadata if name == "idempotency-key"), None)
    if key is not None and (not isinstance(key, str) or not 0 < len(key) <= 128):  # noqa: PLR2004 - said in the message
        raise errors.Invalid("idempotency-key", "BAD_KEY", "must be text of 1 to 128 characters")
    return Call(method=method, principal=principal, idempotency_key=key, metadata=metadata)


class Handlers(grpc.GenericRpcHandler):
    """RPC handlers by path; `fallback` provides the handler of other paths."""

    def __init__(
        self,
        handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]],
        fallback: Callable[[str], grpc.RpcMethodHandler[Any, Any] | None] = lambda _path: None,
    ) -> None:
        self._handlers = handlers
        self._fallback = fallback

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """The handler of the call."""
        path = handler_call_details.method
        return self._handlers.get(path) or self._fallback(path)


class Server:
    """The gRPC server and the HTTP servers of one process, with its certificate, or in plaintext without one."""

    def __init__(
        self,
        handlers: Handlers,
        services: Sequence[str],
        authority: Authority | None,
        identity: Identity | None,
        *,
        reflect: bool,
        options: Sequence[tuple[str, int]] = limits.OPTIONS,
        shared: bool = False,
    ) -> None:
        self._grpc = grpc.aio.server(options=(("grpc.so_reuseport", int(shared)), *options))
        self._services = services
        self._identity = identity
        self._health = _Health()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        if reflect:
            names = (*services, health.SERVICE_NAME, reflection.SERVICE_NAME)
            servicer = _Reflection(names, authority)
            reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, self._grpc)
        self._grpc.add_generic_rpc_handlers((handlers,))
        self.http = Http(identity)
        #: whether the process is shutting down
        self.stopping = False

    async def start(self, host: str, *ports: int) -> int:
        """Listen for gRPC on each port; returns the first. Health reports NOT_SERVING until `ready`. Raises PortError."""
        await self.ready(serving=False)
        bound = [self._bind(host, port) for port in ports]
        await self._grpc.start()
        return bound[0]

    def _bind(self, host: str, port: int) -> int:
        try:
            if self._identity is None:
                return self._grpc.add_insecure_port(f"{host}:{port}")
            return self._grpc.add_secure_port(f"{host}:{port}", self._identity.credentials())
        except RuntimeError as error:
            raise PortError(host, port) from error

    async def start_at(self, target: str) -> None:
        """Listen for gRPC on a local socket, in plaintext. `target`: `unix:` and a path."""
        await self.ready(serving=False)
        self._grpc.add_insecure_port(target)
        await self._grpc.start()

    async def ready(self, *, serving: bool) -> None:
        """Report through grpc.health.v1 whether calls are answered."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._services):
            await self._health.set(name, status)

    async def leave(self) -> None:
        """Report that nothing is served any more."""
        self.stopping = True
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: float) -> None:
        """Report NOT_SERVING, reject new calls, give running ones at most `grace` seconds; HTTP serves until the end."""
        await self.leave()
        await self._grpc.stop(grace)
        await self.http.close()


class _Health(health.aio.HealthServicer):  # type: ignore[misc]  # it ships no types
    """grpc.health.v1; open watches do not delay the shutdown."""

    def __init__(self) -> None:
        super().__init__()
        self._over = asyncio.Event()

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 - the RPC's name
        """Stream status changes until the process ends."""
        watching = asyncio.create_task(super().Watch(request, context))
        ending = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait((watching, ending), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((watching,), timeout=_LAST_WORD)
        finally:
            watching.cancel()
            ending.cancel()
            await asyncio.gather(watching, ending, return_exceptions=True)

    async def enter_graceful_shutdown(self) -> None:
        """Report NOT_SERVING to all watchers, then end the watches."""
        await super().enter_graceful_shutdown()
        self._over.set()


class _Reflection(reflection.aio.ReflectionServicer):  # type: ignore[misc]  # it ships no types
    """grpc.reflection, for callers with a key."""

    def __init__(self, names: Sequence[str], authority: Authority | None) -> None:
        super().__init__(names)
        self._authority = authority

    async def ServerReflectionInfo(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802 - the RPC's name
        """Answer a stream of reflection requests."""
        if self._authority is not None:
            try:
                await admitted(self._authority, context)
            except errors.CqarError as error:
                await refuse(context, "ServerReflectionInfo", error)
        async for each in super().ServerReflectionInfo(request_iterator, context):
            try:
                await check_again(self._authority, context)
            except errors.CqarError as error:
                await refuse(context, "ServerReflectionInfo", error)
            yield each
