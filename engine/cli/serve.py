"""``hashlight serve``: the engine that Blender and other clients connect to."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import logging
import os
import secrets
import sys
import threading
from pathlib import Path
from typing import Any

import engine
from engine.link.launcher import TOKEN_VARIABLE

EXIT_CANNOT_START = 2
_GRACE_SECONDS = 30.0  # to save the run after the parent has gone


EXAMPLES = f"""\
Serves capture, training, frames and bakes to one client at a time, over a WebSocket. Clients must know the token: from
--token-file, from the environment variable {TOKEN_VARIABLE}, or else a random one that is printed at the start.
Ctrl-C saves the run and ends."""


class ServeError(Exception):
    """An option that can't be used; the message names it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this computer)"
    )
    parser.add_argument("--port", type=int, default=7868, help="port, 0 for any free one (default: %(default)s)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: %(default)s")
    parser.add_argument(
        "--root", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs and outputs (default: ./runs)"
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="read the token from this file")
    parser.add_argument(
        "--ready-file",
        type=Path,
        metavar="FILE",
        help="write host, port, pid and version here, as JSON, once listening",
    )
    parser.add_argument("--parent-pid", type=int, metavar="PID", help="end when this process ends")


def run(args: argparse.Namespace) -> int:
    """Serve until told to shut down; returns the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s: %(message)s")
    logging.getLogger("hashlight.websocket").setLevel(logging.CRITICAL)  # its tracebacks of broken handshakes
    from engine.service.server import Server, ServerError

    try:
        token = _find_token(args)
        root = _make_root(args.root)
        asyncio.run(_serve(args, Server, root, token))
    except (ServeError, ServerError) as error:
        print(f"hashlight serve: {error}", file=sys.stderr)
        return EXIT_CANNOT_START
    return 0


async def _serve(args: argparse.Namespace, server_class: Any, root: Path, token: str) -> None:
    from engine.service.parent import watch_parent

    server = server_class(root, args.device, token)

    def end_with_parent() -> None:
        logging.getLogger("hashlight").warning("process %d has ended, and so does the engine", args.parent_pid)
        server.shut_down()
        deadline = threading.Timer(_GRACE_SECONDS, os._exit, (1,))
        deadline.daemon = True
        deadline.start()

    def announce(port: int) -> None:
        if args.parent_pid is not None:
            watch_parent(args.parent_pid, end_with_parent)
        if args.ready_file is not None:
            ready = {"host": args.host, "port": port, "pid": os.getpid(), "version": engine.__version__}
            _write_ready_file(args.ready_file, ready)
        logging.getLogger("hashlight").info("listening on %s:%d, files under %s", args.host, port, root)

    await server.run(args.host, args.port, announce)


def _find_token(args: argparse.Namespace) -> str:
    token = os.environ.pop(TOKEN_VARIABLE, "")  # popped: processes that the engine starts need not know it
    if args.token_file is not None:
        try:
            token = args.token_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise ServeError(f"--token-file: {args.token_file} can't be read: {error}") from error
        if not token:
            raise ServeError(f"--token-file: {args.token_file} is empty")
    if not token:
        if not _is_loopback(args.host):
            raise ServeError(
                f"--host: to listen on {args.host}, beyond this computer, a token is needed: give --token-file or set "
                f"{TOKEN_VARIABLE}"
            )
        token = secrets.token_urlsafe(24)
        print(f"token: {token}", flush=True)
    return token


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
        raise ServeError(f"--root: {root} can't be used: {error.strerror or error}") from error


def _write_ready_file(path: Path, ready: dict[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(ready), encoding="utf-8")
    part.replace(path)
