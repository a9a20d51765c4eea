"""The port of NATS, and the limits of JetStream."""

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nats
import pytest

from cqar.dev.embedded import EmbeddedError, Nats


def test_a_taken_port_is_replaced_at_a_first_start_but_not_under_clients(folder: Path) -> None:
    first = Nats(folder / "server", throwaway=True)
    with first:
        former = first.url
    with taken(former):
        with pytest.raises(EmbeddedError, match=r"another process uses its port \d+"):
            first.start()
        with Nats(folder / "server", throwaway=True) as second:
            assert second.url != former
            moved = second.url
    with Nats(folder / "server", throwaway=True) as third:
        assert third.url == moved


def test_an_unreadable_port_is_replaced(folder: Path) -> None:
    (folder / "server").mkdir()
    (folder / "server" / "port").write_text("99999999\n")
    with Nats(folder / "server", throwaway=True) as server:
        assert server.url == f"nats://127.0.0.1:{int((folder / 'server' / 'port').read_text())}"


def test_a_client_reconnects_after_a_kill(folder: Path) -> None:
    with Nats(folder / "server", throwaway=True) as server:

        async def scenario() -> None:
            again = asyncio.Event()

            async def found() -> None:
                again.set()

            async def lost(_: Exception) -> None:
                """Write no log."""

            client = await nats.connect(server.url, reconnect_time_wait=0.01, reconnected_cb=found, error_cb=lost)
            server.kill()
            server.start()
            await asyncio.wait_for(again.wait(), 10)
            await client.close()

        asyncio.run(scenario())


@pytest.mark.parametrize(("throwaway", "memory"), [(False, "64.00 MB"), (True, "32.00 MB")])
def test_jetstream_has_limits(*, throwaway: bool, memory: str, folder: Path) -> None:
    with Nats(folder / "server", throwaway=throwaway) as server:
        log = server.log.read_text()
    assert re.search(rf"Max Memory: +{memory}$", log, re.MULTILINE)
    assert re.search(r"Max Storage: +1.00 GB$", log, re.MULTILINE)


@contextmanager
def taken(url: str) -> Iterator[None]:
    """Another program's server on the port of the URL."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(url.rpartition(":")[2])))
        other.listen()
        yield
