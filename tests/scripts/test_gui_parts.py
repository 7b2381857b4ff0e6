"""The window tests in parts that run side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_file_of_window_tests_is_in_one_part(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    from test_gui import names_of_part

    parts = [names_of_part(number, count) for number in range(1, count + 1)]
    files = [f"{file.stem}::" for file in (ROOT / "tests" / "gui").glob("test_*.py")]
    assert sorted(name for part in parts for name in part) == sorted(files)
    assert all(parts)
