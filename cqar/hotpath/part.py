"""Parts as the cache holds them: the rows under one key.

A worker holds millions of parts. None is part of a reference cycle, so they are kept from Python's cycle collector
(`gc=False`).
"""

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from cqar.model import part_kinds
from cqar.model.cache_keys import kind_of
from cqar.model.parts import Stored

#: Approximate bytes of a part beside its rows, and of a row beside its value (tracemalloc).
PART_COST: Final = 300
_ROW_COST = 160
#: Bytes of a character that is not ASCII.
_WIDE = 4
#: Kinds of parts that are not evicted while a cached response about something else needs them.
_SHARED = part_kinds.names(lambda kind: kind.shared)
#: Kinds of parts that may lack a row, and whose names only stored rows give.
OPTIONAL = part_kinds.names(lambda kind: kind.optional)


FOREVER = float("inf")


class Part(msgspec.Struct, eq=False, gc=False):
    """The rows under one key. `live` ends when the part is replaced or evicted, which ends all responses derived from it."""

    key: str
    snap: int
    live: bool = True
    #: cached responses derived from it
    dependents: int = 0
    #: the recency bit, set when it is served
    used: bool = False
    #: monotonic seconds; only absences expire
    expires: ClassVar[float] = FOREVER
    absent: ClassVar[bool] = False

    @property
    def rows(self) -> tuple[Stored, ...]:
        """The rows, in no particular order."""
        raise NotImplementedError

    @property
    def shared(self) -> bool:
        """Whether responses about something else need it too."""
        return kind_of(self.key) in _SHARED

    @property
    def cost(self) -> int:
        """Approximate bytes in memory."""
        return PART_COST + sum(_ROW_COST + len(row.value) for row in self.rows)


class _OneRow(Part, eq=False, gc=False, kw_only=True):
    """A part of one row that is not deleted, like most. The row's fields are the part's own, which saves a third of memory."""

    entity: str
    #: None if it equals the key without its kind
    row_id: str | None
    value: bytes

    @property
    def rows(self) -> tuple[Stored, ...]:
        row_id = self.key.partition(":")[2] if self.row_id is None else self.row_id
        return (Stored(self.entity, row_id, self.value),)


class _ManyRows(Part, eq=False, gc=False, kw_only=True):
    """A part of any number of rows."""

    all_rows: tuple[Stored, ...]

    @property
    def rows(self) -> tuple[Stored, ...]:
        return self.all_rows


class _Absent(Part, eq=False, gc=False, kw_only=True):
    """A part without rows, by PostgreSQL's word."""

    absent: ClassVar[bool] = True
    until: float

    @property
    def cost(self) -> int:
        """Approximate bytes in memory: the key is a name that a caller sent."""
        return PART_COST + len(self.key) * (1 if self.key.isascii() else _WIDE)

    @property
    def expires(self) -> float:  # type: ignore[override]
        return self.until

    @property
    def rows(self) -> tuple[Stored, ...]:
        return ()


class _Lacking(Part, eq=False, gc=False):
    """A part of an optional kind without a row, or of all such parts of a venue.

    Unlike an absence, callers neither name it nor learn of it.
    """

    @property
    def cost(self) -> int:
        """Approximate bytes in memory."""
        return PART_COST + len(self.key)

    @property
    def rows(self) -> tuple[Stored, ...]:
        return ()


def part_of(key: str, snap: int, rows: Sequence[Stored], until: float) -> Part:
    """A part with these rows; without any it expires at `until`, unless its kind is optional."""
    if len(rows) == 1 and not rows[0].deleted:
        row = rows[0]
        row_id = None if key.partition(":")[2] == row.row_id else row.row_id
        return _OneRow(key, snap, entity=row.entity, row_id=row_id, value=row.value)
    if rows:
        return _ManyRows(key, snap, all_rows=tuple(rows))
    return _Lacking(key, snap) if kind_of(key) in OPTIONAL else _Absent(key, snap, until=until)
