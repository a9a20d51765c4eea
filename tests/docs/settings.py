"""The table of settings in docs/operations.md: `python -m tests.docs.settings` updates it."""

import re
from collections.abc import Iterator

from cqar import config

from .pages import ROOT

PAGE = ROOT / "docs" / "operations.md"
_TABLE = re.compile(r"(?<=settings: made by `python -m tests.docs.settings` -->\n).*?(?=<!-- end of settings -->)", re.DOTALL)


def _lines() -> Iterator[str]:
    yield from ("", "| variable | default | meaning | allowed |", "| --- | --- | --- | --- |")
    # `describe` prints two lines per setting: VARIABLE=default, then the meaning with the allowed values in parentheses.
    described = config.describe().splitlines()
    for default_line, meaning_line in zip(described[::2], described[1::2], strict=True):
        variable, is_setting, default = default_line.partition("=")
        meaning, allowed = meaning_line.strip().rstrip("."), ""
        if is_setting:
            meaning, _, allowed = meaning.removesuffix(")").rpartition(" (")
        yield f"| `{variable}` | {f'`{default}`' if is_setting else ''} | {meaning} | {allowed} |"
    yield ""


def stated() -> str:
    """The table on the page."""
    found = _TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found, f"{PAGE} has no place for the table of settings"
    return found[0]


def table() -> str:
    """The table of the declared settings."""
    return "\n".join(_lines()) + "\n"


if __name__ == "__main__":
    PAGE.write_text(_TABLE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
