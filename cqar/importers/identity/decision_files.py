"""Files of questions and decisions: a row for each question, as CSV or as JSON, one object on each line.

Pure: `rows` reads a file, `csv_lines` and `json_lines` write one. A cell of a CSV file that a spreadsheet would run as a
formula has an apostrophe in front.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.importers.run import tables
from cqar.importers.run.documents import FileError, Refused, Source

#: What a file says of a question, and what a person decides.
QUESTION: Final = (
    *("question", "kind", "markets", "venues", "other_venues", "ticker", "names", "classes", "addresses"),
    *("candidates", "suggestion", "reason"),
)
DECISION: Final = ("decision", "asset", "symbol", "name", "class", "from", "notes")
COLUMNS: Final = (*QUESTION, *DECISION)
#: Columns that a file must have.
_NEEDED: Final = ("venues", "decision")
#: Columns whose cells hold several texts.
LISTS: Final = frozenset({"venues", "other_venues", "names", "classes", "addresses", "candidates"})
#: Columns that people type and spreadsheets rewrite: 1E5 becomes a number.
_TYPED: Final = frozenset({"symbol", "name"})
#: Characters with which spreadsheets begin formulas, and the mark of text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'")
_CODED: Final[Mapping[str, pb.ReviewDecision]] = {
    "asset": pb.REVIEW_DECISION_ASSET,
    "new": pb.REVIEW_DECISION_NEW_ASSET,
    "reuse": pb.REVIEW_DECISION_REUSE,
    "correction": pb.REVIEW_DECISION_CORRECTION,
    "reject": pb.REVIEW_DECISION_REJECT,
}
WORDS: Final = {number: word for word, number in _CODED.items()}
_WITH_ASSET: Final = frozenset({"asset", "reuse", "correction"})

#: The cells of a row by column; those of LISTS are sequences of texts.
Row = Mapping[str, str | Sequence[str]]


class Decided(NamedTuple):
    """A row with a decision."""

    source: Source
    #: (venue, code)
    codes: tuple[tuple[str, str], ...]
    decision: pb.ReviewDecision
    asset: str = ""
    symbol: str = ""
    name: str = ""
    asset_class: str = ""
    since: datetime | None = None
    notes: str = ""
    #: what the venues said when the file was written, by column; columns that the file does not have are missing
    said: Mapping[str, frozenset[str]] = {}

    @property
    def about(self) -> str:
        """The codes, for a report."""
        shown = [f"{venue}:{code}" for venue, code in self.codes[:3]]
        return ", ".join(shown) + (f" and {len(self.codes) - 3} more" if len(self.codes) > len(shown) else "")

    @property
    def content(self) -> tuple[Any, ...]:
        """How it decides."""
        return self.decision, self.asset, self.symbol, self.name, self.asset_class, self.since


# ---- writing -------------------------------------------------------------------------------------------------------


def csv_lines(rows: Iterable[Row]) -> Iterator[str]:
    """The lines of a CSV file with its header, without line ends."""
    yield ",".join(COLUMNS)
    for row in rows:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([_written(name, row.get(name, "")) for name in COLUMNS])
        yield line.getvalue()


def json_lines(rows: Iterable[Row]) -> Iterator[str]:
    """The lines of a JSON file, an object each."""
    for row in rows:
        yield json.dumps({name: row.get(name, [] if name in LISTS else "") for name in COLUMNS}, ensure_ascii=False)


def _written(column: str, value: str | Sequence[str]) -> str:
    cell = value if isinstance(value, str) else joined(value)
    if column in _TYPED and cell and not cell.startswith(tables.MARK):
        try:
            tables.plain_text(cell, column)
        except Refused:
            # A spreadsheet would make a number or a date of it.
            return f"{tables.MARK}{cell}"
    return escaped(cell)


def joined(texts: Iterable[str]) -> str:
    r"""Several texts in one cell, separated by a semicolon; semicolons and backslashes in them are escaped by a backslash."""
    return "; ".join(each.replace("\\", "\\\\").replace(";", "\\;") for each in texts)


def split(cell: str) -> list[str]:
    r"""The texts of a cell.

    >>> split(joined(["gate:A;B", "mexc:C"]))
    ['gate:A;B', 'mexc:C']
    """
    found, text, escape = [], "", False
    for character in cell:
        if escape:
            text, escape = text + character, False
        elif character == "\\":
            escape = True
        elif character == ";":
            found.append(text)
            text = ""
        else:
            text += character
    found.append(text)
    return [each.strip() for each in found if each.strip()]


def escaped(cell: str) -> str:
    """The cell, as text to every spreadsheet."""
    return f"{tables.MARK}{cell}" if cell.startswith(_FORMULA) else cell


def unescaped(cell: str) -> str:
    """The text of a cell that `escaped` may have marked."""
    return cell.removeprefix(tables.MARK)


# ---- reading -------------------------------------------------------------------------------------------------------


def rows(data: bytes, name: str) -> Iterator[tuple[Source, Decided | Refused | None]]:
    """The rows of a file: the decision of each, why it is refused, or None if it is undecided. Raises FileError."""
    is_json = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    for source, cells in _json_rows(data, name) if is_json else _csv_rows(data, name):
        try:
            yield source, _decided(source, cells if not isinstance(cells, Refused) else _raised(cells))
        except Refused as refused:
            yield source, refused


def _raised(refused: Refused) -> dict[str, str]:
    raise refused


def _check_header(header: Sequence[str], name: str) -> None:
    unknown = [each for each in header if each not in COLUMNS]
    missing = [each for each in _NEEDED if each not in header]
    twice = sorted({each for each in header if header.count(each) > 1})
    for wrong, found in (("unknown column", unknown), ("missing column", missing), ("repeated column", twice)):
        if found:
            message = f"{name}: {wrong} {', '.join(found)}; the columns are {', '.join(COLUMNS)}"
            raise FileError(message)


def _csv_rows(data: bytes, name: str) -> Iterator[tuple[Source, dict[str, str] | Refused]]:
    header, lines = tables.table(data, name)
    _check_header(header, name)
    for number, cells in lines:
        source = Source(number, repr(cells).encode())
        if len(cells) != len(header):
            yield source, Refused("malformed", f"the line has {len(cells)} cells, the header {len(header)}")
            continue
        try:
            yield source, {column: _read(column, cell.strip()) for column, cell in zip(header, cells, strict=True)}
        except Refused as refused:
            yield source, refused


def _read(column: str, cell: str) -> str:
    return tables.plain_text(cell, column) if column in _TYPED else unescaped(cell)


def _json_rows(data: bytes, name: str) -> Iterator[tuple[Source, dict[str, str] | Refused]]:
    """One object on each line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{name}: is not UTF-8 ({error.reason})"
        raise FileError(message) from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield Source(number, line.encode()), _json_row(line)


