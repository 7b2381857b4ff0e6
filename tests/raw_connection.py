"""A WebSocket of somebody who knows an engine's token, and may say whatever he wants."""

from __future__ import annotations

from typing import Any

from websockets.sync.client import ClientConnection, connect

from engine.link.authorization import HEADER, authorization


def connect_raw(port: int, token: str, **options: Any) -> ClientConnection:
    """Open one to the engine at ``port``; ``options`` as websockets takes them."""
    options = {"additional_headers": {HEADER: authorization(token)}, "compression": None, "proxy": None, **options}
    return connect(f"ws://127.0.0.1:{port}", **options)
