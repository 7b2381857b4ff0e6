"""A device that does not answer: the client and the log are told for how long, and signals are heard all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.link.messages import AddView, OpenRun, Status, Train
from engine.run_folder import RUN_FILE
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.faults.conftest import Served, wait_until
from tests.scenes import sphere_field, sphere_views

Serve = Callable[..., Served]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="POSIX signals")]

# In the device process, a kernel that holds the GIL, as Taichi kernels do, for a minute or a fraction of one.
SPIN = """
import taichi as ti
from engine.service.session import Session

@ti.kernel
def spin(n: ti.i32) -> ti.f32:
    x = 0.0
    ti.loop_config(serialize=True)
    for i in range(n):
        x = ti.sin(x + ti.cast(i, ti.f32))
    return x

close = Session.close
WARM_UP, CLOSE = 2**31 - 1, 2**29

def spin_and_close(self):
    print(spin(CLOSE))
    close(self)
"""


@pytest.fixture
def spinning(serve: Serve, tmp_path: Path) -> Callable[[str, str], Served]:
    """Starts an engine whose device process has that kernel, put in place by ``code``; ``patch`` is of the server."""

    def start(code: str, patch: str) -> Served:
        (tmp_path / "spin.py").write_text(SPIN + code)  # Taichi reads a kernel's source from its file
        first = f"sys.path.insert(0, {str(tmp_path)!r}); import spin; "
        return serve(
            f"import engine.service.device_process as process; process.ENTRY = {first!r} + process.ENTRY\n"
            f"import engine.service.watchdog as watchdog; {patch}"
        )

    return start


def test_a_kernel_that_keeps_pythons_lock_does_not_deafen_the_engine(
    spinning: Callable[[str, str], Served],
) -> None:
    engine = spinning("Session.warm_up = lambda self: print(spin(WARM_UP))", "watchdog.LONGEST_END_SECONDS = 8.0")
    client = engine.client()
    client.send(OpenRun(run="r", primitive=sphere_field(), overrides=TINY))
    told = client.wait_for(Status, 60, lambda status: status.busy_seconds > 4.5)
    assert "the device has not answered for" in told.message
    began = time.monotonic()
    statuses = [client.wait_for(Status, 5) for _ in range(10)]
    assert statuses[-1].busy_seconds > statuses[0].busy_seconds and time.monotonic() - began < 10.0
    assert wait_until(lambda: "the device has not answered for 5 s" in engine.words, 30)

    engine.process.send_signal(signal.SIGTERM)
    assert engine.process.wait(60) == 1
    assert "SIGTERM: saving the run and ending" in engine.words
    assert "busy with one piece of work for" in engine.words
    assert "what was learnt since the last save is lost" in engine.words


def test_a_kernel_that_keeps_pythons_lock_is_waited_for_and_then_the_run_is_saved(
    spinning: Callable[[str, str], Served],
) -> None:
    engine = spinning("Session.close = spin_and_close", "watchdog.STILL_SECONDS = 3.0")
    _train(engine.client())
    engine.process.send_signal(signal.SIGTERM)
    assert engine.process.wait(180) == 128 + signal.SIGTERM, engine.words
    assert "the device has not answered for 5 s, and is waited for" in engine.words
    assert (engine.root / "r" / RUN_FILE).exists()


def test_a_device_that_does_nothing_is_ended(serve: Serve) -> None:
    engine = serve("import engine.service.watchdog as watchdog; watchdog.STILL_SECONDS = 1.0")
    client = engine.client()
    _train(client)
    os.kill(engine.device_pid, signal.SIGSTOP)
    engine.process.send_signal(signal.SIGTERM)
    assert engine.process.wait(60) == 1
    assert "the device has done nothing for" in engine.words and "Traceback" not in engine.words
    assert wait_until(lambda: not client.is_open, 10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_saves_the_run(serve: Serve, number: signal.Signals) -> None:
    engine = serve()
    client = engine.client()
    _train(client)
    device = engine.device_pid
    engine.process.send_signal(number)
    assert wait_until(lambda: f"{number.name}: saving" in engine.words, 60)
    engine.process.send_signal(signal.SIGHUP)  # a terminal that closes, or a service manager, sends more of them
    assert engine.process.wait(180) == 128 + number, engine.words
    assert (engine.root / "r" / RUN_FILE).exists()
    assert wait_until(lambda: not Path(f"/proc/{device}").exists(), 5)


@pytest.mark.parametrize("is_for_all", [False, True])
def test_an_engine_that_is_still_starting_tells_the_signal(tmp_path: Path, is_for_all: bool) -> None:
    """``is_for_all``: the device process gets it, too, before it can leave signals to the server."""
    command = [sys.executable, "-m", "engine", "serve", "--port", "0", "--root", str(tmp_path), "--device", TEST_DEVICE]
    with (tmp_path / "log").open("wb") as log:
        engine = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        children = Path(f"/proc/{engine.pid}/task/{engine.pid}/children")
        assert wait_until(lambda: engine.poll() is not None or bool(children.read_text()), 60)
        (os.killpg if is_for_all else os.kill)(engine.pid, signal.SIGTERM)
        assert engine.wait(60) == 128 + signal.SIGTERM, (tmp_path / "log").read_text()
        assert "Traceback" not in (tmp_path / "log").read_text()
    finally:
        engine.kill()


def test_a_second_signal_ends_it_at_once(serve: Serve) -> None:
    engine = serve()
    engine.client()
    os.kill(engine.device_pid, signal.SIGSTOP)
    engine.process.send_signal(signal.SIGTERM)
    assert wait_until(lambda: "SIGTERM: saving" in engine.words, 60)
    engine.process.send_signal(signal.SIGTERM)
    assert engine.process.wait(60) == 1
    assert "SIGTERM once more: ending at once" in engine.words and "was not to be waited for" in engine.words


def test_a_device_process_that_is_killed_is_told_and_ends_the_engine(serve: Serve) -> None:
    engine = serve()
    client = engine.client()
    _train(client)
    os.kill(engine.device_pid, signal.SIGKILL)
    assert wait_until(lambda: not client.is_open, 10)
    assert "the device process was killed by signal 9" in str(client.failure)
    assert engine.process.wait(10) == 1
    assert "was killed by signal 9" in engine.words and "Traceback" not in engine.words


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_the_device_process_ends_with_the_engine(serve: Serve) -> None:
    engine = serve()
    device = engine.device_pid
    engine.process.kill()
    engine.process.wait()
    assert wait_until(lambda: not _is_alive(device), 10)


def test_a_run_that_cannot_be_saved_at_the_end_is_an_exit_code(serve: Serve) -> None:
    engine = serve()
    client = engine.client()
    _train(client)
    (engine.root / "r").write_text("a file in the folder's place")
    engine.process.send_signal(signal.SIGTERM)
    assert engine.process.wait(180) == 1
    assert "could not be saved" in engine.words


def _train(client: object) -> None:
    view = sphere_views(1, 16)[0]
    for message in (
        OpenRun(run="r", primitive=sphere_field(), overrides=TINY),
        AddView(name="a", split="train", camera=view.camera, color=view.color, depth=view.depth),
        Train(running=True),
    ):
        client.send(message)  # type: ignore[attr-defined]
    client.wait_for(Status, 120, lambda status: status.step >= 3)  # type: ignore[attr-defined]


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