def _json_row(line: str) -> dict[str, str] | Refused:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Refused("malformed", f"not a JSON object: {error}")
    if not isinstance(found, dict):
        return Refused("malformed", "not a JSON object: write one object on each line")
    unknown = [each for each in found if each not in COLUMNS]
    if unknown:
        return Refused("malformed", f"unknown field {', '.join(unknown)}; the fields are {', '.join(COLUMNS)}")
    cells = {}
    for column, value in found.items():
        if isinstance(value, list) and column in LISTS and all(isinstance(each, str) for each in value):
            cells[column] = joined(value)
        elif isinstance(value, str) and column not in LISTS:
            cells[column] = value
        elif value is not None and not (column == "markets" and isinstance(value, int)):
            return Refused("malformed", f"{column}: must be {'a list of texts' if column in LISTS else 'a text'}")
    return cells


def _decided(source: Source, cells: Mapping[str, str]) -> Decided | None:
    """The decision of a row. Raises Refused."""
    given = {column: cells.get(column, "").strip() for column in DECISION}
    if not any(given.values()):
        return None
    word = given["decision"].lower()
    if word not in _CODED:
        shown = f"{given['decision']!r} is not a decision" if word else "is empty, but other columns of the decision are not"
        raise Refused("no_decision", f"decision: {shown}; use {', '.join(_CODED)}")
    _check_fields(word, given)
    return Decided(
        source,
        _codes(cells.get("venues", "")),
        _CODED[word],
        given["asset"],
        given["symbol"],
        given["name"],
        given["class"].lower(),
        _time(given["from"]),
        given["notes"],
        {column: frozenset(split(cells[column])) for column in ("names", "classes", "addresses") if column in cells},
    )


def _check_fields(word: str, given: Mapping[str, str]) -> None:
    if word in _WITH_ASSET and not given["asset"]:
        raise Refused("incomplete", f"asset: is empty; a row with the decision {word} names the asset")
    if word not in _WITH_ASSET and given["asset"]:
        raise Refused("contradictory", f"asset: is {given['asset']!r}, but the decision is {word}")
    for column in ("symbol", "name", "class"):
        if given[column] and word != "new":
            raise Refused("contradictory", f"{column}: describes a new asset, but the decision is {word}")
    if given["from"] and word not in ("reuse", "asset"):
        raise Refused("contradictory", f"from: is the time of a reuse, but the decision is {word}")


def _codes(cell: str) -> tuple[tuple[str, str], ...]:
    found: dict[tuple[str, str], None] = {}
    for each in split(cell):
        venue, colon, code = each.partition(":")
        if not (venue and colon and code):
            raise Refused("malformed", f"venues: {each!r} is not a venue and a code, such as gate:ZEPH")
        found[venue.strip(), code.strip()] = None
    if not found:
        raise Refused("incomplete", "venues: is empty; name the codes that are decided, such as gate:ZEPH")
    return tuple(found)


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("no_time", f"from: {text!r} is not a time: use 2026-01-31 or 2026-01-31T08:00:00Z") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
