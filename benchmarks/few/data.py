"""Scenes that few views of are given: held-out ones that numbers alone make, and datasets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from engine.cli.datasets import shrink_all
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.data.selection import choose_evenly
from engine.priors.evaluation import FIRST_HELD_OUT, render_views
from engine.priors.scenes.scene import BOUNDS

# So many of the procedural scenes are few enough to train on each.
FIRST = 4
PROCEDURAL, PROCEDURAL_FIRST = "procedural", f"procedural, first {FIRST}"
_SIDE, _SAMPLES = 128, 8  # of a procedural view
MOST_KNOWN, _SHOWN = 8, 8  # of a procedural scene's


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """``datasets``: by name. ``seed``: of the prior's scenes. ``scenes``: how many of them are held out. Of a dataset
    at most ``test_views`` are shown, evenly chosen, and views are made as small as ``size`` if there is one."""

    datasets: dict[str, Path]
    seed: int
    scenes: int
    test_views: int
    size: tuple[int, int] | None
    device: str

    @property
    def kinds(self) -> list[tuple[str, bool]]:
        """All the data by name, each with depth (True) or without."""
        procedural = [(name, with_depth) for name in (PROCEDURAL, PROCEDURAL_FIRST) for with_depth in (True, False)]
        return procedural + [(name, has_depth(path)) for name, path in self.datasets.items()]


class Data:
    """Scenes by name, read or rendered when they are first asked for."""

    def __init__(self, options: DataOptions) -> None:
        self._options = options
        self._scenes: dict[str, list[Dataset]] = {}

    def scenes(self, name: str) -> list[Dataset]:
        """All that this name stands for."""
        if name not in self._scenes:
            self._scenes[name] = self._load(name)
        return self._scenes[name]

    def _load(self, name: str) -> list[Dataset]:
        options = self._options
        if name == PROCEDURAL:
            return list(_render_scenes(options.seed, options.scenes, options.device))
        if name == PROCEDURAL_FIRST:
            return self.scenes(PROCEDURAL)[:FIRST]
        dataset = load_dataset(options.datasets[name])
        if not dataset.test:
            raise SystemExit(f"{options.datasets[name]}: there are no test views to score")
        test = shrink_all(choose_evenly(dataset.test, options.test_views), options.size)
        return [dataclasses.replace(dataset, train=shrink_all(dataset.train, options.size), test=test)]


def _render_scenes(seed: int, count: int, device: str) -> Iterator[Dataset]:
    for number in range(FIRST_HELD_OUT, FIRST_HELD_OUT + count):
        known, shown = render_views(seed, number, (MOST_KNOWN, _SHOWN), _SIDE, _SAMPLES, device)
        yield Dataset(known, shown, BOUNDS, "linear", [], Path(f"{number}"))


def know_by(scene: Dataset, views: int, with_depth: bool) -> Dataset:
    """``scene`` by so many of its training views alone, evenly chosen."""
    known = choose_evenly(scene.train, views)
    if not with_depth:
        known = [dataclasses.replace(view, depth=None) for view in known]
    return dataclasses.replace(scene, train=known)


def has_depth(dataset: Path) -> bool:
    """Whether there is depth to know a dataset by: it is one that Hashlight has captured (see
    engine.link.capture_format)."""
    return any((dataset / "depth").glob("*"))
