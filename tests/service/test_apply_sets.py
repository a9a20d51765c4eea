"""Apply works on sets: how many statements it runs does not depend on how many rows it is given."""

import pytest

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.store import Session, Sql
from tests.service.desk import Desk, outcomes
from tests.service.rows import everything

#: What the relay asks beside the calls.
_RELAY = ("head_and_changes_after", "events_after", "relay", "cursor")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that have run, by name."""
    names: list[str] = []
    for name in ("rows", "row"):
        real = getattr(Session, name)

        async def noting(self: Session, sql: Sql, *values: object, real: object = real) -> object:
            if not any(each in sql.name for each in _RELAY):
                names.append(sql.name)
            return await real(self, sql, *values)  # type: ignore[operator]

        monkeypatch.setattr(Session, name, noting)
    return names


def _numbered(at: int) -> list[pb.ApplyRow]:
    """A row of each kind, apart from those of other numbers."""
    given = everything()
    for row in given:
        entity = getattr(row, str(row.WhichOneof("entity")))
        row.ref = row.ref and f"{row.ref}-{at}"
        for field, value in entity.ListFields():
            if isinstance(value, str) and (value.startswith("ref:") or field.name in _TEXTS):
                setattr(entity, field.name, f"{value}-{at}")
        for key in row.identifiers:
            key.external_id += f"-{at}"
        if row.HasField("chain"):
            row.chain.caip2 = f"eip155:{at}"
    return given


_TEXTS = ("external_id", "venue_symbol", "venue_asset_symbol", "venue_id", "chain_id", "name")


async def test_a_hundred_rows_of_each_kind_take_no_more_statements_than_two(desk: Desk, ran: list[str]) -> None:
    counts = {}
    for count in (2, 100):
        given = [row for at in range(count) for row in _numbered(1000 * count + at)]
        ran.clear()
        assert outcomes(await desk.apply(*given)) == ["CREATED"] * len(given)
        counts[count] = sorted(ran)
    assert counts[100] == counts[2]
    ran.clear()
    assert outcomes(await desk.apply(*given)) == ["UNCHANGED"] * len(given)
    assert len(ran) < len(counts[2])
    assert not any(name.startswith(("insert", "update", "finish", "touch")) for name in ran)
