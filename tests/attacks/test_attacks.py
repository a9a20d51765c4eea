"""The attacks of the bench, in short: each closes its connections, or leaves nothing; a client is served afterwards."""

import asyncio

import pytest

from cqar.lane.limits import Limits
from tests.attacks.table import ATTACKS
from tests.attacks.target import Target
from tests.lane.peer import check_alive, connected
from tests.lane.running import running_lane, until


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_is_closed_or_harmless(name: str) -> None:
    async with running_lane(Limits(flood_rate=500)) as running:
        target = Target(running.port, 0, 60.0)
        attack = ATTACKS[name]

        def enough() -> bool:
            return bool(target.closed) if attack.closes else target.opened > 0

        async with connected(running.port) as other:
            attacking = asyncio.ensure_future(attack.run(target))
            await until(enough)
            target.seconds = 0.0
            await attacking
            assert running.lane.state.usage.queued <= running.lane.state.limits.all_queued
            await check_alive(other)
        await until(running.empty)
