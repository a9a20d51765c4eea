"""The errors of cqar.

Every error that a client may see is one of these; `cqar.server.statuses` maps it to a gRPC status::

    CqarError
    ├── Invalid             INVALID_ARGUMENT     a field broke a rule; carries the violations
    ├── NotFound            NOT_FOUND            PostgreSQL has no such row
    ├── AlreadyExists       ALREADY_EXISTS       the natural key is already used
    ├── Precondition        FAILED_PRECONDITION  other rows forbid the change
    ├── Aborted             ABORTED              conflict with a concurrent write; read again and retry
    ├── Unauthenticated     UNAUTHENTICATED      no key, or not a valid one
    ├── Forbidden           PERMISSION_DENIED    the key may not do this
    ├── Exhausted           RESOURCE_EXHAUSTED   a limit of size or rate is exceeded
    ├── Unavailable         UNAVAILABLE          a dependency is down; never reported as absence
    └── DeadlineExceeded    DEADLINE_EXCEEDED    the deadline of the call passed

An exception that is not in this tree is a bug and becomes INTERNAL. A message never contains the text of a driver.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from google.protobuf import any_pb2, duration_pb2, message
from google.rpc import error_details_pb2, status_pb2

from cqar import redaction

#: Maximum UTF-8 bytes of a message, and of the texts in its details. Both are sent as trailing metadata, of which proxies may
#: refuse more than 8 KB; percent-encoding triples a byte of the message at most, base64 makes four bytes of three of the
#: details.
MAX_MESSAGE = 800
MAX_DETAILS = 2_000


class Violation(NamedTuple):
    """One broken rule: the request field, the rule in UPPER_SNAKE and a description."""

    field: str
    rule: str
    description: str


def required(field: str, hint: str = "") -> Violation:
    """The violation of a field that the request must set. `hint`: why, or what to send."""
    return Violation(field, "REQUIRED", f"is required; {hint}" if hint else "is required")


def require(request: Any, names: Iterable[str]) -> None:
    """Raise Invalid naming each of these fields that `request` leaves empty."""
    missing = [required(name) for name in names if not getattr(request, name)]
    if missing:
        raise Invalid.of(missing)


class CqarError(Exception):
    """The base class. `code` is the gRPC status number; `str()` is the message for the client."""

    code: ClassVar[int]

    def __init__(self, message: str) -> None:
        self.message = _short(redaction.without_keys(message))
        super().__init__(self.message)

    def details(self) -> Sequence[message.Message]:
        """The google.rpc messages that accompany the status."""
        return ()

    def status(self) -> status_pb2.Status:
        """The error as a google.rpc.Status, for `grpc-status-details-bin`."""
        packed = []
        for detail in self.details():
            box = any_pb2.Any()
            box.Pack(detail)
            packed.append(box)
        return status_pb2.Status(code=self.code, message=self.message, details=packed)

    def renamed(self, name: Callable[[str], str]) -> "CqarError":  # noqa: ARG002 - for those that name fields
        """The same error with other field names: `name` maps each field."""
        return self


def _short(message: str) -> str:
    """The message, truncated to the maximum length."""
    data = message.encode()
    return message if len(data) <= MAX_MESSAGE else data[:MAX_MESSAGE].decode(errors="ignore") + "..."


def _shown(violations: Sequence[Violation]) -> Iterator[Violation]:
    """The first violation, and as many others as fit."""
    room = MAX_DETAILS
    for at, each in enumerate(violations):
        room -= sum(len(part.encode()) for part in each)
        if at and room < 0:
            return
        yield each


class Invalid(CqarError):
    """INVALID_ARGUMENT: fields of the request that broke a rule."""

    code = 3

    def __init__(self, field: str, rule: str, description: str, *more: Violation) -> None:
        self.violations = (Violation(field, rule, description), *more)
        super().__init__("; ".join(f"{each.field}: {each.description}" for each in self.violations))

    @classmethod
    def of(cls, violations: Sequence[Violation]) -> "Invalid":
        """One error for all of these violations; there is at least one."""
        first, *more = violations
        return cls(*first, *more)

    @classmethod
    def missing(cls, field: str, hint: str = "") -> "Invalid":
        """The error of a field that the request must set. `hint`: why, or what to send."""
        return cls(*required(field, hint))

    def renamed(self, name: Callable[[str], str]) -> CqarError:
        """The same error with other field names."""
        return Invalid.of([each._replace(field=name(each.field)) for each in self.violations])

    def details(self) -> Sequence[message.Message]:
        """One google.rpc.BadRequest with as many violations as fit."""
        bad = error_details_pb2.BadRequest()
        for each in _shown(self.violations):
            bad.field_violations.add(field=each.field, reason=each.rule, description=each.description)
        return (bad,)


class CannotClear(Invalid):
    """INVALID_ARGUMENT: `clear` names a field that this request cannot clear; `name` is that field."""

    def __init__(self, name: str, rule: str, description: str) -> None:
        super().__init__("clear", rule, f"{name[:60]!r} {description}")
        self.name = name

    def renamed(self, name: Callable[[str], str]) -> CqarError:  # noqa: ARG002 - `clear` has the same name everywhere
        """The error itself."""
        return self


class NotFound(CqarError):
    """NOT_FOUND: PostgreSQL has no such row."""

    code = 5

    def __init__(self, kind: str, name: str, field: str | None = None) -> None:
        self.kind = kind
        self.name = name
        self.field = field
        super().__init__(f"{kind} {name!r} not found" if field is None else f"{field}: {kind} {name!r} not found")

    def renamed(self, name: Callable[[str], str]) -> CqarError:
        """The same error with another field name."""
        return self if self.field is None else NotFound(self.kind, self.name, name(self.field))

    def details(self) -> Sequence[message.Message]:
        """One google.rpc.ResourceInfo, and a BadRequest if a request field named the row."""
        info = error_details_pb2.ResourceInfo(resource_type=self.kind, resource_name=self.name)
        if self.field is None:
            return (info,)
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field=self.field, reason="NOT_FOUND", description=self.message)
        return info, bad


class AlreadyExists(CqarError):
    """ALREADY_EXISTS: the natural key is already used; `field` names it."""

    code = 6

    def __init__(self, kind: str, field: str, description: str) -> None:
        self.kind = kind
        self.field = field
        self.description = description
        super().__init__(f"{kind} already exists: {description}")

    def renamed(self, name: Callable[[str], str]) -> CqarError:
        """The same error with another field name."""
        return AlreadyExists(self.kind, name(self.field), self.description)

    def details(self) -> Sequence[message.Message]:
        """One google.rpc.ResourceInfo, and a BadRequest with the field whose value is used."""
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field=self.field, reason="TAKEN", description=self.message)
        return error_details_pb2.ResourceInfo(resource_type=self.kind, resource_name=self.field, description=self.message), bad


class Precondition(CqarError):
    """FAILED_PRECONDITION: other rows of the registry forbid the change. A violation is (subject, type, description)."""

    code = 9

    def __init__(self, kind: str, subject: str, description: str, *more: Violation) -> None:
        self.kind = kind
        self.violations = (Violation(subject, kind, description), *more)
        super().__init__(description)

    def renamed(self, name: Callable[[str], str]) -> CqarError:
        """The same error with other names of the fields among its subjects."""
        first, *more = [each._replace(field=name(each.field)) for each in self.violations]
        return Precondition(self.kind, first.field, first.description, *more)

    def details(self) -> Sequence[message.Message]:
        """One google.rpc.PreconditionFailure with as many violations as fit."""
        failure = error_details_pb2.PreconditionFailure()
        for each in _shown(self.violations):
            failure.violations.add(type=each.rule, subject=each.field, description=each.description)
        return (failure,)


class Ambiguous(Precondition):
    """FAILED_PRECONDITION of type AMBIGUOUS: several candidates match equally."""

    def __init__(self, message: str, candidates: Sequence[tuple[str, str]]) -> None:
        first, *rest = [Violation(subject, "AMBIGUOUS", description) for subject, description in candidates]
        super().__init__("AMBIGUOUS", first.field, first.description, *rest)
        self.message = _short(message)
        self.args = (self.message,)

    def renamed(self, name: Callable[[str], str]) -> CqarError:  # noqa: ARG002 - its subjects are ids
        """The error itself: its subjects are ids."""
        return self


class Aborted(CqarError):
    """ABORTED: a conflict with a concurrent write; read again and retry."""

    code = 10

    def details(self) -> Sequence[message.Message]:
        """One google.rpc.RetryInfo of 50 ms."""
        return (error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=50_000_000)),)


class Moved(Aborted):
    """ABORTED: the row is not at the expected revision. HTTP uses another status for it than for other conflicts."""


class Unauthenticated(CqarError):
    """UNAUTHENTICATED: the call has no valid key."""

    code = 16


class Forbidden(CqarError):
    """PERMISSION_DENIED: the key does not allow this call."""

    code = 7


class Exhausted(CqarError):
    """RESOURCE_EXHAUSTED: a limit of size or rate is exceeded; the message names it and what to do."""

    code = 8


class TooLarge(Exhausted):
    """RESOURCE_EXHAUSTED: a limit of size; a retry does not help."""


class Throttled(Exhausted):
    """RESOURCE_EXHAUSTED: too many calls; retry after `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds

    def details(self) -> Sequence[message.Message]:
        """One google.rpc.RetryInfo."""
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(math.ceil(self.seconds * 1_000))
        return (error_details_pb2.RetryInfo(retry_delay=delay),)


class Unavailable(CqarError):
    """UNAVAILABLE: a dependency of the answer is down."""

    code = 14


class DeadlineExceeded(CqarError):
    """DEADLINE_EXCEEDED: the deadline of the call passed."""

    code = 4
