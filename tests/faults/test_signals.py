"""Requests to end, of every kind, to every command: what was learnt is saved, nothing is left, the exit code tells."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.cli import COMMANDS, main
from engine.cli.interrupts import DeferredInterrupt, Interrupted, interrupts_raised
from engine.run_info import read_info
from engine.runs import load_run
from tests.device import TEST_DEVICE
from tests.engine.data.scenes import write_nerf_synthetic

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
ON_DEVICE = ["--device", TEST_DEVICE]
_REQUESTS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
_RUN_CLI = "import sys; from engine.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nerf_synthetic(tmp_path_factory.mktemp("sphere"), train=6, test=2, size=16)


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts ``hashlight`` in a process of its own, after some Python code."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, code: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, "-c", f"{code}\n{_RUN_CLI}", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(command, **pipes))  # type: ignore[call-overload]
        return processes[-1]

    yield begin
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def _read_until(process: subprocess.Popen[str], pattern: str) -> None:
    assert process.stderr is not None
    seen, deadline = "", time.monotonic() + 120
    while not re.search(pattern, seen) and time.monotonic() < deadline:
        letter = process.stderr.read(1)
        assert letter, seen
        seen += letter


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


@pytest.mark.parametrize("request_to_end", _REQUESTS)
def test_the_first_request_waits_for_a_safe_moment(request_to_end: signal.Signals) -> None:
    with interrupts_raised():
        with DeferredInterrupt() as interrupt:
            assert not interrupt.requested
            os.kill(os.getpid(), request_to_end)
            assert interrupt.requested and interrupt.exit_code == 128 + request_to_end
            # A terminal that closes, or a service manager, sends more of them.
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGHUP)
            assert interrupt.exit_code == 128 + request_to_end
            with pytest.raises(Interrupted):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)
        # Between the loop that was to end and the end of the process, too, the exit code is the first one's.
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)


@pytest.mark.parametrize("request_to_end", _REQUESTS)
def test_a_loop_that_nobody_asked_to_end_leaves_requests_as_they_were(request_to_end: signal.Signals) -> None:
    with interrupts_raised():
        with DeferredInterrupt():
            pass
        with pytest.raises(Interrupted) as caught:
            os.kill(os.getpid(), request_to_end)
            time.sleep(1)
        assert caught.value.number == request_to_end


def test_what_a_process_was_started_to_ignore_it_ignores() -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
    try:
        with interrupts_raised(), DeferredInterrupt() as interrupt:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interrupt.requested
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, former)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_tells_the_signal_by_its_exit_code(
    start: Callable[..., subprocess.Popen[str]], command: str
) -> None:
    module = f"engine.cli.{command}{'_' if command == 'import' else ''}"
    code = (
        f"import sys, time, {module} as module\n"
        "module.add_arguments = lambda parser: None\n"
        "module.run = lambda options: (print('working', file=sys.stderr, flush=True), time.sleep(60))"
    )
    process = start(command, code=code)
    _read_until(process, "working")
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert words.strip() == f"hashlight {command}: stopped"


@pytest.mark.slow
@pytest.mark.parametrize("request_to_end", _REQUESTS)
def test_training_is_saved(
    start: Callable[..., subprocess.Popen[str]], dataset: Path, tmp_path: Path, request_to_end: signal.Signals
) -> None:
    # The second request comes once the first was heard: of two at once Python hears that of the lower number first.
    code = (
        "import sys; from engine.cli.interrupts import DeferredInterrupt as D; former = D._handle\n"
        "D._handle = lambda self, number: (former(self, number), print('heard', file=sys.stderr, flush=True))"
    )
    process = start("train", str(dataset), "--out", str(tmp_path / "run"), "--seconds", "600", *ON_DEVICE, code=code)
    _read_until(process, "Ready after")
    time.sleep(1.0)
    process.send_signal(request_to_end)
    _read_until(process, "heard")
    process.send_signal(signal.SIGHUP)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 128 + request_to_end, words
    assert "Stopped at step" in words and "Traceback" not in words
    assert load_run(tmp_path / "run", TEST_DEVICE).trainer.step_count >= 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert all(re.fullmatch(r"(run|snapshot-|history-).*", path.name) for path in (tmp_path / "run").iterdir())


@pytest.mark.slow
def test_training_is_saved_when_its_terminal_is_gone(dataset: Path, tmp_path: Path) -> None:
    command = ["train", str(dataset), "--out", str(tmp_path / "run"), "--seconds", "600", *ON_DEVICE]
    process, terminal = _start_in_a_terminal(command, b"Ready after")
    time.sleep(1.0)
    os.close(terminal)  # the kernel sends SIGHUP, and whatever is printed from now on fails
    assert process.wait(60) == 128 + signal.SIGHUP
    assert read_info(tmp_path / "run")["step"] >= 1


def test_an_engine_ends_with_its_terminal(tmp_path: Path) -> None:
    process, terminal = _start_in_a_terminal(
        ["serve", "--port", "0", "--root", str(tmp_path), *ON_DEVICE], b"listening"
    )
    os.close(terminal)
    assert process.wait(60) == 128 + signal.SIGHUP


def _start_in_a_terminal(command: list[str], until: bytes) -> tuple[subprocess.Popen[bytes], int]:
    """``hashlight COMMAND`` once it has printed ``until``, and the terminal that it runs in."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", *command], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=_take_terminal,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    while until not in seen:
        seen += os.read(ours, 1000)
    return process, ours


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.slow
def test_a_failed_save_at_the_end_is_an_exit_code(
    start: Callable[..., subprocess.Popen[str]], dataset: Path, tmp_path: Path
) -> None:
    code = (
        "import engine.runs\ndef full(path): raise OSError(28, 'No space left on device')\nengine.runs.sync_file = full"
    )
    process = start("train", str(dataset), "--out", str(tmp_path / "run"), "--seconds", "600", *ON_DEVICE, code=code)
    _read_until(process, "Ready after")
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 1 and "No space left on device" in words and "Traceback" not in words


