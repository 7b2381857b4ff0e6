"""A kind of primitive that a package beside the engine brings, without a line of ours changed: see signal.py."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.link.client import EngineClient
from engine.link.geometry import Camera
from engine.link.launcher import EngineProcess
from engine.link.messages import (
    AddFile,
    AddView,
    Evaluation,
    EvaluationSpec,
    Frame,
    ItemAdded,
    JobUpdate,
    OpenRun,
    PluginSpec,
    Problem,
    RequestFrame,
    RunOpened,
    SaveSnapshot,
    SnapshotSaved,
    StartJob,
    Status,
    Train,
)
from tests.engine.plugin.packages import install
from tests.scenes import sphere_field, sphere_views

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0
CAMERA = Camera(np.eye(4), 200, 4, 200.0, 200.0, 100.0, 2.0)
WAVES = PluginSpec(name="signal", settings={"waves": 8})
STEPS = 300


def _signal(count: int) -> np.ndarray:
    x = np.linspace(0.0, 1.0, count)
    return (0.5 + 0.3 * np.sin(2 * np.pi * x) + 0.1 * np.cos(5 * np.pi * x)).astype(np.float32)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python in whose environment a package with the kind is installed beside the engine."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    places = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    site = Path(places["purelib"])
    installed = [path for path in sys.path if Path(path).is_dir() and path != str(ROOT)]
    (site / "engine.pth").write_text("\n".join([str(ROOT), *installed]))
    install(site, "hashlight-signal", "signal = tests.engine.plugin.signal:SIGNAL")
    install(site, "hashlight-broken", "octree = hashlight_broken:OCTREE")  # which is not there
    return Path(places["scripts"]) / Path(sys.executable).name


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "root" / "data"
    folder.mkdir(parents=True)
    np.save(folder / "train.npy", _signal(200)[None])
    np.save(folder / "test.npy", _signal(67)[None])
    return folder


@pytest.fixture
def client(python: Path, data: Path, tmp_path: Path) -> Iterator[EngineClient]:
    """Of an engine in that environment, for which ``data`` is data/."""
    engine = EngineProcess(python, data.parent, device="cpu", log=tmp_path / "engine.log")
    engine.start()
    address = engine.wait_ready(PATIENCE)
    client = EngineClient(address.host, address.port, address.token, "test")
    client.connect(20)
    yield client
    client.close()
    engine.stop(20)


def _open(client: EngineClient, **options: object) -> RunOpened:
    client.send(OpenRun(primitive=WAVES, overrides={"learning_rate": 0.05}, **options))
    return client.wait_for(RunOpened, PATIENCE, lambda opened: opened.run == options["run"])


def test_a_client_trains_it_scores_it_looks_at_it_and_goes_on_with_it(client: EngineClient, data: Path) -> None:
    opened = _open(client, run="sines")
    assert (opened.primitive.name, opened.primitive.settings) == ("signal", {"waves": 8})
    client.send(Train(running=True, steps=STEPS))
    client.wait_for(Status, PATIENCE, lambda status: status.message == "waiting for the first recording")
    for split in ("train", "test"):
        client.send(AddFile(name=split, split=split, path=f"data/{split}.npy"))
    client.wait_for(ItemAdded, PATIENCE, lambda added: (added.train_items, added.test_items) == (1, 1))
    client.wait_for(Status, PATIENCE, lambda status: status.state == "finished")
    client.send(StartJob(job="scores", specification=EvaluationSpec()))
    client.wait_for(JobUpdate, PATIENCE, lambda update: (update.state, update.done) == ("done", 1))
    evaluation = client.wait_for(Evaluation, PATIENCE)
    assert evaluation.step == STEPS and evaluation.scores["mean_error"] < 0.02
    assert evaluation.items == {"test": evaluation.scores}
    client.send(RequestFrame(request=7, camera=CAMERA))
    frame = client.wait_for(Frame, PATIENCE)
    assert frame.request == 7 and np.abs(frame.color[2, :, 0] - _signal(200)).mean() < 0.02
    client.send(SaveSnapshot())
    client.wait_for(SnapshotSaved, PATIENCE)
    info = json.loads((data.parent / "sines" / "run.json").read_text())
    assert (info["kind"], info["primitive"]) == ("signal", {"waves": 8})

    assert _open(client, run="another").step == 0
    opened = _open(client, run="sines", resume=True)
    assert opened.step == STEPS and opened.primitive.settings == {"waves": 8}
    client.send(RequestFrame(request=8, camera=CAMERA))
    again = client.wait_for(Frame, PATIENCE, lambda frame: frame.request == 8)
    assert np.array_equal(again.color, frame.color)
    for open_now in ("sines", "another"):
        _open(client, run=open_now, resume=True)
        client.send(OpenRun(run="sines", primitive=sphere_field(), resume=True))
        words = client.wait_for(Problem, PATIENCE).message
        assert words == "sines: it has a signal, not a radiance-field: name another run"


def test_what_it_does_not_know_is_refused_by_name(client: EngineClient) -> None:
    def problem_with(primitive: PluginSpec) -> str:
        client.send(OpenRun(run="refused", primitive=primitive))
        return client.wait_for(Problem, PATIENCE).message

    assert "primitive.name: 'octree' is not one of radiance-field, image, signed-distance, signal" in problem_with(
        PluginSpec(name="octree")
    )
    assert "primitive.waves" in problem_with(PluginSpec(name="signal", settings={"waves": 0}))
    assert "unknown field colour" in problem_with(PluginSpec(name="signal", settings={"colour": 1}))
    _open(client, run="refusing")
    client.send(AddFile(name="outside", split="train", path="../data/train.npy"))
    assert client.wait_for(Problem, PATIENCE).code == "path"
    view = sphere_views(1, 16)[0]
    client.send(AddView(name="view", split="train", camera=view.camera, color=view.color))
    assert "AddView: a signal doesn't learn from this" in client.wait_for(Problem, PATIENCE).message


def test_the_command_line_trains_it_and_goes_on_with_it(python: Path, data: Path, tmp_path: Path) -> None:
    def train(*options: object) -> subprocess.CompletedProcess[str]:
        command = [python, "-m", "engine", "train", data, "--out", tmp_path / "run", "--device", "cpu", *options]
        return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=PATIENCE)

    first = train("--primitive", "signal", "--steps", "100")
    assert first.returncode == 0, first.stderr
    assert "Mean error" in first.stdout and "1 test recordings" in first.stdout
    second = train("--resume", "--steps", STEPS)
    assert second.returncode == 0, second.stderr
    assert second.stdout.startswith(f"{STEPS} steps")
    history = (next((tmp_path / "run").glob("history-*.jsonl"))).read_text().splitlines()
    errors = [json.loads(line)["mean_error"] for line in history]
    assert len(errors) == 2 and errors[1] < errors[0]
    command = [python, "-m", "engine", "eval", tmp_path / "run", "--json", "--device", "cpu"]
    scores = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=PATIENCE)
    assert json.loads(scores.stdout)["mean_error"] == errors[1], scores.stderr
    for options, words in (
        (("--primitive", "radiance-field"), "has a signal, which it goes on with"),
        (("--field", "nerf"), "--field nerf: a signal has no field to choose"),
    ):
        other = train("--resume", *options)
        assert other.returncode == 1 and words in other.stderr
    command += ["--split", "train", "--flip"]
    scores = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=PATIENCE)
    assert scores.returncode == 1 and "--split, --flip: only for runs that learn from views" in scores.stderr


def test_without_the_package_its_runs_are_refused_by_name(python: Path, data: Path, tmp_path: Path) -> None:
    command = [
        "-m",
        "engine",
        "train",
        str(data),
        "--out",
        str(tmp_path / "run"),
        "--primitive",
        "signal",
        "--steps",
        "9",
    ]
    subprocess.run([str(python), *command], check=True, capture_output=True, timeout=PATIENCE)
    own = subprocess.run(
        [sys.executable, *command, "--resume"], capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT
    )
    assert own.returncode == 1 and "'signal' is not one of radiance-field" in own.stderr
