"""Calls that wait for something: a task each, as many as may be, until their deadline."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cqar.lane import grpc, limits
from cqar.lane.grpc import Failure
from cqar.lane.hpack import OVERHEAD, Other
from cqar.lane.routing import Decision, sound_value
from cqar.lane.service import Context
from cqar.lane.stream import Stream

if TYPE_CHECKING:
    from cqar.lane.streams import Exchange

#: Seconds of a deadline, at most: what is longer is as good as none.
_LONGEST: Final = 86_400.0
_TIMEOUT: Final = b"grpc-timeout"


def begin(exchange: "Exchange", stream: Stream, message: bytes) -> None:
    """Have a unary method answer."""
    try:
        deadline = admit(exchange, stream)
    except Failure as failure:
        exchange.fail(stream, failure)
        return
    stream.task = exchange.shared.loop.create_task(_run(exchange, stream, message, deadline))


def admit(exchange: "Exchange", stream: Stream) -> float:
    """Make room for a call with a task; its deadline. Raises Failure. `leave` has to follow."""
    shared = exchange.shared
    if exchange.calls >= shared.limits.calls or shared.usage.calls >= shared.limits.all_calls:
        raise Failure(grpc.RESOURCE_EXHAUSTED, "too many calls at once; retry in a moment")
    if stream.timer is None:
        _arm(exchange, stream)
    exchange.calls += 1
    shared.usage.calls += 1
    stream.slow = True
    return shared.loop.time() + shared.limits.deadline if stream.timer is None else stream.timer.when()


def hurry(exchange: "Exchange", stream: Stream) -> None:
    """Have the deadline run while the rest of a request is on its way."""
    try:
        _arm(exchange, stream)
    except Failure as failure:
        exchange.fail(stream, failure)


def _arm(exchange: "Exchange", stream: Stream) -> None:
    """Have the call end at the client's deadline, if it set one. Raises Failure."""
    seconds = asked_timeout(exchange, stream)
    if seconds is not None:
        stream.timer = exchange.shared.loop.call_later(seconds, expire, exchange, stream)


def bearable(exchange: "Exchange", stream: Stream) -> bool:
    """Whether the header of a request is not too large; else its call is refused."""
    try:
        _fields(exchange, stream.decision, stream.others)
    except Failure as failure:
        exchange.fail(stream, failure)
        return False
    return True


def leave(exchange: "Exchange", stream: Stream) -> None:
    """The call's task ends."""
    stream.task = None
    exchange.calls -= 1
    exchange.shared.usage.calls -= 1


def cancel(exchange: "Exchange", stream: Stream) -> None:
    """End the call's task."""
    task = stream.task
    if task is not None:
        task.cancel()
        if not stream.entered:  # it ends without having begun
            leave(exchange, stream)


def expire(exchange: "Exchange", stream: Stream) -> None:
    """The deadline of a call has passed."""
    if stream.closed:
        return
    exchange.fail(stream, exchange.shared.service.explain(context_of(exchange, stream), TimeoutError()))
    cancel(exchange, stream)


async def _run(exchange: "Exchange", stream: Stream, message: bytes, deadline: float) -> None:
    stream.entered = True
    decision, shared = stream.decision, exchange.shared
    context = context_of(exchange, stream, deadline)
    try:
        if decision.method is None:
            raise Failure(grpc.UNIMPLEMENTED, "no such method")  # noqa: TRY301 - as any other
        # Whoever does not take its answers is made no more of them.
        if exchange.sender.queued:
            await exchange.sender.turn(shared.limits.queued)
        reply = await decision.method.miss(message, context)
        size = grpc.PREFIX + len(reply.body)
        if not exchange.sender.fits(size, shared.limits.queued):
            if shared.usage.queued + size > shared.limits.all_queued:
                raise unread()  # noqa: TRY301 - as any other
            await exchange.sender.hold(size, shared.limits.queued)
    except Failure as failure:
        exchange.fail(stream, failure)
    except asyncio.CancelledError:
        exchange.fail(stream, Failure(grpc.CANCELLED, "the call was cancelled"))
        raise
    except Exception as error:  # noqa: BLE001 - explained by the application, which logs it
        exchange.fail(stream, shared.service.explain(context, error))
    else:
        if not stream.closed:
            exchange.reply(stream, reply)
    finally:
        leave(exchange, stream)


def unread() -> Failure:
    """What a call gets whose answer has no room beside those that peers do not take."""
    return Failure(grpc.RESOURCE_EXHAUSTED, "earlier answers wait to be read; read them and retry")


def asked_timeout(exchange: "Exchange", stream: Stream) -> float | None:
    """The seconds that the client gives the call; None where it does not say. Raises Failure."""
    others = [other for other in stream.others if other[0] == _TIMEOUT]
    for _, value in exchange.shared.memory.texts(others):
        return min(_LONGEST, grpc.timeout(value))
    return None


def context_of(exchange: "Exchange", stream: Stream, deadline: float = 0.0) -> Context:
    """What the application may know of a stream's call; `deadline` counts the first time."""
    if stream.context is None:
        stream.context = new_context(exchange, stream.decision, stream.others, deadline)
    return stream.context


def new_context(exchange: "Exchange", decision: Decision, others: list[Other], deadline: float = 0.0) -> Context:
    """What the application may know of a call."""
    return Context(decision.path, decision.principal, exchange.peer, deadline, lambda: _fields(exchange, decision, others))


def _fields(exchange: "Exchange", decision: Decision, others: list[Other]) -> Sequence[tuple[bytes, bytes]]:
    """All fields of a request. Raises Failure where they are too many or not to be passed on."""
    fields = [(field.name, field.value) for field in decision.fields]
    fields += exchange.shared.memory.texts(others)
    if sum(OVERHEAD + len(name) + len(value) for name, value in fields) > limits.HEADER_LIST:
        msg = f"the header is larger than {limits.HEADER_LIST} bytes"
        raise Failure(grpc.RESOURCE_EXHAUSTED, msg)
    if not all(sound_value(value) for _, value in fields):
        raise Failure(grpc.INTERNAL, "a field holds characters that none may have")
    return fields
