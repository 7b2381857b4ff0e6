"""``hashlight prior``: its files, that it goes on, what it refuses, and a run that begins with what it has learnt."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.cli import main
from engine.data.images import read_color
from engine.networks.image_encoder import EncoderSize, ImageEncoder
from engine.priors import shipped
from engine.priors.checkpoint import CHECKPOINT, CURVE, WEIGHTS, PriorTraining, load_training
from engine.priors.config import PRIOR
from engine.priors.learner import PriorLearner
from engine.priors.weights import load_prior, save_prior
from engine.runs import load_run
from engine.training.trainer import Trainer
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import write_nerf_synthetic
from tests.engine.priors.tiny_prior import TINY, tiny_prior

ON_DEVICE = ["--device", TEST_DEVICE]


def _train(out: Path, *more: str) -> int:
    return main(["prior", "train", "--out", str(out), "--minutes", "0.02", *more, *ON_DEVICE])


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets of tiny priors."""
    tiny = PRIOR.presets["cpu"].override(TINY)
    for name in ("cpu", "gpu"):
        monkeypatch.setitem(PRIOR.presets, name, tiny)


def test_a_contact_sheet_is_written(tmp_path: Path) -> None:
    file = tmp_path / "scenes.png"
    options = ["--count", "2", "--views", "2", "--side", "16", "--samples", "1"]
    assert main(["prior", "scenes", "--out", str(file), *options, *ON_DEVICE]) == 0
    picture, _ = read_color(file)
    assert picture.shape == (16, 64, 4) and picture[..., :3].std() > 1


@pytest.mark.slow
def test_a_part_leaves_weights_a_curve_and_what_the_next_goes_on_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluating = ["--evaluate-scenes", "1"]
    assert _train(tmp_path, "--seed", "3", *evaluating) == 0
    first = load_training(tmp_path, TEST_DEVICE)
    assert first.trainer.step_count >= 1 and first.trainer.primitive.config.seed == 3
    assert _train(tmp_path, *evaluating) == 0
    second = load_training(tmp_path, TEST_DEVICE)
    assert second.trainer.step_count > first.trainer.step_count
    entries = [json.loads(line) for line in (tmp_path / CURVE).read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [first.trainer.step_count, second.trainer.step_count]
    assert entries[-1]["scores"].keys() >= {"psnr_1", "psnr_3_depth", "mean_color_1"} and entries[-1]["loss"] > 0.0
    assert {path.name for path in tmp_path.iterdir()} == {CHECKPOINT, CURVE, WEIGHTS}
    capsys.readouterr()
    assert main(["prior", "info", str(tmp_path / WEIGHTS), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["seed"], told["steps"]) == (3, second.trainer.step_count)
    assert told["sha256"] == load_prior(tmp_path / WEIGHTS).checksum and told["scores"] == entries[-1]["scores"]
    assert main(["prior", "info", str(tmp_path / WEIGHTS)]) == 0
    assert "psnr_1_depth" in capsys.readouterr().out


def test_another_seed_is_refused_and_a_training_that_is_over_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = Trainer(PriorLearner(tiny_prior(seed=5), TEST_DEVICE))
    trainer.training_seconds = 120.0
    PriorTraining(trainer, []).save(tmp_path)
    before = (tmp_path / CHECKPOINT).read_bytes()
    assert _train(tmp_path, "--seed", "6") == 1
    assert "--seed 6:" in capsys.readouterr().err
    assert _train(tmp_path, "--planned", "2") == 0
    assert "the 2 minutes planned are used up" in capsys.readouterr().out
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def test_a_training_begins_with_what_another_has_learnt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    former, out = tmp_path / "former.safetensors", tmp_path / "prior"
    config = dataclasses.replace(tiny_prior(seed=5).field, width=24)
    field = config.build(TEST_DEVICE, 5)
    save_prior(former, field, config, {})
    begun, step = [], Trainer.step

    def step_and_stop(trainer: Trainer[PriorLearner]) -> None:
        begun.append(trainer.primitive.field.weights.values.clone())
        step(trainer)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "step", step_and_stop)
    assert _train(out, "--prior", str(former)) == 128 + signal.SIGTERM
    torch.testing.assert_close(begun[0], field.weights.values.half().float())
    assert _train(out, "--prior", str(former)) == 1
    assert f"{out} has begun already: leave --prior out" in capsys.readouterr().err


def test_training_that_is_interrupted_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Trainer.step

    def step_and_stop(trainer: Trainer) -> None:
        step(trainer)
        if trainer.step_count == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "step", step_and_stop)
    assert main(["prior", "train", "--out", str(tmp_path), "--minutes", "10", *ON_DEVICE]) == 128 + signal.SIGTERM
    assert load_training(tmp_path, TEST_DEVICE).trainer.step_count == 2


