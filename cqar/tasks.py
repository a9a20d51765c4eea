"""Tasks of the event loop: ending them for certain, and not keeping it to oneself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

_AGAIN = 0.1

T = TypeVar("T")


async def in_turns(items: Sequence[T], at_once: int) -> AsyncIterator[Sequence[T]]:
    """The items, a few at a time, with everybody else's turn between."""
    for at in range(0, len(items), at_once):
        if at:
            await asyncio.sleep(0)
        yield items[at : at + at_once]


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
