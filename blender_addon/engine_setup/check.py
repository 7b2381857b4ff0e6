"""Asking an engine's Python how it stands, with ``hashlight doctor``. No ``bpy``."""

from __future__ import annotations

import dataclasses
import json
import tempfile
import threading
from pathlib import Path
from typing import Literal

from .child import Cancelled, ChildRunner

Grade = Literal["ok", "warn", "fail"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One of the doctor's lines: what was looked at, how it stands, what to do about it."""

    name: str
    grade: Grade
    detail: str
    advice: str = ""


class EngineCheck:
    """One check under way in a thread; it is over when ``is_running`` is False.

    ``findings`` are what the doctor said; ``error``, in words, is why it could not say anything.
    """

    def __init__(self, python: str | Path, folder: Path) -> None:
        self.python = str(python)
        self.is_running = True
        self.findings: tuple[Finding, ...] = ()
        self.error = ""
        self._runner = ChildRunner()
        self._thread = threading.Thread(target=self._run, args=(folder,), name="hashlight-check", daemon=True)
        self._thread.start()

    @property
    def is_good(self) -> bool:
        """Whether everything that is needed works."""
        return not self.is_running and not self.error and all(finding.grade != "fail" for finding in self.findings)

    def cancel(self) -> None:
        """Give up."""
        self._runner.cancel()

    def join(self, timeout: float) -> bool:
        """Wait for the end; returns whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self, folder: Path) -> None:
        try:
            self.findings = self._ask_doctor(folder)
        except Cancelled:
            self.error = "The check was cancelled"
        except Exception as error:
            self.error = f"{self.python} can't be checked: {error}"
        self.is_running = False  # last: whoever sees it sees the rest

    def _ask_doctor(self, folder: Path) -> tuple[Finding, ...]:
        lines: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
            command = [self.python, "-P", "-m", "engine", "doctor", "--json"]
            code = self._runner.run(command, lines.append, folder, errors=errors)
            try:
                report = json.loads("\n".join(lines))
                return tuple(Finding(**finding) for finding in report["findings"])
            except (ValueError, KeyError, TypeError):
                errors.seek(0)
                said = [line.strip() for line in (*lines, *errors) if line.strip()]
                raise RuntimeError(said[-1] if said else f"the doctor ended with exit code {code}") from None
