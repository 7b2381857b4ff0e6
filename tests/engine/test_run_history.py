"""Scores of a run: appended, never rewritten, and read back whatever became of the last save."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.run_folder import RunError
from engine.run_history import RECENT, RunHistory, read_scores


def entry(step: int) -> dict[str, Any]:
    return {"step": step, "seconds": step / 10, "psnr": 20.0, "views": {"a": {"psnr": 20.0}}}


def save(history: RunHistory, folder: Path) -> dict[str, Any]:
    described = history.write(folder)
    history.settle(described)
    return described


def test_a_save_adds_what_is_new_and_leaves_the_rest_as_it_is(tmp_path: Path) -> None:
    history = RunHistory()
    history.append(entry(1))
    first = save(history, tmp_path)
    path = tmp_path / first["history_file"]["file"]
    before = path.read_bytes()
    history.append(entry(2))
    second = save(history, tmp_path)
    assert path.read_bytes().startswith(before) and second["history_file"]["file"] == path.name
    assert read_scores(tmp_path, second) == [entry(1), entry(2)]
    assert second["history"] == [entry(2)], "programs that read run.json alone find the last score"
    assert save(history, tmp_path) == second, "nothing new, nothing written"


def test_an_interrupted_save_is_written_over(tmp_path: Path) -> None:
    history = RunHistory()
    history.append(entry(1))
    described = save(history, tmp_path)
    history.append(entry(2))
    history.write(tmp_path)  # and no run.json that says so
    assert read_scores(tmp_path, described) == [entry(1)]
    again = RunHistory.open(tmp_path, described)
    again.append(entry(3))
    assert read_scores(tmp_path, save(again, tmp_path)) == [entry(1), entry(3)]


def test_scores_of_an_older_version_move_into_the_file(tmp_path: Path) -> None:
    history = RunHistory.open(tmp_path, {"history": [entry(1), entry(2)]})
    history.append(entry(3))
    assert read_scores(tmp_path, save(history, tmp_path)) == [entry(1), entry(2), entry(3)]


def test_a_file_that_is_gone_is_made_anew_from_what_is_known(tmp_path: Path) -> None:
    history = RunHistory()
    history.append(entry(1))
    described = save(history, tmp_path)
    (tmp_path / described["history_file"]["file"]).unlink()
    assert read_scores(tmp_path, described) == []
    history.append(entry(2))
    assert read_scores(tmp_path, save(history, tmp_path)) == [entry(1), entry(2)]


def test_a_link_in_its_place_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    history = RunHistory()
    history.append(entry(1))
    path = tmp_path / "run" / save(history, tmp_path / "run")["history_file"]["file"]
    (tmp_path / "precious").write_text("the user's own")
    path.unlink()
    path.symlink_to(tmp_path / "precious")
    history.append(entry(2))
    assert read_scores(tmp_path / "run", save(history, tmp_path / "run")) == [entry(1), entry(2)]
    assert (tmp_path / "precious").read_text() == "the user's own"


def test_scores_of_views_are_kept_of_the_newest(tmp_path: Path) -> None:
    history = RunHistory()
    for step in range(RECENT + 50):
        history.append(entry(step))
    read = read_scores(tmp_path, save(history, tmp_path))
    assert [one["step"] for one in read] == list(range(RECENT + 50))
    assert ["views" in one for one in read] == [False] * 50 + [True] * RECENT
    assert len(history.recent) == RECENT


def deep(depth: int) -> Any:
    value: Any = 1.0
    for _ in range(depth):
        value = {"v": value}
    return value


@pytest.mark.parametrize(
    "bad",
    [7, "text", None, [], {"psnr": "high"}, {"psnr": 10**400}, {"views": 3}, {"views": {"a": 1}}, {"views": deep(500)}],
)
def test_what_is_no_score_is_refused_in_words(tmp_path: Path, bad: Any) -> None:
    with pytest.raises(RunError, match=r"run\.json: score 2: "):
        RunHistory.open(tmp_path, {"history": [entry(1), bad]})
    described = save(RunHistory([entry(1)]), tmp_path)
    path = tmp_path / described["history_file"]["file"]
    with path.open("a") as file:
        file.write(json.dumps(bad) + "\n")
    described["history_file"]["bytes"] = path.stat().st_size
    with pytest.raises(RunError, match=r"jsonl: score 2: "):
        read_scores(tmp_path, described)


def test_a_file_that_is_cut_off_is_refused_in_words(tmp_path: Path) -> None:
    described = save(RunHistory([entry(1)]), tmp_path)
    path = tmp_path / described["history_file"]["file"]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(RunError, match="cut off"):
        read_scores(tmp_path, described)
