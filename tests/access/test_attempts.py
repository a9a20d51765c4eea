"""Failed attempts: throttled by network after the lookup, and never at the cost of a good key."""

from collections.abc import Mapping
from typing import Any

import grpc
import pytest

from cqar import errors
from cqar.admin.app import Admin
from cqar.auth import keys
from cqar.auth.attempts import FAILURES, Attempts, network
from cqar.auth.authority import Authority, KeyRecord, Source
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.model.call import Role
from cqar.server import rpc
from tests.client import Client

PEPPER = b"pepper-of-the-tests-0123"
HERE = "ipv4:192.0.2.1"
LISTED = "/cqc.services.v1.AssetRegistry/ListVenues"


class Table(Source):
    """Keys in memory; counts lookups."""

    def __init__(self) -> None:
        self.rows: dict[str, pb.ApiKey] = {}
        self.lookups = 0

    def make(self) -> str:
        """The header of a new key."""
        key = keys.make("dev")
        self.rows[key.key_id] = pb.ApiKey(key_id=key.key_id, hash=keys.digest(key.text, PEPPER), principal="p", role="READER")
        return f"Bearer {key.text}"

    async def find(self, key_id: str) -> KeyRecord:
        self.lookups += 1
        return KeyRecord(self.rows.get(key_id), None)


class Clock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority(table: Table, clock: Clock) -> Authority:
    """An authority whose clock stands still."""
    made = Authority(PEPPER, table)
    made.attempts = Attempts(now=clock)
    return made


def _forged() -> str:
    return f"Bearer {keys.make('dev').text}"


async def ended(authority: Authority, header: str, client: str | None = HERE) -> str:
    """How a call with the header ends."""
    try:
        await authority.admit(header, client)
    except (errors.Unauthenticated, errors.Throttled) as error:
        return type(error).__name__
    return "OK"


async def exhaust(authority: Authority, client: str = HERE) -> None:
    assert [await ended(authority, _forged(), client) for _ in range(FAILURES)] == ["Unauthenticated"] * FAILURES
    assert await ended(authority, _forged(), client) == "Throttled"


async def test_a_valid_key_is_admitted_while_others_at_its_address_fail(authority: Authority, table: Table) -> None:
    await exhaust(authority)
    for _ in range(3):
        good = table.make()
        authority.check_form(good, HERE)
        assert await ended(authority, good) == "OK"
        assert await ended(authority, _forged()) == "Throttled"


async def test_a_guess_with_the_id_of_a_good_key_does_not_lock_it_out(authority: Authority, table: Table) -> None:
    good = table.make()
    body = good.removeprefix("Bearer ")[:-7]
    guess = body[:-1] + ("a" if body[-1] != "a" else "b")
    await exhaust(authority)
    for _ in range(3):
        assert await ended(authority, f"Bearer {guess}{keys._checksum(guess)}") == "Throttled"
        assert await ended(authority, good) == "OK"


async def test_a_key_that_has_just_failed_is_not_looked_up_again(authority: Authority, table: Table, clock: Clock) -> None:
    await exhaust(authority)
    forged = _forged()
    assert await ended(authority, forged) == "Throttled"
    looked_up = table.lookups
    assert [await ended(authority, forged) for _ in range(50)] == ["Throttled"] * 50
    with pytest.raises(errors.Throttled):
        authority.check_form(forged, HERE)
    assert table.lookups == looked_up
    clock.now += 1.0  # the network may fail again
    assert await ended(authority, forged) == "Unauthenticated"


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("ipv4:192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        ("ipv6:[2001:db8:1:2::1]", "2001:db8:1:2::/64"),
        ("ipv6:%5B2001:db8:1:2::1%5D", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_failures_are_counted_by_network(address: str, counted: str) -> None:
    assert network(address) == counted


async def test_the_addresses_of_a_64_share_their_failures(authority: Authority) -> None:
    found = [await ended(authority, _forged(), f"2001:db8:1:2::{at:x}") for at in range(1, FAILURES + 11)]
    assert found == ["Unauthenticated"] * FAILURES + ["Throttled"] * 10
    assert await ended(authority, _forged(), "2001:db8:1:3::1") == "Unauthenticated"


async def test_only_a_process_with_the_pepper_marks_calls(authority: Authority) -> None:
    header = _forged()
    assert authority.passed_on(header, Authority(PEPPER, Table()).mark(header))
    assert not authority.passed_on(_forged(), authority.mark(header))
    for forged in ("", "1", "é", Authority(b"another pepper 0123", Table()).mark(header)):
        assert not authority.passed_on(header, forged)


async def test_calls_that_a_worker_passes_on_are_not_counted_at_its_address(admin: Admin, api_keys: Mapping[Role, str]) -> None:
    assert admin.authority is not None
    admin.authority.attempts = Attempts(now=lambda: 0.0)
    async with Client(admin.port) as worker:

        async def code(header: str, mark: str | None) -> str:
            metadata: Any = (("authorization", header), *(() if mark is None else ((rpc.PASSED_ON, mark),)))
            try:
                await worker.raw(LISTED, b"", headers=metadata)
            except grpc.aio.AioRpcError as error:
                return error.code().name
            return "OK"

        forged = [_forged() for _ in range(3 * FAILURES)]
        assert {await code(each, admin.authority.mark(each)) for each in forged} == {"UNAUTHENTICATED"}
        found = [await code(each, admin.authority.mark("")) for each in forged]
        assert found == ["UNAUTHENTICATED"] * FAILURES + ["RESOURCE_EXHAUSTED"] * (2 * FAILURES)
        assert await code(f"Bearer {api_keys[Role.READER]}", None) == "OK"
