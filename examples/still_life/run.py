"""Drive the whole of Hashlight headless, through the extension's own operators, on the still life.

    python run.py --extension build/hashlight-VERSION.zip --out demo --engine-python /path/to/python

It needs Blender as a Python module (``bpy``) and tqdm, in a process without torch; ``hashlight demo`` calls it so. What
Blender prints goes to ``OUT/blender.log``; the results are in OUT, the figures in ``OUT/summary.json``.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path

from console import Console, StopRequest


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Capture, train, preview and render the still life in headless Blender."
    )
    parser.add_argument("--extension", type=Path, required=True, help="the built extension's zip")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--engine-python", default=sys.executable, help="the Python that the engine is installed in")
    parser.add_argument("--seconds", type=float, default=90.0, help="training time (default: %(default)s)")
    parser.add_argument("--views", type=int, default=48, help="training views (default: %(default)s)")
    parser.add_argument("--held-out", type=int, default=8, help="test views (default: %(default)s)")
    parser.add_argument("--size", default="384x384", help="size of the views, WIDTHxHEIGHT (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=48, help="frames of the turntable (default: %(default)s)")
    parser.add_argument("--stop-with-stdin", action="store_true", help="stop when standard input closes, as on Ctrl-C")
    return parser.parse_args()


def main() -> int:
    """Do it. Returns the exit code: 130 when it was stopped."""
    options = parse_arguments()
    out: Path = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    # Blender reads this when bpy is imported: the user's own Blender stays as it is.
    os.environ.setdefault("BLENDER_USER_RESOURCES", str(out / "blender-user"))
    console = Console(out / "blender.log")
    stop = StopRequest(options.stop_with_stdin)
    try:
        with console.stage("Starting Blender"):
            from extension import install_extension

            install_extension(options.extension.absolute())
        # Only now: the engine's messages, which it needs, come with the extension.
        from stages import run_stages

        run_stages(options, out, console, stop)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        traceback.print_exc()  # into the log
        console.say(f"{type(error).__name__}: {error}" if not isinstance(error, RuntimeError) else str(error).strip())
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
