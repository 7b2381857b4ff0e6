"""The commands on an image: learnt, scored, gone on with, and written again at other sizes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.cli import main
from engine.data.exr import read_exr
from engine.data.image_file import ImageFile
from engine.runs import read_info
from tests.device import TEST_DEVICE
from tests.engine.primitives.image.pictures import waves

pytestmark = pytest.mark.slow
ON_DEVICE = ["--device", TEST_DEVICE]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "photo.png"
    Image.fromarray((waves(96, 64) * 255 + 0.5).astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def trained(photo: Path) -> Path:
    run = photo.parent / "run"
    command = ["train", str(photo), "--primitive", "image", "--out", str(run), "--preset", "cpu", *ON_DEVICE]
    assert main([*command, "--steps", "20"]) == 0
    return run


def test_an_image_is_learnt_scored_and_gone_on_with(
    trained: Path, photo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    info = read_info(trained)
    assert info["primitive"] == {"width": 96, "height": 64, "color_space": "srgb", "alpha": False, "wraps": False}
    assert [image["split"] for image in info["data"]["images"]] == ["train", "test"]
    first = info["history"][-1]["psnr"]
    assert main(["train", str(photo), "--out", str(trained), "--resume", "--steps", "60", *ON_DEVICE]) == 0
    assert "PSNR" in capsys.readouterr().out
    last = read_info(trained)["history"][-1]
    assert last["step"] == 60 and last["psnr"] > max(first, 25.0)
    assert main(["eval", str(trained), "--json", *ON_DEVICE]) == 0
    assert json.loads(capsys.readouterr().out)["psnr"] == pytest.approx(last["psnr"], abs=1e-3)


def test_it_is_written_at_any_size_and_in_part(trained: Path, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.png", tmp_path / "part.exr"
    assert main(["render", str(trained), "--out", str(whole), *ON_DEVICE]) == 0
    shown = np.asarray(Image.open(whole))
    assert shown.shape == (64, 96, 4) and (shown[..., 3] == 255).all()
    assert np.abs(shown[..., :3] / 255.0 - waves(96, 64)).mean() < 0.06
    assert main(
        ["render", str(trained), "--rectangle", "24,16,48,32", "--size", "192x128", "--out", str(part), *ON_DEVICE]
    ) == 0  # fmt: skip
    light = read_exr(part)["RGBA"]
    assert light.shape == (128, 192, 4) and light.dtype == np.float16
    encoded = ImageFile(whole).rows(16, 48)[:, 24:72, :3] / 255.0
    decoded = np.where(encoded > 0.04045, ((encoded + 0.055) / 1.055) ** 2.4, encoded / 12.92)
    assert np.abs(light[2::4, 2::4, :3].astype(np.float64) - decoded).mean() < 0.03
    assert {path.name for path in tmp_path.iterdir()} == {"part.exr", "whole.png"}, "nothing half-written is left"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rectangle", "90,0,20,20", "--out", "a.png"], "isn't inside the image of 96x64"),
        (["--out", "a.jpg"], "a.jpg: an image is written as .png or .exr"),
        (["--opaque", "--samples", "4", "--out", "a.png"], "--samples, --opaque: only for pictures of cameras"),
        (["--turntable", "--rectangle", "0,0,9,9", "--out", "a"], "--rectangle: only for images"),
        (["--size", "20000x10", "--turntable", "--out", "a"], "--size: pictures of cameras have at most 16384"),
    ],
)
def test_what_can_not_be_written_is_told(
    trained: Path, tmp_path: Path, options: list[str], words: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["render", str(trained), *options, *ON_DEVICE]) == 1
    assert words in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_file_that_can_not_be_learnt_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "words.png").write_text("hello")
    command = ["train", str(tmp_path / "words.png"), "--primitive", "image", "--out", str(tmp_path / "run")]
    assert main([*command, *ON_DEVICE]) == 1
    assert "words.png: the image can't be read" in capsys.readouterr().err
