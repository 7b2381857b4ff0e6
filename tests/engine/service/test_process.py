"""The engine as a process: how it starts, how it ends, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.link.client import EngineClient, LinkLost
from engine.link.launcher import EngineProcess, LaunchError
from engine.link.messages import AddView, OpenRun, Shutdown, Status, Train
from engine.runs import load_run
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.scenes import sphere_field, sphere_views

pytestmark = pytest.mark.slow

Start = Callable[..., EngineProcess]


def serve(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "engine", "serve", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool], timeout: float = 30) -> bool:
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def connected(engine: EngineProcess) -> EngineClient:
    address = engine.wait_ready()
    client = EngineClient(address.host, address.port, address.token, "test")
    client.connect(20)
    return client


def train_a_little(client: EngineClient) -> None:
    client.send(OpenRun(run="r", primitive=sphere_field(), overrides=TINY))
    view = sphere_views(1, 16)[0]
    client.send(AddView(name="a", split="train", camera=view.camera, color=view.color, depth=view.depth))
    client.send(Train(running=True))
    client.wait_for(Status, 120, lambda status: status.step >= 3)


def test_a_port_in_use_is_one_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = serve("--root", tmp_path, "--port", port)
    assert result.returncode == 1
    assert f"hashlight serve: port {port} on 127.0.0.1 is in use" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0", "--port", "0"], "--host: to listen on 0.0.0.0, beyond this computer, a token is needed"),
        (
            ["--token-file", "missing.txt"],
            "--token-file: missing.txt can't be read: No such file or directory; it must",
        ),
        (["--token-file", sys.executable], "is not text; it must hold a secret in one line"),
        (["--host", "0.0.0.0", "--token-file", "{tmp_path}/short.txt"], "a token of 3 characters is soon guessed"),
        (["--tls-cert", __file__, "--tls-key", "gone.pem"], "serve: gone.pem: can't be used for TLS (no such file)"),
        (["--root", __file__], "can't be used: it is a file; name a folder"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "short.txt").write_text("x y")
    result = serve("--root", tmp_path, *(argument.format(tmp_path=tmp_path) for argument in arguments))
    assert result.returncode == 1 and words in result.stderr and "Traceback" not in result.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    result = serve("--root", tmp_path, "--port", 0, "--device", "cuda")
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "torch sees no CUDA device; use --device cpu or auto" in result.stderr


def test_a_client_that_ends_without_closing_does_not_hang(start_engine: Start, tmp_path: Path) -> None:
    address = start_engine().wait_ready()
    script = tmp_path / "client.py"
    script.write_text(
        "import sys\n"
        "from engine.link.client import EngineClient\n"
        "EngineClient(sys.argv[1], int(sys.argv[2]), sys.argv[3]).connect(20)\n"
    )
    arguments = [sys.executable, str(script), address.host, str(address.port), address.token]
    result = subprocess.run(arguments, timeout=20, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_shutting_down_while_training_leaves_a_run_that_loads(start_engine: Start) -> None:
    engine = start_engine()
    client = connected(engine)
    train_a_little(client)
    client.send(Shutdown())
    assert wait_until(lambda: not engine.is_running)
    with pytest.raises(LinkLost, match="shut down"):
        client.wait_for(OpenRun, 5)
    run = load_run(engine.root / "r", TEST_DEVICE)
    assert run.trainer.step_count >= 3 and run.info["data"]["views"][0]["name"] == "a"


def test_stop_saves_the_run_and_ends_the_process(start_engine: Start) -> None:
    engine = start_engine()
    client = connected(engine)
    train_a_little(client)
    client.close()
    engine.stop(20)
    assert not engine.is_running
    assert load_run(engine.root / "r", TEST_DEVICE).trainer.step_count >= 3


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_stop_need_not_wait_for_another_client_and_still_saves(start_engine: Start) -> None:
    engine = start_engine()
    client = connected(engine)
    train_a_little(client)
    started = time.monotonic()
    engine.stop(60)
    assert not engine.is_running and time.monotonic() - started < 30
    assert load_run(engine.root / "r", TEST_DEVICE).trainer.step_count >= 3


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_engine_is_noticed_and_told_in_words(start_engine: Start) -> None:
    engine = start_engine()
    client = connected(engine)
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(LinkLost, match="the connection to the engine was lost"):
        client.wait_for(OpenRun, 10)
    assert not client.is_open and client.failure is not None
    # A process that holds a GPU takes a while to be gone.
    assert wait_until(lambda: not engine.is_running)
    with pytest.raises(LaunchError, match="was killed by signal 9"):
        engine.wait_ready(5)
    client.close()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_engine_that_was_told_to_end_by_others_says_so(start_engine: Start) -> None:
    engine = start_engine()
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGTERM)
    assert wait_until(lambda: not engine.is_running)
    with pytest.raises(LaunchError, match="the engine was told to end by SIGTERM, and saved its run"):
        engine.wait_ready(5)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_the_engine_ends_when_its_parent_dies(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        "from engine.link.launcher import EngineProcess\n"
        "engine = EngineProcess(sys.executable, sys.argv[1], device=sys.argv[2])\n"
        "engine.start(); engine.wait_ready(120); print(engine.pid, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, str(script), str(tmp_path / "root"), TEST_DEVICE]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
    finally:
        parent.kill()
        parent.wait()
    assert wait_until(lambda: not is_alive(pid), 15)


def test_a_missing_python_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=r"nowhere/python doesn't exist: set up the engine again"):
        EngineProcess("nowhere/python", tmp_path / "root").start()


def test_a_python_without_the_engine_is_told_in_words(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    engine = EngineProcess(python, tmp_path / "root")
    engine.start()
    with pytest.raises(LaunchError, match="has no engine package: set up the engine again"):
        engine.wait_ready(30)
    engine.stop()


def test_an_engine_that_dies_at_the_start_shows_its_last_words(tmp_path: Path) -> None:
    engine = EngineProcess(sys.executable, tmp_path / "root", device="tpu")
    engine.start()
    with pytest.raises(LaunchError, match=r"exit code 2\nThe end of its log:\n(?s:.*)invalid choice: 'tpu'"):
        engine.wait_ready(60)
    engine.stop()
