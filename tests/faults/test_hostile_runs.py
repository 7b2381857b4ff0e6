"""Run folders that somebody has tampered with: words for each, nothing frozen, nothing written elsewhere."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.cli import main
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.run_folder import RunError, named_snapshot
from engine.run_info import read_info
from engine.runs import _fingerprint, load_run, save_run
from engine.training.trainer import Trainer
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import write_nerf_synthetic
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_bounds, sphere_views


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a few steps; tests copy it."""
    trainer = Trainer(make_primitive(choose_preset("cpu", TEST_DEVICE, TINY), sphere_bounds(), "linear", TEST_DEVICE))
    for view in sphere_views(2, 16):
        trainer.primitive.add(view)
    trainer.step()
    views = [{"name": "a", "split": "train", "camera": sphere_views(1, 16)[0].camera.to_json()}]
    folder = tmp_path_factory.mktemp("sound") / "run"
    save_run(folder, trainer, {"views": views, "history": [], "dataset": None, "holdout": None})
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "run"))


def _edit(folder: Path, path: str, value: Any) -> None:
    info = json.loads((folder / "run.json").read_text())
    *parents, last = path.split("/")
    at = info
    for key in parents:
        at = at[int(key)] if isinstance(at, list) else at[key]
    at[last] = value
    (folder / "run.json").write_text(json.dumps(info))


def _deep(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


_HUGE = 10**400
_FIELDS: list[tuple[str, list[Any]]] = [
    ("config/samples_per_step", [1.5, 10**12, 10**30, _HUGE, -1, None, "1", math.nan]),
    ("config/max_rays_per_step", [10**10, 0]),
    ("config/occupancy_resolution", [512.0, 500, 10**9]),
    ("config/march_steps", [10**9, 0, math.inf]),
    ("config/learning_rate", [math.nan, math.inf, "fast", _HUGE]),
    ("config/seed", [10**30, "seven", 0.5]),
    ("config/cascades", [9, True, 8.0]),
    ("config/preset", [7, "x" * 10_000, []]),
    ("config/field", [None, 3, [], {"levels": 10**9}]),
    ("kind", [None, 3, [], "", "hash grid", "x" * 10_000]),
    ("config", [None, 3, [], {}, _deep(50)]),
    ("primitive", [None, 3, [], {}, {"waves": 8}, _deep(50)]),
    ("primitive/field", [None, 3, [], "", "octree", "x" * 10_000]),
    ("primitive/bounds", [None, [], {"minimum": [0, 0, 0]}, {"minimum": [-_HUGE] * 3, "maximum": [_HUGE] * 3}]),
    ("primitive/bounds/minimum", [[math.nan] * 3, [-1e308] * 3, ["a"] * 3, [[0]] * 3, _deep(500), 0]),
    ("primitive/color_space", [3, None, [], {}, "acescg"]),
    ("snapshot", [None, 3, "snapshot", []]),
    ("snapshot/file", ["../../x.safetensors", "snapshot-1-a.safetensors/..", 3, "snapshot-mine.safetensors"]),
    ("snapshot/bytes", [-1, 0.5, _HUGE, "many"]),
    ("snapshot/sha256", [3, None, "x"]),
    ("format", [None, "1", 0, 99, True, _HUGE]),
    ("data", [None, 3, "views", []]),
    ("data/views", [3, "views", {}, [3], [None], [{}], _deep(900)]),
    ("data/views/0/split", ["validation", None, []]),
    ("data/views/0/name", [3, None, "\0", "x" * 10_000]),
    ("data/views/0/camera", [None, 3, {}, {"width": 3}]),
    ("data/views/0/camera/width", [0, 10**9, _HUGE, 2.5, "wide"]),
    ("data/views/0/camera/fx", [math.nan, 1e300, _HUGE, -1]),
    ("history", [3, "good", {}]),
    ("history_file", [3, {}, {"file": "../x", "bytes": 1}, {"file": "history-00000000.jsonl", "bytes": -1}]),
    ("holdout", ["all", 0, 1.5, _HUGE, []]),
    ("dataset", [3, [], "x" * 10_000]),
    ("step", [-1, 0.5, _HUGE, "far"]),
    ("seconds", [-1, math.nan, _HUGE, "long"]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "values"), _FIELDS, ids=[field for field, _ in _FIELDS])
def test_a_value_that_cannot_be_used_is_one_error_that_names_file_and_field(
    folder: Path, field: str, values: list[Any]
) -> None:
    sound = (folder / "run.json").read_text()
    for value in values:
        (folder / "run.json").write_text(sound)
        _edit(folder, field, value)
        with pytest.raises(RunError) as caught:
            load_run(folder, TEST_DEVICE)
        words = str(caught.value)
        names = field.split("/")[0], field.split("/")[-1], "not a run of Hashlight", "newer version", "safetensors"
        assert any(name in words for name in names) and str(folder) in words, words
        assert len(words) < 500 and words.isprintable(), words


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b"null", b"\xff\xfe", b'{"format": 1' + b"0" * 20_000 + b"}", b"[" * 100_000, b'{"a":' * 5000],
)
def test_what_is_no_description_of_a_run_is_one_error(folder: Path, content: bytes) -> None:
    (folder / "run.json").write_bytes(content)
    with pytest.raises(RunError, match=r"run\.json: ") as caught:
        read_info(folder)
    assert len(str(caught.value)) < 500
    assert named_snapshot(folder) is None


