"""A client made from the table of the contract alone, as if its code had been generated years ago.

The table has the columns kind, of, number, name, label_or_input, type_or_output; a row is a field, an enum value or an RPC.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf import struct_pb2, timestamp_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

TABLE: Final = Path(__file__).with_name("cqc-v0.3.1.tsv")

_SCALARS: Final = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "string": FieldDescriptorProto.TYPE_STRING,
}
_LABELS: Final = {"optional": FieldDescriptorProto.LABEL_OPTIONAL, "repeated": FieldDescriptorProto.LABEL_REPEATED}
_WELL_KNOWN: Final = (struct_pb2.DESCRIPTOR, timestamp_pb2.DESCRIPTOR)


class Field(NamedTuple):
    """A field of the message `of`; `label` is optional or repeated, `type` a scalar's or a full name."""

    of: str
    number: int
    name: str
    label: str
    type: str


class Value(NamedTuple):
    """A value of the enum `of`."""

    of: str
    number: int
    name: str


class Rpc(NamedTuple):
    """A unary method of the service `of`; input and output are full names."""

    of: str
    name: str
    input: str
    output: str


class Table(NamedTuple):
    """The rows of a table, in its order."""

    fields: tuple[Field, ...]
    values: tuple[Value, ...]
    rpcs: tuple[Rpc, ...]


def read(path: Path = TABLE) -> Table:
    """The table. Raises ValueError for an unknown kind of row."""
    fields, values, rpcs = [], [], []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            match row["kind"]:
                case "field":
                    number = int(row["number"])
                    fields.append(Field(row["of"], number, row["name"], row["label_or_input"], row["type_or_output"]))
                case "enum":
                    values.append(Value(row["of"], int(row["number"]), row["name"]))
                case "rpc":
                    rpcs.append(Rpc(row["of"], row["name"], row["label_or_input"], row["type_or_output"]))
                case other:
                    raise ValueError(other)
    return Table(tuple(fields), tuple(values), tuple(rpcs))


def contract_from_table(path: Path = TABLE) -> Mapping[str, type[Message]]:
    """Full name -> message class, in a separate descriptor pool, without this service's sources."""
    table = read(path)
    pool = DescriptorPool()
    for known in _WELL_KNOWN:
        pool.AddSerializedFile(known.serialized_pb)
    for file in _in_order(_files(table)):
        pool.Add(file)
    names = dict.fromkeys(field.of for field in table.fields)
    return {name: GetMessageClass(pool.FindMessageTypeByName(name)) for name in names}


def _files(table: Table) -> dict[str, FileDescriptorProto]:
    """Package -> file, with enums and messages in table order."""
    files: dict[str, FileDescriptorProto] = {}
    enums: dict[str, EnumDescriptorProto] = {}
    messages: dict[str, DescriptorProto] = {}
    for value in table.values:
        if value.of not in enums:
            package, _, name = value.of.rpartition(".")
            enums[value.of] = _file(files, package).enum_type.add(name=name)
        enums[value.of].value.add(name=value.name, number=value.number)
    for field in table.fields:
        package, _, name = field.of.rpartition(".")
        file = _file(files, package)
        if field.of not in messages:
            messages[field.of] = file.message_type.add(name=name)
        made = messages[field.of].field.add(name=field.name, number=field.number, label=_LABELS[field.label])
        if field.type in _SCALARS:
            made.type = _SCALARS[field.type]
            continue
        made.type = FieldDescriptorProto.TYPE_ENUM if field.type in enums else FieldDescriptorProto.TYPE_MESSAGE
        made.type_name = f".{field.type}"
        other = field.type.rpartition(".")[0]
        needed = _path(other)
        if other not in {package, "google.protobuf"} and needed not in file.dependency:
            file.dependency.append(needed)
    return files


def _file(files: dict[str, FileDescriptorProto], package: str) -> FileDescriptorProto:
    if package not in files:
        known = [each.name for each in _WELL_KNOWN]
        files[package] = FileDescriptorProto(name=_path(package), package=package, syntax="proto3", dependency=known)
    return files[package]


def _path(package: str) -> str:
    return f"{package}.proto"


def _in_order(files: Mapping[str, FileDescriptorProto]) -> Iterable[FileDescriptorProto]:
    """The files in dependency order."""
    waiting = {file.name: file for file in files.values()}
    while waiting:
        ready = next(file for file in waiting.values() if not waiting.keys() & set(file.dependency))
        yield waiting.pop(ready.name)
