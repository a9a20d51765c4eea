"""The guarantees for clients: the contract's table, byte for byte, and the rules for additions."""

import csv
import importlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.unknown_fields import UnknownFieldSet

from cqar.contract import generate
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.events.v1 import events_pb2
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from tests.contract.table import Field, Rpc, Value, contract_from_table, read

FILES: tuple[FileDescriptor, ...] = tuple(
    each.DESCRIPTOR for each in (assets_pb2, events_pb2, markets_pb2, asset_registry_pb2, venues_pb2)
)
#: Names and numbers of all additions: message, number, name, label, type.
ADDITIONS = Path(__file__).with_name("additions.tsv")
TWIN = 100
FIRST_ADDITION = 200

SCALARS = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_STRING: "string",
}

table = read()
old = contract_from_table()


def messages() -> dict[str, Descriptor]:
    """Full name -> generated message in the contract's packages."""
    return {each.full_name: each for file in FILES for each in file.message_types_by_name.values()}


def described(field: FieldDescriptor) -> Field:
    """The field as a row of the table."""
    of = cast("Descriptor", field.containing_type).full_name
    label = "repeated" if field.is_repeated else "optional"
    named = field.message_type or field.enum_type
    return Field(of, field.number, field.name, label, named.full_name if named else SCALARS[field.type])


def all_fields() -> set[Field]:
    """Every field of every generated message."""
    return {described(field) for message in messages().values() for field in message.fields}


def additions() -> Iterator[FieldDescriptor]:
    """Every field that the contract does not have."""
    known = set(table.fields)
    return (field for message in messages().values() for field in message.fields if described(field) not in known)


def fill(message: Message, numbers: Iterator[int]) -> Message:
    """The message with a distinct non-default value in every field, recursively."""
    for field in cast("Descriptor", message.DESCRIPTOR).fields:
        value = _value(field, numbers)
        if field.is_repeated:
            getattr(message, field.name).extend([value, _value(field, numbers)])
        elif field.message_type:
            getattr(message, field.name).CopyFrom(value)
        else:
            setattr(message, field.name, value)
    return message


def _value(field: FieldDescriptor, numbers: Iterator[int]) -> Any:
    number = next(numbers)
    if field.message_type:
        made: Any = GetMessageClass(field.message_type)()
        if field.message_type.full_name == Struct.DESCRIPTOR.full_name:
            made.update({"number": number, "list": [True, None, {"text": "ΔX"}]})
        elif field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
            made.FromNanoseconds(number * 1_000_001_000)
        else:
            fill(made, numbers)
        return made
    if field.enum_type:
        return field.enum_type.values[1 + number % (len(field.enum_type.values) - 1)].number
    if field.type == FieldDescriptor.TYPE_STRING:
        return f"龙虾{number}"
    return {"bool": True, "double": number + 0.1}.get(SCALARS[field.type], -number)


