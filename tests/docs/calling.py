"""Run the documented examples in every documented way: gRPC, the grpcurl command, the curl command."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from cqar.client.connect import connected
from cqar.contract import examples as contract
from cqar.contract.cqar.v1 import access_pb2, registry_pb2, resolver_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2
from cqar.contract.examples import ELLIPSIS, Example
from cqar.dev import examples as page
from tests.up import running

from .pages import ROOT
from .stack import Stack

CURL = shutil.which("curl")
GRPCURL = shutil.which("grpcurl")
#: Imported for their services, which are then found by name.
DECLARED = (access_pb2, asset_registry_pb2, registry_pb2, resolver_pb2)

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Fields that differ in each registry.
_VOLATILE = frozenset({"revision", "from_revision", "created_at", "updated_at", "raised_at", "specs_since", "timestamp"})
#: Exit status after the time limit of a stream: that of curl, and that of grpcurl for DEADLINE_EXCEEDED.
_STOPPED = {"curl": 28, "grpcurl": 68}


# ---- responses -------------------------------------------------------------------------------------------------------


def comparable(request: Any, response: Any, unordered: str = "") -> Any:
    """Request and response for comparison: ids become numbers in order of appearance, revisions and times are masked."""
    if unordered:
        response = {**response, unordered: sorted(response[unordered], key=lambda each: _ID.sub("", json.dumps(_steady(each))))}
    numbers: dict[str, str] = {}
    text = json.dumps([_steady(request), _steady(response)], sort_keys=True, ensure_ascii=False)
    return json.loads(_ID.sub(lambda found: numbers.setdefault(found[0], f"id {len(numbers) + 1}"), text))


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "volatile" if name in _VOLATILE else _steady(each) for name, each in value.items()}
    return [_steady(each) for each in value] if isinstance(value, list) else value


def elided(documented: Any, response: Any) -> Any:
    """The response without the parts that the documented one leaves out."""
    if documented == ELLIPSIS:
        return ELLIPSIS
    if isinstance(documented, dict) and isinstance(response, dict):
        parts = {name: elided(documented.get(name), each) for name, each in response.items()}
        if ELLIPSIS in documented:
            return {name: each for name, each in parts.items() if name in documented} | {ELLIPSIS: ELLIPSIS}
        return parts
    if isinstance(documented, list) and isinstance(response, list) and len(documented) == len(response):
        return [elided(*each) for each in zip(documented, response, strict=True)]
    return response


def shown(message: Any) -> Any:
    """A message in the form of the documented responses: names of the contract, no doubles."""
    _without_doubles(message)
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _without_doubles(message: Any) -> None:
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_DOUBLE:
            message.ClearField(field.name)
        elif field.message_type is not None and not field.message_type.full_name.startswith("google."):
            for each in value if field.is_repeated else [value]:
                _without_doubles(each)


# ---- calls ---------------------------------------------------------------------------------------------------------


def method_of(example: Example) -> MethodDescriptor:
    """The RPC that the example calls, from the descriptor pool."""
    found: MethodDescriptor = Default().FindServiceByName(example.service).methods_by_name[example.method]
    return found


class Caller:
    """Calls a running stack, with the variables that earlier commands set."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self.variables: dict[str, str] = {}
        if GRPCURL is None:
            stand_in = folder / "grpcurl"
            stand_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.docs.grpcurl "$@"\n', encoding="utf-8")
            stand_in.chmod(0o755)
        self._path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self.set("KEY", page.KEY)

    def _shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", self._stack.own(command)],
            cwd=ROOT,
            env={**self._stack.environment(), **self.variables, "PATH": self._path},
            capture_output=True,
            text=True,
            check=False,
            timeout=running.TIMEOUT,
        )

    def set(self, name: str, command: str) -> None:
        """Set a variable with its documented command."""
        done = self._shell(f'{command}\nprintf %s "${name}"')
        assert (done.returncode, bool(done.stdout), done.stderr) == (0, True, ""), f"{command}\n{done.stderr}"
        self.variables[name] = done.stdout

    def filled(self, example: Example) -> Example:
        """The example with the values of this registry."""
        return contract.filled(example, self.variables)

    def grpc(self, example: Example) -> Any:
        """The response to the documented request, over gRPC."""
        method: Any = method_of(example)
        request = json_format.ParseDict(dict(self.filled(example).request), GetMessageClass(method.input_type)())
        metadata = (("idempotency-key", example.idempotency_key),) if example.idempotency_key else ()
        with connected(self._stack.address, self.variables["KEY"]) as channel:
            answering = channel.stream_stream(
                f"/{example.service}/{example.method}",
                request.__class__.SerializeToString,
                GetMessageClass(method.output_type).FromString,
            )
            responses = answering(iter([request]), timeout=20, metadata=metadata)
            first = shown(next(responses))
            responses.cancel()
        return first

    def grpcurl(self, example: Example) -> Any:
        """The output of the grpcurl command; of a stream, the first response."""
        printed = self._run("grpcurl", page.grpcurl(example), endless=example.endless)
        response, _ = json.JSONDecoder().raw_decode(printed)
        method: Any = method_of(example)
        return shown(json_format.ParseDict(response, GetMessageClass(method.output_type)()))

    def curl(self, example: Example) -> Any:
        """The output of the curl command: an object, a list of lines, or the data of the first event."""
        printed = self._run("curl", page.curl(example), endless=example.endless)
        if example.endless:
            return json.loads(next(each for each in printed.splitlines() if each.startswith("data: ")).removeprefix("data: "))
        if example.lines is not None:
            return [json.loads(each) for each in printed.splitlines()]
        return json.loads(printed)

    def _run(self, program: str, command: str, *, endless: bool) -> str:
        done = self._shell(command)
        assert done.returncode == (_STOPPED[program] if endless else 0), f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def call_all(caller: Caller, found: Mapping[str, Example]) -> dict[str, dict[str, Any]]:
    """Run all examples in order. Returns name -> way -> response, or the exception."""
    ways = {"grpc": caller.grpc, "grpcurl": caller.grpcurl, **({"curl": caller.curl} if CURL else {})}
    said: dict[str, dict[str, Any]] = {}
    for name, example in found.items():
        said[name] = {}
        for way, make in ways.items():
            try:
                for each in example.variables:
                    caller.set(each.name, page.assignment(each))
                said[name][way] = make(example)
            except Exception as error:  # noqa: BLE001 - the test of this response raises it
                said[name][way] = error
    return said
