"""API keys created and revoked directly in the database, which needs no key. `cqar up` creates one for each role."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

from cqar import config
from cqar.auth import authority, keys
from cqar.client import credentials
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model.call import Call, Principal, Role
from cqar.storage.postgres import Pool
from cqar.writes import keyring

_OPERATOR = Principal(name="operator", role=Role.ADMIN)


async def ensure(settings: config.Settings, home: Path) -> bool:
    """Make sure that the folder has a valid key for each role. Return whether new keys were created. Raises Unavailable."""
    pool = Pool(settings.database, statement_timeout=settings.database.statement_timeout, name="cqar-keys")
    await pool.open()
    try:
        with contextlib.suppress(credentials.CredentialsError):
            if await _valid(pool, settings, credentials.read(home)):
                return False
        made = {}
        for role in credentials.ROLES:
            name = role.name.lower()
            request = pb.CreateKeyRequest(principal=f"cqar-up-{name}", role=role.name, note="made by cqar up")
            made[name] = (await create(pool, settings, request)).secret
        credentials.write(home, made)
    finally:
        await pool.close()
    return True


async def create(pool: Pool, settings: config.Settings, request: pb.CreateKeyRequest) -> pb.CreateKeyResponse:
    """Create a key. Raises as keyring.create_key, and ConfigError without a pepper."""
    authority.pepper(settings)
    call = Call(method="CreateKey", principal=_OPERATOR, source="operator", mint=lambda: authority.minted(settings))
    response: pb.CreateKeyResponse = await keyring.run(pool, keyring.create_key, request, call)
    return response


async def revoke(pool: Pool, key_id: str) -> pb.RevokeKeyResponse:
    """Revoke a key. Raises as keyring.revoke_key."""
    call = Call(method="RevokeKey", principal=_OPERATOR, source="operator")
    request = pb.RevokeKeyRequest(key_id=key_id)
    response: pb.RevokeKeyResponse = await keyring.run(pool, keyring.revoke_key, request, call)
    return response


async def _valid(pool: Pool, settings: config.Settings, found: Mapping[str, str]) -> bool:
    """Return whether each role has a key that the database accepts under this pepper."""
    async with pool.session() as session:
        for role in credentials.ROLES:
            key = keys.parse(found.get(role.name.lower(), ""))
            stored = None if key is None else await keyring.stored(session, key.key_id)
            if key is None or stored is None or stored.HasField("revoked_at") or int(stored.role) != int(role):
                return False
            if not keys.proves(key.text, authority.pepper(settings), stored.hash):
                return False
    return True
