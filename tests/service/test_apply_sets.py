"""Apply works on sets: the number of its statements does not depend on the number of rows."""

from collections.abc import AsyncIterator

import pytest

from cqar import config
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.model.call import Call
from cqar.storage.postgres import Pool, Session, Sql
from cqar.writes.apply.run import apply
from cqar.writes.transaction import Batch
from tests.service.registry import outcomes
from tests.service.rows import everything


@pytest.fixture
async def pool(settings: config.Settings) -> AsyncIterator[Pool]:
    """The database alone, without other users."""
    made = Pool(settings.database, statement_timeout=10, name="test")
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that ran, by name."""
    names: list[str] = []
    for name in ("rows", "row"):
        real = getattr(Session, name)

        async def noting(self: Session, sql: Sql, *values: object, real: object = real) -> object:
            names.append(sql.name)
            return await real(self, sql, *values)  # type: ignore[operator]

        monkeypatch.setattr(Session, name, noting)
    return names


def _numbered(at: int) -> list[pb.ApplyRow]:
    """A row of each kind, distinct for each number."""
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


async def test_seventy_rows_of_each_kind_take_no_more_statements_than_two(pool: Pool, ran: list[str]) -> None:
    batch = Batch(pool, Call(method="Apply"))
    counts = {}
    for count in (2, 70):
        given = pb.ApplyRequest(rows=[row for at in range(count) for row in _numbered(1000 * count + at)])
        ran.clear()
        assert set(outcomes(await apply(batch, given))) == {"CREATED"}
        counts[count] = sorted(ran)
    assert counts[70] == counts[2]
    ran.clear()
    assert set(outcomes(await apply(batch, given))) == {"UNCHANGED"}
    assert 0 < len(ran) < len(counts[2])
    assert not any(name.startswith(("insert", "update", "finish", "touch")) for name in ran)


async def test_one_bad_row_among_many_costs_a_few_tries_and_not_one_a_row(pool: Pool, ran: list[str]) -> None:
    batch = Batch(pool, Call(method="Apply"))
    good = [_numbered(at)[10] for at in range(200)]
    bad = pb.ApplyRow()
    bad.CopyFrom(good[0])
    bad.ref = "bad"
    bad.identifiers[0].external_id = "bad"
    for external_id in ("x", "y"):
        bad.identifiers.add(source=2, external_id=external_id, is_primary=True)
    answer = await apply(batch, pb.ApplyRequest(rows=[*good[:77], bad, *good[77:]]))
    assert outcomes(answer) == ["CREATED"] * 77 + ["REJECTED"] + ["CREATED"] * 123
    assert sum(name.startswith("finish") for name in ran) < 20
