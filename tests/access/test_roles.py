"""Every call requires a role, on admin and through hotpath; calls that require none are listed here, too."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cqar.admin.app import METHODS, Admin
from cqar.contract.cqar.v1 import access_pb2, registry_pb2, resolver_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2
from cqar.hotpath.app import Hotpath
from cqar.model.call import Role
from tests.access import credentials
from tests.access.credentials import outcome
from tests.client import Client

#: What only an administrator does, and reads that are a writer's business.
ADMINS = {"CreateKey", "ListKeys", "RevokeKey", "ListAudit", "MergeAssets"}
WRITERS = {"ListReviews", "ListQuestions"}
READS = ("Get", "List", "Search", "Find", "Explain", "ResolveVenueSymbols", "ResolveAssets")


def needed(name: str) -> Role:
    """The role that a call must require."""
    if name in ADMINS:
        return Role.ADMIN
    return Role.READER if name.startswith(READS) and name not in WRITERS else Role.WRITER


def calls() -> Iterator[str]:
    """The path of every unary call of the contract."""
    services = (
        asset_registry_pb2.DESCRIPTOR.services_by_name["AssetRegistry"],
        resolver_pb2.DESCRIPTOR.services_by_name["Resolver"],
        registry_pb2.DESCRIPTOR.services_by_name["Registry"],
        access_pb2.DESCRIPTOR.services_by_name["Access"],
    )
    for service in services:
        yield from (f"/{service.full_name}/{each.name}" for each in service.methods if not each.server_streaming)


async def walk(client: Client, api_keys: Mapping[Role, str]) -> int:
    count = 0
    for path in calls():
        name = path.rpartition("/")[2]
        for role, key in api_keys.items():
            refused = await outcome(client, path, key)
            if role < needed(name):
                assert refused is not None, f"{path} as {role.name}"
                assert refused.code == "PERMISSION_DENIED", f"{path} as {role.name}: {refused}"
                assert f"{name} requires the role {needed(name).name.lower()}" in refused.message
            else:
                assert refused is None or refused.code not in {"PERMISSION_DENIED", "UNAUTHENTICATED"}, f"{path}: {refused}"
            count += 1
        missing = await outcome(client, path)
        assert missing is not None
        assert missing[:2] == ("UNAUTHENTICATED", "missing authorization header"), path
    return count


async def test_every_call_asks_admin_callers_for_its_role(admin: Admin, api_keys: Mapping[Role, str]) -> None:
    async with Client(admin.port) as client:
        assert await walk(client, api_keys) == 3 * len(METHODS) > 150


async def test_every_call_through_the_hot_path_asks_for_the_same_role(hotpath: Hotpath, api_keys: Mapping[Role, str]) -> None:
    async with Client(hotpath.port) as client:
        assert await walk(client, api_keys) == 3 * len(METHODS)


@pytest.mark.parametrize("name", ["admin", "hotpath"])
async def test_an_undeclared_call_needs_the_role_admin(
    name: str, admin: Admin, hotpath: Hotpath, api_keys: Mapping[Role, str]
) -> None:
    async with Client(admin.port if name == "admin" else hotpath.port) as client:
        found = {role: await outcome(client, "/some.Service/Unheard", key) for role, key in api_keys.items()}
        codes = {role: refused and refused.code for role, refused in found.items()}
        assert codes == {
            Role.READER: "PERMISSION_DENIED",
            Role.WRITER: "PERMISSION_DENIED",
            Role.ADMIN: "UNIMPLEMENTED",
        }
        nobody = await outcome(client, "/some.Service/Unheard")
        assert nobody is not None
        assert nobody.code == "UNAUTHENTICATED"


@pytest.mark.parametrize("name", ["admin", "hotpath"])
async def test_health_needs_no_key_and_reflection_any(
    name: str, admin: Admin, hotpath: Hotpath, api_keys: Mapping[Role, str]
) -> None:
    reflection = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    async with Client(admin.port if name == "admin" else hotpath.port) as client:
        assert await outcome(client, "/grpc.health.v1.Health/Check") is None
        listing = b":\x00"  # list_services
        # One message: a client of streams makes INTERNAL of a call that ends before it has sent its first.
        ask: Any = client.channel.unary_stream(reflection)
        for key in api_keys.values():
            stream: Any = ask(listing, metadata=credentials.bearer(key), timeout=10)
            assert b"AssetRegistry" in await stream.read()
            stream.cancel()
        stream = ask(listing, timeout=10)
        assert (await stream.code()).name == "UNAUTHENTICATED"
