"""Views that a field is conditioned on: how they are reduced, and that what is looked up is where a camera shows it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from engine.data.views import View
from engine.fields.source_channels import CHANNELS, encoder_channels
from engine.fields.source_views import MASKED, NOTHING, UNKNOWN, SourceViews
from engine.fields.view_choice import Sightings
from engine.link.geometry import Camera
from tests.engine.fields.sphere_sources import CUBE, as_source, as_sources, sphere_sources
from tests.scenes import CENTER, as_fisheye, sphere_cameras, sphere_views

# Pixels that aren't square, a middle that isn't the picture's.
PINHOLE = dataclasses.replace(sphere_cameras(3, 32)[1], width=41, height=28, fx=44.0, fy=31.0, cx=22.0, cy=13.0)
DISTORTED = dataclasses.replace(PINHOLE, k1=-0.2, k2=0.05, p1=0.01, p2=-0.02)
LENSES = {"pinhole": PINHOLE, "distorted": DISTORTED, "fisheye": as_fisheye(PINHOLE)}


def _blank(camera: Camera) -> View:
    return View("blank", camera, np.zeros((camera.height, camera.width, 4), np.float16), "linear")


def _seen_at(camera: Camera, points: np.ndarray) -> np.ndarray:
    """Pixels [n, 2] of points in the world, by the formulas of OpenCV's manual."""
    local = (points - camera.position) @ camera.camera_to_world[:3, :3]
    x, y = local[:, 0] / -local[:, 2], -local[:, 1] / -local[:, 2]
    radius = np.hypot(x, y)
    if camera.is_fisheye:
        theta = np.arctan(radius)
        scale = theta * (1 + sum(k * theta ** (2 * i + 2) for i, k in enumerate(camera.lens_terms))) / radius
        seen_x, seen_y = x * scale, y * scale
    else:
        radial = 1 + camera.k1 * radius**2 + camera.k2 * radius**4
        seen_x = x * radial + 2 * camera.p1 * x * y + camera.p2 * (radius**2 + 2 * x**2)
        seen_y = y * radial + camera.p1 * (radius**2 + 2 * y**2) + 2 * camera.p2 * x * y
    return np.stack([camera.fx * seen_x + camera.cx, camera.fy * seen_y + camera.cy], axis=1)


def _to_cube(points: np.ndarray, device: str) -> torch.Tensor:
    return torch.from_numpy((points - CUBE.bounds.center) * CUBE.scale + 0.5).float().to(device)


@pytest.mark.parametrize("lens", LENSES)
def test_features_and_colours_are_those_of_the_pixel_where_a_point_is_seen(lens: str, device: str) -> None:
    camera = LENSES[lens]
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(41.0), indexing="ij")
    colors = torch.stack([columns + 0.5, rows + 0.5, torch.zeros_like(rows), torch.ones_like(rows)], dim=-1)
    view = dataclasses.replace(_blank(camera), color=colors.half().numpy())
    sources = as_sources([_blank(sphere_cameras(3, 20)[0]), view], device)
    # Every feature says of which pixel it is: that in twice its row and column.
    first = torch.full((100, 2), -1.0)
    rows, columns = torch.meshgrid(torch.arange(14.0), torch.arange(21.0), indexing="ij")
    own = torch.stack([2 * columns + 0.5, 2 * rows + 0.5], dim=-1).view(-1, 2)
    table = torch.cat([first, own]).to(device)
    points = CENTER + np.random.default_rng(0).uniform(-0.45, 0.45, (60, 3))
    expected = torch.from_numpy(_seen_at(camera, points)).float().to(device)
    shown = ((expected > 0.5) & (expected < torch.tensor([40.5, 26.5], device=device))).all(dim=1)
    assert shown.sum() > 40
    seen = Sightings.find(sources, _to_cube(points, device), 1.0)
    torch.testing.assert_close(seen.places[shown, 1], expected[shown], rtol=0.0, atol=2e-3)
    features = sources.features_at(table, seen.views, seen.places)[shown, 1]
    torch.testing.assert_close(features, expected[shown], rtol=0.0, atol=2e-3)
    pixels = sources.colors_at(seen.views, seen.places)[shown, 1, :2]
    torch.testing.assert_close(pixels, expected[shown], rtol=0.0, atol=2e-3)


