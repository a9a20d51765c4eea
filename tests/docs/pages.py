"""The documents as data: their blocks, commands, links and headings."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cqar.dev.api_page import anchor

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, *sorted(set(ROOT.glob("*.md")) - {README}), *sorted((ROOT / "docs").rglob("*.md")))

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
_IMAGE = re.compile(r'<(?:img|source)[^>]*\bsrc(?:set)?="([^"]+)"')


class Block(NamedTuple):
    """A fenced block: its position, language and text."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


class Command(NamedTuple):
    """A command of a console block and the output shown below it, or None."""

    text: str
    shown: str | None


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        lines = (line.removeprefix(found[1]) for line in found[3].splitlines())
        yield Block(page, text.count("\n", 0, found.start()) + 1, found[2], "\n".join(lines) + "\n")


def every(language: str) -> list[Block]:
    """All blocks of a language, from all pages."""
    return [block for page in PAGES for block in blocks(page) if block.language == language]


def commands(block: Block) -> list[Command]:
    """The commands of a console block, each a line that begins with `$ `."""
    first, *parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert first == "", f"{block} does not begin with a command"
    found = []
    for part in parts:
        text, _, shown = part.partition("\n")
        found.append(Command(text, shown or None))
    return found


def prose(page: Path) -> str:
    """The page without blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))


def links(page: Path) -> list[str]:
    """The targets of the page's links and pictures."""
    text = prose(page)
    return _LINK.findall(text) + _IMAGE.findall(text)


def name(page: Path) -> str:
    """The page's path, as the id of a test."""
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> list[str]:
    """The anchors of the page's headings."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return [anchor(title.replace("`", "")) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
