"""The status of a fleet: health of the workers, sums of their metrics, and the addresses of their own metrics."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from cqar.observability import health
from cqar.observability.metrics import encoded

#: Types of metrics that are summed over workers; other metrics are exposed per worker.
_SUMMED: Final = frozenset({"counter", "histogram"})
#: Metrics of the supervisor: it has connections, too. On other systems than Linux there are none.
_OWN: Final = ("process_open_fds", "process_max_fds")
_COMPONENTS: Final = ("database", "cache", "event_bus", "feed")
_Labels = tuple[tuple[str, str], ...]


class Family(NamedTuple):
    """A metric: its help text, its type, and its values by sample and labels."""

    help: str
    kind: str
    values: Mapping[tuple[str, _Labels], float]


class Sample(dict[str, Family]):
    """The metrics of a worker at one time, by name."""


def sample(text: str) -> Sample:
    """Parse the metrics that a worker exposes. Raises ValueError."""
    found = Sample()
    for family in text_string_to_metric_families(text):
        values = {(each.name, tuple(sorted(each.labels.items()))): each.value for each in family.samples}
        found[family.name] = Family(family.documentation, family.type, values)
    return found


class Retired:
    """The sums of workers that have ended, so that no counter goes back."""

    def __init__(self, sums: Sample | None = None) -> None:
        self.sums = Sample(sums or {})

    def add(self, metrics: Sample) -> None:
        """Add the metrics of a worker that has ended."""
        for name, family in metrics.items():
            if family.kind in _SUMMED:
                self.sums[name] = _plus(self.sums.get(name), family)


def _plus(one: Family | None, other: Family) -> Family:
    if one is None:
        return other
    keys = dict.fromkeys((*one.values, *other.values))
    return other._replace(values={key: one.values.get(key, 0.0) + other.values.get(key, 0.0) for key in keys})


def merged(retired: Sample, running: Mapping[str, Sample]) -> Sample:
    """Counters and histograms summed over all workers, past and present; other metrics with the label `worker`."""
    result = Sample(retired)
    for number, each in running.items():
        for name, family in each.items():
            if family.kind in _SUMMED:
                result[name] = _plus(result.get(name), family)
            else:
                values = {(key, (*labels, ("worker", number))): value for (key, labels), value in family.values.items()}
                result[name] = _plus(result.get(name), family._replace(values=values))
    return result


def _own() -> Sample:
    """The metrics of the supervisor itself."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    found = sample(generate_latest(registry).decode())
    return Sample({name: found[name] for name in _OWN if name in found})


class _Collector:
    """Metrics for prometheus_client."""

    def __init__(self, metrics: Sample) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        for name, family in self._metrics.items():
            metric = Metric(name, family.help, family.kind)
            for (key, labels), value in family.values.items():
                metric.add_sample(key, dict(labels), value)
            yield metric


class WorkerStatus(Protocol):
    """The status of a worker."""

    number: int
    metrics: Sample
    metrics_port: int
    status: Mapping[str, Any]

    @property
    def ready(self) -> bool:
        """Whether it answers lookups."""

    async def poll(self) -> None:
        """Ask it for its status."""

    async def read_metrics(self) -> None:
        """Read its metrics."""


class Fleet(Protocol):
    """Workers whose status is reported as one."""

    @property
    def workers(self) -> Sequence[WorkerStatus]:
        """The running workers."""

    @property
    def retired(self) -> Sample:
        """The sums of workers that have ended."""


def application(fleet: Fleet) -> web.Application:
    """The routes: `/health/live`, `/health/ready`, `/metrics`, and `/metrics/targets` for Prometheus' http_sd."""

    async def ready(_request: web.Request) -> web.Response:
        workers = fleet.workers
        await asyncio.gather(*(each.poll() for each in workers))
        return health.readiness_response(health_of(workers))

    async def metrics(request: web.Request) -> web.Response:
        workers = fleet.workers
        await asyncio.gather(*(each.read_metrics() for each in workers))
        registry = CollectorRegistry()
        both = {str(each.number): each.metrics for each in workers} | {"supervisor": _own()}
        registry.register(_Collector(merged(fleet.retired, both)))
        return health.exposed(encoded(registry, request.headers.get("Accept", "")))

    async def targets(request: web.Request) -> web.Response:
        host = request.url.host or "127.0.0.1"
        name = f"[{host}]" if ":" in host else host
        return web.json_response(
            [
                {"targets": [f"{name}:{each.metrics_port}"], "labels": {"worker": str(each.number)}}
                for each in fleet.workers
                if each.metrics_port
            ]
        )

    routes: Iterable[tuple[str, Callable[[web.Request], Any]]] = (
        ("/health/live", health.live),
        ("/health/ready", ready),
        ("/metrics", metrics),
        ("/metrics/targets", targets),
    )
    result = web.Application()
    for path, handler in routes:
        result.router.add_get(path, handler)
    return result


def health_of(workers: Sequence[WorkerStatus]) -> dict[str, Any]:
    """The health of the fleet: unready if no worker answers, degraded if one does not or a component is down for one."""
    answering = [each for each in workers if each.ready]
    known = [each.status for each in workers if each.status]
    states = {
        name: "ok" if known and all(each["components"].get(name) == "ok" for each in known) else "down" for name in _COMPONENTS
    }
    healthy = len(answering) == len(workers) and all(each == "ok" for each in states.values())
    return {
        "status": "unready" if not answering else "ready" if healthy else "degraded",
        "components": states,
        "latencies_ms": {
            name: max((each["latencies_ms"].get(name, 0.0) for each in known), default=0.0) for name in _COMPONENTS
        },
        "workers": {str(each.number): each.status.get("status", "silent") for each in workers},
    }
