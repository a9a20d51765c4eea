"""The changes of a running registry as lines of JSON, for people and pipes."""

from collections.abc import Iterator
from typing import Any

import grpc
import orjson

from cqar.admin import tail
from cqar.contract.cqar.v1 import access_pb2 as pb


class TailError(Exception):
    """The stream was refused, or it ended: `str()` says why."""


def lines(channel: grpc.Channel, from_revision: int | None) -> Iterator[str]:
    """A line for each change behind the revision, and then as they come; None: from now on. Raises TailError."""
    request = pb.TailEventsRequest() if from_revision is None else pb.TailEventsRequest(from_revision=from_revision)
    method = channel.unary_stream(
        tail.PATH,
        request_serializer=pb.TailEventsRequest.SerializeToString,
        response_deserializer=pb.TailEventsResponse.FromString,
    )
    try:
        for change in method(request):
            yield orjson.dumps(tail.told(change)).decode()
    except grpc.RpcError as error:
        ended: Any = error
        message = f"{ended.code().name}: {ended.details()}"
        raise TailError(message) from error
