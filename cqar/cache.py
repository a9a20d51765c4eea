"""The in-process cache of parts: what is admitted, what a change does to it, what is evicted.

A part equals the truth at max(applied, its snap). Three facts keep it so: changes are applied in the order of their dense
revisions; `recent` knows the last change of each key; and below `floor`, nothing is known, so nothing that old is admitted.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cqar.events import Change
from cqar.parts import Stored

#: Bytes that a part costs beside its rows' values, about.
_PART_COST = 400
#: Share of the slots that absent parts may take.
_ABSENT_SHARE = 0.1


class Part:
    """The rows under one key. `live` ends when the part is replaced or evicted, and ends every answer made of it."""

    __slots__ = ("cost", "expires", "holders", "key", "live", "rows", "snap", "used")

    def __init__(self, key: str, snap: int, rows: tuple[Stored, ...], expires: float) -> None:
        self.key = key
        self.snap = snap
        self.rows = rows
        self.live = True
        #: monotonic seconds; infinity for rows, a while for absence
        self.expires = expires
        #: ready answers that are made of it
        self.holders = 0
        self.used = False
        self.cost = _PART_COST + sum(len(row.value) for row in rows)


class Fill(NamedTuple):
    """Parts read at one snap, which wait until the cache has applied that far."""

    snap: int
    parts: Mapping[str, Sequence[Stored]]


FOREVER = float("inf")


class Cache:
    """Parts by key, bounded by entries and bytes. Not safe for threads: one event loop owns it."""

    def __init__(self, *, entries: int, size: int, recent: int, absent_ttl: float) -> None:
        self._entries = entries
        self._size = size
        self._recent_limit = recent
        self._absent_ttl = absent_ttl
        self._parts: dict[str, Part] = {}
        self._queue: deque[Part] = deque()
        self._recent: dict[str, int] = {}
        self._recent_order: deque[tuple[int, str]] = deque()
        self._waiting: list[Fill] = []
        self._absent = 0
        self.epoch = ""
        #: the last revision applied; everything at or below it is in the parts
        self.applied = 0
        #: changes at or below it are unknown to `recent`
        self.floor = 0
        #: counts every change of any part: an answer checked at this generation is valid
        self.generation = 0
        self.bytes = 0
        self.evicted = 0

    def __len__(self) -> int:
        """How many parts there are."""
        return len(self._parts)

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

    # ---- coming in -------------------------------------------------------------------------------------------------

    def start(self, epoch: str, applied: int, recent: Iterable[tuple[int, Sequence[str]]] = (), floor: int | None = None) -> None:
        """Begin anew at a head: nothing is cached, changes above `floor` up to `applied` are known from `recent`."""
        for part in list(self._parts.values()):
            self._drop(part)
        self._queue.clear()
        self._waiting.clear()
        self._recent.clear()
        self._recent_order.clear()
        self.epoch, self.applied = epoch, applied
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
        self.applied = change.revision
        if self._waiting:
            self._admit_waiting(now)
        return True

    def admit(self, snap: int, parts: Mapping[str, Sequence[Stored]], now: float) -> None:
        """Take parts read at a snap, as far as no later change of them is known; those of the future wait for it."""
        if snap > self.applied:
            self._waiting.append(Fill(snap, parts))
            return
        for key, rows in parts.items():
            if self.admissible(key, snap):
                self._put(key, snap, tuple(rows), now)

    def admissible(self, key: str, snap: int) -> bool:
        """Whether what was read under the key at the snap is known to be no older than what is applied."""
        if not self.floor <= snap or self._recent.get(key, 0) > snap:
            return False
        held = self._parts.get(key)
        return held is None or held.snap <= snap or not held.live

    def _admit_waiting(self, now: float) -> None:
        ripe = [fill for fill in self._waiting if fill.snap <= self.applied]
        if ripe:
            self._waiting = [fill for fill in self._waiting if fill.snap > self.applied]
            for fill in ripe:
                self.admit(fill.snap, fill.parts, now)

    def _change(self, key: str, change: Change, now: float, *, enters: bool) -> None:
        held = self._parts.get(key)
        if held is None or held.snap >= change.revision:
            return
        if enters and change.value is None:
            self._drop(held)
            return
        ident = (change.entity, change.row_id)
        rows = [row for row in held.rows if (row.entity, row.row_id) != ident]
        if enters and change.value is not None:
            rows.append(Stored(change.entity, change.row_id, change.value, change.deleted))
        self._put(key, change.revision, tuple(rows), now)

    def _remember(self, revision: int, keys: Iterable[str]) -> None:
        for key in keys:
            self._recent[key] = revision
            self._recent_order.append((revision, key))
        while len(self._recent) > self._recent_limit:
            old, key = self._recent_order.popleft()
            if self._recent.get(key) == old:
                del self._recent[key]
                self.floor = max(self.floor, old)

    # ---- going out -------------------------------------------------------------------------------------------------

    def _put(self, key: str, snap: int, rows: tuple[Stored, ...], now: float) -> None:
        held = self._parts.get(key)
        if held is not None:
            self._drop(held)
        part = Part(key, snap, rows, FOREVER if rows else now + self._absent_ttl)
        if held is not None:
            part.used = held.used
        if not rows:
            if self._absent >= max(1, int(self._entries * _ABSENT_SHARE)):
                self._evict_absent()
            self._absent += 1
        self._parts[key] = part
        self._queue.append(part)
        self.bytes += part.cost
        self._evict()

    def _drop(self, part: Part) -> None:
        """End a part: answers made of it are no longer valid."""
        if not part.live:
            return
        part.live = False
        self.generation += 1
        self.bytes -= part.cost
        if not part.rows:
            self._absent -= 1
        if self._parts.get(part.key) is part:
            del self._parts[part.key]

    def _evict(self) -> None:
        """Second chance: the oldest goes, unless it was used since it was last looked at or an answer is made of it."""
        chances = 2 * len(self._queue)
        while self._queue and (len(self._parts) > self._entries or self.bytes > self._size):
            part = self._queue.popleft()
            if not part.live:
                continue
            if chances > 0 and (part.used or part.holders):
                part.used = False
                self._queue.append(part)
                chances -= 1
                continue
            self._drop(part)
            self.evicted += 1
        if len(self._queue) > 2 * len(self._parts) + 1024:
            self._queue = deque(part for part in self._queue if part.live)

    def _evict_absent(self) -> None:
        for part in self._queue:
            if part.live and not part.rows:
                self._drop(part)
                return
