"""Tables in CSV as spreadsheets write them: header and lines, and text that a spreadsheet may have rewritten."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Final

from cqar.importers.run.documents import FileError, Refused

_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)*|[.,]\d+)([eE][-+]?\d+)?%?")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}-[A-Za-z]{3}(-\d{2,4})?|[A-Za-z]{3}-\d{2}")
_WORDS = frozenset({"true", "false", "yes", "no", "nan", "inf", "null", "none", "undefined"})
#: In front of a cell: it is text.
MARK: Final = "'"


def plain_text(value: str, column: str) -> str:
    """Text; text that a spreadsheet may have rewritten must be marked. Raises Refused."""
    if value.startswith(MARK):
        return value[1:]
    if _NUMBER.fullmatch(value) or _DATE.fullmatch(value) or value.casefold() in _WORDS or value.startswith("#"):
        raise Refused(
            "looks_rewritten", f"{column}: a spreadsheet may have rewritten {value!r}; put an apostrophe before it: '{value}"
        )
    return value


def table(data: bytes, name: str) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The header, and the rows with their lines. Raises FileError."""
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{name}: is not UTF-8 ({error.reason}): save it as CSV UTF-8"
        raise FileError(message) from error
    first = content.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(content), delimiter=delimiter, strict=True)
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        message = f"{name}: line {reader.line_num}: {error}"
        raise FileError(message) from error
    if not lines:
        message = f"{name}: is empty; the first line holds the column names"
        raise FileError(message)
    return [each.strip() for each in lines[0][1]], iter(lines[1:])
