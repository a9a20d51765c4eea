"""The API keys in CQAR_HOME: `cqar up` writes a pepper and a key for each role, which only the owner can read."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cqar.auth import keys
from cqar.model.call import Role

FILE = "credentials.json"
PEPPER = "pepper"
#: The roles that have a key in the file.
ROLES = (Role.READER, Role.WRITER, Role.ADMIN)


class CredentialsError(Exception):
    """The file of keys, or the key in CQAR_API_KEY, is unusable: `str()` is the reason and shows no key."""


def pepper(home: Path) -> str:
    """Return the pepper in the folder; create it if it is missing."""
    path = home / PEPPER
    if not path.exists():
        _write(path, secrets.token_hex(32).encode())
    return path.read_text(encoding="ascii").strip()


def find(home: Path, role: Role, env: Mapping[str, str] = os.environ) -> str | None:
    """Return the key in CQAR_API_KEY, else the key of the role in the folder's file, else None.

    Raises CredentialsError.
    """
    given = env.get("CQAR_API_KEY")
    if given is not None:
        if keys.parse(given) is None:
            message = "CQAR_API_KEY is not a complete API key"
            raise CredentialsError(message)
        return given
    return read(home).get(role.name.lower())


def read(home: Path) -> dict[str, str]:
    """Return the keys in the folder's file by role; empty without a file. Raises CredentialsError."""
    path = home / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        message = f"cannot read the keys in {str(path)!r}: {error.strerror if isinstance(error, OSError) else 'malformed JSON'}"
        raise CredentialsError(message) from None


def write(home: Path, made: Mapping[str, str]) -> None:
    """Write the keys of roles to the folder's file."""
    _write(home / FILE, msgspec.json.encode(made))


def _write(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, atomically."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123 - with its mode
        file.write(data)
    part.replace(path)
