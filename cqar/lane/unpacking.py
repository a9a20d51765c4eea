"""Decompression of request messages, so that large ones delay no other call."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from cqar.lane import grpc
from cqar.lane.grpc import TooLarge

#: Messages of up to this many bytes are decompressed at once.
_AT_ONCE: Final = 65_536


class Unpacker:
    """Decompresses the messages of all calls: short ones at once, all others one after the other in a thread.

    So the event loop goes on, and at most one message is in memory that no budget counts yet.
    """

    __slots__ = ("_threads", "_turn")

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._threads: ThreadPoolExecutor | None = None

    async def unpack(self, flag: int, message: bytes, encoding: bytes, max_bytes: int) -> bytes:
        """Return a message, decompressed if the flag is set. Raises RpcError, also if it exceeds `max_bytes`."""
        if not flag or max_bytes <= _AT_ONCE:
            return grpc.decompress(flag, message, encoding, max_bytes)
        try:
            return grpc.decompress(flag, message, encoding, _AT_ONCE)
        except TooLarge:
            pass
        async with self._turn:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(1, "lane-unpack")
            work = partial(grpc.decompress, flag, message, encoding, max_bytes)
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """End the thread."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
