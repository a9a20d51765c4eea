"""What a worker's metrics say: caches, fills, and how close it follows the changes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from prometheus_client.metrics_core import Metric

from cqar.hotpath.cache import Cache
from cqar.hotpath.engine import Core
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


class Measures:
    """The numbers of one worker. `lease`: seconds after which it counts as cut off."""

    def __init__(self, core: Core, cache: Cache, feed: Feed, tier: RedisCache, lease: float) -> None:
        self._core = core
        self._cache = cache
        self._feed = feed
        self._tier = tier
        self._lease = lease

    @property
    def mode(self) -> str:
        """`warm`, `repairing` while it knows of changes that it has not applied, or `detached` from PostgreSQL."""
        if self._feed.age() > self._lease:
            return "detached"
        return "repairing" if self._feed.repairing else "warm"

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield from self._caches()
        yield from self._coherence()

    def _caches(self) -> Iterator[Metric]:
        core, cache = self._core, self._cache
        answered, resolved = _by_entity(core.answered), _by_entity(core.resolved)
        hits = _tiered({"answer": answered, "memory": core.found, "redis": core.fills.adopted})
        misses = _tiered({"answer": resolved, "memory": core.missed, "redis": core.fills.unadopted})
        yield counter("cqar_cache_hit", "Ready answers, and parts of answers, that a tier had", _TIERED, hits)
        yield counter("cqar_cache_miss", "Ready answers, and parts of answers, that a tier had not", _TIERED, misses)
        yield gauge(
            "cqar_cache_entries", "What memory holds", ("what",), {("part",): len(cache), ("answer",): core.answers.kept}
        )
        yield gauge(
            "cqar_cache_bytes",
            "Bytes that it takes, about",
            ("what",),
            {("part",): cache.bytes, ("answer",): core.answers.bytes},
        )
        yield counter("cqar_cache_evicted", "Parts that went for want of room", (), {(): cache.evicted})
        yield single("cqar_fills_in_flight", "Reads of uncached parts that are under way", len(core.fills))
        yield counter("cqar_redis_failures", "Failures of Redis", (), {(): self._tier.failures})

    def _coherence(self) -> Iterator[Metric]:
        feed, cache = self._feed, self._cache
        yield single("cqar_coherence_applied_revision", "The last revision that is applied", cache.applied)
        yield single(
            "cqar_coherence_lag_revisions", "Revisions that are known of and not applied", max(0, feed.head - cache.applied)
        )
        yield single("cqar_coherence_lease_age_seconds", "Since the last look that found everything applied", feed.age())
        yield single("cqar_coherence_floor_revision", "Reads older than it are not cached", cache.floor)
        yield counter("cqar_coherence_gaps_repaired", "Messages that did not continue what was applied", (), {(): feed.gaps})
        yield counter("cqar_coherence_resyncs", "Times that the cache began anew", (), {(): feed.resyncs})
        yield counter("cqar_coherence_looks_through_admin", "Looks while PostgreSQL did not answer", (), {(): feed.detours})
        modes = {(mode,): int(mode == self.mode) for mode in ("warm", "repairing", "detached")}
        yield gauge("cqar_coherence_mode", "1 for the mode that the worker is in", ("mode",), modes)


def _by_entity(methods: Mapping[str, int]) -> Counter[str]:
    """What the methods count, by what they are about; batches count keys."""
    found = Counter[str]()
    for name, many in methods.items():
        found[_ENTITIES[name]] += many
    return found


def _tiered(tiers: Mapping[str, Mapping[str, int] | Counter[str]]) -> Mapping[tuple[str, ...], float]:
    return {(entity, tier): many for tier, tally in tiers.items() for entity, many in tally.items()}
