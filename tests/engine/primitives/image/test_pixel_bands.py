"""What training draws: the image's own colours, however much of it is at hand."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from engine.data.image_file import ImageFile
from engine.primitives.base import DataError
from engine.primitives.image.pixel_bands import DrawnPixels, PixelBands
from engine.primitives.image.places import Places
from engine.primitives.image.scored_pixels import ScoredPixels, spread_evenly
from tests.device import TEST_DEVICE

WIDTH, HEIGHT = 50, 300
COLORS = np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
ALL, SOME = 1 << 30, 4 * 52 * 66 * 3  # bytes: the latter for four bands of 64 rows, with a border


@pytest.fixture
def file(tmp_path: Path) -> ImageFile:
    Image.fromarray(COLORS).save(tmp_path / "noise.png")
    return ImageFile(tmp_path / "noise.png")


def interpolated(pixels: npt.NDArray[np.generic], points: torch.Tensor, wraps: bool) -> npt.NDArray[np.float64]:
    """Bilinear colours of ``pixels`` at ``points`` of the field."""
    height, width = pixels.shape[:2]
    place = points.cpu().numpy().astype(np.float64) * max(width, height) - 0.5
    corner = np.floor(place).astype(int)
    share = place - corner
    total = np.zeros((len(place), pixels.shape[2]))
    for dx in range(2):
        for dy in range(2):
            x, y = corner[:, 0] + dx, corner[:, 1] + dy
            x = x % width if wraps else x.clip(0, width - 1)
            y = y % height if wraps else y.clip(0, height - 1)
            weight = np.abs(1 - dx - share[:, 0]) * np.abs(1 - dy - share[:, 1])
            total += weight[:, None] * pixels[y, x]
    return total


def assert_true(drawn: DrawnPixels, pixels: npt.NDArray[np.generic], wraps: bool = False) -> None:
    expected = interpolated(pixels, drawn.points, wraps)
    assert np.abs(drawn.colors.cpu().numpy() - expected).max() < 3e-3


@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("most", [ALL, SOME])
def test_colours_are_the_images_whether_it_is_at_hand_as_a_whole_or_in_part(
    file: ImageFile, wraps: bool, most: int
) -> None:
    bands = PixelBands(file, wraps, TEST_DEVICE, most)
    assert bands.share == (1.0 if most == ALL else pytest.approx(4 * 64 / 300))
    seen = np.zeros(HEIGHT, bool)
    for step in range(12):
        drawn = bands.draw(3000, 0, step)
        assert_true(drawn, COLORS / 255.0, wraps)
        seen[(drawn.points[:, 1].cpu().numpy() * HEIGHT).astype(int).clip(0, HEIGHT - 1)] = True
        bands.exchange()
    assert seen.all(), "every row has its turn"


def test_a_pass_reads_the_file_from_the_top_down(file: ImageFile, monkeypatch: pytest.MonkeyPatch) -> None:
    read, rows = list[tuple[int, int]](), ImageFile.rows

    def noted(self: ImageFile, first: int, last: int) -> npt.NDArray[np.generic]:
        read.append((first, last))
        return rows(self, first, last)

    monkeypatch.setattr(ImageFile, "rows", noted)
    bands = PixelBands(file, False, TEST_DEVICE, SOME)
    for _ in range(4):
        bands.exchange()
    assert read[:5] == [(0, 65), (127, 193), (235, 300), (63, 129), (191, 257)] and read[5] == read[0]


def test_the_file_is_let_go_of_when_all_is_at_hand(file: ImageFile) -> None:
    some, every = ImageFile(file.path), ImageFile(file.path)
    kept = [PixelBands(some, False, TEST_DEVICE, SOME), PixelBands(every, False, TEST_DEVICE, ALL)]
    held = weakref.ref(some), weakref.ref(every)
    del some, every
    assert [reference() is not None for reference in held] == [True, False] and len(kept) == 2


def test_no_more_is_at_hand_than_there_is_room_for(file: ImageFile) -> None:
    bands = PixelBands(file, False, TEST_DEVICE, SOME)
    assert bands._pixels.nbytes <= SOME
    with pytest.raises(DataError, match=r"noise.png: a band of its rows needs more than the 0 MiB"):
        PixelBands(file, False, TEST_DEVICE, 100)


def test_straight_alpha_is_multiplied_in_before_anything_is_interpolated(tmp_path: Path) -> None:
    straight = np.concatenate([COLORS, COLORS[..., :1]], axis=2)
    Image.fromarray(straight).save(tmp_path / "alpha.png")
    bands = PixelBands(ImageFile(tmp_path / "alpha.png"), False, TEST_DEVICE, ALL)
    premultiplied = straight / 255.0
    premultiplied[..., :3] *= premultiplied[..., 3:]
    assert_true(bands.draw(2000, 0, 0), premultiplied)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_image_is_learnt_as_it_is_shown(tmp_path: Path, orientation: int) -> None:
    picture = Image.fromarray(COLORS[:40])
    exif = picture.getexif()
    exif[0x112] = orientation
    picture.save(tmp_path / "turned.png", exif=exif)
    file = ImageFile(tmp_path / "turned.png")
    turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)  # as Pillow's transpose
    shown = np.asarray(picture if turn is None else picture.transpose(Image.Transpose(turn)))
    assert file.header.turned_size == (shown.shape[1], shown.shape[0])
    assert_true(PixelBands(file, False, TEST_DEVICE, ALL).draw(2000, 0, 0), shown / 255.0)
    scored = ScoredPixels.read(file)
    place = (scored.points.numpy() * max(file.header.turned_size)).astype(int)
    assert np.abs(shown[place[:, 1], place[:, 0]] / 255.0 - scored.colors.numpy()).max() < 1e-6


def test_a_small_image_is_scored_as_a_whole_and_a_large_one_evenly() -> None:
    x, y = spread_evenly(20, 10, 200)
    assert sorted(zip(y, x, strict=True)) == [(row, column) for row in range(10) for column in range(20)]
    x, y = spread_evenly(1000, 700, 5000)
    assert 3500 < len(x) <= 5000 and (np.diff(y) >= 0).all()
    squares = np.histogram2d(x, y, bins=(5, 5), range=((0, 1000), (0, 700)))[0]
    assert squares.min() > 0.8 * squares.mean() and x.min() >= 0 and x.max() < 1000 and y.max() < 700
    assert np.unique(x % 12).size == 12, "no column is left out by its number"


def test_places_are_in_units_of_the_longer_side() -> None:
    places = torch.tensor([[50.0, 20.0]])
    assert Places(100, 40).to_points(places).tolist() == [[0.5, pytest.approx(0.2)]]
