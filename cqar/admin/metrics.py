"""Metrics of admin, apart from its calls: the outbox and what was published of it."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from cqar.observability.metrics import counter, gauge, single, tallied
from cqar.replication.relay import Relay
from cqar.storage.redis import RedisCache


class AdminMetrics:
    """The metrics of one admin process."""

    def __init__(self, relay: Relay, redis_cache: RedisCache) -> None:
        self._relay = relay
        self._redis_cache = redis_cache

    async def refresh(self) -> None:
        """Count the rows of the outbox."""
        await self._relay.outbox.count()

    def collect(self) -> Iterator[Metric]:
        """All metric families."""
        outbox = self._relay.outbox
        backlog = outbox.backlog
        depth = {(name,): each.depth for name, each in backlog.items()}
        age = {(name,): each.age for name, each in backlog.items()}
        yield counter("cqar_event_published", "Messages published to NATS", ("event_type",), tallied(self._relay.published))
        yield gauge("cqar_outbox_depth", "Outbox rows not yet relayed", ("relay",), depth)
        yield gauge("cqar_outbox_age_seconds", "Age of the oldest outbox row not yet relayed, in seconds", ("relay",), age)
        if outbox.kept is not None:
            yield single("cqar_outbox_rows", "Outbox rows kept, relayed or not", outbox.kept.rows)
            yield single("cqar_outbox_oldest_seconds", "Age of the oldest outbox row kept, in seconds", outbox.kept.age)
        yield single("cqar_relay_active", "1 if this process is the active relay, else 0", int(self._relay.active))
        shared = "Times that the stream of changes ended with a change of another registry"
        yield counter("cqar_relay_foreign_changes", shared, (), {(): self._relay.foreign})
        yield counter("cqar_redis_failures", "Failed Redis operations", (), {(): self._redis_cache.failures})
