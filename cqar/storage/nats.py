"""NATS: the connection, two streams, publishing and subscribing. The only module that imports nats-py.

A lost connection is restored automatically. Publishers wait for the acknowledgement. Subscribers get messages in a plain
callback that does no I/O, and must not rely on getting all of them: gaps show in the revisions.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, Header, PubAck, StreamConfig

from cqar import config, errors
from cqar.model import events
from cqar.observability import logs, tracing

_log = logs.logger("bus")

#: JetStream's limits of the stream of changes. The stream only transports them; the outbox retains them.
_CHANGES_BYTES = 256 * 1024 * 1024
_CHANGES_AGE = 24 * 3600.0
_EVENTS_BYTES = 512 * 1024 * 1024
#: JetStream's error code if the stream does not end at the sequence that a publisher expects.
_WRONG_LAST_SEQUENCE = 10071
#: The header with the id of the registry that publishes a change.
_REGISTRY = "Cqar-Registry"
_ID, _STREAM, _LAST = Header.MSG_ID.value, Header.EXPECTED_STREAM.value, Header.EXPECTED_LAST_SEQUENCE.value


class Publication(NamedTuple):
    """A message to publish; its id makes repeats harmless."""

    subject: str
    payload: bytes
    message_id: str
    #: of the trace that it belongs to
    traceparent: str | None = None
    #: the id of the registry that publishes it; empty: not sent
    registry: str = ""


class Position(NamedTuple):
    """The end of a stream: the sequence of its last message, and the message if it is retained."""

    sequence: int
    payload: bytes | None = None
    #: the id of the registry that published the message; empty if the message does not name it
    registry: str = ""


class Fenced(Exception):
    """The stream does not end where the publisher left it: read its position and continue from there."""


class EventBus:
    """A connection to NATS, kept for the lifetime of the process.

    Callers name subjects and streams without the prefix of the settings; the bus adds it.
    """

    def __init__(self, settings: config.Nats, *, name: str) -> None:
        self._settings = settings
        self._subjects = f"{settings.prefix}." if settings.prefix else ""
        self._streams = f"{settings.prefix}_" if settings.prefix else ""
        self._name = name
        self._client: Client | None = None
        self._listeners: list[tuple[str, Callable[[bytes], None]]] = []
        self._answerers: list[tuple[str, Callable[[bytes], Awaitable[bytes]]]] = []
        self._keeper: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()

    async def open(self) -> None:
        """Start to connect in the background: the process starts even if NATS is down."""
        self._keeper = asyncio.create_task(self._keep(), name="bus")

    async def close(self) -> None:
        """Flush published messages and close the connection."""
        if self._keeper is None:
            return
        while not self._keeper.done():
            self._keeper.cancel()
            # If a server refuses the connection at that moment, asyncio.wait_for loses the cancellation.
            await asyncio.wait((self._keeper,), timeout=2 * _FLUSH if self.up else _RETRY)
        await asyncio.gather(self._keeper, return_exceptions=True)

    @property
    def up(self) -> bool:
        """Whether it is connected."""
        return self._client is not None and self._client.is_connected

    async def wait_up(self) -> None:
        """Wait for the first connection."""
        await self._connected.wait()

    def stream(self, name: str) -> str:
        """The stream's name on the server: with the prefix."""
        return f"{self._streams}{name}"

    def _subject(self, name: str) -> str:
        return f"{self._subjects}{name}"

    def listen(self, subject: str, callback: Callable[[bytes], None]) -> None:
        """Call `callback` with every message on the subject, from the next connection on. Call before `open`."""
        self._listeners.append((self._subject(subject), callback))

    def answer(self, subject: str, respond: Callable[[bytes], Awaitable[bytes]]) -> None:
        """Answer requests on the subject; the requester uses the first answer of all processes. Call before `open`.

        An error of `respond` is logged and sends no answer.
        """
        self._answerers.append((self._subject(subject), respond))

    async def ask(self, subject: str, payload: bytes, seconds: float) -> bytes:
        """The first answer to a request. Raises Unavailable if none arrives in time."""
        async with self._asking() as client:
            return (await client.request(self._subject(subject), payload, timeout=seconds)).data

    # ---- publishing ------------------------------------------------------------------------------------------------

    async def append(self, stream: str, messages: Sequence[Publication], last: int) -> int:
        """Publish to the stream directly after its sequence `last`; returns the sequence of the last message.

        Each message is accepted only if the one before it was, so the last acknowledgement confirms all of them, and the
        first one carries the error if none was accepted. Raises Fenced, Unavailable.
        """
        async with self._asking() as client:
            for at, each in enumerate(messages):
                fence = {_STREAM: self.stream(stream), _LAST: str(last + at)}
                if 0 < at < len(messages) - 1:
                    await client.publish(self._subject(each.subject), each.payload, headers={**_headers(each), **fence})
                else:
                    await _appended(self._published(client, each, fence), last + at + 1)
        return last + len(messages)

    async def publish(self, message: Publication) -> None:
        """Publish to the stream that covers the subject and wait for the acknowledgement. Raises Unavailable."""
        async with self._asking() as client:
            await self._published(client, message, {})

    async def position(self, stream: str) -> Position:
        """The end of the stream. Raises Unavailable."""
        async with self._asking() as client:
            asked = client.jetstream(timeout=self._settings.connect_timeout)
            name = self.stream(stream)
            info = await asked.stream_info(name)
            sequence = info.state.last_seq
            if not info.state.messages:
                return Position(sequence)
            try:
                message = await asked.get_msg(name, seq=sequence)
            except nats.js.errors.NotFoundError:
                return Position(sequence)
        return Position(sequence, message.data or b"", (message.headers or {}).get(_REGISTRY, ""))

    async def nudge(self, subject: str, payload: bytes = b"") -> None:
        """Notify subscribers without an acknowledgement; does nothing while NATS is down."""
        if self._client is not None and self._client.is_connected:
            try:
                await self._client.publish(self._subject(subject), payload)
            except (nats.errors.Error, OSError):
                _log.debug("nudge_failed", subject=subject)

    async def _published(self, client: Client, message: Publication, more: Mapping[str, str]) -> PubAck:
        """Publish and wait for the acknowledgement."""
        stream = client.jetstream(timeout=self._settings.connect_timeout)
        return await stream.publish(self._subject(message.subject), message.payload, headers={**_headers(message), **more})

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Client]:
        """The connected client. Its errors become Unavailable."""
        client = self._client
        if client is None or not client.is_connected:
            raise errors.Unavailable(_DOWN)
        fenced, problems = False, list[Exception]()
        try:
            yield client
        except* Fenced:
            fenced = True
        except* (nats.errors.Error, OSError, TimeoutError) as group:
            problems += group.exceptions
        if fenced:
            raise Fenced
        if problems:
            msg = f"{_DOWN}: {problems[0]!r}"
            raise errors.Unavailable(msg) from problems[0]

    # ---- the connection --------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Connect, and reconnect when the client has given up."""
        while True:
            closed = asyncio.Event()
            client = Client()
            try:
                await self._connect(client, closed)
                await closed.wait()
            except (nats.errors.Error, OSError, TimeoutError) as error:
                _log.warning("nats_unreachable", error=repr(error))
                await asyncio.sleep(_RETRY)
            finally:
                await _close(client)

    async def _connect(self, client: Client, closed: asyncio.Event) -> None:
        reported = False

        async def lost() -> None:
            if not client.is_closed:
                _log.warning("nats_lost")

        async def back() -> None:
            nonlocal reported
            reported = False
            _log.info("nats_back")

        async def gone() -> None:
            closed.set()

        async def failed(error: Exception) -> None:
            # While the server is down, the client reports each of ten attempts per second: log one.
            nonlocal reported
            log = _log.debug if reported else _log.warning
            reported = reported or not client.is_connected
            log("nats_error", error=repr(error))

        await client.connect(
            self._settings.url.split(","),
            name=self._name,
            connect_timeout=max(1, round(self._settings.connect_timeout)),
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.1,  # type: ignore[arg-type]  # seconds; a fraction works
            ping_interval=0.5,  # type: ignore[arg-type]  # the same
            error_cb=failed,
            disconnected_cb=lost,
            reconnected_cb=back,
            closed_cb=gone,
        )
        for subject, callback in self._listeners:
            await client.subscribe(subject, cb=_calling(callback))
        for subject, respond in self._answerers:
            await client.subscribe(subject, cb=_answering(respond))
        self._client = client
        self._connected.set()
        url = client.connected_url
        # Without the credentials, which the client keeps in it.
        _log.info("nats_connected", server="" if url is None else url.netloc.rpartition("@")[2])

    async def ensure_streams(self) -> None:
        """Create missing streams; a stream that already covers the events is used as it is. Raises Unavailable."""
        async with self._asking() as client:
            stream = client.jetstream(timeout=self._settings.connect_timeout)
            changes = StreamConfig(
                name=self.stream(events.CHANGES_STREAM),
                subjects=[self._subject(f"{events.CHANGES}>")],
                max_bytes=_CHANGES_BYTES,
                max_age=_CHANGES_AGE,
                discard=DiscardPolicy.OLD,
            )
            try:
                await stream.add_stream(changes)
            except nats.js.errors.BadRequestError as error:
                # An operator has changed its limits.
                _log.info("stream_kept", stream=changes.name, reason=error.description)
            bare = [subject for subject in map(self._subject, events.EVENTS) if not await _covered(stream, subject)]
            if bare:
                whole = [self._subject(each) for each in ("cqc.events.v1.>", "cqar.events.v1.>")]
                subjects = whole if len(bare) == len(events.EVENTS) else bare
                await _cover(stream, self.stream(events.EVENTS_STREAM), subjects)


