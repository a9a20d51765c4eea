"""A campaign: the load runs through one fault after another, and everything is judged."""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from cqar import tasks
from tests.coherence.faults import KINDS, Scene
from tests.coherence.history import LIMITS, History
from tests.coherence.load import Load
from tests.coherence.outbox import Outbox
from tests.coherence.stack import Stack, running_stack

#: Seconds after a fault within which all workers must agree.
AGREED = 2.0
#: Seconds after which the check gives up.
_AGREEMENT_TIMEOUT = 15.0
#: The highest 99.9th percentile of visibility without faults, in milliseconds.
VISIBLE = 50.0
CALM = "no fault"
#: Reads per second of each worker while visibility is measured.
_CALM_READS = 50.0
#: Log events that mean a bug.
_WRONG = frozenset({"internal_error", "feed_failed", "relay_failed", "audit_mismatch"})


@dataclass(frozen=True)
class Plan:
    """What to run."""

    seed: int = 1
    #: seconds of load without faults, and in total; faults continue until then, each at least once
    calm: float = 10.0
    seconds: float = 60.0
    kinds: Sequence[str] = tuple(KINDS)
    #: seconds that something is stopped at most
    longest: float = 3.0
    burst: int = 2_000
    mutants: str = ""
    tight: bool = False
    workers: int = 2
    writes: float = 60.0
    #: seconds between two faults
    between: float = 0.5
    #: whether to stop at the first broken invariant
    first: bool = False
    #: seconds within which workers must agree after a fault
    agreed: float = AGREED
    #: whether visibility without faults is judged, which also depends on the machine
    visible: bool = True
    keep: bool = False
    #: whether faults are shortened
    quick: bool = False


@dataclass
class Outcome:
    """The outcome of a campaign."""

    plan: Plan
    history: History
    #: by kind of fault, the seconds until all workers agreed again
    healed: dict[str, list[float | None]] = field(default_factory=dict)
    visibility: list[int] = field(default_factory=list)
    written: int = 0
    refused: int = 0
    messages: int = 0
    seconds: float = 0.0
    folder: str = ""

    @property
    def broken(self) -> list[str]:
        """The broken invariants."""
        return self.history.broken


async def run(plan: Plan, say: object = None) -> Outcome:
    """Run a plan."""
    history = History()
    outcome = Outcome(plan, history)
    began = time.monotonic()
    async with running_stack(workers=plan.workers, mutants=plan.mutants, tight=plan.tight, keep=plan.keep) as stack:
        outcome.folder = str(stack.folder)
        outbox = Outbox(stack, history)
        load = Load(stack, history, plan.seed, writes=plan.writes)
        dice = random.Random(plan.seed)  # noqa: S311 - not a secret: a plan must be repeatable
        scene = Scene(stack, load, history, outbox, dice, plan.longest, plan.burst, plan.quick)
        watching = asyncio.create_task(outbox.keep_watching())
        try:
            began = time.monotonic()
            await load.start()
            await _calm(outcome, load)
            await _faults(outcome, scene, began, say)
            await load.stop()
            history.phase = "the end"
            await outbox.settled()
            history.settle()
            await _sweeps(stack, history)
        finally:
            await tasks.end(watching)
            with contextlib.suppress(Exception):
                await load.stop()
        outcome.written, outcome.refused, outcome.messages = load.written, load.refused, outbox.messages
        outcome.seconds = time.monotonic() - began
    return outcome


async def _calm(outcome: Outcome, load: Load) -> None:
    if outcome.plan.calm <= 0:
        return
    outcome.history.phase = CALM
    # Readers share the processors with the processes, so few of them read here.
    usual, load.reads = load.reads, min(load.reads, _CALM_READS)
    await load.watch_visibility(outcome.plan.calm)
    load.reads = usual
    outcome.visibility = sorted(load.visibility)
    if outcome.plan.visible and percentile(outcome.visibility, 99.9) > VISIBLE:
        told = f"{percentile(outcome.visibility, 99.9):.1f} ms is the 99.9th percentile of {len(outcome.visibility)}"
        outcome.history.breach("visibility", told)


