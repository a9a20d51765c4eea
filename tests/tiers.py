"""Which tests are unit tests, and what they must not do.

A test is a unit test unless one of these holds; then it has the marker `server`:

- it is in a file that `SERVER_FILES` names,
- it uses one of `SERVER_FIXTURES`, itself or through another fixture,
- it, its class or its module has the marker.

A unit test that starts a process fails. `make unit` (`pytest -m unit`) runs the unit tests, without importing `SERVER_FILES`.
"""

import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import uvloop

TESTS = Path(__file__).parent

#: Files without a unit test. `!` in front: files that have some all the same. The last pattern that matches decides.
SERVER_FILES = (
    "access/*",
    "attacks/*",
    "!access/test_keys.py",
    "coherence/*",
    "!coherence/test_history.py",
    "docs/*",
    "!docs/test_audit.py",
    "!docs/test_limits.py",
    "!docs/test_pages.py",
    "embedded/*",
    "!embedded/test_binaries.py",
    "hotpath/*",
    "!hotpath/test_cache.py",
    "!hotpath/test_model.py",
    "http/*",
    "importers/test_command.py",
    "importers/test_identity.py",
    "importers/test_runs.py",
    "importers/test_spreadsheet.py",
    "lane/test_tls.py",
    "lane/test_tools.py",
    "load/*",
    "registry/*",
    "service/*",
    "signals/*",
    "!signals/test_logs.py",
    "tls/*",
    "transports/*",
    "up/*",
    "workers/*",
)

#: Folders of the slowest files. They run first: side by side, a slow file that starts last is what everything waits for.
SLOW_FOLDERS = ("workers", "load", "coherence", "hotpath", "up")

#: Fixtures that start a server.
SERVER_FIXTURES = frozenset({"session_postgres", "servers", "spare", "shared_postgres", "server", "stack"})

#: What Python reports before it starts a process.
_STARTS = frozenset({"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"})


class Loop(uvloop.Loop):
    """An event loop of uvloop that reports a process as asyncio's own does: uvloop starts it in C, without a word to Python."""

    async def subprocess_exec(self, *arguments: Any, **options: Any) -> Any:
        sys.audit("subprocess.Popen", *arguments[1:2], arguments[1:], options.get("cwd"), options.get("env"))
        return await super().subprocess_exec(*arguments, **options)


class _Guard:
    """The unit test that runs now. A hook of `sys.addaudithook` cannot be removed, so one serves all tests."""

    def __init__(self) -> None:
        self.test: str | None = None

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _STARTS and self.test is not None:
            # Without the environment that Popen gets: it may hold secrets.
            pytest.fail(f"{self.test} starts a process, so it needs the marker `server`: {event} {arguments[:2]}")


_GUARD = pytest.StashKey[_Guard]()


def in_server_file(path: Path, patterns: tuple[str, ...] = SERVER_FILES) -> bool:
    """Whether the patterns name a test file."""
    name, found = path.relative_to(TESTS).as_posix(), False
    for pattern in patterns:
        if fnmatch(name, pattern.removeprefix("!")):
            found = not pattern.startswith("!")
    return found


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_GUARD] = _Guard()
    sys.addaudithook(config.stash[_GUARD])


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """For `-m unit` alone: files without unit tests are not imported."""
    test = collection_path.name.startswith("test_") and collection_path.is_relative_to(TESTS)
    return True if test and config.option.markexpr == "unit" and in_server_file(collection_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test gets the marker `unit` or `server`, before `-m` selects; the slowest files run first."""
    for item in items:
        needs = SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if needs or in_server_file(item.path):
            item.add_marker("server")
        if item.get_closest_marker("server") is None:
            item.add_marker("unit")
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folder = item.path.relative_to(TESTS).parts[0]
    return SLOW_FOLDERS.index(folder) if folder in SLOW_FOLDERS else len(SLOW_FOLDERS)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A process that a unit test starts is refused."""
    guard = item.config.stash[_GUARD]
    guard.test = item.nodeid if item.get_closest_marker("unit") else None
    try:
        return (yield)
    finally:
        guard.test = None
