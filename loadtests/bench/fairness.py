"""Several workers on one port: the share of calls of each, with permanent and with reconnecting connections."""

import json
import time
import urllib.request
from collections.abc import Sequence

from loadtests import scripts
from loadtests.bench.context import CONNECTIONS, Bench
from loadtests.bench.report import Line
from loadtests.servers import READY, ServerError, free_port
from loadtests.stack import Worker

_SECTION = "Several workers"
WORKERS = 4
#: Calls per second in total, well below the capacity of one core.
_RATE = 20_000.0
#: Seconds after which connections reconnect: longer than the run, and short enough to reconnect repeatedly.
_AGES = (3_600, 2)
_RUN = 30.0


def fairness(bench: Bench) -> None:
    """Eight connections on four workers, distributed by the kernel at random; permanent, then reconnecting."""
    seconds = bench.options.seconds if bench.options.quick else _RUN
    for age in _AGES:
        what = "that stay" if age > seconds else f"that move on every {age} s"
        bench.report.doing(f"{CONNECTIONS} connections {what}, {WORKERS} workers")
        own = free_port()
        settings = {
            "CQAR_HOTPATH_WORKERS": str(WORKERS),
            "CQAR_HOTPATH_OWN_PORTS": str(own),
            "CQAR_HOTPATH_CONNECTION_AGE": str(age),
        }
        calls = bench.calls
        with bench.registry.worker("lane", **settings) as fleet, bench.apart(fleet.pid):
            workers = _workers(fleet)
            for port in range(own, own + WORKERS):
                bench.warm((port, fleet.pid), calls)
            files = scripts.write(bench.folder, "equal", CONNECTIONS, calls)
            before = [_answered(each) for each in workers]
            run = bench.measure((fleet.port, fleet.pid), files, bench.shape(64, rate=_RATE, seconds=seconds))
            parts = [_answered(each) - many for each, many in zip(workers, before, strict=True)]
        shares = sorted(part / sum(parts) for part in parts)
        value = " / ".join(f"{share:.0%}" for share in shares)
        name = f"lane: {WORKERS} workers, {CONNECTIONS} connections {what}, {_RATE:,.0f}/s"
        note = f"Jain's index of fairness {_jain(shares):.2f}"
        bench.report.add(Line(_SECTION, name, run, value=value, note=note))


def _workers(fleet: Worker) -> list[Worker]:
    """Wait for all workers in the supervisor's Prometheus targets and return them. Raises ServerError."""
    deadline = time.monotonic() + READY
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{fleet.http_port}/metrics/targets", timeout=10) as response:
            groups = json.load(response)
        ports = [int(target.rpartition(":")[2]) for group in groups for target in group["targets"]]
        if len(ports) == WORKERS:
            return [fleet._replace(http_port=port) for port in ports]
        if time.monotonic() > deadline:
            message = f"{len(ports)} of {WORKERS} workers were ready within {READY:.0f} s"
            raise ServerError(message)
        time.sleep(0.1)


def _answered(worker: Worker) -> float:
    """The number of calls that a worker has answered."""
    return worker.counted("cqar_grpc_calls_total", method="GetVenueSymbol", status_code="OK")


def _jain(shares: Sequence[float]) -> float:
    """Jain's index: 1 if all shares are equal, 1/n if one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))
