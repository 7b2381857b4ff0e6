"""Messages that are too large to be sent in one piece."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.link import connection
from engine.link.client import EngineClient
from engine.link.messages import AddView, ItemAdded, OpenRun, RunOpened
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_cameras, sphere_field


@pytest.mark.slow
@pytest.mark.parametrize(("same_host", "compression"), [(True, "zstd"), (False, "zstd"), (False, "zlib")])
def test_a_view_of_many_fragments_arrives(
    connect: Callable[..., EngineClient], monkeypatch: pytest.MonkeyPatch, same_host: bool, compression: str
) -> None:
    monkeypatch.setattr("engine.link.client.best_compression", lambda: compression)
    client = connect(same_host=same_host)
    client.send(OpenRun(run=f"large-{same_host}-{compression}", primitive=sphere_field(), overrides=TINY))
    client.wait_for(RunOpened, 120.0)
    camera = sphere_cameras(1, 400)[0]
    color = np.random.default_rng(0).random((400, 400, 4)).astype(np.float16)
    depth = np.full((400, 400), np.inf, np.float32)
    assert color.nbytes > 4 * connection._FRAGMENT_BYTES
    client.send(AddView(name="large", split="test", camera=camera, color=color, depth=depth))
    assert client.wait_for(ItemAdded, 60.0).test_items == 1
