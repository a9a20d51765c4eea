"""The cache of parts, compared with the true history after random steps, and its limits."""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from cqar.hotpath.cache import Cache
from cqar.hotpath.part import Part
from cqar.model.events import Change
from cqar.model.parts import Stored

KEYS = (
    *("asset:A", "asset:B", "symbol:S", "listings:v:T", "listings:v:U", "venue_asset:v:A"),
    *("identity:v:A", "identity:v:B"),
)
#: Stands for all identities of the venue that have no row.
LACKING = "identity:v:"
ROWS = ("r1", "r2", "r3", "r4", "r5", "r6")
#: The cache does not depend on the entity of a row.
ENTITY = "venue_symbol"

Content = dict[str, bytes]


class Truth:
    """A registry in which rows move between keys: the rows under each key at each revision, and the changes."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.history = f"{epoch}.1"
        self.changes: list[Change] = []
        self._states: list[dict[str, Content]] = [{key: {} for key in KEYS}]
        self._rows: dict[str, tuple[frozenset[str], bytes]] = {}

    @property
    def head(self) -> int:
        return len(self.changes)

    def at(self, revision: int, key: str) -> Content:
        return self._states[revision][key]

    def lose(self, beyond: int) -> None:
        """Lose the commits beyond a revision, and begin the next timeline."""
        self.history += "1"
        while self.head > beyond:
            self.changes.pop()
            self._states.pop()
        last = {change.row_id: change for change in self.changes}
        self._rows = {
            row: (frozenset(change.keys), self._states[-1][change.keys[0]][row] if change.keys else b"")
            for row, change in last.items()
        }

    def read(self, keys: Sequence[str]) -> dict[str, list[Stored]]:
        return {key: [Stored(ENTITY, row, value) for row, value in self._states[-1][key].items()] for key in keys}

    def write(self, row: str, keys: frozenset[str], *, carried: bool) -> None:
        """Put the row under the keys, and nowhere else."""
        before, _ = self._rows.get(row, (frozenset(), b""))
        value = b"%s@%d of %s" % (row.encode(), self.head + 1, self.history.encode())
        self._rows[row] = (keys, value)
        state = {key: dict(content) for key, content in self._states[-1].items()}
        for key in before - keys:
            del state[key][row]
        for key in keys:
            state[key][row] = value
        self._states.append(state)
        self.changes.append(
            Change(
                revision=self.head + 1,
                epoch=self.epoch,
                event_id="",
                entity=ENTITY,
                row_id=row,
                op="update",
                keys=sorted(keys),
                left_keys=sorted(before - keys),
                value=value if carried else None,
                deleted=False,
            )
        )


class Play:
    """A cache, the true registry, and reads in flight; each step is one event."""

    def __init__(self, seed: int, kind: type[Cache]) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a repeatable one
        self.limits = {"entries": self.random.choice((2, 4, 64)), "size": self.random.choice((3_000, 1 << 20))}
        holes = self.random.choice((0, 1, 2, 64))
        waiting = self.random.choice((1, 2, 64))
        self.cache = kind(**self.limits, recent=self.random.choice((2, 4, 64)), absent_ttl=10, holes=holes, waiting=waiting)
        self.truth = Truth("first")
        self.reads: list[tuple[str, int, Mapping[str, Sequence[Stored]]]] = []
        #: parts that were served, and their keys, each with the generation at which that was
        self.seen: list[tuple[Part, str, int]] = []
        #: a preload in progress: its epoch and snap, and the parts not admitted yet
        self.load: tuple[str, int, dict[str, list[Stored]]] | None = None
        self.absences = 0
        self.now = 0.0
        self.cache.start(self.truth.epoch, 0)
        self.cache.set_history(self.truth.history)

    def step(self) -> None:
        if self.random.random() < 0.015:
            self.random.choices((self.restart, self.promote, self.restore), weights=(4, 4, 1))[0]()
        act = self.random.choices(
            (
                self.write,
                self.apply,
                self.read,
                self.arrive,
                self.probe,
                self.wait,
                self.restart,
                self.restore,
                self.loads,
                self.promote,
            ),
            weights=(30, 30, 20, 20, 20, 3, 1, 0.3, 40, 1),
        )[0]
        act()

    def write(self) -> None:
        keys = frozenset(self.random.sample(KEYS, self.random.choice((0, 1, 1, 2))))
        self.truth.write(self.random.choice(ROWS), keys, carried=self.random.random() > 0.1)

    def apply(self) -> None:
        for _ in range(self.random.choice((1, 1, 3))):
            if self.cache.applied < self.truth.head:
                assert self.cache.apply(self.truth.changes[self.cache.applied], self.now)

    def read(self) -> None:
        keys = self.random.sample(KEYS, self.random.choice((1, 2)))
        self.reads.append((self.truth.history, self.truth.head, self.truth.read(keys)))

    def arrive(self) -> None:
        if self.reads:
            history, snap, found = self.reads.pop(self.random.randrange(len(self.reads)))
            if history == self.cache.history:
                self.cache.admit(snap, found, self.now)

    def loads(self) -> None:
        """The next step of a preload: follow, read, admit some parts, or complete."""
        if self.load is None:
            if self.random.random() < 0.3:
                self.cache.follow({"asset", "symbol", "listings", "venue_asset", "identity"})
                self.load = (self.cache.history, -1, {})
            return
        history, snap, left = self.load
        if history != self.cache.history:
            self.load = None
        elif snap < 0:
            found = {key: rows for key, rows in self.truth.read(KEYS).items() if rows}
            self.load = (history, self.truth.head, found)
        elif snap > self.cache.applied and self.random.random() < 0.5:
            self.apply()
        elif left:
            key = self.random.choice(list(left))
            self.cache.admit(snap, {key: left.pop(key)}, self.now)
        else:
            self.load = None
            self.cache.completed(snap)

    def probe(self) -> None:
        key = self.random.choice(KEYS)
        part = self.cache.get(key, self.now)
        if part is not None:
            part.dependents += 1
            self.seen.append((part, key, self.cache.generation))

    def wait(self) -> None:
        self.now += self.random.choice((1, 20))

    def restart(self) -> None:
        """The cache is behind and starts over, with some of the recent changes or none."""
        known = self.truth.changes[-self.random.choice((1, 3, 50)) :] if self.truth.changes else []
        recent = [(each.revision, [*each.keys, *each.left_keys]) for each in known]
        floor = recent[0][0] - 1 if recent else self.truth.head
        self.cache.start(self.truth.epoch, self.truth.head, recent, floor)
        self.cache.set_history(self.truth.history)
        self.load = None

    def promote(self) -> None:
        """Fail over to a standby that lost only commits that the cache has not applied; it learns the new history first."""
        self.truth.lose(self.random.randint(self.cache.applied, self.truth.head))
        self.cache.set_history(self.truth.history)

    def restore(self) -> None:
        """Restore another database: a new epoch, in which revisions mean other changes."""
        self.truth = Truth(f"{self.truth.epoch}'")
        for _ in range(self.random.choice((0, 5, 50))):
            self.write()
        self.restart()

    def check(self) -> None:
        cache = self.cache
        for key, part in cache._parts.items():
            stored = {row.row_id: row.value for row in part.rows}
            assert stored == ({} if key == LACKING else self.truth.at(max(cache.applied, part.snap), key)), f"{key} is wrong"
            assert part.key == key
            assert part.live
        for key in KEYS:
            if cache.absent(key):
                self.absences += 1
                assert not self.truth.at(cache.applied, key), f"{key} is wrong: it exists"
        assert len(cache) <= self.limits["entries"]
        assert cache.bytes <= self.limits["size"]
        assert cache.bytes == sum(part.cost for part in cache._parts.values())
        for part, key, generation in self.seen:
            if part.live and part.key == LACKING:
                assert not self.truth.at(cache.applied, key), f"{key} is wrong: a response lives on that lacks it"
            assert part.live == (cache._parts.get(part.key) is part), "a response that depends on a replaced part lives on"
            assert part.live or generation < cache.generation, "a response that depends on a replaced part counts as valid"


def _check(seeds: Iterable[int], kind: type[Cache]) -> tuple[int, int]:
    """Play each seed and check after every step; the number of parts and known absences checked."""
    parts = absences = 0
    for seed in seeds:
        play = Play(seed, kind)
        for _ in range(150):
            play.step()
            play.check()
            parts += len(play.cache)
        absences += play.absences
    return parts, absences


@pytest.mark.parametrize("part_of_seeds", range(4))
def test_a_part_is_true_after_any_order_of_events(part_of_seeds: int) -> None:
    parts, absences = _check(range(part_of_seeds, 240, 4), Cache)
    assert parts > 10_000, "hardly anything was cached: this proves nothing"
    assert absences > 500, "hardly any absence was known: this proves nothing"


class _NoFloor(Cache):
    def current(self, key: str, snap: int) -> bool:
        return self._recent.get(key, 0) <= snap


class _NoRecent(Cache):
    def current(self, key: str, snap: int) -> bool:
        del key
        return self.floor <= snap


class _WritersView(Cache):
    def _change(self, key: str, change: Change, now: float, *, enters: bool) -> None:
        stored = self._parts.get(key)
        if stored is not None and stored.snap < change.revision and enters and change.value is not None:
            self._put(key, change.revision, (Stored(change.entity, change.row_id, change.value),), now)
        else:
            super()._change(key, change, now, enters=enters)


class _Holes(Cache):
    def _change(self, key: str, change: Change, now: float, *, enters: bool) -> None:
        super()._change(key, change, now, enters=enters and change.value is not None)


class _ForgetsWhatLeft(Cache):
    def _evict(self) -> None:
        holes = set(self._holes)
        super()._evict()
        self._holes &= holes


class _DeafWhileLoading(Cache):
    def _change(self, key: str, change: Change, now: float, *, enters: bool) -> None:
        if self._complete or key in self._parts:
            super()._change(key, change, now, enters=enters)


class _ForgetsTheUncarried(Cache):
    def _change(self, key: str, change: Change, now: float, *, enters: bool) -> None:
        super()._change(key, change, now, enters=enters)
        if change.value is None:
            self._holes.discard(key)


class _KeepsWhatWaits(Cache):
    def set_history(self, history: str) -> None:
        self.history = history


class _DropsSilently(Cache):
    def _discard(self, read: Any) -> None:
        pass


class _OverlooksWhatAppears(Cache):
    def _appeared(self, key: str) -> None:
        pass


class _CompleteBelowTheFloor(Cache):
    def completed(self, snap: int) -> bool:
        self._complete = bool(self._followed) and snap <= self.applied
        return self._complete


@pytest.mark.parametrize(
    "broken",
    [
        *(_NoFloor, _NoRecent, _WritersView, _Holes),
        *(_ForgetsWhatLeft, _DeafWhileLoading, _ForgetsTheUncarried, _CompleteBelowTheFloor),
        *(_KeepsWhatWaits, _DropsSilently, _OverlooksWhatAppears),
    ],
)
def test_a_cache_that_breaks_a_rule_is_detected(broken: type[Cache]) -> None:
    with pytest.raises(AssertionError, match="is wrong"):
        _check(range(200), broken)


# ---- one rule each -------------------------------------------------------------------------------------------------


def _cache(*, entries: int = 100, size: int = 1 << 20, recent: int = 100, absent_ttl: float = 30) -> Cache:
    cache = Cache(entries=entries, size=size, recent=recent, absent_ttl=absent_ttl)
    cache.start("e", 0)
    return cache


def _change(revision: int, key: str, row: str = "r", value: bytes | None = b"v") -> Change:
    return Change(
        revision=revision,
        epoch="e",
        event_id="",
        entity=ENTITY,
        row_id=row,
        op="update",
        keys=[key],
        left_keys=[],
        value=value,
        deleted=False,
    )


def _row(value: bytes = b"v") -> list[Stored]:
    return [Stored(ENTITY, "r", value)]


def test_a_change_is_not_applied_before_the_one_it_follows() -> None:
    cache = _cache()
    assert not cache.apply(_change(2, "symbol:S"), 0)
    assert cache.applied == 0
    assert cache.apply(_change(1, "symbol:S"), 0)
    assert cache.apply(_change(1, "symbol:S"), 0), "an old change counts as a gap"
    assert cache.applied == 1


def test_a_read_ahead_of_the_changes_is_served_once_they_are_applied() -> None:
    cache = _cache()
    cache.admit(2, {"symbol:S": _row(b"at 2")}, 0)
    assert cache.get("symbol:S", 0) is None
    cache.apply(_change(1, "asset:A"), 0)
    assert cache.get("symbol:S", 0) is None
    cache.apply(_change(2, "symbol:S", value=b"at 2"), 0)
    part = cache.get("symbol:S", 0)
    assert part is not None
    assert (part.snap, part.rows[0].value) == (2, b"at 2")


def test_a_change_without_its_value_removes_the_part() -> None:
    cache = _cache()
    cache.admit(0, {"asset:A": _row()}, 0)
    cache.apply(_change(1, "asset:A", value=None), 0)
    assert cache.get("asset:A", 0) is None
    cache.admit(0, {"asset:A": _row()}, 0)
    assert cache.get("asset:A", 0) is None, "a read from before the change was admitted"
    cache.admit(1, {"asset:A": _row(b"large")}, 0)
    assert cache.get("asset:A", 0) is not None


def test_an_absence_expires_and_ends_when_a_row_is_created() -> None:
    cache = _cache(absent_ttl=30)
    cache.admit(0, {"listings:v:T": [], "listings:v:U": []}, 100)
    absent = cache.get("listings:v:T", 129)
    assert absent is not None
    assert absent.rows == ()
    assert cache.get("listings:v:U", 130) is None
    cache.apply(_change(1, "listings:v:T"), 129)
    made = cache.get("listings:v:T", 500)
    assert made is not None
    assert len(made.rows) == 1
    assert not absent.live


def test_a_flood_of_unknown_names_evicts_only_its_own_absences() -> None:
    cache = _cache(entries=100)
    cache.admit(0, {f"listings:v:{n}": _row() for n in range(80)}, 0)
    for n in range(10_000):
        cache.admit(0, {f"listings:v:unknown{n}": []}, 0)
    assert all(cache.get(f"listings:v:{n}", 0) for n in range(80))
    assert len(cache) == 90
    assert len(cache._absent_queue) < 200


def test_the_keys_of_absences_count_and_absences_take_a_tenth_of_the_bytes() -> None:
    cache = _cache(size=100_000, entries=10_000)
    for n in range(1_000):
        for name in ("x" * 900, "\U0001f600" * 225):
            cache.admit(0, {f"listings:v:{name}{n}": []}, 0)
            assert cache.bytes <= 10_000
    assert 10 > len(cache) > 2
    assert cache.bytes == sum(part.cost for part in cache._parts.values()) > 900 * len(cache)


def test_an_absence_with_a_key_longer_than_any_row_is_not_cached() -> None:
    cache = _cache()
    cache.admit(0, {f"deployment:c:{'x' * 2_000}": [], f"deployment:c:{'x' * 1_000}": []}, 0)
    assert len(cache) == 1


def test_absences_expire_from_the_front_without_being_requested() -> None:
    cache = _cache(entries=10_000, absent_ttl=30)
    for n in range(500):
        cache.admit(0, {f"listings:v:{n}": []}, n / 100)
    cache.expire(33.995, 1_000)
    assert len(cache) == 100
    for n in range(500, 530):
        cache.admit(0, {f"listings:v:{n}": []}, 100)
    assert len(cache) == 30, "admissions remove what has expired"


def test_a_read_that_is_dropped_is_not_known_to_be_absent() -> None:
    cache = _cache(entries=10_000, recent=10_000)
    cache.follow({"symbol"})
    for n in range(1_000):
        cache.admit(1, {f"symbol:{n}": _row()}, 0)
    cache.apply(_change(1, "asset:A"), 0)
    assert cache.completed(1)
    assert len(cache) == 256
    assert not [n for n in range(1_000) if cache.absent(f"symbol:{n}")]
    assert cache.absent("symbol:other")


def test_the_limits_of_entries_and_bytes_hold() -> None:
    by_entries, by_bytes = _cache(entries=50), _cache(entries=10_000, size=50_000)
    for n in range(1_000):
        for cache in (by_entries, by_bytes):
            cache.admit(0, {f"symbol:{n}": _row(b"x" * 100)}, 0)
    assert 40 < len(by_entries) <= 50
    assert 40_000 < by_bytes.bytes <= 50_000


def test_used_parts_stay_and_unused_parts_are_evicted() -> None:
    cache = _cache(entries=100)
    for n in range(2_000):
        cache.admit(0, {f"listings:v:{n}": _row()}, 0)
        for hot in range(10):
            cache.get(f"listings:v:{hot}", 0)
    assert all(cache.get(f"listings:v:{hot}", 0) for hot in range(10))


def test_a_shared_part_stays_while_responses_depend_on_it() -> None:
    cache = _cache(entries=100)
    cache.admit(0, {"asset:USDT": _row()}, 0)
    usdt = cache.get("asset:USDT", 0)
    assert usdt is not None
    usdt.dependents = 1
    for n in range(1_000):
        cache.admit(0, {f"listings:v:{n}": _row()}, 0)
    assert usdt.live
    usdt.dependents = 0
    for n in range(1_000):
        cache.admit(0, {f"listings:v:more{n}": _row()}, 0)
    assert not usdt.live, "no response needs it any more"


def test_the_limit_holds_even_if_every_part_is_needed() -> None:
    cache = _cache(entries=100)
    for n in range(1_000):
        cache.admit(0, {f"asset:{n}": _row()}, 0)
        part = cache.get(f"asset:{n}", 0)
        assert part is not None
        part.dependents = 1
    assert len(cache) == 100


def test_forgotten_changes_raise_the_floor_and_changes_of_one_key_take_one_entry() -> None:
    cache = _cache(recent=3)
    for revision in range(1, 1_001):
        cache.apply(_change(revision, "asset:hot"), 0)
    assert cache.floor == 0
    assert len(cache._recent) == 1
    for revision, name in enumerate("ABC", 1_001):
        cache.apply(_change(revision, f"asset:{name}"), 0)
    assert cache.floor == 1_000
    cache.admit(999, {"asset:Z": _row()}, 0)
    assert cache.get("asset:Z", 0) is None, "it may have changed since, unnoticed"
    cache.admit(1_000, {"asset:Z": _row()}, 0)
    assert cache.get("asset:Z", 0) is not None


def test_dead_parts_do_not_accumulate() -> None:
    cache = _cache(entries=1_000)
    for revision in range(1, 20_001):
        cache.apply(_change(revision, "asset:A"), 0)
        cache.admit(revision, {"asset:A": _row()}, 0)
    assert len(cache._queue) < 200


@pytest.mark.parametrize(
    "rows",
    [
        [Stored("symbol", "S", b"one")],
        [Stored("symbol", "another id than the key's", b"one")],
        [Stored("symbol", "S", b"one", deleted=True)],
        [Stored("symbol", "S", b"one"), Stored("symbol", "T", b"other", deleted=True)],
        [],
    ],
)
def test_a_part_returns_its_rows_as_they_were_read(rows: list[Stored]) -> None:
    cache = Cache(entries=10, size=10_000, recent=10, absent_ttl=30)
    cache.start("e", 7)
    cache.admit(7, {"symbol:S": rows}, 0)
    part = cache.get("symbol:S", 1)
    assert part is not None
    assert list(part.rows) == rows
    assert part.absent == (not rows)
