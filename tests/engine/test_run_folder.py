"""A former run makes room for another and stays what it was."""

from __future__ import annotations

from pathlib import Path

from engine.link.disk import set_aside
from engine.run_folder import is_run


def test_a_run_is_set_aside_under_the_first_number_that_is_free(tmp_path: Path) -> None:
    for number, kept in enumerate(("first", "second"), start=1):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "run.json").write_text(kept)
        assert set_aside(tmp_path / "run") == tmp_path / f"run-former-{number}"
        assert not (tmp_path / "run").exists()
    assert (tmp_path / "run-former-1" / "run.json").read_text() == "first"
    assert (tmp_path / "run-former-2" / "run.json").read_text() == "second"
    assert is_run(tmp_path / "run-former-2")
