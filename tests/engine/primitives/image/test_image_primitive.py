"""Small images are learnt in seconds, in each colour space, and a run goes on where it stood."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from PIL import Image

from engine.data.dataset import DatasetError
from engine.data.images import HALF_MAX
from engine.device import PROFILES
from engine.link.image_plane import Rectangle
from engine.link.messages import AddFile, Evaluation, EvaluationSpec, ItemAdded, Message, OpenRun, StartJob, Train
from engine.link.primitives import SCORED_IMAGE
from engine.primitives.base import DataError
from engine.primitives.config import ConfigError
from engine.primitives.image.kind import IMAGE
from engine.primitives.image.primitive import half_gradient_scale, squared_errors
from engine.primitives.memory import MemoryShortage
from engine.runs import load_run, save_run
from engine.service.session import Session
from tests.device import TEST_DEVICE
from tests.engine.primitives.image.pictures import SMALL, begin, load, psnr_of, train, waves

STEPS = 300


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray((waves(96, 64) * 255 + 0.5).astype(np.uint8)).save(path)
    return path


def test_it_learns_an_image(photo: Path) -> None:
    trainer = begin(load(photo))
    before = psnr_of(trainer)
    train(trainer, STEPS)
    assert before < 15.0 and psnr_of(trainer) > 33.0
    assert trainer.stats().loss is not None
    assert trainer.primitive.figures() == {"samples_per_step": 2048.0, "share_at_hand": 1.0}


def test_alpha_is_learnt_with_the_colour_that_it_was_multiplied_with(tmp_path: Path) -> None:
    alpha = np.clip(waves(64, 64)[..., :1] * 2.0 - 0.6, 0.0, 1.0)
    Image.fromarray((np.concatenate((waves(64, 64), alpha), axis=2) * 255 + 0.5).astype(np.uint8)).save(
        tmp_path / "alpha.png"
    )
    data = load(tmp_path / "alpha.png")
    assert data.spec.alpha
    trainer = begin(data)
    train(trainer, STEPS)
    assert psnr_of(trainer) > 32.0
    viewer = trainer.primitive.viewer()
    shown = viewer.render(viewer.facing(Rectangle(0, 0, 64, 64), (64, 64))).color.cpu().numpy()
    assert np.abs(shown[..., 3] - alpha[..., 0]).mean() < 0.03


def test_light_is_learnt_by_its_relative_error(tmp_path: Path) -> None:
    light = np.concatenate((np.exp(5.0 * waves(64, 48) - 2.0), np.ones((48, 64, 1))), axis=2).astype(np.float16)
    OpenEXR.File({}, {"RGB": np.ascontiguousarray(light[..., :3])}).write(str(tmp_path / "light.exr"))
    data = load(tmp_path / "light.exr")
    assert data.spec.color_space == "linear" and not data.spec.alpha and light.max() > 6.0
    trainer = begin(data)
    train(trainer, STEPS)
    *_, scores = trainer.primitive.evaluate(trainer.primitive.viewer())
    assert scores.means["relative_error"] < 0.15 and scores.means["psnr"] > 22.0, scores.means


def test_the_gradients_of_the_brightest_light_stay_within_half_floats() -> None:
    raw = torch.linspace(-11.0, 11.0, 331, dtype=torch.float16)[:, None].repeat(1, 3).requires_grad_(True)
    truth = torch.full((331, 3), HALF_MAX)
    loss = squared_errors(raw.float().exp(), truth, "linear").mean() * half_gradient_scale(331, "linear")
    loss.backward()
    assert raw.grad is not None and 1000.0 < raw.grad.abs().max() < 65504 / 16
    raw = torch.zeros(331, 3, dtype=torch.float16, requires_grad=True)
    loss = squared_errors(raw.float().exp(), truth * 0 + 1.01, "linear").mean() * half_gradient_scale(331, "linear")
    loss.backward()
    assert raw.grad is not None and raw.grad.abs().min() > torch.finfo(torch.float16).smallest_normal


def test_a_run_goes_on_where_it_stood(photo: Path, tmp_path: Path) -> None:
    data = load(photo)
    trainer = begin(data)
    for _ in range(20):
        trainer.step()
    save_run(tmp_path / "run", trainer, {})
    other = load_run(tmp_path / "run", TEST_DEVICE).trainer
    for item in data.items:
        other.primitive.add(item)
    assert psnr_of(other) == pytest.approx(psnr_of(trainer), abs=1e-4)
    for each in (trainer, other):
        each.step()
    for name, tensor in trainer.state().items():
        if name != "trainer.progress":
            assert torch.allclose(tensor, other.state()[name], atol=1e-5), name


def test_a_large_image_is_learnt_from_what_is_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tall = np.concatenate([waves(40, 100), waves(40, 156)]) * 255 + 0.5
    Image.fromarray(tall.astype(np.uint8)).save(tmp_path / "tall.png")
    small = dataclasses.replace(PROFILES[TEST_DEVICE], image_bytes=2 * 66 * 42 * 3)
    monkeypatch.setitem(PROFILES, TEST_DEVICE, small)
    trainer = begin(load(tmp_path / "tall.png"))
    assert trainer.primitive.figures()["share_at_hand"] == 0.5
    train(trainer, STEPS)
    assert psnr_of(trainer) > 28.0


def test_what_is_not_the_image_that_it_learns_is_refused_by_name(photo: Path, tmp_path: Path) -> None:
    trainer = begin(load(photo))
    pixels = np.zeros((64, 96, 3))
    for name, other, words in (
        ("small.png", np.zeros((8, 9, 3), np.uint8), "it is 9x8 pixels, but this run learns 96x64"),
        ("clear.png", np.zeros((64, 96, 4), np.uint8), "it has alpha, but this run learns colour alone"),
        ("other.png", pixels.astype(np.uint8), "photo.png is learnt already, and a run learns one image"),
    ):
        Image.fromarray(other).save(tmp_path / name)
        with pytest.raises(DataError) as error:
            trainer.primitive.add(IMAGE.read_file(tmp_path / name, name, "train"))
        assert str(error.value).startswith(f"{tmp_path / name}: ") and words in str(error.value)
    OpenEXR.File({}, {"RGB": pixels.astype(np.float16)}).write(str(tmp_path / "light.exr"))
    with pytest.raises(DataError, match="it is linear, but this run learns srgb colour"):
        trainer.primitive.add(IMAGE.read_file(tmp_path / "light.exr", "light", "train"))
    own, wanted = load(photo).spec, load(tmp_path / "small.png").spec
    assert IMAGE.difference(own, own) is None
    words = "learnt an image of 96x64 pixels, sRGB, but there is one of 9x8 pixels, sRGB"
    assert IMAGE.difference(own, wanted) == words


def test_an_image_that_can_not_be_read_leaves_the_former_in_its_place(photo: Path) -> None:
    trainer = begin(load(photo))
    photo.write_bytes(photo.read_bytes()[:3000])
    with pytest.raises(DatasetError, match="cut off or damaged"):
        trainer.primitive.add(IMAGE.read_file(photo, photo.name, "train"))
    trainer.step()
    assert trainer.primitive.is_ready and trainer.primitive.items == {"photo.png": "train", SCORED_IMAGE: "test"}


def test_memory_is_asked_for_the_pixels_too(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = dataclasses.replace(load(photo).spec, width=20000, height=20000)
    config = IMAGE.configure(spec, "cpu", TEST_DEVICE, SMALL)
    monkeypatch.setattr("engine.primitives.memory.free_memory", lambda device: config.needed_bytes(device) + (1 << 29))
    with pytest.raises(MemoryShortage, match="these settings need"):
        IMAGE.build(spec, config, TEST_DEVICE)


def test_settings_follow_from_the_images_size_unless_they_are_given(photo: Path) -> None:
    spec = load(photo).spec
    assert IMAGE.configure(spec, "cpu", TEST_DEVICE, {}).field.max_resolution == 48
    assert IMAGE.configure(spec, "gpu", TEST_DEVICE, {"field.max_resolution": 64}).field.max_resolution == 64
    with pytest.raises(ConfigError, match=r"field\.features: 3 is not one of 2, 4"):
        IMAGE.configure(spec, "cpu", TEST_DEVICE, {"field.features": 3})


def test_a_client_has_a_file_learnt_and_scored(photo: Path) -> None:
    posted: list[Message] = []
    request = OpenRun(run="run", primitive=load(photo).spec, overrides=dict(SMALL))
    session = Session(request, photo.parent, TEST_DEVICE, posted.append)
    try:
        for name, split in (("photo", "train"), ("all of it", "test")):
            session.add(AddFile(name=name, split=split, path="photo.png"))
        assert [(m.train_items, m.test_items) for m in posted if isinstance(m, ItemAdded)] == [(1, 0), (1, 1)]
        session.train(Train(running=True, steps=100))
        for _ in range(100):
            session.step()
        session.start_job(StartJob(job="scores", specification=EvaluationSpec()))
        while session.has_job:
            session.advance_job()
        (told,) = (message for message in posted if isinstance(message, Evaluation))
        assert told.step == 100 and told.scores["psnr"] > 25.0 and told.items == {"all of it": told.scores}
    finally:
        session._lock.release()
