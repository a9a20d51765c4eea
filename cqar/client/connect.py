"""The command line's connection to a process of cqar."""

from collections import namedtuple
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc

from cqar.server.tls import Outgoing

#: Seconds to connect.
PATIENCE = 5.0
_NOBODY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})


class ConnectError(Exception):
    """Nothing answers at an address: `str()` says where, and what to do."""


class CallError(Exception):
    """A call failed: `str()` is the reason, `code` its gRPC status."""

    def __init__(self, message: str, code: grpc.StatusCode) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def connected(
    address: str, key: str | None = None, outgoing: Outgoing | None = None, more: Sequence[tuple[str, int]] = ()
) -> Iterator[grpc.Channel]:
    """A channel to `host:port` that stands, and that has carried a call already; every call has the API key.

    `outgoing`: how to speak TLS; None: plaintext. `more`: options of the channel. Raises ConnectError.
    """
    # A proxy for the web, which the environment may name, does not lead to a process of ours.
    options = (("grpc.enable_http_proxy", 0), *more)
    if outgoing is None:
        made = grpc.insecure_channel(address, options)
    else:
        made = grpc.secure_channel(address, outgoing.credentials(), options)
    with made as channel:
        if not _stands(channel):
            message = f"nothing answers at {address}: `make up` (or `cqar up`) starts it; --address asks elsewhere"
            raise ConnectError(message)
        yield channel if key is None else grpc.intercept_channel(channel, _Keyed(key))


class _Details(
    namedtuple("_Details", ("method", "timeout", "metadata", "credentials", "wait_for_ready", "compression")),  # noqa: PYI024
    grpc.ClientCallDetails,
):
    """What a call is made with."""


class _Keyed(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Adds the key to every call."""

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


def _stands(channel: grpc.Channel) -> bool:
    """Connect, once, by a first call: whether anybody answers, whatever it is."""
    try:
        channel.unary_unary("/grpc.health.v1.Health/Check", bytes, bytes)(b"", timeout=PATIENCE)
    except grpc.RpcError as error:
        return error.code() not in _NOBODY
    return True
