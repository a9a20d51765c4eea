"""Hypothesis settings for tests with generated requests."""

from hypothesis import HealthCheck, settings


def examples(count: int) -> settings:
    """Settings for `count` examples: the same in every run, without a deadline, with shared fixtures."""
    return settings(
        deadline=None,
        database=None,
        derandomize=True,
        max_examples=count,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
