"""The calls of an importer: Apply, complete lists, and single calls with bounded concurrency."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from cqar.client.connect import CallError
from cqar.contract.cqar.v1 import access_pb2, identity_pb2, registry_pb2, reviews_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as contract

#: Timeouts in seconds of a call and of an Apply.
TIMEOUT: Final = 30.0
APPLY_TIMEOUT: Final = 300.0
#: Maximum number of concurrent calls.
WINDOW: Final = 16
#: Rows per page.
PAGE: Final = 1000
#: Attempts of a call that is aborted or finds a dependency down, and the seconds before the second attempt, which double.
ATTEMPTS: Final = 5
PAUSE: Final = 0.1

_AGAIN = frozenset({grpc.StatusCode.ABORTED, grpc.StatusCode.UNAVAILABLE})
#: Calls that are retried only if the server has refused them.
_ONCE = frozenset({"RaiseQualityFlag", "MergeAssets"})
_MESSAGES: Final = 64 * 1024 * 1024
#: Channel options: room for the responses of Apply.
OPTIONS: Final = (("grpc.max_receive_message_length", _MESSAGES), ("grpc.max_send_message_length", _MESSAGES))
_SERVICES = {
    name: service.full_name
    for service in (
        contract.DESCRIPTOR.services_by_name["AssetRegistry"],
        registry_pb2.DESCRIPTOR.services_by_name["Registry"],
        access_pb2.DESCRIPTOR.services_by_name["Access"],
    )
    for name in service.methods_by_name
}
_REPLIES = {
    name: getattr(module, f"{name}Response")
    for module in (contract, registry_pb2, access_pb2, identity_pb2, reviews_pb2)
    for name in _SERVICES
    if hasattr(module, f"{name}Response")
}


class RegistryError(CallError):
    """A call failed. Earlier writes remain; the import can be run again.

    `code` is the call's status, `details` its message.
    """

    def __init__(self, rpc: str, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{rpc}: {code.name}: {details}", code)
        self.rpc = rpc
        self.details = details

    def because(self, why: str) -> "RegistryError":
        """Return the error with the reason for the call in front."""
        assert self.code is not None  # noqa: S101 - that of a call
        return RegistryError(self.rpc, self.code, f"{why}: {self.details}")


class Registry:
    """The calls of an importer over a channel. `metadata` (the key) is sent with each."""

    def __init__(self, channel: grpc.Channel, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self._channel = channel
        self._metadata = tuple(metadata)

    def apply(
        self, rows: Sequence[registry_pb2.ApplyRow], *, source: str, mode: registry_pb2.ApplyMode, dry_run: bool
    ) -> list[registry_pb2.ApplyResult]:
        """Write the rows in one call; one result per row. Raises RegistryError."""
        if not rows:
            return []
        request = registry_pb2.ApplyRequest(rows=rows, source=source, mode=mode, dry_run=dry_run)
        response: registry_pb2.ApplyResponse = self.call(request, timeout=APPLY_TIMEOUT)
        return list(response.results)

    def call(self, request: Message, *, timeout: float = TIMEOUT) -> Any:
        """The response to one request; its type determines the call. Raises RegistryError."""
        return self._settle(request, self._start(request, timeout), timeout)

    def calls(self, requests: Iterable[Message]) -> Iterator[Any]:
        """The responses in the order of the requests, concurrently; a failed call is a RegistryError in its place."""
        waiting = iter(requests)
        flying = deque((each, self._start(each, TIMEOUT)) for each in islice(waiting, WINDOW))
        try:
            while flying:
                request, future = flying.popleft()
                try:
                    answer = self._settle(request, future, TIMEOUT)
                except RegistryError as error:
                    if error.code in _AGAIN or error.code is grpc.StatusCode.DEADLINE_EXCEEDED:
                        raise
                    answer = error
                flying.extend((each, self._start(each, TIMEOUT)) for each in islice(waiting, 1))
                yield answer
        finally:
            # After an error, no further call may be sent.
            for _, future in flying:
                future.cancel()

    def pages(self, request: Any, field: str) -> Iterator[Any]:
        """The rows of a list, page by page. Raises RegistryError."""
        request.page_size = PAGE
        while True:
            page = self.call(request)
            yield from getattr(page, field)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _start(self, request: Message, timeout: float) -> Any:
        rpc = type(request).__name__.removesuffix("Request")
        method = self._channel.unary_unary(
            f"/{_SERVICES[rpc]}/{rpc}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=_REPLIES[rpc].FromString,
        )
        return method.future(request, timeout=timeout, metadata=self._metadata)

    def _settle(self, request: Message, future: Any, timeout: float) -> Any:
        rpc = type(request).__name__.removesuffix("Request")
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return future.result()
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                again = code is grpc.StatusCode.ABORTED or (code in _AGAIN and rpc not in _ONCE)
                if not again or attempt == ATTEMPTS:
                    raise RegistryError(rpc, code, error.details() or "") from error
            time.sleep(PAUSE * 2**attempt)
            future = self._start(request, timeout)
        raise AssertionError
