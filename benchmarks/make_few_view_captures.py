"""Capture four small scenes for benchmarks.few_views: the demo's still life and three of benchmarks/artist.

    make extension
    python -m benchmarks.make_few_view_captures OUT --extension build/hashlight-VERSION.zip

160x160 pixels, 20 training views and 50 held-out ones of each, all around. Through the extension's own operators, in
Blender as a Python module, a process for each scene. OUT/NAME is a scene's capture; what is there is not made again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.artist.checkout import CHECKOUT
from engine.link.argument_types import picture_size, whole_number

sys.path.insert(0, str(CHECKOUT / "examples" / "still_life"))

# The captures' names, and the scenes' in benchmarks/artist/scenes.py.
SCENES = {"still-life": "demo", "product": "product on sweep", "plant": "plant and hair", "figure": "walk cycle"}


def main() -> int:
    """Capture what isn't there yet. Returns the exit code."""
    options = _parse()
    if options.scene is not None:
        _capture(options.scene, options)
        return 0
    failed = []
    for name in SCENES:
        if (options.out / name).is_dir():
            print(f"{name}: there already", flush=True)
            continue
        command = [sys.executable, "-m", "benchmarks.make_few_view_captures", *sys.argv[1:], "--scene", name]
        if subprocess.run(command, cwd=Path.cwd()).returncode != 0:
            failed.append(name)
    for name in failed:
        print(f"{name}: failed", file=sys.stderr)
    return len(failed) > 0


def _capture(name: str, options: argparse.Namespace) -> None:
    """One scene, from the first button to its capture in OUT/NAME. What an interrupted call has rendered is kept."""
    out: Path = options.out.absolute()
    work = out / f"{name}.blender"
    work.mkdir(parents=True, exist_ok=True)
    # Blender reads this when bpy is imported: the user's own Blender stays as it is.
    os.environ.setdefault("BLENDER_USER_RESOURCES", str(out / "blender-user"))
    import bpy
    from extension import addon_module, install_extension

    install_extension(options.extension.absolute())
    from benchmarks.artist.scenes import SCENES as ARTIST_SCENES

    artist = ARTIST_SCENES[SCENES[name]]
    scene: Any = artist.build()
    settings = scene.hashlight.capture
    settings.rig = artist.rig
    if artist.collection:
        settings.collection = bpy.data.collections[artist.collection]
    settings.resolution_x, settings.resolution_y = options.size
    settings.training_views, settings.held_out_views = options.views, options.held_out
    scene.hashlight.folder = str(work)
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    bpy.ops.hashlight.capture()
    shutil.move(addon_module("folders").capture_folder(scene), out / name)
    shutil.rmtree(work)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--extension", type=Path, required=True, help="the built extension's zip")
    parser.add_argument("--size", type=picture_size, default=(160, 160), metavar="WxH", help="of the views (160x160)")
    parser.add_argument("--views", type=whole_number(1, 1000), default=20, help="training views (20)")
    parser.add_argument("--held-out", type=whole_number(1, 1000), default=50, help="held-out views (50)")
    parser.add_argument("--scene", choices=SCENES, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
