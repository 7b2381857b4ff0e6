"""``hashlight doctor``: what runs on this machine, and what to do about what doesn't."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import importlib.util
import io
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from engine.cli.arguments import add_json
from engine.cli.install_advice import INSTALL
from engine.link.addresses import DEFAULT_PORT
from engine.link.argument_types import whole_number
from engine.link.findings import Finding, Grade

MIN_FREE_BYTES = 2 * 2**30
EXAMPLES = """\
exit code: 0 when everything needed works, 1 when something fails. Warnings name what is merely missing or slow."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--port", type=whole_number(0, 65535), default=DEFAULT_PORT, help=f"port of `hashlight serve` ({DEFAULT_PORT})"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Look at everything. Returns 1 when something needed fails."""
    checks: list[Callable[[], Finding]] = [
        check_python,
        lambda: check_package("torch"),
        lambda: check_package("taichi"),
        lambda: check_package("websockets"),
        lambda: check_package("zstandard"),
        lambda: check_package("OpenEXR"),
        lambda: check_package("OpenImageIO"),
        lambda: check_package("skimage"),
        check_device,
        check_kernels,
        check_ffmpeg,
        check_blender,
        check_disk,
        lambda: check_port(options.port),
    ]
    findings = []
    for check in checks:
        findings.append(check())
        if not options.json:
            _print_line(findings[-1])
    failed = any(finding.grade == "fail" for finding in findings)
    if options.json:
        from engine.cli.output import print_json

        print_json({"ok": not failed, "findings": [dataclasses.asdict(finding) for finding in findings]})
    return 1 if failed else 0


def check_python() -> Finding:
    """The interpreter's version: Taichi's wheels end at 3.13."""
    detail = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("python", "ok", detail)
    return Finding("python", "fail", detail, "use Python 3.11, 3.12 or 3.13")


def check_package(name: str) -> Finding:
    """Whether a package can be imported, and its version."""
    from importlib import metadata

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # Taichi introduces itself
            importlib.import_module(name)
    except ImportError as error:
        return Finding(name, "fail", f"can't be imported ({error})", INSTALL)
    except Exception as error:  # a broken native library raises all kinds
        return Finding(name, "fail", f"breaks on import ({error})", f"reinstall it: {INSTALL}")
    distribution = {"skimage": "scikit-image"}.get(name, name)
    return Finding(name, "ok", metadata.version(distribution))


def check_device() -> Finding:
    """The GPU that torch sees, or the processor."""
    from engine.machine import device_name

    try:
        import torch

        if torch.cuda.is_available():
            free, total = torch.cuda.mem_get_info()
            detail = (
                f"{device_name('cuda')}, {free / 2**30:.0f} of {total / 2**30:.0f} GiB free, CUDA {torch.version.cuda}"
            )
            return Finding("device", "ok", detail)
    except ImportError:
        return Finding("device", "fail", "torch is missing", INSTALL)
    except RuntimeError as error:
        return Finding("device", "warn", f"the GPU doesn't answer ({error})", "restart it, or use --device cpu")
    if shutil.which("nvidia-smi"):
        return Finding(
            "device",
            "warn",
            f"{device_name('cpu')}; there is an NVIDIA driver, but this torch can't use it",
            "install a CUDA build of torch",
        )
    return Finding("device", "ok", f"{device_name('cpu')}; no NVIDIA GPU, which is fine but slower")


def check_kernels() -> Finding:
    """Whether Taichi really compiles and runs something here."""
    code = "from taichi_kernels import runtime; runtime.start(runtime.choose_device()); import taichi as ti; ti.sync()"
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("kernels", "fail", f"Taichi can't be started ({error})", INSTALL)
    if done.returncode == 0:
        return Finding("kernels", "ok", "Taichi starts on the device")
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return Finding(
        "kernels", "fail", f"Taichi doesn't start ({lines[-1]})", "update the GPU driver, or use --device cpu"
    )


def check_ffmpeg() -> Finding:
    """ffmpeg, for films."""
    try:
        import imageio_ffmpeg

        path = imageio_ffmpeg.get_ffmpeg_exe()
        return Finding("ffmpeg", "ok", f"{imageio_ffmpeg.get_ffmpeg_version()} at {path}")
    except (ImportError, RuntimeError) as error:
        return Finding("ffmpeg", "warn", f"missing ({error}): frames work, films don't", INSTALL)


def check_blender() -> Finding:
    """Blender as a Python module or as a program; only the demo and captures need one."""
    found = []
    if importlib.util.find_spec("bpy") is not None:  # not imported: bpy and torch don't share a process
        from importlib import metadata

        found.append(f"bpy {metadata.version('bpy')}")
    if (program := shutil.which("blender")) is not None:
        found.append(program)
    if found:
        return Finding("blender", "ok", ", ".join(found))
    return Finding(
        "blender",
        "warn",
        "neither bpy nor a blender program on the PATH",
        "for `hashlight demo`: pip install bpy; for the extension: install Blender 4.5 or newer",
    )


def check_disk() -> Finding:
    """Room where runs and temporary files go."""
    try:
        with tempfile.NamedTemporaryFile(dir=Path.cwd()):
            pass
    except OSError as error:
        return Finding("disk", "warn", f"can't write into {Path.cwd()} ({error.strerror})", "change to another folder")
    free = min(shutil.disk_usage(folder).free for folder in (Path.cwd(), Path(tempfile.gettempdir())))
    grade: Grade = "ok" if free >= MIN_FREE_BYTES else "warn"
    advice = "" if grade == "ok" else f"free some: a capture and a run want {MIN_FREE_BYTES / 2**30:.0f} GiB"
    return Finding("disk", grade, f"{free / 2**30:.1f} GiB free", advice)


def check_port(port: int) -> Finding:
    """Whether the server's default port is free."""
    with socket.socket() as listener:
        if os.name == "posix":  # elsewhere the option would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            return Finding("port", "warn", f"{port}: {reason}", "is an engine running already? else serve --port 0")
    return Finding("port", "ok", f"{port} is free")


def _print_line(finding: Finding) -> None:
    advice = f"\n{'':18}-> {finding.advice}" if finding.advice else ""
    print(f"{finding.grade:4}  {finding.name:10}  {finding.detail}{advice}", flush=True)