def test_a_checkpoint_that_cant_be_written_on_the_way_doesnt_end_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save, step, failures = PriorTraining.save, Trainer.step, iter([OSError(28, "No space left on device")])

    def save_if_there_is_room(training: PriorTraining, folder: Path) -> None:
        if (error := next(failures, None)) is not None:
            raise error
        save(training, folder)

    def step_and_stop(trainer: Trainer) -> None:
        step(trainer)
        trainer.training_seconds += 61.0
        if trainer.step_count == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(PriorTraining, "save", save_if_there_is_room)
    monkeypatch.setattr(Trainer, "step", step_and_stop)
    command = ["prior", "train", "--out", str(tmp_path), "--minutes", "10", "--evaluate-every", "9999"]
    assert main([*command, *ON_DEVICE]) == 128 + signal.SIGTERM
    assert "No space left on device; training goes on" in capsys.readouterr().err
    assert load_training(tmp_path, TEST_DEVICE).trainer.step_count == 2


@pytest.fixture
def prior(tmp_path: Path) -> Path:
    """Of other sizes than any preset's."""
    config = tiny_prior(**{"field.width": 24}).field
    file = tmp_path / "prior.safetensors"
    save_prior(file, config.build(TEST_DEVICE, 9), config, {})
    return file


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_nerf_synthetic(tmp_path / "data", train=4, test=1, size=16)


def test_a_run_begins_with_a_prior(prior: Path, dataset: Path, tmp_path: Path) -> None:
    command = ["train", str(dataset), "--out", str(tmp_path / "run"), "--steps", "1", *ON_DEVICE]
    assert main([*command, "--field", "pixelnerf", "--prior", str(prior)]) == 0
    primitive = load_run(tmp_path / "run", TEST_DEVICE).trainer.primitive
    assert primitive.config.field.width == 24
    weights = dict(primitive.field.module.named_parameters())
    for name, tensor in load_prior(prior).weights.items():
        # One step of Adam moves each number by its rate at most.
        assert (weights[name].cpu() - tensor.float()).abs().max() < 0.01


