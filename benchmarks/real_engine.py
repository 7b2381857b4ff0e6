"""A real engine in a process of its own and a real client of it in this one, for benchmarks of the link."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.link.client import EngineClient, LinkError
from engine.link.launcher import EngineProcess

PATIENCE = 180.0  # seconds


@contextlib.contextmanager
def connected_engine(device: str) -> Iterator[tuple[EngineProcess, EngineClient]]:
    """Both on this machine, in a folder that is gone afterwards; if the link fails, the engine's log is printed."""
    with tempfile.TemporaryDirectory(prefix="hashlight-benchmark-") as folder:
        log = Path(folder) / "engine.log"
        engine = EngineProcess(sys.executable, Path(folder), device=device, log=log)
        engine.start()
        try:
            address = engine.wait_ready(PATIENCE)
            client = EngineClient(address.host, address.port, address.token, "benchmark")
            client.connect(PATIENCE)
            yield engine, client
            client.close()
        except LinkError:
            print(log.read_text(encoding="utf-8"), file=sys.stderr)
            raise
        finally:
            engine.stop(30)
