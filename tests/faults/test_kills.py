"""``kill -9`` at any moment, over every program that writes: what was saved is whole, and the next start tidies up.

The add-on's own writer is killed in ``tests/blender/test_capture_kills.py``.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import pytest
from PIL import Image

from engine.cli import main
from engine.data.exr import read_exr
from engine.data.formats import load_dataset
from engine.link.messages import (
    AddView,
    BakeSpec,
    JobUpdate,
    OpenRun,
    RadianceFieldSpec,
    RunOpened,
    SaveSnapshot,
    SnapshotSaved,
    StartJob,
    Train,
)
from engine.run_folder import is_run
from engine.runs import load_run
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import write_nerf_synthetic
from tests.engine.service.conftest import TINY
from tests.faults.conftest import HANGS_AFTER, Served, wait_until
from tests.faults.kills import kill_after
from tests.faults.tally import Tally
from tests.scenes import sphere_bounds, sphere_cameras, sphere_field, sphere_views

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
_EVAL = f"""
import engine.evaluation.evaluate as evaluate
score = evaluate.score_view
def tell(*arguments, **options):
    print("begun", flush=True)
    return score(*arguments, **options)
evaluate.score_view = tell
{_CLI}
"""
FRAMES = 40
_LEFT = re.compile(r"\..*")


def _left(folder: Path) -> list[str]:
    """Temporary files and folders in ``folder``."""
    return [path.name for path in folder.rglob("*") if _LEFT.fullmatch(path.name)]


def _broken(folder: Path) -> int:
    """How many of the finished files in ``folder`` are not whole."""
    return sum(not _is_whole(path) for path in folder.rglob("*") if path.is_file() and not _LEFT.fullmatch(path.name))


def _is_whole(path: Path) -> bool:
    try:
        match path.suffix:
            case ".png":
                with Image.open(path) as image:
                    image.load()
            case ".exr":
                return len({plane.shape[:2] for plane in read_exr(path).values()}) == 1
            case ".mp4":
                return len(imageio.imread(path, plugin="FFMPEG")) == FRAMES
            case ".json":
                json.loads(path.read_text("utf-8"))
            case ".html":
                return path.read_text("utf-8").rstrip().endswith("</html>")
            case _:
                raise AssertionError(f"{path}: what is that?")
    except (OSError, ValueError) as error:
        print(path, error)
        return False
    return True


def _kill_train(folder: Path, dataset: Path, kills: int) -> int:
    """Returns how many of them lost anything."""
    run, lost, reached = folder / "run", 0, 0
    for _ in range(kills):
        command = ["train", str(dataset), "--out", str(run), "--seconds", "100000", "--device", TEST_DEVICE]
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
                saved = client.wait_for(SnapshotSaved, HANGS_AFTER).step
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
        assert wait_until(lambda: not any(ring.exists() for ring in rings), HANGS_AFTER), (
            "an engine's start takes them away"
        )
        assert wait_until(lambda: [name for name in _left(folder / "root") if name != ".run.in-use"] == [], HANGS_AFTER)
    finally:
        engine.close()
    return lost


def _kill_bake(folder: Path, dataset: Path, kills: int) -> int:
    run, frames, film, lost = folder / "run", folder / "film_frames", folder / "film.mp4", 0
    assert main(["train", str(dataset), "--out", str(run), "--steps", "3", "--device", TEST_DEVICE]) == 0
    command = ["render", str(run), "--turntable", "--frames", str(FRAMES), "--size", "48x48", "--depth", "--resume"]
    command += ["--out", str(film), "--device", TEST_DEVICE]
    for number in range(kills):
        _leave_something_to_do(frames, film, number)
        kill_after(_BAKE, command, "begun", 0.8, folder / "log")
        lost += _broken(frames) + (film.exists() and not _is_whole(film))
    assert main(command) == 0
    assert len(list(frames.glob("frame_*.png"))) == len(list(frames.glob("depth_*.exr"))) == FRAMES
    assert not _broken(frames) and _is_whole(film) and not _left(folder)
    return lost


def _leave_something_to_do(frames: Path, film: Path, number: int) -> None:
    """Take away the film and, of the finished frames, some in each of the first rounds."""
    done = sorted(frames.glob("frame_*"))  # none while each was killed before its first frame
    for path in random.sample(done, min(number, FRAMES // 2, len(done))):
        path.unlink()
    film.unlink(missing_ok=True)


def _kill_linked_bake(folder: Path, dataset: Path, kills: int) -> int:
    """Of bakes that a client asked for: the engine in one half of the rounds, its device process in the other."""
    root, lost = folder / "root", 0
    frames, film = root / "bake", root / "film.mp4"
    command = ["train", str(dataset), "--out", str(root / "run"), "--steps", "3", "--device", TEST_DEVICE]
    assert main(command) == 0
    for number in range(kills):
        _leave_something_to_do(frames, film, number)
        engine = Served(folder)
        try:
            _follow_bake(engine, lambda update: update.done > 0 or update.state != "running")
            wait_until(lambda: False, random.uniform(0.0, 0.8))
            if number % 2:
                os.kill(engine.device_pid, signal.SIGKILL)
                assert engine.process.wait(HANGS_AFTER) == 1
        finally:
            engine.close()
        lost += _broken(frames) + (film.exists() and not _is_whole(film))
    engine = Served(folder)
    try:
        assert _follow_bake(engine, lambda update: update.state != "running").state == "done"
        assert len(list(frames.glob("frame_*.png"))) == len(list(frames.glob("depth_*.exr"))) == FRAMES
        assert not _broken(frames) and _is_whole(film)
        assert [name for name in _left(root) if name != ".run.in-use"] == []
    finally:
        engine.close()
    return lost


def _follow_bake(engine: Served, until: Callable[[JobUpdate], bool]) -> JobUpdate:
    client = engine.client()
    primitive = RadianceFieldSpec(bounds=sphere_bounds(), color_space="srgb")
    client.send(OpenRun(run="run", primitive=primitive, resume=True))
    client.wait_for(RunOpened, HANGS_AFTER)
    cameras = tuple(sphere_cameras(FRAMES, 48))
    bake = BakeSpec(cameras=cameras, output="bake", video="film.mp4", depth=True, resume=True)
    client.send(StartJob(job="bake", specification=bake))
    return client.wait_for(JobUpdate, HANGS_AFTER, until)


def _kill_eval(folder: Path, dataset: Path, kills: int) -> int:
    run, lost = folder / "run", 0
    assert main(["train", str(dataset), "--out", str(run), "--steps", "3", "--device", TEST_DEVICE]) == 0
    command = ["eval", str(run), "--split", "train", "--device", TEST_DEVICE]
    for _ in range(kills):
        kill_after(_EVAL, command, "begun", 0.8, folder / "log")
        lost += _broken(run / "eval")
    assert main(command) == 0
    assert len(json.loads((run / "eval" / "scores.json").read_text("utf-8"))["views"]) == 12
    assert not _broken(run / "eval") and not _left(folder)
    assert load_run(run, TEST_DEVICE).trainer.step_count == 3
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
    (tmp_path / "linked").mkdir()
    assert _kill_linked_bake(tmp_path / "linked", dataset, 1) == 0


@pytest.mark.faults
@pytest.mark.parametrize(
    ("what", "kills"),
    [("train", 45), ("serve", 35), ("bake", 35), ("bake over the link", 20), ("eval", 25), ("import", 25)],
    ids=lambda value: str(value),
)
def test_many_kills(tmp_path: Path, tally: Tally, what: str, kills: int) -> None:
    seed = random.randrange(1 << 30)
    random.seed(seed)
    print("seed", seed)
    dataset: Any = write_nerf_synthetic(tmp_path / "data", train=12, test=2, size=64)
    folder = tmp_path / what.replace(" ", "_")
    folder.mkdir()
    match what:
        case "train":
            lost = _kill_train(folder, dataset, kills)
        case "serve":
            lost = _kill_serve(folder, kills)
        case "bake":
            lost = _kill_bake(folder, dataset, kills)
        case "bake over the link":
            lost = _kill_linked_bake(folder, dataset, kills)
        case "eval":
            lost = _kill_eval(folder, dataset, kills)
        case _:
            lost = _kill_import(folder, dataset, kills)
    tally.add(f"kills of {what}", kills, lost=lost)
    assert lost == 0
    marks = [path for path in Path(tempfile.gettempdir()).glob("hashlight-ring-*") if (path / ".in-use").exists()]
    assert len(marks) <= 3, "of other tests' engines"
