"""Everything that the command line prints goes through this module, which escapes what could control a terminal."""

import json as jsonlib
from typing import Any

import click

from cqar.redaction import printable


def lines(text: str) -> str:
    """Return the text with its line breaks; other control and format characters are escaped as in `\\x1b`."""
    return "\n".join(map(printable, text.split("\n")))


def echo(text: str = "", *, err: bool = False) -> None:
    """Print the text and a line break, on standard error if `err`."""
    click.echo(lines(text), err=err)


def json(value: Any) -> str:
    """Return the value as JSON on one line; control and format characters are escaped as in `\\u001b`."""
    return escaped_json(jsonlib.dumps(value, ensure_ascii=False, separators=(",", ":")))


def escaped_json(text: str) -> str:
    """Return JSON text in which control and format characters are escaped. They occur in strings only."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\n" else jsonlib.dumps(each)[1:-1] for each in text)


def echo_json(value: Any, *, err: bool = False) -> None:
    """Print the value as one line of JSON."""
    click.echo(json(value), err=err)
