"""The outcome of a call: counted, logged and, if it fails, answered with a status, once, however the call ends."""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from cqar.model.call import ANYONE
from cqar.observability import logs, tracing
from cqar.observability.logs import Calls
from cqar.observability.tracing import Span
from cqar.server.statuses import Metadata, code_of

#: Answers the caller of a failed call; takes the error and the request id.
Refuse = Callable[[Exception, str], Awaitable[None]]


class Outcome:
    """One call, from entering the context to leaving it.

    On exit the call is counted and logged under `method` with its status, duration and principal; an error is first
    passed to `refuse`. Example:

        async with Outcome(calls, "GetAsset", metadata, refuse) as call:
            call.principal = (await admitted(authority, context)).name
            reply = await serve(data)

    `request_id`: if it is known already; `level`: that of a successful call's log line; `span`: ended with the call;
    `stream`: only `answered` requests and a failure count, not the end of the stream itself.
    """

    __slots__ = (
        "_began",
        "_calls",
        "_level",
        "_metadata",
        "_method",
        "_refuse",
        "_span",
        "_stream",
        "code",
        "principal",
        "request_id",
    )

    def __init__(
        self,
        calls: Calls,
        method: str,
        metadata: Metadata,
        refuse: Refuse | None,
        *,
        request_id: str | None = None,
        level: str = "debug",
        span: Span | None = None,
        stream: bool = False,
    ) -> None:
        self._calls = calls
        self._method = method
        self._metadata = metadata
        self._refuse = refuse
        self._level = level
        self._span = span
        self._stream = stream
        self._began = time.perf_counter()
        self.request_id = request_id
        #: the caller's name, for the log
        self.principal = ANYONE.name
        #: the status's name; on exit without an error it defaults to OK
        self.code: str | None = None

    def restart(self) -> None:
        """Measure the duration from now: the request has been received completely."""
        self._began = time.perf_counter()

    def answered(self) -> None:
        """Count one answered request of a stream."""
        self._count("OK")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        code = code_of(error) if error is not None else self.code or "OK"
        try:
            if self._refuse is not None and isinstance(error, Exception):
                self.request_id = self.request_id or tracing.request_id(tracing.value(self._metadata, tracing.REQUEST_ID))
                await self._refuse(error, self.request_id)  # aborts the call, which raises
        finally:
            if code != "OK" or not self._stream:
                self._count(code)
            logs.end(self._span, code)

    def _count(self, code: str) -> None:
        seconds = time.perf_counter() - self._began
        self._calls.ended(self._method, self.principal, code, seconds, self._metadata, self.request_id, self._level)