def test_outside_its_middles_a_picture_goes_on_as_its_border(device: str) -> None:
    colors = torch.arange(6.0).view(2, 3, 1).expand(-1, -1, 4).half().numpy()
    camera = dataclasses.replace(PINHOLE, width=3, height=2)
    sources = as_sources([dataclasses.replace(_blank(PINHOLE), camera=camera, color=colors)], device)
    places = torch.tensor([[[0.5, 0.5], [1.0, 0.5], [2.0, 1.0], [-4.0, 9.0], [2.9, 0.1]]], device=device)
    views = torch.zeros(1, 5, dtype=torch.int64, device=device)
    assert sources.colors_at(views, places)[0, :, 0].tolist() == [0.0, 0.5, 3.0, 3.0, 2.0]
    assert sources.inside(views, places)[0].tolist() == [True, True, True, False, True]


def test_a_large_view_is_reduced_and_keeps_its_camera_and_its_depth(device: str) -> None:
    camera = sphere_cameras(3, 60)[0]
    large = sphere_views(1, 60, [camera])[0]
    small = as_source(large, device, side=20)
    assert small.size == (20, 20)
    same = as_source(sphere_views(1, 20, [camera.resized(20, 20)])[0], device)
    torch.testing.assert_close(small.camera, same.camera)
    # In the middle of each pixel of the small picture is that of one of the large one, as 3 is odd.
    torch.testing.assert_close(small.depths, same.depths)
    means = torch.from_numpy(large.color).to(device).float().view(20, 3, 20, 3, 4).mean(dim=(1, 3))
    torch.testing.assert_close(small.colors.float(), means, rtol=0.0, atol=2e-3)
    assert as_source(large, device, side=60).size == (60, 60)


def test_what_is_not_captured_is_told_from_what_is_not_there(device: str) -> None:
    color = np.ones((1, 6, 4), np.float16)
    color[0, 4:] = 0.0
    depth = np.array([[2.0, 0.0, -np.inf, np.inf, 0.0, 5.0]], np.float32)
    camera = dataclasses.replace(PINHOLE, width=6, height=1)
    view = View("few", camera, color, "linear", depth)
    depths = as_source(view, device).depths[0].tolist()
    known = pytest.approx(2.0 * CUBE.scale)
    assert depths == [known, UNKNOWN, MASKED, NOTHING, NOTHING, pytest.approx(5.0 * CUBE.scale)]
    assert not as_source(view, device).colors[0, 2].any()  # what is masked may be anything
    photograph = as_source(dataclasses.replace(view, depth=None), device)
    assert photograph.depths[0].tolist() == [UNKNOWN] * 4 + [NOTHING] * 2


def test_the_encoder_sees_depth_normals_and_directions_in_camera_space(device: str) -> None:
    camera = sphere_cameras(3, 41)[0]
    view = sphere_views(1, 41, [camera])[0]
    channels = encoder_channels(as_source(view, device), linear=True, stretch=1.0)[0].cpu()
    assert channels.shape == (CHANNELS, 41, 41) and torch.isfinite(channels).all()
    hit = torch.from_numpy(np.isfinite(view.depth))
    assert torch.equal(channels[4] > 0.0, hit)
    assert not channels[5:9, ~hit].any()
    # The camera looks at the sphere's middle: its surface there faces the camera, and is a radius before the middle.
    torch.testing.assert_close(channels[6:9, 20, 20], torch.tensor([0.0, 0.0, 1.0]), rtol=0.0, atol=1e-3)
    assert channels[5, 20, 20] == pytest.approx(np.tanh(-0.5 * CUBE.scale), abs=1e-3)
    assert channels[6, 20, 28] > 0.1 and channels[7, 12, 20] > 0.1  # to the right, and up
    torch.testing.assert_close(channels[9:12].norm(dim=0), torch.ones(41, 41))
    torch.testing.assert_close(channels[9:12, 20, 20], torch.tensor([0.0, 0.0, -1.0]), rtol=0.0, atol=1e-3)
    assert channels[9, 20, 40] > 0.2 and channels[10, 0, 20] > 0.2


