"""Keep the figures of a finished `make demo` in benchmarks/results/.

    make demo && python -m benchmarks.demo demo

The machine should have had nothing else to do meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.results import write_result
from engine.machine import versions


def main() -> int:
    """Read and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="the demo's folder")
    options = parser.parse_args()
    write_result("demo", take_figures(json.loads((options.demo / "summary.json").read_text(encoding="utf-8"))))
    return 0


def take_figures(summary: dict[str, Any]) -> dict[str, Any]:
    """Of the demo's ``summary``, what its table shows; ``history``: scores on the way, by seconds of training."""
    names = ("size", "training_views", "held_out_views", "device", "device_name", "background", "steps")
    names += ("training_seconds", "subject_psnr", "subject_ssim", "psnr", "ssim", "enlargement", "stages")
    figures = {name: summary[name] for name in names}
    history = [
        {name: point[name] for name in ("seconds", "step", "subject_psnr")}
        for point in summary["history"]
        if point["views"] == summary["held_out_views"]
    ]
    of_machine = {"versions": versions() | {"blender": summary["blender"]}, "total_seconds": summary["total_seconds"]}
    return {"dataset": "demo", **figures, **of_machine, "history": history}


if __name__ == "__main__":
    sys.exit(main())
