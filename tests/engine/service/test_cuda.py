"""The engine on a graphics card: what is decided by the device process being the one that has it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.hardware import gpu_memory
from engine.link.client import EngineClient
from engine.link.messages import AddView, Frame, OpenRun, RequestFrame, Status, Train
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.faults.conftest import Served, serve, wait_until  # noqa: F401  # a fixture
from tests.scenes import sphere_field, sphere_views

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(TEST_DEVICE != "cuda", reason="on CUDA alone: HASHLIGHT_TEST_DEVICE=cuda"),
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc"),
]
Serve = Callable[..., Served]


def _train(engine: Served) -> EngineClient:
    client = engine.client()
    view = sphere_views(1, 32)[0]
    client.send(OpenRun(run="r", primitive=sphere_field(), overrides=TINY))
    client.send(AddView(name="a", split="train", camera=view.camera, color=view.color, depth=view.depth))
    client.send(Train(running=True))
    client.wait_for(Status, 120, lambda status: status.step >= 3)
    return client


def _uses_card(pid: int) -> bool:
    return "libcuda" in Path(f"/proc/{pid}/maps").read_text()


def test_the_device_process_alone_has_the_card(serve: Serve) -> None:  # noqa: F811
    engine = serve()
    client = _train(engine)
    assert client.welcome is not None and client.welcome.device == "cuda"
    client.send(RequestFrame(request=1, camera=sphere_views(1, 32)[0].camera))
    assert client.wait_for(Frame, 60).color.any()
    assert _uses_card(engine.device_pid) and not _uses_card(engine.process.pid)


def test_a_killed_device_process_gives_the_cards_memory_back(serve: Serve) -> None:  # noqa: F811
    before = gpu_memory()
    engine = serve()
    _train(engine)
    taken = before - gpu_memory()
    assert taken > 0
    os.kill(engine.device_pid, signal.SIGKILL)
    assert engine.process.wait(30) == 1
    assert wait_until(lambda: before - gpu_memory() < taken // 4, 20)