def within(part: object, whole: object) -> bool:
    """Whether `whole` contains all of `part` at the same places."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and within(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(within, part, whole))
    return part == whole


def ours(name: str) -> type[Message]:
    """The generated class of the message."""
    return GetMessageClass(messages()[name])


def test_every_field_of_the_contract_has_its_number_name_label_and_type() -> None:
    assert set(table.fields) - all_fields() == set()


def test_every_enum_equals_that_of_the_contract() -> None:
    values = {
        Value(enum.full_name, value.number, value.name)
        for file in FILES
        for enum in file.enum_types_by_name.values()
        for value in enum.values
    }
    assert values == set(table.values)


def test_the_service_has_the_42_methods_of_the_contract() -> None:
    methods = {
        Rpc(service.full_name, method.name, method.input_type.full_name, method.output_type.full_name)
        for file in FILES
        for service in file.services_by_name.values()
        for method in service.methods
        if not (method.client_streaming or method.server_streaming)
    }
    assert methods == set(table.rpcs)
    assert len(methods) == 42


def test_the_contract_packages_contain_only_messages_of_the_contract() -> None:
    assert messages().keys() == {field.of for field in table.fields}


def test_exactly_every_double_has_a_decimal_field_numbered_one_hundred_above() -> None:
    twins = {described(field) for field in additions() if field.number < FIRST_ADDITION}
    doubles = [field for field in table.fields if field.type == "double"]
    assert twins == {each._replace(number=TWIN + each.number, name=f"{each.name}_decimal", type="string") for each in doubles}


def test_additions_use_numbers_far_above_those_of_the_contract() -> None:
    assert max(field.number for field in table.fields) < TWIN
    assert min(field.number for field in additions()) > TWIN


def test_every_scalar_distinguishes_unset_from_zero() -> None:
    flat = [
        f"{message.full_name}.{field.name}"
        for message in messages().values()
        for field in message.fields
        if not (field.is_repeated or field.has_presence)
    ]
    assert flat == []


def test_additions_keep_their_names_and_numbers() -> None:
    with ADDITIONS.open(encoding="utf-8", newline="") as file:
        recorded = {Field(of, int(number), *rest) for of, number, *rest in csv.reader(file, delimiter="\t")}
    assert recorded == {described(field) for field in additions()}


def test_json_names_equal_those_of_the_contract_and_never_clash() -> None:
    for name, message in messages().items():
        assert len({field.json_name for field in message.fields}) == len(message.fields), name
        for field in old[name].DESCRIPTOR.fields:
            assert message.fields_by_name[field.name].json_name == field.json_name


@pytest.mark.parametrize("name", old)
def test_messages_of_an_old_client_are_read_completely(name: str) -> None:
    said = fill(old[name](), count(1))
    heard = ours(name).FromString(said.SerializeToString())
    assert len(UnknownFieldSet(heard)) == 0
    assert MessageToDict(heard) == MessageToDict(said)
    assert heard.SerializeToString(deterministic=True) == said.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", old)
def test_an_old_client_reads_responses_and_preserves_unknown_fields(name: str) -> None:
    said = fill(ours(name)(), count(1))
    heard = old[name].FromString(said.SerializeToString())
    assert len(heard.ListFields()) == len(heard.DESCRIPTOR.fields)
    assert within(MessageToDict(heard), MessageToDict(said))
    assert ours(name).FromString(heard.SerializeToString()) == said


@pytest.mark.parametrize("name", old)
def test_an_old_client_reads_an_explicit_zero_as_zero(name: str) -> None:
    said = ours(name)()
    for field in old[name].DESCRIPTOR.fields:
        if not (field.is_repeated or field.message_type):
            setattr(said, field.name, field.default_value)
    assert old[name].FromString(said.SerializeToString()) == old[name]()


@pytest.mark.server
def test_generated_code_is_up_to_date() -> None:
    assert generate.stale() == []


@pytest.mark.server
def test_a_stale_file_is_named_with_the_command_that_generates_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cqar" / "contract"
    folder.mkdir(parents=True)
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate, "FOLDER", folder)
    (folder / "kept.proto").write_text('syntax = "proto3"; package kept; message Kept { optional string name = 1; }')
    (folder / "gone.proto").write_text('syntax = "proto3"; package gone;')
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (folder / "gone.proto").unlink()
    (folder / "kept_pb2.pyi").unlink()
    assert generate.main(["--check"]) == 1
    stale = ["gone_pb2.py", "gone_pb2.pyi", "kept_pb2.pyi"]
    expected = [f"cqar/contract/{name} is not up to date, run: python -m cqar.contract.generate" for name in stale]
    assert capsys.readouterr().err.splitlines() == expected
    assert generate.main([]) == 0
    assert sorted(each.name for each in folder.iterdir()) == ["kept.proto", "kept_pb2.py", "kept_pb2.pyi"]


def test_every_generated_module_can_be_imported_alone() -> None:
    names = [each.relative_to(generate.ROOT).with_suffix("").parts for each in generate.sources()]
    found = {importlib.import_module(".".join(parts) + "_pb2").DESCRIPTOR.package for parts in names}
    assert found == {"cqar.v1", *(file.package for file in FILES)}
