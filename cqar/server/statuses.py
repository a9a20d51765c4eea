"""Errors as gRPC statuses: code, message and trailing metadata."""

from __future__ import annotations  # grpc's classes take type arguments only in its stubs

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import grpc
import grpc.aio

from cqar import errors
from cqar.observability import logs, tracing

_log = logs.logger("serve")

Metadata = Sequence[tuple[str, str | bytes]]

#: Trailing metadata with the google.rpc.Status of an error.
DETAILS = "grpc-status-details-bin"
#: Statuses by their numbers.
STATUS: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class Refusal(NamedTuple):
    """How a failed call ends."""

    code: grpc.StatusCode
    message: str
    trailing: Metadata


def refusal(method: str, error: Exception, request_id: str) -> Refusal:
    """The status of `error`; an AioRpcError of another process keeps its own. An unexpected error is logged as a bug."""
    if isinstance(error, grpc.aio.AioRpcError):
        return Refusal(error.code(), error.details() or "", tuple(error.trailing_metadata() or ()))
    known = _known(error)
    named: Metadata = ((tracing.REQUEST_ID, request_id),)
    if known is None:
        _log.error("internal_error", method=method, request_id=request_id, exc_info=error)
        return Refusal(grpc.StatusCode.INTERNAL, "internal error; see the server's log", named)
    trailing: Metadata = ((DETAILS, known.status().SerializeToString()), *named)
    if isinstance(known, errors.Throttled):
        trailing = (("retry-after", str(math.ceil(known.seconds))), *trailing)
    return Refusal(STATUS[known.code], known.message, trailing)


async def refuse(context: Any, method: str, error: Exception, request_id: str | None = None) -> None:
    """Abort a call with the status of `error`. Its trailing metadata carry the request id, which the log has too."""
    request_id = request_id or tracing.request_id(tracing.value(context.invocation_metadata() or (), tracing.REQUEST_ID))
    await context.abort(*refusal(method, error, request_id))


def code_of(error: BaseException | None) -> str:
    """The name of the status with which a call ends: OK without an error, CANCELLED if its task was cancelled."""
    if error is None:
        return "OK"
    if isinstance(error, grpc.aio.AioRpcError):
        return str(error.code().name)
    if not isinstance(error, Exception):
        return "CANCELLED"
    known = _known(error)
    return "INTERNAL" if known is None else STATUS[known.code].name


def _known(error: Exception) -> errors.CqarError | None:
    if isinstance(error, errors.CqarError):
        return error
    if isinstance(error, TimeoutError):
        return errors.DeadlineExceeded("deadline exceeded")
    return None
