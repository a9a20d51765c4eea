"""The rule of tests/tiers.py: which tests are unit tests, and that they start no process."""

import asyncio
import subprocess
import sys

import pytest

from tests import tiers


def test_a_test_without_a_server_is_a_unit_test(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("unit")
    assert not request.node.get_closest_marker("server")


@pytest.mark.server
def test_a_test_with_the_marker_server_is_none_and_may_start_processes(request: pytest.FixtureRequest) -> None:
    assert not request.node.get_closest_marker("unit")
    subprocess.run([sys.executable, "-c", ""], check=True)


def test_no_unit_test_uses_a_server(request: pytest.FixtureRequest) -> None:
    wrong = [
        item.nodeid
        for item in request.session.items
        if item.get_closest_marker("unit")
        and (tiers.SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ())) or tiers.in_server_file(item.path))
    ]
    assert wrong == []


def test_a_process_that_a_unit_test_starts_is_refused() -> None:
    with pytest.raises(pytest.fail.Exception, match="needs the marker `server`"):
        subprocess.run([sys.executable, "-c", ""], check=True)


async def test_a_process_that_the_event_loop_starts_is_refused_too() -> None:
    with pytest.raises(pytest.fail.Exception, match="needs the marker `server`"):
        await asyncio.create_subprocess_exec(sys.executable, "-c", "")


@pytest.mark.parametrize("pattern", tiers.SERVER_FILES)
def test_each_pattern_decides_about_a_file(pattern: str) -> None:
    others = tuple(other for other in tiers.SERVER_FILES if other != pattern)
    assert any(tiers.in_server_file(path) != tiers.in_server_file(path, others) for path in tiers.TESTS.rglob("test_*.py"))
