"""Generates `docs/api.md`: `python -m cqar.dev.api_page [--check]`.

The page has the rules for all calls (`api_preface.md` beside this module), the examples, and every call, message, event and
enum with its comment in the .proto sources. The method tables say which process serves a call. The output depends on these
alone. With `--check` nothing is written: the exit status is 1 if the page is out of date. Needs grpcio-tools, as
`cqar.contract.generate` does.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

from cqar.admin.app import METHODS
from cqar.contract import comments
from cqar.contract.examples import load, recorded
from cqar.contract.generate import ROOT, sources
from cqar.dev import examples
from cqar.lookups.single import LOOKUPS
from cqar.model.events import EVENTS
from cqar.services import resolver
from cqar.writes import audit

PAGE = ROOT / "docs" / "api.md"
PREFACE = Path(__file__).with_name("api_preface.md")
COMMAND = "python -m cqar.dev.api_page"

#: Which process serves a call, by its kind in the method table.
_SERVED: Mapping[str, str] = {
    "lookup": "Lookup: served by the hot path, from memory.",
    "lookups": "Stream of lookups: served by the hot path, from memory, until the caller ends the stream.",
    "read": "Read: served by admin, from PostgreSQL.",
    "write": "Write: served by admin, in one transaction.",
    "stream": "Stream: served by admin, until the caller cancels.",
    "batch": "Bulk write: served by admin, in several transactions.",
}
_TAIL = f"/{audit.SERVICE.full_name}/TailEvents"
_NOT_SERVED = "Not served by this version: UNIMPLEMENTED."
#: Starts the paragraph of an RPC's comment that lists its errors.
_ERRORS = "Errors: "


# ---- the sources ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The declarations in the .proto sources and their comments, by full name."""

    services: dict[str, ServiceDescriptorProto] = field(default_factory=dict)
    messages: dict[str, DescriptorProto] = field(default_factory=dict)
    enums: dict[str, EnumDescriptorProto] = field(default_factory=dict)
    #: the comment above a declaration, without comment markers
    comments: Mapping[str, str] = field(default_factory=dict)


