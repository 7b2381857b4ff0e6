"""All long attacks, as ``make test-faults`` runs them: ``python -m tests.faults``.

Blender and torch don't share a process, so there are two parts. They run side by side, each to its end whether or not
the other fails, and at last one summary says what was done, what was lost and which tests failed.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.faults.tally import Tally

ROOT = Path(__file__).resolve().parents[2]
# For a test that hangs. On a machine with other work, one that takes minutes has taken over an hour.
HANGS_AFTER = 6 * 3600  # seconds
PARTS = {"engine": ["tests", "--ignore=tests/blender"], "blender": ["tests/blender"]}


class Part:
    """One process of pytest, whose words are printed line by line, its name before them."""

    def __init__(self, name: str, arguments: list[str], tally: Path) -> None:
        self.name, self.tally, self.seconds = name, tally, 0.0
        self.failed: list[str] = []  # tests
        command = [
            sys.executable,
            "-u",
            "-m",
            "pytest",
            *arguments,
            "-v",
            "-m",
            "faults",
            "--timeout",
            f"{HANGS_AFTER}",
        ]
        self._process = subprocess.Popen(
            [*command, "--tally", str(tally)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._thread = threading.Thread(target=self._tell)
        self._thread.start()

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        self._thread.join()
        return self._process.wait()

    def _tell(self) -> None:
        began = time.monotonic()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            print(f"{self.name}: {line}", end="", flush=True)
            if told := re.match(r"(tests/.+) (FAILED|ERROR)\b", line):  # as -v tells each
                self.failed.append(told[1])
        self.seconds = time.monotonic() - began


def main() -> int:
    """Run all; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="hashlight-faults-") as folder:
        parts = [Part(name, arguments, Path(folder) / name) for name, arguments in PARTS.items()]
        failed = [part.name for part in parts if part.wait() != 0]
        total = Tally()
        for part in parts:
            total.read(part.tally)
    print("\n== all attacks ==")
    for line in total.lines():
        print(line)
    for part in parts:
        print(f"{part.name}: {'failed' if part.name in failed else 'passed'} after {part.seconds / 60:.0f} minutes")
        for test in part.failed:
            print(f"{part.name}: failed: {test}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
