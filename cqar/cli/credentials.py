"""The keys of `cqar up` and of the command line: a pepper and three keys in $CQAR_HOME, for the owner's eyes alone."""

import contextlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cqar import config
from cqar.auth import authority, keys
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model.call import Call, Principal, Role
from cqar.storage.postgres import Store
from cqar.writes import keyring

FILE = "credentials.json"
PEPPER = "pepper"
#: The roles that have a key in the file.
ROLES = (Role.READER, Role.WRITER, Role.ADMIN)
_OPERATOR = Principal(name="operator", role=Role.ADMIN)


class CredentialsError(Exception):
    """The file of keys, or the key in CQAR_API_KEY, cannot be used: `str()` says why, without showing a key."""


def pepper(home: Path) -> str:
    """The pepper of the folder, made where there is none."""
    path = home / PEPPER
    if not path.exists():
        _write(path, secrets.token_hex(32).encode())
    return path.read_text(encoding="ascii").strip()


def find(home: Path, role: Role, env: Mapping[str, str] = os.environ) -> str | None:
    """The key of CQAR_API_KEY, else that of the role in the folder's file; None where there is neither.

    Raises CredentialsError.
    """
    given = env.get("CQAR_API_KEY")
    if given is not None:
        if keys.parse(given) is None:
            message = "CQAR_API_KEY is no API key, or a part of one is missing"
            raise CredentialsError(message)
        return given
    return read(home).get(role.name.lower())


def read(home: Path) -> dict[str, str]:
    """The keys of the folder's file by role; none where there is no file. Raises CredentialsError."""
    path = home / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        message = f"cannot read the keys in {str(path)!r}: {error.strerror if isinstance(error, OSError) else 'not as written'}"
        raise CredentialsError(message) from None


async def ensure(settings: config.Settings, home: Path) -> bool:
    """Have keys in the folder's file that the database of the settings knows; whether they are new. Raises Unavailable."""
    store = Store(settings.database, statement_timeout=settings.database.statement_timeout, name="cqar-keys")
    await store.open()
    try:
        with contextlib.suppress(CredentialsError):
            if await _known(store, settings, read(home)):
                return False
        made = {}
        for role in ROLES:
            name = role.name.lower()
            request = pb.CreateKeyRequest(principal=f"cqar-up-{name}", role=role.name, note="made by cqar up")
            made[name] = (await create(store, settings, request)).secret
        _write(home / FILE, msgspec.json.encode(made))
    finally:
        await store.close()
    return True


async def create(store: Store, settings: config.Settings, request: pb.CreateKeyRequest) -> pb.CreateKeyResponse:
    """Make a key straight on the database. Raises as keyring.create_key, ConfigError without a pepper."""
    authority.pepper(settings)
    call = Call(method="CreateKey", principal=_OPERATOR, source="operator", mint=lambda: authority.minted(settings))
    response: pb.CreateKeyResponse = await keyring.run(store, keyring.create_key, request, call)
    return response


async def revoke(store: Store, key_id: str) -> pb.RevokeKeyResponse:
    """Revoke a key straight on the database. Raises as keyring.revoke_key."""
    call = Call(method="RevokeKey", principal=_OPERATOR, source="operator")
    request = pb.RevokeKeyRequest(key_id=key_id)
    response: pb.RevokeKeyResponse = await keyring.run(store, keyring.revoke_key, request, call)
    return response


async def _known(store: Store, settings: config.Settings, held: Mapping[str, str]) -> bool:
    """Whether each role has a key that the database holds under this pepper."""
    async with store.session() as session:
        for role in ROLES:
            key = keys.parse(held.get(role.name.lower(), ""))
            found = None if key is None else await keyring.stored(session, key.key_id)
            if key is None or found is None or found.HasField("revoked_at") or int(found.role) != int(role):
                return False
            if not keys.proves(key.text, authority.pepper(settings), found.hash):
                return False
    return True


def _write(path: Path, data: bytes) -> None:
    """Write a file that nobody else may read, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - with its mode
        file.write(data)
    part.replace(path)
