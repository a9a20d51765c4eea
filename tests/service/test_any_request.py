"""Any request gets a response of the contract; Apply does what its dry run reported, once."""

from typing import Any

import asyncpg
import grpc.aio
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.services.method import AnyMethod
from cqar.services.registry import METHODS
from tests import generated
from tests.client import Client, refusal
from tests.registry.factory import USDC, USDT, Factory
from tests.service.registry import RegistryService, day
from tests.service.rows import everything

_KNOWN = {
    *("OK", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "ABORTED", "RESOURCE_EXHAUSTED"),
}
_OPEN = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"

examples = generated.examples(150)

#: What stands for the ids of what the registry has.
_NAMED = ("@asset", "@other", "@symbol", "@listing", "@group", "@deployment", "@identifier", "@relationship", "@flag", "@key")
_TEXTS = st.one_of(
    st.sampled_from(
        [*_NAMED, "binance", "ethereum", "nowhere", "ref:a", "ref:", "BTCUSDT", "X", "", " ", "\u200b", "x" * 5_000, USDC, USDT]
    ),
    st.sampled_from(
        ["EVM", "native", "linear", "eip155:1", "https://a.org", "1.5", "1e-19", "-1", "NaN", "name", "metadata", "a"]
    ),
)
#: What mostly fits the fields of these names.
_FITTING: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(
        ("asset_id", "base_asset_id", "from_asset_id", "into_asset_id", "native_asset_id"),
        st.sampled_from(["@asset", "@other"]),
    ),
    **dict.fromkeys(("quote_asset_id", "to_asset_id", "settlement_asset_id"), st.sampled_from(["@other", "@asset"])),
    **dict.fromkeys(("symbol_id", "listing_id", "group_id", "deployment_id", "flag_id", "relationship_id"), st.nothing()),
    "venue_id": st.just("binance"),
    "chain_id": st.just("ethereum"),
    **dict.fromkeys(("symbol", "name", "chain_name", "external_id", "venue_asset_symbol"), st.sampled_from(["A", "B", "C"])),
    "venue_symbol": st.sampled_from(["BTCUSDT", "X", "Y"]),
    "address": st.sampled_from([USDC.lower(), USDT, "native"]),
    "chain_type": st.just("evm"),
    "caip2": st.sampled_from(["eip155:1", "eip155:2"]),
    "conversion_rate": st.sampled_from(["0.5", "1e3"]),
    **dict.fromkeys(("logo_url", "website_url", "explorer_url", "api_endpoint", "rpc_urls"), st.just("https://a.org")),
    "margin_kind": st.just(""),
}
_OWN = {
    "symbol_id": "@symbol",
    "listing_id": "@listing",
    "group_id": "@group",
    "deployment_id": "@deployment",
    "flag_id": "@flag",
}
_OWN |= {"relationship_id": "@relationship", "identifier_id": "@identifier"}
_TIMES = st.sampled_from([day(-9), day(-3), day(-1), day(1), day(9)])


def _values(field: FieldDescriptor, *, fitting: bool) -> st.SearchStrategy[Any]:
    each: st.SearchStrategy[Any]
    if field.message_type is not None:
        each = _message(field.message_type, fitting=fitting)
    elif field.type == FieldDescriptor.TYPE_STRING:
        fit = st.just(_OWN[field.name]) if field.name in _OWN else _FITTING.get(field.name, _TEXTS)
        number = st.sampled_from(["0.001", "1e-19", "1", "0.5"])
        each = _TEXTS if not fitting else number if field.name.endswith("_decimal") else fit
    elif field.type == FieldDescriptor.TYPE_ENUM:
        each = st.integers(1, 2) if fitting else st.integers(-1, 12)
    elif field.type == FieldDescriptor.TYPE_BOOL:
        each = st.booleans()
    elif field.type == FieldDescriptor.TYPE_DOUBLE:
        each = st.sampled_from([0.001, 5.0]) if fitting else st.floats()
    else:
        each = st.integers(0, 18) if fitting else st.sampled_from([-1, 0, 1, 2**31 - 1])
    return st.lists(each, max_size=3) if field.is_repeated else each


_STRUCTS = st.sampled_from([{}, {"a": 1}, {"a": [None, "x", {"b": 1.5}]}])


