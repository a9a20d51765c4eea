"""Clients with the retry policy of the docs."""

import asyncio
import json
from typing import Any

import grpc
import grpc.aio

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from tests.client import SERVICE
from tests.docs import pages

PAGE = pages.ROOT / "docs" / "operations.md"
#: As docs/operations.md says; that clients come back soon is an option of the channel.
RECONNECT = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1_000))


def documented() -> str:
    """The service config that docs/operations.md shows, as JSON."""
    [block] = [each for each in pages.blocks(PAGE) if each.language == "json" and "retryPolicy" in each.text]
    return json.dumps(json.loads(block.text))


class Load:
    """Lookups and writes from several tasks while it runs; failures are collected."""

    def __init__(self, target: str) -> None:
        options = (("grpc.service_config", documented()), *RECONNECT)
        self._channel = grpc.aio.insecure_channel(target, options=options)
        self.done = 0
        self.failed: list[str] = []
        self._over = False

    async def run(self, tasks: int) -> None:
        await asyncio.gather(*(self._task(number) for number in range(tasks)))
        await self._channel.close()

    def stop(self) -> None:
        self._over = True

    async def _task(self, number: int) -> None:
        get: Any = self._channel.unary_unary(f"{SERVICE}GetVenue")
        create: Any = self._channel.unary_unary(f"{SERVICE}CreateVenue")
        request = pb.GetVenueRequest(venue_id="binance").SerializeToString()
        count = 0
        while not self._over:
            count += 1
            try:
                if count % 20:
                    await get(request, timeout=60)
                else:
                    name = f"v{number}x{count}"
                    written = pb.CreateVenueRequest(name=name, venue_type=1).SerializeToString()  # type: ignore[arg-type]  # 1 is CEX
                    await create(written, timeout=60, metadata=(("idempotency-key", name),))
                self.done += 1
            except grpc.aio.AioRpcError as error:
                self.failed.append(f"{error.code().name}: {error.details()}")
            await asyncio.sleep(0.001)
