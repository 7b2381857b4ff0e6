"""Real keys and clicks, given to the X server as if by a user's hand.

Blender's own simulated events fill its event queue only. A render under way looks for Escape where real keys come in.
"""

from __future__ import annotations

import os
import socket
import struct

ESCAPE = 9  # the key's code on every X server that is set up for a PC keyboard
LEFT_BUTTON = 1

KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE, MOTION = 2, 3, 4, 5, 6
_QUERY_EXTENSION, _GET_INPUT_FOCUS = 98, 43
_FAKE_INPUT = 2


def send(kind: int, detail: int = 0, x: int = 0, y: int = 0) -> None:
    """Have a key (``detail``: its code) or a button (its number) pressed or released, or the pointer moved to pixel
    ``x``, ``y`` of the screen. Whoever is under the pointer gets it."""
    number = os.environ["DISPLAY"].removeprefix(":").partition(".")[0]
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(f"/tmp/.X11-unix/X{number}")
        opcode = _open_xtest(server)
        server.sendall(struct.pack("<BBHBB2xII8xhh8x", opcode, _FAKE_INPUT, 9, kind, detail, 0, 0, x, y))
        server.sendall(struct.pack("<BxH", _GET_INPUT_FOCUS, 1))  # its answer comes when the input was taken
        answer = _read(server, 32)
        if answer[0] == 0:
            raise ConnectionError(f"the X server refuses the input: error {answer[1]}")


def _open_xtest(server: socket.socket) -> int:
    """Shake hands; the number under which the server knows its XTEST extension."""
    server.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
    accepted, length = struct.unpack("<BxxxxxH", _read(server, 8))
    words = _read(server, 4 * length)
    if accepted != 1:
        raise ConnectionError(f"the X server refuses: {words!r}")
    server.sendall(struct.pack("<BxHHxx8s", _QUERY_EXTENSION, 4, 5, b"XTEST"))
    is_there, opcode = struct.unpack("<8xBB22x", _read(server, 32))
    if not is_there:
        raise ConnectionError("the X server has no XTEST extension")
    return int(opcode)


def _read(server: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = server.recv(count - len(data))
        if not more:
            raise ConnectionError("the X server hung up")
        data += more
    return data
