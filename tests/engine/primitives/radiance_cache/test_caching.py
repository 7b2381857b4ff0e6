"""Paths that end in a cache, in rooms whose light is known."""

from __future__ import annotations

import pytest
import torch

from engine.fields.surface_radiance import SurfacePoints
from engine.primitives.radiance_cache.caching import CachedTracing, CacheSettings, RadianceCache
from taichi_kernels import runtime
from taichi_kernels.surfaces.path_tracing.bundles import MaterialColumn, PathScene
from taichi_kernels.surfaces.path_tracing.tracing import PathSettings, PathTracer
from tests.taichi_kernels.surfaces.path_tracing.scenes import Material, make_scene, plane, point, rectangle

COUNT = 2048
ALBEDO = 0.75


@pytest.fixture(autouse=True)
def _started(device: str) -> None:
    runtime.start(device)


def _glowing_box(device: str) -> PathScene:
    """A box of 2 metres whose walls, all of one albedo, shine by themselves: each shows 1 / (1 - albedo), of which
    albedo / (1 - albedo) is reflected, after however many bounces."""
    wall = Material(base=(ALBEDO,) * 3, has_layer=False, emission=(1.0, 1.0, 1.0))
    a, b = -1.0, 2.0
    sides = [
        rectangle((a, a, a), (b, 0.0, 0.0), (0.0, b, 0.0)),
        rectangle((a, a, -a), (b, 0.0, 0.0), (0.0, b, 0.0)),
        rectangle((a, a, a), (b, 0.0, 0.0), (0.0, 0.0, b)),
        rectangle((a, -a, a), (b, 0.0, 0.0), (0.0, 0.0, b)),
        rectangle((a, a, a), (0.0, b, 0.0), (0.0, 0.0, b)),
        rectangle((-a, a, a), (0.0, b, 0.0), (0.0, 0.0, b)),
    ]
    return make_scene([(torch.cat(sides[:5]), wall), (sides[5], wall)], device)


def _aim(tracer: PathTracer) -> None:
    """From the middle all around."""
    generator = torch.Generator().manual_seed(1)
    directions = torch.nn.functional.normalize(torch.randn(len(tracer.rays), 3, generator=generator), dim=1)
    tracer.rays.origins.zero_()
    tracer.rays.directions.copy_(directions)
    tracer.rays.t_range[:] = torch.tensor([0.0, 1e18])


def test_the_cache_learns_the_light_of_all_bounces_from_paths_of_a_few(device: str) -> None:
    tracer = PathTracer(_glowing_box(device), COUNT)
    cache = RadianceCache(tracer.scene, CacheSettings(training_share=2))
    tracing, settings = CachedTracing(tracer, cache), PathSettings(bounces=6)
    assert not cache.is_ready
    tracer.paths.radiance.fill_(1e7)  # what many passes before have brought
    for step in range(80):
        _aim(tracer)
        tracing.trace(settings, 1, step)
    tracer.paths.radiance.zero_()
    _aim(tracer)
    tracing.trace(settings, 2, 0)
    cached = float(tracer.paths.radiance.mean())
    tracer.paths.radiance.zero_()
    _aim(tracer)
    tracer.trace(settings, 2, 0)
    whole = float(tracer.paths.radiance.mean())
    wanted = 1.0 / (1.0 - ALBEDO)
    assert cached == pytest.approx(wanted, rel=0.05)
    # Paths without it end after their bounces, and lack the light of all later ones.
    assert whole == pytest.approx(wanted * (1.0 - ALBEDO**8), rel=0.03) and abs(cached - wanted) < abs(whole - wanted)
    _aim(tracer)
    tracer.trace(PathSettings(bounces=0), 3, 0)
    shown = cache.field.shown(cache.points_at(tracer, torch.arange(COUNT, device=device)))
    assert shown.mean().item() == pytest.approx(wanted - 1.0, rel=0.06) and shown.std() < 0.2


class _Recording(RadianceCache):
    """Keeps what it is to learn, and stays as dark as it begins."""

    wanted: torch.Tensor

    def learn(self, at: SurfacePoints, wanted: torch.Tensor, generator: torch.Generator) -> None:
        self.wanted = wanted


@pytest.mark.parametrize("whole_share", [1, 1 << 30])
def test_a_share_of_the_training_paths_learns_from_its_own_light_alone(whole_share: int, device: str) -> None:
    tracer = PathTracer(_glowing_box(device), COUNT)
    cache = _Recording(tracer.scene, CacheSettings(training_share=4, whole_share=whole_share))
    cache.is_ready = True
    _aim(tracer)
    CachedTracing(tracer, cache).trace(PathSettings(bounces=20), 1, 0)
    truth = ALBEDO / (1.0 - ALBEDO)
    assert (float(cache.wanted.mean()) == pytest.approx(truth, rel=0.1)) == (whole_share == 1)


def test_light_that_is_no_number_is_not_learnt(device: str) -> None:
    tracer = PathTracer(_glowing_box(device), COUNT)
    tracer.scene.materials[1, MaterialColumn.EMISSION] = torch.nan
    cache = RadianceCache(tracer.scene, CacheSettings(training_share=4))
    tracing = CachedTracing(tracer, cache)
    for step in range(2):
        _aim(tracer)
        tracing.trace(PathSettings(bounces=1), 1, step)
    assert cache.is_ready and tracer.paths.radiance.isnan().any()
    assert cache.field.shown(cache.points_at(tracer, torch.arange(COUNT, device=device))).isfinite().all()


def test_paths_end_at_the_vertex_where_they_have_spread(device: str) -> None:
    """Off a matt floor they end at the second surface, of whose light none is asked for; off a mirror they go on."""
    for kind, goes_on in (
        (Material(base=(0.8,) * 3, has_layer=False), False),
        (Material(metallic=1.0, roughness=0.0), True),
    ):
        things = [(plane(), kind), (plane(3.0, faces_down=True), Material(base=(0.5,) * 3, has_layer=False))]
        scene = make_scene(things, device, [point((0.0, 0.0, 1.0), 5.0)])
        tracer = PathTracer(scene, COUNT)
        cache = RadianceCache(scene, CacheSettings(training_share=COUNT))
        cache.is_ready = True  # though it shows next to nothing: what is missing then is what paths went without
        tracer.rays.origins[:] = torch.tensor([1.0, 0.0, 2.0])
        tracer.rays.directions[:] = torch.tensor([0.0, 0.0, -1.0])
        tracer.rays.t_range[:] = torch.tensor([0.0, 1e18])
        CachedTracing(tracer, cache).trace(PathSettings(bounces=1), 1, 0)
        ended = tracer.paths.radiance.mean()
        tracer.paths.radiance.zero_()
        tracer.rays.origins[:] = torch.tensor([1.0, 0.0, 2.0])
        tracer.rays.directions[:] = torch.tensor([0.0, 0.0, -1.0])
        tracer.rays.t_range[:] = torch.tensor([0.0, 1e18])
        tracer.trace(PathSettings(bounces=1), 1, 0)
        whole = tracer.paths.radiance.mean()
        assert whole > 0.0 and (abs(float(ended / whole) - 1.0) < 0.02) == goes_on
