"""Tables of what few views show, and of what a prior costs."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.table_cells import Result, device_words, markdown_table, or_dash

# In dB: what a prior is to reach, by data, depth and number of views; and by how much it is to surpass the better of
# what the same views' trainings and points show, where a dataset has depth.
GOALS: dict[tuple[str, bool, int], float] = {
    ("procedural", True, 1): 22.0,
    ("procedural", True, 2): 25.0,
    ("procedural", True, 3): 27.0,
    ("lego400", False, 1): 16.0,
    ("lego400", False, 2): 18.0,
    ("lego400", False, 3): 19.0,
}
MARGINS = {1: 2.0, 2: 2.0, 3: 1.0}
_FEW = 8
_OTHERS = ("points", "grid 5 s", "grid 60 s")


def few_views_table(results: Sequence[Result]) -> str:
    """PSNR of all methods side by side, of whole pictures and of the subject: a line for each number of views."""
    tables = []
    for result in results:
        for is_many in (False, True):
            if rows := [row for row in result["rows"] if (row["views"] > _FEW) == is_many]:
                tables.append(f"On {device_words(result)}:\n\n{_side_by_side(rows)}")
    return "\n\n".join(tables)


def _side_by_side(rows: Sequence[Result]) -> str:
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines: dict[tuple[str, bool, int], dict[str, Result]] = {}
    for row in rows:
        lines.setdefault((row["data"], row["depth"], row["views"]), {})[row["method"]] = row
    cells = [
        [
            data,
            "yes" if depth else "no",
            str(views),
            *(_cell(found.get(method)) for method in methods),
            or_dash(goal_of(data, depth, views, {name: row["psnr"] for name, row in found.items()}), "{:.1f}"),
        ]
        for (data, depth, views), found in lines.items()
    ]
    return markdown_table(["data", "depth", "views", *methods, "the prior's goal"], cells)


def goal_of(data: str, depth: bool, views: int, psnr: dict[str, float]) -> float | None:
    """What a prior is to reach, in dB over whole pictures, None for none. ``psnr``: of the methods, by name."""
    if (goal := GOALS.get((data, depth, views))) is not None:
        return goal
    others = [psnr[name] for name in _OTHERS if name in psnr]
    if not depth or data.startswith("procedural") or views not in MARGINS or not others:
        return None
    return max(others) + MARGINS[views]


def prior_cost_table(results: Sequence[Result]) -> str:
    """Seconds and milliseconds by how many views there are."""
    rows = [
        [
            device_words(result),
            "x".join(map(str, result["size"])),
            str(row["views"]),
            f"{row['encoding_seconds']:.3f}",
            f"{row['first_seconds']:.2f}",
            f"{row['frame_ms']:.1f}",
        ]
        for result in results
        for row in result["rows"]
    ]
    head = ["device", "pictures", "views", "encoding all, s", "views to first picture, s", "a further picture, ms"]
    return markdown_table(head, rows)


def _cell(row: Result | None) -> str:
    """Both figures of a method, a dash where it isn't measured."""
    if row is None:
        return "-"
    return " / ".join(or_dash(row[name], "{:.1f}") for name in ("psnr", "subject_psnr"))
