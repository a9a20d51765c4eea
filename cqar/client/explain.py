"""Ask why a venue's code, or each asset of its symbol, means what it means: the call behind `cqar explain`."""

from typing import Any, NamedTuple

import grpc

from cqar.client.connect import CallError
from cqar.contract.cqar.v1 import identity_pb2 as pb
from cqar.contract.cqc.markets.v1 import markets_pb2

_PATH = "/cqar.v1.Registry/Explain"
#: Seconds that a call may take.
_TIMEOUT = 10.0


class ExplainError(CallError):
    """There is nothing to explain: `str()` is the reason and what to do."""


class Question(NamedTuple):
    """A text of a venue: a code or a symbol."""

    venue: str
    text: str
    #: whether it is a symbol; None: a code if the venue has one, else a symbol
    is_symbol: bool | None = None
    #: SPOT, PERPETUAL, FUTURE, OPTION or MARGIN, for a symbol
    type: str | None = None

    def requests(self) -> list[pb.ExplainRequest]:
        """Return the requests to try, in order."""
        code = pb.ExplainRequest(venue_id=self.venue, code=self.text)
        symbol = pb.ExplainRequest(venue_id=self.venue, venue_symbol=self.text)
        if self.type is not None:
            symbol.symbol_type = markets_pb2.SymbolType.Value(f"SYMBOL_TYPE_{self.type}")  # type: ignore[assignment]  # an int
        if self.is_symbol is None:
            return [code, symbol]
        return [symbol] if self.is_symbol else [code]


def ask(channel: grpc.Channel, question: Question) -> pb.ExplainResponse:
    """Return the explanations, over a connected channel. Raises ExplainError."""
    call: Any = channel.unary_unary(
        _PATH, request_serializer=pb.ExplainRequest.SerializeToString, response_deserializer=pb.ExplainResponse.FromString
    )
    requests = question.requests()
    for at, request in enumerate(requests, 1):
        try:
            response: pb.ExplainResponse = call(request, timeout=_TIMEOUT)
        except grpc.RpcError as error:
            failed: Any = error
            missing = failed.code() is grpc.StatusCode.NOT_FOUND and not _is_venue(failed.details())
            if missing and at < len(requests):
                continue
            raise ExplainError(_reason(question, failed, missing=missing), failed.code()) from error
        return response
    raise AssertionError(requests)


def _is_venue(details: str) -> bool:
    return details.startswith("venue_id: ")


def _reason(question: Question, error: Any, *, missing: bool) -> str:
    venue, text = question.venue, question.text
    if error.code() is grpc.StatusCode.INVALID_ARGUMENT and venue != venue.lower():
        return f"venue ids are lower case: {venue.lower()}"
    if error.code() is grpc.StatusCode.NOT_FOUND and not missing:
        return f"venue {venue} not found"
    if missing and question.is_symbol:
        return f"{venue} {text} not found: the venue has no such symbol"
    if missing:
        what = "no such code" if question.is_symbol is False else "neither such a code nor such a symbol"
        return f"{venue} {text} not found: {what} was imported or written by hand"
    if error.code() is grpc.StatusCode.FAILED_PRECONDITION:
        return f"{error.details()}: choose with --type"
    return f"{error.code().name}: {error.details()}"
