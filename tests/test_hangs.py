"""The rule of tests/hangs.py: a test that hangs shows what it waits for."""

import asyncio
import traceback

import pytest

from tests import hangs


async def hanging() -> None:
    await asyncio.Event().wait()


async def test_a_test_that_hangs_fails_with_the_line_that_waits() -> None:
    with pytest.raises(TimeoutError) as failure:
        await hangs.bounded(hanging, 0.01)()
    cause = failure.value.__cause__
    assert cause is not None
    assert [each.name for each in traceback.extract_tb(cause.__traceback__)][-2:] == ["hanging", "wait"]


async def test_asynchronous_tests_are_bounded() -> None:
    task = asyncio.current_task()
    assert task is not None
    running: object = task.get_coro()
    assert getattr(running, "cr_code", None) is getattr(hangs.bounded(hanging), "__code__")  # noqa: B009 - no attribute of Callable