@pytest.mark.slow
def test_training_that_has_its_steps_says_so(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", str(dataset), "--out", str(tmp_path / "run"), *ON_DEVICE]
    assert main([*command, "--steps", "6"]) == 0
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    for steps in ("6", "3"):
        assert main([*command, "--resume", "--steps", steps]) == 0
        assert "run has 6 steps already" in capsys.readouterr().err
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()} == before
    assert main([*command, "--resume", "--seconds", "1e-6"]) == 0
    assert "ask for more with --steps or --seconds" in capsys.readouterr().err
    assert main([*command, "--resume", "--steps", "7"]) == 0
    assert [point["step"] for point in read_info(tmp_path / "run")["history"]] == [6, 7]


@pytest.mark.slow
def test_an_import_leaves_nothing(start: Callable[..., subprocess.Popen[str]], dataset: Path, tmp_path: Path) -> None:
    code = (
        "import sys, time, engine.data.importing as importing\n"
        "whole = importing.save_dataset\n"
        "def slow(*arguments):\n"
        "    whole(*arguments); print('written', file=sys.stderr, flush=True); time.sleep(60)\n"
        "importing.save_dataset = slow"
    )
    process = start("import", str(dataset), "--out", str(tmp_path / "scene" / "capture"), code=code)
    _read_until(process, "written")
    assert list((tmp_path / "scene").iterdir())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert list((tmp_path / "scene").iterdir()) == []


@pytest.mark.slow
def test_a_render_keeps_its_frames_and_no_half_film(
    start: Callable[..., subprocess.Popen[str]], dataset: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert main(["train", str(dataset), "--out", str(run), "--steps", "3", *ON_DEVICE]) == 0
    film = ["render", str(run), "--turntable", "--radius", "4", "--size", "16x16"]
    film += ["--out", str(tmp_path / "film.mp4"), *ON_DEVICE]
    process = start(*film, "--frames", "2000")
    frames = tmp_path / "film_frames"
    _wait_for(lambda: (frames / "frame_0003.png").exists())
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM and "--resume goes on" in words
    assert all(re.fullmatch(r"frame_[0-9]+\.png|bake\.json", path.name) for path in frames.iterdir())

    encode = "import time, engine.rendering.frame_files as f; r = f.FrameWriter.read_for_display\n"
    encode += "f.FrameWriter.read_for_display = lambda *a, **k: (time.sleep(0.5), r(*a, **k))[1]"
    process = start(*film, "--frames", "12", code=encode)
    _wait_for(lambda: any(".part" in path.name for path in tmp_path.iterdir()))
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGHUP
    assert {path.name for path in tmp_path.iterdir()} == {"run", "film_frames"}
