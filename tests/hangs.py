"""An asynchronous test that hangs fails, and its traceback shows what it waits for.

The timeout of pytest-timeout shows the stacks of threads only, which for all of these tests end in the event loop.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

#: Seconds of a test, without its fixtures: less than the timeout in pyproject.toml.
MOST = 480.0


def bounded(test: Callable[..., Awaitable[Any]], seconds: float = MOST) -> Callable[..., Awaitable[Any]]:
    """The test, cancelled after some seconds. It then raises TimeoutError."""

    @functools.wraps(test)
    async def run(*arguments: Any, **named: Any) -> Any:
        async with asyncio.timeout(seconds):
            return await test(*arguments, **named)

    return run


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Bound an asynchronous test. Those of hypothesis are left out: they are many calls."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = bounded(item.obj)
