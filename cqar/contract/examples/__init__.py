"""Examples of calls, one JSON file each: the request, the response and the HTTP request for the same call.

They appear in `docs/api.md` and in the OpenAPI description. The tests run each of them over gRPC, with its grpcurl command
and with its curl command, and compare the responses. Ids, revisions and times come from the run that
`python -m tests.docs.record` recorded.

To add one, write a file with `"response": {}`, then run `python -m tests.docs.record` and `make docs`. To shorten a response,
replace values by `"..."` and further fields by `"...": "..."`. The number in the file's name sets the order.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlencode

import msgspec

FOLDER = Path(__file__).parent
#: In an abridged response: any value, and as a key, any further fields.
ELLIPSIS = "..."
_VARIABLE = re.compile(r"\{(\w+)\}")


class Variable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value that differs between registries, and where to read it: at `take` in the response to GET `path`.

    The requests of its example and of later examples contain `$NAME`.
    """

    name: str
    #: the recorded value
    value: str
    path: str
    take: tuple[str, ...]


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTP request of an example: verb and path of a route, and differences from the example."""

    verb: Literal["GET", "POST"]
    path: str
    #: the fields to send; unset: those of the example
    request: Mapping[str, Any] | None = None
    #: unset: that of the example
    response: Any = None
    #: a sentence about the difference
    text: str = ""


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call. Responses are in the form of the HTTP API: field names of the contract, no doubles."""

    title: str
    text: str
    #: full names
    service: str
    method: str
    idempotency_key: str = ""
    #: the response is a stream without an end
    endless: bool = False
    variables: Sequence[Variable] = ()
    request: Mapping[str, Any]
    #: of a stream, the first message
    response: Any
    #: a list in the response whose order may differ
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
    def http_response(self) -> Any:
        """The response over HTTP."""
        return self.response if self.http.response is None else self.http.response

    @property
    def lines(self) -> Sequence[Any] | None:
        """The lines of the body, if the request is a list of rows."""
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
    """Name -> file, in the order in which the examples run."""
    return {each.stem: each for each in sorted(FOLDER.glob("*.json"))}


def load() -> Mapping[str, Example]:
    """Name -> example, in the order in which they run. Raises msgspec.ValidationError for a malformed file."""
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
