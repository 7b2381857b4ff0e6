"""Who may import whom: docs/architecture.md says it, this holds the code to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What each package may import of ours besides itself, and the modules of `engine` that belong to none.
LAYERS = {
    "link": set(),
    "data": {"link"},
    "optimizers": {"kernels"},
    "encodings": {"optimizers", "kernels"},
    "fields": {"link", "encodings", "optimizers", "kernels"},
    "sampling": {"link", "fields", "kernels"},
    "rendering": {"link", "data", "fields", "sampling", "kernels"},
    "evaluation": {"link", "data", "rendering"},
    "primitives": {"link", "data", "optimizers", "fields", "sampling", "rendering", "evaluation", "kernels"},
    "training": {"optimizers", "primitives", "kernels"},
    "kernels": set(),
}
ON_TOP = {"service", "cli"}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _packages(path: Path) -> set[str]:
    """The packages of ours that a module imports from."""
    found = set()
    for name in _imported(path):
        first, _, rest = name.partition(".")
        if first == "taichi_kernels":
            found.add("kernels")
        elif first == "engine" and (ROOT / "engine" / rest.partition(".")[0]).is_dir() and rest:
            found.add(rest.partition(".")[0])
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_those_below_it(layer: str) -> None:
    folder = ROOT / ("taichi_kernels" if layer == "kernels" else f"engine/{layer}")
    modules = sorted(folder.rglob("*.py"))
    assert modules
    allowed = LAYERS[layer] | {layer}
    wrong = {str(path.relative_to(ROOT)): others for path in modules if (others := _packages(path) - allowed)}
    assert not wrong


def test_every_package_is_a_layer_and_none_is_above_itself() -> None:
    packages = {path.parent.name for path in (ROOT / "engine").glob("*/__init__.py")}
    assert packages == (set(LAYERS) | ON_TOP) - {"kernels"}
    placed: set[str] = set()
    while len(placed) < len(LAYERS):
        free = {layer for layer, below in LAYERS.items() if layer not in placed and below <= placed}
        assert free, f"a circle among {sorted(set(LAYERS) - placed)}"
        placed |= free


@pytest.mark.parametrize("path", sorted((ROOT / "engine").glob("*.py")), ids=lambda path: path.name)
def test_what_stands_beside_the_packages_imports_neither_service_nor_command_line(path: Path) -> None:
    if path.name != "__main__.py":
        assert not _packages(path) & ON_TOP