_DOWN = "the event bus is unavailable"
#: Seconds between attempts to connect.
_RETRY = 0.5
#: Seconds that an answer may take; requesters do not wait much longer.
_ANSWER = 0.5
#: Seconds that closing a connection may take.
_FLUSH = 2.0


async def _covered(stream: JetStreamContext, subject: str) -> bool:
    """Whether a stream covers the subject."""
    try:
        await stream.find_stream_name_by_subject(subject)
    except nats.js.errors.NotFoundError:
        return False
    return True


async def _cover(stream: JetStreamContext, name: str, subjects: list[str]) -> None:
    """Add these subjects to cqar's own stream of events."""
    try:
        ours = (await stream.stream_info(name)).config
    except nats.js.errors.NotFoundError:
        await stream.add_stream(StreamConfig(name=name, subjects=subjects, max_bytes=_EVENTS_BYTES, discard=DiscardPolicy.OLD))
    else:
        await stream.update_stream(ours.evolve(subjects=[*(ours.subjects or ()), *subjects]))
    _log.info("events_covered", stream=name, subjects=subjects)


def _headers(message: Publication) -> dict[str, str]:
    headers = {_ID: message.message_id}
    if message.registry:
        headers[_REGISTRY] = message.registry
    if message.traceparent is not None:
        headers[tracing.TRACE_PARENT] = message.traceparent
    return headers


async def _appended(publishing: Awaitable[PubAck], sequence: int) -> None:
    """Wait for the acknowledgement. Raises Fenced if the message does not have the expected position."""
    try:
        acknowledged = await publishing
    except nats.js.errors.APIError as error:
        if error.err_code == _WRONG_LAST_SEQUENCE:
            raise Fenced from error
        raise
    if acknowledged.duplicate or acknowledged.seq != sequence:
        raise Fenced


def _calling(callback: Callable[[bytes], None]) -> Callable[[Msg], Awaitable[None]]:
    async def received(message: Msg) -> None:
        callback(message.data)

    return received


def _answering(respond: Callable[[bytes], Awaitable[bytes]]) -> Callable[[Msg], Awaitable[None]]:
    async def received(message: Msg) -> None:
        try:
            async with asyncio.timeout(_ANSWER):
                await message.respond(await respond(message.data))
        except Exception as error:  # noqa: BLE001 - whatever it is, the next question may be answered
            _log.debug("question_unanswered", subject=message.subject, error=repr(error))

    return received


async def _close(client: Client) -> None:
    try:
        async with asyncio.timeout(_FLUSH):
            await client.close()
    except (TimeoutError, nats.errors.Error, OSError):
        pass
