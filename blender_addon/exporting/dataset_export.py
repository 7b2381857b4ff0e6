"""One capture on its way into another program's format: the engine's ``hashlight export`` in a child process. No
``bpy``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.link.wording import counted, counted_views

from ..engine_command import EngineCommand


@dataclass(frozen=True)
class ExportSettings:
    """What is written, in the words of ``hashlight export``."""

    to: str
    images: str
    points: int
    overwrite: bool


class DatasetExport(EngineCommand):
    """A running export. ``target`` is the folder that it makes."""

    def __init__(self, python: str | Path, capture: Path, target: Path, settings: ExportSettings) -> None:
        """Begin to write what is captured in the folder ``capture`` as ``target``. ``python``: the engine's."""
        self.target = target
        self._capture, self._settings = capture, settings
        super().__init__(python, "export", ("Reading", "Finding points in", "Comparing", "Writing"))

    @property
    def summary(self) -> str:
        """What was written; "" before."""
        train, test, points = (self._result.get(name) for name in ("train_views", "test_views", "points"))
        if not (isinstance(train, int) and isinstance(test, int) and isinstance(points, int)):
            return ""
        return f"{counted_views(train, test)}, {counted(points, 'point')}"

    def _work(self) -> None:
        settings = self._settings
        arguments = [self._capture, "--to", settings.to, "--images", settings.images, "--points", str(settings.points)]
        self._run([*arguments, *(["--overwrite"] if settings.overwrite else [])], self.target)
