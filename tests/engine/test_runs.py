"""A run on disk: what was saved comes back, and no accident leaves a folder that can't be read."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine import runs
from engine.link.file_lock import is_taken
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.runs import RunError, load_run, save_run
from engine.training.trainer import Trainer
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_bounds, sphere_views


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    trainer = Trainer(make_primitive(choose_preset("auto", TEST_DEVICE, TINY), sphere_bounds(), "linear", TEST_DEVICE))
    for view in sphere_views(2, 16):
        trainer.primitive.add(view)
    for _ in range(3):
        trainer.step()
    return trainer


@pytest.fixture
def folder(trainer: Trainer, tmp_path: Path) -> Path:
    save_run(tmp_path / "run", trainer, {"history": [{"psnr": 20.0}]})
    return tmp_path / "run"


def snapshot_of(folder: Path) -> Path:
    (snapshot,) = folder.glob("snapshot-*.safetensors")
    return snapshot


def test_a_run_comes_back_as_it_was(trainer: Trainer, folder: Path) -> None:
    run = load_run(folder, TEST_DEVICE)
    assert (run.trainer.step_count, run.trainer.training_seconds) == (3, trainer.training_seconds)
    assert run.trainer.primitive.config == trainer.primitive.config and run.trainer.primitive.color_space == "linear"
    assert run.info["history"] == [{"psnr": 20.0}] and run.info["step"] == 3
    state = run.trainer.state()
    for name, tensor in trainer.state().items():
        assert torch.equal(state[name], tensor), name


def test_only_the_newest_snapshot_is_kept(trainer: Trainer, folder: Path) -> None:
    former = snapshot_of(folder)
    (folder / "snapshot-00000001-ab.safetensors.part").write_bytes(b"left by a crash")
    (folder / "notes.txt").write_text("the user's own")
    newest = save_run(folder, trainer, {})
    assert snapshot_of(folder) == newest != former
    assert {path.name for path in folder.iterdir()} == {newest.name, "run.json", "notes.txt"}


def test_a_run_that_takes_the_folder_during_a_save_loses_nothing(
    trainer: Trainer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = save_run(folder.with_name("other"), trainer, {}).parent

    def settle(_history: runs.RunHistory, _scores: object) -> None:
        folder.rename(folder.with_name("aside"))
        other.rename(folder)

    monkeypatch.setattr(runs.RunHistory, "settle", settle)
    save_run(folder, trainer, {}, runs.RunHistory())
    load_run(folder, TEST_DEVICE)
    load_run(folder.with_name("aside"), TEST_DEVICE)


@pytest.mark.parametrize("dies_at", range(6))
def test_dying_at_any_moment_leaves_a_run_that_loads(
    trainer: Trainer, folder: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    calls = 0

    def dying(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls > dies_at:
                raise KeyboardInterrupt  # like a kill: nothing tidies up
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(runs, "save", dying(runs.save))
        patch.setattr(os, "fsync", dying(os.fsync))
        patch.setattr(Path, "replace", dying(Path.replace))
        patch.setattr(runs, "_remove", dying(runs._remove))
        save_run(folder, trainer, {"history": ["second"]})
    assert load_run(folder, TEST_DEVICE).trainer.step_count == 3
    save_run(folder, trainer, {"history": ["third"]})
    assert load_run(folder, TEST_DEVICE).info["history"] == ["third"]
    assert len(list(folder.iterdir())) == 2


def test_what_is_being_written_is_held_so_that_nobody_takes_it_for_a_dead_ones(
    trainer: Trainer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def look(path: Path) -> None:
        assert is_taken(path)
        written.append(path.name)
        known = rf"run\.json|snapshot-.*|{re.escape(path.name)}"
        assert all(re.fullmatch(known, other.name) for other in folder.iterdir()), "nothing of another name"

    monkeypatch.setattr(runs, "sync_file", look)
    save_run(folder, trainer, {})
    assert [re.fullmatch(r"\.(snapshot|run).*\.part\.(safetensors|json)", name) is not None for name in written] == [
        True
    ] * 2


def test_a_failed_write_is_one_error_and_the_former_run_stays(
    trainer: Trainer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(RunError, match="No space left on device"):
        patch.setattr(os, "fsync", full)
        save_run(folder, trainer, {})
    assert load_run(folder, TEST_DEVICE).trainer.step_count == 3
    assert len(list(folder.iterdir())) == 2


def test_what_is_not_json_is_refused(trainer: Trainer, folder: Path) -> None:
    with pytest.raises(RunError, match="not JSON"):
        save_run(folder, trainer, {"history": float("nan")})
    assert load_run(folder, TEST_DEVICE).info["history"] == [{"psnr": 20.0}]


def test_an_unwritable_folder_is_one_error(trainer: Trainer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't be written"):
        save_run(tmp_path / "file" / "run", trainer, {})


def edit(folder: Path, **changes: object) -> None:
    path = folder / "run.json"
    info = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in info.items() if value is not None}))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: shutil.rmtree(folder), "there is no run here"),
        (lambda folder: cut(folder / "run.json"), "run.json: cut off or not JSON"),
        (lambda folder: cut(snapshot_of(folder)), "safetensors: cut off"),
        (lambda folder: flip(snapshot_of(folder)), "safetensors: damaged"),
        (lambda folder: snapshot_of(folder).unlink(), "safetensors: missing, though run.json names it"),
        (lambda folder: edit(folder, format=99, version="9.0"), r"written by a newer version \(9.0\)"),
        (lambda folder: edit(folder, format=None), "not a run of Hashlight"),
        (lambda folder: (folder / "run.json").write_text("[]"), "not a run of Hashlight"),
        (lambda folder: edit(folder, config=None), "missing or malformed: 'config'"),
        (lambda folder: edit(folder, primitive=None), "missing or malformed: 'primitive'"),
        (lambda folder: edit(folder, config={"field": {}}), "run.json: training configuration"),
        (lambda folder: edit(folder, primitive={}), r"run.json: primitive: missing field bounds"),
        (
            lambda folder: edit(folder, primitive={"bounds": {"minimum": [0, 0, 0]}}),
            "json: primitive.bounds: .* maximum",
        ),
        (lambda folder: edit(folder, kind="octree"), "run.json: kind: 'octree' is not one of radiance-field"),
        (
            lambda folder: edit(folder, snapshot={"file": "../../x", "bytes": 1, "sha256": ""}),
            "is not the name of a snapshot",
        ),
    ],
)
def test_a_damaged_run_is_one_error_that_names_the_file(
    folder: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(folder)
    with pytest.raises(RunError, match=words):
        load_run(folder, TEST_DEVICE)
