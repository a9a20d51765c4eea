"""The admission rule, by every interleaving of a small world."""

import pytest

from tests.hotpath.model import Rule, explore


def test_a_cached_part_is_the_truth_whatever_happens_in_which_order() -> None:
    states, violation = explore(Rule(), writes=2)
    assert violation is None, violation
    assert states > 10_000


@pytest.mark.parametrize("left_out", ["floor", "recent", "forgetting", "rows"])
def test_each_half_of_the_rule_is_needed(left_out: str) -> None:
    _, violation = explore(Rule()._replace(**{left_out: False}), writes=2)
    assert violation is not None, f"without {left_out} nothing breaks: either it is not needed, or the model does not see"