def _message(described: Any, *, fitting: bool) -> st.SearchStrategy[Any]:
    if described.full_name == "google.protobuf.Timestamp":
        return _TIMES if fitting else st.fixed_dictionaries({"seconds": st.integers(-(2**63), 2**63 - 1)})
    if described.full_name == "google.protobuf.Struct":
        return _STRUCTS
    if described.name == "ApplyRow":
        return _rows(fitting=fitting)
    names = {each.name for each in described.fields}
    skipped = {
        "clear",
        "members",
        "expected_revision",
        *(name.removesuffix("_decimal") for name in names if "_decimal" in name),
    }
    fields = [each for each in described.fields if not fitting or each.name not in skipped]
    needed = {"symbol", "name", "asset_type", "venue_type", "symbol_type", "base_asset_id", "quote_asset_id", "external_id"}
    needed |= {"venue_symbol", "symbol_id", "asset_id", "venue_id", "source", "data_source", "from_asset_id", "to_asset_id"}
    needed |= {"relationship_type", "group_id", "venue_asset_symbol", "chain_type", "chain_name", "address", "chain_id"}
    always = {each.name: _values(each, fitting=fitting) for each in fields if fitting and each.name in needed}
    more = {each.name: _values(each, fitting=fitting) for each in fields if each.name not in always}
    return st.fixed_dictionaries(always, optional=more)


def _rows(*, fitting: bool) -> st.SearchStrategy[Any]:
    described: Any = pb.ApplyRow.DESCRIPTOR
    kinds = []
    for each in described.oneofs_by_name["entity"].fields:
        fields = {each.name: _message(each.message_type, fitting=fitting)}
        optional = {"ref": st.sampled_from(["a", "b"]), "mode": st.integers(0, 4), "expected_revision": st.integers(0, 20)}
        if each.name == "asset":
            fields["identifiers"] = _values(described.fields_by_name["identifiers"], fitting=True)
            optional["deployments"] = _values(described.fields_by_name["deployments"], fitting=fitting)
        kinds.append(st.fixed_dictionaries(fields, optional={} if fitting else optional))
    return st.one_of(kinds)


@st.composite
def _calls(draw: st.DrawFn) -> tuple[AnyMethod, Message]:
    method = draw(st.sampled_from(METHODS))
    given = draw(_message(method.request.DESCRIPTOR, fitting=draw(st.booleans())))
    return method, method.request(**given)


@pytest.fixture
async def ids(factory: Factory, service: RegistryService) -> dict[str, str]:
    """A registry with an entity of each kind, and the ids that placeholders stand for."""
    made = {
        str(row.WhichOneof("entity")): result.id
        for row, result in zip(everything(), (await service.apply(*everything())).results, strict=True)
    }
    other = (await service.apply(everything()[9])).results[0].id
    asset = made["asset"]
    return {
        "@asset": asset,
        "@other": other,
        "@symbol": made["symbol"],
        "@listing": made["venue_symbol"],
        "@group": made["asset_group"],
        "@deployment": made["asset_deployment"],
        "@identifier": made["asset_identifier"],
        "@relationship": made["asset_relationship"],
        "@key": made["symbol_identifier"],
        "@flag": await factory.flag(asset, 1),
    }


def _named(message: Any, ids: dict[str, str]) -> Any:
    """The message with ids instead of placeholders."""
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else [value]:
                if isinstance(each, Message):
                    _named(each, ids)
        elif isinstance(value, str) and value in ids:
            setattr(message, field.name, ids[value])
    return message


@examples
@given(call=_calls())
async def test_any_request_has_an_answer_of_the_contract(
    registry: Client, connection: asyncpg.Connection, ids: dict[str, str], call: tuple[AnyMethod, Message]
) -> None:
    method, request = call
    code = "OK"
    try:
        body, _ = await registry.raw(method.path, _named(request, ids).SerializeToString())
    except grpc.aio.AioRpcError as error:
        code = refusal(error).code
    else:
        answer: Any = method.response.FromString(body)
        for result in answer.results if method.name == "Apply" else ():
            assert result.code in _KNOWN | {""}, result
    assert code in _KNOWN, f"{method.name}: {code}\n{request}"
    assert await connection.fetchval(_OPEN) == 0


@examples
@given(given_=_rows(fitting=True))
async def test_any_row_does_what_its_dry_run_reported_and_once(
    service: RegistryService, ids: dict[str, str], connection: asyncpg.Connection, given_: Any
) -> None:
    row = _named(pb.ApplyRow(**given_), ids)
    dry, real, again = [(await service.apply(row, dry_run=dry)).results[0] for dry in (True, False, False)]
    said = [(each.outcome, each.code, each.field, list(each.changed_fields)) for each in (dry, real)]
    assert said[0] == said[1], row
    if real.outcome == pb.REJECTED:
        assert (again.outcome, again.code, again.field) == (real.outcome, real.code, real.field), (row, real, again)
    else:
        assert (again.outcome, again.id, again.revision) == (pb.UNCHANGED, real.id, real.revision), (row, real, again)
    assert await connection.fetchval(_OPEN) == 0
