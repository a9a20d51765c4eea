"""How the command line says that something does not go: one message, and an exit code."""

import contextlib
from collections.abc import Iterator
from typing import Any

import click


class Refusal(click.ClickException):
    """An expected error: one message on standard error, then exit code 1."""

    def __init__(self, error: Exception | str) -> None:
        super().__init__(str(error))

    def show(self, file: Any = None) -> None:
        """Print the message."""
        click.echo(f"cqar: {self.message}", file=file, err=file is None)


class Misconfigured(Refusal):
    """Settings that cannot be used: exit code 2."""

    exit_code = 2


@contextlib.contextmanager
def expecting(*kinds: type[Exception]) -> Iterator[None]:
    """Turn the errors that a command knows of into its refusal."""
    try:
        yield
    except kinds as error:
        raise Refusal(error) from error
