"""Measure quality over training time on this machine and keep the figures in benchmarks/results/.

    python -m benchmarks.quality path/to/lego            on a GPU: all views, 1, 5, 15 and 60 s
    python -m benchmarks.quality path/to/lego --device cpu    48 views of 160x160, 15, 30, 60 and 90 s
    python -m benchmarks.quality path/to/photographs --holdout 8 --budgets 1,5,15

Then `python -m benchmarks.make_tables` brings docs/performance.md up to date. The machine should have nothing else
to do meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.results import result_path
from engine.cli.arguments import add_device
from engine.machine import device_name
from taichi_kernels.runtime import choose_device

# What can be asked of each kind of device.
PROTOCOLS = {
    "cuda": ["--budgets", "1,5,15,60"],
    "cpu": ["--budgets", "15,30,60,90", "--views", "48", "--test-views", "25", "--size", "160x160", "--no-frames"],
}


def main() -> int:
    """Run ``hashlight bench`` with the device's protocol."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    add_device(parser)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budgets", help="seconds of training, instead of the protocol's")
    parser.add_argument("--holdout", help="without a test split: hold out every so many-th view")
    options = parser.parse_args()
    device = choose_device(options.device)
    output = result_path("quality", options.dataset.resolve().name, device_name(device))
    command = ["bench", str(options.dataset), "--device", device, "--seeds", str(options.seeds)]
    if options.holdout:
        command += ["--holdout", options.holdout]
    # A process of its own: what it measures begins with its start.
    arguments = [*command, *PROTOCOLS[device], "--json", str(output)]
    if options.budgets:
        arguments += ["--budgets", options.budgets]
    return subprocess.run([sys.executable, "-m", "engine", *arguments]).returncode


if __name__ == "__main__":
    sys.exit(main())
