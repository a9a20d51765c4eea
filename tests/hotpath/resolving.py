"""Helpers for tests of batches: calls of cqar.v1.Resolver, and keys."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import grpc.aio

from cqar.contract.cqar.v1 import resolver_pb2 as pb
from tests.client import Client, Refused, refusal

PATH = "/cqar.v1.Resolver/"


async def resolver(client: Client, method: str, request: Any = None, **fields: Any) -> Any:
    """The response of a call of cqar.v1.Resolver."""
    if request is None:
        request = getattr(pb, f"{method}Request")(**fields)
    data, client.trailing = await client.raw(PATH + method, request.SerializeToString(), deadline=30)
    return getattr(pb, f"{method}Response").FromString(data)


async def refused(client: Client, method: str, request: Any = None, **fields: Any) -> Refused:
    """The error of a call that must not succeed."""
    try:
        response = await resolver(client, method, request, **fields)
    except grpc.aio.AioRpcError as error:
        return refusal(error)
    msg = f"{method} succeeded: {response}"
    raise AssertionError(msg)


def key(venue: str, text: str, **fields: Any) -> pb.VenueSymbolKey:
    """A key for a venue's text."""
    return pb.VenueSymbolKey(venue_id=venue, venue_symbol=text, **fields)


async def resolved(client: Client, *keys: pb.VenueSymbolKey, **fields: Any) -> pb.ResolveVenueSymbolsResponse:
    """The results of venue symbols, one per key."""
    response: pb.ResolveVenueSymbolsResponse = await resolver(client, "ResolveVenueSymbols", keys=keys, **fields)
    assert len(response.results) == len(keys)
    return response


def statuses(response: Any) -> list[str]:
    """The status of each key."""
    return [pb.ResolutionStatus.Name(each.status) for each in response.results]


async def assets(client: Client, *keys: pb.AssetKey, **fields: Any) -> pb.ResolveAssetsResponse:
    """The results of assets, one per key."""
    response: pb.ResolveAssetsResponse = await resolver(client, "ResolveAssets", keys=keys, **fields)
    assert len(response.results) == len(keys)
    return response


def streamed(client: Client, requests: AsyncIterator[Any] | Iterable[Any]) -> Any:
    """A call of StreamVenueSymbols that sends these requests."""
    method: Any = client.channel.stream_stream(
        f"{PATH}StreamVenueSymbols",
        request_serializer=pb.ResolveVenueSymbolsRequest.SerializeToString,
        response_deserializer=pb.ResolveVenueSymbolsResponse.FromString,
    )
    return method(requests, timeout=30)


def request(*keys: pb.VenueSymbolKey, **fields: Any) -> pb.ResolveVenueSymbolsRequest:
    """A request for venue symbols."""
    return pb.ResolveVenueSymbolsRequest(keys=keys, **fields)


def results(response: Any) -> Sequence[Any]:
    """The results of a response, without its revision and marks."""
    return list(response.results)
