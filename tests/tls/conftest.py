"""Certificate authorities: one that is trusted, and one that is not."""

import pytest

from tests.tls.processes import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that signed the certificates of the processes."""
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that no process trusts."""
    return Authority(tmp_path_factory.mktemp("tls"), "stranger")
