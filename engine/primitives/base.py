"""What a primitive is to those that train, save, score and look at it."""

from __future__ import annotations

import abc
import dataclasses
import numbers
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

from engine.link.errors import LinkError
from engine.link.fields import read_value
from engine.link.message_types import Metrics, Split, Tagged
from engine.link.values import ANY, shorten
from engine.primitives.config import TrainConfig

if TYPE_CHECKING:
    import torch

    from engine.optimizers.parameters import ParameterGroup
    from engine.rendering.viewer import Viewer


# What an entry of a run's history has beside the means.
_ENTRY_NAMES = frozenset({"step", "seconds", "views"})


class NoDataError(ValueError):
    """There is nothing to train on, or to score, yet."""


class DataError(ValueError):
    """Data that can't be learnt from, or figures that can't be told; the message names them, and what is wrong."""


class DataItem(Protocol):
    """A piece of what is learnt from: a view, an image, a mesh. Which, is the kind's matter."""

    @property
    def name(self) -> str: ...
    @property
    def split(self) -> Split: ...


@dataclasses.dataclass(frozen=True)
class Scores:
    """Figures by name, of all that is held out and of each item; ``engine.link.metrics`` says what they are called, and
    their units. None: there is none. Raises DataError for names that messages or a run's history can't hold."""

    means: Mapping[str, float | None]
    items: Mapping[str, Mapping[str, float | None]]

    def __post_init__(self) -> None:
        if taken := sorted(_ENTRY_NAMES & self.means.keys()):
            raise DataError(f"scores: none may be called {taken[0]}: a run's history has that beside them")
        read_figures("scores", self.means)
        for name, figures in self.items.items():
            read_figures(f"scores of {shorten(name)}", figures)


def read_figures(where: str, figures: Mapping[str, Any]) -> dict[str, float | None]:
    """``figures`` as messages hold them, None for NaN, infinity and what is too large. Raises DataError when they are
    too many, or one has a name that can't be told or is no number; ``where`` names them."""
    told = {name: None if _is_out_of_range(value) else value for name, value in figures.items()}
    try:
        read: dict[str, float | None] = read_value(where, Metrics, told)
    except LinkError as error:
        raise DataError(str(error)) from None
    return read


def _is_out_of_range(value: Any) -> bool:
    number: Any = value if isinstance(value, numbers.Real) else 0.0
    return not ANY.least <= number <= ANY.most


class Learner(abc.ABC):
    """What a Trainer trains. What has a body here is what most do.

    A training step is ``step``, then the optimiser's, then ``update``. What ``step`` and ``update`` allocate or read
    back is paid for in every step.

    ``config``: how it is trained. ``gradient_scale``: what gradients are multiplied with, to lie well inside their
    format's range.
    """

    config: TrainConfig
    device: str
    gradient_scale: float = 1.0

    @abc.abstractmethod
    def parameters(self) -> list[ParameterGroup]:
        """What the optimiser is to move."""

    @abc.abstractmethod
    def step(self, step: int, progress: float | None) -> bool:
        """Draw samples, evaluate them, and leave the loss's gradients with the parameters; returns whether there are
        any. ``progress``: how much of the budget is used, 0 to 1; None without one. Raises NoDataError."""

    def update(self, step: int) -> None:
        """What is due after the optimiser's step, ``step`` steps having been done."""
        return None

    def loss(self) -> float | None:
        """The loss of the last step, None before the first, or where it isn't kept. Reads the device."""
        return None

    def figures(self) -> dict[str, float]:
        """Figures of the last step, by name: what it was about. Names are those of Status.metrics. Reads the device."""
        return {}

    @abc.abstractmethod
    def scratch(self) -> Self:
        """One like it, as it was before it learnt anything, with made-up data to warm the kernels up on."""

    def state(self) -> dict[str, torch.Tensor]:
        """All a resume needs but the data and the optimiser's part, by name, on the device, not copied."""
        return {group.name: group.values for group in self.parameters()}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``state`` returned. Raises ValueError that names a missing or misshapen tensor."""
        from engine.optimizers.parameters import load_tensors

        load_tensors(self.state(), state)
        for group in self.parameters():
            group.refresh_working()


class Primitive(Learner):
    """A function that a small network learns from what is added to it. ``spec``: what it learns, as its kind was
    told."""

    spec: Tagged

    @abc.abstractmethod
    def add(self, item: Any) -> None:
        """Train on ``item`` from the next step on, or hold it out to be scored, as its split says; in the place of one
        of the same name. Of the types that its kind makes. Raises DataError, and then all is as it was."""

    @property
    @abc.abstractmethod
    def items(self) -> Mapping[str, Split]:
        """The names of what was added, in that order, and what each is for."""

    @property
    @abc.abstractmethod
    def is_ready(self) -> bool:
        """Whether there is something to train on. Asked before every step."""

    @property
    def remark(self) -> str:
        """What users should know of what is shown now, in a few words; "": nothing."""
        return ""

    def describe_data(self) -> dict[str, Any]:
        """What run.json is to say of the data, JSON-ready."""
        return {}

    @abc.abstractmethod
    def viewer(self) -> Viewer:
        """Shows what is learnt at the moment of each call."""

    @abc.abstractmethod
    def evaluate(self, viewer: Any, most: int | None = None) -> Iterator[int | Scores]:
        """Score what ``viewer``, one of this primitive's or a frozen one, shows against what is held out: at most
        ``most`` items, spread evenly. Yields how many are scored after each short piece of work, and the scores as the
        last. Raises NoDataError when nothing is held out."""
