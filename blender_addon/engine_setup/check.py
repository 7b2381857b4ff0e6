"""Asking an engine's Python how it stands, with ``hashlight doctor``. No ``bpy``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from engine.link.findings import Finding
from engine.link.json_files import parse_object

from ..child_job import ChildJob


class EngineCheck(ChildJob):
    """A running check. ``findings`` are what the doctor said; ``error`` is a message why it could not say
    anything."""

    def __init__(self, python: str | Path, folder: Path) -> None:
        self.python = str(python)
        self.findings: tuple[Finding, ...] = ()
        self._folder = folder
        super().__init__("hashlight-check")

    @property
    def is_good(self) -> bool:
        """Whether everything that is needed works."""
        return self.state == "done" and all(finding.grade != "fail" for finding in self.findings)

    @property
    def error(self) -> str:
        """Why there are no findings; "" when there are, or while it is running."""
        if self.state == "cancelled":
            return "The check was cancelled"
        return f"{self.python} can't be checked: {self.failure}" if self.failure is not None else ""

    def _work(self) -> None:
        self.findings = self._ask_doctor()

    def _ask_doctor(self) -> tuple[Finding, ...]:
        lines: list[str] = []
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
            command = [self.python, "-P", "-m", "engine", "doctor", "--json"]
            code = self._runner.run(command, lines.append, self._folder, errors=errors)
            try:
                report = parse_object("\n".join(lines))
                return tuple(Finding(**finding) for finding in report["findings"])
            except (ValueError, KeyError, TypeError):
                errors.seek(0)
                said = [line.strip() for line in (*lines, *errors) if line.strip()]
                raise RuntimeError(said[-1] if said else f"the doctor ended with exit code {code}") from None
