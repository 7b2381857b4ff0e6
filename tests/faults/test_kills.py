"""``kill -9`` at any moment, over every program that writes: what was saved is whole, and the next start tidies up.

The add-on's own writer is killed in ``tests/blender/test_capture_kills.py``.
"""

from __future__ import annotations

import random
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.cli import main
from engine.data.formats import load_dataset
from engine.link.messages import AddView, OpenRun, SaveSnapshot, SnapshotSaved, Train
from engine.run_folder import is_run
from engine.runs import load_run
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import write_nerf_synthetic
from tests.engine.service.conftest import TINY
from tests.faults.conftest import Served, wait_until
from tests.faults.kills import kill_after
from tests.faults.tally import Tally
from tests.scenes import sphere_field, sphere_views

_CLI = "import sys\nfrom engine.cli import main\nsys.exit(main(sys.argv[1:]))"
_TRAIN = f"""
import engine.cli.train as train
train.SAVE_EVERY = 0.02
save = train.Training._save_on_the_way
def tell(self):
    save(self)
    print("begun", flush=True)
train.Training._save_on_the_way = tell
{_CLI}
"""
_IMPORT = f"""
import engine.data.importing as importing
save = importing.save_dataset
def tell(*arguments):
    print("begun", flush=True)
    save(*arguments)
importing.save_dataset = tell
{_CLI}
"""
_BAKE = f"""
import engine.rendering.bake as bake
render = bake.Bake._run
def tell(self):
    print("begun", flush=True)
    yield from render(self)
bake.Bake._run = tell
{_CLI}
"""
_LEFT = re.compile(r".*(\.part\b|\.importing-|\.in-use$).*")


def _left(folder: Path) -> list[str]:
    """Temporary files and folders in ``folder``."""
    return [path.name for path in folder.rglob("*") if _LEFT.fullmatch(path.name)]


def _kill_train(folder: Path, dataset: Path, kills: int) -> int:
    """Returns how many of them lost anything."""
    run, lost, reached = folder / "run", 0, 0
    for _ in range(kills):
        command = ["train", str(dataset), "--out", str(run), "--seconds", "600", "--device", TEST_DEVICE]
        command += ["--resume"] if is_run(run) else []
        assert kill_after(_TRAIN, command, "begun", 0.6, folder / "log")
        if is_run(run):
            step = load_run(run, TEST_DEVICE).trainer.step_count
            lost += step < reached
            reached = max(step, reached)
        else:
            lost += reached > 0
    assert reached > 0
    command = ["train", str(dataset), "--out", str(run), "--steps", str(reached + 1), "--resume"]
    assert main([*command, "--device", TEST_DEVICE]) == 0
    assert not _left(folder) and len(list(run.glob("snapshot-*"))) == 1
    return lost


def _kill_serve(folder: Path, kills: int) -> int:
    lost, reached, view = 0, 0, sphere_views(1, 16)[0]
    rings = set()
    for number in range(kills):
        (folder / "ready.json").unlink(missing_ok=True)
        engine = Served(folder)
        saved = reached
        try:
            client = engine.client()
            rings.add(Path(client.welcome.ring))  # type: ignore[union-attr,arg-type]
            client.send(OpenRun(run="run", primitive=sphere_field(), overrides=TINY, resume=number > 0))
            client.send(AddView(name="a", split="train", camera=view.camera, color=view.color, depth=view.depth))
            client.send(Train(running=True))
            for _ in range(random.randrange(1, 6)):
                client.send(SaveSnapshot())
                saved = client.wait_for(SnapshotSaved, 60).step
            client.send(SaveSnapshot())
            if random.random() < 0.5:
                wait_until(lambda: False, random.uniform(0.0, 0.1))
        finally:
            engine.close()
        step = load_run(folder / "root" / "run", TEST_DEVICE).trainer.step_count
        lost += step < saved
        reached = step
    (folder / "ready.json").unlink(missing_ok=True)
    engine = Served(folder)
    try:
        client = engine.client()
        client.send(OpenRun(run="run", primitive=sphere_field(), resume=True))
        assert wait_until(lambda: not any(ring.exists() for ring in rings), 20), "an engine's start takes them away"
        assert wait_until(lambda: [name for name in _left(folder / "root") if name != ".run.in-use"] == [], 20)
    finally:
        engine.close()
    return lost


def _kill_bake(folder: Path, dataset: Path, kills: int) -> int:
    run, frames, lost = folder / "run", folder / "film_frames", 0
    assert main(["train", str(dataset), "--out", str(run), "--steps", "3", "--device", TEST_DEVICE]) == 0
    command = ["render", str(run), "--turntable", "--frames", "40", "--size", "48x48", "--depth", "--resume"]
    command += ["--out", str(folder / "film.mp4"), "--device", TEST_DEVICE]
    for number in range(kills):
        done = sorted(frames.glob("frame_*"))  # none while each was killed before its first frame
        for path in random.sample(done, min(number, 20, len(done))):
            path.unlink()  # so that there is always something to do
        (folder / "film.mp4").unlink(missing_ok=True)
        kill_after(_BAKE, command, "begun", 0.8, folder / "log")
        for path in frames.glob("frame_*.png"):
            try:
                with Image.open(path) as image:
                    image.load()
            except OSError:
                lost += 1
    assert main(command) == 0
    assert len(list(frames.glob("frame_*.png"))) == len(list(frames.glob("depth_*.exr"))) == 40
    assert (folder / "film.mp4").stat().st_size > 0 and not _left(folder)
    return lost


def _kill_import(folder: Path, dataset: Path, kills: int) -> int:
    lost, views = 0, len(load_dataset(dataset).views)
    for number in range(kills):
        capture = folder / f"scene-{number}" / "capture"
        kill_after(_IMPORT, ["import", str(dataset), "--out", str(capture)], "begun", 0.15, folder / "log")
        if capture.exists():
            lost += len(load_dataset(capture).views) != views or not (capture / "manifest.json").is_file()
        else:
            assert main(["import", str(dataset), "--out", str(capture)]) == 0
        assert not _left(capture.parent)
    return lost


@pytest.mark.slow
def test_a_few_kills(tmp_path: Path) -> None:
    dataset = write_nerf_synthetic(tmp_path / "data", train=4, test=2, size=16)
    (tmp_path / "train").mkdir()
    assert _kill_train(tmp_path / "train", dataset, 1) == 0
    (tmp_path / "import").mkdir()
    assert _kill_import(tmp_path / "import", dataset, 2) == 0


@pytest.mark.faults
@pytest.mark.parametrize(
    ("what", "kills"), [("train", 60), ("serve", 40), ("bake", 40), ("import", 30)], ids=lambda value: str(value)
)
def test_many_kills(tmp_path: Path, tally: Tally, what: str, kills: int) -> None:
    seed = random.randrange(1 << 30)
    random.seed(seed)
    print("seed", seed)
    dataset: Any = write_nerf_synthetic(tmp_path / "data", train=12, test=2, size=64)
    folder = tmp_path / what
    folder.mkdir()
    match what:
        case "train":
            lost = _kill_train(folder, dataset, kills)
        case "serve":
            lost = _kill_serve(folder, kills)
        case "bake":
            lost = _kill_bake(folder, dataset, kills)
        case _:
            lost = _kill_import(folder, dataset, kills)
    tally.add(f"kills of {what}", kills, lost=lost)
    assert lost == 0
    marks = [path for path in Path(tempfile.gettempdir()).glob("hashlight-ring-*") if (path / ".in-use").exists()]
    assert len(marks) <= 3, "of other tests' engines"
