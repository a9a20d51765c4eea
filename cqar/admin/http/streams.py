"""The streams of the HTTP API: rows to apply as JSON lines, changes as server-sent events."""

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

import orjson
from aiohttp import web

from cqar import errors, tasks
from cqar.admin import message_json, tail
from cqar.admin.http import incoming, problems
from cqar.admin.http.routes import METHODS
from cqar.auth import authority
from cqar.contract.cqar.v1 import access_pb2
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.model.call import Call
from cqar.server import rpc
from cqar.server.rpc import Reply
from cqar.services.method import AnyMethod
from cqar.storage.postgres import Pool
from cqar.writes import audit
from cqar.writes.apply.run import MAX_ROWS

#: Content types of JSON lines; responses use the first.
LINES = ("application/x-ndjson", "application/jsonl")
#: Maximum bytes of all lines.
MAX_LINES = 16 * 1024 * 1024
#: Seconds for a client to read what is sent.
_WRITE_TIMEOUT = 30.0
#: Seconds between two checks whether the client is still connected and its key is valid.
_CHECK_EVERY = 0.5


async def _send(response: web.StreamResponse, data: bytes) -> None:
    """Send a part of a response. Raises ConnectionResetError if the client disconnected or does not read."""
    try:
        async with asyncio.timeout(_WRITE_TIMEOUT):
            await response.write(data)
    except TimeoutError:
        msg = "the client does not read the response"
        raise ConnectionResetError(msg) from None


# ---- rows ----------------------------------------------------------------------------------------------------------


