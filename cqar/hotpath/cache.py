"""The in-process cache of parts: what is admitted, what a change does to it, what is evicted.

A part equals the truth at max(applied, its snap). Three facts keep it so: changes are applied in the order of their dense
revisions; `recent` knows the last change of each key; and below `floor`, nothing is known, so nothing that old is admitted.

A worker holds millions of parts, which are in no cycle: Python's collector of cycles is not to walk them (`gc=False`).
"""

import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, NamedTuple, TypeVar

import msgspec

from cqar.model import part_kinds
from cqar.model.cache_keys import kind_of
from cqar.model.events import Change
from cqar.model.parts import Stored

#: Bytes that a part costs beside its rows, and a row beside its value, about: measured with tracemalloc.
_PART_COST = 300
_ROW_COST = 160
#: Share of the slots that absent parts may take.
_ABSENT_SHARE = 0.1
#: Share of the limits above which parts are evicted, gently: those in use are spared up to the limit itself.
_GENTLE = 15 / 16
#: Parts that one eviction looks at before it takes what comes: what bounds the time that it takes.
_LOOKS = 32
#: Reads that wait for their snap to be applied, at most; the oldest are forgotten, which is harmless.
_WAITING = 256
#: Parts that are neither here nor known to be absent, at most, before nothing is known to be absent any more.
_HOLES = 10_000
#: Kinds of parts that are not evicted while a cached response about something else needs them.
_SHARED = part_kinds.names(lambda kind: kind.shared)


FOREVER = float("inf")


class Part(msgspec.Struct, eq=False, gc=False):
    """The rows under one key. `live` ends when the part is replaced or evicted, and ends every answer made of it."""

    key: str
    snap: int
    live: bool = True
    #: ready answers that are made of it
    holders: int = 0
    #: the bit of recency, set by whoever serves it
    used: bool = False
    #: monotonic seconds; of absence it is a while
    expires: ClassVar[float] = FOREVER
    absent: ClassVar[bool] = False

    @property
    def rows(self) -> tuple[Stored, ...]:
        """The rows, in no order."""
        raise NotImplementedError

    @property
    def shared(self) -> bool:
        """Whether answers about something else are made of it too."""
        return kind_of(self.key) in _SHARED

    @property
    def cost(self) -> int:
        """Bytes that it takes, about."""
        return _PART_COST + sum(_ROW_COST + len(row.value) for row in self.rows)


class _Single(Part, eq=False, gc=False, kw_only=True):
    """Of one row that is not deleted, as most are: its fields stand in the part, which saves a third of the memory."""

    entity: str
    #: None where the key has it after its kind
    row_id: str | None
    value: bytes

    @property
    def rows(self) -> tuple[Stored, ...]:
        row_id = self.key.partition(":")[2] if self.row_id is None else self.row_id
        return (Stored(self.entity, row_id, self.value),)


class _Several(Part, eq=False, gc=False, kw_only=True):
    """Of any number of rows."""

    held: tuple[Stored, ...]

    @property
    def rows(self) -> tuple[Stored, ...]:
        return self.held


class _Absent(Part, eq=False, gc=False, kw_only=True):
    """Of no rows, as PostgreSQL said."""

    absent: ClassVar[bool] = True
    until: float

    @property
    def expires(self) -> float:  # type: ignore[override]
        return self.until

    @property
    def rows(self) -> tuple[Stored, ...]:
        return ()


def _part(key: str, snap: int, rows: Sequence[Stored], until: float) -> Part:
    """The part with these rows; `until`: when it expires if there are none."""
    if len(rows) == 1 and not rows[0].deleted:
        row = rows[0]
        row_id = None if key.partition(":")[2] == row.row_id else row.row_id
        return _Single(key, snap, entity=row.entity, row_id=row_id, value=row.value)
    return _Several(key, snap, held=tuple(rows)) if rows else _Absent(key, snap, until=until)


class Fill(NamedTuple):
    """Parts read at one snap, which wait until the cache has applied that far."""

    snap: int
    parts: Mapping[str, Sequence[Stored]]


T = TypeVar("T")


