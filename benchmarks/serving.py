"""Frames a second that a client gets of a field while it trains, and what they cost training; kept in
benchmarks/results/.

    python -m benchmarks.serving path/to/lego [--device cpu] [--size 1920x1080] [--rate 30]

A real engine in a process of its own, a real client in this one, on one machine: pictures of a moving view, each of
another camera, with colour and depth, whole in the client's memory before they count.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.real_engine import PATIENCE, connected_engine
from benchmarks.results import write_result
from engine.cli.arguments import add_device
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.link.client import EngineClient
from engine.link.geometry import Camera
from engine.link.messages import (
    AddView,
    Frame,
    ItemAdded,
    OpenRun,
    RadianceFieldSpec,
    RequestFrame,
    RunOpened,
    Status,
    Train,
)
from engine.machine import device_name, versions
from taichi_kernels.runtime import choose_device

# Requests in flight at a time: one is rendered while the last one's picture travels.
IN_FLIGHT = 2
# Training steps before the first measurement: while training is coarse a step takes less.
AFTER = {"cuda": 7000, "cpu": 100}


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    add_device(parser)
    parser.add_argument("--size", default="1920x1080", help="WIDTHxHEIGHT (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=30.0, help="frames a second to ask for while it trains")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each measurement")
    parser.add_argument("--turns", type=int, default=8, help="measurements of training alone, and beside frames")
    options = parser.parse_args()
    device = choose_device(options.device)
    dataset = load_dataset(options.dataset)
    with connected_engine(device) as (_, client):
        rows = measure(client, dataset, options, AFTER[device])
    width, height = (int(side) for side in options.size.split("x"))
    write_result(
        "serving",
        {
            "dataset": options.dataset.resolve().name,
            "size": [width, height],
            "device": device,
            "device_name": device_name(device),
            "versions": versions(),
            "rows": rows,
        },
    )
    return 0


def measure(client: EngineClient, dataset: Dataset, options: argparse.Namespace, after: int) -> list[dict[str, Any]]:
    """Training undisturbed and with frames at a rate, in turns, as how fast a machine launches differs from second to
    second; frames alone as fast as they come."""
    overrides = dataset.train_settings()
    primitive = RadianceFieldSpec(bounds=dataset.bounds, color_space=dataset.color_space)
    client.send(OpenRun(run="serving", primitive=primitive, overrides=overrides))
    client.wait_for(RunOpened, PATIENCE)
    for view in dataset.train:
        client.send(AddView(name=view.name, split="train", camera=view.camera, color=view.color, depth=view.depth))
    wanted = len(dataset.train)
    client.wait_for(ItemAdded, PATIENCE, lambda added: added.train_items == wanted)
    client.send(Train(running=True))
    client.wait_for(Status, PATIENCE, lambda status: status.state == "training" and status.step > after)
    width, height = (int(side) for side in options.size.split("x"))
    requests = ask_for(dataset, width, height)
    run_frames(client, requests, options.rate, 1.0)  # sizes of moving pictures settle
    alone, beside = [], []
    for _ in range(options.turns):
        alone.append(run_frames(client, requests, 0.0, options.seconds))
        beside.append(run_frames(client, requests, options.rate, options.seconds))
    client.send(Train(running=False))
    client.wait_for(Status, PATIENCE, lambda status: status.state == "paused")
    run_frames(client, requests, float("inf"), 1.0)
    frames_alone = [run_frames(client, requests, float("inf"), options.seconds) for _ in range(2)]
    shares = [
        with_frames["steps_per_second"] / without["steps_per_second"]
        for without, with_frames in zip(alone, beside, strict=True)
    ]
    rows = [
        {"work": "training alone"} | summarise(alone) | {"share_of_steps": 1.0},
        {"work": f"training, {options.rate:g} frames/s asked for"}
        | summarise(beside)
        | {"share_of_steps": statistics.median(shares), "share_of_steps_spread": [min(shares), max(shares)]},
        {"work": "frames alone"} | summarise(frames_alone),
    ]
    for row in rows:
        print(
            ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
        )
    return rows


def summarise(turns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of each figure."""
    return {
        name: value if value is None or isinstance(value, list) else statistics.median(turn[name] for turn in turns)
        for name, value in turns[-1].items()
    }


def ask_for(dataset: Dataset, width: int, height: int) -> Iterator[RequestFrame]:
    """Requests for the dataset's cameras in turn, as high in the picture as they are there."""
    cameras = [view.camera for view in [*dataset.test, *dataset.train]]
    for number in itertools.count(1):
        camera = cameras[number % len(cameras)]
        scale = height / camera.height
        wide: Camera = dataclasses.replace(
            camera, width=width, height=height, fx=camera.fx * scale, fy=camera.fy * scale, cx=width / 2, cy=height / 2
        )
        yield RequestFrame(request=number, camera=wide, quality="moving")


def run_frames(client: EngineClient, requests: Iterator[RequestFrame], rate: float, seconds: float) -> dict[str, Any]:
    """Ask for ``rate`` frames a second at most, for ``seconds``: frames and steps a second, and the frames' sizes."""
    first = client.wait_for(Status, PATIENCE)
    started = due = time.perf_counter()
    frames: list[Frame] = []
    in_flight: dict[int, float] = {}
    latencies = []
    while (now := time.perf_counter()) < started + seconds:
        if rate and len(in_flight) < IN_FLIGHT and now >= due:
            request = next(requests)
            in_flight[request.request] = now
            client.send(request)
            due = max(due + 1.0 / rate, now - 1.0 / rate)
        for message in client.poll():
            if isinstance(message, Frame):
                latencies.append(time.perf_counter() - in_flight.pop(message.request))
                # Of requests that came too fast only the last one is answered.
                in_flight = {number: at for number, at in in_flight.items() if number > message.request}
                frames.append(message)
        time.sleep(0.0005)
    elapsed = time.perf_counter() - started
    last = client.wait_for(Status, PATIENCE)
    steps_elapsed = time.perf_counter() - started
    if in_flight:
        newest = max(in_flight)
        client.wait_for(Frame, PATIENCE, lambda frame: frame.request == newest)
    return {
        "frames_per_second": len(frames) / elapsed,
        "steps_per_second": (last.step - first.step) / steps_elapsed,
        "size": [frames[-1].camera.width, frames[-1].camera.height] if frames else None,
        "milliseconds_to_frame": statistics.median(latencies) * 1e3 if latencies else None,
        "milliseconds_rendering": statistics.median(frame.render_seconds for frame in frames) * 1e3 if frames else None,
    }


if __name__ == "__main__":
    sys.exit(main())
