"""Client calls of the contract: each with a deadline, several in flight, lists read to the last page."""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeVar

import grpc
from google.protobuf.message import Message

#: Seconds that one call may take.
TIMEOUT: Final = 20.0
#: Calls in flight at once.
WINDOW: Final = 16
#: Rows per page.
PAGE: Final = 1000
#: Attempts of a call that lost a race against another writer, and the seconds between them.
ATTEMPTS: Final = 5
PAUSE: Final = 0.05

_SERVICE = "/cqc.services.v1.AssetRegistry"

_Reply = TypeVar("_Reply", bound=Message)


class LoadError(Exception):
    """A call of the load failed or contradicts the facts. What is loaded stays; the load can be run again.

    `code` is the status of the call, None if the answers contradict each other.
    """

    def __init__(self, message: str, code: grpc.StatusCode | None = None) -> None:
        super().__init__(message)
        self.code = code


class Ask(NamedTuple):
    """A request of the contract; `about` names its fact in errors."""

    request: Message
    about: str

    @property
    def rpc(self) -> str:
        """Return the name of the call, from the type of its request."""
        return type(self.request).__name__.removesuffix("Request")


class Wire:
    """Send requests of the contract over a channel."""

    def __init__(self, channel: grpc.Channel, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self._channel = channel
        self._metadata = tuple(metadata)

    def send(self, asks: Iterable[Ask], reply: type[_Reply]) -> list[_Reply]:
        """Return the replies in the order of the requests, all of one call. Raises LoadError."""
        return [each for each in self._run(asks, reply, absent=False) if each is not None]

    def find(self, asks: Iterable[Ask], reply: type[_Reply]) -> list[_Reply | None]:
        """Like `send`, with None for NOT_FOUND."""
        return self._run(asks, reply, absent=True)

    def pages(self, asks: Iterable[Ask], reply: type[_Reply]) -> list[_Reply]:
        """Return all pages of all requests, all of one list call, in no defined order. Raises LoadError."""
        found: list[_Reply] = []
        asks = list(asks)
        while asks:
            for ask in asks:
                ask.request.page_size = PAGE  # type: ignore[attr-defined]  # every list call has it
            replies = self.send(asks, reply)
            found += replies
            rest = [(ask, each.next_page_token) for ask, each in zip(asks, replies, strict=True)]  # type: ignore[attr-defined]
            asks = [ask for ask, token in rest if token]
            for ask, token in rest:
                ask.request.page_token = token  # type: ignore[attr-defined]
        return found

    def _run(self, asks: Iterable[Ask], reply: type[_Reply], *, absent: bool) -> list[_Reply | None]:
        waiting = iter(asks)
        flying = deque((ask, self._start(ask, reply)) for ask in islice(waiting, WINDOW))
        replies: list[_Reply | None] = []
        try:
            while flying:
                ask, call = flying.popleft()
                replies.append(self._settle(ask, call, reply, absent=absent))
                flying.extend((ask, self._start(ask, reply)) for ask in islice(waiting, 1))
        finally:
            # After an error nothing more may be written.
            for _, call in flying:
                call.cancel()
        return replies

    def _start(self, ask: Ask, reply: type[_Reply]) -> "grpc._CallFuture[_Reply]":
        method = self._channel.unary_unary(
            f"{_SERVICE}/{ask.rpc}",
            request_serializer=type(ask.request).SerializeToString,
            response_deserializer=reply.FromString,
        )
        return method.future(ask.request, timeout=TIMEOUT, metadata=self._metadata)

    def _settle(self, ask: Ask, call: "grpc._CallFuture[_Reply]", reply: type[_Reply], *, absent: bool) -> _Reply | None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return call.result()
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                if absent and code is grpc.StatusCode.NOT_FOUND:
                    return None
                if code is not grpc.StatusCode.ABORTED or attempt == ATTEMPTS:
                    msg = f"{ask.rpc} for {ask.about}: {code.name}: {error.details()}"
                    raise LoadError(msg, code) from error
            time.sleep(PAUSE * attempt)
            call = self._start(ask, reply)
        raise AssertionError
