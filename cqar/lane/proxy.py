"""Calls that are passed on as they came: messages as raw bytes, metadata, status, cancellation. Nothing is parsed."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

import grpc as library
import grpc.aio as library_aio

from cqar.lane import call_tasks, frames, grpc, upload
from cqar.lane.grpc import Failure
from cqar.lane.service import Ending, Upstream
from cqar.lane.stream import Inbox, Stream

if TYPE_CHECKING:
    from cqar.lane.streams import Exchange

#: Metadata of the connection to the client, not of the call.
_HOP: Final = frozenset(("user-agent",))
#: What a message counts beside its bytes while it waits.
_COST: Final = 128


def begin(exchange: "Exchange", stream: Stream) -> None:
    """Begin to pass a call on."""
    upstream = exchange.shared.service.upstream
    try:
        if upstream is None:
            raise Failure(grpc.UNIMPLEMENTED, "unknown method")  # noqa: TRY301 - as any other
        deadline = call_tasks.admit(exchange, stream)
    except Failure as failure:
        exchange.fail(stream, failure)
        return
    stream.inbox = Inbox()
    stream.task = exchange.shared.loop.create_task(_pass(exchange, stream, upstream, deadline))


def feed(exchange: "Exchange", stream: Stream, payload: bytes) -> None:
    """More of the request."""
    inbox, usage, limit = stream.inbox, exchange.shared.usage, exchange.shared.limits
    if inbox is None:
        return
    partial = inbox.partial
    partial += payload
    _hold(exchange, stream, len(payload))
    at = 0
    while len(partial) - at >= grpc.PREFIX:
        length = int.from_bytes(partial[at + 1 : at + grpc.PREFIX], "big")
        if length > limit.request:
            stop(exchange, stream, grpc.too_large(limit.request))
            return
        end = at + grpc.PREFIX + length
        if len(partial) < end:
            break
        inbox.messages.append((partial[at], bytes(partial[at + grpc.PREFIX : end])))
        inbox.size += length
        _hold(exchange, stream, _COST)
        at = end
    del partial[:at]
    if usage.buffered > limit.buffered:
        stop(exchange, stream, Failure(grpc.RESOURCE_EXHAUSTED, "too much of other requests is waiting; retry in a moment"))
        return
    inbox.wake.set()
    _replenish(exchange, stream, inbox)


def end(exchange: "Exchange", stream: Stream) -> None:
    """The request is complete."""
    inbox = stream.inbox
    if inbox is not None:
        inbox.ended = True
        inbox.wake.set()
        if inbox.partial:
            stop(exchange, stream, Failure(grpc.INTERNAL, "the request ends within a message"))


def stop(exchange: "Exchange", stream: Stream, failure: Failure) -> None:
    """End the call with a status, and what was passed on of it."""
    exchange.fail(stream, failure)
    call_tasks.cancel(exchange, stream)


def _hold(exchange: "Exchange", stream: Stream, size: int) -> None:
    if not stream.closed:
        stream.held += size
        exchange.shared.usage.buffered += size


def _replenish(exchange: "Exchange", stream: Stream, inbox: Inbox) -> None:
    """Let the peer send more, unless enough waits to be passed on."""
    if inbox.size < exchange.shared.limits.stream_window >> 1 and not stream.closed:
        exchange.replenish(stream)


async def _pass(exchange: "Exchange", stream: Stream, upstream: Upstream, deadline: float) -> None:
    stream.entered = True
    shared, path = exchange.shared, stream.decision.path
    context = call_tasks.context_of(exchange, stream, deadline)
    call: Any = None
    try:
        seconds = deadline - shared.loop.time() if stream.timer is not None else None
        metadata = [pair for pair in context.metadata if pair[0] not in _HOP]
        metadata += upstream.onward(context)
        channel = upstream.channel(path)
        if channel is None:
            raise Failure(grpc.UNIMPLEMENTED, "unknown method")  # noqa: TRY301 - as any other
        call = channel.stream_stream(path)(timeout=seconds, metadata=metadata)
        uploading = shared.loop.create_task(_upload(exchange, stream, call))
        try:
            await _download(exchange, stream, call, upstream, upstream.patience if seconds is None else None)
        finally:
            uploading.cancel()
        code, message, trailing = await call.code(), await call.details(), await call.trailing_metadata()
        ending = await upstream.finish(Ending(path, code.value[0], message or "", tuple(trailing or ())))
        _finish(exchange, stream, ending)
    except Failure as failure:
        exchange.fail(stream, failure)
    except asyncio.CancelledError:
        exchange.fail(stream, Failure(grpc.CANCELLED, "the call was cancelled"))
        raise
    except Exception as error:  # noqa: BLE001 - explained by the application, which logs it
        exchange.fail(stream, shared.service.explain(context, error))
    finally:
        if call is not None:
            call.cancel()
        call_tasks.leave(exchange, stream)


def _finish(exchange: "Exchange", stream: Stream, ending: Ending) -> None:
    """End the call as it ended there."""
    if not stream.closed:
        block = Failure(ending.code, ending.message, trailing=ending.trailing).block()
        exchange.close(stream, block if stream.begun else grpc.ANSWER + block, ending.code)


async def _download(exchange: "Exchange", stream: Stream, call: Any, upstream: Upstream, patience: float | None) -> None:
    """Pass the answer's messages on, each once the one before is gone. Raises TimeoutError."""
    try:
        # A stream without a deadline may last, once it has begun.
        async with asyncio.timeout(patience):
            initial = tuple(await call.initial_metadata() or ())
            if initial:
                _begin_answer(exchange, stream, [pair for pair in initial if pair[0] != upstream.begun])
            message = await call.read()
        while message is not library_aio.EOF:
            if not stream.begun:
                _begin_answer(exchange, stream, ())
            await _send(exchange, stream, grpc.framed(message))
            message = await call.read()
    except library.RpcError:
        return  # the call has its status


def _begin_answer(exchange: "Exchange", stream: Stream, initial: grpc.Metadata) -> None:
    if not stream.closed:
        stream.begun = True
        exchange.sender.out.append(frames.headers(stream.number, grpc.ANSWER + grpc.block(initial), end=False))
        exchange.later()


async def _send(exchange: "Exchange", stream: Stream, data: bytes) -> None:
    """Send a message, and wait until it is gone."""
    if stream.closed:
        return
    exchange.sender.push(stream, data, exchange.shared.now)
    exchange.later()
    if stream.waiting:
        stream.drained = exchange.shared.loop.create_future()
        try:
            await stream.drained
        finally:
            stream.drained = None


async def _upload(exchange: "Exchange", stream: Stream, call: Any) -> None:
    """Pass the request's messages on."""
    inbox, limit = stream.inbox, exchange.shared.limits
    if inbox is None:
        return
    try:
        while not stream.closed:
            if not inbox.messages:
                if inbox.ended:
                    await upload.end(call)
                    return
                inbox.wake.clear()
                await inbox.wake.wait()
                continue
            flag, data = inbox.messages.popleft()
            if not await upload.send(call, grpc.plain(flag, data, stream.decision.encoding, limit.request)):
                return
            inbox.size -= len(data)
            _hold(exchange, stream, -len(data) - grpc.PREFIX - _COST)
            _replenish(exchange, stream, inbox)
            exchange.later()
    except Failure as failure:
        stop(exchange, stream, failure)
