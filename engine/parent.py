"""Notice when the process that started the engine is gone."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

_POLL_SECONDS = 0.5


def watch_parent(pid: int, on_gone: Callable[[], None]) -> None:
    """Call ``on_gone`` once, from a thread of its own, when process ``pid`` has ended."""

    def watch() -> None:
        _wait(pid)
        on_gone()

    threading.Thread(target=watch, name="hashlight-parent", daemon=True).start()


if sys.platform == "win32":
    import ctypes

    def _wait(pid: int) -> None:
        synchronize, infinite = 0x00100000, 0xFFFFFFFF
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.OpenProcess.restype = ctypes.c_void_p
        handle = kernel32.OpenProcess(synchronize, False, pid)
        if handle:
            kernel32.WaitForSingleObject(ctypes.c_void_p(handle), infinite)
            kernel32.CloseHandle(ctypes.c_void_p(handle))

else:

    def _wait(pid: int) -> None:
        # As a child, the new parent gives it away at once, even while the dead one is still a zombie. Behind a wrapper
        # process only the process id is there to ask.
        is_child = os.getppid() == pid
        while os.getppid() == pid if is_child else _exists(pid):
            time.sleep(_POLL_SECONDS)

    def _exists(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
