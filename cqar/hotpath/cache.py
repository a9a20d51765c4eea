"""The in-process cache of parts: admission, changes and eviction.

A part is true at max(applied, its snap). Three rules keep it so: changes are applied in the order of their dense revisions;
`recent` holds the last change of each key; changes at or below `floor` are unknown, so nothing that old is admitted.
"""

import sys
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from cqar.hotpath.part import OPTIONAL, PART_COST, Part, part_of
from cqar.model.cache_keys import kind_of
from cqar.model.events import Change
from cqar.model.parts import Stored

#: Share of the slots, and of the bytes, that absences may take.
_ABSENT_SHARE = 0.1
#: Characters of the longest key of an absence that is cached: no row has a longer one.
_MAX_ABSENT_KEY = 1_200
#: Expired absences that one admission removes at most.
_MAX_EXPIRED = 4
#: Share of the limits from which unused parts are evicted; parts in use are spared up to the limits themselves.
_SOFT_LIMIT = 15 / 16
#: Parts in use that one eviction spares before it removes the next regardless, which bounds its time.
_MAX_SPARED = 32
#: Reads that wait until their snap is applied, at most. The oldest is dropped, and its keys are holes.
_MAX_WAITING = 256
#: Parts that a complete cache may lack. With more of them, it no longer knows what is absent.
_MAX_HOLES = 10_000


class _Read(NamedTuple):
    """Parts read at one snap, which wait until the cache has applied that snap."""

    snap: int
    parts: Mapping[str, Sequence[Stored]]


T = TypeVar("T")