async def _faults(outcome: Outcome, scene: Scene, began: float, say: object) -> None:
    plan, history = outcome.plan, outcome.history
    due: list[str] = []
    done = 0
    while done < len(plan.kinds) or time.monotonic() - began < plan.seconds:
        if plan.first and history.breaks:
            return
        if plan.first and time.monotonic() - began > plan.seconds:
            return
        if not due:
            due = list(plan.kinds)
            scene.random.shuffle(due)
        kind = due.pop()
        history.phase = kind
        start = time.monotonic()
        await KINDS[kind](scene)
        lasted = time.monotonic() - start
        agreed = await scene.load.converged(max(_AGREEMENT_TIMEOUT, plan.agreed))
        outcome.healed.setdefault(kind, []).append(agreed)
        if agreed is None or agreed > plan.agreed:
            history.breach("convergence", f"{agreed or max(_AGREEMENT_TIMEOUT, plan.agreed):.1f} s until all workers agreed")
        await scene.outbox.follow()
        if callable(say):
            state = f"{sum(history.breaks.values())} broken" if history.breaks else "sound"
            say(f"{time.monotonic() - began:6.1f} s  {kind}: {lasted:.1f} s, agreed in {agreed or -1:.2f} s, {state}")
        await asyncio.sleep(plan.between)
        done += 1


async def _sweeps(stack: Stack, history: History) -> None:
    for process in (*stack.admins, *stack.workers):
        for line in process.events():
            if line.get("event") in _WRONG:
                history.breach("log", f"{process.name}: {str(line)[:600]}")


def percentile(ordered: Sequence[int], share: float) -> float:
    """A percentile of nanoseconds, in milliseconds; 0 without samples."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))] / 1e6 if ordered else 0.0


def table(outcome: Outcome) -> str:
    """The outcome as a Markdown table, and the broken invariants."""
    lines = [
        "| phase | times | reads | marked | no answer | "
        + " | ".join(f"@{each}" for each in LIMITS)
        + " | worst ms | agreed s |",
        "| --- " * (7 + len(LIMITS)) + "|",
    ]
    total = dict.fromkeys(("reads", "marked", "failed"), 0)
    for name, tally in outcome.history.tallies.items():
        healed = outcome.healed.get(name, [])
        worst = max((_AGREEMENT_TIMEOUT if each is None else each for each in healed), default=0.0)
        stale = " | ".join(f"{tally.per_million(each):.0f}" for each in LIMITS)
        agreed = f"{worst:.2f}" if healed else ""
        lines.append(
            f"| {name} | {len(healed) or ''} | {tally.reads} | {tally.marked} | {tally.failed} | {stale}"
            f" | {tally.worst / 1e6:.0f} | {agreed} |"
        )
        for each in total:
            total[each] += getattr(tally, each)
    unmarked = max(1, total["reads"] - total["marked"])
    seen = outcome.visibility
    spread = (
        ", ".join(f"p{share} {percentile(seen, share):.1f} ms" for share in (50, 99, 99.9, 100)) if seen else "not measured"
    )
    lines += [
        "",
        f"{outcome.seconds:.0f} s, seed {outcome.plan.seed}: {total['reads']} reads, {total['marked']} of them marked stale.",
        f"{total['failed']} reads had no answer; {outcome.written} writes acknowledged, {outcome.refused} refused or unknown.",
        f"{outcome.messages} messages of the stream were followed.",
        f"A zero in {unmarked} answers supports at most {3e6 / unmarked:.1f} per million (95 %).",
        f"Visibility without faults, {len(seen)} samples: {spread}.",
        "",
        *(outcome.broken or ["No invariant is broken."]),
    ]
    return "\n".join(lines)
