"""The figures that runs are followed and judged by: what they are called, their units, how they are written.

``Status.metrics`` and ``Evaluation.scores`` hold figures by name. A kind of primitive describes its own
(``Kind.metrics``), and the engine tells clients of them with the run (``RunOpened.metrics``): nobody else has to know
them. One that isn't described is shown under its name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from engine.link.codec import describe
from engine.link.fields import read_value
from engine.link.message_types import Count, MetricName
from engine.link.values import Limits

_Label = Annotated[str, Count(1, 60)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grade:
    """A ``word`` for values of ``least`` and more."""

    word: _Label
    least: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """What a figure is called, its unit ("" without one), and how many ``digits`` behind the point are written: None
    for four significant ones. ``better``: which value is the better of two. ``grades``: words for values, the best
    first. ``about``: what it is of, as a sentence, where it is the first of a run's scores."""

    label: _Label
    unit: Annotated[str, Count(0, 20)] = ""
    digits: Annotated[int, Limits(0, 9)] | None = None
    better: Literal["higher", "lower"] = "lower"
    grades: Annotated[tuple[Grade, ...], Count(0, 16)] = ()
    about: Annotated[str, Count(0, 200)] = ""

    def write(self, value: float) -> str:
        """The number with its unit."""
        number = f"{value:.4g}" if self.digits is None else f"{value:.{self.digits}f}"
        return f"{number} {self.unit}".rstrip()

    def grade(self, value: float) -> str:
        """The word for a value, "" where there is none."""
        return next((grade.word for grade in self.grades if value >= grade.least), "")

    def describe(self, value: float | None) -> str:
        """A figure with its label, unit and word: "PSNR 31.20 dB (good)"; None is written as unknown."""
        if value is None:
            return f"{self.label} unknown"
        word = self.grade(value)
        return f"{self.label} {self.write(value)}" + (f" ({word})" if word else "")


class Figure(NamedTuple):
    """A value, and what it is of."""

    metric: Metric
    value: float


# By figures' names, those that a run is judged by in the order of their weight.
Descriptions = Annotated[dict[MetricName, Metric], Count(0, 64)]
Described = Mapping[str, Metric]

# Those of every kind.
COMMON: Described = {
    "loss": Metric(label="Loss", digits=5),
    "steps_per_second": Metric(label="Steps per second", digits=0, better="higher"),
}


def metric_named(name: str, described: Described) -> Metric:
    """That which is described, or one that is called as it is named."""
    return described.get(name) or COMMON.get(name) or Metric(label=name.replace("_", " ").capitalize()[:60])


def describe_metric(name: str, value: float | None, described: Described) -> str:
    """A figure with its label, unit and word; see Metric.describe."""
    return metric_named(name, described).describe(value)


def known_by_weight(figures: Mapping[str, float | None], described: Described) -> dict[str, float]:
    """The figures that are known, by name: those that are described first, in the order of their weight."""
    names = [name for name in described if name in figures]
    names += [name for name in figures if name not in described]
    return {name: value for name in names if (value := figures[name]) is not None}


def find_first(figures: Mapping[str, float | None], described: Described) -> Figure | None:
    """The figure of most weight that is known; None when none is."""
    known = known_by_weight(figures, described).items()
    return next((Figure(metric_named(name, described), value) for name, value in known), None)


def describe_first(figures: Mapping[str, float | None], described: Described) -> str:
    """The first of the figures that is known, as text; "" when none is."""
    first = find_first(figures, described)
    return "" if first is None else first.metric.describe(first.value)


def read_descriptions(where: str, values: Any) -> dict[str, Metric]:
    """Descriptions from JSON, as ``write_descriptions`` gives them. Raises LinkError; ``where`` names them."""
    read: dict[str, Metric] = read_value(where, Descriptions, values)
    return read


def write_descriptions(where: str, described: Described) -> dict[str, Any]:
    """``described`` as JSON has it. Raises LinkError for what can't be read again; ``where`` names them."""
    values = {name: describe(f"{where}.{name}", metric) for name, metric in described.items()}
    read_descriptions(where, values)
    return values
