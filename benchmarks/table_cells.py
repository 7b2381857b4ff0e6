"""What the tables of results are written with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Result = dict[str, Any]


def data_words(result: Result) -> str:
    """Of what data a result is."""
    width, height = result["size"]
    return f"{result['dataset']} {width}x{height}"


def device_words(result: Result) -> str:
    """On which device."""
    return str(result["device_name"])


def with_spread(row: Result, name: str, form: str) -> str:
    """A figure, and its lowest and highest where there are several."""
    low, high = row.get(f"{name}_spread", (row[name], row[name]))
    spread = f" ({form.format(low)} to {form.format(high)})" if low != high else ""
    return form.format(row[name]) + spread


def or_dash(value: float | None, form: str, scale: float = 1.0) -> str:
    """A figure times ``scale``, as ``form`` says; a dash where there is none."""
    return "-" if value is None else form.format(value * scale)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Each row has a cell for each of ``head``."""
    lines = [head, ["---"] * len(head), *rows]
    assert all(len(line) == len(head) for line in lines), f"a row has not a cell for each of {head}"
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
