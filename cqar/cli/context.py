"""What every command needs: the settings, the addresses of the processes, API keys and connections."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from cqar import config
from cqar.cli.errors import CliError, ConfigurationError, reporting

if TYPE_CHECKING:
    import grpc

    from cqar.importers.run.wire import Registry
    from cqar.server.tls import Outgoing


class CommandContext:
    """The settings of this run of the command line. They are loaded when a command needs them."""

    def __init__(self, path: Path | None) -> None:
        """Take the path of the YAML file, None for `$CQAR_CONFIG`. Raises ConfigurationError if the file is unreadable."""
        self._path = path
        named = path or (Path(os.environ["CQAR_CONFIG"]) if "CQAR_CONFIG" in os.environ else None)
        if named is not None:
            with _configuring():
                config.read(named)

    def settings(self) -> config.Settings:
        """Load the settings. Raises ConfigurationError."""
        with _configuring():
            return config.load(self._path)

    def in_force(self) -> Iterator[config.Effective]:
        """Return each setting with its value and its origin. Raises ConfigurationError."""
        with _configuring():
            yield from config.in_force(self._path)

    def set_names(self) -> frozenset[str]:
        """Return the names of the settings that the user set."""
        with _configuring():
            return config.given(self._path)

    def serving(self) -> config.Settings:
        """Load the settings of a process that answers calls. Raises ConfigurationError if keys are on without a pepper."""
        settings = self.settings()
        if settings.auth == "keys":
            from cqar.auth import authority

            with _configuring():
                authority.pepper(settings)
        return settings

    def with_database(self) -> config.Settings:
        """Load the settings with the database of a running `cqar up` in CQAR_HOME, unless a database is set.

        Its pepper counts too, unless one is set.
        """
        settings = self.settings()
        if "database.url" in self.set_names():
            return settings
        from cqar.client import credentials
        from cqar.dev import embedded

        home = Path(settings.home).absolute()
        if not embedded.in_use(home / embedded.Postgres.name):
            return settings
        database = msgspec.structs.replace(settings.database, url=embedded.Postgres(home / embedded.Postgres.name).url)
        pepper = settings.pepper or credentials.pepper(home)
        return msgspec.structs.replace(settings, database=database, pepper=pepper)

    def config_arguments(self) -> list[str]:
        """Return the arguments that give another process the same settings."""
        return [] if self._path is None else ["--config", str(self._path.absolute())]

    def export(self) -> None:
        """Let child processes read the same file."""
        if self._path is not None:
            os.environ["CQAR_CONFIG"] = str(self._path.absolute())

    # ---- calls -----------------------------------------------------------------------------------------------------

    def admin(self) -> str:
        """Return the address of admin, `host:port`."""
        settings = self.settings()
        return _reachable(settings.admin.host, settings.admin.port)

    def hotpath(self) -> str:
        """Return the address of hotpath, `host:port`."""
        settings = self.settings()
        return _reachable(settings.hotpath.host, settings.hotpath.port)

    def key(self, role: str, address: str) -> str | None:
        """Return the API key for calls that need the role, None without one.

        The keys in CQAR_HOME are sent to this machine only. Raises CliError if a key is malformed.
        """
        from cqar.client import credentials
        from cqar.model.call import Role

        if "CQAR_API_KEY" not in os.environ and not _is_local(address):
            return None
        with reporting(credentials.CredentialsError):
            return credentials.find(Path(self.settings().home), Role[role.upper()])

    def tls(self, address: str) -> "Outgoing | None":
        """Return how to speak TLS to the address, None for plaintext. Raises CliError."""
        from cqar.server import tls

        with reporting(tls.TlsError):
            return tls.outgoing(self.settings().tls, address)

    @contextlib.contextmanager
    def connected(
        self, role: str, address: str, options: Sequence[tuple[str, int]] = (), *expected: type[Exception]
    ) -> "Iterator[grpc.Channel]":
        """Connect to a process with the key of a role. Raises CliError, also for `expected` and failed calls in the block."""
        from cqar.client.connect import CallError, ConnectError, connected

        kinds: tuple[type[Exception], ...] = (ConnectError, CallError, *expected)
        key = self.key(role, address)
        try:
            with connected(address, key, self.tls(address), options) as channel:
                yield channel
        except kinds as error:
            raise call_failed(error, address, key) from error

    @contextlib.contextmanager
    def registry(self, address: str | None) -> "Iterator[Registry]":
        """Connect an importer's registry to admin, with a writer's key. Raises CliError."""
        from cqar.importers.run.wire import OPTIONS, Registry

        with self.connected("writer", address or self.admin(), OPTIONS) as channel:
            yield Registry(channel)


def call_failed(error: Exception, address: str, key: str | None) -> CliError:
    """Return what to report for a failed call: what to set if the call had no key, else the error's own message."""
    failed = CliError(error)
    if failed.code != "UNAUTHENTICATED" or key is not None:
        return failed
    where = "set CQAR_HOME to that of `cqar up`, or CQAR_API_KEY" if _is_local(address) else "set CQAR_API_KEY"
    return CliError(f"no API key for {address}: {where}", "UNAUTHENTICATED")


@contextlib.contextmanager
def _configuring() -> Iterator[None]:
    try:
        yield
    except config.ConfigError as error:
        raise ConfigurationError(error) from error


def _reachable(host: str, port: int) -> str:
    """Return where this machine reaches a listener, which may listen on every interface."""
    own = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - nothing is bound here
    return f"{own.get(host, host)}:{port}"


def _is_local(address: str) -> bool:
    """Return whether the address is on this machine."""
    return address.startswith("unix:") or address.rpartition(":")[0] in {"127.0.0.1", "[::1]", "localhost"}
