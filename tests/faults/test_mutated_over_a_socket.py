"""Mutated messages over a socket, both ways: nothing falls silent, nothing is unhandled, memory stays bounded."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection
from websockets.sync.server import serve as serve_raw

from engine.link import codec
from engine.link.client import EngineClient, LinkError
from engine.link.messages import (
    CLIENT_MESSAGES,
    ENGINE_MESSAGES,
    PROTOCOL,
    FetchFile,
    Hello,
    Problem,
    Shutdown,
    Status,
    Welcome,
)
from tests.faults.conftest import TOKEN, Served, wait_until
from tests.faults.mutation import FROM_CLIENT, FROM_ENGINE, HELLO, Mutator, encoded
from tests.faults.tally import Tally
from tests.raw_connection import connect_raw

Serve = Callable[..., Served]
MEMORY_BOUND = 2 << 30  # bytes that the server's process may have; its messages may have half a gigabyte
SILENCE = 5.0
PATIENCE = 120.0  # seconds: a run may have to be opened first


# --- to the engine ----------------------------------------------------------------------------------------------------


def attack_engine(serve: Serve, count: int, seed: int, tally: Tally) -> None:
    """Have ``count`` mutated messages read by an engine, after a sound Hello each time it hangs up: what is behind
    every one of them is answered, or it ended the connection, in words. One that is a Shutdown still is obeyed, and the
    next engine goes on."""
    mutator = Mutator(seed, encoded(FROM_CLIENT))
    engine = serve()
    connection = _enter(engine)
    silences: list[bytes] = []
    for number in range(count):
        wire = mutator.next()
        try:
            connection.send(wire)
            if _is_shutdown(wire):
                assert engine.process.wait(300) == 0, engine.words  # it may be busy with a run that it opens
                _require_sound_log(engine)
                engine = serve()
                connection = _enter(engine)
            elif not _answers(connection, f"none/{number}"):
                silences.append(wire)
                connection.close()
                connection = _enter(engine)
        except ConnectionClosed as closed:
            if closed.rcvd is None or closed.rcvd.code == 1011:
                silences.append(wire)
            connection = _enter(engine)
    assert _hears_status(connection)
    connection.close()
    tally.add("mutated messages read by an engine over a socket", count, lost=len(silences))
    assert silences == [] and engine.process.poll() is None
    assert _resident(engine.process.pid) < MEMORY_BOUND
    _require_sound_log(engine)


def _is_shutdown(wire: bytes) -> bool:
    try:
        return isinstance(codec.decode(wire, CLIENT_MESSAGES), Shutdown)
    except LinkError:
        return False


def _answers(connection: Any, path: str) -> bool:
    """Whether a question about a file is answered, which no mutated message is about: what came before it was read. A
    Status comes all the while, however long that takes."""
    connection.send(codec.encode(FetchFile(path=path)))
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            kind, fields = codec.peek(connection.recv(SILENCE))
        except TimeoutError:
            return False
        if kind == "Problem" and fields["regarding"] == path:
            return True
    return False


def _require_sound_log(engine: Served) -> None:
    for words in ("a connection failed", "hanging up", "can't be understood", "can't be sent as it is"):
        assert words not in engine.words


def _enter(engine: Served) -> Any:
    deadline = time.monotonic() + 20
    while True:
        connection = connect_raw(engine.port, TOKEN, max_size=None)
        connection.send(codec.encode(Hello(protocol=PROTOCOL, version="0", client="attacker")))
        if isinstance(codec.decode(connection.recv(10), ENGINE_MESSAGES), Welcome):
            return connection
        connection.close()
        assert time.monotonic() < deadline, "the engine lets nobody in any more"
        time.sleep(0.05)


def _hears_status(connection: Any) -> bool:
    """Whether a Status made after now comes in time; whatever else has come is read."""
    until = time.monotonic() + SILENCE
    heard = 0
    while time.monotonic() < until:
        try:
            data = connection.recv(SILENCE)
        except TimeoutError:
            return False
        heard += codec.peek(data)[0] == "Status"
        if heard >= 2:
            return True
    return False


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


def attack_door(engine: Served, count: int, seed: int, tally: Tally) -> None:
    """Send ``count`` mutated first messages, each through a connection of its own: each is answered in words."""
    mutator = Mutator(seed, encoded((HELLO, *FROM_CLIENT)))
    silences: list[bytes] = []
    for _ in range(count):
        wire = mutator.next()
        with connect_raw(engine.port, TOKEN) as connection:
            try:
                connection.send(wire)
                answer = codec.decode(connection.recv(15), ENGINE_MESSAGES)
                if not isinstance(answer, Problem | Welcome):
                    silences.append(wire)
            except ConnectionClosed as closed:
                if closed.rcvd is None or closed.rcvd.code not in (1008, 1009):  # refused; too large
                    silences.append(wire)
            except TimeoutError:
                silences.append(wire)
    tally.add("mutated first messages over a socket", count, lost=len(silences))
    assert silences == []
    client = engine.client()
    assert client.wait_for(Status, 5)
    client.close()


# --- from an engine ---------------------------------------------------------------------------------------------------


class MaliciousEngine:
    """Shakes hands as an engine does, then says mutated things among sound ones until the client hangs up, as it does
    at most of the former: alone, they would be a few for each connection."""

    def __init__(self, seed: int, shakes_hands: bool = True) -> None:
        self._mutator = Mutator(seed, encoded(FROM_ENGINE))
        self._sound = [codec.encode(message) for message in FROM_ENGINE[1:]]
        self._shakes_hands = shakes_hands
        self._server: Server = serve_raw(self._handle, "127.0.0.1", 0, compression=None, max_size=None)
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _handle(self, connection: ServerConnection) -> None:
        try:
            codec.decode(connection.recv(), CLIENT_MESSAGES)  # type: ignore[arg-type]
            if self._shakes_hands:
                connection.send(codec.encode(FROM_ENGINE[0]))
            while True:
                if self._shakes_hands:
                    for wire in self._sound:
                        connection.send(wire)
                connection.send(self._mutator.next())
        except ConnectionClosed:
            pass

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


@pytest.fixture
def malicious() -> Iterator[Callable[..., MaliciousEngine]]:
    engines: list[MaliciousEngine] = []

    def start(*arguments: Any) -> MaliciousEngine:
        engines.append(MaliciousEngine(*arguments))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


@pytest.fixture
def messages_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What clients in this process made of each message that they read: what an engine sends, most never see."""
    outcomes: list[str] = []
    decode = codec.decode

    def decode_and_note(data: Any, kinds: Any, *rest: Any) -> Any:
        if kinds is ENGINE_MESSAGES:
            outcomes.append("refused")
        message = decode(data, kinds, *rest)
        if kinds is ENGINE_MESSAGES:
            outcomes[-1] = type(message).__name__
        return message

    monkeypatch.setattr(codec, "decode", decode_and_note)
    return outcomes