class Cache:
    """Parts by key, bounded by entries and bytes. Not safe for threads: one event loop owns it."""

    def __init__(self, *, entries: int, size: int, recent: int, absent_ttl: float, holes: int = _HOLES) -> None:
        self._entries = entries
        self._size = size
        self._recent_limit = recent
        self._absent_limit = max(1, int(min(entries, size / _PART_COST) * _ABSENT_SHARE))
        self._absent_ttl = absent_ttl
        self._parts: dict[str, Part] = {}
        self._queue: deque[Part] = deque()
        self._absent_queue: deque[Part] = deque()
        self._recent: OrderedDict[str, int] = OrderedDict()
        self._waiting: deque[Fill] = deque(maxlen=_WAITING)
        self._absent = 0
        # Of followed kinds, every part that has rows is here or in `holes`, once all is here that was read since.
        self._followed: frozenset[str] = frozenset()
        self._complete = False
        self._holes: set[str] = set()
        self._holes_limit = holes
        self.epoch = ""
        #: the epoch with the timeline of the database, as last seen: what was read in another one is not to be admitted
        self.history = ""
        #: the last revision applied; everything at or below it is in the parts
        self.applied = 0
        #: the event id of the change at `applied`: by it, two histories that count alike are told apart
        self.last: str | None = None
        #: changes at or below it are unknown to `recent`
        self.floor = 0
        #: counts the ends of parts that answers are made of: an answer checked at this generation is valid
        self.generation = 0
        #: counts the calls of `start`
        self.starts = 0
        self.bytes = 0
        self.evicted = 0

    def __len__(self) -> int:
        """How many parts there are."""
        return len(self._parts)

    @property
    def full(self) -> bool:
        """Whether what comes in from now on drives something out."""
        return self._over(_GENTLE)

    # ---- reads -----------------------------------------------------------------------------------------------------

    def get(self, key: str, now: float) -> Part | None:
        """The live part under the key, marked as used; None where there is none or its absence has expired."""
        part = self._parts.get(key)
        if part is None:
            return None
        if part.expires <= now:
            self._drop(part)
            return None
        part.used = True
        return part

    def absent(self, key: str) -> bool:
        """Whether there are no rows under the key, without asking anybody: all there is of its kind is here."""
        return self._complete and key not in self._parts and key not in self._holes and kind_of(key) in self._followed

    @property
    def complete(self) -> frozenset[str]:
        """The kinds of which everything is here, but for a few parts that are known not to be."""
        return self._followed if self._complete else frozenset()

    def peek(self, key: str) -> Part | None:
        """The part under the key, however old, without marking it as used."""
        return self._parts.get(key)

    def keys(self) -> list[str]:
        """The keys of all parts, as they are now."""
        return list(self._parts)

    # ---- coming in -------------------------------------------------------------------------------------------------

    def start(
        self,
        epoch: str,
        applied: int,
        recent: Iterable[tuple[int, Sequence[str]]] = (),
        floor: int | None = None,
        last: str | None = None,
    ) -> None:
        """Begin anew at a head: nothing is cached, changes above `floor` up to `applied` are known from `recent`.

        `last`: the event id of the change at `applied`, where it is known.
        """
        for part in list(self._parts.values()):
            self._drop(part)
        self._queue.clear()
        self._absent_queue.clear()
        self._waiting.clear()
        self._recent.clear()
        self._give_up()
        self.starts += 1
        self.epoch, self.applied, self.last = epoch, applied, last
        self.floor = applied if floor is None else floor
        for revision, keys in recent:
            self._remember(revision, keys)

    def apply(self, change: Change, now: float) -> bool:
        """Apply the next change. False, and nothing done, where changes before it are missing; older ones are ignored."""
        if change.revision <= self.applied:
            return True
        if change.revision != self.applied + 1:
            return False
        self._remember(change.revision, (*change.keys, *change.left_keys))
        for key in change.keys:
            self._change(key, change, now, enters=True)
        for key in change.left_keys:
            self._change(key, change, now, enters=False)
        self.applied, self.last = change.revision, change.event_id
        if self._waiting:
            self._admit_waiting(now)
        return True

    def admit(self, snap: int, parts: Mapping[str, Sequence[Stored]], now: float) -> None:
        """Take parts read at a snap of this history, as far as no later change of them is known; those of the future wait."""
        if snap > self.applied:
            self._waiting.append(Fill(snap, parts))
            return
        for key, rows in parts.items():
            if self.admissible(key, snap):
                self._put(key, snap, rows, now)

    def admissible(self, key: str, snap: int) -> bool:
        """Whether what was read under the key at the snap is worth taking: current, and no older than what is here."""
        if not self.current(key, snap):
            return False
        held = self._parts.get(key)
        return held is None or held.snap <= snap

    def current(self, key: str, snap: int) -> bool:
        """Whether what was read under the key at the snap is known to be the truth at max(applied, snap)."""
        return self.floor <= snap and self._recent.get(key, 0) <= snap

    def turned(self, history: str) -> None:
        """The database goes on under another timeline: what was read before, and of which nothing is applied, is forgotten."""
        if history != self.history:
            self.history = history
            self._waiting.clear()

    # ---- everything of a kind --------------------------------------------------------------------------------------

    def follow(self, kinds: Iterable[str]) -> None:
        """Note from now on what is not here of these kinds: the beginning of reading all there is of them."""
        self._give_up()
        self._followed = frozenset(kinds)

    def completed(self, snap: int) -> bool:
        """All that there was of the followed kinds at the snap has been admitted. Whether it is known now what is absent."""
        self._complete = bool(self._followed) and self.floor <= snap <= self.applied
        if not self._complete:
            self._give_up()
        return self._complete

    def _give_up(self) -> None:
        """Nothing is known to be absent any more."""
        self._followed, self._complete = frozenset(), False
        self._holes.clear()

    def _hole(self, key: str) -> None:
        """There may be rows under the key that are not here."""
        if kind_of(key) in self._followed:
            self._holes.add(key)
            if len(self._holes) > self._holes_limit:
                self._give_up()

    def _admit_waiting(self, now: float) -> None:
        if all(fill.snap > self.applied for fill in self._waiting):
            return
        waiting = list(self._waiting)
        self._waiting.clear()
        for fill in waiting:
            self.admit(fill.snap, fill.parts, now)

    def _change(self, key: str, change: Change, now: float, *, enters: bool) -> None:
        held = self._parts.get(key)
        if held is not None and held.snap >= change.revision:
            return
        unknown = held is None and not self.absent(key)
        if unknown or (enters and change.value is None):
            # What was read before can no longer be admitted, even where a row has only left: others may be there.
            if held is not None:
                self._drop(held)
            self._hole(key)
            return
        if held is None and not enters:
            return
        ident = (change.entity, change.row_id)
        rows = [] if held is None else [row for row in held.rows if (row.entity, row.row_id) != ident]
        if enters and change.value is not None:
            rows.append(Stored(sys.intern(change.entity), change.row_id, change.value, change.deleted))
        self._put(key, change.revision, rows, now)

    def _remember(self, revision: int, keys: Iterable[str]) -> None:
        recent = self._recent
        for key in keys:
            recent[key] = revision
            recent.move_to_end(key)
        while len(recent) > self._recent_limit:
            _, forgotten = recent.popitem(last=False)
            self.floor = max(self.floor, forgotten)

    # ---- going out -------------------------------------------------------------------------------------------------

    def _put(self, key: str, snap: int, rows: Sequence[Stored], now: float) -> None:
        part = _part(key, snap, rows, now + self._absent_ttl)
        held = self._parts.get(key)
        if held is not None:
            part.used = held.used
            self._drop(held)
        self._parts[key] = part
        self._holes.discard(key)
        self.bytes += part.cost
        if rows:
            self._queue.append(part)
        else:
            self._absent += 1
            self._absent_queue.append(part)
            self._evict_absent()
        self._evict()

    def _drop(self, part: Part) -> None:
        """End a part: answers made of it are no longer valid."""
        part.live = False
        del self._parts[part.key]
        if part.holders:
            self.generation += 1
        self.bytes -= part.cost
        if part.absent:
            self._absent -= 1

    def _over(self, share: float) -> bool:
        return len(self._parts) > self._entries * share or self.bytes > self._size * share

    def _evict(self) -> None:
        """Second chance: the oldest goes, unless it was used since it was last looked at or an answer needs it."""
        looks = _LOOKS
        while self._queue and self._over(_GENTLE) and (looks or self._over(1)):
            part = self._queue.popleft()
            if not part.live:
                continue
            if looks and (part.used or (part.shared and part.holders)):
                looks -= 1
                part.used = False
                self._queue.append(part)
                continue
            self._drop(part)
            self._hole(part.key)
            self.evicted += 1
        sweep(self._queue, len(self._parts) - self._absent, lambda part: part.live)

    def _evict_absent(self) -> None:
        """The oldest absence goes: a flood of unknown names drives out nothing but itself."""
        while self._absent > self._absent_limit:
            part = self._absent_queue.popleft()
            if part.live:
                self._drop(part)
                self.evicted += 1
        sweep(self._absent_queue, self._absent, lambda part: part.live)


def sweep(queue: deque[T], living: int, lives: Callable[[T], bool]) -> None:
    """Where most of a queue is dead, look at a few of its oldest: the living go to its end, the dead go."""
    if len(queue) > 2 * living + 64:
        for _ in range(4):
            each = queue.popleft()
            if lives(each):
                queue.append(each)
