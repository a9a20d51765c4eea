"""`make load`: run locust's users for 30 seconds, on the running `make up` or on a new stack with real venue symbols.

The exit code is locust's: not 0 if calls failed or took too long. Arguments are passed to locust.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from cqar import config
from cqar.client import credentials
from cqar.client.connect import connected
from loadtests import servers, symbols
from loadtests.servers import Server, ServerError

_FILE = Path(__file__).with_name("locustfile.py")
_USUAL = ("--headless", "--only-summary", "--reset-stats", "--users", "21", "--spawn-rate", "21", "--run-time", "30s")
#: The line of `cqar up` that reports that everything runs.
_UP = "cqar is up"


def main() -> int:
    """Find or start a stack, run locust, and return its exit code."""
    if servers.listens(config.load().hotpath.port):
        return _locust({}, sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="cqar-load-") as name:
        home = Path(name) / "home"
        ports = {
            f"CQAR_{each}PORT": str(servers.free_port())
            for each in ("HOTPATH_", "HOTPATH_HTTP_", "ADMIN_", "ADMIN_HTTP_", "METRICS_")
        }
        variables = {"CQAR_HOME": str(home), "CQAR_AUTH": "keys", **ports}
        made = Server([sys.executable, "-m", "cqar", "up"], Path(name) / "up.log", variables, role=None)
        try:
            _wait(made, Path(name) / "up.log")
            real = list(symbols.real())
            with connected(f"127.0.0.1:{ports['CQAR_ADMIN_PORT']}", credentials.read(home)["writer"]) as channel:
                loaded = symbols.load(channel, real)
            print(f"a stack of its own, with the sample and {loaded.rows} rows of real markets")  # noqa: T201 - a command
            return _locust(variables, sys.argv[1:])
        finally:
            made.end()


def _wait(made: Server, log: Path) -> None:
    deadline = time.monotonic() + servers.READY
    while _UP not in log.read_text(errors="replace"):
        made.check()
        if time.monotonic() > deadline:
            message = f"`cqar up` was not up within {servers.READY:.0f} s"
            raise ServerError(message)
        time.sleep(0.05)


def _locust(variables: Mapping[str, str], arguments: list[str]) -> int:
    """Run locust with the default options and `arguments`."""
    command = [sys.executable, "-m", "locust", "-f", str(_FILE), *_USUAL, *arguments]
    return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode  # noqa: S603 - ours


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServerError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
