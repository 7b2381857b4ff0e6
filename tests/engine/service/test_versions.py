"""Engines and clients of other versions: each side says which of the two is too old, whatever the other's bytes are."""

from __future__ import annotations

import contextlib
import json
import struct
import threading
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from engine.link import codec
from engine.link.authorization import HEADER
from engine.link.client import EngineClient, EngineProblem
from engine.link.launcher import Address
from engine.link.messages import ENGINE_MESSAGES, PROTOCOL, Problem
from engine.link.versions import CLIENT_TOO_OLD
from tests.raw_connection import connect_raw


def packed(kind: str, **fields: object) -> bytes:
    """A message as any version writes it."""
    text = json.dumps({"type": kind, "fields": fields, "buffers": []}).encode()
    return struct.pack("<I", len(text)) + text


@contextlib.contextmanager
def engine_that_answers(answer: bytes) -> Iterator[int]:
    """Another engine: what it says to a Hello before it hangs up. The value is its port."""

    def meet(connection: ServerConnection) -> None:
        connection.recv(10)
        connection.send(answer)
        connection.close(1008)

    with serve(meet, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


# What engines of former protocols have answered, by the fields that their messages had.
REFUSED = "the first message must be a Hello: Hello: "
WELCOMED = {"device": "cpu", "device_name": "a processor", "root": "/runs", "ring": None}


@pytest.mark.parametrize(
    ("answer", "older"),
    [
        (packed("Problem", code="bad message", message=f"{REFUSED}missing field token", hint="", fatal=True), "engine"),
        (packed("Problem", code="bad message", message=f"{REFUSED}unknown field role", fatal=True), "engine"),
        (packed("Welcome", protocol=1, version="0.0.1", **WELCOMED), "engine"),
        (packed("Welcome", protocol=PROTOCOL - 1, version="0.0.1", **WELCOMED), "engine"),
        (packed("Welcome", protocol=PROTOCOL + 1, version="9.0", mood="good"), "client"),
    ],
)
def test_a_client_says_which_side_is_too_old(answer: bytes, older: str) -> None:
    with engine_that_answers(answer) as port:
        client = EngineClient("127.0.0.1", port, "token", "test")
        with pytest.raises(EngineProblem) as caught:
            client.connect(10)
        client.close()
    problem = caught.value.problem
    assert problem.code == "version" and problem.fatal and client.was_dismissed
    assert f"the {older} is too old" in problem.message
    assert {"engine": "Set up the engine again", "client": "Update the client"}[older] in problem.hint


def test_a_newer_engine_is_believed() -> None:
    words = f"the engine 9.0 speaks protocol {PROTOCOL + 1}, the client 0 speaks {PROTOCOL}: the client is too old"
    answer = packed("Problem", code="version", message=words, hint="Update it.", fatal=True)
    with engine_that_answers(answer) as port, pytest.raises(EngineProblem, match="the client is too old") as caught:
        EngineClient("127.0.0.1", port, "token", "test").connect(10)
    assert caught.value.problem.hint == "Update it."


@pytest.mark.parametrize(("protocol", "older"), [(PROTOCOL + 1, "engine"), (PROTOCOL - 1, "client")])
@pytest.mark.parametrize("changes", [{}, {"mood": "good", "token": "in here"}])
def test_an_engine_says_which_side_is_too_old(
    address: Address, protocol: int, older: str, changes: dict[str, str]
) -> None:
    with connect_raw(address.port, address.token) as connection:
        connection.send(packed("Hello", protocol=protocol, version="0", client="raw", **changes))
        answer = codec.decode(connection.recv(10), ENGINE_MESSAGES)  # type: ignore[arg-type]
        assert isinstance(answer, Problem) and answer.code == "version" and answer.fatal
        assert f"the {older} is too old" in answer.message
        assert {"engine": "Set up the engine again", "client": "Update the client"}[older] in answer.hint
        with pytest.raises(ConnectionClosed):
            connection.recv(10)


def test_a_client_from_before_the_token_was_in_the_request_is_told_in_its_own_way(address: Address) -> None:
    url = f"ws://{address.host}:{address.port}"
    with connect(url, compression=None, proxy=None) as connection, pytest.raises(ConnectionClosed) as caught:
        connection.send(packed("Hello", protocol=6, version="0.0.1", token=address.token, client="Blender"))
        connection.recv(10)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1008, CLIENT_TOO_OLD)


@pytest.mark.parametrize("headers", [{"Origin": "http://example.org"}, {HEADER: ""}, {HEADER: "Bearer x"}])
def test_nobody_else_is_told_more_than_that_the_token_is_wrong(address: Address, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as caught:
        connect_raw(address.port, address.token, additional_headers=headers)
    assert caught.value.response.status_code == 401 and caught.value.response.body == b"wrong token\n"
