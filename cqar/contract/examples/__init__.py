"""Examples of calls, a JSON file each: request, answer, and the HTTP request for the same.

`docs/api.md` and the OpenAPI description show them. The tests make each call over gRPC, with its grpcurl line and with its
curl line, and compare the answers. Ids, revisions and times are those of the run that `python -m tests.docs.record` recorded.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import msgspec

FOLDER = Path(__file__).parent
#: In an answer that is not shown whole: stands for any value, and as a key for further fields.
ELLIPSIS = "..."
_VARIABLE = re.compile(r"\{(\w+)\}")


class Variable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value that differs between registries, and where to read it: at `take` in the answer to GET `path`.

    Requests of its example and of later ones have `$NAME` in its place.
    """

    name: str
    #: as it was when the example was recorded
    value: str
    path: str
    take: tuple[str, ...]


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTP request for an example: verb and path of a route, and what differs from the example."""

    verb: Literal["GET", "POST"]
    path: str
    #: the fields to send; unset: those of the example
    request: Mapping[str, Any] | None = None
    #: unset: that of the example
    answer: Any = None
    #: a sentence about the difference
    text: str = ""


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call. Answers are in the form of the HTTP API: field names of the contract, no doubles."""

    title: str
    text: str
    #: full names
    service: str
    method: str
    idempotency_key: str = ""
    #: a stream that does not end is stopped after some seconds
    endless: bool = False
    variables: Sequence[Variable] = ()
    request: Mapping[str, Any]
    #: of a stream, the first message
    answer: Any
    #: the list of the answer whose order may differ
    unordered: str = ""
    http: Http

    @property
    def path_fields(self) -> tuple[str, ...]:
        """The fields in the path of the HTTP request."""
        return tuple(_VARIABLE.findall(self.http.path))

    @property
    def http_fields(self) -> Mapping[str, Any]:
        """The fields of the HTTP request."""
        return self.request if self.http.request is None else self.http.request

    @property
    def http_answer(self) -> Any:
        """The answer over HTTP."""
        return self.answer if self.http.answer is None else self.http.answer

    @property
    def lines(self) -> Sequence[Any] | None:
        """The lines of the body, where the request is a list of rows."""
        found = self.http_fields.get("rows")
        return found if isinstance(found, list) else None

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The JSON object in the body, if there is one."""
        if self.http.verb == "GET" or self.lines is not None:
            return None
        return {name: value for name, value in self.http_fields.items() if name not in self.path_fields}

    @property
    def query(self) -> Mapping[str, Any]:
        """The parameters of the URL."""
        if self.body is not None:
            return {}
        return {name: value for name, value in self.http_fields.items() if name not in (*self.path_fields, "rows")}

    @property
    def target(self) -> str:
        """Path and parameters of the HTTP request."""
        path = _VARIABLE.sub(lambda found: quote(str(self.http_fields[found[1]]), safe="$"), self.http.path)
        query = urlencode({name: _text(value) for name, value in self.query.items()}, safe="$:", quote_via=quote)
        return f"{path}?{query}" if query else path


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def files() -> Mapping[str, Path]:
    """Name -> file of every example, in the order in which they work."""
    return {each.stem: each for each in sorted(FOLDER.glob("*.json"))}


def load() -> Mapping[str, Example]:
    """Name -> example, in the order in which they work. Raises msgspec.ValidationError for a file that is none."""
    return {name: msgspec.json.decode(path.read_bytes(), type=Example) for name, path in files().items()}


def filled(example: Example, values: Mapping[str, str]) -> Example:
    """The example with values in place of variables."""
    http = example.http
    if http.request is not None:
        http = msgspec.structs.replace(http, request=_filled(http.request, values))
    return msgspec.structs.replace(example, request=_filled(example.request, values), http=http)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    return values.get(value[1:], value) if isinstance(value, str) and value.startswith("$") else value


def recorded() -> Mapping[str, Example]:
    """Name -> example with the recorded values. Raises as `load`."""
    found = load()
    values = {each.name: each.value for example in found.values() for each in example.variables}
    return {name: filled(example, values) for name, example in found.items()}
