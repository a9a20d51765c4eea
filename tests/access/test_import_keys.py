"""The keys that imports need."""

from collections.abc import Mapping

import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.importers.rejudge.session import Rejudging
from cqar.importers.run.run import Run
from cqar.importers.run.wire import RegistryError
from cqar.model.call import Role
from tests.access import credentials
from tests.importers.imports import COINS, Importers, market

PAIRS = [["eip155:1/slip44:60", "ethereum"]]


@pytest.mark.parametrize("dry_run", [True, False])
async def test_an_import_that_merges_assets_tells_a_writer_at_once(
    admin: Admin, api_keys: Mapping[Role, str], *, dry_run: bool
) -> None:
    for role in (Role.READER, Role.WRITER):
        with pytest.raises(RegistryError) as refused:
            await Importers(admin.port, api_keys[role]).document("coingecko", PAIRS, dry_run=dry_run)
        assert "this import merges assets; use the key of an admin: " in str(refused.value)
    result = await Importers(admin.port, api_keys[Role.ADMIN]).document("coingecko", PAIRS, dry_run=dry_run)
    assert [each.reason for each in result.of("rejected")] == ["unknown_chain"]


async def test_a_dry_run_needs_the_key_of_a_writer(admin: Admin, api_keys: Mapping[Role, str]) -> None:
    with pytest.raises(RegistryError, match="PERMISSION_DENIED"):
        await Importers(admin.port, api_keys[Role.READER]).document("assets", COINS, dry_run=True)
    assert (await Importers(admin.port, api_keys[Role.WRITER]).document("assets", COINS, dry_run=True)).created == len(COINS)


@pytest.mark.parametrize("dry_run", [True, False])
async def test_judging_codes_again_needs_a_writer_of_all_venues(
    admin: Admin, settings: config.Settings, api_keys: Mapping[Role, str], *, dry_run: bool
) -> None:
    def judge(run: Run) -> None:
        Rejudging(run)

    with pytest.raises(RegistryError, match="MoveCodes: PERMISSION_DENIED: judging codes again moves them: "):
        await Importers(admin.port, api_keys[Role.READER]).run(judge, dry_run=dry_run)
    await Importers(admin.port, api_keys[Role.WRITER]).run(judge, dry_run=dry_run)
    await Importers(admin.port, api_keys[Role.WRITER]).markets("gate", [market("BTC_USDT", "BTC", "USDT")])
    confined = await credentials.make(settings, Role.WRITER, venue_ids=["gate"])
    with pytest.raises(RegistryError, match="MoveCodes is not limited to a venue, but this key is"):
        await Importers(admin.port, confined).run(judge, dry_run=dry_run)
