"""The examples section of the API page: Markdown and shell commands."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from cqar.contract.examples import ELLIPSIS, Example, Variable

HTTP = "http://127.0.0.1:8180"
GRPC = "127.0.0.1:9090"
#: Sets KEY, which every command uses.
KEY = """KEY=$(python3 -c 'import json; print(json.load(open(".cqar/credentials.json"))["writer"])')"""
#: Time limit of an endless stream, in seconds.
SECONDS = 2
_WIDTH = 110
_VARIABLE = re.compile(r'"\$(\w+)"')


# ---- JSON ----------------------------------------------------------------------------------------------------------


def compact(value: Any, at: int = 0) -> str:
    """JSON with each value on one line if it fits, else indented; `at` is the current column."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + at <= _WIDTH or not value or not isinstance(value, dict | list):
        return line
    if isinstance(value, dict):
        opened, closed = "{", "}"
        parts = []
        for name, each in value.items():
            start = f"{json.dumps(name, ensure_ascii=False)}: "
            parts.append(start + compact(each, at + 2 + len(start) if not isinstance(each, dict | list) else at + 2))
    else:
        opened, closed = "[", "]"
        parts = [compact(each, at + 2) for each in value]
    pad = " " * (at + 2)
    return f"{opened}\n{pad}" + f",\n{pad}".join(parts) + f"\n{' ' * at}{closed}"


# ---- the shell -----------------------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    """JSON as one shell word, with `$NAME` strings expanded."""
    text = text.replace("'", "'\\''")
    return "'" + _VARIABLE.sub(r'''"'"$\1"'"''', text) + "'"


def assignment(variable: Variable) -> str:
    """The command that sets the variable."""
    take = "".join(f'["{each}"]' for each in variable.take)
    return (
        f'{variable.name}=$(curl -sS -H "Authorization: Bearer $KEY" "{HTTP}{variable.path}" \\\n'
        f"    | python3 -c 'import json, sys; print(json.load(sys.stdin){take})')"
    )


def grpcurl(example: Example) -> str:
    """The grpcurl command."""
    parts = ['grpcurl -plaintext -H "authorization: Bearer $KEY"']
    if example.idempotency_key:
        parts.append(f"-H 'idempotency-key: {example.idempotency_key}'")
    if example.endless:
        parts.append(f"-max-time {SECONDS}")
    data = f"-d {_quoted(compact(example.request, 4))}"
    return " ".join(parts) + f" \\\n    {data} \\\n    {GRPC} {example.service}/{example.method}"


def curl(example: Example) -> str:
    """The curl command."""
    parts = ['curl -sS -H "Authorization: Bearer $KEY"']
    if example.idempotency_key:
        parts.append(f"-H 'Idempotency-Key: {example.idempotency_key}'")
    if example.endless:
        parts.append(f"-N --max-time {SECONDS}")
    body = []
    if example.body is not None:
        body = ["-H 'Content-Type: application/json'", f"-d {_quoted(compact(example.body, 4))}"]
    if example.lines is not None:
        lines = "\n".join(json.dumps(each, ensure_ascii=False) for each in example.lines)
        body = ["-H 'Content-Type: application/x-ndjson'", f"--data-binary {_quoted(lines)}"]
    return " \\\n    ".join([" ".join(parts), *body, f'"{HTTP}{example.target}"'])


# ---- the page ------------------------------------------------------------------------------------------------------


def section(link: str, lines: Example, shown: Example) -> Iterator[str]:
    """The Markdown of one example.

    `link` leads to its call. `lines` is the example with variables, for the commands; `shown` has their values.
    """
    yield from (f"### {shown.title}", "", shown.text, "", f"Call: {link}", "")
    yield from ("Request:", "", *_block("json", compact(shown.request)))
    yield from ("Response:", "", *_block("json", compact(shown.response)))
    commands = [*map(assignment, lines.variables), grpcurl(lines)]
    if not shown.http.text:
        commands.append(curl(lines))
    yield from _block("console", *(f"$ {each}" for each in commands))
    if shown.http.text:
        yield from (shown.http.text, "", *_block("console", f"$ {curl(lines)}"))
        yield from _block("json", *_http_lines(shown))


def _http_lines(shown: Example) -> Sequence[str]:
    response = shown.http_response
    return [json.dumps(each) for each in response] if isinstance(response, list) else [compact(response)]


def _block(language: str, *lines: str) -> Iterator[str]:
    yield from (f"```{language}", *lines, "```", "")


INTRODUCTION = f"""## Examples

The calls that clients make most, against `make up` with its sample. Run the commands in this order, in one shell, in the root
of the checkout: later commands use variables that earlier ones set.

```console
$ {KEY}
```

- gRPC: [grpcurl](https://github.com/fullstorydev/grpcurl) reads the contract from the server by reflection
  (`CQAR_REFLECTION`, which `make up` sets). It prints field names in lowerCamelCase, and the doubles next to their decimals.
- HTTP: port 8180, see [http-api.md](http-api.md). It returns JSON in one line.
- Requests and responses below are formatted for reading. Ids, revisions and times differ in every registry. `{ELLIPSIS}` stands
  for omitted values and fields.
"""