class Apply:
    """POST /v1/apply: one line per row in, one line per result out, in the same order.

    Nothing is written before all lines have arrived. They are split into calls of Apply with at most `rows` lines.
    """

    def __init__(self, serving: Callable[[AnyMethod, bytes, Call], Awaitable[Reply]], *, rows: int = MAX_ROWS) -> None:
        self._serving = serving
        self._rows = rows

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Apply the lines. Raises the errors of the first Apply; a later error is reported in the results."""
        call = incoming.call_of(request, "Apply")
        head = pb.ApplyRequest()
        message_json.fill_text(head, incoming.parameters(request), {"rows": "are the lines of the body"})
        incoming.check_media_type(request, *LINES)
        async with asyncio.timeout(rpc.DEFAULT_DEADLINE):
            lines = (await incoming.body(request, MAX_LINES)).split(b"\n")
        if not lines[-1].strip():
            lines.pop()
        results = self._results(head, lines, call, functools.partial(incoming.check_key, request))
        first = await anext(results)
        request[problems.STARTED] = True
        response = web.StreamResponse(headers={**problems.HEADERS, "Content-Type": LINES[0]})
        await response.prepare(request)
        await _send(response, first)
        async for more in results:
            await _send(response, more)
        return response

    async def _results(
        self, head: pb.ApplyRequest, lines: Sequence[bytes], call: Call, check: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[bytes]:
        """The lines of the results, one chunk at a time; at least one chunk. `check` verifies the key before each chunk."""
        for at in range(0, max(len(lines), 1), self._rows):
            try:
                await check()
                results = await self._apply(head, lines[at : at + self._rows], call)
            except (errors.CqarError, TimeoutError) as error:
                if not at:
                    raise
                rest = lines[at:]
                known = error if isinstance(error, errors.CqarError) else errors.DeadlineExceeded("deadline exceeded")
                yield await asyncio.to_thread(_lines, [_unknown(known)] * len(rest))
                return
            yield await asyncio.to_thread(_lines, results)

    async def _apply(self, head: pb.ApplyRequest, lines: Sequence[bytes], call: Call) -> Sequence[pb.ApplyResult]:
        """The result of each line; a line that is not a row is rejected."""
        async with asyncio.timeout(rpc.DEFAULT_DEADLINE):
            request, refused = await asyncio.to_thread(_rows, head, lines)
            reply = await self._serving(METHODS["Apply"], request, call)
        applied = iter(pb.ApplyResponse.FromString(reply.body).results)
        return [refused[at] if at in refused else next(applied) for at in range(len(lines))]


def _rows(head: pb.ApplyRequest, lines: Sequence[bytes]) -> tuple[bytes, Mapping[int, pb.ApplyResult]]:
    """The Apply request of the valid lines, and the rejections of the others by index."""
    request = pb.ApplyRequest()
    request.CopyFrom(head)
    refused: dict[int, pb.ApplyResult] = {}
    for at, line in enumerate(lines):
        row = pb.ApplyRow()
        try:
            message_json.fill(row, incoming.parsed(line), {})
        except errors.Invalid as error:
            field = error.violations[0].field
            refused[at] = pb.ApplyResult(outcome=pb.REJECTED, code="INVALID_ARGUMENT", reason=error.message, field=field)
        else:
            request.rows.append(row)
    return request.SerializeToString(), refused


def _unknown(error: errors.CqarError) -> pb.ApplyResult:
    """The result of a line that may or may not have been written."""
    reason = f"{error.message}; the row may or may not have been written: send it again"
    return pb.ApplyResult(code=problems.kind_of(error).code, reason=reason)


def _lines(results: Sequence[pb.ApplyResult]) -> bytes:
    return b"".join(orjson.dumps(message_json.shown(each), option=orjson.OPT_APPEND_NEWLINE) for each in results)


# ---- events --------------------------------------------------------------------------------------------------------


class Events:
    """GET /v1/events: every change in order, as server-sent events whose id is the revision."""

    def __init__(self, pool: Pool, *, heartbeat: float = 15.0) -> None:
        self._pool = pool
        self._heartbeat = heartbeat
        self._over = asyncio.Event()

    async def stop(self, _application: web.Application) -> None:
        """End all streams; clients reconnect to another instance."""
        self._over.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Stream until the client disconnects. Raises Invalid, Precondition, Unavailable before the first event."""
        caller = incoming.call_of(request, "TailEvents").principal
        authority.unnamed(caller, "TailEvents")
        after = await audit.begin(self._pool, _start_revision(request))
        request[problems.STARTED] = True
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await _send(response, b"retry: 1000\n\n")
        changes = audit.tail(self._pool, after)
        try:
            async with aclosing(self._texts(changes, request)) as texts:
                async for text in texts:
                    await _send(response, text)
        except errors.Unauthenticated as error:
            await _send(response, b"event: error\ndata: %s\n\n" % problems.body_of(error))
        except errors.CqarError as error:
            await _send(response, b": %s\n\n" % problems.kind_of(error).code.encode())
        finally:
            await changes.aclose()
        return response

    async def _texts(
        self, changes: AsyncGenerator[access_pb2.TailEventsResponse], request: web.Request
    ) -> AsyncGenerator[bytes]:
        """Yield events as they occur and comments while there are none, until the client disconnects or the server stops.

        Verifies the key before each event. Raises Unauthenticated if it was revoked or has expired.
        """
        time = asyncio.get_running_loop().time
        said = time()
        coming, over = asyncio.ensure_future(anext(changes)), asyncio.ensure_future(self._over.wait())
        try:
            while not over.done() and request.transport is not None:
                wait = min(_CHECK_EVERY, self._heartbeat)
                await asyncio.wait((coming, over), timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                await incoming.check_key(request)
                if coming.done():
                    change, coming, said = coming.result(), asyncio.ensure_future(anext(changes)), time()
                    yield _event(change)
                elif time() - said >= self._heartbeat:
                    said = time()
                    yield b": nothing new\n\n"
        finally:
            await tasks.end(coming, over)


def _start_revision(request: web.Request) -> int | None:
    """The revision after which to start: that of the client's last event, else the parameter's."""
    message = access_pb2.TailEventsRequest()
    message_json.fill_text(message, incoming.parameters(request), {})
    last = request.headers.get("Last-Event-ID")
    if last:
        try:
            message.ClearField("from_revision")
            message_json.fill_text(message, [("from_revision", last)], {})
        except errors.Invalid as error:
            raise errors.Invalid("Last-Event-ID", "BAD_ID", error.violations[0].description) from None
    return message.from_revision if message.HasField("from_revision") else None


def _event(change: access_pb2.TailEventsResponse) -> bytes:
    """A change as a server-sent event; its JSON includes the contract's event and the row as JSON."""
    return b"id: %d\ndata: %s\n\n" % (change.revision, orjson.dumps(tail.as_json(change)))
