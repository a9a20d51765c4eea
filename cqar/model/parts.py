"""Parts: the rows under one cache key, as caches hold them. Keys: see `cqar.model.cache_keys`.

A part is true at its snap, the revision at which PostgreSQL was read.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from cqar.model import events
from cqar.model.cache_keys import kind_of
from cqar.model.entity import Entity, Row


class Stored(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row of a part: its entity, id and message bytes, which end with its revision."""

    entity: str
    row_id: str
    value: bytes
    #: soft-deleted; kept for the answers that name it
    deleted: bool = False


class Head(NamedTuple):
    """The head when parts were read: its epoch, their snap, and the history that the snap counts in."""

    epoch: str
    snap: int
    #: the epoch with the server's timeline: after a failover that lost commits, Redis holds parts of another history
    history: str


class Missing(Exception):
    """A derivation needs a part that has not been read."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class ReadParts(dict[str, Sequence[Stored]]):
    """Parts that were read for one answer, by key. `[key]` raises Missing."""

    def __missing__(self, key: str) -> Sequence[Stored]:
        """Raise Missing for a part that has not been read."""
        raise Missing(key)


def stored(entity: Entity, row: Row) -> Stored:
    """A row of `entity.select` as a part holds it."""
    value = events.with_revision(entity.stored(row).SerializeToString(), row["revision"])
    deleted = entity.soft and row["deleted_at"] is not None
    return Stored(entity.name, entity.row_id(row), value, deleted)


def by_kind(keys: Iterable[str]) -> dict[str, list[str]]:
    """Part keys grouped by their kind."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(kind_of(key), []).append(key)
    return groups
