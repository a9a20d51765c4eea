"""How admin serves one RPC: check the role, parse, check the venues, then read or write.

Example: `reply = await run(pool, asset_registry.BY_NAME["GetChain"], request.SerializeToString(), Call("GetChain"))`.
"""

from collections.abc import Awaitable, Callable

from google.protobuf.descriptor import ServiceDescriptor

from cqar.auth import authority
from cqar.model.call import Call, Role
from cqar.server import rpc
from cqar.server.rpc import Reply
from cqar.services.method import AnyMethod, Method, Request, Response, method
from cqar.storage.postgres import Pool
from cqar.writes.transaction import Batch, Transaction


def write(
    service: ServiceDescriptor,
    name: str,
    serve: Callable[[Transaction, Request], Awaitable[Response]],
    role: Role | None = None,
) -> Method[Request, Response]:
    """The row of an RPC that writes in one transaction."""
    return method(service, name, "write", serve, role)


def batch(
    service: ServiceDescriptor,
    name: str,
    serve: Callable[[Batch, Request], Awaitable[Response]],
    role: Role | None = None,
) -> Method[Request, Response]:
    """The row of an RPC that writes in several transactions of its own."""
    return method(service, name, "batch", serve, role)


async def run(pool: Pool, method: AnyMethod, data: bytes, call: Call) -> Reply:
    """Serve one RPC: `data` is the serialized request, the reply's body the serialized response.

    A write ends with a revision, which its trailing metadata carries too. With an idempotency key, a repeated call
    returns the first call's response and writes nothing. Raises Forbidden, Invalid, and the errors of the operation.
    """
    authority.permit(call.principal, method.role, method.name)
    request = method.parse(data)
    authority.confine(call.principal, request, method.name)
    if method.kind == "read":
        async with pool.session() as session:
            return Reply((await method.serve(session, request)).SerializeToString())
    if method.kind == "batch":
        response = await method.serve(Batch(pool, call), request)
        return Reply(response.SerializeToString(), rpc.revision_metadata(response.revision))
    async with pool.transaction() as session:
        tx = Transaction(session, call)
        body = await tx.earlier_response(data)
        if body is None:
            response = await method.serve(tx, request)
            await tx.finish()
            response.revision = tx.revision
            body = response.SerializeToString()
            await tx.store_response(body)
    return Reply(body, rpc.revision_metadata(tx.revision))
