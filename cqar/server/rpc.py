"""The gRPC side of a process: raw bytes in and out, one place where errors become statuses, health, reflection, drain."""

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

#: Bytes of a request, at most.
MAX_REQUEST = limits.MAX_MESSAGE
#: Seconds a call may take whose client sets no deadline.
DEFAULT_DEADLINE = limits.DEADLINE
#: Seconds that whoever watches the health of the process may take to hear that it ends.
_LAST_WORD = 0.05
#: Seconds in which grpc ends a call itself whose message it refuses, such as one that is too large once unpacked.
_AFTERTHOUGHT = 0.01
#: Seconds that a call which nobody serves waits for its request.
_REQUEST_WAIT = 1.0
#: Of the spans of calls.
_RPC = {"rpc.system.name": "grpc"}
_REVISION = "cqar-revision"
_AUTHORIZATION = "authorization"


def _secret_name() -> str:
    """A metadata name that no caller can guess: what carries it was added within this process."""
    return f"cqar-peer-{secrets.token_hex(16)}"


#: Metadata with the address of a call's peer, set by the part of this process that accepted the connection and believed
#: by the rest of it. In the initial metadata of an answer it says that the answer has begun.
FORWARDED: Final = _secret_name()


class Reply(NamedTuple):
    """The bytes of a response, and what goes into the trailing metadata."""

    body: bytes
    trailing: Metadata = ()


#: Serves one RPC: request bytes to response bytes.
Serve = Callable[[bytes, Call], Awaitable[Reply]]


def revision_metadata(revision: int) -> Metadata:
    """Trailing metadata of a write's answer: the revision that a reader waits for to see it."""
    return ((_REVISION, str(revision)),)


def revision_in(metadata: Metadata) -> int | None:
    """The revision in trailing metadata, if it is there."""
    return next((int(value) for key, value in metadata if key == _REVISION), None)


class Served(NamedTuple):
    """How one unary RPC is served: its name, by what, how large its requests may be, and how a call of it is logged."""

    name: str
    serve: Serve
    request_bytes: int
    level: str = "debug"


def unary(served: Served, authority: Authority | None, calls: Calls) -> grpc.RpcMethodHandler[bytes, bytes]:
    """The handler of one unary RPC. Its bytes are parsed by what serves it, so that bytes that are no message have a status.

    `authority`: says who calls; None: everybody may. What the caller may do is said by what serves it.
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
                data = await _message(context)
                call.restart()
                limits.check(data, request_bytes)
                principal = ANYONE if authority is None else await admitted(authority, context)
                call.principal = principal.name
                reply = await serve(data, _call(name, metadata, principal))
        if reply.trailing:
            context.set_trailing_metadata(reply.trailing)
        return reply.body

    # On the wire it is the same. grpc's own unary handler leaves a call alone for ever whose message does not come whole.
    return grpc.stream_unary_rpc_method_handler(behave)


@contextlib.contextmanager
def traced(tracer: Tracer, call: Call) -> Iterator[None]:
    """What is done inside serves the call, and is a span of its trace, if that is sampled."""
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
    """The one message of a request. Raises Invalid where there is none, or a part of one."""
    data: Any = await context.read()
    if data is grpc.aio.EOF:
        await asyncio.sleep(_AFTERTHOUGHT)
        raise unreadable()
    return data  # type: ignore[no-any-return]  # nothing unpacks it


def unreadable() -> errors.Invalid:
    """What a request is told that holds no message that can be read."""
    return errors.Invalid("request", "MALFORMED", "has no message, or an incomplete one")


def unknown(authority: Authority | None) -> Callable[[str], grpc.RpcMethodHandler[bytes, bytes]]:
    """What answers RPCs that are not served: UNIMPLEMENTED to whoever may call anything, else as any other call."""

    def handler(path: str) -> grpc.RpcMethodHandler[bytes, bytes]:
        async def behave(_requests: Any, context: Any) -> Any:
            # Clients of grpc.aio whose call ends while they are sending tell INTERNAL instead of the status.
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
            yield b""  # never: it makes this a stream

        return grpc.stream_stream_rpc_method_handler(behave)

    return handler


async def admitted(authority: Authority, context: Any) -> Principal:
    """Whoever makes the call. Raises Unauthenticated, Throttled, Unavailable."""
    return await authority.admit(authorization(context), address(context))


def authorization(context: Any) -> str | None:
    """The call's metadata `authorization`."""
    for name, value in context.invocation_metadata() or ():
        if name == _AUTHORIZATION:
            return value if isinstance(value, str) else None
    return None


