"""Crowds at an engine's port: processes that connect at full speed, and never with the token."""

from __future__ import annotations

import ssl
import subprocess
import sys
import time

from engine.link.authorization import authorization
from engine.link.client import EngineClient, LinkError
from engine.link.messages import Status
from tests.faults.conftest import TOKEN, Served
from tests.faults.tally import Tally

# Connects without waiting for an answer if it has nothing to say, and tells how often; encrypted once a handshake is
# done.
_CROWD = """
import signal, socket, ssl, sys
port, speech, encrypted = int(sys.argv[1]), bytes.fromhex(sys.argv[2]), sys.argv[3] == "True"
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
context = ssl._create_unverified_context()
held, made = [], 0
try:
    while True:
        connection = socket.socket()
        connection.settimeout(1.0 if speech else 0.0)
        if connection.connect_ex(("127.0.0.1", port)) == 0 and speech:
            try:
                if encrypted:
                    connection = context.wrap_socket(connection)
                connection.send(speech)
            except OSError:
                connection.close()  # it was cut off
        held.append(connection)
        made += 1
        if len(held) > 300:
            held.pop(0).close()
finally:
    print(made, flush=True)
"""

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)
WRONG_TOKEN = UPGRADE + b"Authorization: " + authorization("a guess").encode() + b"\r\n\r\n"


def count_let_in(engine: Served, speech: bytes, attempts: int, tally: Tally, tls: ssl.SSLContext | None = None) -> int:
    """How many of ``attempts`` of the right client get in beside two crowds that say ``speech``. ``tls``: the client's;
    the crowds encrypt, too, and trust anyone."""
    command = [sys.executable, "-c", _CROWD, str(engine.port), speech.hex(), str(tls is not None)]
    crowds = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        time.sleep(2.0)
        let_in = sum(_is_let_in(engine, tls) for _ in range(attempts))
    finally:
        for crowd in crowds:
            crowd.terminate()
        made = sum(int(crowd.communicate()[0]) for crowd in crowds)
    what = "connections without a token" if tls is None else "connections without a token, encrypted"
    tally.add(what, made, lost=attempts - let_in)
    return let_in


def _is_let_in(engine: Served, tls: ssl.SSLContext | None) -> bool:
    client = EngineClient("127.0.0.1", engine.port, TOKEN, "right", tls=tls)
    try:
        client.connect(10)
        client.wait_for(Status, 5)
        return True
    except LinkError:
        return False
    finally:
        client.close()
