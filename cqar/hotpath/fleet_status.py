"""What a supervisor tells of its workers: how they are, the sums of their metrics, and where each tells its own."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from cqar.observability import health
from cqar.observability.metrics import encoded

#: Types of metrics whose samples are summed; of others, each worker's own value is told.
_SUMMED: Final = frozenset({"counter", "histogram"})
_COMPONENTS: Final = ("database", "cache", "event_bus", "feed")
_Labels = tuple[tuple[str, str], ...]


class Family(NamedTuple):
    """A metric: its meaning and type, and its values by sample and labels."""

    meaning: str
    kind: str
    values: Mapping[tuple[str, _Labels], float]


class Sample(dict[str, Family]):
    """The metrics of a worker at a time, by name."""


def sample(text: str) -> Sample:
    """Metrics from the text that a worker tells. Raises ValueError."""
    found = Sample()
    for family in text_string_to_metric_families(text):
        values = {(each.name, tuple(sorted(each.labels.items()))): each.value for each in family.samples}
        found[family.name] = Family(family.documentation, family.type, values)
    return found


class Past:
    """The sums of workers that are gone: so that no sum goes back when one ends."""

    def __init__(self, sums: Sample | None = None) -> None:
        self.sums = Sample(sums or {})

    def add(self, gone: Sample) -> None:
        """A worker with these metrics is gone."""
        for name, family in gone.items():
            if family.kind in _SUMMED:
                self.sums[name] = _plus(self.sums.get(name), family)


def _plus(one: Family | None, other: Family) -> Family:
    if one is None:
        return other
    keys = dict.fromkeys((*one.values, *other.values))
    return other._replace(values={key: one.values.get(key, 0.0) + other.values.get(key, 0.0) for key in keys})


def merged(past: Sample, present: Mapping[int, Sample]) -> Sample:
    """Counters and histograms summed over all workers there ever were; everything else with the label `worker`."""
    result = Sample(past)
    for number, each in present.items():
        for name, family in each.items():
            if family.kind in _SUMMED:
                result[name] = _plus(result.get(name), family)
            else:
                values = {(key, (*labels, ("worker", str(number)))): value for (key, labels), value in family.values.items()}
                result[name] = _plus(result.get(name), family._replace(values=values))
    return result


class _Told:
    """Metrics as prometheus_client asks for them."""

    def __init__(self, metrics: Sample) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        for name, family in self._metrics.items():
            metric = Metric(name, family.meaning, family.kind)
            for (key, labels), value in family.values.items():
                metric.add_sample(key, dict(labels), value)
            yield metric


class Watched(Protocol):
    """A worker, as far as it is told about."""

    number: int
    metrics: Sample
    metrics_port: int
    told: Mapping[str, Any]

    @property
    def ready(self) -> bool:
        """Whether it answers lookups."""

    async def look(self) -> None:
        """Ask it how it is."""

    async def read_metrics(self) -> None:
        """Read its metrics."""


class Fleet(Protocol):
    """Workers that are told about as one."""

    @property
    def workers(self) -> Sequence[Watched]:
        """The workers there are."""

    @property
    def past(self) -> Sample:
        """The sums of those that are gone."""


def application(fleet: Fleet) -> web.Application:
    """The routes: `/health/live`, `/health/ready`, `/metrics`, and `/metrics/targets` for Prometheus' http_sd."""

    async def ready(_request: web.Request) -> web.Response:
        workers = fleet.workers
        await asyncio.gather(*(each.look() for each in workers))
        return health.readiness_response(wellbeing(workers))

    async def metrics(request: web.Request) -> web.Response:
        workers = fleet.workers
        await asyncio.gather(*(each.read_metrics() for each in workers))
        registry = CollectorRegistry()
        registry.register(_Told(merged(fleet.past, {each.number: each.metrics for each in workers})))
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
    made = web.Application()
    for path, handler in routes:
        made.router.add_get(path, handler)
    return made


def wellbeing(workers: Sequence[Watched]) -> dict[str, Any]:
    """How the fleet is: unready where no worker answers, degraded where one does not or something is down for one."""
    answering = [each for each in workers if each.ready]
    said = [each.told for each in workers if each.told]
    states = {
        name: "ok" if said and all(each["components"].get(name) == "ok" for each in said) else "down" for name in _COMPONENTS
    }
    well = len(answering) == len(workers) and all(each == "ok" for each in states.values())
    return {
        "status": "unready" if not answering else "ready" if well else "degraded",
        "components": states,
        "latencies_ms": {
            name: max((each["latencies_ms"].get(name, 0.0) for each in said), default=0.0) for name in _COMPONENTS
        },
        "workers": {str(each.number): each.told.get("status", "silent") for each in workers},
    }