def address(context: Any) -> str:
    """The address that the call comes from, without the port."""
    for name, value in context.invocation_metadata() or ():
        if name == FORWARDED:
            return str(value)
    peer: str = context.peer()
    return peer.rpartition(":")[0] or peer


async def begin(context: Any, initial: Metadata = ()) -> None:
    """Have the answer begin now, whenever its first message may come: who waits for it, or passes it on, hears of that."""
    # A client of grpc.aio does not tell initial metadata that are empty from a call that ended without any.
    within = any(name == FORWARDED for name, _ in context.invocation_metadata() or ())
    await context.send_initial_metadata((*initial, (FORWARDED, "")) if within else initial)


def _call(method: str, metadata: Metadata, principal: Principal) -> Call:
    key = next((value for name, value in metadata if name == "idempotency-key"), None)
    if key is not None and (not isinstance(key, str) or not 0 < len(key) <= 128):  # noqa: PLR2004 - said in the message
        raise errors.Invalid("idempotency-key", "BAD_KEY", "must be text of 1 to 128 characters")
    return Call(method=method, principal=principal, idempotency_key=key, metadata=metadata)


class Handlers(grpc.GenericRpcHandler):
    """RPC paths and their handlers; `fallback` serves every other path."""

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
    """A gRPC server and HTTP servers of one process, with its certificate, or plaintext without one."""

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
        #: whether the process is about to end
        self.stopping = False

    async def start(self, host: str, *ports: int) -> int:
        """Listen for gRPC on each port; the first. Not ready until `ready` says so. Raises PortError where one is taken."""
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
        """Listen for gRPC within this machine, in plaintext. `target`: `unix:` and a path."""
        await self.ready(serving=False)
        self._grpc.add_insecure_port(target)
        await self._grpc.start()

    async def ready(self, *, serving: bool) -> None:
        """Tell grpc.health.v1 whether calls are answered."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._services):
            await self._health.set(name, status)

    async def leave(self) -> None:
        """Say that nothing is served any more."""
        self.stopping = True
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: float) -> None:
        """Not ready, no new calls, at most `grace` seconds for those under way; HTTP tells how it goes until the end."""
        await self.leave()
        await self._grpc.stop(grace)
        await self.http.close()


class _Health(health.aio.HealthServicer):  # type: ignore[misc]  # it ships no types
    """grpc.health.v1, whose watchers do not hold up the end of the process."""

    def __init__(self) -> None:
        super().__init__()
        self._over = asyncio.Event()

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 - the RPC's name
        """Tell of each change, until the process ends."""
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
        """Say to all that nothing is served any more, then let watchers go."""
        await super().enter_graceful_shutdown()
        self._over.set()


class _Reflection(reflection.aio.ReflectionServicer):  # type: ignore[misc]  # it ships no types
    """grpc.reflection, for whoever has a key."""

    def __init__(self, names: Sequence[str], authority: Authority | None) -> None:
        super().__init__(names)
        self._authority = authority

    async def ServerReflectionInfo(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802 - the RPC's name
        """Answer what is asked for."""
        if self._authority is not None:
            try:
                await admitted(self._authority, context)
            except errors.CqarError as error:
                await refuse(context, "ServerReflectionInfo", error)
        async for each in super().ServerReflectionInfo(request_iterator, context):
            yield each
