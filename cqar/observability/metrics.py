"""Metrics: counted as plain numbers where things happen, put into Prometheus' words when somebody asks.

Nothing is global: each process object has a `Metrics` with a registry of its own, so that several live in one interpreter.
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

#: Upper bounds of the buckets of durations, in seconds: from a ready answer to a large batch.
BOUNDS: Final = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025),
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)

#: Numbers by the values of their labels, which are tuples of texts.
Values = Mapping[Any, float]
#: What a metric's families are when asked for.
Collect = Callable[[], Iterable[Metric]]
#: Something to be found out before the metrics are told, such as what only the database knows. It may not raise.
Refresh = Callable[[], Awaitable[None]]


class Series:
    """The durations with one combination of labels."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """It took so many seconds, as often as said."""
        self.buckets[bisect_left(BOUNDS, seconds)] += times
        self.total += seconds * times


class Durations:
    """How long things took, by their labels. Belongs to one event loop."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, ...], Series] = {}

    def series(self, labels: tuple[str, ...]) -> Series:
        """The durations with these labels."""
        held = self._held.get(labels)
        if held is None:
            held = self._held[labels] = Series()
        return held

    def observe(self, labels: tuple[str, ...], seconds: float) -> None:
        """It took so many seconds."""
        self.series(labels).observe(seconds)

    def count(self, *labels: str) -> int:
        """How often it was observed with these labels."""
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
        """How many there were, as a counter."""
        return counter(name, meaning, labels, {values: sum(held.buckets) for values, held in self._held.items()})


def counter(name: str, meaning: str, labels: Sequence[str], values: Values) -> Metric:
    """A counter; the values by their labels. `name` without its `_total`."""
    family = CounterMetricFamily(name, meaning, labels=labels)
    for each, value in values.items():
        family.add_metric(each, value)
    return family


def gauge(name: str, meaning: str, labels: Sequence[str], values: Values) -> Metric:
    """A gauge; the values by their labels."""
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for each, value in values.items():
        family.add_metric(each, value)
    return family


def single(name: str, meaning: str, value: float) -> Metric:
    """A gauge without labels."""
    return gauge(name, meaning, (), {(): value})


class Pool(Protocol):
    """A pool of connections that tells how it is used."""

    name: str

    def usage(self) -> Mapping[str, int]:
        """Connections by state: `used`, `idle`, and `limit`, how many there may be."""


class Exposed(NamedTuple):
    """Metrics as Prometheus reads them."""

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
        """Tell these too; `refresh` is awaited before each time."""
        self._collects.append(collect)
        if refresh is not None:
            self._refreshes.append(refresh)

    def add_pools(self, *pools: Pool) -> None:
        """Tell how pools are used."""

        def collect() -> Iterator[Metric]:
            found = {pool.name: pool.usage() for pool in pools}
            states = {(name, state): many for name, usage in found.items() for state, many in usage.items() if state != "limit"}
            limits = {(name,): usage["limit"] for name, usage in found.items()}
            yield gauge("cqar_db_pool_connections", "PostgreSQL connections of a pool, by state", ("pool", "state"), states)
            yield gauge("cqar_db_pool_limit", "Maximum number of PostgreSQL connections of a pool", ("pool",), limits)

        self.add(collect)

    def collect(self) -> Iterator[Metric]:
        """All families, as prometheus_client asks for them."""
        of_calls = ("method", "status_code")
        yield gauge("cqar_build_info", "Version of the running process", ("version",), {(__version__,): 1})
        yield self.calls.counter("cqar_grpc_calls", "Completed RPCs, by method and status", of_calls)
        yield self.calls.histogram("cqar_grpc_call_duration_seconds", "RPC duration in seconds", of_calls)
        yield self.queries.histogram("cqar_db_query_duration_seconds", "SQL statement duration in seconds", ("query",))
        for collect in self._collects:
            yield from collect()

    async def exposed(self, accept: str = "") -> Exposed:
        """All metrics as text, in the form that the header Accept asks for."""
        for refresh in self._refreshes:
            await refresh()
        return encoded(self._registry, accept)


def encoded(registry: CollectorRegistry, accept: str) -> Exposed:
    """The metrics of a registry as text, in the form that the header Accept asks for."""
    encode, content_type = exposition.choose_encoder(accept)
    return Exposed(encode(registry), content_type)


def tallied(tally: Counter[str]) -> Mapping[tuple[str, ...], float]:
    """A tally by one label."""
    return {(name,): many for name, many in tally.items()}


@contextmanager
def timed(durations: Durations, name: str) -> Iterator[None]:
    """Observe how long what is inside takes, also where it fails."""
    began = time.perf_counter()
    try:
        yield
    finally:
        durations.observe((name,), time.perf_counter() - began)
