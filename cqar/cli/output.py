"""Everything that the command line prints goes through this module, which escapes what could control a terminal."""

import json as jsonlib
from typing import Any

import click

from cqar.redaction import printable, printable_json


def lines(text: str) -> str:
    """Return the text with its line breaks; other control and format characters are escaped as in `\\x1b`."""
    return "\n".join(map(printable, text.split("\n")))


def echo(text: str = "", *, err: bool = False) -> None:
    """Print the text and a line break, on standard error if `err`."""
    click.echo(lines(text), err=err)


def json(value: Any) -> str:
    """Return the value as JSON on one line; control and format characters are escaped as in `\\u001b`."""
    return printable_json(jsonlib.dumps(value, ensure_ascii=False, separators=(",", ":")))


def echo_json(value: Any, *, err: bool = False) -> None:
    """Print the value as one line of JSON."""
    click.echo(json(value), err=err)
