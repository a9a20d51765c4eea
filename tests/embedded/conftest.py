"""A folder for servers: short, for the paths of sockets, and not pytest's."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of mode 0700 that is removed at the end."""
    made = Path(tempfile.mkdtemp(prefix="cqar-"))
    yield made
    shutil.rmtree(made)
