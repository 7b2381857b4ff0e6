"""What users read is said in Blender's words: there, textures are baked and armatures are rigs, and nothing else is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# But for the button of Blender's own that bakes simulations.
OTHERS_WORDS = re.compile(r"\b(bak(e(?! All Dynamics)|ed|es|ing)|rigs?|held[ -]out|anew)\b", re.IGNORECASE)
DOCUMENTS = ("README.md", "CHANGELOG.md", "docs/user-guide.md", "blender_manifest.toml")
# Names of what is on disk, or of options, are no words of a text; code may name them too.
CODE = re.compile(r"```[^`]*```|`[^`\n]*`|^ {4}[^\n]*blender -b[^\n]*$|\]\([^)]*\)", re.MULTILINE)


def find_sentences(source: str) -> Iterator[tuple[int, str]]:
    """Texts in Python that users may read, with their lines: literals of several words or that begin with a capital,
    and the docstrings of operators, which Blender shows as tooltips. Other docstrings are for developers."""
    tree = ast.parse(source)
    docstrings = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_tooltip = isinstance(node, ast.ClassDef) and node.name.startswith("HASHLIGHT_OT_")
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and not is_tooltip:
                docstrings.add(first.value)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or node in docstrings:
            continue
        if re.search(r"\w \w|^\s|\s$|^[A-Z][a-z]+$", node.value):
            yield node.lineno, node.value


def test_no_text_of_the_program_has_another_trades_words() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for folder in ("blender_addon", "engine", "examples/still_life")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, text in find_sentences(path.read_text("utf-8"))
        if OTHERS_WORDS.search(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_document_for_users_has_another_trades_words(document: str) -> None:
    text = CODE.sub("", (ROOT / document).read_text("utf-8"))
    found = [line for line in text.splitlines() if OTHERS_WORDS.search(line)]
    assert not found, "\n".join(found)


def test_sentences_are_found_wherever_they_are_shown() -> None:
    source = '''
"""Not shown."""
class HASHLIGHT_OT_bake:
    """A tooltip"""
    def poll(cls):
        """Not shown."""
        cls.poll_message_set(f"{count} frames left")
        return "bake", {"held_out": 1}
'''
    assert [text for _, text in find_sentences(source)] == ["A tooltip", " frames left"]
