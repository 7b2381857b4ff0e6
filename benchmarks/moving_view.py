"""How long a picture of a moving view takes while views wait to be added; kept in benchmarks/results/.

    python -m benchmarks.moving_view [--device cpu] [--requests 200] [--queued 40] [--size 256]

A real engine in a process of its own, a real client in this one, on one machine. A field of a sphere trains; there are
always so many views that the client has sent and the engine has not added yet, and one picture after another is asked
for, each as soon as the last one is there. Measured from the request to the picture in the client's memory; and how
much CPU time the engine's two processes use for each, which other work on the machine doesn't change (Linux).
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.real_engine import PATIENCE, connected_engine
from benchmarks.results import add_no_result, write_result
from engine.cli.arguments import add_device
from engine.link.client import EngineClient
from engine.link.launcher import EngineProcess
from engine.link.messages import AddView, Frame, ItemAdded, Message, OpenRun, Problem, RequestFrame, Status, Train
from engine.machine import device_name, versions
from engine.service.cpu_time import cpu_seconds_of
from taichi_kernels.runtime import choose_device
from tests.scenes import sphere_cameras, sphere_field, sphere_views

FIRST_VIEWS = 8
PICTURE = 400  # pixels a side of the pictures that are asked for


def main() -> int:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_device(parser)
    parser.add_argument("--requests", type=int, default=200, help="pictures of each kind (default: %(default)s)")
    parser.add_argument("--queued", type=int, default=40, help="views that wait (default: %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="pixels a side of these (default: %(default)s)")
    add_no_result(parser)
    options = parser.parse_args()
    device = choose_device(options.device)
    with connected_engine(device) as (engine, client):
        rows = measure(client, _engine_pids(engine), options.requests, options.queued, options.size)
    for row in rows:
        print(", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{value}" for key, value in row.items()))
    if not options.no_result:
        size = [options.size, options.size]
        facts = {"dataset": "sphere", "size": size, "device": device, "device_name": device_name(device)}
        write_result("moving", facts | {"versions": versions(), "rows": rows})
    return 0


def measure(client: EngineClient, pids: Sequence[int], requests: int, queued: int, size: int) -> list[dict[str, Any]]:
    """With no views waiting, and with ``queued``. ``pids``: the engine's processes."""
    views = _views(size)
    client.send(OpenRun(run="moving", primitive=sphere_field()))
    for view in itertools.islice(views, FIRST_VIEWS):
        client.send(view)
    client.wait_for(ItemAdded, PATIENCE, lambda added: added.train_items == FIRST_VIEWS)
    client.send(Train(running=True))
    client.wait_for(Status, PATIENCE, lambda status: status.seconds > 3.0)
    asked = _requests()
    for _ in range(20):  # sizes of moving pictures settle
        _ask(client, next(asked), [])
    rows = []
    for waiting in (0, queued):
        outstanding: list[str] = []
        frames: list[tuple[float, Frame]] = []
        before = _cpu_seconds(pids)
        while len(frames) < requests:
            while len(outstanding) < waiting:
                view = next(views)
                outstanding.append(view.name)
                client.send(view)
            frames.append(_ask(client, next(asked), outstanding))
        worked = (_cpu_seconds(pids) - before) / requests
        rows.append({"views_queued": waiting, "requests": requests, **_describe(frames), "cpu_ms": 1e3 * worked})
    return rows


def _engine_pids(engine: EngineProcess) -> list[int]:
    """Those of the server and the device process."""
    children = Path(f"/proc/{engine.pid}/task/{engine.pid}/children").read_text(encoding="ascii")
    return [int(pid) for pid in (str(engine.pid), *children.split())]


def _cpu_seconds(pids: Sequence[int]) -> float:
    return sum(cpu_seconds_of(pid) or 0.0 for pid in pids)


def _ask(client: EngineClient, request: RequestFrame, outstanding: list[str]) -> tuple[float, Frame]:
    """Seconds to a picture, and the picture. Takes the views that were added meanwhile off ``outstanding``."""
    began = time.perf_counter()
    client.send(request)
    while True:
        for message in client.poll():
            if isinstance(message, Frame):
                seconds = time.perf_counter() - began
                return seconds, message
            _note(message, outstanding)
        time.sleep(0.0005)


def _note(message: Message, outstanding: list[str]) -> None:
    if isinstance(message, Problem):
        raise SystemExit(f"{message.code}: {message.message}")
    if isinstance(message, ItemAdded) and message.name in outstanding:
        outstanding.remove(message.name)


def _views(size: int) -> Iterator[AddView]:
    """Views without end, no two alike: the sphere's cameras in turn, each time a little brighter."""
    views = sphere_views(40, size)
    for number in itertools.count():
        view = views[number % len(views)]
        color = (view.color * (1.0 + 0.001 * (number // len(views)))).astype(np.float16)
        yield AddView(name=f"v{number}", split="train", camera=view.camera, color=color, depth=view.depth)


def _requests() -> Iterator[RequestFrame]:
    cameras = sphere_cameras(60, PICTURE)
    for number in itertools.count(1):
        yield RequestFrame(request=number, camera=cameras[number % len(cameras)], quality="moving")


def _describe(frames: list[tuple[float, Frame]]) -> dict[str, Any]:
    milliseconds = sorted(1e3 * seconds for seconds, _ in frames)
    last = frames[-1][1].camera
    return {
        "picture": [last.width, last.height],
        "median_ms": statistics.median(milliseconds),
        "ninety_percent_ms": milliseconds[int(0.9 * len(milliseconds))],
        "longest_ms": milliseconds[-1],
        "rendering_ms": statistics.median(1e3 * frame.render_seconds for _, frame in frames),
    }


if __name__ == "__main__":
    sys.exit(main())