def _retell(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Change the snapshot's tensors, and have run.json name it as if it were sound."""
    (path,) = folder.glob("snapshot-*.safetensors")
    state = load_file(path)
    change(state)
    save_file(state, path)
    info = json.loads((folder / "run.json").read_text())
    info["snapshot"] = _fingerprint(path) | {"file": path.name}
    (folder / "run.json").write_text(json.dumps(info))


@pytest.mark.parametrize("name", ["field.table", "field.weights_moments", "occupancy.densities", "trainer.progress"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_snapshot_with_nan_is_refused(folder: Path, name: str, value: float) -> None:
    def poison(state: dict[str, torch.Tensor]) -> None:
        state[name].view(-1)[1] = value

    _retell(folder, poison)
    with pytest.raises(RunError, match=rf"safetensors: (damaged: there is NaN or infinity in {name}|.*{name})"):
        load_run(folder, TEST_DEVICE)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("field.table"),
        lambda state: state.update({"field.table": torch.zeros(3)}),
        lambda state: state.update({"field.table": state["field.table"].long()}),
        lambda state: state.update({"occupancy.flags": torch.full_like(state["occupancy.flags"], -1)}),
        lambda state: state.update({"trainer.progress": torch.tensor([1e300, 1.0], dtype=torch.float64)}),
        lambda state: state.update({"trainer.progress": torch.tensor([-1.0, 1.0], dtype=torch.float64)}),
        lambda state: state.update({"trainer.progress": torch.tensor([1.0, -1e9], dtype=torch.float64)}),
        lambda state: state.update({"trainer.progress": torch.tensor([True, True])}),
        lambda state: state.update({"trainer.progress": torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)}),
        lambda state: state.update({"occupancy.rays": torch.tensor([1.0])}),
    ],
)
def test_a_snapshot_that_does_not_fit_is_refused(folder: Path, change: Callable[..., None]) -> None:
    _retell(folder, change)
    with pytest.raises(RunError, match="safetensors"):
        load_run(folder, TEST_DEVICE)


def test_a_field_of_nan_does_not_replace_a_sound_one(folder: Path) -> None:
    trainer = load_run(folder, TEST_DEVICE).trainer
    trainer.primitive.field.encoding.table.values[0, 0] = math.nan
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(RunError, match=r"not saved: training has failed, there is NaN or infinity in field\.table"):
        save_run(folder, trainer, {})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
@pytest.mark.parametrize("name", ["run.json", "snapshot"])
def test_a_pipe_holds_nobody_up(folder: Path, name: str) -> None:
    path = folder / name if name == "run.json" else next(folder.glob("snapshot-*"))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RunError, match="not a file"):
        load_run(folder, TEST_DEVICE)


@pytest.mark.parametrize("command", ["render", "eval", "train"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("history", [3]),
        ("history", [{"psnr": "high", "views": _deep(400)}]),
        ("data/views", 3),
        ("config/march_steps", 10**9),
    ],
)
def test_every_command_that_reads_a_run_says_it_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, field: str, value: Any
) -> None:
    _edit(folder, field, value)
    dataset = write_nerf_synthetic(tmp_path / "dataset", train=2, test=1, size=8)
    picture = ["--frames", "1", "--size", "8x8", "--out", str(tmp_path / "frames")]
    arguments = {
        "render": ["render", str(folder), "--turntable", "--radius", "4", *picture],
        "eval": ["eval", str(folder), "--dataset", str(dataset)],
        "train": ["train", str(dataset), "--out", str(folder), "--resume", "--steps", "3"],
    }[command]
    code = main([*arguments, "--device", TEST_DEVICE])
    words = capsys.readouterr().err
    if command == "render" and field == "history":
        assert code == 0, "scores have nothing to do with pictures"
    else:
        assert code == 1 and f"hashlight {command}: " in words and "Traceback" not in words