def test_one_view_and_a_prior_are_a_run_without_training(
    prior: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = write_nerf_synthetic(tmp_path / "data", train=1, test=1, size=16), tmp_path / "run"
    command = ["train", str(data), "--out", str(run), "--field", "pixelnerf", "--prior", str(prior), "--steps", "0"]
    assert main([*command, *ON_DEVICE]) == 0
    trainer = load_run(run, TEST_DEVICE).trainer
    assert trainer.step_count == 0 and len(trainer.primitive.field.sources) == 1
    weights = dict(trainer.primitive.field.module.named_parameters())
    for name, tensor in load_prior(prior).weights.items():
        assert torch.equal(weights[name].cpu(), tensor.float())
    assert main(["eval", str(run), *ON_DEVICE]) == 0
    turntable = ["render", str(run), "--turntable", "--frames", "1", "--size", "16x16", "--mark-predicted"]
    assert main([*turntable, "--out", str(tmp_path / "frames"), *ON_DEVICE]) == 0
    assert "is predicted" not in capsys.readouterr().out


@pytest.fixture
def shipped_prior(prior: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that the build brings along."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(shipped, "SHIPPED", folder)
    file = prior.rename(folder / shipped.WEIGHTS)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / shipped.CHECKSUM).write_text(f"{digest}  {shipped.WEIGHTS}\n", "ascii")
    return file


def test_a_run_begins_with_the_prior_that_is_brought_along_unless_it_is_to_begin_without(
    shipped_prior: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, options in (("with", ["--steps", "0"]), ("without", ["--steps", "1", "--prior", "none"])):
        command = ["train", str(dataset), "--out", str(tmp_path / name), "--field", "pixelnerf", *options]
        assert main([*command, *ON_DEVICE]) == 0
        assert ("the prior that Hashlight brings along" in capsys.readouterr().err) == (name == "with")
        width = load_run(tmp_path / name, TEST_DEVICE).trainer.primitive.config.field.width
        assert (width == load_prior(shipped_prior).config.width) == (name == "with")
    assert main(["prior", "info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == str(shipped_prior)
    shipped_prior.write_bytes(b"")
    assert main(["prior", "info"]) == 1
    assert "prior.safetensors: damaged" in capsys.readouterr().err


def test_a_hash_grid_is_guided_by_a_prior_and_goes_on_without_its_file(
    prior: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = write_nerf_synthetic(tmp_path / "data", train=2, test=1, size=16), tmp_path / "run"
    command = ["train", str(data), "--out", str(run), *ON_DEVICE]
    assert main([*command, "--prior", str(prior), "--steps", "2"]) == 0
    prior.unlink()
    assert main(["eval", str(run), *ON_DEVICE]) == 0
    assert main([*command, "--resume", "--steps", "3"]) == 0
    state = load_run(run, TEST_DEVICE).trainer.state()
    assert float(state["trainer.progress"][0]) == 3 and "guide.field.weights" in state
    assert main([*command[:3], str(tmp_path / "alone"), "--steps", "1", *ON_DEVICE]) == 0
    assert "guide.facts" not in load_run(tmp_path / "alone", TEST_DEVICE).trainer.state()
    turntable = ["render", str(tmp_path / "alone"), "--turntable", "--frames", "1", "--size", "16x16"]
    assert main([*turntable, "--mark-predicted", "--out", str(tmp_path / "frames"), *ON_DEVICE]) == 0
    assert "Nothing that this run shows is predicted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--steps", "0"], "--steps 0: without training only a prior shows anything"),
        (["--field", "pixelnerf", "--prior", "none", "--steps", "0"], "--steps 0: without training only a prior shows"),
        (
            ["--field", "nerf", "--prior", "{prior}"],
            "--prior: only for a pixelnerf field, or to guide a hash-grid field: add --field pixelnerf",
        ),
        (["--prior", "{run}/nothing"], "nothing: can't be read"),
        (["--encoder-weights", "{prior}"], "--encoder-weights: only for a pixelnerf field"),
        (["--field", "pixelnerf", "--prior", "{run}/nothing"], "nothing: can't be read"),
        (["--field", "pixelnerf", "--encoder-weights", "{prior}"], "not the weights of an encoder that is known here"),
    ],
)
def test_weights_that_a_run_cant_begin_with_are_refused(
    options: list[str], words: str, prior: Path, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [option.format(prior=prior, run=tmp_path) for option in options]
    assert main(["train", str(dataset), "--out", str(tmp_path / "run"), *filled, *ON_DEVICE]) == 1
    assert words in capsys.readouterr().err
    assert not list((tmp_path / "run").glob("*"))


def test_encoder_weights_are_taken(dataset: Path, tmp_path: Path) -> None:
    encoder = ImageEncoder(EncoderSize(10, 8, 16, 0), 3, torch.Generator().manual_seed(2))
    file = tmp_path / "resnet.safetensors"
    save_file({name: tensor.detach().clone() for name, tensor in encoder.named_parameters()}, file)
    command = ["train", str(dataset), "--out", str(tmp_path / "run"), "--steps", "1", *ON_DEVICE]
    assert main([*command, "--field", "pixelnerf", "--encoder-weights", str(file)]) == 0
    loaded = load_run(tmp_path / "run", TEST_DEVICE).trainer.primitive.field.module.encoder.layer1[0].conv1.weight
    assert np.abs((loaded.detach().cpu() - encoder.layer1[0].conv1.weight.detach()).numpy()).max() < 0.01
