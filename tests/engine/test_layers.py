"""Who may import whom: docs/architecture.md says it, this holds the code to it, and to modules of a size to be read."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What each package may import of ours besides itself, and likewise the modules that they use and that are in none.
LAYERS = {
    "link": set(),
    "control_groups": set(),
    "parent": set(),
    "hardware": {"control_groups"},
    "device": {"hardware"},
    "machine": {"device"},
    "run_folder": {"link"},
    "data": {"machine", "link"},
    "optimizers": {"kernels"},
    "encodings": {"optimizers", "kernels"},
    "networks": set(),
    "fields": {"device", "link", "encodings", "networks", "optimizers", "kernels"},
    "sampling": {"device", "link", "fields", "kernels"},
    "rendering": {"device", "link", "data", "fields", "sampling", "kernels"},
    "evaluation": {"link", "data", "rendering"},
    "exporting": {"machine", "run_folder", "link", "data", "rendering"},
    "primitives": {
        *("device", "machine"),
        *("link", "data", "optimizers", "fields", "sampling", "rendering", "evaluation", "kernels"),
    },
    "training": {"device", "optimizers", "primitives", "kernels"},
    "priors": {
        *("device", "parent", "link", "data", "optimizers", "networks", "fields", "sampling", "rendering"),
        "evaluation",
        *("primitives", "training", "kernels"),
    },
    "kernels": set(),
}
ON_TOP = {"service", "cli"}
TREES = ("engine", "taichi_kernels", "blender_addon", "examples", "benchmarks", "scripts", "tests")
MOST_LINES = 350


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _parts(path: Path) -> set[str]:
    """The packages of ours, and the modules of `engine` in none, that a module imports from."""
    found = set()
    for name in _imported(path):
        first, *rest = name.split(".")
        if first == "taichi_kernels":
            found.add("kernels")
        elif first == "engine" and rest and _files(rest[0]):
            found.add(rest[0])
    return found


def _files(part: str) -> list[Path]:
    """The modules of a package, or the one that belongs to none."""
    path = ROOT / ("taichi_kernels" if part == "kernels" else f"engine/{part}")
    return sorted(path.rglob("*.py")) or [file for file in [path.with_suffix(".py")] if file.is_file()]


def _asks_for_a_kind(node: ast.AST, classes: set[str]) -> bool:
    """Whether this compares a kind with certain ones, by name or by one of ``classes``, which are what kinds are made
    of; numpy's kinds of a dtype are other ones."""
    if isinstance(node, ast.Match):
        return _is_kind(node.subject)
    if isinstance(node, ast.Call):
        is_check = isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass")
        return is_check and any(isinstance(part, ast.Name) and part.id in classes for part in ast.walk(node.args[1]))
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    lists = [side.elts for side in sides if isinstance(side, ast.Tuple | ast.List | ast.Set)]
    return any(map(_is_kind, sides)) and any(map(_is_fixed, itertools.chain(sides, *lists)))


def _is_kind(node: ast.expr) -> bool:
    if isinstance(node, ast.Attribute):
        of_dtype = isinstance(node.value, ast.Attribute) and node.value.attr == "dtype"
        return node.attr in ("kind", "variant", "field", "learner") and not of_dtype
    return isinstance(node, ast.Name) and node.id in ("kind", "variant")


def _is_fixed(node: ast.AST) -> bool:
    """Whether this is the same in every run of the program: text, a constant, or what a class has."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id[0].isupper()
    return isinstance(node, ast.Name) and node.id.isupper()


def _classes_of_kinds() -> set[str]:
    """What the folders of the registry define, and what says what is to be learnt."""
    modules = [*(ROOT / "engine" / "primitives").glob("*/*.py"), ROOT / "engine" / "link" / "primitives.py"]
    nodes = (node for path in modules for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return {node.name for node in nodes if isinstance(node, ast.ClassDef)}


def _nodes(path: Path) -> Iterator[ast.AST]:
    """Those of a module, without assertions: they tell the type checker what is so anyway."""
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.Assert)]


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_those_below_it(layer: str) -> None:
    modules = _files(layer)
    assert modules
    allowed = LAYERS[layer] | {layer}
    wrong = {str(path.relative_to(ROOT)): others for path in modules if (others := _parts(path) - allowed)}
    assert not wrong


def test_every_package_is_a_layer_and_none_is_above_itself() -> None:
    packages = {path.parent.name for path in (ROOT / "engine").glob("*/__init__.py")}
    modules = {path.stem for path in (ROOT / "engine").glob("*.py")}
    assert packages == (set(LAYERS) | ON_TOP) - modules - {"kernels"}
    placed: set[str] = set()
    while len(placed) < len(LAYERS):
        free = {layer for layer, below in LAYERS.items() if layer not in placed and below <= placed}
        assert free, f"a circle among {sorted(set(LAYERS) - placed)}"
        placed |= free


@pytest.mark.parametrize("path", sorted((ROOT / "engine").glob("*.py")), ids=lambda path: path.name)
def test_what_stands_beside_the_packages_imports_neither_service_nor_command_line(path: Path) -> None:
    if path.name != "__main__.py":
        assert not _parts(path) & ON_TOP


@pytest.mark.parametrize("program", ["engine", "blender_addon"])
def test_no_code_but_the_registrys_asks_whether_something_is_of_a_certain_kind(program: str) -> None:
    """What kinds differ in is theirs to say, so that a further one changes no others' code."""
    registry, classes = ROOT / "engine" / "primitives", _classes_of_kinds()
    modules = [path for path in sorted((ROOT / program).rglob("*.py")) if registry not in path.parents]
    assert modules and classes
    nodes = ((path, node) for path in modules for node in _nodes(path))
    asking = [(path, node) for path, node in nodes if _asks_for_a_kind(node, classes)]
    assert not [f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}" for path, node in asking]


@pytest.mark.parametrize(
    ("words", "is_asking"),
    [
        ("variant == HashGridConfig.kind", True),
        ("spec.field != DEFAULT_FIELD", True),
        ("own.learner in ('nerf', other)", True),
        ("isinstance(primitive, GuidedPrimitive)", True),
        ("options.field not in (None, variant)", False),
        ("raw.dtype.kind in 'iu'", False),
        ("isinstance(primitive, Primitive)", False),
    ],
)
def test_asking_for_a_kind_is_found(words: str, is_asking: bool) -> None:
    assert _asks_for_a_kind(ast.parse(words, mode="eval").body, _classes_of_kinds()) == is_asking


@pytest.mark.parametrize("program", ["engine", "taichi_kernels"])
def test_the_twins_are_for_tests_alone(program: str) -> None:
    """What computes in production is not what it is checked against."""
    modules = [path for path in sorted((ROOT / program).rglob("*.py")) if "twins" not in path.parts]
    assert modules
    assert not [str(path.relative_to(ROOT)) for path in modules if any("twins" in name for name in _imported(path))]


@pytest.mark.parametrize("tree", TREES)
def test_no_module_is_long_without_a_reason(tree: str) -> None:
    """Which it gives itself: its docstring says "The module is long because ..."."""
    texts = {path: path.read_text("utf-8") for path in sorted((ROOT / tree).rglob("*.py"))}
    assert texts
    long = {path: text for path, text in texts.items() if len(text.splitlines()) > MOST_LINES}
    reasons = {path: ast.get_docstring(ast.parse(text)) or "" for path, text in long.items()}
    assert not [str(path.relative_to(ROOT)) for path, words in reasons.items() if "long because" not in words]
