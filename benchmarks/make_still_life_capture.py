"""Capture the demo's still life at any size: what `python -m benchmarks.truth` trains on.

    make extension
    python benchmarks/make_still_life_capture.py OUT --extension build/hashlight-VERSION.zip    400x400, 60 + 8 views

Through the extension's own operators, in Blender as a Python module. Started again, it renders the missing views only.
The capture is OUT/still-life.hashlight/capture.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples" / "still_life"))


def main() -> None:
    """Build the scene, plan and capture."""
    options = _parse()
    out: Path = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    # Blender reads this when bpy is imported: the user's own Blender stays as it is.
    os.environ.setdefault("BLENDER_USER_RESOURCES", str(out / "blender-user"))
    import bpy
    from extension import install_extension
    from scene import build_scene

    install_extension(options.extension.absolute())
    settings = build_scene().hashlight.capture
    settings.resolution_x, settings.resolution_y = (int(side) for side in options.size.split("x"))
    settings.training_views, settings.held_out_views = options.views, options.held_out
    bpy.ops.wm.save_as_mainfile(filepath=str(out / "still-life.blend"))  # the capture is kept beside the file
    bpy.ops.hashlight.fit_bounds()
    bpy.ops.hashlight.plan_cameras()
    bpy.ops.hashlight.capture()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--extension", type=Path, required=True, help="the built extension's zip")
    parser.add_argument("--size", default="400x400", help="WIDTHxHEIGHT (default: %(default)s)")
    parser.add_argument("--views", type=int, default=60, help="training views (default: %(default)s)")
    parser.add_argument("--held-out", type=int, default=8, help="held-out views (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
