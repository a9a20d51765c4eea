"""An exhaustive model of the admission rule of caches: it explores every interleaving of a small system.

The system: one part of two rows with a writer each; writes to other rows; two workers; a shared tier. A worker applies
changes in order, reads the database, admits a read or the tier's value, forgets the last change of the part, evicts it,
crashes and restarts. The invariant: a cached part is true at the revision that the worker has applied.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.hotpath.exploring import Violation, explored

#: What a write changes: other rows, or a row of the part.
OTHER, ONE, TWO = 0, 1, 2

#: The revision of the last write of each row of the part.
Rows = tuple[int, int]


class Value(NamedTuple):
    """The part at a snap; without rows, a tombstone."""

    rows: Rows | None
    snap: int


class Worker(NamedTuple):
    """A worker: the revision applied, the changes it knows, its part, and a read in flight."""

    applied: int
    floor: int = 0
    #: the last change of the part that it remembers; 0 if none
    recent: int = 0
    part: Value | None = None
    read: Value | None = None


class State(NamedTuple):
    """The writes so far, the workers, and the part in the shared tier."""

    log: tuple[int, ...] = ()
    workers: tuple[Worker, ...] = (Worker(0), Worker(0))
    tier: Value | None = None


class Rule(NamedTuple):
    """The conditions of the rule. Each may be left out, and each is needed."""

    #: nothing older than the floor is admitted
    floor: bool = True
    #: nothing older than the last known change of the part is admitted
    recent: bool = True
    #: what is forgotten raises the floor
    forgetting: bool = True
    #: a change replaces its own row, not the part by what its writer saw
    rows: bool = True


def truth(log: tuple[int, ...], revision: int) -> Rows:
    """The part at a revision."""
    one, two = (max((at for at, what in enumerate(log[:revision], 1) if what == row), default=0) for row in (ONE, TWO))
    return one, two


def explore(rule: Rule, writes: int) -> tuple[int, Violation | None]:
    """Explore up to a number of writes; the number of states and the first violation."""
    return explored(State(), lambda state: _steps(state, rule, writes), _wrong)


def _wrong(state: State) -> tuple[Rows | None, Rows] | None:
    """A cached part that is wrong, with the right one."""
    for worker in state.workers:
        if worker.part is not None:
            right = truth(state.log, max(worker.applied, worker.part.snap))
            if worker.part.rows != right:
                return worker.part.rows, right
    return None


def _steps(state: State, rule: Rule, writes: int) -> Iterator[tuple[str, State]]:
    log, workers, tier = state
    if len(log) < writes:
        for what, name in ((OTHER, "something else"), (ONE, "row one"), (TWO, "row two")):
            yield f"write {name}", state._replace(log=(*log, what))
    if tier is not None:
        yield "the tier evicts", state._replace(tier=None)
    last = max(truth(log, len(log)))
    if last and _wins(Value(None, last), tier):
        yield "the relay puts a tombstone", state._replace(tier=Value(None, last))
    for at, worker in enumerate(workers):
        yield from _worker_steps(state, rule, at, worker)


def _wins(new: Value, old: Value | None) -> bool:
    return old is None or new.snap > old.snap


def _worker_steps(state: State, rule: Rule, at: int, worker: Worker) -> Iterator[tuple[str, State]]:
    log, workers, tier = state
    head = len(log)

    def becomes(changed: Worker) -> State:
        # Workers are interchangeable, so only their states count.
        return state._replace(workers=tuple(sorted((*workers[:at], changed, *workers[at + 1 :]), key=repr)))

    admits = _admission(rule, worker)
    if worker.applied < head:
        yield f"a worker applies {worker.applied + 1}", becomes(_applied(worker, log, rule))
    if worker.recent:
        floor = max(worker.floor, worker.recent) if rule.forgetting else worker.floor
        yield "a worker forgets a change", becomes(worker._replace(recent=0, floor=floor))
    if worker.part is not None:
        yield "a worker evicts", becomes(worker._replace(part=None))
    elif worker.read is None:
        yield "a worker reads", becomes(worker._replace(read=Value(truth(log, head), head)))
    if worker.part is None and tier is not None and tier.rows is not None and admits(tier):
        yield "a worker adopts", becomes(worker._replace(part=tier))
    if worker.read is not None:
        if admits(worker.read):
            yield "a worker admits", becomes(worker._replace(part=worker.read, read=None))
        yield "a worker drops a read", becomes(worker._replace(read=None))
        if _wins(worker.read, tier):
            yield "a worker offers", state._replace(tier=worker.read)
    yield "a worker starts", becomes(Worker(head, head))


def _admission(rule: Rule, worker: Worker) -> Callable[[Value], bool]:
    def admits(value: Value) -> bool:
        return (
            (value.snap >= worker.floor or not rule.floor)
            and (worker.recent <= value.snap or not rule.recent)
            and value.snap <= worker.applied
        )

    return admits


def _applied(worker: Worker, log: tuple[int, ...], rule: Rule) -> Worker:
    revision = worker.applied + 1
    what = log[revision - 1]
    worker = worker._replace(applied=revision)
    if what == OTHER:
        return worker
    part = worker.part
    if part is not None and part.rows is not None and part.snap < revision:
        one, two = part.rows if rule.rows else (0, 0)
        part = Value((revision, two) if what == ONE else (one, revision), revision)
    return worker._replace(recent=revision, part=part)
