"""Processes that are killed at a random moment, as a crash or an out-of-memory killer does it."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_MOST_WORDS = 4000  # bytes


def kill_after(code: str, arguments: list[str], begun: str, seconds: float, log: Path) -> bool:
    """Run Python ``code`` until it has printed a line with ``begun``, kill it up to ``seconds`` later; returns whether
    it was killed, rather than done by then. Its words, which ``log`` has too, are told when it ends before that."""
    started = log.stat().st_size if log.exists() else 0
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT
        )
    assert process.stdout is not None
    for line in process.stdout:
        if begun in line:
            break
    else:
        words = log.read_bytes()[started:][-_MOST_WORDS:].decode("utf-8", "replace")
        raise AssertionError(f"{' '.join(arguments)}: never {begun}, exit code {process.wait()}: {words}")
    time.sleep(random.uniform(0.0, seconds))
    is_running = process.poll() is None
    process.kill()
    process.communicate()
    return is_running
