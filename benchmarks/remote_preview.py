"""How many 1080p previews a second a slow network brings, ready to show; kept in benchmarks/results/.

    python -m benchmarks.remote_preview RUN [--mbit 100] [--seconds 10] [--pictures FILE.npz]

The pictures are rendered beforehand (and kept in FILE.npz, if named): what is measured is the way of a picture from the
renderer to the add-on's hands: packing, sending, receiving, unpacking, by the engine's own server and device process
and the add-on's own client, with a proxy in between that lets no more through than the network would. A frame that is
rendered for each request comes on top of that, and so does putting it on its plane (see window_times).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import write_result
from engine.link import picture_codec
from engine.link.camera_paths import Framing, turntable
from engine.link.client import EngineClient
from engine.link.color import encode_srgb
from engine.link.compression import best_compression
from engine.link.geometry import Bounds, Camera
from engine.link.messages import Frame, Message, RequestFrame, Shutdown, Status
from engine.link.scoring import psnr
from engine.machine import device_name, versions
from engine.run_info import read_info
from engine.service import device_main
from engine.service.server import Server

SIZE = (1920, 1080)
TOKEN = "benchmark"
ONE_BY_ONE, AS_A_VIEW_MOVES = "one after another", "60 a second"
REDRAWS = 60.0  # a second
_PIECE = 16384  # bytes that the proxy lets through at a time
_BURST = 65536  # bytes that it lets through at once after a pause


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--mbit", type=float, default=100.0, help="of the network, in each direction")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row")
    parser.add_argument("--frames", type=int, default=6, help="different pictures")
    parser.add_argument("--pictures", type=Path, help="where rendered pictures are kept, to be used again")
    options = parser.parse_args()
    pictures = options.pictures
    if pictures is None or not pictures.is_file():
        pictures = pictures or options.run / "previews.npz"
        render_pictures(options.run, options.frames, pictures)
    with pictures_served(pictures, options.mbit * 1e6 / 8) as port:
        result = measure_all(options, pictures, port)
    write_result("remote", result)
    return 0


@contextlib.contextmanager
def pictures_served(pictures: Path, bytes_per_second: float) -> Iterator[int]:
    """A port where an engine's server offers ``pictures`` through a network of this speed."""
    context = multiprocessing.get_context("spawn")
    ports: Queue[int] = context.Queue()
    server = context.Process(target=serve_pictures, args=(pictures, ports), daemon=True)
    server.start()
    proxy = context.Process(target=limit_rate, args=(ports.get(), bytes_per_second, ports), daemon=True)
    proxy.start()
    try:
        yield ports.get()
    finally:
        proxy.terminate()
        server.kill()  # what it has started ends with it
        proxy.join()
        server.join()


def measure_all(options: argparse.Namespace, pictures: Path, port: int) -> dict[str, Any]:
    """The figures, as they are kept."""
    client = EngineClient("127.0.0.1", port, TOKEN, "benchmark", same_host=False)
    client.connect(60)  # it loads the pictures
    loaded = np.load(pictures)
    result = {
        "dataset": Path(read_info(options.run).get("dataset") or options.run.parent).name,
        "size": list(SIZE),
        "device_name": device_name("cpu"),
        "versions": versions(),
        "mbit": options.mbit,
        "coverage": float((loaded["color"][..., 3] > 0).mean()),
        "codec": time_codec(loaded["color"], loaded["depth"]),
        "rows": [
            measure(client, "colour, lossless", ONE_BY_ONE, options.seconds),
            measure(client, "colour", ONE_BY_ONE, options.seconds),
            measure(client, "colour", AS_A_VIEW_MOVES, options.seconds),
            measure(client, "colour and depth", AS_A_VIEW_MOVES, options.seconds),
        ],
    }
    client.close()
    return result


def render_pictures(run: Path, count: int, path: Path) -> None:
    """Render ``count`` neighbouring pictures that the subject fills, and keep colour and depth as the link has them."""
    from engine.runs import load_run
    from taichi_kernels.runtime import choose_device

    trainer = load_run(run, choose_device("auto")).trainer
    renderer = trainer.primitive.viewer()
    cameras = turntable(
        trainer.primitive.bounds, 120, SIZE, framing=Framing(radius=1.2 * trainer.primitive.bounds.radius)
    )[:count]
    pairs = []
    for number, camera in enumerate(cameras, 1):
        pairs.append(renderer.render(camera).to_scene_linear())
        print(f"rendered {number} of {count}", file=sys.stderr, flush=True)
    color, depth = (np.stack(parts) for parts in zip(*pairs, strict=True))
    np.savez(path, color=color, depth=depth)


class PictureWorker:
    """Stands where the engine's worker does in the device process, and answers every request with a picture at once."""

    def __init__(
        self,
        pictures: Path,
        post: Callable[[Message, int], None],
        on_ready: Callable[[str | None], None],
        on_end: Callable[[], None],
    ) -> None:
        loaded = np.load(pictures)
        self._color, self._depth = loaded["color"], loaded["depth"]
        self._post, self._on_ready, self._on_end = post, on_ready, on_end
        self.status = Status(state="idle")
        self.device, self.device_name, self.is_full, self.is_saved, self.busy_seconds = "cpu", "none", False, True, 0.0

    def start(self) -> None:
        """There is no device to wait for."""
        self._on_ready(None)

    def submit(self, message: Message, client: int) -> None:
        """Answer a request."""
        if isinstance(message, Shutdown):
            self._on_end()
        if not isinstance(message, RequestFrame):
            return
        index = message.request % len(self._color)
        depth = self._depth[index] if message.depth else None
        color, camera = self._color[index], message.camera
        frame = Frame(request=message.request, step=0, camera=camera, color=color, depth=depth, exact=message.exact)
        self._post(frame, client)

    def forget_client(self, client: int) -> None:
        """Nothing waits."""


