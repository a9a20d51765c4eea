"""Making, listing and revoking API keys for people: through admin, or straight on the database where there is no key yet."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import grpc
import orjson
from google.protobuf import json_format

from cqar import config
from cqar.cli import credentials
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.storage.postgres import Store
from cqar.writes import keyring

_SERVICE = "/cqar.v1.Access/"
#: Seconds that a call may take.
_PATIENCE = 10.0
_PAGE = 1_000
_T = TypeVar("_T")


class IssuingError(Exception):
    """It was refused: `str()` says why."""


class Desk(Protocol):
    """Where keys are made."""

    def create(self, request: pb.CreateKeyRequest) -> pb.CreateKeyResponse:
        """Make a key. Raises IssuingError, or errors of `cqar.errors`."""

    def list(self, request: pb.ListKeysRequest) -> Iterator[pb.ApiKey]:
        """All keys that the request asks for. Raises as `create`."""

    def revoke(self, key_id: str) -> pb.ApiKey:
        """End a key. Raises as `create`."""


class Remote:
    """The desk of a running admin."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def create(self, request: pb.CreateKeyRequest) -> pb.CreateKeyResponse:
        """Make a key. Raises IssuingError."""
        response: pb.CreateKeyResponse = self._call("CreateKey", request, pb.CreateKeyResponse)
        return response

    def list(self, request: pb.ListKeysRequest) -> Iterator[pb.ApiKey]:
        """All keys that the request asks for. Raises IssuingError."""
        request.page_size = _PAGE
        while True:
            page = self._call("ListKeys", request, pb.ListKeysResponse)
            yield from page.keys
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def revoke(self, key_id: str) -> pb.ApiKey:
        """End a key. Raises IssuingError."""
        response: pb.RevokeKeyResponse = self._call("RevokeKey", pb.RevokeKeyRequest(key_id=key_id), pb.RevokeKeyResponse)
        return response.key

    def _call(self, name: str, request: Any, response: Any) -> Any:
        method = self._channel.unary_unary(
            _SERVICE + name, request_serializer=type(request).SerializeToString, response_deserializer=response.FromString
        )
        try:
            return method(request, timeout=_PATIENCE)
        except grpc.RpcError as error:
            told: Any = error
            message = f"{told.code().name}: {told.details()}"
            raise IssuingError(message) from error


class Direct:
    """The desk on the database of the settings, which needs no key."""

    def __init__(self, settings: config.Settings) -> None:
        self._settings = settings

    def create(self, request: pb.CreateKeyRequest) -> pb.CreateKeyResponse:
        """Make a key. Raises errors of `cqar.errors`, ConfigError without a pepper."""
        return self._with(lambda store: credentials.create(store, self._settings, request))

    def list(self, request: pb.ListKeysRequest) -> Iterator[pb.ApiKey]:
        """All keys that the request asks for. Raises errors of `cqar.errors`."""

        async def listed(store: Store) -> Any:
            async with store.session() as session:
                return await keyring.list_keys(session, request)

        request.page_size = _PAGE
        while True:
            page = self._with(listed)
            yield from page.keys
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def revoke(self, key_id: str) -> pb.ApiKey:
        """End a key. Raises errors of `cqar.errors`."""
        return self._with(lambda store: credentials.revoke(store, key_id)).key

    def _with(self, work: Callable[[Store], Awaitable[_T]]) -> _T:
        async def run() -> _T:
            database = self._settings.database
            store = Store(database, statement_timeout=database.statement_timeout, name="cqar-keys")
            await store.open()
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())


def text(key: pb.ApiKey) -> str:
    """The key in one line: its id, role, principal, what limits it, and when it was used."""
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


def json(key: pb.ApiKey, **more: str) -> str:
    """The key as one JSON object with the contract's names."""
    fields = json_format.MessageToDict(key, preserving_proto_field_name=True, unquote_int64_if_possible=True)
    return orjson.dumps(fields | more).decode()


def _day(at: Any) -> str:
    moment: datetime = at.ToDatetime(UTC)
    return moment.strftime("%Y-%m-%dT%H:%MZ")
