"""A TLS proxy for servers without TLS: the wheels of PostgreSQL and Valkey are built without it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

#: What a client of PostgreSQL sends before it speaks TLS: its length, then the code.
_ASKS = (8).to_bytes(4) + (80877103).to_bytes(4)
_TIMEOUT = 10


@asynccontextmanager
async def tls_proxy(socket: Path, context: ssl.SSLContext, *, postgres: bool = False) -> AsyncIterator[int]:
    """Listen with TLS and nothing else for the server at the socket; the port.

    postgres: TLS begins as the protocol of PostgreSQL has it, once the client asks for it.
    """
    under_way: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        behind: asyncio.StreamWriter | None = None
        try:
            if postgres:
                async with asyncio.timeout(_TIMEOUT):
                    if await reader.readexactly(len(_ASKS)) != _ASKS:
                        return
                    writer.write(b"S")
                    await writer.start_tls(context)
            answers, behind = await asyncio.open_unix_connection(socket)
            await _joined(_copy(reader, behind), _copy(answers, writer))
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError):
            pass  # Either side has gone away, or the test is over.
        finally:
            under_way.discard(task)
            for each in (writer, behind):
                if each is not None:
                    each.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=None if postgres else context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for each in under_way:
            each.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=_TIMEOUT)


async def _joined(*copies: Coroutine[None, None, None]) -> None:
    """Run both until one ends."""
    tasks = [asyncio.ensure_future(each) for each in copies]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
