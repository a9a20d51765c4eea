"""The history: what was acknowledged and what was read, and a judge of both. Times are monotonic nanoseconds.

A version is a number that its writer counts up, key by key, and never gives twice. A read is stale by the time between the
first acknowledgement of a greater version and the read's start.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field

MILLISECOND = 1_000_000
#: Milliseconds of `stale@N`.
LIMITS = (0, 10, 50, 100, 250, 500, 1000, 2000)
#: The lease, during which a worker may count itself as fresh.
LEASE = 1_000 * MILLISECOND
_TOLD = 20


@dataclass(frozen=True)
class Read:
    """One response of a worker about one key."""

    worker: str
    #: counts the starts of the worker's process
    life: int
    key: str
    start: int
    end: int
    version: int
    marked: bool


@dataclass
class Tally:
    """The reads of one phase."""

    reads: int = 0
    marked: int = 0
    failed: int = 0
    #: unmarked responses staler than each of the limits
    stale: Counter[int] = field(default_factory=Counter)
    #: the staleness of the worst of them, in nanoseconds
    worst: int = 0

    def per_million(self, limit: int) -> float:
        """`stale@limit` among the unmarked responses."""
        fresh = self.reads - self.marked
        return self.stale[limit] * 1e6 / fresh if fresh else 0.0


@dataclass
class _Key:
    versions: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    attempted: int = 0
    seen: set[int] = field(default_factory=set)
    lost: range = range(0)
    committed: set[int] = field(default_factory=set)


class History:
    """The history of all keys, judged continuously."""

    def __init__(self) -> None:
        self.phase = ""
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self.broken: list[str] = []
        self.breaks: Counter[str] = Counter()
        self._keys: dict[str, _Key] = defaultdict(_Key)
        self._last: dict[tuple[str, int, str], int] = {}
        self._ghosts_from = 0

    # ---- writes ----------------------------------------------------------------------------------------------------

    def attempt(self, key: str) -> int:
        """The next version of a key."""
        each = self._keys[key]
        each.attempted += 1
        return each.attempted

    def acknowledged(self, key: str, version: int, at: int) -> None:
        """Note that the commit of a version was acknowledged."""
        each = self._keys[key]
        if each.versions and version < each.versions[-1]:
            return  # the acknowledgement of a later one arrived first
        each.versions.append(version)
        each.times.append(at)

    def newest(self, key: str) -> int:
        """The last version that was acknowledged."""
        versions = self._keys[key].versions
        return versions[-1] if versions else 0

    def committed(self, key: str, version: int) -> None:
        """Note that the outbox holds the version."""
        self._keys[key].committed.add(version)

    def restored(self, now: int, versions: dict[str, int]) -> None:
        """Note that the database is an older copy since `now`, with these versions; higher ones are lost."""
        self._ghosts_from = now + LEASE
        self._last.clear()
        for key, version in versions.items():
            each = self._keys[key]
            each.lost = range(version + 1, each.attempted + 1)
            each.versions, each.times = [version], [now]

    # ---- reads -----------------------------------------------------------------------------------------------------

    def read(self, read: Read) -> int:
        """Judge a read; its staleness in nanoseconds, or 0."""
        each, tally = self._keys[read.key], self.tallies[self.phase]
        each.seen.add(read.version)
        tally.reads += 1
        tally.marked += read.marked
        if read.version > each.attempted:
            self.breach("uncommitted", f"{read} was never written")
        if read.version in each.lost:
            if read.start > self._ghosts_from and not read.marked:
                self.breach("ghost", f"{read} is of the history before the restore")
            return 0
        last = self._last.get((read.worker, read.life, read.key), 0)
        if read.version < last:
            self.breach("went back", f"{read} after version {last}")
        self._last[read.worker, read.life, read.key] = max(last, read.version)
        lag = self.lag(read.key, read.version, read.start)
        if lag and not read.marked:
            for limit in LIMITS:
                if lag > limit * MILLISECOND:
                    tally.stale[limit] += 1
            tally.worst = max(tally.worst, lag)
            if lag > LEASE:
                self.breach("stale", f"{read} is {lag / 1e9:.3f} s old and not marked")
        return lag

    def lag(self, key: str, version: int, start: int) -> int:
        """Nanoseconds from the first acknowledgement of a higher version to `start`; 0 if there was none."""
        each = self._keys[key]
        at = bisect_right(each.versions, version)
        return max(0, start - each.times[at]) if at < len(each.times) else 0

    def failed(self) -> None:
        """Note a read without a response."""
        self.tallies[self.phase].failed += 1

    # ---- the end ---------------------------------------------------------------------------------------------------

    def breach(self, kind: str, what: str) -> None:
        """Record a broken invariant."""
        self.breaks[kind] += 1
        if self.breaks[kind] <= _TOLD:
            self.broken.append(f"{kind}: in {self.phase}: {what}")

    def settle(self) -> None:
        """With all outboxes known, check that they hold what was acknowledged, and that nothing else was served."""
        for key, each in self._keys.items():
            for version in each.seen - each.committed - {0}:
                self.breach("uncommitted", f"{key} was served with version {version}, which is in no outbox")
            for version in set(each.versions) - each.committed - {0}:
                self.breach("lost", f"version {version} of {key} was acknowledged and is in no outbox")
