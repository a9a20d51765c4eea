"""Fixtures of the rules tests."""

from collections.abc import Callable

import pytest

from cqar.errors import Invalid

#: Runs a call that must be refused; gives field and rule of each violation.
Broken = Callable[..., list[tuple[str, str]]]


@pytest.fixture(scope="session")
def broken() -> Broken:
    """Each violation also has a short description in printable ASCII, whatever the client sent."""

    def run(call: Callable[..., object]) -> list[tuple[str, str]]:
        with pytest.raises(Invalid) as caught:
            call()
        for violation in caught.value.violations:
            assert 0 < len(violation.description) <= 200
            assert violation.description.isascii()
            assert violation.description.isprintable()
        return [(violation.field, violation.rule) for violation in caught.value.violations]

    return run
