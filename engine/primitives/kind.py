"""What the registry knows of a kind of primitive."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from engine.link.codec import describe
from engine.link.errors import LinkError
from engine.link.fields import read_dataclass
from engine.link.message_types import Message, Split, Tagged
from engine.link.messages import AddFile
from engine.link.metrics import Described, describe_metric, known_by_weight
from engine.primitives.base import DataError, DataItem, Primitive
from engine.primitives.config import ConfigError, TrainConfig
from engine.primitives.presets import Presets
from engine.primitives.prior_use import PriorUse

S = TypeVar("S", bound=Tagged)
Progress = Callable[[int, int], None]  # (items read, of how many)


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """What a file or folder holds to learn from. ``spec``: what is to learn it. ``settings``: those of training that
    follow from the data. ``warnings``: sentences for the user."""

    spec: Tagged
    items: Sequence[DataItem]
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    warnings: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """What the command line says of the data. ``variant``: see Kind.variant; None: the usual one. ``holdout``: hold out
    every so manieth item, where nothing says which."""

    variant: str | None = None
    holdout: int | None = None


class Kind(abc.ABC, Generic[S]):
    """A kind of primitive. ``summary``: what it is, for those who choose. ``spec_type``: of what says what is to be
    learnt. ``presets``: how it is trained, unless ``configure`` and ``decode`` know better. ``metrics`` describes the
    figures that it has of its own, those that it is judged by in the order of their weight. ``item``: what it learns
    from, as users call it.
    ``items_are_views``: Blender gives it what it captures, and `hashlight eval` shows them beside what is rendered for
    their cameras.

    Our own kinds are imported whenever data is read: what needs torch they import in ``prior_use``, ``configure``,
    ``decode`` and ``build``."""

    summary: ClassVar[str] = ""
    spec_type: ClassVar[type[Tagged]]
    presets: ClassVar[Presets[Any]]
    metrics: ClassVar[Described] = {}
    item: ClassVar[str] = "file"
    items_are_views: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """On the command line, over the link and in run.json."""
        return self.spec_type.kind

    def variant(self, spec: S) -> str | None:
        """Which form of the kind ``spec`` asks for, where there are several: of a radiance field, which field."""
        return None

    def prior_use(self, spec: S) -> PriorUse | None:
        """What one that learns what ``spec`` says does with a prior; None: nothing."""
        return None

    def mismatch(self, own: Tagged, wanted: S) -> str | None:
        """Why a run of ``own``, of whichever kind, can't go on as what ``wanted`` says: a clause that goes after "it
        has"; None: it can."""
        if not isinstance(own, self.spec_type):
            return f"a {own.kind}, not a {self.name}"
        return self.difference(own, wanted)

    def difference(self, own: Any, wanted: S) -> str | None:
        """Why a run of this kind can't go on as ``wanted`` says: "learnt this, but there is that"; None: it can."""
        return None

    def read_spec(self, values: Any) -> S:
        """What run.json or a client says that is to be learnt. Raises ConfigError that names the field at fault."""
        try:
            spec: S = read_dataclass("primitive", self.spec_type, values)
        except LinkError as error:
            raise ConfigError(str(error)) from None
        return spec

    def describe_spec(self, spec: S) -> dict[str, Any]:
        """JSON-ready, for ``read_spec``. Raises ConfigError that names what that would refuse."""
        try:
            return describe("primitive", spec)
        except LinkError as error:
            raise ConfigError(str(error)) from None

    def configure(self, spec: S, preset: str, device: str, overrides: Mapping[str, Any]) -> TrainConfig:
        """The named preset ("auto": by device) for ``spec``, with single settings replaced. Raises ConfigError that
        names an unknown preset or setting, or a value of the wrong type."""
        config: TrainConfig = self.presets.configure(preset, device, overrides)
        return config

    def decode(self, spec: S, values: Mapping[str, Any]) -> TrainConfig:
        """Read what TrainConfig.to_json wrote. Raises ConfigError that names an unknown or missing setting."""
        config: TrainConfig = self.presets.decode(values)
        return config

    def facts(self, primitive: Any) -> dict[str, str]:
        """What reports of scores say of one of this kind, by name, besides what they say of all."""
        return {}

    @abc.abstractmethod
    def build(self, spec: S, config: Any, device: str) -> Primitive:
        """One that has learnt nothing yet. Raises MemoryShortage when it would not fit."""

    @abc.abstractmethod
    def load(self, path: Path, options: DataOptions, progress: Progress) -> TrainingData:
        """Read the file or folder ``path``, from the command line. Raises DataError, or another that names the file."""

    def read_item(self, message: Message, locate: Callable[[str], Path]) -> DataItem:
        """What a client's message brings. ``locate``: where a path lies, which is relative to the engine's root; it
        raises PathError. Raises DataError."""
        if not isinstance(message, AddFile):
            raise self.refuse(message)
        return self.read_file(locate(message.path), message.name, message.split)

    def read_file(self, path: Path, name: str, split: Split) -> DataItem:
        """The item called ``name`` that a file holds. Raises DataError, or another that names the file."""
        raise DataError(f"{path}: a {self.name} doesn't learn from files")

    def refuse(self, message: Message) -> DataError:
        """The error that says that it doesn't learn from such messages."""
        return DataError(f"{type(message).__name__}: a {self.name} doesn't learn from this")

    def describe_scores(self, means: Mapping[str, float | None]) -> str:
        """Scores as a line of text, for the terminal."""
        names = [*known_by_weight(means, self.metrics), *(name for name, value in means.items() if value is None)]
        return ", ".join(describe_metric(name, means[name], self.metrics) for name in names)
