"""Find phrases that plain technical English avoids: `python -m cqar.dev.phrases [PATH ...]`, a part of `make check`.

Read are docs, comments, docstrings and texts of messages; of tests, only what is not Python. Each finding names the phrase
and what to write instead. A phrase belongs here if readers had to guess what it means, and if it has one better form.
"""

import io
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[2]
PLACES: Final = (
    "cqar",
    "docs",
    "loadtests",
    "migrations",
    "deploy",
    ".github",
    "Makefile",
    "docker-compose.yml",
    "*.md",
    "config*.yaml",
)
#: Applied to databases in use, so their text does not change.
_FROZEN: Final = frozenset({"migrations/0001_registry.up.sql"})
_SUFFIXES: Final = frozenset({".py", ".md", ".proto", ".yaml", ".yml", ".sql", ".html", ""})

#: A phrase, as a pattern -> what to write instead.
INSTEAD: Final[Mapping[str, str]] = {
    r"stands? ready": "is cached",
    r"whoever": "the caller, the client, anyone who",
    r"somebody": "a user, a caller",
    r"(?<!`)(?<!user )nobody(?! =)(?!\")": "no one; or name the actor",  # nobody is a user of Unix, too
    r"for ever\b": "indefinitely",
    r"(?:is|are|was|were|be|been) told": "is reported, receives, sees",
    r"tells? (?:of|that|how|what|which|where|whether|them|it)": "reports, describes, says",
    r"is no (?!longer\b|more\b|such\b|need\b|reason\b|risk\b|guarantee\b|default\b|other\b)\w+": "is not a ...",
    r"that there (?:is|are)": "that exist",
    r"(?:brings?|brought|bringing) (?!up\b|down\b)": "loads, adds",
    r"patience|patient(?:ly)?": "timeout, deadline",
    r"(?:is|are) away": "is down, is unreachable",
    r"(?:one in )?so many": "a number: one in n, n bytes",
    r"of no use": "useless, unnecessary",
    r"(?:is|are) well": "is healthy",
    r"at an end": "has ended",
    r"anew": "again, from the start",
    r"hearsay|by (?:its|their|his) word": "according to",
    r"(?:the|its) time is over": "deadline exceeded",
    r"is (?:what|as) it is": "name what it is",
}
_PATTERN: Final = re.compile("|".join(rf"(?P<p{at}>\b(?:{each}))" for at, each in enumerate(INSTEAD)), re.IGNORECASE)


class Finding(NamedTuple):
    """A phrase at a line, and what to write instead."""

    line: int
    phrase: str
    instead: str


def find(text: str, first: int = 1) -> Iterator[Finding]:
    """The phrases in a text whose first line has the number `first`."""
    better = list(INSTEAD.values())
    for found in _PATTERN.finditer(re.sub(r"\n", " ", text)):
        at = next(int(name[1:]) for name, value in found.groupdict().items() if value is not None)
        yield Finding(first + text.count("\n", 0, found.start()), found[0].strip(), better[at])


def find_in_python(source: str) -> Iterator[Finding]:
    """The phrases in comments, docstrings and other texts of a module."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING}:
            yield from find(token.string, token.start[0])


def files(places: Sequence[str] = PLACES) -> Iterator[Path]:
    """The files to read, generated ones left out."""
    for place in places:
        for path in sorted(ROOT.glob(place)):
            inside = sorted(path.rglob("*")) if path.is_dir() else [path]
            yield from (each for each in inside if each.is_file() and each.suffix in _SUFFIXES and "_pb2" not in each.name)


def main(places: Sequence[str]) -> int:
    """Print the findings; the number of them, 255 at most, is the exit code."""
    count = 0
    skipped = {Path(__file__).resolve(), *(ROOT / name for name in _FROZEN)}
    for path in files(places or PLACES):
        if path in skipped:
            continue
        text = path.read_text(encoding="utf-8")
        for line, phrase, instead in find_in_python(text) if path.suffix == ".py" else find(text):
            count += 1
            sys.stderr.write(f"{path.relative_to(ROOT)}:{line}: {phrase!r}: write {instead}\n")
    return min(count, 255)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
