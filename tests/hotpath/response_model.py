"""An exhaustive model of answers that stand ready: made of two parts, ended by time, over histories that are replaced.

The state: two parts, a listing and its symbol, that are written; a time at which the listing ends; a database in whose
place a copy comes that lacks the last commits: promoted, which the relay notices in its time, or restored by an operator,
who changes the epoch; one worker, which applies messages, looks, reads, admits, evicts, derives an answer from both parts,
and keeps it. What it serves between that and its next look, the lease bounds; whenever it has looked since, what it serves
is the truth at what it has applied.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.hotpath.exploring import Violation, explored

LISTING, SYMBOL = 0, 1
Pair = tuple[int, int]


class Part(NamedTuple):
    """A part: the event of its last write, and the snap."""

    event: int
    snap: int


class Answer(NamedTuple):
    """A ready answer: what it says, whether each of its parts still lives, and whether the listing had ended."""

    events: Pair
    live: tuple[bool, bool]
    over: bool


class Read(NamedTuple):
    """Both parts, read and on their way."""

    history: Pair
    snap: int
    events: Pair


class Worker(NamedTuple):
    """A worker: what it has applied, of which history and with which event; what it knows of changes; what it holds."""

    history: Pair = (0, 0)
    applied: int = 0
    last: int = 0
    floor: int = 0
    recent: Pair = (0, 0)
    parts: tuple[Part | None, Part | None] = (None, None)
    answer: Answer | None = None
    read: Read | None = None


class State(NamedTuple):
    """All there is. `log`: what each change was of; an event is its number among all writes there ever were."""

    log: tuple[Pair, ...] = ()
    events: int = 0
    #: the epoch and the timeline
    history: Pair = (0, 0)
    #: how often the database was replaced
    replaced: int = 0
    #: the relay has not noticed that the database was replaced
    unseen: bool = False
    #: the worker has looked since
    looked: bool = True
    over: bool = False
    worker: Worker = Worker()


class Rule(NamedTuple):
    """The rule, and what may be left out of it: each of them is needed."""

    #: an answer is valid while both its parts live, not only the one that it is about
    both: bool = True
    #: what is evicted no longer lives
    eviction: bool = True
    #: an answer is valid until the next time at which its listing begins or ends
    time: bool = True
    #: what was read in another epoch, or under another timeline, is not admitted
    epoch: bool = True
    timeline: bool = True
    #: a look compares the event at the applied revision
    event: bool = True
    #: a cache that begins anew drops what it holds
    drop: bool = True
    #: the relay makes a new epoch before it publishes anything of a history that was replaced
    relay: bool = True


def explore(rule: Rule, writes: int, copies: int) -> tuple[int, Violation | None]:
    """Try everything, up to so many writes and copies: how many states there are, and the first violation."""
    return explored(State(), lambda state: _steps(state, rule, writes, copies), lambda state: _wrong(state, rule))


def _truth(log: tuple[Pair, ...], revision: int) -> Pair:
    """Of each part, the event of its last write up to a revision."""
    listing, symbol = (next((event for of, event in reversed(log[:revision]) if of == which), 0) for which in (LISTING, SYMBOL))
    return listing, symbol


def _wrong(state: State, rule: Rule) -> tuple[object, object] | None:
    """What is served and not true, with the truth."""
    worker = state.worker
    if not state.looked:
        return None
    for which, part in enumerate(worker.parts):
        if part is not None:
            truth = _truth(state.log, max(worker.applied, part.snap))[which]
            if part.event != truth:
                return part, truth
    answer = worker.answer
    if answer is not None and _valid(answer, state, rule):
        told, right = (answer.events, answer.over), (_truth(state.log, worker.applied), state.over)
        return None if told == right else (told, right)
    return None


def _valid(answer: Answer, state: State, rule: Rule) -> bool:
    lives = all(answer.live) if rule.both else answer.live[LISTING]
    return lives and (answer.over == state.over or not rule.time)


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
            copy = state._replace(log=log[:kept], replaced=state.replaced + 1, looked=False)
            yield f"a copy of revision {kept} is promoted", copy._replace(history=(epoch, timeline + 1), unseen=True)
            yield f"a copy of revision {kept} is restored, under a new epoch", copy._replace(history=(epoch + 1, timeline))
    if state.unseen:
        yield "the relay notices, and makes an epoch", state._replace(history=(epoch + 1, timeline), unseen=False)
    if (not state.unseen or not rule.relay) and worker.history[0] == epoch and worker.applied < len(log):
        yield "a message is applied", state._replace(worker=_applied(worker, *log[worker.applied]))
    yield "a look", state._replace(worker=_look(state, rule), looked=True)
    for step, after in _own_steps(state, rule):
        yield step, state._replace(worker=after)


def _own_steps(state: State, rule: Rule) -> Iterator[tuple[str, Worker]]:
    """What the worker does by itself."""
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
        yield "an answer is made", worker._replace(answer=Answer((listing.event, symbol.event), (True, True), state.over))


def _put(worker: Worker, which: int, part: Part | None, *, ends: bool = True) -> Worker:
    """Put a part where there was another, which no longer lives."""
    parts, answer = worker.parts, worker.answer
    parts = (part, parts[SYMBOL]) if which == LISTING else (parts[LISTING], part)
    if answer is not None and ends:
        live = (False, answer.live[SYMBOL]) if which == LISTING else (answer.live[LISTING], False)
        answer = answer._replace(live=live)
    return worker._replace(parts=parts, answer=answer)


def _admitted(worker: Worker, read: Read, rule: Rule) -> Worker:
    (epoch, timeline), (held_epoch, held_timeline) = read.history, worker.history
    if (rule.epoch and epoch != held_epoch) or (rule.timeline and timeline != held_timeline):
        return worker
    for which, event in enumerate(read.events):
        held = worker.parts[which]
        if worker.floor <= read.snap and worker.recent[which] <= read.snap and (held is None or held.snap <= read.snap):
            worker = _put(worker, which, Part(event, read.snap))
    return worker


def _applied(worker: Worker, which: int, event: int) -> Worker:
    revision = worker.applied + 1
    recent = (revision, worker.recent[SYMBOL]) if which == LISTING else (worker.recent[LISTING], revision)
    worker = worker._replace(applied=revision, last=event, recent=recent)
    held = worker.parts[which]
    return worker if held is None or held.snap >= revision else _put(worker, which, Part(event, revision))


def _look(state: State, rule: Rule) -> Worker:
    """Apply all there is; where that does not continue what is applied, begin anew at the head."""
    log, worker = state.log, state.worker
    same = worker.applied == 0 or (worker.applied <= len(log) and log[worker.applied - 1][1] == worker.last)
    if worker.history[0] == state.history[0] and worker.applied <= len(log) and (same or not rule.event):
        worker = worker._replace(history=state.history)
        for which, event in log[worker.applied :]:
            worker = _applied(worker, which, event)
        return worker
    head = len(log)
    anew = Worker(state.history, head, log[-1][1] if log else 0, head, read=worker.read)
    return anew if rule.drop else anew._replace(parts=worker.parts, answer=worker.answer)
