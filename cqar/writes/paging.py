"""Lists: filters, keyset pages and page tokens.

A token is the key of the page's last row, bound by a digest to the method and its filters. A changed token, or one used with
other filters, is rejected.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import msgspec
from google.protobuf.message import Message

from cqar import errors
from cqar.model import binding
from cqar.model.entity import Entity, Row
from cqar.storage.postgres import Session, Sql

#: Rows of a page: the default and the maximum.
DEFAULT_PAGE = 100
MAX_PAGE = 1_000
#: Maximum bytes of a response, below gRPC's usual limit of 4 MB: a page ends there; a list without paging is refused.
MAX_ANSWER = 3_500_000
#: Maximum bytes of tag and length of a message in a list.
_FRAME = 6
#: Rows read per statement for a response without paging.
_CHUNK = 2_000
#: Greater than any rank of a search.
_MAX_RANK = 10


Response = TypeVar("Response", bound=Message)


class Filter(NamedTuple):
    """A request field that narrows a list: its SQL condition on `t`, with {} for the value."""

    field: str
    condition: str
    #: the condition applies while the field is NOT set, and takes no value
    unless: bool = False
    #: converts the field's value to the condition's
    convert: Callable[[Any], object] | None = None

    def value(self, request: Message) -> object:
        """The checked value, or None if the request does not set the field."""
        value = checked(request, self.field)
        return value if value is None or self.convert is None else self.convert(value)


def checked(request: Message, field: str) -> Any:
    """The value of a request field that narrows a list, or None if it is unset. Raises Invalid."""
    described = request.DESCRIPTOR.fields_by_name[field]
    if not described.is_repeated and not request.HasField(field):
        return None
    value = getattr(request, field)
    if isinstance(value, str) and value:
        rule = binding.TEXT.get(field, binding.key(binding.KEY))
        value = rule(value, field)
    if described.enum_type is not None and value not in described.enum_type.values_by_number:
        raise errors.Invalid(field, "UNKNOWN_VALUE", f"{value} is not a known value")
    return value or None


def size(request: Message, field: str = "page_size") -> int:
    """The page size: 0 means the default, a larger value the maximum. Raises Invalid if it is negative."""
    wanted: int = getattr(request, field)
    if wanted < 0:
        raise errors.Invalid(field, "NEGATIVE", f"{wanted} is negative; use 1 to {MAX_PAGE}, or 0 for {DEFAULT_PAGE}")
    return min(wanted or DEFAULT_PAGE, MAX_PAGE)


def token(scope: str, position: Sequence[object]) -> str:
    """The page token of a position, valid for requests with the same scope."""
    packed = msgspec.msgpack.encode(position)
    return base64.urlsafe_b64encode(_digest(scope, packed) + packed).rstrip(b"=").decode()


def position(scope: str, text: str, kinds: Sequence[type]) -> list[Any]:
    """The position of a page token: values of these types. Raises Invalid if it is not a token of this scope."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = msgspec.msgpack.decode(raw[8:], type=list) if _digest(scope, raw[8:]) == raw[:8] else []
    except (ValueError, msgspec.DecodeError):
        found = []
    if [type(each) for each in found] != list(kinds) or not all(map(_sound, found)):
        raise errors.Invalid("page_token", "BAD_TOKEN", "is not a page token of this list and filters; start without one")
    return found


def _sound(value: object) -> bool:
    """Whether a position's value is plausible: anyone can compute the digest."""
    return value.isprintable() if isinstance(value, str) else isinstance(value, float) and 0 <= value <= _MAX_RANK


def _digest(scope: str, packed: bytes) -> bytes:
    return hashlib.blake2b(scope.encode() + b"\0" + packed, digest_size=8, person=b"cqar page").digest()


@cache
def list_sql(entity: Entity, conditions: tuple[str, ...], *, after: bool) -> Sql:
    """Select a page: the conditions' values, the key to start after (if `after`), then the number of rows."""
    where, count = _where(conditions)
    key = ", ".join(f"t.{name}" for name in entity.key)
    if after:
        marks = ", ".join(f"${count + at}" for at in range(1, len(entity.key) + 1))
        where += f" AND ({key}) > ({marks})"
        count += len(entity.key)
    return Sql(
        f"list_{entity.name}",
        f"SELECT {entity.select} FROM {entity.table} t WHERE {where}{entity.not_deleted} ORDER BY {key} LIMIT ${count + 1}",
    )


