"""Settings with keys on, and keys created directly in the database."""

from typing import Any

import grpc
import grpc.aio
import msgspec

from cqar import config
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.dev import keys
from cqar.model.call import Call, Key, Role
from cqar.storage.postgres import Pool
from cqar.writes import keyring
from tests.client import Client, Refused, refusal

PEPPER = "pepper-of-the-tests-0123"
ACCESS = "/cqar.v1.Access/"
WRONG = "cqar_dev_000000000000_0000000000000000000000000000000000000000"


def locked(settings: config.Settings, **more: Any) -> config.Settings:
    """The settings with keys on."""
    return msgspec.structs.replace(settings, auth="keys", pepper=PEPPER, reflection=True, **more)


async def make(settings: config.Settings, role: Role, **fields: Any) -> str:
    """A new key, created directly in the database."""
    request = pb.CreateKeyRequest(principal=fields.pop("principal", role.name.lower()), role=role.name, **fields)
    pool = Pool(settings.database, statement_timeout=10, name="tests")
    await pool.open()
    try:
        return (await keys.create(pool, settings, request)).secret
    finally:
        await pool.close()


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


async def outcome(client: Client, path: str, key: str | None = None, data: bytes = b"") -> Refused | None:
    """The error of a call, or None if it succeeds."""
    try:
        await client.raw(path, data, headers=() if key is None else bearer(key))
    except grpc.aio.AioRpcError as error:
        return refusal(error)
    return None


async def own(client: Client, key: str, name: str, **fields: Any) -> Any:
    """A call of cqar.v1.Access."""
    request = getattr(pb, f"{name}Request")(**fields)
    data, client.trailing = await client.raw(ACCESS + name, request.SerializeToString(), headers=bearer(key))
    return getattr(pb, f"{name}Response").FromString(data)


async def revoke(settings: config.Settings, key: Key) -> None:
    """Revoke a key directly in the database."""
    pool = Pool(settings.database, statement_timeout=10, name="tests")
    await pool.open()
    try:
        await keyring.run(pool, keyring.revoke_key, pb.RevokeKeyRequest(key_id=key.key_id), Call(method="RevokeKey"))
    finally:
        await pool.close()
