"""NATS: the connection, the two streams, publishing and listening. nats-py lives here.

A connection that is lost comes back by itself. Whoever publishes waits for the acknowledgement; whoever listens gets
messages in a plain callback without I/O and must not rely on getting all of them: revisions tell of gaps.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import DiscardPolicy, StreamConfig

from cqar import config, errors, events, telemetry

_log = telemetry.logger("bus")

#: JetStream's limits of the stream of changes; the outbox is what keeps them, the stream carries them.
_CHANGES_BYTES = 256 * 1024 * 1024
_CHANGES_AGE = 24 * 3600.0
_EVENTS_BYTES = 512 * 1024 * 1024
_OVERLAP = 10065


class Publication(NamedTuple):
    """A message to publish: its id makes a repeat harmless."""

    subject: str
    payload: bytes
    message_id: str


class Bus:
    """A connection to NATS that is kept for as long as the process lives."""

    def __init__(self, settings: config.Nats, *, name: str) -> None:
        self._settings = settings
        self._name = name
        self._client: Client | None = None
        self._listeners: list[tuple[str, Callable[[bytes], None]]] = []
        self._keeper: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._closing = False

    async def open(self) -> None:
        """Begin to connect, in the background: NATS that is down does not stop the start."""
        self._keeper = asyncio.create_task(self._keep(), name="bus")

    async def close(self) -> None:
        """Close the connection; what was published is flushed."""
        self._closing = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._client is not None:
            try:
                async with asyncio.timeout(2):
                    await self._client.close()
            except (TimeoutError, nats.errors.Error, OSError):
                pass

    @property
    def up(self) -> bool:
        """Whether the connection stands."""
        return self._client is not None and self._client.is_connected

    async def wait_up(self) -> None:
        """Wait until the first connection stands."""
        await self._connected.wait()

    def listen(self, subject: str, callback: Callable[[bytes], None]) -> None:
        """Call back with every message on the subject, from the next connection on. To be called before `open`."""
        self._listeners.append((subject, callback))

    async def publish(self, messages: Sequence[Publication]) -> None:
        """Publish to JetStream, in order, and wait for all acknowledgements. Raises Unavailable."""
        client = self._client
        if client is None or not client.is_connected:
            raise errors.Unavailable(_DOWN)
        stream = client.jetstream(timeout=self._settings.connect_timeout)
        try:
            async with asyncio.TaskGroup() as group:
                for each in messages:
                    publishing = stream.publish(each.subject, each.payload, headers={"Nats-Msg-Id": each.message_id})
                    group.create_task(_expected(publishing))
        except* (nats.errors.Error, OSError, TimeoutError) as problems:
            raise errors.Unavailable(f"{_DOWN}: {problems.exceptions[0]!r}") from problems

    async def nudge(self, subject: str) -> None:
        """Tell whoever listens, without an acknowledgement; nothing where NATS is down."""
        if self._client is not None and self._client.is_connected:
            try:
                await self._client.publish(subject, b"")
            except (nats.errors.Error, OSError):
                _log.debug("nudge_failed", subject=subject)

    async def _keep(self) -> None:
        """Connect, and connect anew where the client has given up."""
        while True:
            closed = asyncio.Event()
            try:
                await self._connect(closed)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                _log.warning("nats_unreachable", error=repr(error))
                await asyncio.sleep(0.5)
                continue
            await closed.wait()

    async def _connect(self, closed: asyncio.Event) -> None:
        async def gone() -> None:
            closed.set()

        async def failed(error: Exception) -> None:
            _log.warning("nats_error", error=repr(error))

        client = await nats.connect(
            self._settings.url.split(","),
            name=self._name,
            connect_timeout=max(1, round(self._settings.connect_timeout)),
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.1,  # type: ignore[arg-type]  # seconds; a fraction works
            ping_interval=0.5,  # type: ignore[arg-type]  # the same
            error_cb=failed,
            closed_cb=gone,
        )
        for subject, callback in self._listeners:
            await client.subscribe(subject, cb=_calling(callback))
        self._client = client
        self._connected.set()
        _log.info("nats_connected", server=str(client.connected_url.netloc if client.connected_url else ""))

    async def ensure_streams(self) -> None:
        """Make the streams where they are missing. Raises Unavailable."""
        if self._client is None:
            raise errors.Unavailable(_DOWN)
        stream = self._client.jetstream(timeout=self._settings.connect_timeout)
        wanted = (
            StreamConfig(
                name=events.CHANGES_STREAM,
                subjects=[f"{events.CHANGES}>"],
                max_bytes=_CHANGES_BYTES,
                max_age=_CHANGES_AGE,
                discard=DiscardPolicy.OLD,
            ),
            StreamConfig(
                name=events.EVENTS_STREAM,
                subjects=["cqc.events.v1.>", "cqar.events.v1.>"],
                max_bytes=_EVENTS_BYTES,
                discard=DiscardPolicy.OLD,
            ),
        )
        for each in wanted:
            try:
                await stream.add_stream(each)
            except nats.js.errors.BadRequestError as error:
                # Another stream covers the subjects, or ours has other limits by an operator's hand: it is used as it is.
                _log.info("stream_kept", stream=each.name, reason=error.description)
            except (nats.errors.Error, OSError, TimeoutError) as error:
                raise errors.Unavailable(f"{_DOWN}: {error!r}") from error


_DOWN = "the event bus is unavailable"


async def _expected(publishing: Awaitable[object]) -> None:
    await publishing


def _calling(callback: Callable[[bytes], None]) -> Callable[[Msg], Awaitable[None]]:
    async def received(message: Msg) -> None:
        callback(message.data)

    return received