def run_device(pictures: str, root: str, device: str) -> int:
    """The device process of ``serve_pictures``."""
    return device_main.main(root, device, lambda _root, _device, *calls: PictureWorker(Path(pictures), *calls))


def serve_pictures(pictures: Path, ports: Queue[int]) -> None:
    """A process: the engine's server, with pictures instead of an engine."""
    entry = f"from benchmarks.remote_preview import run_device; sys.exit(run_device({str(pictures)!r}, *sys.argv[1:]))"
    server = Server(pictures.parent, "cpu", TOKEN, entry=entry)
    asyncio.run(server.run("127.0.0.1", 0, ports.put))


def limit_rate(target: int, bytes_per_second: float, ports: Queue[int]) -> None:
    """A process: a TCP proxy to port ``target`` that lets ``bytes_per_second`` through in each direction."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        free_at = time.monotonic()
        while data := await reader.read(_PIECE):
            # Timers are late by a millisecond or so: what that costs may be made up for, but no more than _BURST.
            free_at = max(free_at, time.monotonic() - _BURST / bytes_per_second) + len(data) / bytes_per_second
            if (wait := free_at - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            writer.write(data)
            await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target, limit=2 * _PIECE)
        await asyncio.gather(forward(reader, far_writer), forward(far_reader, writer))

    async def serve() -> None:
        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=2 * _PIECE)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def measure(client: EngineClient, what: str, asked_for: str, seconds: float) -> dict[str, Any]:
    """Frames that arrive: ``ONE_BY_ONE``, each asked for as soon as the one before is there, as the image plane does;
    or ``AS_A_VIEW_MOVES``, where the neural view asks at every redraw, whatever is still on its way."""
    bounds = Bounds(np.full(3, -1.0), np.full(3, 1.0))
    camera = turntable(bounds, 1, SIZE)[0]
    asked: dict[int, float] = {}
    latencies: list[float] = []
    first = last = next_at = time.monotonic()
    request = 1 + int(first * 1000)  # none that an earlier row asked for
    while (now := time.monotonic()) - first < seconds:
        if now >= next_at and (asked_for == AS_A_VIEW_MOVES or not asked):
            next_at = max(now, next_at + 1 / REDRAWS)
            asked[request] = now
            _ask(client, request, camera, what)
            request += 1
        for message in client.poll():
            if isinstance(message, Frame) and message.request in asked:
                assert message.color.shape == (SIZE[1], SIZE[0], 4)
                last = time.monotonic()
                latencies.append(last - asked[message.request])
                # Of pictures that wait to be sent, the newest takes the place of the others.
                asked = {number: when for number, when in asked.items() if number > message.request}
        time.sleep(0.001)
    row = {
        "what": what,
        "asked_for": asked_for,
        "frames_per_second": len(latencies) / (last - first),
        "latency_ms": 1e3 * statistics.median(latencies),
        "slowest_ms": 1e3 * max(latencies),
    }
    print(row, file=sys.stderr, flush=True)
    return row


def _ask(client: EngineClient, request: int, camera: Camera, what: str) -> None:
    client.send(RequestFrame(request=request, camera=camera, depth="depth" in what, exact="lossless" in what))


def time_codec(colors: np.ndarray, depths: np.ndarray) -> dict[str, Any]:
    """Median milliseconds of a core's time and kilobytes of packing and unpacking, and how far colour and depth are off
    in the end."""
    size = (SIZE[1], SIZE[0])
    rows: dict[str, Any] = {}
    for name, pictures, pack, unpack in (
        ("color", colors, picture_codec.pack_color, picture_codec.unpack_color),
        ("depth", depths, picture_codec.pack_depth, picture_codec.unpack_depth),
    ):
        packing, unpacking, sizes = [], [], []
        for picture in (pictures[0], *pictures):  # the first once more: what is made once only is not counted
            began = time.thread_time()
            data = pack(picture, best_compression())
            packed = time.thread_time()
            again = unpack(data, *size)
            unpacking.append(time.thread_time() - packed)
            packing.append(packed - began)
            sizes.append(len(data))
        rows[name] = {
            "pack_ms": 1e3 * statistics.median(packing[1:]),
            "unpack_ms": 1e3 * statistics.median(unpacking[1:]),
            "kilobytes": statistics.mean(sizes[1:]) / 1e3,
        }
        if name == "color":
            rows[name]["psnr"] = psnr(
                *(encode_srgb(part[..., :3].astype(np.float32)) for part in (again, pictures[-1]))
            )
        else:
            there = np.isfinite(pictures[-1])
            rows[name]["worst_relative_error"] = float(np.abs(again[there] / pictures[-1][there] - 1).max())
    return rows


if __name__ == "__main__":
    sys.exit(main())
