"""Who is let in, and what the others are told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from engine.link import codec
from engine.link.authorization import HEADER, authorization
from engine.link.client import EngineClient, EngineProblem, LinkLost
from engine.link.launcher import Address
from engine.link.messages import (
    ENGINE_MESSAGES,
    PROTOCOL,
    CancelJob,
    EvaluationSpec,
    Hello,
    Message,
    Problem,
    SaveSnapshot,
    StartJob,
    Status,
    Train,
    Welcome,
)
from tests.device import TEST_DEVICE
from tests.raw_connection import connect_raw


def talk(address: Address, **options: object) -> ClientConnection:
    return connect_raw(address.port, address.token, **options)


def hello(**changes: object) -> bytes:
    fields = {"protocol": PROTOCOL, "version": "0", "client": "raw", **changes}
    return codec.encode(Hello(**fields))  # type: ignore[arg-type]


def test_the_right_token_is_welcomed(connect: Callable[..., EngineClient]) -> None:
    client = connect()
    assert client.is_open and client.failure is None
    assert client.welcome is not None
    assert (client.welcome.protocol, client.welcome.device) == (PROTOCOL, TEST_DEVICE)
    assert client.welcome.ring is not None and Path(client.welcome.ring).is_dir()


def test_a_client_elsewhere_gets_no_ring(connect: Callable[..., EngineClient]) -> None:
    welcome = connect(same_host=False).welcome
    assert welcome is not None and welcome.ring is None


def test_both_sides_compress_by_what_both_have(
    connect: Callable[..., EngineClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(same_host=False)
    assert client.welcome is not None and client.welcome.compression == "zstd"
    client.close()
    monkeypatch.setattr("engine.link.client.best_compression", lambda: "zlib")  # a Python without the package
    client = connect(same_host=False)
    assert client.welcome is not None and client.welcome.compression == "zlib"


def test_a_tunnel_to_another_machine_gets_its_pixels_inside_the_messages(
    connect: Callable[..., EngineClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.link.connection._is_readable", lambda folder: False)
    client = connect()
    assert client.is_open and client.welcome is not None and client.welcome.ring is None


def test_a_wrong_token_is_refused_in_words(address: Address) -> None:
    client = EngineClient(address.host, address.port, "guess", "test")
    with pytest.raises(EngineProblem, match="wrong token") as caught:
        client.connect(20)
    assert caught.value.problem.code == "token" and caught.value.problem.fatal
    assert not client.is_open


def test_a_second_client_is_told_that_the_engine_is_busy(
    connect: Callable[..., EngineClient], address: Address
) -> None:
    first = connect()
    with pytest.raises(EngineProblem, match="busy with another client, 'test'"):
        EngineClient(address.host, address.port, address.token, "second").connect(20)
    assert first.wait_for(Status, 5).state == "idle"


def test_after_a_client_has_gone_the_next_one_is_welcome(connect: Callable[..., EngineClient]) -> None:
    connect().close()
    assert connect().is_open


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, "text", codec.encode(Status(state="idle"))])
def test_a_first_message_that_is_no_hello_is_refused(address: Address, data: bytes | str) -> None:
    with talk(address) as connection:
        connection.send(data)
        answer = codec.decode(connection.recv(10), ENGINE_MESSAGES)  # type: ignore[arg-type]
        assert isinstance(answer, Problem) and answer.fatal and "must be a Hello" in answer.message


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", "Bearer %s=", "bearer %s", "Basic %s", "%s", "Bearer " + "A" * 7000],
)
def test_without_the_token_there_is_no_websocket(address: Address, value: str) -> None:
    shown = authorization(address.token).removeprefix("Bearer ")
    with pytest.raises(InvalidStatus) as caught:
        talk(address, additional_headers={HEADER: value.replace("%s", shown)})
    assert caught.value.response.status_code == 401 and caught.value.response.body == b"wrong token\n"


def test_a_request_may_come_in_pieces_and_with_what_follows_it(address: Address) -> None:
    request = (
        f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization:{authorization(address.token)}\r\n\r\n"
    ).encode()
    ping = b"\x89\x81\0\0\0\0p"
    for pieces in ([request], [request[:2], request[2:]], [request[:-2], request[-2:] + ping], [request + ping]):
        with socket.create_connection((address.host, address.port), 10) as connection:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(0.05)
            wanted = (b"HTTP/1.1 101 ", b"\x8a\x01p" if pieces[-1].endswith(ping) else b"\r\n\r\n")
            answer = b""
            while not all(part in answer for part in wanted):
                answer += (data := connection.recv(4096))
                assert data, answer


def test_who_knows_the_token_cannot_make_the_engine_hold_a_large_message_either(address: Address) -> None:
    with talk(address) as connection, pytest.raises(ConnectionClosed):
        connection.send(bytes(1 << 20))
        connection.recv(10)


def test_a_web_page_is_refused(address: Address) -> None:
    with pytest.raises(InvalidStatus):
        talk(address, origin="http://example.org")


def test_bytes_that_are_no_websocket_do_no_harm(address: Address, connect: Callable[..., EngineClient]) -> None:
    for junk in (b"\x00" * 4096, b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"):
        with socket.create_connection((address.host, address.port)) as stranger:
            stranger.sendall(junk)
    assert connect().is_open


def test_a_refused_connection_is_told_in_words() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(LinkLost, match=f"no engine listens at 127.0.0.1:{port}"):
        EngineClient("127.0.0.1", port, "token").connect(10)


def test_another_kind_of_server_is_told_in_words() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            connection.recv(1000)
            connection.sendall(b"220 mail.example.org ready\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(LinkLost, match="is not a Hashlight engine"):
            EngineClient("127.0.0.1", listener.getsockname()[1], "token").connect(10)
        thread.join()


@pytest.mark.parametrize(
    "request_",
    [StartJob(job="scores", specification=EvaluationSpec()), Train(running=True), SaveSnapshot(), CancelJob(job="b")],
)
def test_without_a_run_a_request_is_answered_in_words(connect: Callable[..., EngineClient], request_: Message) -> None:
    client = connect()
    client.send(request_)
    assert "no run is open" in client.wait_for(Problem, 20).message


def test_open_does_not_wait_and_welcome_comes_later(address: Address) -> None:
    client = EngineClient(address.host, address.port, address.token, "test")
    client.open()
    deadline = time.monotonic() + 10
    while not client.is_open and time.monotonic() < deadline:
        time.sleep(0.01)
    assert isinstance(client.welcome, Welcome)
    started = time.monotonic()
    client.close()
    assert time.monotonic() - started < 3 and client.failure is None
    with pytest.raises(LinkLost):
        client.send(Hello(protocol=1, version="", client=""))
