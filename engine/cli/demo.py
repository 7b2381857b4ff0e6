"""``hashlight demo``: the whole job on a scene of its own, from the capture to the film.

Blender does its part in a child process, for the engine's Python never imports ``bpy``. That child runs
``examples/still_life/run.py`` against the extension built from this checkout, as a user's script would.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.link.argument_types import picture_size, positive_number, whole_number

CHECKOUT = Path(__file__).resolve().parents[2]
BUILD_SCRIPT = CHECKOUT / "scripts" / "build_extension.py"
DRIVER = CHECKOUT / "examples" / "still_life" / "run.py"

MARKER = ".hashlight-demo"  # says that the folder is ours: what a former demo left in it may be replaced
STOP_PATIENCE = 30.0  # seconds for Blender to finish the picture at hand and for the engine to save its run

EXAMPLES = """\
examples:
  hashlight demo
  hashlight demo --out /tmp/demo --seconds 30 --views 24

Leaves in DIR: hashlight-demo.blend, turntable.mp4, report.html, summary.json, and the capture, run and frames in
hashlight-demo.hashlight/. A later demo in the same DIR replaces them. Needs a checkout of the sources."""


class DemoError(RuntimeError):
    """The demo can't go on; the message says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--out", type=Path, default=Path("demo"), metavar="DIR", help="where the results go (demo)")
    parser.add_argument("--seconds", type=positive_number, default=90.0, metavar="S", help="training time (90)")
    parser.add_argument("--views", type=whole_number(2, 1000), default=48, metavar="N", help="training views (48)")
    parser.add_argument(
        "--size", type=picture_size, default=(384, 384), metavar="WxH", help="size of the views (384x384)"
    )


def run(options: argparse.Namespace) -> int:
    """Do the demo. Returns the exit code: 0 only when there is a field with a score and a film."""
    started = time.monotonic()
    _check_environment()
    out = _prepare_folder(options.out.absolute())
    extension = _build_extension()
    _run_blender(_driver_command(options, out, extension), out)
    summary = _read_summary(out)
    with _stage("Writing the report"):
        report = _write_report(out, summary)
    _print_summary(summary, out, report, time.monotonic() - started)
    return 0


def _check_environment() -> None:
    if not (BUILD_SCRIPT.is_file() and DRIVER.is_file()):
        raise DemoError(
            "the demo needs a checkout of Hashlight's sources (it builds the extension from them), and this is an "
            "installed package: get the sources and run `make demo` there"
        )
    if importlib.util.find_spec("bpy") is None:
        raise DemoError(f"{sys.executable} has no bpy, Blender as a Python module: `make demo` installs it")


def _prepare_folder(out: Path) -> Path:
    """Make ``out`` ready: what a former demo left is taken away, anything else is left alone."""
    results = [out / name for name in ("hashlight-demo.hashlight", "summary.json", "report.html", "turntable.mp4")]
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not (out / MARKER).is_file() and (taken := [path.name for path in results if path.exists()]):
            raise DemoError(f"{out} holds a {taken[0]} that no demo made: choose another folder with --out")
        (out / MARKER).write_text("Made by `hashlight demo`, which may replace what it left here.\n", "utf-8")
        for path in results:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise DemoError(f"can't use the folder {out}: {error.strerror or error}") from error
    return out


def _build_extension() -> Path:
    with _stage("Building the extension"):
        done = subprocess.run([sys.executable, str(BUILD_SCRIPT)], capture_output=True, text=True, encoding="utf-8")
        if done.returncode != 0:
            raise DemoError(f"the extension could not be built:\n{done.stderr.strip()}")
        return Path(done.stdout.strip().splitlines()[-1])


def _driver_command(options: argparse.Namespace, out: Path, extension: Path) -> list[str]:
    width, height = options.size
    command = [sys.executable, str(DRIVER), "--extension", str(extension), "--out", str(out)]
    command += ["--engine-python", sys.executable, "--seconds", str(options.seconds)]
    return [*command, "--views", str(options.views), "--size", f"{width}x{height}", "--stop-with-stdin"]


