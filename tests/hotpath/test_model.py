"""The rules of the caches, by every interleaving of small models."""

import pytest

from tests.hotpath import response_model
from tests.hotpath.model import Rule, explore


def test_a_cached_part_is_true_in_every_interleaving() -> None:
    states, violation = explore(Rule(), writes=2)
    assert violation is None, violation
    assert states > 10_000


@pytest.mark.parametrize("left_out", Rule._fields)
def test_each_half_of_the_rule_is_needed(left_out: str) -> None:
    _, violation = explore(Rule()._replace(**{left_out: False}), writes=2)
    assert violation is not None, f"without {left_out} nothing breaks: either it is not needed, or the model does not see"


def test_a_cached_response_is_true_in_every_interleaving() -> None:
    states, violation = response_model.explore(response_model.Rule(), writes=2, copies=1)
    assert violation is None, violation
    assert states > 10_000


@pytest.mark.parametrize("left_out", response_model.Rule._fields)
def test_each_condition_for_a_cached_response_is_needed(left_out: str) -> None:
    rule = response_model.Rule()._replace(**{left_out: False})
    _, violation = response_model.explore(rule, writes=4, copies=1)
    assert violation is not None, f"without {left_out} nothing breaks: either it is not needed, or the model does not see"
