"""Certificates are replaced while the processes run."""

import pytest

from cqar import config
from tests.hotpath.stack import eventually, listed
from tests.tls.processes import Authority, Secure, admin_process, serial, variables, worker_process


@pytest.mark.parametrize("transport", ["grpcio", "lane"])
async def test_new_connections_get_the_new_certificate(settings: config.Settings, authority: Authority, transport: str) -> None:
    tls = variables(authority.issue(transport)) | {"CQAR_TLS_SERVER_CA": str(authority.file)}
    context = authority.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    async with (
        admin_process(settings, **tls) as admin,
        worker_process(settings, admin, CQAR_HOTPATH_TRANSPORT=transport, **tls) as worker,
        Secure(worker.grpc, authority.credentials()) as client,
    ):
        ports = (admin.grpc, admin.http, worker.grpc, worker.http, worker.metrics)

        async def shown() -> set[str]:
            return {await serial(port, context) for port in ports}

        await listed(client)
        (former,) = await shown()
        pair = authority.issue(transport)

        async def changed() -> bool:
            found = await shown()
            return len(found) == 1 and former not in found

        await eventually(changed, 60)
        (renewed,) = await shown()
        await client.call("ListVenues")  # The connection of before is not disturbed.

        pair.key.write_text("not a key")

        async def complained() -> bool:
            await shown()
            return all(each.process.said("tls_unfit") is not None for each in (admin, worker))

        await eventually(complained, 60)
        assert await shown() == {renewed}
        async with Secure(worker.grpc, authority.credentials()) as later:
            await later.call("ListVenues")
        assert "not a key" not in str(admin.process.log) + str(worker.process.log)