def _run_blender(command: list[str], out: Path) -> None:
    """Run the driver to its end. It stops, and ends its engine, when its standard input closes: on Ctrl-C, or when this
    process is gone for any reason."""
    environment = os.environ | {
        "BLENDER_USER_RESOURCES": str(out / "blender-user"),
        "PYTHONUTF8": "1",
        "PYTHONFAULTHANDLER": "1",  # what a crash was in stands in the log then
    }
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    assert process.stdin is not None
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.stdin.close()
        _wait_or_kill(process)
        raise
    finally:
        process.stdin.close()
    if code == 130:
        raise KeyboardInterrupt
    if code != 0:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        raise DemoError(f"Blender's part {how}; its log is {out / 'blender.log'}")


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    for end in (process.terminate, process.kill):
        try:
            process.wait(STOP_PATIENCE)
            return
        except (subprocess.TimeoutExpired, KeyboardInterrupt):  # a second Ctrl-C: don't be patient
            end()
    process.wait()


def _read_summary(out: Path) -> dict[str, Any]:
    path = out / "summary.json"
    try:
        summary: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DemoError(f"{path} can't be read: {error}") from error
    score = summary.get("psnr")
    if not isinstance(score, float) or not math.isfinite(score):
        raise DemoError("no PSNR could be computed: the engine never scored the test views")
    return summary


def _write_report(out: Path, summary: dict[str, Any]) -> Path:
    """Score the saved run again, from what lies on disk, and set truth, neural picture and error beside each other."""
    from engine.data.formats import load_dataset
    from engine.evaluation.evaluate import evaluate
    from engine.evaluation.report import read_history, write_report
    from engine.runs import load_run

    run = load_run(out / summary["run"], summary["device"])
    scores = evaluate(
        run.trainer.primitive.viewer(), load_dataset(out / summary["capture"]).test, summary["background"]
    )
    width, height = summary["size"]
    facts = {
        "Views": f"{summary['training_views']} to train, {summary['held_out_views']} to test, {width}x{height}",
        "Training": f"{summary['training_seconds']:.1f} s, {summary['steps']} steps",
        "20 dB of the subject": _describe_recognisable(summary),
        "Device": summary["device_name"],
        "Blender": summary["blender"],
    }
    facts |= {f"Seconds, {stage}": f"{seconds:.1f}" for stage, seconds in summary["stages"].items()}
    path = out / "report.html"
    history = read_history(summary["history"])
    write_report(path, title="Hashlight: the still life", history=history, scores=scores, facts=facts)
    return path


def _describe_recognisable(summary: dict[str, Any]) -> str:
    """When the test views' subject had 20 dB."""
    seconds = summary["seconds_to_20db"]
    return "never" if seconds is None else f"{seconds:.1f} s after the first view came in"


def _print_summary(summary: dict[str, Any], out: Path, report: Path, seconds: float) -> None:
    from engine.link.scoring import describe_psnr

    when = _describe_recognisable(summary)
    width, height = summary["size"]
    print(
        f"\nTest views       the subject {describe_psnr(summary['subject_psnr'], summary['psnr'])}, whole pictures "
        f"{summary['psnr']:.2f} dB ({summary['held_out_views']} views, {width}x{height}, on black)\n"
        f"Recognisable     {when} (20 dB of the subject, the mean of the test views)\n"
        f"Training         {summary['training_seconds']:.0f} s, {summary['steps']} steps on {summary['device_name']}\n"
        f"Whole demo       {seconds:.0f} s\n\n"
        f"Scene            {out / summary['blend']}\n"
        f"Film             {out / summary['film']}\n"
        f"Report           {report}\n"
        f"Run              {out / summary['run']}"
    )


@contextlib.contextmanager
def _stage(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    started = time.monotonic()
    print(f"{what} ...", end="", flush=True)
    try:
        yield
    except BaseException:
        print(" failed", flush=True)
        raise
    print(f" {time.monotonic() - started:.1f} s", flush=True)
