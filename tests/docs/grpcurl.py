"""A stand-in for grpcurl, for the documented commands, where grpcurl is not installed.

Services and messages come from server reflection only. Flags that the documents do not use are errors. Responses are printed
as grpcurl prints them: JSON with names in lowerCamelCase and without unset fields.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

#: The exit status of grpcurl for gRPC status 0; that of another status is as much higher.
FAILED = 64
_FLAGS = frozenset({"-plaintext", "-H", "-d", "-max-time"})


def _parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="grpcurl", allow_abbrev=False, add_help=False)
    parser.add_argument("-plaintext", action="store_true", required=True)
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data", required=True)
    parser.add_argument("-max-time", dest="seconds", type=float)
    parser.add_argument("address")
    parser.add_argument("symbol")
    # argparse takes abbreviations of options with one dash, which grpcurl does not have.
    unknown = [each for each in arguments if each.startswith("-") and each not in _FLAGS]
    if unknown:
        parser.error(f"flag provided but not defined: {unknown[0]}")
    return parser.parse_args(arguments)


class _Headers(grpc.StreamStreamClientInterceptor):
    """Adds the headers to every call, including those for reflection, as -H does."""

    def __init__(self, headers: list[tuple[str, str]]) -> None:
        self._headers = headers

    def intercept_stream_stream(self, continuation: Callable[..., Any], details: Any, requests: Iterator[Any]) -> Any:
        return continuation(details._replace(metadata=self._headers), requests)


def main(arguments: list[str]) -> int:
    """Make the call, print the responses and return the exit status."""
    options = _parsed(arguments)
    headers = []
    for each in options.headers:
        name, _, value = each.partition(":")
        headers.append((name.strip().lower(), value.strip()))
    with grpc.insecure_channel(options.address) as plain:
        channel = grpc.intercept_channel(plain, _Headers(headers))
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        service, _, name = options.symbol.rpartition("/")
        method: Any = pool.FindServiceByName(service).methods_by_name[name]
        request = json_format.ParseDict(json.loads(options.data), GetMessageClass(method.input_type)(), descriptor_pool=pool)
        answering = channel.stream_stream(
            f"/{service}/{name}", request.__class__.SerializeToString, GetMessageClass(method.output_type).FromString
        )
        try:
            for response in answering(iter([request]), timeout=options.seconds):
                sys.stdout.write(json_format.MessageToJson(response, descriptor_pool=pool) + "\n")
        except grpc.RpcError as error:
            sys.stderr.write(f"ERROR:\n  Code: {error.code().name}\n  Message: {error.details()}\n")
            return FAILED + int(error.code().value[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
