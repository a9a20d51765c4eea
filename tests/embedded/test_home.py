"""One process per folder, and what remains after that process dies."""

import os
import sys
import time
from pathlib import Path

import pytest

from cqar.dev.embedded import EmbeddedError, Nats, Postgres, Server, Valkey, lock

from . import clients, holder


def test_a_second_process_is_refused_and_the_first_one_named(folder: Path) -> None:
    home = folder / "deeper" / "home"
    with lock(home), pytest.raises(EmbeddedError) as caught:
        lock(home)
    assert str(caught.value) == (f"{home} is in use by process {os.getpid()}; stop it or set CQAR_HOME to another folder")
    lock(home).release()


def test_the_folder_is_private(folder: Path) -> None:
    with lock(folder / "home"):
        assert (folder / "home").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_created_is_a_one_line_error(folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(EmbeddedError, match=r"/file/home cannot be used: Not a directory; set CQAR_HOME"):
        lock(folder / "file" / "home")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal at the parent's death is Linux's")
def test_a_killed_parent_leaves_no_process_and_loses_no_data(folder: Path) -> None:
    with holder.running(folder) as process:
        reported = holder.reported(process)
        with pytest.raises(EmbeddedError, match=f"in use by process {process.pid};"):
            lock(folder)
        servers: list[Server] = [Postgres(folder / "postgres"), Valkey(folder / "valkey"), Nats(folder / "nats")]
        for each in servers[:2]:  # the address of NATS is known when it was started
            clients.write(each, "kept")
        process.kill()
    pids = [pid for each in reported.values() for pid in each.pids]
    assert len(pids) > len(servers)  # PostgreSQL has children
    deadline = time.monotonic() + 10
    while left := [each for each in pids if alive(each)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
    with lock(folder):
        for each in servers:
            with each:
                assert each.url == reported[each.name].url
                if each.name != "nats":
                    assert clients.read(each) == "kept"


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False
