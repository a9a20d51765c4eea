"""How each mutant is caught: the load and the faults under which what it leaves out is missed."""

from collections.abc import Mapping
from dataclasses import replace

from tests.coherence.campaign import Outcome, Plan, run

_BASE = Plan(calm=0, seconds=50, longest=4, agreed=14, visible=False, first=True)
#: Little memory and few changes: what is wrong is not soon made right again by the next change.
_TIGHT = replace(_BASE, tight=True, writes=8, kinds=("slow reads",))
PLANS: Mapping[str, Plan] = {
    "no-floor": _TIGHT,
    "no-recent": _TIGHT,
    "lease-at-reception": replace(_BASE, kinds=("late news",)),
    "per-row-versions": replace(_BASE, kinds=("link worker to NATS",)),
    "last-seen-relay": replace(_BASE, kinds=("delisting",)),
}


async def hunted(name: str, *, alive: bool = True) -> Outcome:
    """What the checker finds of a mutant; `alive=False`: of the protocol as it is, under the same plan."""
    return await run(replace(PLANS[name], mutants=name if alive else ""))
