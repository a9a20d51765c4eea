"""A client built from the contract table alone, like an old client."""

from typing import Any, NamedTuple, Self

import grpc
import grpc.aio
from google.rpc import error_details_pb2, status_pb2

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb

SERVICE = "/cqc.services.v1.AssetRegistry/"


class Refused(NamedTuple):
    """An error as a client sees it."""

    code: str
    message: str
    #: (field, reason) of each field violation
    fields: list[tuple[str, str]]
    #: (type, subject, description) of each precondition violation
    preconditions: list[tuple[str, str, str]]


def refusal(error: grpc.RpcError) -> Refused:
    """The status with its details, read from the trailing metadata."""
    call: Any = error
    fields: list[tuple[str, str]] = []
    preconditions: list[tuple[str, str, str]] = []
    for name, value in call.trailing_metadata() or ():
        if name != "grpc-status-details-bin":
            continue
        for box in status_pb2.Status.FromString(value).details:
            bad, failed = error_details_pb2.BadRequest(), error_details_pb2.PreconditionFailure()
            if box.Unpack(bad):
                fields += [(each.field, each.reason) for each in bad.field_violations]
            elif box.Unpack(failed):
                preconditions += [(each.type, each.subject, each.description) for each in failed.violations]
    return Refused(call.code().name, call.details() or "", fields, preconditions)


class Client:
    """Calls RPCs by name with fields as keyword arguments. `messages`: where request and response classes come from."""

    def __init__(self, port: int, messages: Any = pb) -> None:
        self._messages = messages
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        self.trailing: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()

    async def call(
        self,
        method: str,
        request: Any = None,
        *,
        headers: Any = (),
        deadline: Any = 10,
        **fields: Any,
    ) -> Any:
        """The response. `headers` is the call's metadata: some requests have a field `metadata`. Raises AioRpcError."""
        if request is None:
            request = getattr(self._messages, f"{method}Request")(**fields)
        response = getattr(self._messages, f"{method}Response")
        data, self.trailing = await self.raw(SERVICE + method, request.SerializeToString(), headers=headers, deadline=deadline)
        return response.FromString(data)

    async def raw(
        self, path: str, data: bytes, *, headers: tuple[tuple[str, str], ...] = (), deadline: float = 10
    ) -> tuple[bytes, dict[str, Any]]:
        """Send raw bytes; return the response bytes and the trailing metadata."""
        method: Any = self.channel.unary_unary(path)
        call = method(data, metadata=headers, timeout=deadline)
        response = await call
        return response, dict(await call.trailing_metadata() or ())

    async def refused(self, method: str, request: Any = None, **fields: Any) -> Refused:
        """The error of a call that must fail."""
        try:
            response = await self.call(method, request, **fields)
        except grpc.aio.AioRpcError as error:
            return refusal(error)
        msg = f"{method} succeeded: {response}"
        raise AssertionError(msg)
