"""All SQL statements of the package: those in its modules, and those that its functions can build."""

import ast
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import cqar
from cqar.model import part_kinds
from cqar.model.entities import ALL, ASSET, ASSET_IDENTIFIER, BY_NAME, CHAIN, IDENTITY_CLAIM, RELATIONSHIP
from cqar.services import access, asset_registry, registry
from cqar.storage import parts
from cqar.storage.postgres import Sql
from cqar.writes import bulk, claims, operations, paging, procedures, transaction
from cqar.writes.apply import kinds
from cqar.writes.operations import List


def modules() -> list[ModuleType]:
    """All modules of the package, except programs and generated ones."""
    names = [each.name for each in pkgutil.walk_packages(cqar.__path__, "cqar.")]
    skipped = ("cqar.contract.",)
    return [importlib.import_module(name) for name in names if not name.startswith(skipped) and "__main__" not in name]


def declared() -> set[Sql]:
    """The statements in the globals of modules, including collections and objects of the package."""
    found: set[Sql] = set()
    seen: set[int] = set()

    def walk(value: object) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, Sql):
            found.add(value)
        elif isinstance(value, tuple | list | set | frozenset):
            for each in value:
                walk(each)
        elif isinstance(value, Mapping):
            for key, each in value.items():
                walk(key)
                walk(each)
        elif type(value).__module__.startswith("cqar.") and hasattr(value, "__dict__"):
            walk(vars(value))

    for module in modules():
        walk({name: value for name, value in vars(module).items() if not name.startswith("__")})
    return found


def _lists() -> Iterator[Sql]:
    for method in (*asset_registry.METHODS, *registry.METHODS, *access.METHODS):
        if isinstance(method.serve, List):
            total = "total_count" in method.response.DESCRIPTOR.fields_by_name
            yield from paging.statements(method.serve.entity, method.serve.filters, total=total)
    for ends in procedures._DIRECTIONS.values():
        yield from paging.statements(RELATIONSHIP, (ends, procedures._KIND), total=False)
    yield from paging.statements(IDENTITY_CLAIM, claims._FILTERS, total=False)


def _found_many() -> Iterator[Sql]:
    yield bulk.find_sql(ASSET, ("asset_id",), ())
    yield bulk.find_sql(CHAIN, ("caip2",), ())
    yield bulk.find_sql(ASSET_IDENTIFIER, ("source", "external_id"), ())
    yield bulk.find_sql(IDENTITY_CLAIM, IDENTITY_CLAIM.key, ())
    for kind in kinds.KINDS:
        yield bulk.find_sql(kind.entity, kind.natural, kind.nullable)


_LOCKS = ("FOR SHARE", "FOR NO KEY UPDATE", "FOR UPDATE")

#: A function that makes statements -> all that it makes; None: modules hold what it makes.
MAKERS: Mapping[str, Callable[[], Iterator[Sql]] | None] = {
    "cqar.writes.operations.insert_sql": lambda: map(operations.insert_sql, ALL),
    "cqar.writes.operations.update_sql": lambda: map(operations.update_sql, ALL),
    "cqar.writes.operations.lock_sql": lambda: (operations.lock_sql(each, lock) for each in ALL for lock in _LOCKS),
    "cqar.writes.operations.parents_sql": lambda: (operations.parents_sql(each, lock) for each in ALL for lock in _LOCKS),
    "cqar.writes.operations.get_sql": lambda: map(operations.get_sql, ALL),
    "cqar.writes.operations.children_sql": lambda: (
        operations.children_sql(each, parent.column) for each in ALL for parent in each.parents
    ),
    "cqar.writes.operations.soft_delete_sql": lambda: (operations.soft_delete_sql(each) for each in ALL if each.soft),
    "cqar.writes.operations.remove_sql": lambda: map(operations.remove_sql, ALL),
    "cqar.writes.paging.list_sql": _lists,
    "cqar.writes.paging.count_sql": _lists,
    "cqar.storage.parts.fill_sql": lambda: map(parts.fill_sql, sorted(part_kinds.BY_NAME)),
    "cqar.storage.parts.rows_sql": lambda: map(parts.rows_sql, sorted(part_kinds.BY_NAME)),
    "cqar.storage.parts.keys_sql": lambda: map(parts.keys_sql, sorted(part_kinds.names(lambda kind: kind.preloaded))),
    "cqar.storage.parts._Table.sql": None,
    "cqar.writes.transaction.finish_sql": lambda: map(
        transaction.finish_sql, [(), *((name,) for name in sorted(BY_NAME)), tuple(sorted(BY_NAME))]
    ),
    "cqar.writes.bulk.find_sql": _found_many,
    "cqar.writes.bulk.insert_many_sql": lambda: map(bulk.insert_many_sql, ALL),
    "cqar.writes.bulk.update_many_sql": lambda: map(bulk.update_many_sql, ALL),
    "cqar.writes.procedures._reached": None,
    "cqar.writes.review_state._meant": None,
    "cqar.writes.search._statement": None,
}


def makers() -> set[str]:
    """The functions of the package's sources that call Sql."""
    found: set[str] = set()
    for module in modules():
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        for name, function in _functions(tree, module.__name__):
            called = [each.func for each in ast.walk(function) if isinstance(each, ast.Call)]
            if any(isinstance(each, ast.Name) and each.id == "Sql" for each in called):
                found.add(name)
    return found


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    for each in ast.iter_child_nodes(node):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}.{each.name}", each
        elif isinstance(each, ast.ClassDef):
            yield from _functions(each, f"{prefix}.{each.name}")


def everything() -> set[Sql]:
    """All statements."""
    return declared().union(*(make() for make in MAKERS.values() if make is not None))
