"""Metrics: counted as plain numbers where they occur, converted to Prometheus' types when scraped.

Nothing is global: each process object has a `Metrics` with its own registry, so that several can share an interpreter.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from cqar import __version__

#: Upper bounds of the duration buckets in seconds: from a cached response to a large batch.
BOUNDS: Final = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025),
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)

#: Values by label values, which are tuples of texts.
Values = Mapping[Any, float]
#: Returns the metric families at scrape time.
Collect = Callable[[], Iterable[Metric]]
#: Awaited before a scrape, to read values that only the database knows. It must not raise.
Refresh = Callable[[], Awaitable[None]]


class Series:
    """The durations for one combination of label values."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """Record a duration, `times` times."""
        self.buckets[bisect_left(BOUNDS, seconds)] += times
        self.total += seconds * times


class Durations:
    """Durations by label values. Belongs to one event loop."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, ...], Series] = {}

    def series(self, labels: tuple[str, ...]) -> Series:
        """The durations for these label values."""
        held = self._held.get(labels)
        if held is None:
            held = self._held[labels] = Series()
        return held

    def observe(self, labels: tuple[str, ...], seconds: float) -> None:
        """Record a duration."""
        self.series(labels).observe(seconds)

    def count(self, *labels: str) -> int:
        """The number of durations recorded for these label values."""
        held = self._held.get(labels)
        return 0 if held is None else sum(held.buckets)

    def histogram(self, name: str, meaning: str, labels: Sequence[str]) -> Metric:
        """The durations as a histogram."""
        family = HistogramMetricFamily(name, meaning, labels=labels)
        for values, held in self._held.items():
            reached, rows = 0, []
            for bound, many in zip((*map(str, BOUNDS), "+Inf"), held.buckets, strict=True):
                reached += many
                rows.append((bound, reached))
            family.add_metric(values, rows, held.total)
        return family

    def counter(self, name: str, meaning: str, labels: Sequence[str]) -> Metric:
        """The number of durations as a counter."""
        return counter(name, meaning, labels, {values: sum(held.buckets) for values, held in self._held.items()})


def counter(name: str, meaning: str, labels: Sequence[str], values: Values) -> Metric:
    """A counter with its values by label values. `name` without `_total`."""
    family = CounterMetricFamily(name, meaning, labels=labels)
    for each, value in values.items():
        family.add_metric(each, value)
    return family


def gauge(name: str, meaning: str, labels: Sequence[str], values: Values) -> Metric:
    """A gauge with its values by label values."""
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for each, value in values.items():
        family.add_metric(each, value)
    return family


def single(name: str, meaning: str, value: float) -> Metric:
    """A gauge without labels."""
    return gauge(name, meaning, (), {(): value})


class Pool(Protocol):
    """A connection pool that reports its usage."""

    name: str

    def usage(self) -> Mapping[str, int]:
        """Connections by state: `used`, `idle`, and their `limit`."""


class Exposed(NamedTuple):
    """Metrics in Prometheus' text format."""

    body: bytes
    content_type: str


class Metrics:
    """The metrics of one process object."""

    def __init__(self) -> None:
        self.calls = Durations()
        self.queries = Durations()
        self._collects: list[Collect] = []
        self._refreshes: list[Refresh] = []
        self._registry = CollectorRegistry()
        for each in (ProcessCollector, PlatformCollector, GCCollector):
            each(registry=self._registry)
        self._registry.register(self)

    def add(self, collect: Collect, refresh: Refresh | None = None) -> None:
        """Include these metrics; `refresh` is awaited before each scrape."""
        self._collects.append(collect)
        if refresh is not None:
            self._refreshes.append(refresh)

    def add_pools(self, *pools: Pool) -> None:
        """Include the usage of connection pools."""

        def collect() -> Iterator[Metric]:
            found = {pool.name: pool.usage() for pool in pools}
            states = {(name, state): many for name, usage in found.items() for state, many in usage.items() if state != "limit"}
            limits = {(name,): usage["limit"] for name, usage in found.items()}
            yield gauge("cqar_db_pool_connections", "PostgreSQL connections of a pool, by state", ("pool", "state"), states)
            yield gauge("cqar_db_pool_limit", "Maximum number of PostgreSQL connections of a pool", ("pool",), limits)

        self.add(collect)

    def collect(self) -> Iterator[Metric]:
        """All metric families, as prometheus_client requests them."""
        of_calls = ("method", "status_code")
        yield gauge("cqar_build_info", "Version of the running process", ("version",), {(__version__,): 1})
        yield self.calls.counter("cqar_grpc_calls", "Completed RPCs, by method and status", of_calls)
        yield self.calls.histogram("cqar_grpc_call_duration_seconds", "RPC duration in seconds", of_calls)
        yield self.queries.histogram("cqar_db_query_duration_seconds", "SQL statement duration in seconds", ("query",))
        for collect in self._collects:
            yield from collect()

    async def exposed(self, accept: str = "") -> Exposed:
        """All metrics in the format that the header Accept asks for."""
        for refresh in self._refreshes:
            await refresh()
        return encoded(self._registry, accept)


def encoded(registry: CollectorRegistry, accept: str) -> Exposed:
    """The metrics of a registry in the format that the header Accept asks for."""
    encode, content_type = exposition.choose_encoder(accept)
    return Exposed(encode(registry), content_type)


def tallied(tally: Counter[str]) -> Mapping[tuple[str, ...], float]:
    """A tally as values of one label."""
    return {(name,): many for name, many in tally.items()}


@contextmanager
def timed(durations: Durations, name: str) -> Iterator[None]:
    """Record the duration of the body, even if it raises."""
    began = time.perf_counter()
    try:
        yield
    finally:
        durations.observe((name,), time.perf_counter() - began)
