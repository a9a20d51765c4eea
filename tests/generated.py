"""Settings of tests that are given generated requests."""

from hypothesis import HealthCheck, settings


def examples(count: int) -> settings:
    """So many examples, the same in every run, for as long as they take; fixtures last from one to the next."""
    return settings(
        deadline=None,
        database=None,
        derandomize=True,
        max_examples=count,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
