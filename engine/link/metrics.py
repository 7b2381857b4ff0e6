"""The figures that runs are followed and judged by: their labels, and their units.

``Status.metrics`` and ``Evaluation.scores`` hold figures by name. A kind of primitive may have its own: one that is not
listed here is shown under its name.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Metric:
    """What a figure is called, its unit ("" without one), and how its number is written."""

    label: str
    unit: str = ""
    form: str = ".4g"

    def write(self, value: float) -> str:
        """The number with its unit."""
        return f"{value:{self.form}} {self.unit}".rstrip()


METRICS = {
    "loss": Metric("Loss", form=".5f"),
    "steps_per_second": Metric("Steps per second", form=".0f"),
    "subject_psnr": Metric("PSNR", "dB", ".2f"),
    "subject_ssim": Metric("SSIM", form=".3f"),
    "psnr": Metric("PSNR of whole pictures", "dB", ".2f"),
    "ssim": Metric("SSIM of whole pictures", form=".3f"),
}


def metric_named(name: str) -> Metric:
    """That of the table, or one that is called as it is named."""
    return METRICS.get(name) or Metric(name.replace("_", " ").capitalize())


def describe_metric(name: str, value: float | None) -> str:
    """A figure with its label and unit: "PSNR 31.20 dB"; None is written as unknown."""
    metric = metric_named(name)
    return f"{metric.label} {'unknown' if value is None else metric.write(value)}"