class Cache:
    """Parts by key, bounded by entries and bytes. Belongs to one event loop."""

    def __init__(
        self,
        *,
        entries: int,
        size: int,
        recent: int,
        absent_ttl: float,
        holes: int = _MAX_HOLES,
        waiting: int = _MAX_WAITING,
    ) -> None:
        self._entries = entries
        self._size = size
        self._recent_limit = recent
        self._absent_limit = max(1, int(min(entries, size / PART_COST) * _ABSENT_SHARE))
        self._absent_size = int(size * _ABSENT_SHARE)
        self._absent_ttl = absent_ttl
        self._parts: dict[str, Part] = {}
        self._queue: deque[Part] = deque()
        self._absent_queue: deque[Part] = deque()
        self._recent: OrderedDict[str, int] = OrderedDict()
        self._waiting: deque[_Read] = deque()
        self._waiting_limit = waiting
        self._absent = self._absent_bytes = 0
        # Once complete, every part of a followed kind that has rows is either cached or in `holes`.
        self._followed: frozenset[str] = frozenset()
        self._complete = False
        self._holes: set[str] = set()
        self._holes_limit = holes
        self.epoch = ""
        #: the epoch with the server's timeline, as last seen: parts read in another history must not be admitted
        self.history = ""
        #: the last revision applied; the parts contain everything up to it
        self.applied = 0
        #: the event id of the change at `applied`: it distinguishes two histories that have reached the same revision
        self.last_event_id: str | None = None
        #: `recent` does not know changes at or below it
        self.floor = 0
        #: counts the ends of parts with dependents: a response checked at this generation is valid
        self.generation = 0
        #: counts the calls of `start`
        self.starts = 0
        self.bytes = 0
        self.evicted = 0

    def __len__(self) -> int:
        """The number of parts."""
        return len(self._parts)

    @property
    def full(self) -> bool:
        """Whether the next part admitted evicts another."""
        return self._over(_SOFT_LIMIT)

    # ---- reads -----------------------------------------------------------------------------------------------------

    def get(self, key: str, now: float) -> Part | None:
        """The live part under the key, marked as used; None if it is not cached, or was an absence that has expired."""
        part = self._parts.get(key) or self._lacking(key, now)
        if part is None:
            return None
        if part.expires <= now:
            self._drop(part)
            return None
        part.used = True
        return part

    def _lacking(self, key: str, now: float) -> Part | None:
        """The part that stands for all parts of an optional kind and a venue that are known to have no row.

        It ends when one of them gets a row. One for each name would take the memory of a response.
        """
        if kind_of(key) not in OPTIONAL or not self.absent(key):
            return None
        common = _common(key)
        if common not in self._parts:
            self._put(common, self.applied, (), now)
        return self._parts.get(common)

    def _appeared(self, key: str) -> None:
        """Note that a part may have rows that was known to have none."""
        common = self._parts.get(_common(key)) if kind_of(key) in OPTIONAL else None
        if common is not None:
            self._drop(common)

    def absent(self, key: str) -> bool:
        """Whether the key is known to have no rows, because all parts of its kind are cached."""
        return self._complete and key not in self._parts and key not in self._holes and kind_of(key) in self._followed

    @property
    def complete(self) -> frozenset[str]:
        """The kinds of which all parts are cached, except for a few known ones."""
        return self._followed if self._complete else frozenset()

    def peek(self, key: str) -> Part | None:
        """The part under the key, however old, without marking it as used."""
        return self._parts.get(key)

    def keys(self) -> list[str]:
        """The keys of all parts, as a snapshot."""
        return list(self._parts)

    # ---- admission -------------------------------------------------------------------------------------------------

    def start(
        self,
        epoch: str,
        applied: int,
        recent: Iterable[tuple[int, Sequence[str]]] = (),
        floor: int | None = None,
        last_event_id: str | None = None,
    ) -> None:
        """Start over at a head, empty; `recent` holds the changes above `floor` up to `applied`.

        `last_event_id` is the event id of the change at `applied`, if it is known.
        """
        for part in list(self._parts.values()):
            self._drop(part)
        self._queue.clear()
        self._absent_queue.clear()
        self._waiting.clear()
        self._recent.clear()
        self._unfollow()
        self.starts += 1
        self.epoch, self.applied, self.last_event_id = epoch, applied, last_event_id
        self.floor = applied if floor is None else floor
        for revision, keys in recent:
            self._remember(revision, keys)

    def apply(self, change: Change, now: float) -> bool:
        """Apply the next change. Returns False and does nothing if changes before it are missing; ignores older ones."""
        if change.revision <= self.applied:
            return True
        if change.revision != self.applied + 1:
            return False
        self._remember(change.revision, (*change.keys, *change.left_keys))
        for key in change.keys:
            self._change(key, change, now, enters=True)
        for key in change.left_keys:
            self._change(key, change, now, enters=False)
        self.applied, self.last_event_id = change.revision, change.event_id
        if self._waiting:
            self._admit_waiting(now)
        return True

    def admit(self, snap: int, parts: Mapping[str, Sequence[Stored]], now: float) -> None:
        """Cache parts read at a snap of this history, except those that changed since; a snap not yet applied waits."""
        if snap > self.applied:
            self._waiting.append(_Read(snap, parts))
            if len(self._waiting) > self._waiting_limit:
                self._discard(self._waiting.popleft())
            return
        for key, rows in parts.items():
            if self.admissible(key, snap):
                self._put(key, snap, rows, now)

    def admissible(self, key: str, snap: int) -> bool:
        """Whether a part read at the snap is current, and no older than the cached one."""
        if not self.current(key, snap):
            return False
        cached = self._parts.get(key)
        return cached is None or cached.snap <= snap

    def current(self, key: str, snap: int) -> bool:
        """Whether a part read at the snap is known to be true at max(applied, snap)."""
        return self.floor <= snap and self._recent.get(key, 0) <= snap

    def set_history(self, history: str) -> None:
        """Note the history that the database is on. On a new one, reads that wait are dropped."""
        if history != self.history:
            self.history = history
            while self._waiting:
                self._discard(self._waiting.popleft())

    # ---- complete kinds --------------------------------------------------------------------------------------------

    def follow(self, kinds: Iterable[str]) -> None:
        """Track from now on which parts of these kinds are missing, before all of them are read."""
        self._unfollow()
        self._followed = frozenset(kinds)

    def completed(self, snap: int) -> bool:
        """Note that all parts of the followed kinds, as of the snap, were admitted. Returns whether absences are now known."""
        self._complete = bool(self._followed) and self.floor <= snap <= self.applied
        if not self._complete:
            self._unfollow()
        return self._complete

    def _unfollow(self) -> None:
        """Absences are no longer known."""
        self._followed, self._complete = frozenset(), False
        self._holes.clear()

    def lost(self, key: str) -> None:
        """Note that a part should be cached and is not: it is no longer known to be absent."""
        if key not in self._parts:
            self._appeared(key)
            self._hole(key)

    def _discard(self, read: _Read) -> None:
        """Drop a read that waits: what it holds is not known to be absent."""
        for key in read.parts:
            self.lost(key)

    def _hole(self, key: str) -> None:
        """Note that the key may have rows that are not cached."""
        if kind_of(key) in self._followed:
            self._holes.add(key)
            if len(self._holes) > self._holes_limit:
                self._unfollow()

    def _admit_waiting(self, now: float) -> None:
        if all(read.snap > self.applied for read in self._waiting):
            return
        waiting = list(self._waiting)
        self._waiting.clear()
        for read in waiting:
            self.admit(read.snap, read.parts, now)

    def _change(self, key: str, change: Change, now: float, *, enters: bool) -> None:
        cached = self._parts.get(key)
        if cached is not None and cached.snap >= change.revision:
            return
        if cached is None and enters:
            self._appeared(key)
        unknown = cached is None and not self.absent(key)
        if unknown or (enters and change.value is None):
            # Earlier reads are no longer admissible, even if a row has only left the part: it may have others.
            if cached is not None:
                self._drop(cached)
            self._hole(key)
            return
        if cached is None and not enters:
            return
        ident = (change.entity, change.row_id)
        rows = [] if cached is None else [row for row in cached.rows if (row.entity, row.row_id) != ident]
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

    # ---- eviction --------------------------------------------------------------------------------------------------

    def _put(self, key: str, snap: int, rows: Sequence[Stored], now: float) -> None:
        part = part_of(key, snap, rows, now + self._absent_ttl)
        cached = self._parts.get(key)
        if cached is not None:
            part.used = cached.used
            self._drop(cached)
        if part.absent and len(key) > _MAX_ABSENT_KEY:
            return
        self._parts[key] = part
        self._holes.discard(key)
        self.bytes += part.cost
        if not part.absent:
            self._queue.append(part)
        else:
            self._absent += 1
            self._absent_bytes += part.cost
            self._absent_queue.append(part)
            self.expire(now, _MAX_EXPIRED)
            self._evict_absent()
        self._evict()

    def _drop(self, part: Part) -> None:
        """Remove a part, which invalidates the responses derived from it."""
        part.live = False
        del self._parts[part.key]
        if part.dependents:
            self.generation += 1
        self.bytes -= part.cost
        if part.absent:
            self._absent -= 1
            self._absent_bytes -= part.cost

    def _over(self, share: float) -> bool:
        return len(self._parts) > self._entries * share or self.bytes > self._size * share

    def _evict(self) -> None:
        """Second chance: remove the oldest parts, except those used since they were last considered or needed by a response."""
        spare = _MAX_SPARED
        while self._queue and self._over(_SOFT_LIMIT) and (spare or self._over(1)):
            part = self._queue.popleft()
            if not part.live:
                continue
            if spare and (part.used or (part.shared and part.dependents)):
                spare -= 1
                part.used = False
                self._queue.append(part)
                continue
            self._drop(part)
            self._hole(part.key)
            self.evicted += 1
        compact(self._queue, len(self._parts) - self._absent, lambda part: part.live)

    def expire(self, now: float, most: int) -> None:
        """Remove the oldest absences if they have expired, at most `most`."""
        queue = self._absent_queue
        for _ in range(most):
            if not queue or (queue[0].live and queue[0].expires > now):
                return
            part = queue.popleft()
            if part.live:
                self._drop(part)

    def _evict_absent(self) -> None:
        """Remove the oldest absences: a flood of unknown names evicts only its own."""
        while self._absent > self._absent_limit or self._absent_bytes > self._absent_size:
            part = self._absent_queue.popleft()
            if part.live:
                self._drop(part)
                self.evicted += 1
        compact(self._absent_queue, self._absent, lambda part: part.live)


def _common(key: str) -> str:
    """The key that stands for all keys of its kind with the same first name; no row has it."""
    kind, first, _ = key.split(":", 2)
    return f"{kind}:{first}:"


def compact(queue: deque[T], live: int, is_live: Callable[[T], bool]) -> None:
    """If most of a queue is dead, take a few of its oldest: the live ones move to its end, the dead ones go."""
    if len(queue) > 2 * live + 64:
        for _ in range(4):
            each = queue.popleft()
            if is_live(each):
                queue.append(each)
