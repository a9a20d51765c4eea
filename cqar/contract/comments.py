"""Read the comments of the .proto sources: those of services, RPCs, messages, fields, enums and values."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from cqar.contract import generate

_PACKAGE = re.compile(r"package ([\w.]+);")
_OPENED = re.compile(r"(?:service|message|enum) (\w+) \{")
_INLINE = re.compile(r"oneof \w+ \{")
_NAMED = re.compile(r"rpc (\w+)\(|(?:(?:optional|repeated) )?[\w.]+ (\w+) = \d+;|(\w+) = \d+;")


def read() -> Mapping[str, str]:
    """Full name -> comment for every commented element of the contract, without comment markers."""
    return {name: text for source in generate.sources() for name, text in _read(source)}


def _read(source: Path) -> Iterator[tuple[str, str]]:
    scope: list[str] = []
    comment: list[str] = []
    for line in map(str.strip, source.read_text(encoding="utf-8").splitlines()):
        if line.startswith("//"):
            comment.append(line.removeprefix("//").strip())
            continue
        opened, named = _OPENED.match(line), _NAMED.match(line)
        if found := _PACKAGE.match(line):
            scope = [found[1]]
        elif opened or named:
            name = next(filter(None, (opened or named).groups()))  # type: ignore[union-attr]  # one of them has matched
            if comment:
                yield ".".join(filter(None, (*scope, name))), "\n".join(comment)
            if opened and not line.endswith("}"):
                scope.append(name)
        elif _INLINE.match(line):
            scope.append("")
        elif line == "}":
            scope.pop()
        comment = []


def text(comment: str) -> str:
    """The comment with the lines of each paragraph joined; an empty line separates paragraphs."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", comment).strip()
