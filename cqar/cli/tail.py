"""The changes of a running registry as they happen."""

from collections.abc import Iterator
from typing import Any

import grpc

from cqar.admin import tail
from cqar.client.connect import CallError
from cqar.contract.cqar.v1 import access_pb2 as pb


class TailError(CallError):
    """The stream was refused or ended: `str()` is the reason."""


def changes(channel: grpc.Channel, from_revision: int | None) -> Iterator[dict[str, Any]]:
    """Yield each change after the revision and then new ones as they happen; None starts now. Raises TailError."""
    request = pb.TailEventsRequest() if from_revision is None else pb.TailEventsRequest(from_revision=from_revision)
    method = channel.unary_stream(
        tail.PATH,
        request_serializer=pb.TailEventsRequest.SerializeToString,
        response_deserializer=pb.TailEventsResponse.FromString,
    )
    try:
        for change in method(request):
            yield tail.as_json(change)
    except grpc.RpcError as error:
        ended: Any = error
        message = f"{ended.code().name}: {ended.details()}"
        raise TailError(message, ended.code()) from error
