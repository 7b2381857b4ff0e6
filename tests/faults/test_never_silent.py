"""The link is never silent: whatever can't be sent or goes wrong on the way is said, and a silent side is noticed."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.link import codec
from engine.link.client import EngineClient, EngineProblem, LinkLost
from engine.link.messages import (
    ENGINE_MESSAGES,
    PROTOCOL,
    AddView,
    CancelJob,
    Hello,
    Message,
    OpenRun,
    Problem,
    RunOpened,
    Shutdown,
    SnapshotSaved,
    Status,
    Train,
    Welcome,
)
from engine.run_folder import RUN_FILE
from tests.engine.service.conftest import TINY
from tests.faults.conftest import TOKEN, Served, wait_until
from tests.raw_connection import connect_raw
from tests.scenes import sphere_field, sphere_views

pytestmark = pytest.mark.slow
Serve = Callable[..., Served]
Connect = Callable[..., EngineClient]

posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
VIEW = sphere_views(1, 16)[0]
ADD_VIEW = AddView(name="a", split="train", camera=VIEW.camera, color=VIEW.color, depth=VIEW.depth)


def pack(header: Any) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text


def answer_of(connection: Any) -> Message:
    return codec.decode(connection.recv(10), ENGINE_MESSAGES)


def next_of(connection: Any, kind: type[Message]) -> Message:
    while not isinstance(message := answer_of(connection), kind):
        pass
    return message


@pytest.mark.parametrize(
    "header",
    [
        {"type": "\0", "fields": {}, "buffers": []},
        {"type": "CancelJob", "fields": {"job": "a\0b"}, "buffers": []},
        {"type": "CancelJob", "fields": {"job": "\ud800"}, "buffers": []},
        {"type": "CancelJob", "fields": {"a\0b": 1}, "buffers": []},
        {"type": "OpenRun", "fields": {"run": "r", "overrides": {"\0": "\0"}}, "buffers": []},
        {"type": "AddView", "fields": {}, "buffers": [{"field": "\0" * 3000}]},
        {"type": "FetchFile", "fields": {"path": "\x1b[31m\x07"}, "buffers": []},
        {"type": "x" * 100_000, "fields": {}, "buffers": []},
    ],
)
def test_what_a_peer_sent_does_not_silence_the_link(address: Any, header: Any) -> None:
    with connect_raw(address.port, address.token) as connection:
        connection.send(codec.encode(Hello(protocol=PROTOCOL, version="0", client="raw")))
        assert isinstance(answer_of(connection), Welcome)
        connection.send(pack(header))
        problem = next_of(connection, Problem)
        assert isinstance(problem, Problem) and problem.message.isprintable()
        assert isinstance(next_of(connection, Status), Status)


@pytest.mark.parametrize(
    "fields",
    [
        {"client": "n" * 8000},
        {"version": "v" * 8192},
        {"client": "a\0b"},
        {"version": "\ud800"},
        {"protocol": 10**30},
        {"\0": "\0"},
    ],
)
def test_every_refusal_of_a_first_message_is_said(address: Any, connect: Connect, fields: dict[str, Any]) -> None:
    connect()  # the engine is busy, so that there is a reason to name the newcomer
    hello = {"protocol": PROTOCOL, "version": "0", "token": address.token, "client": "raw"} | fields
    with connect_raw(address.port, address.token) as connection:
        connection.send(pack({"type": "Hello", "fields": hello, "buffers": []}))
        answer = answer_of(connection)
        assert isinstance(answer, Problem) and answer.fatal and answer.message.isprintable()


def test_a_run_that_nests_without_end_is_told_in_words(connect: Connect) -> None:
    client = connect()
    client.send(OpenRun(run="deep", primitive=sphere_field(), overrides=TINY))
    client.send(ADD_VIEW)
    client.send(Train(running=True, steps=2))
    run_file = Path(client.wait_for(SnapshotSaved, 60).path).with_name(RUN_FILE)
    info = json.loads(run_file.read_text())
    deep: Any = 1.0
    for _ in range(900):
        deep = {"a": deep}
    info["history"] = [{"step": 1, "seconds": 1.0, "psnr": 1.0, "ssim": 1.0, "views": deep}]
    run_file.write_text(json.dumps(info))
    client.send(OpenRun(run="other", primitive=sphere_field(), overrides=TINY))
    client.wait_for(RunOpened, 60)
    client.poll()
    client.send(OpenRun(run="deep", primitive=sphere_field(), resume=True))
    assert "run.json: score 1: expected a number" in client.wait_for(Problem, 60).message
    client.poll()
    assert client.wait_for(Status, 5)


def test_a_sender_that_fails_ends_the_connection_and_says_so(serve: Serve) -> None:
    patch = """
