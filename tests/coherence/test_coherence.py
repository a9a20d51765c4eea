"""The checker, shortened: every kind of fault once, and one mutant. `make soak` runs it in full."""

import pytest

from tests.coherence.campaign import Plan, run, table
from tests.coherence.faults import KINDS
from tests.coherence.mutants import PLANS, hunted

#: Of the long plan what a minute has room for. How fast something is, is not judged here: the machine may be busy.
_SHORT = Plan(seed=7, calm=2, seconds=0, longest=0.6, burst=1_000, between=0.1, agreed=60, visible=False, quick=True)


async def test_no_fault_breaks_an_invariant() -> None:
    outcome = await run(_SHORT)
    assert not outcome.broken, table(outcome)
    assert outcome.healed.keys() == KINDS.keys()
    assert outcome.messages > outcome.written > 100


async def test_the_checker_catches_a_relay_that_counts_before_the_commit() -> None:
    outcome = await hunted("last-seen-relay")
    assert outcome.history.breaks["stream"], table(outcome)


@pytest.mark.soak  # on a busy machine a mutant may take longer than its minute
@pytest.mark.parametrize("mutant", PLANS)
async def test_the_checker_catches_each_mistake(mutant: str) -> None:
    outcome = await hunted(mutant)
    assert outcome.broken, table(outcome)