def attack_client(engine: MaliciousEngine, messages_read: list[str], count: int, tally: Tally) -> None:
    """Connect again and again until clients read ``count`` messages; each client ends in words that were meant."""
    unhandled: list[str] = []
    messages_read.clear()
    while len(messages_read) < count:
        client = EngineClient("127.0.0.1", engine.port, TOKEN, "victim", same_host=False)
        try:
            client.connect(10)
        except LinkError as error:
            _note(str(error), unhandled)
        ended = wait_until(lambda client=client: _drained(client), 20)  # type: ignore[misc]
        if not ended:
            unhandled.append("the client neither ends nor says why")
        _note(client.failure or "", unhandled)
        client.close()
    tally.add("messages of a malicious engine that a client read", len(messages_read), lost=len(unhandled))
    assert unhandled == [] and "refused" in messages_read


def _drained(client: EngineClient) -> bool:
    client.poll()
    return client.failure is not None or not client.is_open


def _note(words: str, unhandled: list[str]) -> None:
    """What begins with these words is an exception that nobody foresaw."""
    if words.startswith("the link failed") or not words.isprintable() or len(words) > 1000:
        unhandled.append(words[:300])


# --- how many ---------------------------------------------------------------------------------------------------------


def test_an_engine_answers_mutated_messages(serve: Serve, tally: Tally) -> None:
    attack_door(serve(), 60, 11, tally)
    attack_engine(serve, 300, 12, tally)


def test_a_client_survives_a_malicious_engine(
    malicious: Callable[..., MaliciousEngine], messages_read: list[str], tally: Tally
) -> None:
    attack_client(malicious(13), messages_read, 150, tally)
    attack_client(malicious(14, False), messages_read, 10, tally)


@pytest.mark.faults
def test_an_engine_answers_ten_thousand_mutated_messages(serve: Serve, tally: Tally) -> None:
    attack_door(serve(), 1_200, 21, tally)
    attack_engine(serve, 10_000, 22, tally)


@pytest.mark.faults
def test_a_client_survives_ten_thousand_messages_of_a_malicious_engine(
    malicious: Callable[..., MaliciousEngine], messages_read: list[str], tally: Tally
) -> None:
    attack_client(malicious(23), messages_read, 10_000, tally)
    attack_client(malicious(24, False), messages_read, 200, tally)
