"""Run tests/gui inside a real Blender with its window open, on a virtual screen with software OpenGL.

The built zip is installed as a user would, events go through Blender's own event queue, and pictures are taken of the
screen. Where no such Blender is to be had, that is said plainly and counts as not run; --strict makes it a failure.

    python scripts/test_gui.py [NAME_PART ...] [--part K/N] [--strict] [--keep FOLDER] [--script FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from build_extension import build_extension
from gui_blender import NoBlenderError, WindowBlender, find_blender
from gui_watch import Outcome, follow

ROOT = Path(__file__).resolve().parents[1]
SCREEN = "1280x800"
TIME_LIMIT = 1800.0  # seconds for all tests together, a second try included
SCRIPT_LIMIT = 4200.0  # the same for another script, which may walk through a whole training


@contextlib.contextmanager
def running(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    """A process, ended with all that it started when the context ends."""
    process = subprocess.Popen(command, start_new_session=True, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def virtual_screen(blender: WindowBlender, size: str) -> Iterator[str]:
    """The name of a display of our own, ``size`` ("1280x800") large."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
    with running(blender.command(command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        number = server.stdout.readline().strip()
        if not number:
            raise NoBlenderError("Xvfb does not start")
        yield f":{number}"


def run_in_window(
    blender: WindowBlender,
    script: Path,
    arguments: list[str],
    out: Path,
    screen: str,
    limit: float,
) -> Outcome:
    """Run ``script`` in a Blender with a window, for ``limit`` seconds at most.

    Blender's own output goes to ``out``/blender.log, what the script reports to ours as it comes.
    """
    out.mkdir(parents=True, exist_ok=True)
    zip_file = build_extension()
    temporary = tempfile.TemporaryDirectory(prefix="hashlight-gui-", ignore_cleanup_errors=True)
    with temporary as user, virtual_screen(blender, screen) as display:
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": user,
            "TMPDIR": user,
            "LANG": "C.UTF-8",
            "DISPLAY": display,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "BLENDER_USER_RESOURCES": f"{user}/blender",
            "HASHLIGHT_ENGINE_PYTHON": sys.executable,
        }
        program = [blender.executable, "--factory-startup", "--python-exit-code", "1"]
        program += ["--window-geometry", "0", "0", *screen.split("x"), "--python", str(script)]
        program += ["--", str(zip_file), str(out), *arguments]
        log = (out / "blender.log").open("w", encoding="utf-8")
        command = blender.command(program)
        with log, running(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=ROOT) as process:
            outcome = follow(process, out, limit)
        for trace in Path(user).glob("*.crash.txt"):
            shutil.copy(trace, out)
        return outcome


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run tests/gui in a real Blender window.")
    parser.add_argument("names", nargs="*", metavar="NAME_PART", help="only tests whose name contains one of these")
    parser.add_argument("--part", type=_part, metavar="K/N", help="only the Kth of N parts of about the same length")
    parser.add_argument("--strict", action="store_true", help="fail when no Blender window can be opened here")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep screenshots and the log there")
    parser.add_argument(
        "--screen", default=SCREEN, metavar="WxH", help="size of the virtual screen (default: %(default)s)"
    )
    parser.add_argument("--script", type=Path, help="run this instead of the tests (see benchmarks/)")
    options = parser.parse_args()
    if options.part is not None and (options.names or options.script is not None):
        parser.error("--part is a part of all tests: it can't be had with names or a script")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that Blender and its screen are ended then, too
    try:
        blender = find_blender()
    except NoBlenderError as reason:
        print(f"Window tests NOT RUN: {reason}")
        return int(options.strict)
    # Blender's system sees the folder of temporary files, and not every other.
    with tempfile.TemporaryDirectory(prefix="hashlight-gui-out-") as temporary:
        try:
            return _run(blender, options, Path(temporary))
        except NoBlenderError as reason:
            print(f"Window tests NOT RUN: {reason}")
            return int(options.strict)
        finally:
            if options.keep is not None:
                shutil.copytree(temporary, options.keep, dirs_exist_ok=True)


def _run(blender: WindowBlender, options: argparse.Namespace, out: Path) -> int:
    """The tests, or another script, with all output in ``out``; the exit code."""
    script = (options.script or ROOT / "tests" / "gui" / "run_in_blender.py").absolute()
    names = options.names if options.part is None else names_of_part(*options.part)
    limit = TIME_LIMIT if options.script is None else SCRIPT_LIMIT
    outcome = run_twice_at_most(blender, script, names, out, options.screen, limit)
    return _summarize(out, outcome) if options.script is None else int(outcome.code != 0)


def _part(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not K/N, such as 1/2")
    return int(number), int(count)


def names_of_part(number: int, count: int) -> list[str]:
    """What the names of the tests in part ``number`` of ``count`` contain: each file of tests is in one of the parts,
    which are about equally long, taking a file's size for how long its tests take."""
    parts: list[list[Path]] = [[] for _ in range(count)]
    for file in sorted((ROOT / "tests" / "gui").glob("test_*.py"), key=lambda file: (-file.stat().st_size, file.name)):
        min(parts, key=lambda part: sum(other.stat().st_size for other in part)).append(file)
    return [f"{file.stem}::" for file in parts[number - 1]]


def run_twice_at_most(
    blender: WindowBlender, script: Path, arguments: list[str], out: Path, screen: str, limit: float
) -> Outcome:
    """``run_in_window``, and once more when the window died: tests that are done are not run again."""
    began = time.monotonic()
    outcome = run_in_window(blender, script, arguments, out, screen, limit)
    if not outcome.is_display_fault:
        return outcome
    (out / "blender.log").replace(out / "blender-first.log")
    done = len(_read_results(out))
    print(
        f"{outcome.words}. No check failed by that; {done} tests were done. TRYING ONCE MORE with the others",
        flush=True,
    )
    return run_in_window(blender, script, arguments, out, screen, limit - (time.monotonic() - began))


def _read_results(out: Path) -> dict[str, str]:
    path = out / "results.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _summarize(out: Path, outcome: Outcome) -> int:
    results = _read_results(out)
    failed = [name for name, words in results.items() if words != "passed"]
    if outcome.code != 0 or outcome.words or not results:
        print(f"{outcome.words or f'Blender ended with {outcome.code}'}; its last words:")
        print("\n".join((out / "blender.log").read_text("utf-8", errors="replace").splitlines()[-20:]))
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed in a Blender window")
    return int(bool(failed) or outcome.code != 0 or bool(outcome.words) or not results)


if __name__ == "__main__":
    raise SystemExit(main())
