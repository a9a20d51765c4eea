"""Documents from files and URLs, plain or gzip, as rows of JSON. Numbers keep the digits of the source."""

import gzip
import io
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from cqar.importers.run import published

_T = TypeVar("_T")

#: Maximum size of a document in bytes, unpacked.
LIMIT: Final = 512 * 1024 * 1024
#: Timeout in seconds for the response and for each further read of a download.
TIMEOUT: Final = 30.0
#: Maximum length of a row in a report, in characters.
_SHOWN = 160
#: Rows by which the kind of a document is judged, and the fewest.
_SAMPLE = 100
_FEW = 2
_GZIP = b"\x1f\x8b"


class FileError(Exception):
    """The document cannot be read, and no row of it is imported. `str()` is the reason."""


class Refused(Exception):
    """A row that is not imported. `kind` is one word for the statistics of the report, `detail` a sentence."""

    def __init__(self, kind: str, detail: str) -> None:
        self.kind = kind
        self.detail = detail
        super().__init__(f"{kind}: {detail}")


class Source(NamedTuple):
    """A row of a document."""

    #: its position in the document, from 1
    line: int
    raw: bytes

    @property
    def excerpt(self) -> str:
        """The row on one line, shortened for a report."""
        text = " ".join(self.raw[: 4 * _SHOWN].decode(errors="replace").split())
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def load(place: str) -> bytes:
    """The bytes of a file or of an http(s) address, unpacked. Raises FileError."""
    try:
        data = _download(place) if place.startswith(("http://", "https://")) else _read(Path(place))
    except (OSError, urllib.error.URLError, ValueError) as error:
        message = f"{place}: {getattr(error, 'strerror', None) or error}"
        raise FileError(message) from error
    return data


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return _unpacked(file, str(path))


def _download(address: str) -> bytes:
    request = urllib.request.Request(address, headers={"Accept": "application/json"})  # noqa: S310 - http and https alone
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:  # noqa: S310 - as above
        return _unpacked(response, address)


def _unpacked(file: Any, name: str) -> bytes:
    data: bytes = file.read(LIMIT + 1)
    if data.startswith(_GZIP):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
                data = packed.read(LIMIT + 1)
        except (EOFError, OSError, zlib.error) as error:
            message = f"{name}: the gzip data is damaged: {error}"
            raise FileError(message) from error
    if len(data) > LIMIT:
        message = f"{name}: is larger than {LIMIT} bytes"
        raise FileError(message)
    return data


def decoder(kind: type[_T]) -> msgspec.json.Decoder[_T]:
    """A decoder for rows of this type. Untyped numbers are decoded as Decimal."""
    return msgspec.json.Decoder(kind, float_hook=Decimal)


def rows(data: bytes, name: str, kind: str = "", form: Any = None) -> list[Source]:
    """Return the rows of a JSON array, or of an object's values, in their order.

    `kind` and `form` are the kind of document and the type of its rows: if none of the first rows has this form, the file is
    of another kind. Raises FileError.
    """
    other = published.misplaced(data, kind) if kind else None
    if other is not None:
        message = f"{name}: {other}"
        raise FileError(message)
    try:
        found = msgspec.json.decode(data, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
    except msgspec.MsgspecError as error:
        message = f"{name}: not a JSON array of rows: {error}"
        raise FileError(message) from error
    values: Iterable[msgspec.Raw] = found.values() if isinstance(found, dict) else found
    sources = [Source(line, bytes(raw)) for line, raw in enumerate(values, 1)]
    if form is not None:
        check_form(sources, name, kind, form)
    return sources


def check_form(sources: Sequence[Source], name: str, kind: str, form: Any) -> None:
    """Raise FileError if there are several rows, and none of the first ones has the form."""
    first = sources[:_SAMPLE]
    reasons = [_malformed(each, form) for each in first]
    if len(first) < _FEW or not all(reasons):
        return
    message = f"{name}: this does not look like a {kind} document: {_missing(first, form) or reasons[0]}"
    raise FileError(message)


def _malformed(source: Source, form: Any) -> str:
    """Return why a row has another form; empty if it has the form."""
    try:
        msgspec.json.decode(source.raw, type=form)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        return str(error) or "malformed"
    return ""


def _missing(sources: Sequence[Source], form: Any) -> str:
    """Return the required fields that no row has, as a clause; empty if each occurs somewhere, or rows have no fields."""
    if not (isinstance(form, type) and issubclass(form, msgspec.Struct)):
        return ""
    there: set[str] = set()
    for each in sources:
        try:
            there |= msgspec.json.decode(each.raw, type=dict[str, msgspec.Raw]).keys()
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            continue
    fields = [each.encode_name for each in msgspec.structs.fields(form) if each.required and each.encode_name not in there]
    return f"no row has {', '.join(f'`{each}`' for each in fields)}" if fields else ""


def decoded(source: Source, of: msgspec.json.Decoder[_T]) -> _T:
    """Decode the row. Raises Refused if it is malformed."""
    try:
        return of.decode(source.raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Refused("malformed", str(error)) from error


def chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The items in lists of at most `size`."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
