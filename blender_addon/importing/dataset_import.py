"""One dataset on its way into a capture folder: the engine's ``hashlight import`` in a child process. No ``bpy``."""

from __future__ import annotations

from pathlib import Path

from engine.link.capture_format import MANIFEST

from ..capture.dataset import CaptureDataset
from ..engine_command import EngineCommand

_ALREADY_THERE = "It was imported before: the views are as they were then. To import it again, make a new take"


class ImportFailed(ValueError):
    """The dataset can't be imported; the message names the file or field at fault."""


class DatasetImport(EngineCommand):
    """A running import. ``dataset`` is what is in the capture folder when it is done."""

    def __init__(self, python: str | Path, source: Path, folder: Path, holdout: int) -> None:
        """Begin to bring the dataset at ``source`` into ``folder``, which nothing else uses.

        ``python``: the engine's. ``holdout``: every n-th view is held out where the dataset names none, 0 for none.
        """
        self.source, self.folder = source, folder
        self.was_there = False  # from an earlier time
        self.dataset: CaptureDataset | None = None
        self._holdout = holdout
        super().__init__(python, "import", ("Reading", "Writing"))

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        if self._is_there():
            self.was_there = True
            self.warnings.append(_ALREADY_THERE)
        else:
            holdout = ["--holdout", str(self._holdout)] if self._holdout else []
            self._run([self.source, *holdout], self.folder)
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