def test_they_are_read_back_as_they_were(device: str) -> None:
    sources = SourceViews(sphere_sources(2, device).pictures + sphere_sources(1, device, 17).pictures, linear=True)
    again = SourceViews((), linear=True).read(sources.state(), device)
    assert len(again) == 3 and all(one.equals(two) for one, two in zip(again.pictures, sources.pictures, strict=True))
    assert len(again.read(SourceViews((), linear=True).state(), device)) == 0
    assert all(torch.isfinite(tensor).all() for tensor in sources.state().values())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sources.cameras", None, r"^sources\.cameras: missing or of another size or kind$"),
        ("sources.cameras", torch.zeros(2, 12), r"^sources\.cameras: missing or of another"),
        (
            "sources.sizes",
            torch.tensor([[24, 24], [24, 0]]),
            r"^sources\.sizes: 2 sizes for 2 cameras, or an empty one",
        ),
        ("sources.sizes", torch.tensor([[24, 24]]), r"^sources\.sizes: 1 sizes for 2 cameras"),
        ("sources.sizes", torch.tensor([[24, 24], [24, 25]]), r"^sources\.colors: expected 1176 pixels, found 1152$"),
        ("sources.depths", torch.zeros(7), r"^sources\.colors: expected 1152 pixels"),
    ],
)
def test_a_damaged_state_is_refused_by_name(name: str, value: torch.Tensor | None, words: str, device: str) -> None:
    state = sphere_sources(2, device).state()
    changed = {key: tensor for key, tensor in state.items() if key != name} | ({} if value is None else {name: value})
    with pytest.raises(ValueError, match=words):
        SourceViews((), linear=True).read(changed, device)


def _places(*places: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(places)[:, None]


def _with_depth(depth: np.ndarray, device: str) -> SourceViews:
    """One view that has this depth."""
    height, width = depth.shape
    camera = dataclasses.replace(sphere_cameras(1, 32)[0], width=width, height=height)
    color = np.ones((height, width, 4), np.float16)
    view = View("view", camera, color, "linear", depth.astype(np.float32))
    return as_sources([view], device)


def test_the_depth_of_a_slanted_plane_is_that_of_the_plane_between_pixels(device: str) -> None:
    columns, rows = np.meshgrid(np.arange(20) + 0.5, np.arange(16) + 0.5)
    plane = 1.0 / (0.4 + 0.008 * columns - 0.005 * rows)
    sources = _with_depth(plane / CUBE.scale, device)
    places = _places((3.1, 4.9), (10.0, 8.0), (12.5, 3.5), (18.9, 14.7)).to(device)
    wanted = 1.0 / (0.4 + 0.008 * places[:, 0, 0] - 0.005 * places[:, 0, 1])
    found = sources.depths_at(torch.zeros(4, 1, dtype=torch.int64, device=device), places)
    torch.testing.assert_close(found[:, 0], wanted, rtol=1e-5, atol=0.0)


def test_depth_is_never_mixed_from_two_surfaces_nor_from_what_is_not_known(device: str) -> None:
    depth = np.full((12, 12), 2.0)
    depth[:, 4:] = 2.6  # behind, far more than a pixel is wide there
    depth[:, 8:] = np.inf
    depth[6:] = 0.0  # not known
    sources = _with_depth(depth / CUBE.scale, device)
    places = _places((3.9, 2.5), (4.1, 2.5), (7.9, 2.5), (8.1, 2.5), (2.0, 5.9), (2.0, 6.1)).to(device)
    found = sources.depths_at(torch.zeros(6, 1, dtype=torch.int64, device=device), places)[:, 0]
    assert found.tolist() == pytest.approx([2.0, 2.6, 2.6, NOTHING, 2.0, UNKNOWN])
