"""PixelNeRF: what its pictures may and may not change, its gradients, and how often a view is encoded."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from engine.device import PROFILES
from engine.fields.base import FieldError, SampleBatch
from engine.fields.pixel_nerf import PixelNerfConfig, PixelNerfField
from engine.fields.pixel_nerf_network import EMPTY
from engine.fields.source_views import SourcePicture, SourceViews
from engine.fields.unit_cube import UnitCube
from engine.link.geometry import Bounds
from engine.optimizers.row_adam import RowAdam
from engine.primitives.radiance_field.fields import choose_preset
from taichi_kernels.bundles import ActiveSamples, FieldOutputs
from tests.engine.fields.sphere_sources import as_source, as_sources, sphere_sources
from tests.scenes import sphere_bounds, sphere_views

SMALL = PixelNerfConfig(
    encoder_layers=10,
    encoder_width=8,
    encoder_most_width=16,
    encoder_groups=2,
    picture_side=24,
    features=12,
    position_octaves=2,
    width=16,
    view_blocks=2,
    point_blocks=1,
    most_views=3,
)
SAMPLES, RAYS = 70, 9


@pytest.fixture
def build(device: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., PixelNerfField]]:
    """Fields that evaluate their samples in several chunks, in all of float32, with no layer that is still 0."""
    profile = dataclasses.replace(PROFILES[device], chunk_samples=96, half_precision=False)
    monkeypatch.setitem(PROFILES, device, profile)
    precision = torch.get_float32_matmul_precision()

    def build(config: PixelNerfConfig = SMALL) -> PixelNerfField:
        field = config.build(device, 3)
        torch.set_float32_matmul_precision("highest")
        generator = torch.Generator().manual_seed(5)
        field.weights.values += 0.1 * torch.randn(field.weights.values.shape, generator=generator).to(device)
        return field

    yield build
    torch.set_float32_matmul_precision(precision)


def _batch(field: PixelNerfField, points: torch.Tensor | None = None) -> tuple[SampleBatch, torch.Tensor]:
    """Samples in the sphere's unit cube and the directions of their rays."""
    generator = torch.Generator().manual_seed(0)
    batch = field.allocate(SAMPLES, for_training=True)
    batch.points[:] = torch.rand(SAMPLES, 3, generator=generator) if points is None else points
    batch.sample_rays[:] = torch.randint(0, RAYS, (SAMPLES,), generator=generator).int()
    directions = torch.nn.functional.normalize(torch.randn(RAYS, 3, generator=generator))
    return batch, directions.to(field.device)


def _outputs(field: PixelNerfField, sources: SourceViews) -> FieldOutputs:
    field.condition_on(sources)
    return field.forward(*_batch(field))


