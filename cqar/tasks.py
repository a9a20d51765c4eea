"""Background tasks: ending them for certain."""

import asyncio
from typing import Any

_AGAIN = 0.1


async def end(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel the tasks and wait until they have ended, whatever they end with.

    They are cancelled again and again: asyncio.wait_for before Python 3.12 swallows a cancellation that comes together
    with its result, and the libraries of the drivers use it.
    """
    known = [task for task in tasks if task is not None]
    pending = {task for task in known if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_AGAIN)
    for task in known:
        if not task.cancelled():
            task.exception()