@cache
def count_sql(entity: Entity, conditions: tuple[str, ...]) -> Sql:
    """Count the rows that pass the conditions."""
    where, _ = _where(conditions)
    return Sql(f"count_{entity.name}", f"SELECT count(*) AS total FROM {entity.table} t WHERE {where}{entity.not_deleted}")


def _where(conditions: tuple[str, ...]) -> tuple[str, int]:
    text = " AND ".join(("true", *conditions))
    count = text.count("{}")
    return text.format(*(f"${at}" for at in range(1, count + 1))), count


def statements(entity: Entity, filters: Sequence[Filter], *, total: bool) -> Iterator[Sql]:
    """All statements that a list with these filters may run."""
    for length in range(len(filters) + 1):
        for chosen in combinations(filters, length):
            conditions = tuple(each.condition for each in chosen)
            yield list_sql(entity, conditions, after=False)
            yield list_sql(entity, conditions, after=True)
            if total:
                yield count_sql(entity, conditions)


async def page(
    session: Session,
    entity: Entity,
    filters: Sequence[Filter],
    request: Any,
    response: type[Response],
    given: Mapping[str, object] = MappingProxyType({}),
) -> Response:
    """The requested page, or all rows if the request sets no paging field and the original contract had none.

    `given`: values of filters that the caller computed; a tuple if the condition takes several.
    """
    chosen, values = _chosen(filters, request, given)
    fields = response.DESCRIPTOR.fields_by_name
    scope = f"{response.DESCRIPTOR.name} {chosen} {values}"
    page = response()
    answer: Any = page
    if "total_count" in fields or request.HasField("page_size") or request.HasField("page_token"):
        limit = size(request)
        start = position(scope, request.page_token, [str for _ in entity.key]) if request.page_token else []
        rows = await _rows(session, entity, chosen, values, start, limit + 1)
        last = fill(getattr(answer, entity.plural), map(entity.answer, rows[:limit]))
        if last < len(rows):
            answer.next_page_token = token(scope, _key(entity, rows[last - 1]))
    else:
        await _all(session, entity, chosen, values, answer)
    if "total_count" in fields:
        counted = await session.row(count_sql(entity, chosen), *values)
        answer.total_count = counted["total"] if counted else 0
    return page


def fill(into: Any, messages: Iterable[Message]) -> int:
    """Append messages until the page is full; returns how many. The first one is appended whatever its size."""
    room, count = MAX_ANSWER, 0
    for each in messages:
        room -= each.ByteSize() + _FRAME
        if room < 0 and count:
            break
        into.append(each)
        count += 1
    return count


async def _all(session: Session, entity: Entity, chosen: tuple[str, ...], values: list[object], answer: Any) -> None:
    """Append all rows to the response. Raises TooLarge if they do not fit."""
    into = getattr(answer, entity.plural)
    start: list[object] = []
    while True:
        rows = await _rows(session, entity, chosen, values, start, _CHUNK)
        into.extend(map(entity.answer, rows))
        if answer.ByteSize() > MAX_ANSWER:
            msg = f"this list exceeds {MAX_ANSWER / 1e6} MB; set page_size and follow next_page_token"
            raise errors.TooLarge(msg)
        if len(rows) < _CHUNK:
            return
        start = _key(entity, rows[-1])


async def _rows(
    session: Session, entity: Entity, chosen: tuple[str, ...], values: list[object], start: Sequence[object], limit: int
) -> list[Row]:
    return await session.rows(list_sql(entity, chosen, after=bool(start)), *values, *start, limit)


def _key(entity: Entity, row: Row) -> list[object]:
    return [row[name] for name in entity.key]


def _chosen(filters: Sequence[Filter], request: Message, given: Mapping[str, object]) -> tuple[tuple[str, ...], list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    for each in filters:
        value = given[each.field] if each.field in given else each.value(request)
        if each.unless:
            if not value:
                conditions.append(each.condition)
        elif value is not None:
            conditions.append(each.condition)
            values += value if isinstance(value, tuple) else (value,)
    return tuple(conditions), values
