"""The first administrator's key of a registry without one."""

from collections.abc import AsyncIterator

import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.auth import authority
from tests.access import credentials
from tests.client import Client
from tests.hotpath.stack import eventually


@pytest.fixture
async def bootstrap(settings: config.Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Admin, str]]:
    """An admin that was started with a bootstrap key, and the key."""
    key, digest = authority.minted(settings)
    monkeypatch.setenv("CQAR_BOOTSTRAP_KEY_HASH", digest)
    process = Admin(settings)
    await process.start()
    yield process, key.text
    await process.stop()


async def test_the_bootstrap_key_makes_the_first_admin_key_and_is_none_from_then_on(bootstrap: tuple[Admin, str]) -> None:
    admin, first = bootstrap
    lists = f"{credentials.ACCESS}ListKeys"
    async with Client(admin.port) as client:
        assert await credentials.outcome(client, lists, first) is None
        made = await credentials.own(client, first, "CreateKey", principal="ops", role="ADMIN")
        audit = await credentials.own(client, made.secret, "ListAudit", entity="api_key")
        assert [each.actor for each in audit.entries] == ["bootstrap"]

        async def over() -> bool:
            refused = await credentials.outcome(client, lists, first)
            return refused is not None and refused[:2] == ("UNAUTHENTICATED", "invalid API key")

        await eventually(over)
        assert await credentials.outcome(client, lists, made.secret) is None


async def test_another_key_than_the_bootstrap_key_is_none(bootstrap: tuple[Admin, str], settings: config.Settings) -> None:
    admin, _ = bootstrap
    other, _ = authority.minted(settings)
    async with Client(admin.port) as client:
        refused = await credentials.outcome(client, f"{credentials.ACCESS}ListKeys", other.text)
        assert refused is not None
        assert refused[:2] == ("UNAUTHENTICATED", "invalid API key")


async def test_a_reader_key_does_not_end_the_bootstrap_key(bootstrap: tuple[Admin, str]) -> None:
    admin, first = bootstrap
    async with Client(admin.port) as client:
        await credentials.own(client, first, "CreateKey", principal="feed", role="READER")
        assert await credentials.outcome(client, f"{credentials.ACCESS}ListKeys", first) is None
