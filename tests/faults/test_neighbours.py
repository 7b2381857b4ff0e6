"""Hostile neighbours: whoever else can reach the engine's port or write where it reads."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine.link.client import EngineClient, EngineProblem
from engine.link.messages import EvaluationSpec, FetchFile, FileChunk, Problem, StartJob, Status
from engine.link.ring import RingError, RingReader, RingWriter, TornRead
from tests.faults.conftest import Served
from tests.faults.floods import UPGRADE, WRONG_TOKEN, count_let_in
from tests.faults.tally import Tally

pytestmark = pytest.mark.slow
Serve = Callable[..., Served]

posix = pytest.mark.skipif(os.name == "nt", reason="pipes and limits of POSIX")
FEW_FILES = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))"


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that may not open many files."""
    served = Served(tmp_path_factory.mktemp("shared"), FEW_FILES)
    yield served
    served.close()


@posix
@pytest.mark.parametrize(
    "speech",
    [b"", b"GET / HTTP/1.1", UPGRADE + b"\r\n", WRONG_TOKEN, b"nonsense"],
    ids=["nothing", "half", "no token", "wrong token", "nonsense"],
)
def test_a_flood_at_full_speed_leaves_room_for_the_right_client(engine: Served, tally: Tally, speech: bytes) -> None:
    let_in = count_let_in(engine, speech, 6, tally)
    assert let_in == 6, engine.words[-2000:]
    assert "Too many open files" not in engine.words and "Traceback" not in engine.words
    assert len(engine.words) < 20_000


@posix
def test_a_crowd_that_says_nothing_sends_nobody_away_who_has(serve: Serve) -> None:
    engine = serve(FEW_FILES)

    def connect() -> socket.socket:
        return held.enter_context(socket.create_connection(("127.0.0.1", engine.port), 5.0))

    with contextlib.ExitStack() as held:
        slow, first = connect(), connect()
        slow.sendall(b"GET / HTTP/1.1\r\n")  # the right client, on a machine that hardly lets it run
        for _ in range(400):
            connect()
        first.settimeout(5.0)
        with contextlib.suppress(ConnectionResetError):
            assert first.recv(1) == b"", "who came first and said nothing left first"
        slow.settimeout(0.5)
        with pytest.raises(TimeoutError):
            slow.recv(1)


@posix
def test_a_client_that_was_sent_away_knocks_again(serve: Serve) -> None:
    patch = """
from engine.service.lobby import Lobby
former, count = Lobby.enter, 0
def enter(self, links):
    global count
    count += len(links)
    former(self, links) if count > 4 else [link.close() for link in links]
Lobby.enter = enter
"""
    assert serve(patch).client().wait_for(Status, 5)


def test_wrong_tokens_are_answered_and_slowed_down(serve: Serve) -> None:
    engine = serve()

    def guess(number: int) -> str:
        client = EngineClient("127.0.0.1", engine.port, f"guess {number}", "guesser")
        with pytest.raises(EngineProblem) as caught:
            client.connect(20)
        return caught.value.problem.code

    began = time.monotonic()
    with ThreadPoolExecutor(8) as guessers:
        codes = list(guessers.map(guess, range(24)))
    assert codes == ["token"] * 24 and time.monotonic() - began > 0.7
    assert engine.client().is_open


@posix
def test_only_regular_files_are_served_and_nobody_waits_for_others(serve: Serve) -> None:
    engine = serve()
    client = engine.client()
    os.mkfifo(engine.root / "pipe.png")
    (engine.root / "folder.png").mkdir()
    (engine.root / "real.png").write_bytes(b"pixels")
    for path in ("pipe.png", "folder.png"):
        client.send(FetchFile(path=path))
        problem = client.wait_for(Problem, 5)
        assert problem.regarding == path and "is not a regular file" in problem.message
    client.send(FetchFile(path="real.png"))
    assert client.wait_for(FileChunk, 5).total == 6
    engine.process.send_signal(signal.SIGTERM)
    assert engine.process.wait(20) == 128 + signal.SIGTERM


@posix
def test_a_disk_that_never_answers_holds_nothing_up(serve: Serve) -> None:
    patch = """
import time
import engine.service.file_reader as reader
former = reader.read_chunk
reader.read_chunk = lambda root, request: time.sleep(1e6) if "dead" in request.path else former(root, request)
reader.PATIENCE_SECONDS = 1.0
"""
    engine = serve(patch)
    client = engine.client()
    (engine.root / "real.png").write_bytes(b"pixels")
    client.send(StartJob(job="scores", specification=EvaluationSpec()))
    assert client.wait_for(Problem, 30).regarding == "scores"
    client.send(FetchFile(path="dead.png"))
    client.send(StartJob(job="scores", specification=EvaluationSpec()))
    assert client.wait_for(Problem, 5).regarding == "scores", "it does not wait for the disk"
    problem = client.wait_for(Problem, 10)
    assert problem.regarding == "dead.png" and "the disk has not answered for 1 s" in problem.message
    client.send(FetchFile(path="real.png"))
    assert client.wait_for(FileChunk, 5).total == 6
    for _ in range(3):
        client.send(FetchFile(path="dead.png"))
        assert client.wait_for(Problem, 10).regarding == "dead.png"
    client.send(FetchFile(path="real.png"))
    assert "4 files can't be read" in client.wait_for(Problem, 5).message
    engine.process.send_signal(signal.SIGTERM)
    assert engine.process.wait(20) == 128 + signal.SIGTERM


def test_the_ring_has_one_writer_at_a_time(tally: Tally) -> None:
    writer = RingWriter()
    reader = RingReader(writer.folder)
    failures: list[BaseException] = []
    written = [0, 0]

    def write(number: int) -> None:
        random = np.random.default_rng(number)
        try:
            for _ in range(400):
                pixels = np.full(int(random.integers(1, 60_000)), number + 1, np.uint8)
                (place,) = writer.write([pixels])
                copy = np.zeros_like(pixels)
                try:
                    RingReader(writer.folder).read(place, copy)
                    assert (copy == number + 1).all()
                except (TornRead, RingError):
                    pass
                written[number] += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader.close()
    writer.close()
    tally.add("pictures written into one ring by two threads", sum(written), lost=len(failures))
    assert failures == [] and written == [400, 400]
    with pytest.raises(RingError, match="closed"):
        writer.write([np.zeros(4, np.uint8)])
    assert not Path(writer.folder).exists()
