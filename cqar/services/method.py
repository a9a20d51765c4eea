"""An RPC as a row of its service's table: messages, role, kind, and the operation that serves it.

A process that only reads imports this module and no write: see `cqar.services.run` for the rows of writes.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from cqar import errors
from cqar.model.call import Role
from cqar.storage.postgres import Session

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

#: `read` runs on a database session, `write` in one transaction, `batch` makes transactions of its own.
MethodKind = Literal["read", "write", "batch"]
#: The role that a method of a kind requires, unless its row names another.
_ROLES: Mapping[MethodKind, Role] = {"read": Role.READER, "write": Role.WRITER, "batch": Role.WRITER}


class Method(NamedTuple, Generic[Request, Response]):
    """One RPC of the contract and the operation that serves it."""

    name: str
    kind: MethodKind
    request: type[Request]
    response: type[Response]
    #: takes what its kind runs on (a `Session`, a `Transaction` or a `Batch`) and the request
    serve: Callable[[Any, Request], Awaitable[Response]]
    #: the RPC's path on the wire
    path: str
    #: the role that the caller needs
    role: Role
    #: its declaration in the contract
    described: MethodDescriptor

    def parse(self, data: bytes) -> Request:
        """The request. Raises Invalid if `data` is not such a message."""
        try:
            return self.request.FromString(data)
        except DecodeError:
            raise errors.Invalid("request", "MALFORMED", f"is not a {self.request.DESCRIPTOR.name}") from None


#: A row of a table: which messages it takes and returns is known to its operation.
AnyMethod = Method[Any, Any]


def method(
    service: ServiceDescriptor,
    name: str,
    kind: MethodKind,
    serve: Callable[[Any, Request], Awaitable[Response]],
    role: Role | None = None,
) -> Method[Request, Response]:
    """The row of an RPC; its messages come from the contract. `role` defaults to the role of `kind`."""
    described = service.methods_by_name[name]
    request: Any = message_factory.GetMessageClass(described.input_type)
    response: Any = message_factory.GetMessageClass(described.output_type)
    return Method(name, kind, request, response, serve, f"/{service.full_name}/{name}", role or _ROLES[kind], described)


def read(
    service: ServiceDescriptor,
    name: str,
    serve: Callable[[Session, Request], Awaitable[Response]],
    role: Role | None = None,
) -> Method[Request, Response]:
    """The row of an RPC that only reads."""
    return method(service, name, "read", serve, role)


def complete(service: ServiceDescriptor, rows: Sequence[AnyMethod]) -> None:
    """Raise TypeError unless `rows` serve each unary RPC of the service exactly once."""
    served = [each.name for each in rows]
    missing = {each.name for each in service.methods if not each.server_streaming} ^ set(served)
    if missing or len(served) != len(set(served)):
        msg = f"the method table and the contract disagree: {sorted(missing)}"
        raise TypeError(msg)
