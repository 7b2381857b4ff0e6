"""Something unforeseen in any thread of the engine: its client is told, nobody waits in vain, and what was learnt is
saved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.link.client import EngineClient
from engine.link.messages import AddView, CancelJob, OpenRun, Problem, Status, Train
from engine.run_folder import RUN_FILE, is_run
from engine.service.session import Session
from tests.device import TEST_DEVICE
from tests.engine.service.conftest import TINY
from tests.faults.conftest import Served, wait_until
from tests.scenes import sphere_field, sphere_views

pytestmark = pytest.mark.slow
Serve = Callable[..., Served]


def in_device_process(code: str) -> str:
    """A patch that has ``code``, one line, run in the device process."""
    return f"import engine.service.device_process as process; process.ENTRY = {code + '; '!r} + process.ENTRY"


def train(client: EngineClient) -> None:
    view = sphere_views(1, 16)[0]
    client.send(OpenRun(run="r", primitive=sphere_field(), overrides=TINY))
    client.send(AddView(name="a", split="train", camera=view.camera, color=view.color, depth=view.depth))
    client.send(Train(running=True))
    client.wait_for(Status, 120, lambda status: status.step >= 3)


def test_status_comes_though_the_watchdog_fails(serve: Serve) -> None:
    engine = serve("import engine.service.watchdog as w; w.Watchdog.look = lambda self: 1 / 0")
    client = engine.client()
    for _ in range(40):  # for longer than a silent engine is listened to
        client.wait_for(Status, 20)
    assert engine.words.count("the device can't be watched") == engine.words.count("ZeroDivisionError") == 1


def test_a_server_that_can_send_the_device_nothing_says_so_and_ends(serve: Serve) -> None:
    engine = serve("from engine.service import pipe; pipe.write = lambda *arguments: 1 / 0")
    client = engine.client()
    client.send(CancelJob(job="none"))
    assert engine.process.wait(60) == 1
    assert wait_until(lambda: not client.is_open, 20)
    assert "the device process was killed by signal 9" in str(client.failure)
    assert "nothing can be sent to the device process any more" in engine.words


def test_a_message_that_the_device_process_can_not_read_is_answered(serve: Serve) -> None:
    read = "from engine.link import codec; decode = codec.decode; codec.decode = lambda data, *rest: "
    engine = serve(in_device_process(f"{read}[][0] if b'CancelJob' in data[:99] else decode(data, *rest)"))
    client = engine.client()
    client.send(CancelJob(job="none"))
    problem = client.wait_for(Problem, 60)
    assert problem.code == "internal" and problem.message.startswith("a message can't be read: IndexError")
    train(client)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "from engine.service import device_main as d; p = d.pack_or_explain; "
            "d.pack_or_explain = lambda m, **k: 1 / 0 if type(m).__name__ == 'Problem' else p(m, **k)",
            "nothing can be sent to the server any more: saving the run and ending",
        ),
        (
            "from engine.service import pipe; r = pipe.read; "
            "pipe.read = lambda s: (lambda item: 1 / 0 if b'CancelJob' in item[0][:99] else item)(r(s))",
            "nothing can be heard from the server any more: saving the run and ending",
        ),
        (
            "from engine.service.commands import CommandQueue as q; t = q.take_command; "
            "q.take_command = lambda s: "
            "(lambda i: 1 / 0 if i and type(i[0]).__name__ == 'CancelJob' else i)(t(s))",
            "the device thread failed",
        ),
    ],
    ids=["sending", "receiving", "working"],
)
def test_the_run_is_saved_though_a_thread_of_the_device_process_fails(serve: Serve, code: str, words: str) -> None:
    engine = serve(in_device_process(code))
    client = engine.client()
    train(client)
    assert not is_run(engine.root / "r")
    client.send(CancelJob(job="none"))
    assert engine.process.wait(120) == 1
    assert words in engine.words and (engine.root / "r" / RUN_FILE).exists()
    assert wait_until(lambda: not client.is_open, 20) and "the device process ended" in str(client.failure)


def test_a_run_is_saved_and_let_go_of_though_a_job_can_not_be_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(OpenRun(run="r", primitive=sphere_field(), overrides=TINY), tmp_path, TEST_DEVICE, print)
    view = sphere_views(1, 16)[0]
    session.add(AddView(name="a", split="train", camera=view.camera, color=view.color, depth=view.depth))
    session.train(Train(running=True))
    session.step()
    monkeypatch.setattr(session._jobs, "cancel_all", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        session.close()
    again = Session(OpenRun(run="r", primitive=sphere_field(), resume=True), tmp_path, TEST_DEVICE, print)
    assert again.status().step == 1
    again.close()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_an_engine_whose_device_never_gets_ready_ends_when_it_is_told_to(tmp_path: Path) -> None:
    code = "import engine.service.device_process as p; p.ENTRY = 'import time; time.sleep(600)'\n"
    code += "import sys; from engine.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "serve", "--port", "0", "--root", str(tmp_path / "root")]
    with (tmp_path / "log").open("wb") as log:
        engine = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        children = Path(f"/proc/{engine.pid}/task/{engine.pid}/children")
        assert wait_until(lambda: engine.poll() is not None or bool(children.read_text()), 60)
        engine.send_signal(signal.SIGTERM)
        assert engine.wait(60) == 128 + signal.SIGTERM, (tmp_path / "log").read_text()
    finally:
        engine.kill()
