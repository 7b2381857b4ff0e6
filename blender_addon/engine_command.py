"""One of the engine's commands that goes through views, in a child process that tells of its progress in JSON lines. No
``bpy``."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from engine.link.json_files import parse_object
from engine.link.part_files import remove_leftovers

from .background import describe_failure
from .child_job import ChildJob

_TELLING_SECONDS = 0.5  # before that, how long the rest takes is anybody's guess


class CommandFailed(ValueError):
    """The command has failed; the message is the last thing that it said."""


class EngineCommand(ChildJob):
    """A running command. ``warnings`` are for the user, and so is ``error``."""

    def __init__(self, python: str | Path, name: str, stages: Sequence[str]) -> None:
        """``python``: the engine's. ``stages``: as the command calls them, about as long as each other."""
        self.warnings: list[str] = []
        self._python, self._name, self._stages = str(python), name, tuple(stages)
        self._stage, self._done, self._total = self._stages[0], 0, 0
        self._result: dict[str, object] = {}
        self._began = time.monotonic()
        super().__init__(f"hashlight-{name}")

    @property
    def error(self) -> str:
        """Why it failed, as a message; "" unless it has."""
        if self.failure is None:
            return ""
        return str(self.failure) if isinstance(self.failure, ValueError) else describe_failure(self.failure)

    @property
    def share(self) -> float:
        """How much of the work is done, 0..1."""
        if self._total == 0:
            return 0.0
        return (self._stages.index(self._stage) + self._done / self._total) / len(self._stages)

    @property
    def eta_seconds(self) -> float | None:
        """How long the rest takes if it goes on like this; None while that can't be said."""
        passed, share = time.monotonic() - self._began, self.share
        return passed / share * (1 - share) if share > 0 and passed > _TELLING_SECONDS else None

    @property
    def words(self) -> str:
        """What is being done."""
        return f"{self._stage} {self._done} of {self._total} views" if self._total else "Starting"

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self, arguments: Sequence[str | Path], target: Path) -> None:
        """Run the command, which makes the folder ``target`` whole or not at all. Raises CommandFailed, Cancelled,
        OSError."""
        command = [self._python, "-P", "-m", "engine", self._name, *arguments, "--out", target, "--json"]
        try:
            with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
                code = self._runner.run(command, self._note_line, target.parent, errors=errors)
                if code != 0:
                    errors.seek(0)
                    words = _last_words(errors.read(), self._name)
                    raise CommandFailed(words or f"hashlight {self._name} ended with exit code {code}")
        finally:
            remove_leftovers(target.parent)  # of a killed child
        self.warnings += [str(words) for words in self._result.get("warnings", ())]

    def _note_line(self, line: str) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError):
            values = parse_object(line)
            if "stage" not in values:
                self._result = values
            elif values["stage"] in self._stages:
                self._stage, self._done, self._total = values["stage"], int(values["done"]), int(values["total"])


def _last_words(text: str, name: str) -> str:
    """What the child said last, without its own name."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix(f"hashlight {name}: ") if lines else ""
