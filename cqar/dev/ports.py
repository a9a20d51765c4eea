"""The TCP ports of `cqar up`, checked before anything starts."""

import contextlib
import socket
import time
from typing import Final

from cqar import config

LOOPBACK: Final = "127.0.0.1"
#: Seconds to wait for a port that a killed predecessor still holds.
_RELEASE_SECONDS = 1.0


class UpError(Exception):
    """`cqar up` cannot start or continue: `str()` is the reason and what to do."""


def choose(settings: config.Settings) -> dict[str, int]:
    """Return the port of each setting that names one, a free port for 0. Raises UpError if a port is in use."""
    wanted = {
        "CQAR_HOTPATH_PORT": settings.hotpath.port,
        "CQAR_HOTPATH_HTTP_PORT": settings.hotpath.http_port,
        "CQAR_ADMIN_PORT": settings.admin.port,
        "CQAR_ADMIN_HTTP_PORT": settings.admin.http_port,
        "CQAR_METRICS_PORT": settings.metrics.port,
    }
    with contextlib.ExitStack() as held:
        found: dict[str, int] = {}
        for variable, port in sorted(wanted.items(), key=lambda each: -each[1]):  # fixed ports first, then free ones
            if port and port in found.values():
                message = f"{variable} is {port}, but another port setting has the same value: set {variable} to another port"
                raise UpError(message)
            found[variable] = _hold(held, variable, port)
    return found


def _hold(held: contextlib.ExitStack, variable: str, port: int) -> int:
    until = time.monotonic() + _RELEASE_SECONDS
    while True:
        probe = socket.socket()
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            probe.close()
            message = f"binding port {port} needs root: set {variable} to another port"
            raise UpError(message) from None
        except OSError:
            probe.close()
            if time.monotonic() < until:
                time.sleep(0.05)
                continue
            message = f"port {port} is in use: stop the process on it, or set {variable} to another port (0 takes a free one)"
            raise UpError(message) from None
        held.enter_context(contextlib.closing(probe))
        return int(probe.getsockname()[1])