import engine.service.client as client
former = client.Client._pack
def fail(self, message):
    if type(message).__name__ == "Status" and message.state != "idle":
        raise RuntimeError("the sender is broken")
    return former(self, message)
client.Client._pack = fail
"""
    engine = serve(patch)
    client = engine.client()
    client.send(OpenRun(run="r", primitive=sphere_field(), overrides=TINY))
    with pytest.raises(LinkLost, match="the engine's end of the link failed; its log has the details"):
        client.wait_for(SnapshotSaved, 60)
    assert "the sender is broken" in engine.words and "hanging up" in engine.words
    assert not client.was_dismissed, "to connect again is of use"
    assert engine.client().is_open


@posix
def test_a_silent_engine_is_noticed(engine: Served) -> None:
    client = engine.client()
    client.wait_for(Status, 5)
    engine.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(LinkLost, match="the engine has not answered for 5 s"):
        client.wait_for(SnapshotSaved, 30)
    assert time.monotonic() - began > 4.0
    engine.process.send_signal(signal.SIGCONT)
    assert wait_until(lambda: _lets_in(engine), 20)


@posix
@pytest.mark.parametrize("take_over", [False, True])
def test_a_frozen_client_gives_way_to_another_with_the_token(engine: Served, take_over: bool) -> None:
    code = (
        "import sys, time; from engine.link.client import EngineClient\n"
        "EngineClient('127.0.0.1', int(sys.argv[1]), sys.argv[2], 'frozen').connect(20)\n"
        "print('in', flush=True); time.sleep(600)"
    )
    frozen = subprocess.Popen([sys.executable, "-c", code, str(engine.port), TOKEN], stdout=subprocess.PIPE, text=True)
    try:
        assert frozen.stdout is not None and frozen.stdout.readline() == "in\n"
        with pytest.raises(EngineProblem, match="busy with another client, 'frozen'"):
            engine.client()
        frozen.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        if take_over:
            assert engine.client(take_over=True).is_open
            assert time.monotonic() - began < 4.0, "it need not wait for the silence to be noticed"
        else:
            assert wait_until(lambda: _lets_in(engine), 30), engine.words
            assert time.monotonic() - began > 3.0, "a client that answers is not thrown out"
        assert "has taken over" in engine.words
    finally:
        frozen.kill()
        frozen.wait()


def _lets_in(engine: Served) -> bool:
    try:
        return engine.client().is_open
    except (EngineProblem, LinkLost):
        return False


def test_a_client_that_is_taken_over_from_is_told(engine: Served) -> None:
    first = engine.client()
    second = engine.client(take_over=True)
    assert wait_until(lambda: not first.is_open, 5)
    assert first.was_dismissed and "another client, 'test', has taken over" in str(first.failure)
    assert any(isinstance(message, Problem) and message.code == "taken over" for message in first.poll())
    assert second.wait_for(Status, 5) and second.is_open


def test_problems_of_a_former_clients_commands_do_not_reach_the_next(connect: Connect) -> None:
    first = connect()
    first.send(OpenRun(run="former", primitive=sphere_field(), overrides=TINY))  # long enough to leave meanwhile
    for number in range(50):
        first.send(CancelJob(job=f"job {number}"))
    time.sleep(0.3)
    first.close()
    second = connect()
    second.send(OpenRun(run="mine", primitive=sphere_field(), overrides=TINY))
    assert second.wait_for(RunOpened, 60).run == "mine"
    second.send(CancelJob(job="mine"))
    assert second.wait_for(Problem, 20).regarding == "mine"
    assert not [message for message in second.poll() if isinstance(message, Problem | RunOpened)]


def test_a_device_that_takes_nothing_more_can_be_ended_by_its_client(serve: Serve) -> None:
    engine = serve("import engine.service.device_process as process; process.DeviceProcess.is_full = True")
    client = engine.client()
    client.send(Shutdown())
    assert engine.process.wait(120) == 0, engine.words
