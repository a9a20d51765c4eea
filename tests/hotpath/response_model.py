"""An exhaustive model of cached responses: derived from two parts, ended by time, across replaced histories.

The system: two parts, a listing and its symbol, that are written; a time at which the listing ends; a database that may be
replaced by a copy without the last commits, either promoted, which the relay notices later, or restored by an operator, who
changes the epoch; one worker, which applies messages, probes, reads, admits, evicts, and derives and caches a response from
both parts. The lease bounds what it serves between a replacement and its next probe. After a probe, what it serves must be
true at the revision that it has applied.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.hotpath.exploring import Violation, explored

LISTING, SYMBOL = 0, 1
Pair = tuple[int, int]


class Part(NamedTuple):
    """A part: the event of its last write, and its snap."""

    event: int
    snap: int


class Response(NamedTuple):
    """A cached response: its events, whether each of its parts lives, and whether the listing had ended."""

    events: Pair
    live: tuple[bool, bool]
    over: bool


class Read(NamedTuple):
    """A read of both parts, in flight."""

    history: Pair
    snap: int
    events: Pair


class Worker(NamedTuple):
    """A worker: the revision applied, with its history and event; the changes it knows; its parts and response."""

    history: Pair = (0, 0)
    applied: int = 0
    last: int = 0
    floor: int = 0
    recent: Pair = (0, 0)
    parts: tuple[Part | None, Part | None] = (None, None)
    response: Response | None = None
    read: Read | None = None


class State(NamedTuple):
    """The whole system. `log` has the part and the event of each change; events number all writes across histories."""

    log: tuple[Pair, ...] = ()
    events: int = 0
    #: the epoch and the timeline
    history: Pair = (0, 0)
    #: how many times the database was replaced
    replaced: int = 0
    #: the relay has not noticed that the database was replaced
    unseen: bool = False
    #: the worker has probed since
    probed: bool = True
    over: bool = False
    worker: Worker = Worker()


class Rule(NamedTuple):
    """The conditions of the rule. Each may be left out, and each is needed."""

    #: a response is valid while both its parts live, not only its root
    both: bool = True
    #: an evicted part no longer lives
    eviction: bool = True
    #: a response is valid until its listing next begins or ends
    time: bool = True
    #: parts read in another epoch or timeline are not admitted
    epoch: bool = True
    timeline: bool = True
    #: a probe compares the event at the applied revision
    event: bool = True
    #: a cache that starts over drops its parts
    drop: bool = True
    #: the relay sets a new epoch before it publishes anything of a replaced history
    relay: bool = True


def explore(rule: Rule, writes: int, copies: int) -> tuple[int, Violation | None]:
    """Explore up to a number of writes and copies; the number of states and the first violation."""
    return explored(State(), lambda state: _steps(state, rule, writes, copies), lambda state: _wrong(state, rule))


def _truth(log: tuple[Pair, ...], revision: int) -> Pair:
    """The event of the last write of each part up to a revision."""
    listing, symbol = (next((event for of, event in reversed(log[:revision]) if of == which), 0) for which in (LISTING, SYMBOL))
    return listing, symbol


def _wrong(state: State, rule: Rule) -> tuple[object, object] | None:
    """A wrong value that is served, with the right one."""
    worker = state.worker
    if not state.probed:
        return None
    for which, part in enumerate(worker.parts):
        if part is not None:
            truth = _truth(state.log, max(worker.applied, part.snap))[which]
            if part.event != truth:
                return part, truth
    response = worker.response
    if response is not None and _valid(response, state, rule):
        served, right = (response.events, response.over), (_truth(state.log, worker.applied), state.over)
        return None if served == right else (served, right)
    return None


def _valid(response: Response, state: State, rule: Rule) -> bool:
    lives = all(response.live) if rule.both else response.live[LISTING]
    return lives and (response.over == state.over or not rule.time)


def _steps(state: State, rule: Rule, writes: int, copies: int) -> Iterator[tuple[str, State]]:
    log, worker = state.log, state.worker
    if state.events < writes:
        for which, name in ((LISTING, "the listing"), (SYMBOL, "the symbol")):
            event = state.events + 1
            yield f"write {event}, of {name}", state._replace(log=(*log, (which, event)), events=event)
    if not state.over:
        yield "the listing ends by time", state._replace(over=True)
    epoch, timeline = state.history
    if state.replaced < copies:
        for kept in range(len(log)):
            copy = state._replace(log=log[:kept], replaced=state.replaced + 1, probed=False)
            yield f"a copy of revision {kept} is promoted", copy._replace(history=(epoch, timeline + 1), unseen=True)
            yield f"a copy of revision {kept} is restored, under a new epoch", copy._replace(history=(epoch + 1, timeline))
    if state.unseen:
        yield "the relay notices, and makes an epoch", state._replace(history=(epoch + 1, timeline), unseen=False)
    if (not state.unseen or not rule.relay) and worker.history[0] == epoch and worker.applied < len(log):
        yield "a message is applied", state._replace(worker=_applied(worker, *log[worker.applied]))
    yield "a probe", state._replace(worker=_probe(state, rule), probed=True)
    for step, after in _own_steps(state, rule):
        yield step, state._replace(worker=after)


def _own_steps(state: State, rule: Rule) -> Iterator[tuple[str, Worker]]:
    """The steps of the worker."""
    worker = state.worker
    for which, name in ((LISTING, "listing"), (SYMBOL, "symbol")):
        if worker.parts[which] is not None:
            yield f"the {name} is evicted", _put(worker, which, None, ends=rule.eviction)
    read = worker.read
    if read is None:
        head = len(state.log)
        yield "both are read", worker._replace(read=Read(state.history, head, _truth(state.log, head)))
    else:
        yield "the read comes to nothing", worker._replace(read=None)
        if read.snap <= worker.applied:
            yield "the read arrives", _admitted(worker._replace(read=None), read, rule)
    listing, symbol = worker.parts
    if listing is not None and symbol is not None:
        response = Response((listing.event, symbol.event), (True, True), state.over)
        yield "a response is derived", worker._replace(response=response)


def _put(worker: Worker, which: int, part: Part | None, *, ends: bool = True) -> Worker:
    """Replace a part, whose predecessor no longer lives."""
    parts, response = worker.parts, worker.response
    parts = (part, parts[SYMBOL]) if which == LISTING else (parts[LISTING], part)
    if response is not None and ends:
        live = (False, response.live[SYMBOL]) if which == LISTING else (response.live[LISTING], False)
        response = response._replace(live=live)
    return worker._replace(parts=parts, response=response)


def _admitted(worker: Worker, read: Read, rule: Rule) -> Worker:
    (epoch, timeline), (held_epoch, held_timeline) = read.history, worker.history
    if (rule.epoch and epoch != held_epoch) or (rule.timeline and timeline != held_timeline):
        return worker
    for which, event in enumerate(read.events):
        stored = worker.parts[which]
        if worker.floor <= read.snap and worker.recent[which] <= read.snap and (stored is None or stored.snap <= read.snap):
            worker = _put(worker, which, Part(event, read.snap))
    return worker


def _applied(worker: Worker, which: int, event: int) -> Worker:
    revision = worker.applied + 1
    recent = (revision, worker.recent[SYMBOL]) if which == LISTING else (worker.recent[LISTING], revision)
    worker = worker._replace(applied=revision, last=event, recent=recent)
    stored = worker.parts[which]
    return worker if stored is None or stored.snap >= revision else _put(worker, which, Part(event, revision))


def _probe(state: State, rule: Rule) -> Worker:
    """Apply all changes, or start over at the head if they do not continue the applied ones."""
    log, worker = state.log, state.worker
    same = worker.applied == 0 or (worker.applied <= len(log) and log[worker.applied - 1][1] == worker.last)
    if worker.history[0] == state.history[0] and worker.applied <= len(log) and (same or not rule.event):
        worker = worker._replace(history=state.history)
        for which, event in log[worker.applied :]:
            worker = _applied(worker, which, event)
        return worker
    head = len(log)
    restarted = Worker(state.history, head, log[-1][1] if log else 0, head, read=worker.read)
    return restarted if rule.drop else restarted._replace(parts=worker.parts, response=worker.response)
