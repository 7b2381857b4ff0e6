"""Import what takes seconds while the command reads its data."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
from collections.abc import Iterator

# How soon a thread that imports gives way to one that reads data, which lets go of the interpreter at each file and
# would have to wait ten times as long to have it back.
_SWITCH_SECONDS = 0.0005


@contextlib.contextmanager
def preloading() -> Iterator[None]:
    """Begin to import torch, Taichi and, for CUDA, Triton, and to wake the GPU, in a thread. Whoever needs one of them
    imports it as ever, and waits if need be.

    The end of the context waits for the thread, in case the command ends early: a process that ends while Taichi is
    being imported is aborted, whatever its exit code was to be.
    """
    # No backends of other packages: looking for them means reading about every package that is installed.
    os.environ.setdefault("TORCH_DEVICE_BACKEND_AUTOLOAD", "0")
    # Importing makes a million objects that stay; looking for rubbish among them again and again takes a while.
    gc.set_threshold(50_000, 20, 20)
    thread = threading.Thread(target=_import_all, name="hashlight-preload", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _import_all() -> None:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        import torch

        if torch.cuda.is_available():
            torch.cuda.init()
        import taichi

        del taichi
        from taichi_kernels import triton_kernels

        if triton_kernels.available():
            from triton.runtime.cache import triton_key

            triton_key()  # hashes all of Triton, and remembers it for the first kernel
    except ImportError:
        pass  # whoever needs what is missing says so
    finally:
        sys.setswitchinterval(usual)
