"""How long Blender's window would wait for the table of a view transform, by each way to bake one.

    python benchmarks/view_transforms.py [--view AgX] [--blender PATH]

Each way is timed in a fresh process of Blender as a Python module; ``--blender`` times a second Blender, too. "Waits"
is for how long the main thread got no turn.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
BAKING = ROOT / "blender_addon" / "view_transform"
WAYS = ("blender", "blender again", "PyOpenColorIO in a thread")


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--view", default="AgX", help="the view transform")
    parser.add_argument("--blender", type=Path, help="a Blender to start")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way is not None:
        seconds, waited = _time_way(options.way, options.view)
        print(f"RESULT {options.way}: {1e3 * seconds:.0f} ms, the window waits {1e3 * waited:.0f} ms")
        return
    for way in WAYS:
        command = [sys.executable, __file__, "--way", way, "--view", options.view]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(next(line for line in done.stdout.splitlines() if line.startswith("RESULT")).removeprefix("RESULT "))
    if options.blender is not None:
        print(f"a second Blender: {1e3 * _time_second_blender(options.blender, options.view):.0f} ms, no waiting")


def _time_way(way: str, view: str) -> tuple[float, float]:
    import bpy

    sys.path[:0] = [str(ROOT), str(BAKING)]
    import baking

    from engine.link.view_transform import SIZE, lattice_colors

    scene = bpy.context.scene
    scene.view_settings.view_transform = view
    colors = lattice_colors().reshape(-1, SIZE, 3)
    settings = baking.display_settings(scene)

    def ask_blender() -> np.ndarray:
        return baking.display_colors(colors, settings)

    if way == "blender again":
        ask_blender()
    if way.startswith("blender"):
        began = time.perf_counter()
        ask_blender()
        seconds = time.perf_counter() - began
        return seconds, seconds
    local = Path(bpy.utils.resource_path("LOCAL"))
    sys.path += map(str, (local / "python" / "lib").glob("python3.*/site-packages"))
    config = local / "datafiles" / "colormanagement" / "config.ocio"
    display = scene.display_settings.display_device
    result: list[np.ndarray] = []
    timed = _time_in_thread(lambda: result.append(_ask_open_color_io(config, display, view, colors)))
    difference = np.abs(np.clip(result[0], 0.0, 1.0) - ask_blender()).max()
    print(f"RESULT {way}: {255 * difference:.3f} of 255 from Blender's own at most", file=sys.stderr)
    return timed


def _ask_open_color_io(config: Path, display: str, view: str, colors: np.ndarray) -> np.ndarray:
    import PyOpenColorIO

    transform = PyOpenColorIO.DisplayViewTransform(src=PyOpenColorIO.ROLE_SCENE_LINEAR, display=display, view=view)
    processor = PyOpenColorIO.Config.CreateFromFile(str(config)).getProcessor(transform).getDefaultCPUProcessor()
    displayed = np.ascontiguousarray(colors.reshape(-1, 3))
    processor.applyRGB(displayed)
    return displayed.reshape(colors.shape)


def _time_in_thread(work: Callable[[], object]) -> tuple[float, float]:
    """How long ``work`` takes in a thread, and for how long the main thread got no turn meanwhile."""
    thread = threading.Thread(target=work)
    began = last = time.perf_counter()
    longest = 0.0
    thread.start()
    while thread.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        last, longest = now, max(longest, now - last)
    return time.perf_counter() - began, longest


def _time_second_blender(blender: Path, view: str) -> float:
    sys.path.insert(0, str(ROOT))
    from engine.link.view_transform import SIZE, lattice_colors

    settings = {"display_device": "sRGB", "view_transform": view, "look": "None"}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "colors.npy"), Path(folder, "displayed.npy")
        np.save(source, lattice_colors().reshape(-1, SIZE, 3))
        command = [str(blender), "--background", "--factory-startup", "--python-exit-code", "1"]
        command += ["--python", str(BAKING / "baking.py"), "--", json.dumps(settings), str(source), str(target)]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        assert np.load(target).shape == (SIZE * SIZE, SIZE, 3)
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
