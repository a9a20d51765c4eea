"""Passwords of the embedded servers: one random password per server, in a file that only its owner can read."""

import os
import re
import secrets
from pathlib import Path

from cqar.dev.embedded.home import EmbeddedError

USER = "cqar"
_FILE = "password"
_FORM = re.compile(r"[0-9a-f]{32}\n")


def password(folder: Path) -> str:
    """Return the password in the folder of a server. Raises EmbeddedError before the first start."""
    path = folder / _FILE
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        message = f"the server in {folder} has no password before its first start"
        raise EmbeddedError(message) from None
    except (OSError, UnicodeDecodeError):
        text = ""
    if not _FORM.fullmatch(text):
        message = f"cannot read the password of a server in {path}: remove the file, and the next start creates a new one"
        raise EmbeddedError(message)
    return text.strip()


def ensure(folder: Path) -> str:
    """Return the password, after creating it if the folder has none."""
    if not (folder / _FILE).exists():
        write(folder / _FILE, f"{secrets.token_hex(16)}\n")
    return password(folder)


def write(path: Path, text: str) -> None:
    """Write a file that only its owner can read, atomically."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - with its mode
        file.write(text)
    part.replace(path)
