"""``hashlight serve``: the engine that Blender and other clients connect to."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import json
import logging
import os
import secrets
import signal
import ssl
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import engine
from engine.cli.interrupts import requests_heard
from engine.link.addresses import DEFAULT_PORT
from engine.link.argument_types import whole_number
from engine.link.launcher import TOKEN_VARIABLE
from engine.link.part_files import remove_leftovers, written_atomically
from engine.link.tls import server_context

if TYPE_CHECKING:
    from engine.service.server import Server

log = logging.getLogger("hashlight")

_GRACE_SECONDS = 30.0  # for the server's own end, beyond the device's, after the parent has gone
_SHORTEST_TOKEN = 16  # characters
_MOST_DESCRIPTORS = 16_384
_MAKE_TOKEN = "it must hold a secret in one line, such as `openssl rand -hex 24` prints"


EXAMPLES = f"""\
Serves capture, training, frames and films to one client in control, while a few others may watch, over a WebSocket.
Clients must know the token: from --token-file, from the environment variable {TOKEN_VARIABLE}, or else a random one
that is printed at the start. Ctrl-C, SIGTERM and a closed terminal save the run and end it, with exit code 130, 143 or
129; 1 when the run could not be saved. What the device is at is waited for, three minutes at most, unless it does
nothing at all; the same signal once more ends it at once, unsaved. When a client ends it, the exit code is 0."""


class ServeError(Exception):
    """An option that can't be used; the message names it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this computer)"
    )
    parser.add_argument(
        "--port",
        type=whole_number(0, 65535),
        default=DEFAULT_PORT,
        help="port, 0 for any free one (default: %(default)s)",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: %(default)s")
    parser.add_argument(
        "--root", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs and outputs (default: ./runs)"
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="read the token from this file")
    parser.add_argument(
        "--tls-cert", type=Path, metavar="FILE", help="encrypt with TLS: this certificate (PEM), and --tls-key"
    )
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's private key (PEM, no password)")
    parser.add_argument(
        "--ready-file",
        type=Path,
        metavar="FILE",
        help="write host, port, pid and version here, as JSON, once listening",
    )
    parser.add_argument("--parent-pid", type=int, metavar="PID", help="end when this process ends")


def run(options: argparse.Namespace) -> int:
    """Serve until told to shut down. Returns the exit code: that of the signal which ended it, 0 when a client did, or
    the end of the parent. Raises ServeError, ListenError, ServerError, TlsError."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s: %(message)s")
    logging.getLogger("hashlight.websocket").setLevel(logging.CRITICAL)  # its tracebacks of broken handshakes
    _allow_many_connections()
    tls, token = _make_tls(options), _find_token(options)
    root = _make_root(options.root)
    # Beside everything else: a folder of many captures takes a while.
    sweep = threading.Thread(target=remove_leftovers, args=(root, True), name="hashlight-sweep", daemon=True)
    sweep.start()
    from engine.service.server import Server

    server = Server(root, options.device, token, tls)
    requests = _Requests(server)
    # Of Windows' two kinds of loops, this is the one that can wait for sockets which nothing reads yet.
    with requests_heard(requests.hear), asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(_serve(options, server, root, tls))
    return requests.exit_code


async def _serve(options: argparse.Namespace, server: Server, root: Path, tls: ssl.SSLContext | None) -> None:
    from engine.parent import watch_parent
    from engine.service.watchdog import LONGEST_END_SECONDS

    def end_with_parent() -> None:
        log.warning("process %d has ended, and so does the engine", options.parent_pid)
        server.shut_down()
        deadline = threading.Timer(LONGEST_END_SECONDS + _GRACE_SECONDS, os._exit, (1,))
        deadline.daemon = True
        deadline.start()

    def announce(port: int) -> None:
        if options.parent_pid is not None:
            watch_parent(options.parent_pid, end_with_parent)
        if options.ready_file is not None:
            ready = {"host": options.host, "port": port, "pid": os.getpid(), "version": engine.__version__}
            _write_ready_file(options.ready_file, ready)
        log.info("listening on %s:%d, files under %s", options.host, port, root)
        if tls is None and not _is_loopback(options.host):
            log.warning("token and pictures are not encrypted: use --tls-cert, or listen on 127.0.0.1 through SSH")

    await server.run(options.host, options.port, announce)


class _Requests:
    """Requests to end ``server``: the first saves the run, and the same signal once more, or Ctrl-C, doesn't wait."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._first: int | None = None

    @property
    def exit_code(self) -> int:
        """That of a server which has ended as it should: it tells of the first request."""
        return 0 if self._first is None else 128 + self._first

    def hear(self, number: int) -> None:
        """A signal has come."""
        name = signal.Signals(number).name
        if self._first is None:
            self._first = number
            log.info("%s: saving the run and ending", name)
            self._server.shut_down()
        elif name != "SIGHUP" and number in (self._first, signal.SIGINT):
            # A terminal that closes sends several signals, and so do service managers: others change nothing.
            log.warning("%s once more: ending at once", name)
            self._server.end_at_once()


def _allow_many_connections() -> None:
    """As many descriptors as the system allows: with TLS, connections take theirs before the server knows of them."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _find_token(options: argparse.Namespace) -> str:
    token = os.environ.pop(TOKEN_VARIABLE, "")  # popped: processes that the engine starts need not know it
    if options.token_file is not None:
        try:
            token = options.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            reason = error.strerror or error
            raise ServeError(f"--token-file: {options.token_file} can't be read: {reason}; {_MAKE_TOKEN}") from error
        except ValueError as error:
            raise ServeError(f"--token-file: {options.token_file} is not text; {_MAKE_TOKEN}") from error
        if not token:
            raise ServeError(f"--token-file: {options.token_file} is empty; {_MAKE_TOKEN}")
    if not token:
        if not _is_loopback(options.host):
            raise ServeError(
                f"--host: to listen on {options.host}, beyond this computer, a token is needed: give --token-file "
                f"or set {TOKEN_VARIABLE}"
            )
        token = secrets.token_urlsafe(24)
        print(f"token: {token}", flush=True)
    if len(token) < _SHORTEST_TOKEN and not _is_loopback(options.host):
        raise ServeError(
            f"--token-file: a token of {len(token)} characters is soon guessed, and {options.host} can be reached from "
            f"other computers: {_MAKE_TOKEN}"
        )
    return token


def _make_tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.tls_cert is None and options.tls_key is None:
        return None
    if options.tls_cert is None or options.tls_key is None:
        raise ServeError("--tls-cert and --tls-key: give both or neither")
    return server_context(options.tls_cert, options.tls_key)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _make_root(root: Path) -> Path:
    try:
        root.mkdir(parents=True, exist_ok=True)
        return root.resolve()
    except OSError as error:
        reason = "it is a file" if root.is_file() else error.strerror or error
        raise ServeError(f"--root: {root} can't be used: {reason}; name a folder to write into") from error


def _write_ready_file(path: Path, ready: dict[str, Any]) -> None:
    with written_atomically(path) as part:
        part.write_text(json.dumps(ready), encoding="utf-8")
