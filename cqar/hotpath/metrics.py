"""The metrics of a worker: caches, loads, and how closely it follows changes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.metrics_core import Metric

from cqar.hotpath.cache import Cache
from cqar.hotpath.engine import Engine
from cqar.hotpath.feed import Feed
from cqar.lookups.single import LOOKUPS
from cqar.observability.metrics import counter, gauge, single
from cqar.services import resolver
from cqar.storage.redis import RedisCache

_TIERED: Final = ("entity", "tier")
#: What a call is about, by its name.
_ENTITIES: Final = {
    **{name: lookup.entity for name, lookup in LOOKUPS.items()},
    **{name: kind.entity for name, kinds in resolver.KINDS.items() for kind in kinds.values()},
}


class WorkerMetrics:
    """The metrics of one worker. `lease` is the age in seconds from which it counts as detached."""

    def __init__(self, engine: Engine, cache: Cache, feed: Feed, redis_cache: RedisCache, lease: float) -> None:
        self._engine = engine
        self._cache = cache
        self._feed = feed
        self._redis_cache = redis_cache
        self._lease = lease

    @property
    def mode(self) -> str:
        """`warm`, `repairing` while known changes are not applied, or `detached` from PostgreSQL."""
        if self._feed.age() > self._lease:
            return "detached"
        return "repairing" if self._feed.repairing else "warm"

    def collect(self) -> Iterator[Metric]:
        """All metric families."""
        yield from self._caches()
        yield from self._coherence()

    def _caches(self) -> Iterator[Metric]:
        engine, cache = self._engine, self._cache
        hits, misses = _by_entity(engine.hits), _by_entity(engine.misses)
        loader = engine.loader
        all_hits = _tiered({"answer": hits, "memory": engine.parts_found, "redis": loader.redis_hits})
        all_misses = _tiered({"answer": misses, "memory": engine.parts_missed, "redis": loader.redis_misses})
        yield counter("cqar_cache_hit", "Cached responses and parts that a tier held", _TIERED, all_hits)
        yield counter("cqar_cache_miss", "Cached responses and parts that a tier did not hold", _TIERED, all_misses)
        yield gauge(
            "cqar_cache_entries",
            "Parts and responses in memory",
            ("what",),
            {("part",): len(cache), ("answer",): engine.responses.count},
        )
        yield gauge(
            "cqar_cache_bytes",
            "Approximate bytes of parts and responses in memory",
            ("what",),
            {("part",): cache.bytes, ("answer",): engine.responses.bytes},
        )
        yield counter("cqar_cache_evicted", "Parts evicted", (), {(): cache.evicted})
        yield single("cqar_fills_in_flight", "Loads of uncached parts under way", len(loader))
        yield counter("cqar_redis_failures", "Failed calls of Redis", (), {(): self._redis_cache.failures})

    def _coherence(self) -> Iterator[Metric]:
        feed, cache = self._feed, self._cache
        yield single("cqar_coherence_applied_revision", "The last revision applied", cache.applied)
        yield single("cqar_coherence_lag_revisions", "Revisions known and not applied", max(0, feed.head - cache.applied))
        yield single(
            "cqar_coherence_lease_age_seconds", "Seconds since the last probe that found everything applied", feed.age()
        )
        yield single("cqar_coherence_floor_revision", "Reads at lower revisions are not cached", cache.floor)
        yield counter("cqar_coherence_gaps_repaired", "Messages that did not continue the applied changes", (), {(): feed.gaps})
        yield counter("cqar_coherence_resyncs", "Times that the cache started over", (), {(): feed.resyncs})
        yield counter(
            "cqar_coherence_looks_through_admin",
            "Probes through admin while PostgreSQL did not answer",
            (),
            {(): feed.probes_through_admin},
        )
        modes = {(mode,): int(mode == self.mode) for mode in ("warm", "repairing", "detached")}
        yield gauge("cqar_coherence_mode", "1 for the current mode of the worker", ("mode",), modes)


def _by_entity(methods: Mapping[str, int]) -> Counter[str]:
    """Counts by method as counts by entity; batches count keys."""
    found = Counter[str]()
    for name, many in methods.items():
        found[_ENTITIES[name]] += many
    return found


def _tiered(tiers: Mapping[str, Mapping[str, int] | Counter[str]]) -> Mapping[tuple[str, ...], float]:
    return {(entity, tier): many for tier, tally in tiers.items() for entity, many in tally.items()}
