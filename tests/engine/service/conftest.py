"""A running engine, clients for it, and a renderer without either."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.link.client import EngineClient
from engine.link.launcher import Address, EngineProcess
from engine.primitives.radiance_field.fields import choose_preset, make_primitive
from engine.primitives.radiance_field.primitive import RadianceFieldPrimitive
from engine.rendering.renderer import Renderer
from engine.training.trainer import Trainer
from tests.device import TEST_DEVICE
from tests.scenes import sphere_bounds, sphere_views

# A field so small that a step takes milliseconds.
TINY = {
    "samples_per_step": 1024,
    "max_rays_per_step": 1024,
    "march_steps": 128,
    "occupancy_resolution": 32,
    "field.log2_table_size": 12,
    "field.levels": 4,
    "field.max_resolution": 64,
}


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineProcess]:
    """One engine for all tests of a module."""
    folder = tmp_path_factory.mktemp("engine")
    engine = EngineProcess(sys.executable, folder / "root", device=TEST_DEVICE, log=folder / "engine.log")
    engine.start()
    engine.wait_ready(120)
    yield engine
    was_running = engine.is_running
    engine.stop(30)
    assert was_running, (folder / "engine.log").read_text()


@pytest.fixture(scope="module")
def address(process: EngineProcess) -> Address:
    return process.wait_ready()


@pytest.fixture(scope="module")
def primitive() -> RadianceFieldPrimitive:
    """A field which has hardly learnt anything."""
    trainer = Trainer(make_primitive(choose_preset("auto", TEST_DEVICE, TINY), sphere_bounds(), "linear", TEST_DEVICE))
    trainer.primitive.add(sphere_views(1, 16)[0])
    for _ in range(5):
        trainer.step()
    return trainer.primitive


@pytest.fixture(scope="module")
def renderer(primitive: RadianceFieldPrimitive) -> Renderer:
    return primitive.viewer()


@pytest.fixture
def connect(address: Address) -> Iterator[Callable[..., EngineClient]]:
    """Makes clients that are connected, and closes them in the end."""
    clients: list[EngineClient] = []

    def make(**options: object) -> EngineClient:
        client = EngineClient(address.host, address.port, address.token, "test", **options)  # type: ignore[arg-type]
        clients.append(client)
        client.connect(20)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def start_engine(tmp_path: Path) -> Iterator[Callable[..., EngineProcess]]:
    """Starts engines of the test's own, and ends them."""
    engines: list[EngineProcess] = []

    def start(root: Path = tmp_path / "root") -> EngineProcess:
        engine = EngineProcess(sys.executable, root, device=TEST_DEVICE, log=tmp_path / "engine.log")
        engines.append(engine)
        engine.start()
        engine.wait_ready(120)
        return engine

    yield start
    for engine in engines:
        engine.stop(10)
