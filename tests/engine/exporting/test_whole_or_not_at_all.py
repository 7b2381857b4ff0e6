"""An export appears whole or not at all, never over something else, and says what it is of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli import main
from engine.cli.export import FORMATS
from engine.data.dataset import DatasetError
from engine.exporting.exporters import EXPORTERS, DatasetOptions, ExportError, exporter_for
from tests.engine.exporting.captures import export, sphere_capture, write_capture


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return write_capture(tmp_path / "pot.hashlight" / "capture", sphere_capture(3, 1))


def test_what_is_there_stays_unless_it_is_to_be_set_aside(capture: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    export("colmap", capture, target, DatasetOptions(points=0))  # an empty folder is no hindrance
    (target / "mine.txt").write_text("notes")
    with pytest.raises(DatasetError, match="out: something is there already"):
        export("colmap", capture, target, DatasetOptions(points=0))
    export("nerfstudio", capture, target, DatasetOptions(points=0, overwrite=True))
    assert (target / "transforms.json").is_file() and not (target / "sparse").exists()
    assert (tmp_path / "out-former-1/mine.txt").read_text() == "notes"
    (tmp_path / "file").write_text("a file")
    with pytest.raises(DatasetError, match="file: it is no folder"):
        export("colmap", capture, tmp_path / "file", DatasetOptions(overwrite=True))


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("pot.hashlight/capture", "is or holds what is exported"),
        ("pot.hashlight", "is or holds what is exported"),
        ("link", "is or holds what is exported"),
        ("pot.hashlight/capture/out", "lies in what is exported"),
        ("runs", "holds a run, .*statue"),
    ],
)
def test_neither_what_is_exported_nor_a_run_is_set_aside(capture: Path, tmp_path: Path, out: str, why: str) -> None:
    (tmp_path / "link").symlink_to(capture.parent)
    (tmp_path / "runs/statue").mkdir(parents=True)
    (tmp_path / "runs/statue/run.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ExportError, match=f"{why}.*: choose another folder"):
        export("colmap", capture, tmp_path / out, DatasetOptions(points=0, overwrite=True))
    assert sorted(tmp_path.rglob("*")) == before


def test_pictures_beside_a_list_are_not_set_aside_but_another_folder_there_is_made(tmp_path: Path) -> None:
    source = write_capture(tmp_path / "data", sphere_capture(2, 0)) / "transforms_train.json"
    with pytest.raises(ExportError, match="images: it lies in what is exported"):
        (source.parent / "images").mkdir(exist_ok=True)
        export("colmap", source, source.parent / "images", DatasetOptions(points=0, overwrite=True))
    assert export("colmap", source, source.parent / "colmap", DatasetOptions(points=0)).train_views == 2


@pytest.mark.parametrize("overwrite", [False, True])
def test_ctrl_c_leaves_nothing(capture: Path, tmp_path: Path, overwrite: bool) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "Writing" and done == 2:
            raise KeyboardInterrupt

    if overwrite:
        (tmp_path / "out").mkdir()
        (tmp_path / "out/mine.txt").write_text("notes")
    with pytest.raises(KeyboardInterrupt):
        exporter_for("colmap").export(
            capture, tmp_path / "out", DatasetOptions(points=10, overwrite=overwrite), interrupt
        )
    left = {path.name for path in tmp_path.iterdir()} - {"pot.hashlight"}
    assert left == ({"out"} if overwrite else set())


def test_a_run_stands_for_what_it_was_trained_from(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = capture.with_name("run")
    run.mkdir()
    (run / "run.json").write_text(json.dumps({"format": 2}))
    arguments = ["export", str(run), "--to", "colmap", "--points", "50", "--json", "--out"]
    assert main([*arguments, str(tmp_path / "out")]) == 0
    *progress, result = map(json.loads, capsys.readouterr().out.splitlines())
    assert {line["stage"] for line in progress} == {"Reading", "Finding points in", "Comparing", "Writing"}
    assert (result["train_views"], result["test_views"]) == (2, 1) and 0 < result["points"] <= 50
    assert main([*arguments, str(tmp_path / "out")]) == 1
    assert "something is there already" in capsys.readouterr().err
    (run / "run.json").write_text(json.dumps({"format": 2, "kind": "image", "dataset": str(tmp_path / "map.png")}))
    assert main([*arguments, str(tmp_path / "none")]) == 1
    assert "the run has no views, being of the kind image" in capsys.readouterr().err
    (run / "run.json").write_text(json.dumps({"format": 2}))
    (capture / "transforms_train.json").unlink()
    assert main([*arguments, str(tmp_path / "none")]) == 1
    assert "no capture beside it" in capsys.readouterr().err


def test_bad_input_is_told_in_words(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert main(["export", str(tmp_path / "nowhere"), "--to", "colmap", *out]) == 1
    assert "nowhere: no such folder or file" in capsys.readouterr().err
    assert main(["export", str(capture), "--to", "nerfstudio", "--text", *out]) == 1
    assert "--text: only for --to colmap" in capsys.readouterr().err
    assert main(["export", str(capture), "--to", "colmap", "--view-transform", "none.npz", *out]) == 1
    assert "none.npz" in capsys.readouterr().err
    assert main(["export", str(capture), "--to", "papier", *out]) == 2


def test_the_command_knows_every_exporter() -> None:
    assert tuple(EXPORTERS) == FORMATS
    assert all(hasattr(exporter_for(name), "export") for name in EXPORTERS)


def test_more_points_than_fit_into_memory_are_refused(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.exporting.points.free_memory", lambda device: 1_000_000)
    with pytest.raises(ExportError, match=r"20000000 points: choosing them needs .* GB are free: ask for \d+ at most"):
        export("colmap", capture, tmp_path / "out", DatasetOptions(points=20_000_000))
    assert not (tmp_path / "out").exists()
