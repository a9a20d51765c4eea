"""Expected errors of a command: one message and an exit code, no traceback."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import click

from cqar.cli import output

#: Exit code after Ctrl-C, as shells set it: 128 + SIGINT.
INTERRUPTED = 130


class CliError(click.ClickException):
    """An expected error: the command prints one message on standard error and exits with 1.

    `code` is the gRPC status of the call that failed, such as `NOT_FOUND`; None if no call failed.
    """

    def __init__(self, error: Exception | str, code: str | None = None) -> None:
        super().__init__(str(error))
        self.code = code or _code(error)

    def show(self, file: Any = None) -> None:
        """Print the message."""
        click.echo(f"cqar: {output.lines(self.message)}", file=file, err=file is None)


class ConfigurationError(CliError):
    """Unusable settings: exit code 2."""

    exit_code = 2


class Interrupted(CliError):
    """Ctrl-C stopped the command: the message says where, and how to continue."""

    exit_code = INTERRUPTED


@contextlib.contextmanager
def reporting(*kinds: type[Exception]) -> Iterator[None]:
    """Turn the expected errors of a command into a CliError."""
    try:
        yield
    except kinds as error:
        raise CliError(error) from error


def data(error: click.ClickException) -> Mapping[str, Any]:
    """Return the error as JSON data: `{"error": {"message": ..., "code": ...}}`, without `code` if no call failed."""
    found = {"message": error.format_message()}
    code = getattr(error, "code", None)
    return {"error": found if code is None else found | {"code": code}}


def _code(error: Exception | str) -> str | None:
    """Return the name of the gRPC status that the error carries."""
    code = getattr(error, "code", None)
    if isinstance(code, int):
        from grpc import StatusCode

        return next((each.name for each in StatusCode if each.value[0] == code), None)
    return getattr(code, "name", None)
