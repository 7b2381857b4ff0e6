"""Messages as they are on the wire, taken apart and put together by hand."""

from __future__ import annotations

import json
import struct
from typing import Any


def pack(header: Any, buffers: bytes = b"") -> bytes:
    """``header`` as JSON, or bytes as they are, with the buffers behind it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + buffers


def unpack(data: bytes) -> tuple[dict[str, Any], bytes]:
    """A message's header, and its buffers."""
    (length,) = struct.unpack_from("<I", data)
    return json.loads(data[4 : 4 + length]), data[4 + length :]
