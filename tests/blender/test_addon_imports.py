"""Who imports whom inside the add-on: no circles, and the engine's folder knows nothing of what it is used for."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ADDON = Path(__file__).parents[2] / "blender_addon"


def imports_of(path: Path) -> set[Path]:
    """The add-on's own modules that ``path`` imports anywhere in it."""
    imported = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = [folder / f"{alias.name}.py" for alias in node.names]
            imported |= {name for name in names if name.is_file()} or {folder.with_suffix(".py")}
    return imported


@pytest.fixture(scope="module")
def imports() -> dict[Path, set[Path]]:
    found = {path: imports_of(path) for path in ADDON.rglob("*.py")}
    assert len(found) > 100
    assert set().union(*found.values()) <= found.keys(), "not all imports are understood"
    return found


def test_no_module_imports_itself_by_way_of_others(imports: dict[Path, set[Path]]) -> None:
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle


def test_the_engine_does_not_depend_on_what_it_is_used_for(imports: dict[Path, set[Path]]) -> None:
    users = {"training", "capture", "importing", "preview", "review", "bake", "transfer", "command_line"}
    reached, waiting = set(), list((ADDON / "session").glob("*.py"))
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += imports[module]
    assert not users & {module.parent.name for module in reached}
    assert ADDON / "session" / "engine_session.py" in imports[ADDON / "training" / "run.py"]
