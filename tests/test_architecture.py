"""The house stays as it is drawn: arrows point one way, files are short, nothing is hidden in a drawer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

WINGS = ("archive", "ingest", "retention", "search", "web")
ALLOWED = {"archive": set(), "retention": {"archive", "search"}, "search": {"archive"},
           "ingest": {"archive", "search", "retention"}, "web": {"archive", "ingest", "retention", "search"}}
# What other wings may import of a wing: its face (docs/decisions/0004).
FACES = {"search": {"search.index", "search.vietnamese", "search.encodings", "search.reindexing", "search.saved",
                    "search.related", "search.export"},
         "retention": {"retention.deadlines", "retention.objects", "retention.reports",
                       "retention.commands.destruction",
                       "retention.commands.destruction_showing", "retention.destruction.approving",
                       "retention.commands.reading", "retention.commands.reading_showing", "retention.reading",
                       "retention.standing", "retention.transfer", "retention.transfer.lgsp"}}
# What the portal may import besides: it shows and does what the commands of that wing show and do.
PORTAL = {"retention.assigning", "retention.blocking", "retention.commands.deadlines",
          "retention.commands.retention_due", "retention.commands.retention_explain", "retention.deadline_rules",
          "retention.destruction", "retention.explaining", "retention.hold_queries", "retention.holds",
          "retention.life", "retention.period", "retention.tables"}
FILES = [path for wing in WINGS for path in sorted((ROOT / wing).rglob("*.py"))]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below, and no expression: there are twenty times as many of those."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for below in getattr(node, part, ()):
            yield below
            yield from statements(below)


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in statements(tree(path)):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            if node.module in WINGS:
                found.update(f"{node.module}.{name.name}" for name in node.names)
    return found - set(WINGS)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def may_import(wing: str, module: str) -> bool:
    other = module.split(".")[0]
    if other in ("cli", "tests", "samples", "benchmarks"):
        return False
    if other not in WINGS or other == wing:
        return True
    return other in ALLOWED[wing] and (other not in FACES or module in FACES[other]
                                       or (wing == "web" and module in PORTAL))


def test_arrows_point_one_way() -> None:
    wrong = [f"{name_of(path)} imports {module}" for path in FILES for module in sorted(imported(path))
             if not may_import(path.relative_to(ROOT).parts[0], module)]
    assert wrong == []


def test_files_stay_under_400_lines_and_the_command_under_150() -> None:
    long = {name_of(path): lines for path in FILES if "migrations" not in path.parts
            and (lines := len(path.read_text().splitlines())) > 400}
    assert long == {}
    assert len((ROOT / "cli.py").read_text().splitlines()) < 150


def test_every_module_says_what_it_is_for() -> None:
    silent = [name_of(path) for path in FILES if not ast.get_docstring(tree(path))]
    assert silent == []


def test_every_public_function_and_class_says_what_it_does() -> None:
    silent = [f"{name_of(path)}: {node.name}" for path in FILES if "migrations" not in path.parts
              for node in tree(path).body
              if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
              and not ast.get_docstring(node)]
    assert silent == []


def test_nothing_is_kept_in_a_drawer() -> None:
    assert [name_of(path) for path in FILES if path.stem in ("utils", "helpers", "manager", "misc", "common")] == []