def _assert_same(one: FieldOutputs, other: FieldOutputs) -> None:
    torch.testing.assert_close(one.densities, other.densities, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(one.colors, other.colors, rtol=1e-3, atol=1e-3)


def test_the_order_of_the_views_changes_nothing(build: Callable[..., PixelNerfField], device: str) -> None:
    field = build()
    for count in (3, 6):  # as many as are asked about a point, and more
        sources = sphere_sources(count, device)
        first = _outputs(field, sources)
        assert first.densities.std() > 0.01 and first.colors.std() > 0.01
        _assert_same(_outputs(field, sources.select(range(count)[::-1])), first)


def test_the_same_weights_take_one_view_or_three_and_each_has_a_say(
    build: Callable[..., PixelNerfField], device: str
) -> None:
    field, sources = build(), sphere_sources(3, device)
    weights = field.weights.values.clone()
    outputs = [_outputs(field, sources.select(views)) for views in ([0], [0, 1], [0, 1, 2])]
    for one, other in itertools.pairwise(outputs):
        assert (one.densities - other.densities).abs().max() > 1e-2
    assert torch.equal(field.weights.values, weights)


def test_moving_the_world_and_the_cameras_together_changes_nothing(
    build: Callable[..., PixelNerfField], device: str
) -> None:
    field, views = build(), sphere_views(3, 24)
    here = _outputs(field, as_sources(views, device))
    # A quarter turn about the vertical axis, and a long way: the box around the subject stays along the axes.
    motion = np.array([[0.0, -1.0, 0.0, 40.0], [1.0, 0.0, 0.0, -7.0], [0.0, 0.0, 1.0, 3.0], [0.0, 0.0, 0.0, 1.0]])
    corners = sphere_bounds().corners @ motion[:3, :3].T + motion[:3, 3]
    cube = UnitCube(Bounds(corners.min(axis=0), corners.max(axis=0)))
    moved = [
        dataclasses.replace(view, camera=dataclasses.replace(view.camera, camera_to_world=motion @ pose))
        for view in views
        for pose in [view.camera.camera_to_world]
    ]
    field.condition_on(SourceViews(tuple(as_source(view, device, cube=cube) for view in moved), linear=True))
    batch, directions = _batch(field)
    turn = torch.from_numpy(motion[:3, :3]).float().to(device)
    batch.points[:] = (batch.points - 0.5) @ turn.T + 0.5
    _assert_same(field.forward(batch, directions @ turn.T), here)


def test_density_does_not_depend_on_where_a_point_is_seen_from(
    build: Callable[..., PixelNerfField], device: str
) -> None:
    field = build()
    field.condition_on(sphere_sources(3, device))
    batch, directions = _batch(field)
    outputs = field.forward(batch, directions)
    densities, colors = outputs.densities.clone(), outputs.colors.clone()
    torch.testing.assert_close(field.density(batch)[:, 0], densities)
    outputs = field.forward(batch, -directions)
    torch.testing.assert_close(outputs.densities, densities)
    assert (outputs.colors - colors).abs().max() > 1e-3


def test_an_untrained_one_shows_the_colours_that_the_views_show(device: str) -> None:
    """What they show of a point on the surface, whose colour doesn't depend on the direction."""
    field = SMALL.build(device, 0)
    field.condition_on(sphere_sources(6, device))
    normals = torch.nn.functional.normalize(torch.randn(SAMPLES, 3, generator=torch.Generator().manual_seed(1)))
    batch, _ = _batch(field, 0.5 + 0.5 / 1.2 * normals)
    batch.sample_rays[:] = torch.arange(SAMPLES)
    raw = field.forward(batch, -normals.to(device)).colors.float()
    shown = torch.nn.functional.softplus(raw) ** 2
    errors = (shown.cpu() - (1.0 + normals) / 2.0).abs().amax(dim=1)
    assert errors.median() < 0.03


def test_without_views_and_where_none_sees_anything_nothing_is(
    build: Callable[..., PixelNerfField], device: str
) -> None:
    field = build()
    batch, directions = _batch(field)
    assert (field.forward(batch, directions).densities == EMPTY).all() and (field.density(batch) == EMPTY).all()
    view = sphere_views(3, 24)[1]
    away = view.camera.camera_to_world.copy()
    away[:3, :3] = away[:3, :3] @ np.diag([-1.0, 1.0, -1.0])  # looks the other way
    blind = dataclasses.replace(view, camera=dataclasses.replace(view.camera, camera_to_world=away))
    outputs = _outputs(field, as_sources([blind], device))
    assert (outputs.densities == EMPTY).all() and torch.isfinite(outputs.colors).all()
    # Nor does it change what others say.
    seeing = as_sources([sphere_views(3, 24)[0]], device)
    _assert_same(_outputs(field, as_sources([sphere_views(3, 24)[0], blind], device)), _outputs(field, seeing))


def test_gradients_are_those_of_the_listed_samples_through_the_encoder_too(
    build: Callable[..., PixelNerfField], device: str
) -> None:
    field = build()
    field.condition_on(sphere_sources(4, device))
    batch, directions = _batch(field)
    generator = torch.Generator().manual_seed(1)
    gradients = FieldOutputs.allocate(SAMPLES, device, field.dtype)
    gradients.densities.copy_(torch.randn(SAMPLES, generator=generator))
    gradients.colors.copy_(torch.randn(SAMPLES, 3, generator=generator))
    rows = torch.randperm(SAMPLES, generator=generator).int().to(device)
    listed = rows[: SAMPLES // 2].long()
    active = ActiveSamples(rows, torch.tensor([len(listed)], dtype=torch.int32))

    def loss(outputs: FieldOutputs) -> torch.Tensor:
        of_densities = (outputs.densities * gradients.densities)[listed].double().sum()
        return of_densities + (outputs.colors * gradients.colors)[listed].double().sum()

    with field.learning_from([0, 2]):
        field.forward(batch, directions)
        field.backward(batch, active, gradients)
    found = field.weights.gradients.clone()
    encoder = sum(parameter.numel() for parameter in field.module.encoder.parameters())
    assert found[:encoder].any() and found[encoder:].any()
    assert torch.equal(field.weights.gradients, found)
    # Along some directions in the space of all weights, as differences of the loss say.
    values = field.weights.values.clone()
    for part in (slice(0, encoder), slice(encoder, None)):
        along = torch.zeros_like(values)
        along[part] = found[part] / found[part].norm()
        sides = []
        for sign in (-1.0, 1.0):
            field.weights.values.copy_(values + sign * 2e-3 * along)
            with field.learning_from([0, 2]):
                sides.append(loss(field.forward(batch, directions)))
        assert float(sides[1] - sides[0]) / 4e-3 == pytest.approx(float(found[part].norm()), rel=0.05)
    field.weights.values.copy_(values)


def test_a_step_knows_only_the_views_that_it_learns_from(build: Callable[..., PixelNerfField], device: str) -> None:
    field, sources = build(), sphere_sources(4, device)
    expected = _outputs(field, sources.select([3, 1]))
    field.condition_on(sources)
    whole = field.forward(*_batch(field))
    with field.learning_from([1, 3]):
        _assert_same(field.forward(*_batch(field)), expected)
    _assert_same(field.forward(*_batch(field)), whole)


def test_each_view_is_encoded_once_until_the_encoder_has_learnt(
    build: Callable[..., PixelNerfField], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    field, sources = build(), sphere_sources(3, device)
    encoded: list[SourcePicture] = []
    encode = field.module.encode

    def count(picture: SourcePicture, linear: bool) -> torch.Tensor:
        encoded.append(picture)
        return encode(picture, linear)

    monkeypatch.setattr(field.module, "encode", count)
    batch, directions = _batch(field)
    field.condition_on(sources.select([0, 1]))
    for _ in range(2):
        field.forward(batch, directions)
        field.density(batch)
    assert encoded == list(sources.pictures[:2])
    field.condition_on(sources)  # one more arrives
    field.forward(batch, directions)
    assert encoded == list(sources.pictures)
    with field.learning_from([0]):
        field.forward(batch, directions)
    field.forward(batch, directions)
    assert encoded == [*sources.pictures, sources.pictures[0], *sources.pictures]


def test_only_the_views_that_are_asked_are_encoded(build: Callable[..., PixelNerfField], device: str) -> None:
    field = build(dataclasses.replace(SMALL, most_views=1))
    field.condition_on(sphere_sources(8, device))
    batch, _ = _batch(field)
    direction = torch.tensor([[0.0, 0.0, -1.0]]).expand(RAYS, -1).contiguous().to(device)
    field.forward(batch, direction)
    assert 0 < sum(field._encoded._is_encoded) < 8


def test_a_frozen_one_keeps_its_weights_and_its_views(build: Callable[..., PixelNerfField], device: str) -> None:
    field, sources = build(), sphere_sources(3, device)
    before = _outputs(field, sources.select([0, 1]))
    densities = before.densities.clone()
    frozen = field.frozen()
    assert frozen.frozen_bytes > field.weights.values.nbytes
    optimizer = RowAdam(field.parameters())
    batch, directions = _batch(field)
    rows = torch.arange(SAMPLES, dtype=torch.int32, device=device)
    active = ActiveSamples(rows, torch.tensor([SAMPLES], dtype=torch.int32, device=device))
    for _ in range(3):
        with field.learning_from([0]):
            outputs = field.forward(batch, directions)
            gradients = FieldOutputs(torch.ones_like(outputs.density_rows), torch.zeros_like(outputs.color_rows))
            field.backward(batch, active, gradients)
        optimizer.step(1e-2)
    field.condition_on(sources)
    assert (field.forward(batch, directions).densities - densities).abs().max() > 0.05
    torch.testing.assert_close(frozen.forward(*_batch(frozen)).densities, densities)


def test_what_was_learnt_carries_over_with_the_views(build: Callable[..., PixelNerfField], device: str) -> None:
    field, other = build(), SMALL.build(device, 8)
    outputs = _outputs(field, sphere_sources(2, device))
    other.condition_on(SourceViews((), linear=True))
    other.load_state({name: tensor.clone() for name, tensor in field.state().items()})
    _assert_same(other.forward(*_batch(other)), outputs)
    larger = dataclasses.replace(SMALL, width=32).build(device, 8)
    with pytest.raises(ValueError, match=r"^field\.weights: expected \[\d+, 1\]"):
        larger.load_state(field.state())
    assert not len(larger.sources)


def test_the_largest_preset_is_small_enough_to_be_handed_on() -> None:
    config = choose_preset("gpu", "cpu", {}, "pixelnerf").field
    assert isinstance(config, PixelNerfConfig)
    parameters = config.build("cpu", 0).weights.values.numel()
    assert 5e6 < parameters < 12e6 / 2  # float16


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoder_layers": 20}, r"^encoder_layers: 20 is not one of 10, 18, 34$"),
        ({"encoder_groups": 3}, r"^encoder_groups: 3 groups don't divide the 8 channels of a stage$"),
        ({"width": 17}, r"^width: 17 is odd$"),
    ],
)
def test_sizes_that_do_not_go_together_are_refused(change: dict[str, int], words: str) -> None:
    with pytest.raises(FieldError, match=words):
        dataclasses.replace(SMALL, **change).check()


def test_lengths_are_those_of_what_the_views_show() -> None:
    assert SMALL.fit(4.0, 100.0).stretch == 4.0 and math.isclose(SMALL.fit(4.0, 0.0).fit(0.5, 0.0).stretch, 2.0)
