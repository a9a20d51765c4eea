"""SQL takes enum values from the contract's constants; a bare number would not follow the contract."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cqar
from cqar.contract.cqar.v1 import access_pb2, reviews_pb2
from cqar.model.entities import ALL

_ROOT = Path(cqar.__file__).parent
_MESSAGES = [each.message.DESCRIPTOR for each in ALL] + [
    message for file in (access_pb2, reviews_pb2) for message in file.DESCRIPTOR.message_types_by_name.values()
]
#: The columns that hold enum numbers: the enum fields of all messages that tables show.
_COLUMNS = sorted({field.name for message in _MESSAGES for field in message.fields if field.enum_type is not None})
_BARE = re.compile(rf"\b({'|'.join(_COLUMNS)})\s*(=|<>|<=|>=|<|>|(NOT )?IN)\s*\(?\s*\d", re.IGNORECASE)


def _texts(source: str) -> Iterator[str]:
    """The string literals of a module, without what f-strings interpolate."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _bare(source: str) -> list[str]:
    return [found.group() for text in _texts(source) for found in _BARE.finditer(text)]


def test_no_statement_compares_an_enum_column_with_a_bare_number() -> None:
    modules = [path for path in _ROOT.rglob("*.py") if not path.name.endswith("_pb2.py")]
    assert len(modules) > 100
    assert {str(path): found for path in modules if (found := _bare(path.read_text()))} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"SELECT 1 FROM quality_flags WHERE severity = 5"', ["severity = 5"]),
        ('"WHERE r.status IN (1, 3)"', ["status IN (1"]),
        ('f"WHERE role = {ROLE} AND flag_type=6"', ["flag_type=6"]),
        ('f"WHERE severity = {CRITICAL} AND status = $1"', []),
        ('"WHERE revision = 5 AND audit_id < 6"', []),
    ],
)
def test_a_bare_number_is_found_and_an_interpolated_or_a_parameter_is_not(source: str, found: list[str]) -> None:
    assert _bare(source) == found
