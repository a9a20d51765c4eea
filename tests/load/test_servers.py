"""Ports for servers that a test or a benchmark starts."""

import socket
from pathlib import Path

import pytest

from loadtests import servers
from loadtests.servers import free_port

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not EPHEMERAL.exists(), reason="the range is read from /proc")
def test_no_client_is_given_a_port_that_is_meant_for_a_server() -> None:
    low, high = map(int, EPHEMERAL.read_text().split())
    assert not any(low <= free_port() <= high for _ in range(50))


def test_ports_in_use_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_port(4)
    monkeypatch.setattr(servers, "_PORTS", [first, first + 1, first + 2])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first + 1))
        assert {free_port(2) for _ in range(5)} == {first + 2}
