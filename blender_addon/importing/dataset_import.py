"""One dataset on its way into a capture folder: the engine's ``hashlight import`` in a child process. No ``bpy``."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path

from engine.link.capture_format import MANIFEST
from engine.link.json_files import parse_object

from ..background import describe_failure
from ..capture.dataset import CaptureDataset
from ..child_job import ChildJob

_STAGES = ("Reading", "Writing")  # as the engine calls them; about as long as each other
_TELLING_SECONDS = 0.5  # before that, how long the rest takes is anybody's guess
_ALREADY_THERE = "It was imported before: the views are as they were then. To import it again, make a new take"


class ImportFailed(ValueError):
    """The dataset can't be imported; the message names the file or field at fault."""


class DatasetImport(ChildJob):
    """A running import. ``dataset`` is what is in the capture folder when it is done; ``warnings`` are for the user,
    and so is ``error``."""

    def __init__(self, python: str | Path, source: Path, folder: Path, holdout: int) -> None:
        """Begin to bring the dataset at ``source`` into ``folder``, which nothing else uses.

        ``python``: the engine's. ``holdout``: every n-th view is held out where the dataset names none, 0 for none.
        """
        self.source, self.folder = source, folder
        self.was_there = False  # from an earlier time
        self.warnings: list[str] = []
        self.dataset: CaptureDataset | None = None
        self._python, self._holdout = str(python), holdout
        self._stage, self._done, self._total = _STAGES[0], 0, 0
        self._result: dict[str, object] = {}
        self._began = time.monotonic()
        super().__init__("hashlight-import")

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
        return (_STAGES.index(self._stage) + self._done / self._total) / len(_STAGES)

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

    def _work(self) -> None:
        if self._is_there():
            self.was_there = True
            self.warnings.append(_ALREADY_THERE)
        else:
            self._import()
        self.dataset = CaptureDataset.open(self.folder)

    def _is_there(self) -> bool:
        """Whether this very dataset was imported into the folder before. Raises ImportFailed when another capture is
        there."""
        if not (self.folder / MANIFEST).is_file():
            return False
        present = CaptureDataset.open(self.folder)
        if present.imported_from != str(self.source):
            what = f"the dataset imported from {present.imported_from}" if present.imported_from else "a capture"
        elif present.settings.get("holdout") != self._holdout:
            what = "this dataset with another number of test views"
        else:
            return True
        raise ImportFailed(f"{self.folder} holds {what}: import into a new take (Takes > New)")

    def _import(self) -> None:
        command = [self._python, "-P", "-m", "engine", "import", self.source, "--out", self.folder, "--json"]
        if self._holdout:
            command += ["--holdout", str(self._holdout)]
        try:
            with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
                code = self._runner.run(command, self._note_line, self.folder.parent, errors=errors)
                if code != 0:
                    errors.seek(0)
                    raise ImportFailed(_last_words(errors.read()) or f"the import ended with exit code {code}")
        finally:
            self._clear_away()
        self.warnings += [str(words) for words in self._result.get("warnings", ())]

    def _note_line(self, line: str) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError, OverflowError):
            values = parse_object(line)
            if "stage" not in values:
                self._result = values
            elif values["stage"] in _STAGES:
                self._stage, self._done, self._total = values["stage"], int(values["done"]), int(values["total"])

    def _clear_away(self) -> None:
        """Remove what a killed child left half-made."""
        for scratch in self.folder.parent.glob(f".{self.folder.name}.importing-*"):
            shutil.rmtree(scratch, ignore_errors=True)


def _last_words(text: str) -> str:
    """What the child said last, without its own name."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("hashlight import: ") if lines else ""
