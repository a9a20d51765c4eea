"""Create, list and revoke API keys: through admin, or directly in the database, which needs no key."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf import json_format

from cqar import config
from cqar.client.connect import CallError
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.dev import keys as direct
from cqar.storage.postgres import Pool
from cqar.writes import keyring

_SERVICE = "/cqar.v1.Access/"
#: Seconds that a call may take.
_TIMEOUT = 10.0
_PAGE = 1_000
_T = TypeVar("_T")


class IssuerError(CallError):
    """Admin refused the call: `str()` is the reason."""


class Issuer(Protocol):
    """Creates, lists and revokes API keys."""

    def create(self, request: pb.CreateKeyRequest) -> pb.CreateKeyResponse:
        """Create a key. Raises IssuerError, or errors of `cqar.errors`."""

    def list(self, request: pb.ListKeysRequest) -> Iterator[pb.ApiKey]:
        """Yield the keys that match the request, page by page. Raises as `create`."""

    def revoke(self, key_id: str) -> pb.ApiKey:
        """Revoke a key. Raises as `create`."""


class AdminIssuer:
    """Issues keys through a running admin."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def create(self, request: pb.CreateKeyRequest) -> pb.CreateKeyResponse:
        """Create a key. Raises IssuerError."""
        response: pb.CreateKeyResponse = self._call("CreateKey", request, pb.CreateKeyResponse)
        return response

    def list(self, request: pb.ListKeysRequest) -> Iterator[pb.ApiKey]:
        """Yield the keys that match the request, page by page. Raises IssuerError."""
        request.page_size = _PAGE
        while True:
            page = self._call("ListKeys", request, pb.ListKeysResponse)
            yield from page.keys
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def revoke(self, key_id: str) -> pb.ApiKey:
        """Revoke a key. Raises IssuerError."""
        response: pb.RevokeKeyResponse = self._call("RevokeKey", pb.RevokeKeyRequest(key_id=key_id), pb.RevokeKeyResponse)
        return response.key

    def _call(self, name: str, request: Any, response: Any) -> Any:
        method = self._channel.unary_unary(
            _SERVICE + name, request_serializer=type(request).SerializeToString, response_deserializer=response.FromString
        )
        try:
            return method(request, timeout=_TIMEOUT)
        except grpc.RpcError as error:
            failed: Any = error
            message = f"{failed.code().name}: {failed.details()}"
            raise IssuerError(message, failed.code()) from error


class DatabaseIssuer:
    """Issues keys directly in the database of the settings, which needs no key."""

    def __init__(self, settings: config.Settings) -> None:
        self._settings = settings

    def create(self, request: pb.CreateKeyRequest) -> pb.CreateKeyResponse:
        """Create a key. Raises errors of `cqar.errors`, and ConfigError without a pepper."""
        return self._with(lambda pool: direct.create(pool, self._settings, request))

    def list(self, request: pb.ListKeysRequest) -> Iterator[pb.ApiKey]:
        """Yield the keys that match the request, page by page. Raises errors of `cqar.errors`."""

        async def listed(pool: Pool) -> Any:
            async with pool.session() as session:
                return await keyring.list_keys(session, request)

        request.page_size = _PAGE
        while True:
            page = self._with(listed)
            yield from page.keys
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def revoke(self, key_id: str) -> pb.ApiKey:
        """Revoke a key. Raises errors of `cqar.errors`."""
        return self._with(lambda pool: direct.revoke(pool, key_id)).key

    def _with(self, work: Callable[[Pool], Awaitable[_T]]) -> _T:
        async def run() -> _T:
            database = self._settings.database
            pool = Pool(database, statement_timeout=database.statement_timeout, name="cqar-keys")
            await pool.open()
            try:
                return await work(pool)
            finally:
                await pool.close()

        return asyncio.run(run())


def text(key: pb.ApiKey) -> str:
    """Return the key on one line: id, role, principal, limits and times."""
    words = [key.key_id, f"{pb.Role.Name(key.role).lower():<6}", key.principal]
    words += [f"venues={','.join(key.venue_ids)}"] if key.venue_ids else []
    words += ["strict"] if key.strict else []
    words += [f"rate={key.rate_limit}/s"] if key.rate_limit else []
    words += [f"{name}={_day(getattr(key, field))}" for name, field in _TIMES if key.HasField(field)]
    words += [repr(key.note)] if key.note else []
    return "  ".join(words)


_TIMES: tuple[tuple[str, Any], ...] = (
    ("created", "created_at"),
    ("expires", "expires_at"),
    ("revoked", "revoked_at"),
    ("used", "last_used_at"),
)


def data(key: pb.ApiKey) -> dict[str, Any]:
    """Return the key as JSON data with the contract's field names."""
    return json_format.MessageToDict(key, preserving_proto_field_name=True, unquote_int64_if_possible=True)


def _day(at: Any) -> str:
    moment: datetime = at.ToDatetime(UTC)
    return moment.strftime("%Y-%m-%dT%H:%MZ")
