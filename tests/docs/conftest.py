"""The stack that the documented commands run against."""

from collections.abc import Iterator

import pytest

from tests.up import running
from tests.up.running import Up

from .stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """`cqar up` with the sample."""
    with running.folder() as made:
        up = Up(made / "home")
        try:
            up.wait_up()
            yield Stack(up)
            assert up.end() == 0
        finally:
            up.close()
