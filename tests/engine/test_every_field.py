"""What holds for a field of any kind: it learns, is saved and gone on with, scored and rendered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from engine.cli import main
from engine.evaluation.evaluate import mean_psnr
from engine.link.presets import FIELDS, PRESETS, PRIOR_FIELD, may_be_guided
from engine.primitives.config import ConfigError
from engine.primitives.radiance_field.fields import FIELD_KINDS, choose_preset, make_primitive
from engine.priors import shipped
from engine.rendering.camera_paths import save_camera_path
from engine.runs import load_run, read_info, save_run
from engine.training.trainer import Trainer
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import write_nerf_synthetic
from tests.engine.rendering.same_picture import assert_same_picture
from tests.engine.tiny_fields import TINY
from tests.scenes import sphere_bounds, sphere_cameras, sphere_views

VIEWS = sphere_views(8, 32)


@pytest.fixture(autouse=True)
def _without_a_prior(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All begin afresh, at the preset's sizes."""
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "shipped")


@pytest.fixture(params=list(FIELD_KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _trainer(kind: str, device: str) -> Trainer:
    trainer = Trainer(make_primitive(choose_preset("cpu", device, TINY[kind], kind), sphere_bounds(), "linear", device))
    for view in VIEWS[:7]:
        trainer.primitive.add(view)
    return trainer


def test_what_others_offer_is_what_there_is() -> None:
    assert list(FIELDS) == list(FIELD_KINDS)
    uses = {name: kind.prior_use for name, kind in FIELD_KINDS.items() if kind.prior_use is not None}
    assert {name for name, use in uses.items() if not use.owns_weights} == set(filter(may_be_guided, FIELDS))
    assert [name for name, use in uses.items() if use.owns_weights] == [PRIOR_FIELD]
    with pytest.raises(ConfigError, match=r"^field: 'octree' is not one of hash-grid, nerf, nerf-hierarchical"):
        choose_preset("auto", "cpu", {}, "octree")


@pytest.mark.parametrize("cascades", [1, 4, 8])
@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "auto"])
def test_every_preset_is_within_its_limits_and_survives_json(kind: str, preset: str, cascades: int) -> None:
    config = choose_preset(preset, "cpu", {"cascades": cascades, "pixels_across": 80.5}, kind)
    assert FIELD_KINDS[kind].decode(json.loads(json.dumps(config.to_json()))) == config and config.kind == kind
    assert config.needed_bytes("cpu") < 8e9
    assert config.fit(config.field).summary


def test_a_setting_of_another_kind_is_refused_by_name(kind: str) -> None:
    others = {name: value for other in TINY if other != kind for name, value in TINY[other].items()}
    for name in (name for name in others if name.startswith("field.") and name not in TINY[kind]):
        with pytest.raises(ConfigError, match=f"^{name}: no such training setting"):
            choose_preset("cpu", "cpu", {name: others[name]}, kind)


def test_it_learns(kind: str, device: str) -> None:
    trainer = _trainer(kind, device)
    shown = VIEWS[3:4]
    before = mean_psnr(trainer.primitive.viewer(), shown)["black"]
    trainer.set_budget(None, 200)
    while not trainer.is_finished:
        trainer.step()
    assert mean_psnr(trainer.primitive.viewer(), shown)["black"] > before + 5.0


def test_a_saved_one_goes_on_as_if_nothing_had_been(kind: str, device: str, tmp_path: Path) -> None:
    trainer = _trainer(kind, device)
    for _ in range(20):  # past a refresh of the occupancy
        trainer.step()
    save_run(tmp_path / "run", trainer, {})
    run = load_run(tmp_path / "run", device)
    assert run.info["primitive"]["field"] == kind and run.trainer.primitive.config == trainer.primitive.config
    for view in VIEWS[:7]:
        run.trainer.primitive.add(view)
    assert_same_state(run.trainer, trainer)
    for each in (trainer, run.trainer):
        for _ in range(3):
            each.step()
    # On a GPU it is chance which rays get the last room for samples, and sums are rounded anew each time.
    assert run.trainer.stats().loss == pytest.approx(trainer.stats().loss, rel=0.02 if device == "cpu" else 0.3)
    if device == "cpu":
        assert_same_state(run.trainer, trainer)


def assert_same_state(one: Trainer, other: Trainer) -> None:
    """All that was learnt, moments and occupancy, to the last bit; not the seconds it took."""
    state = one.state()
    for name, tensor in other.state().items():
        assert name == "trainer.progress" or torch.equal(state[name], tensor), name


def test_a_frozen_one_shows_what_was_learnt_then(kind: str, device: str) -> None:
    trainer = _trainer(kind, device)
    for _ in range(5):
        trainer.step()
    renderer, camera = trainer.primitive.viewer(), VIEWS[7].camera
    frozen, before = renderer.frozen(), renderer.render(camera).color
    for _ in range(5):
        trainer.step()
    assert_same_picture(frozen.render(camera).color, before)
    assert (renderer.render(camera).color - before).abs().max() > 1e-3


@pytest.mark.slow
def test_the_command_line_trains_it_goes_on_with_it_scores_and_renders_it(kind: str, tmp_path: Path) -> None:
    dataset, run = write_nerf_synthetic(tmp_path / "sphere", train=6, test=1, size=24), tmp_path / "run"
    command = ["train", str(dataset), "--out", str(run), "--device", TEST_DEVICE]
    assert main([*command, "--steps", "3", "--field", kind]) == 0
    assert (read_info(run)["primitive"]["field"], read_info(run)["step"]) == (kind, 3)
    assert main([*command, "--steps", "5", "--resume"]) == 0
    assert (read_info(run)["primitive"]["field"], read_info(run)["step"]) == (kind, 5)
    assert main(["eval", str(run), "--device", TEST_DEVICE]) == 0
    frames, path = tmp_path / "frames", tmp_path / "path.json"
    save_camera_path(path, sphere_cameras(2, 24))
    assert main(["render", str(run), "--camera-path", str(path), "--out", str(frames), "--device", TEST_DEVICE]) == 0
    assert len(list(frames.glob("*.png"))) == 2


@pytest.mark.slow
def test_a_run_of_one_kind_is_not_gone_on_with_as_another(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, run = write_nerf_synthetic(tmp_path / "sphere", train=3, test=1, size=16), tmp_path / "run"
    command = ["train", str(dataset), "--out", str(run), "--device", TEST_DEVICE]
    assert main([*command, "--steps", "1", "--field", kind]) == 0
    before = (run / "run.json").read_bytes()
    for other in FIELD_KINDS:
        code = main([*command, "--steps", "2", "--resume", "--field", other])
        assert code == (0 if other == kind else 1)
        if other != kind:
            assert f"--field {other}: {run} has a {kind} field" in capsys.readouterr().err
            assert (run / "run.json").read_bytes() == before
        before = (run / "run.json").read_bytes()
