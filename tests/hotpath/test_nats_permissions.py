"""The permissions that docs/operations.md gives to the processes on NATS: they suffice, and workers cannot publish changes."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from nats.aio.client import Client as NatsClient

from cqar import config
from cqar.dev.embedded import Nats
from cqar.dev.embedded.home import Lock
from cqar.hotpath import feed
from cqar.replication import probe
from tests.client import Client
from tests.hotpath.stack import admin_of, changed, eventually, listed, ticked, worker_of

_PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def _documented() -> str:
    """The block of the page, with a password for each user."""
    [block] = re.findall(r"```text\n(\s*authorization \{.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return re.sub(r"\$([A-Z]+)_PASSWORD", lambda found: f"of-{found[1].lower()}", block)


class _Permitted(Nats):
    """A server with the documented permissions."""

    def _prepare(self, held: Lock) -> Sequence[str]:
        line = super()._prepare(held)
        path = self.folder / "nats.conf"
        # JSON without its outer braces is the server's own format.
        path.write_text(f"{path.read_text().strip()[1:-1]}\n{_documented()}")
        return line


@pytest.fixture(params=["", "eu"], ids=["bare", "prefixed"])
async def permitted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, Nats]]:
    """The prefix, and a server whose permissions have it."""
    prefix: str = request.param
    if prefix:
        documented = _documented()
        own = re.sub(r'"(?=cq)', f'"{prefix}.', documented).replace("CQC_EVENTS", f"{prefix}_CQC_EVENTS")
        monkeypatch.setattr(f"{__name__}._documented", lambda: own)
    folder = Path(tempfile.mkdtemp(prefix="cqar-"))
    try:
        with _Permitted(folder / "nats", throwaway=True) as server:
            yield prefix, server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as(server: Nats, user: str) -> str:
    return server.url.replace("//", f"//{user}:of-{user}@")


async def _connected(server: Nats, user: str, problems: list[str]) -> NatsClient:
    async def failed(error: Exception) -> None:
        problems.append(str(error))

    client = NatsClient()
    await client.connect(_as(server, user), error_cb=failed)
    return client


async def test_the_documented_permissions_suffice_and_workers_cannot_publish_changes(
    settings: config.Settings, permitted: tuple[str, Nats], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix, server = permitted
    of = [changed(settings, nats={"url": _as(server, user), "prefix": prefix}) for user in ("admin", "worker")]
    subject = f"{prefix}." if prefix else ""
    stream = f"{prefix}_" if prefix else ""
    async with admin_of(of[0]) as admin, worker_of(of[1], admin.port) as worker, Client(admin.port) as registry:
        btc = await listed(registry)
        assert await worker.feed.wait_applied(5, 15)
        await eventually(lambda: admin._relay.published["cqc.events.v1.venue_symbol_listed"] == 1)
        # Without probes, only a message brings a change.
        monkeypatch.setattr(worker.feed, "_probe_and_apply", asyncio.Event().wait)
        worker.feed.probe()
        await asyncio.sleep(2 * worker.feed._interval)
        revision = await ticked(registry, btc, "0.25")
        await eventually(lambda: worker.cache.applied == revision)
        # And admin answers a worker's probe.
        question = probe.question(worker.cache.epoch, revision - 1)
        answer = probe.decode(await worker._bus.ask(probe.SUBJECT, question, feed._PROBE_TIMEOUT * 40))
        assert [each.revision for each in answer.changes] == [revision]

        problems: list[str] = []
        operator = await _connected(server, "admin", problems)
        before = (await operator.jetstream().stream_info(f"{stream}CQAR_CHANGES")).state.last_seq
        assert problems == []
        for user in ("worker", "consumer"):
            refused: list[str] = []
            client = await _connected(server, user, refused)
            for forged in ("cqar.changes.v1.symbol", "cqc.events.v1.asset_created", "cqar.nudge"):
                await client.publish(f"{subject}{forged}", b"forged")
            await client.flush()
            await eventually(lambda refused=refused: len(refused) == 3)  # type: ignore[misc]
            assert all("permissions violation for publish" in each.lower() for each in refused)
            await client.close()
        assert (await operator.jetstream().stream_info(f"{stream}CQAR_CHANGES")).state.last_seq == before
        await operator.close()

        reader = await _connected(server, "consumer", problems)
        pulled = await reader.jetstream().pull_subscribe(f"{subject}cqc.events.v1.>", stream=f"{stream}CQC_EVENTS", durable="c")
        for message in await pulled.fetch(4, timeout=10):
            await message.ack_sync()
        await reader.close()
        assert problems == []