def read() -> Sources:
    """The declarations of all sources. Raises subprocess.CalledProcessError if protoc rejects one or is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "sources"
        options = [f"--proto_path={ROOT}", f"--descriptor_set_out={target}"]
        files = [str(each.relative_to(ROOT)) for each in sources()]
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *options, *files], check=True)  # noqa: S603 -- our own
        described = FileDescriptorSet.FromString(target.read_bytes())
    found = Sources(comments=comments.read())
    for file in sorted(described.file, key=lambda each: each.name):
        of = file.package
        found.services.update({f"{of}.{each.name}": each for each in file.service})
        found.enums.update({f"{of}.{each.name}": each for each in file.enum_type})
        for message in file.message_type:
            _add(message, of, found)
    return found


def _add(message: DescriptorProto, of: str, found: Sources) -> None:
    """Add a message and its nested declarations to `found`."""
    name = f"{of}.{message.name}"
    found.messages[name] = message
    found.enums.update({f"{name}.{each.name}": each for each in message.enum_type})
    for nested in message.nested_type:
        _add(nested, name, found)


# ---- Markdown ------------------------------------------------------------------------------------------------------


def prose(comment: str) -> list[str]:
    """The paragraphs of a comment as Markdown, one line each."""
    paragraphs: list[list[str]] = [[]]
    for line in comment.splitlines():
        if not line or line.startswith(_ERRORS):
            paragraphs.append([])
        if line:
            paragraphs[-1].append(line)
    return [_safe(" ".join(each)) for each in paragraphs if each]


def _safe(text: str) -> str:
    """Text with `<` escaped outside of code."""
    parts = text.split("`")
    parts[::2] = [each.replace("<", "&lt;") for each in parts[::2]]
    return "`".join(parts)


def anchor(title: str) -> str:
    """The anchor of a heading with this title."""
    kept = "".join(each for each in title.lower() if each.isalnum() or each in " -_")
    return kept.replace(" ", "-")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(each.replace("|", "\\|") for each in cells) + " |"
    yield ""


class Call(NamedTuple):
    """An RPC: the full name of its service and its declaration."""

    service: str
    method: MethodDescriptorProto

    @property
    def name(self) -> str:
        """The full name of the RPC."""
        return f"{self.service}.{self.method.name}"

    @property
    def title(self) -> str:
        """The heading of the RPC, which no other declaration can have."""
        return f"{self.service.rpartition('.')[2]}.{self.method.name}"

    @property
    def request(self) -> str:
        """The full name of the request message."""
        return self.method.input_type.removeprefix(".")

    @property
    def response(self) -> str:
        """The full name of the response message."""
        return self.method.output_type.removeprefix(".")

    @property
    def kind(self) -> str:
        """A key of `_SERVED`; empty if the call is not served."""
        path = f"/{self.service}/{self.method.name}"
        kinds = {each.path: "lookup" if each.name in LOOKUPS else each.kind for each in METHODS}
        kinds |= dict.fromkeys((each.path for each in resolver.METHODS), "lookup")
        kinds |= {_TAIL: "stream", resolver.STREAM: "lookups"}
        return kinds.get(path, "")


class Page:
    """The generated part of the page."""

    def __init__(self, found: Sources) -> None:
        self._found = found
        self._calls = {
            name: [Call(name, each) for each in service.method] for name, service in sorted(found.services.items(), key=_rank)
        }
        calls = [*chain.from_iterable(self._calls.values())]
        #: message -> the heading that documents it: requests and responses are documented with their calls
        self._titles = {name: each.title for each in calls for name in (each.request, each.response)}

        self._recorded = recorded()
        self._shown: dict[str, list[str]] = {}
        for each in self._recorded.values():
            self._shown.setdefault(f"{each.service}.{each.method}", []).append(each.title)

    def lines(self) -> Iterator[str]:
        """The lines after the preface."""
        yield from self._examples()
        yield from ("## Calls", "")
        for service, calls in self._calls.items():
            yield from self._overview(service, calls)
        for call in chain.from_iterable(self._calls.values()):
            yield from self._call(call)
        events = {message.DESCRIPTOR.full_name: subject for subject, message in EVENTS.items()}
        shared = [each for each in sorted(self._found.messages) if each not in self._titles]
        yield from ("## Messages", "")
        for name in shared:
            if name not in events:
                yield from self._message(name)
        yield from ("## Events", "")
        for name in shared:
            if name in events:
                yield from self._message(name, f"Subject: `{events[name]}`")
        yield from ("## Enums", "")
        for name in sorted(self._found.enums):
            yield from self._enum(name)

    def _examples(self) -> Iterator[str]:
        yield examples.INTRODUCTION
        titles = {call.name: call.title for call in chain.from_iterable(self._calls.values())}
        for name, example in load().items():
            call = f"{example.service}.{example.method}"
            title = titles.get(call, call)
            yield from examples.section(f"[{title}](#{anchor(title)})", example, self._recorded[name])

    def _overview(self, service: str, calls: Sequence[Call]) -> Iterator[str]:
        yield from (f"### {service}", "")
        yield from self._said(service)
        if not any(each.kind for each in calls):
            yield from (_NOT_SERVED, "")
        rows = [
            (f"[{call.method.name}](#{anchor(call.title)})", call.kind or "-", self._first_sentence(call.name))
            for call in calls
        ]
        yield from _table(("call", "kind", "description"), rows)

    def _first_sentence(self, name: str, end: str = "") -> str:
        said = prose(self._found.comments.get(name, ""))
        return said[0].partition(". ")[0].rstrip(".:") + end if said else ""

    def _call(self, call: Call) -> Iterator[str]:
        yield from (f"## {call.title}", "")
        yield from self._said(call.name)
        yield from (_SERVED.get(call.kind, _NOT_SERVED), "")
        shown = [f"[{each}](#{anchor(each)})" for each in self._shown.get(call.name, ())]
        if shown:
            yield from (f"Example: {', '.join(shown)}", "")
        response = self._found.messages[call.response]
        for title, name, streams in (
            ("Request", call.request, call.method.client_streaming),
            ("Response", call.response, call.method.server_streaming),
        ):
            many = "stream of " if streams else ""
            message = name.rpartition(".")[2]
            yield from (f"{title}: {many}`{message}`{'' if self._found.messages[name].field else ', empty'}", "")
            yield from self._fields(name, () if name == call.response else _entities(response))

    def _message(self, name: str, note: str = "") -> Iterator[str]:
        yield from (f"### {name}", "")
        yield from self._said(name)
        if note:
            yield from (note, "")
        yield from self._fields(name)

    def _enum(self, name: str) -> Iterator[str]:
        yield from (f"### {name}", "")
        yield from self._said(name)
        values = self._found.enums[name].value
        rows = [(str(each.number), f"`{each.name}`", self._meaning(f"{name}.{each.name}")) for each in values]
        yield from _table(("number", "value", "meaning"), rows)

    def _said(self, name: str) -> Iterator[str]:
        for paragraph in prose(self._found.comments.get(name, "")):
            errors = paragraph.startswith(_ERRORS)
            yield f"**Errors:** {paragraph.removeprefix(_ERRORS)}" if errors else paragraph
            yield ""

    def _meaning(self, *names: str) -> str:
        """The comment of the first declaration that has one, in one line."""
        said = next((self._found.comments[each] for each in names if each in self._found.comments), "")
        return " ".join(prose(said))

    def _fields(self, name: str, otherwise: Sequence[str] = ()) -> Iterator[str]:
        """The table of a message's fields.

        A field without a comment takes that of the same field in a message of `otherwise`, else that of its type.
        """
        message = self._found.messages[name]
        if not message.field:
            return
        rows = []
        for each in message.field:
            meaning = self._meaning(*(f"{of}.{each.name}" for of in (name, *otherwise)))
            meaning = meaning or self._first_sentence(each.type_name.removeprefix("."), end=".")
            if each.HasField("oneof_index") and not each.proto3_optional:
                meaning = f"One of `{message.oneof_decl[each.oneof_index].name}`. {meaning}".rstrip()
            rows.append((str(each.number), f"`{each.name}`", self._type(each), meaning))
        yield from _table(("number", "field", "type", "description"), rows)

    def _type(self, described: FieldDescriptorProto) -> str:
        name = described.type_name.removeprefix(".")
        if name in self._found.messages or name in self._found.enums:
            short = f"[{name.rpartition('.')[2]}](#{anchor(self._titles.get(name, name))})"
        else:
            scalar = FieldDescriptorProto.Type.Name(described.type).removeprefix("TYPE_").lower()
            short = name.rpartition(".")[2] or scalar
        if described.label == FieldDescriptorProto.LABEL_REPEATED:
            return f"repeated {short}"
        return f"optional {short}" if described.proto3_optional else short


def _rank(item: tuple[str, object]) -> tuple[bool, str]:
    """Sort key: the services of the contract come first."""
    name, _ = item
    return not name.startswith("cqc."), name


def _entities(response: DescriptorProto) -> list[str]:
    """The messages in a response. Their comments apply to request fields of the same name without a comment."""
    return [each.type_name.removeprefix(".") for each in response.field if each.type == FieldDescriptorProto.TYPE_MESSAGE]


# ---- the page ------------------------------------------------------------------------------------------------------


def page() -> str:
    """The text of the page. Raises as `read`."""
    return "\n".join([PREFACE.read_text(encoding="utf-8").rstrip(), "", *Page(read()).lines()]).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, by default with the arguments of the process, and return the exit status."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Generate docs/api.md from the contract's comments.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is out of date")
    fresh = page()
    if not parser.parse_args(arguments).check:
        PAGE.write_text(fresh, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == fresh:
        return 0
    sys.stderr.write(f"{PAGE.relative_to(ROOT)} is not up to date, run: {COMMAND}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
