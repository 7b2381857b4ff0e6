"""The path tracer's light beside what it must be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch

from taichi_kernels import runtime
from taichi_kernels.surfaces.path_tracing.bundles import Strategy
from taichi_kernels.surfaces.path_tracing.tracing import PathSettings
from tests.taichi_kernels.surfaces.path_tracing.scenes import (
    Material,
    Triple,
    look,
    make_scene,
    plane,
    point,
    rectangle,
    sun,
)

DOWN: Triple = (0.3, 0.1, -1.0)
ABOVE: Triple = (-0.3, -0.1, 1.0)
MATT = Material(base=(0.6, 0.4, 0.2), has_layer=False)


@pytest.fixture(autouse=True)
def _started(device: str) -> None:
    runtime.start(device)


def _assert_close(
    found: tuple[torch.Tensor, torch.Tensor], wanted: float | Sequence[float], within: float = 2e-3
) -> None:
    """Within four standard errors, and a part of it for tables and float32."""
    mean, error = found
    expected = torch.as_tensor(wanted, dtype=torch.float64).expand(3)
    assert (mean - expected).abs().le(4.0 * error + within * expected.abs()).all(), (mean, error, expected)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_a_matt_surface_in_even_light_has_exactly_its_colour(level: float, device: str) -> None:
    scene = make_scene([(plane(), MATT)], device, environment=level)
    _assert_close(look(scene, ABOVE, DOWN, 4000), tuple(level * c for c in MATT.base), 1e-5)


@pytest.mark.parametrize("roughness", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        # White furnaces: what no lobe takes for itself comes back whole.
        (Material(metallic=1.0), 0.01),
        (Material(), 0.01),
        (Material(transmission=1.0), 0.015),
        (Material(metallic=0.3, transmission=0.5), 0.015),
    ],
    ids=["metal", "coated", "glass", "mixed"],
)
def test_a_white_surface_in_even_light_is_not_seen(kind: Material, loss: float, roughness: float, device: str) -> None:
    kind.roughness = roughness
    scene = make_scene([(plane(), kind)], device, environment=1.0)
    for direction in (DOWN, (3.0, 0.0, -1.0)):
        origin = (-direction[0], -direction[1], -direction[2])
        _assert_close(look(scene, origin, direction, 4000), 1.0, loss)


def test_a_sun_lights_a_plane_by_its_cosine(device: str) -> None:
    for angle in (0.0, 0.05):
        scene = make_scene([(plane(), MATT)], device, [sun((1.0, 0.0, 1.0), 3.0, angle)])
        wanted = tuple(c / math.pi * 3.0 * math.sqrt(0.5) for c in MATT.base)
        _assert_close(look(scene, ABOVE, DOWN, 4000), wanted, 1e-3)


def test_a_point_lights_a_plane_by_its_distance(device: str) -> None:
    scene = make_scene([(plane(), MATT)], device, [point((0.0, 0.0, 2.0), 5.0)])
    _assert_close(look(scene, ABOVE, DOWN, 1000), tuple(c / math.pi * 5.0 / 4.0 for c in MATT.base), 1e-4)
    aside = look(scene, (-0.3 + 2.0, -0.1, 1.0), DOWN, 1000)
    _assert_close(aside, tuple(c / math.pi * 5.0 / 8.0 * math.sqrt(0.5) for c in MATT.base), 1e-4)


def test_a_square_light_has_its_form_factor(device: str) -> None:
    """Of a square parallel to the plane, straight above the point (Howell's catalogue, B-4), for four quarters."""
    half, height = 0.5, 1.0
    light = rectangle((-half, -half, height), (0.0, 2 * half, 0.0), (2 * half, 0.0, 0.0))
    a = half / height
    root = math.sqrt(1.0 + a * a)
    factor = 4.0 * (2.0 * a / root * math.atan(a / root)) / (2.0 * math.pi)
    emission = Material(base=(0.0, 0.0, 0.0), has_layer=False, emission=(7.0, 7.0, 7.0), is_lamp=True)
    scene = make_scene([(plane(), MATT), (light, emission)], device)
    _assert_close(look(scene, (-0.15, -0.05, 0.5), DOWN), tuple(c * 7.0 * factor for c in MATT.base), 1e-3)
    behind = make_scene([(plane(), MATT), (light.flip(1), emission)], device)
    assert look(behind, (-0.15, -0.05, 0.5), DOWN, 100)[0].max() == 0.0


def test_a_lamp_is_seen_by_mirrors_alone_and_casts_no_shadow(device: str) -> None:
    lamp = rectangle((-0.5, -0.5, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    shining = Material(base=(0.0, 0.0, 0.0), has_layer=False, emission=(7.0, 7.0, 7.0), is_lamp=True)
    mirror = Material(metallic=1.0, roughness=0.0)
    scene = make_scene([(plane(), mirror), (lamp, shining)], device, environment=0.5)
    # Down past the lamp, off the mirror and through the lamp's front to the sky.
    _assert_close(look(scene, (0.0, 0.0, 0.5), (0.0, 0.0, -1.0), 1000), 7.5, 1e-3)
    # Through the lamp from behind, off the mirror, and again.
    _assert_close(look(scene, (0.0, 0.0, 2.0), (0.0, 0.0, -1.0), 1000), 7.5, 1e-3)
    _assert_close(look(scene, (0.0, 0.0, 0.5), (0.0, 0.0, 1.0), 1000), 0.5, 1e-3)
    # Passing lamps costs no bounce.
    _assert_close(look(scene, (0.0, 0.0, 0.5), (0.0, 0.0, -1.0), 100, PathSettings(bounces=0)), 7.5, 1e-3)
    matt = make_scene([(plane(), MATT), (lamp.flip(1), shining)], device, environment=1.0)
    _assert_close(look(matt, (-0.15, -0.05, 0.5), DOWN, 4000), MATT.base, 1e-4)


@pytest.mark.parametrize(
    "material",
    [MATT, Material(roughness=0.3, base=(0.5, 0.5, 0.5)), Material(metallic=1.0, roughness=0.4, base=(0.9, 0.6, 0.3))],
    ids=["matt", "coated", "metal"],
)
def test_however_light_is_found_it_is_the_same_in_the_mean(material: Material, device: str) -> None:
    """An open room with a lamp of triangles, a sun and a sky that is brighter on one side."""
    sky = torch.zeros(8, 16, 3)
    sky[:3, 2:7] = torch.tensor([0.5, 1.0, 2.0])
    lamp = rectangle((-0.5, -0.5, 1.5), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    wall = rectangle((1.0, -2.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 3.0))
    things = [(plane(), material), (lamp, Material(emission=(4.0, 3.0, 2.0), is_lamp=True)), (wall, MATT)]
    scene = make_scene(things, device, [sun((-1.0, 0.5, 1.0), 2.0, 0.4)], sky)
    found = [
        look(scene, (-0.3, -0.1, 1.0), DOWN, 40_000, PathSettings(bounces=2, strategy=strategy))
        for strategy in Strategy
    ]
    for mean, error in found[1:]:
        together = (error**2 + found[0][1] ** 2).sqrt()
        assert (mean - found[0][0]).abs().le(4.5 * together).all(), (mean, found[0])
    # And both together are no noisier than the better one by much.
    assert (found[0][1] <= 1.5 * torch.minimum(found[1][1], found[2][1])).all()


def test_glass_shows_what_is_behind_it_shifted_by_its_thickness(device: str) -> None:
    """Through a pane of 1 at 45 degrees: displaced by tan(45) - tan(asin(sin(45) / 1.5)), darker by its reflections."""
    pane = torch.cat([plane(1.0), plane(0.0, faces_down=True)])
    shift = 1.0 - math.tan(math.asin(math.sqrt(0.5) / 1.5))
    glass = Material(transmission=1.0, roughness=0.0)
    lit = Material(base=(0.0, 0.0, 0.0), has_layer=False, emission=(1.0, 1.0, 1.0))
    # From (-2, 0, 2) at 45 degrees a ray meets z = -1 at x = 1 - shift: inside one strip, outside of the other.
    for low, wanted in ((1.0 - shift - 0.02, True), (1.0 - shift + 0.02, False)):
        strip = rectangle((low, -1.0, -1.0), (0.5, 0.0, 0.0), (0.0, 2.0, 0.0))
        mean, _ = look(make_scene([(pane, glass), (strip, lit)], device), (-2.0, 0.0, 2.0), (1.0, 0.0, -1.0), 4000)
        assert (mean[0] > 0.85) == wanted and (wanted or mean[0] < 0.1), mean
    # Of the light of a pane's back, what is reflected once or thrice goes back: the series of Stokes.
    cosine = math.cos(math.asin(math.sqrt(0.5) / 1.5))
    s = ((math.sqrt(0.5) - 1.5 * cosine) / (math.sqrt(0.5) + 1.5 * cosine)) ** 2
    p = ((1.5 * math.sqrt(0.5) - cosine) / (1.5 * math.sqrt(0.5) + cosine)) ** 2
    once = 0.5 * (s + p)
    wide = rectangle((-40.0, -40.0, -1.0), (80.0, 0.0, 0.0), (0.0, 80.0, 0.0))
    through = look(make_scene([(pane, glass), (wide, lit)], device), (-2.0, 0.0, 2.0), (1.0, 0.0, -1.0), 40_000)
    _assert_close(through, (1.0 - once) ** 2 / (1.0 - once**2), 3e-3)


@pytest.mark.parametrize("eta", [1.0, 1.0 + 5e-5])
def test_glass_that_does_not_refract_is_not_seen_however_rough(eta: float, device: str) -> None:
    glass = Material(base=(0.25, 0.25, 0.25), transmission=1.0, roughness=0.5, eta=eta)
    lit = Material(base=(0.0, 0.0, 0.0), has_layer=False, emission=(1.0, 1.0, 1.0))
    narrow = rectangle((-0.01, -0.01, -1.0), (0.02, 0.0, 0.0), (0.0, 0.02, 0.0))
    scene = make_scene([(plane(), glass), (narrow, lit)], device, environment=0.5)
    _assert_close(look(scene, (0.0, 0.0, 1.0), (0.0, 0.0, -1.0), 1000), 0.5, 1e-4)


def test_a_texture_lies_where_its_coordinates_say(device: str) -> None:
    """Its first row is at the top, v = 1; the pixels' middles have exactly their colours."""
    texture = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0], [0.5, 0.5, 0.5]]])
    square = rectangle((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    names = torch.full((1, 5), -1, dtype=torch.int32)
    names[0, 0] = 0
    things, uvs = [(square, Material(has_layer=False))], square[..., :2].clone()
    parts = {"uvs": uvs, "material_textures": names, "textures": [texture]}
    scene = make_scene(things, device, environment=1.0, **parts)
    for x, y, wanted in ((0.25, 0.75, texture[0, 0]), (0.75, 0.75, texture[0, 1]), (0.25, 0.25, texture[1, 0])):
        _assert_close(look(scene, (x, y, 1.0), (0.0, 0.0, -1.0), 100), tuple(wanted.tolist()), 1e-3)
    _assert_close(look(scene, (0.5, 0.5, 1.0), (0.0, 0.0, -1.0), 100), tuple(texture.mean(dim=(0, 1)).tolist()), 1e-3)
    # sRGB is blended before it is made linear.
    encoded = make_scene(things, device, environment=1.0, encodings=[1], **parts)
    wanted = ((texture.mean(dim=(0, 1)) + 0.055) / 1.055) ** 2.4
    _assert_close(look(encoded, (0.5, 0.5, 1.0), (0.0, 0.0, -1.0), 100), tuple(wanted.tolist()), 1e-3)


def test_the_environment_turns_as_blender_has_it(device: str) -> None:
    """+X in its middle, +Y a quarter to the left, the zenith above."""
    sky = torch.zeros(9, 16, 3)
    sky[4, 7:9, 0], sky[4, 3:5, 1], sky[:2, :, 2] = 1.0, 1.0, 1.0
    far = rectangle((100.0, 100.0, 100.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    scene = make_scene([(far, MATT)], device, environment=sky)
    for direction, wanted in (((1.0, 0, 0), (1.0, 0, 0)), ((0, 1.0, 0), (0, 1.0, 0)), ((0, 0, 1.0), (0, 0, 1.0))):
        _assert_close(look(scene, (0.0, 0.0, 0.0), direction, 10), wanted, 1e-3)
    hidden = look(scene, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0), 10, PathSettings(hides_environment=True))
    assert hidden[0].max() == 0.0


def test_a_tall_environment_lights_as_much_by_its_poles_as_elsewhere(device: str) -> None:
    """Rows of 1.5e-4 radians: those at the poles are a few times 1e-8 of the sphere, one of them is black."""
    sky = torch.zeros(20_000, 2, 3)
    sky[1:9] = 1e6
    far = rectangle((100.0, 100.0, 100.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    pole = look(make_scene([(far, MATT)], device, environment=sky), (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 10)
    _assert_close(pole, 0.0, 1e-3)
    # All of it comes from straight above, from rows 1 to 8.
    solid_angle = 2.0 * math.pi * (math.cos(math.pi / 20_000) - math.cos(9.0 * math.pi / 20_000))
    lit = look(make_scene([(plane(), MATT)], device, environment=sky), ABOVE, DOWN, 4000)
    _assert_close(lit, tuple(c / math.pi * 1e6 * solid_angle for c in MATT.base), 0.02)


def test_the_same_seed_gives_the_same_light_and_another_another(device: str) -> None:
    scene = make_scene([(plane(), Material(base=(0.5, 0.5, 0.5)))], device, [point((0.0, 0.0, 2.0), 5.0)], 0.5)
    first, again, other = (look(scene, ABOVE, DOWN, 500, seed=seed)[0] for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_without_any_light_all_is_black(device: str) -> None:
    scene = make_scene([(plane(), Material())], device)
    assert look(scene, ABOVE, DOWN, 100)[0].max() == 0.0
