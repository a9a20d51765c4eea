"""Connect to a process of cqar over gRPC, with an API key and TLS."""

import socket
from collections import namedtuple
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc

from cqar.server.tls import Outgoing

#: Seconds to connect.
TIMEOUT = 5.0
_PROBE_TIMEOUT = 1.0
_NO_ANSWER = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class ConnectError(Exception):
    """Nothing speaks gRPC at an address: `str()` names it and what to do."""


class CallError(Exception):
    """A call failed: `str()` is the reason, `code` its gRPC status."""

    def __init__(self, message: str, code: grpc.StatusCode) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def connected(
    address: str, key: str | None = None, outgoing: Outgoing | None = None, more: Sequence[tuple[str, int]] = ()
) -> Iterator[grpc.Channel]:
    """Yield a connected channel to `host:port` that adds the API key to every call.

    `outgoing` is how to speak TLS, None for plaintext; `more` are options of the channel. Raises ConnectError.

    Example:
        with connected("127.0.0.1:9090", key) as channel:
            AssetRegistryStub(channel).GetAsset(request)

    """
    # A web proxy in the environment does not lead to a process of cqar.
    options = (("grpc.enable_http_proxy", 0), *more)
    if outgoing is None:
        made = grpc.insecure_channel(address, options)
    else:
        made = grpc.secure_channel(address, outgoing.credentials(), options)
    with made as channel:
        if not _answers(channel):
            raise ConnectError(_unreachable(address))
        yield channel if key is None else grpc.intercept_channel(channel, _Keyed(key))


class _Details(
    namedtuple("_Details", ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression")),  # noqa: PYI024
    grpc.ClientCallDetails,
):
    """The details of a call."""


class _Keyed(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the API key to every call."""

    def __init__(self, key: str) -> None:
        self._pair = ("authorization", f"Bearer {key}")

    def _add(self, continuation: Any, details: Any, request: Any) -> Any:
        metadata = (*(details.metadata or ()), self._pair)
        same = (details.credentials, details.wait_for_ready, details.compression)
        return continuation(_Details(details.method, details.timeout, metadata, *same), request)

    intercept_unary_unary: Any = _add
    intercept_unary_stream: Any = _add
    intercept_stream_unary: Any = _add
    intercept_stream_stream: Any = _add


def _unreachable(address: str) -> str:
    """Return why nothing speaks gRPC at an address."""
    host, _, port = address.rpartition(":")
    if port.isdecimal() and host != "unix" and _speaks_http1(host.strip("[]"), int(port)):
        return f"{address} does not speak gRPC; is it the HTTP port?"
    return f"nothing answers at {address}: start it with `make up` or `cqar up`, or name another --address"


def _speaks_http1(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), _PROBE_TIMEOUT) as connection:
            connection.settimeout(_PROBE_TIMEOUT)
            connection.sendall(b"HEAD / HTTP/1.1\r\nHost: cqar\r\nConnection: close\r\n\r\n")
            return connection.recv(7) == b"HTTP/1."
    except OSError:
        return False


def _answers(channel: grpc.Channel) -> bool:
    """Return whether a first call gets any answer."""
    try:
        channel.unary_unary("/grpc.health.v1.Health/Check", bytes, bytes)(b"", timeout=TIMEOUT)
    except grpc.RpcError as error:
        return error.code() not in _NO_ANSWER
    return True
