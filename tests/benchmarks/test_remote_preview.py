"""The benchmark of previews over a slow network: through the engine's own server and device process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import remote_preview
from engine.link.client import EngineClient

pytestmark = pytest.mark.slow


def test_pictures_come_as_from_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_preview, "SIZE", (64, 48))
    color = np.random.default_rng(0).random((3, 48, 64, 4)).astype(np.float16)
    np.savez(tmp_path / "pictures.npz", color=color, depth=np.ones((3, 48, 64), np.float32))
    with remote_preview.pictures_served(tmp_path / "pictures.npz", 1e6) as port:
        client = EngineClient("127.0.0.1", port, remote_preview.TOKEN, "test", same_host=False)
        client.connect(60)
        for what in ("colour, lossless", "colour and depth"):
            row = remote_preview.measure(client, what, remote_preview.ONE_BY_ONE, 1.0)
            assert row["frames_per_second"] > 0 and row["latency_ms"] > 0
        client.close()
