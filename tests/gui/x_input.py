"""Real keys and clicks, given to the X server as if by a user's hand, and what a window manager asks of windows.

Blender's own simulated events fill its event queue only. A render under way looks for Escape where real keys come in.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterable, Iterator

ESCAPE, CONTROL, C = 9, 37, 54  # the keys' codes on every X server that is set up for a PC keyboard
LEFT_BUTTON = 1

KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE, MOTION = 2, 3, 4, 5, 6
_QUERY_TREE, _INTERN_ATOM, _SEND_EVENT, _GET_INPUT_FOCUS, _QUERY_EXTENSION = 15, 16, 25, 43, 98
_CLIENT_MESSAGE = 33
_FAKE_INPUT = 2


def send(kind: int, detail: int = 0, x: int = 0, y: int = 0) -> None:
    """Have a key (``detail``: its code) or a button (its number) pressed or released, or the pointer moved to pixel
    ``x``, ``y`` of the screen. Whoever is under the pointer gets it."""
    with _connect() as (server, _root):
        opcode = _find_xtest(server)
        server.sendall(struct.pack("<BBHBB2xII8xhh8x", opcode, _FAKE_INPUT, 9, kind, detail, 0, 0, x, y))
        _wait_until_taken(server)


def windows() -> set[int]:
    """All windows on the screen, but not those inside of others."""
    with _connect() as (server, root):
        server.sendall(struct.pack("<BxHI", _QUERY_TREE, 2, root))
        (count,) = struct.unpack("<16xH14x", _read(server, 32))
        return set(struct.unpack(f"<{count}I", _read(server, 4 * count)))


def announce_closing() -> None:
    """Have the programs that start from now on mind ``close``: Blender does only if a window manager was there first,
    which it tells by this name."""
    with _connect() as (server, _root):
        _find_atom(server, b"WM_DELETE_WINDOW")


def close(windows: Iterable[int]) -> None:
    """Ask for ``windows`` to be closed, as a window manager does when its cross is clicked."""
    with _connect() as (server, _root):
        protocols, delete = _find_atom(server, b"WM_PROTOCOLS"), _find_atom(server, b"WM_DELETE_WINDOW")
        for window in windows:
            message = struct.pack("<BBHIIIII8x", _CLIENT_MESSAGE, 32, 0, window, protocols, delete, 0, 0)
            server.sendall(struct.pack("<BBHII", _SEND_EVENT, 0, 11, window, 0) + message)
        _wait_until_taken(server)


@contextlib.contextmanager
def _connect() -> Iterator[tuple[socket.socket, int]]:
    """The X server, shaken hands with, and the window that is its whole screen."""
    number = os.environ["DISPLAY"].removeprefix(":").partition(".")[0]
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(f"/tmp/.X11-unix/X{number}")
        server.sendall(struct.pack("<BxHHHHxx", ord("l"), 11, 0, 0, 0))
        accepted, length = struct.unpack("<BxxxxxH", _read(server, 8))
        words = _read(server, 4 * length)
        if accepted != 1:
            raise ConnectionError(f"the X server refuses: {words!r}")
        vendor, formats = struct.unpack_from("<16xH3xB", words)
        (root,) = struct.unpack_from("<I", words, 32 + (vendor + 3) // 4 * 4 + 8 * formats)
        yield server, root


def _find_xtest(server: socket.socket) -> int:
    """The number under which the server knows its XTEST extension."""
    server.sendall(struct.pack("<BxHHxx8s", _QUERY_EXTENSION, 4, 5, b"XTEST"))
    is_there, opcode = struct.unpack("<8xBB22x", _read(server, 32))
    if not is_there:
        raise ConnectionError("the X server has no XTEST extension")
    return int(opcode)


def _find_atom(server: socket.socket, name: bytes) -> int:
    """The number under which the server knows a name."""
    padded = name + bytes(-len(name) % 4)
    server.sendall(struct.pack("<BBHHxx", _INTERN_ATOM, 0, 2 + len(padded) // 4, len(name)) + padded)
    (atom,) = struct.unpack("<8xI20x", _read(server, 32))
    return int(atom)


def _wait_until_taken(server: socket.socket) -> None:
    """Return once the server has taken what was sent. Raises ConnectionError when it refused."""
    server.sendall(struct.pack("<BxH", _GET_INPUT_FOCUS, 1))
    answer = _read(server, 32)
    if answer[0] == 0:
        raise ConnectionError(f"the X server refuses the input: error {answer[1]}")


def _read(server: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = server.recv(count - len(data))
        if not more:
            raise ConnectionError("the X server hung up")
        data += more
    return data
