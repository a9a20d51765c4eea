"""How each mutant is caught: the load and the faults that reveal it."""

from collections.abc import Mapping
from dataclasses import replace

from tests.coherence.campaign import Outcome, Plan, run

_BASE = Plan(calm=0, seconds=50, longest=4, agreed=14, visible=False, first=True)
#: Little memory and few changes, so that the next change does not soon correct a wrong part.
_TIGHT = replace(_BASE, tight=True, writes=8, kinds=("slow reads",))
PLANS: Mapping[str, Plan] = {
    "no-floor": _TIGHT,
    "no-recent": _TIGHT,
    "lease-at-reception": replace(_BASE, kinds=("late news",)),
    "per-row-versions": replace(_BASE, kinds=("link worker to NATS",)),
    "last-seen-relay": replace(_BASE, seconds=150, kinds=("delisting",)),
}


async def hunted(name: str, *, alive: bool = True) -> Outcome:
    """What the checker finds with a mutant, or with the unbroken protocol under the same plan (`alive=False`)."""
    return await run(replace(PLANS[name], mutants=name if alive else ""))
