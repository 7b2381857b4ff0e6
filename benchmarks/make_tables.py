"""Rewrite the measured figures in the documents from the JSON files in benchmarks/results/.

    python -m benchmarks.make_tables            rewrite
    python -m benchmarks.make_tables --check    only say whether they are up to date (exit code 1 if not)

A table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``, figures within a sentence between
``<!-- figures: NAME -->`` and ``<!-- end of figures -->``; all else is left alone.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.distance_tables import signed_distance_table
from benchmarks.few_tables import few_views_table, prior_cost_table
from benchmarks.image_tables import image_table, image_use_table
from benchmarks.results import read_results
from benchmarks.table_cells import Result
from benchmarks.training_tables import (
    encodings_table,
    highlights_table,
    machines_list,
    plane_table,
    quality_table,
    rates_table,
    ray_sampling_table,
    stability_table,
    stages_table,
    thin_table,
    truth_table,
    twins_table,
)
from benchmarks.use_tables import (
    artist_table,
    baked_colors_table,
    demo_table,
    fast_capture_words,
    launches_table,
    moving_table,
    noise_table,
    remote_codec_table,
    remote_table,
    serving_table,
    startup_table,
    versions_table,
)
from benchmarks.window_tables import calls_table, contention_table, latency_table, memory_table, stopping_table

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = tuple(REPOSITORY / page for page in ("docs/performance.md", "docs/user-guide.md", "README.md"))

# Name: the kind of result that the table is made from, and how.
TABLES: dict[str, tuple[str, Callable[[Sequence[Result]], str]]] = {
    "quality": ("quality", quality_table),
    "rates": ("quality", rates_table),
    "machines": ("quality", machines_list),
    "stages": ("stages", stages_table),
    "truth": ("truth", truth_table),
    "encodings": ("encodings", encodings_table),
    "twins": ("twins", twins_table),
    "thin": ("thin", thin_table),
    "plane": ("plane", plane_table),
    "rays": ("rays", ray_sampling_table),
    "highlights": ("highlights", highlights_table),
    "stability": ("stability", stability_table),
    "few_views": ("few", few_views_table),
    "prior_cost": ("prior", prior_cost_table),
    "images": ("image", image_table),
    "image_use": ("image", image_use_table),
    "signed_distance": ("signed", signed_distance_table),
    "startup": ("startup", startup_table),
    "versions": ("versions", versions_table),
    "launches": ("launches", launches_table),
    "demo": ("demo", demo_table),
    "artist": ("artist", artist_table),
    "colors": ("colors", baked_colors_table),
    "noise": ("noise", noise_table),
    "serving": ("serving", serving_table),
    "moving": ("moving", moving_table),
    "window_calls": ("window", calls_table),
    "window_latency": ("window", latency_table),
    "window_stops": ("window", stopping_table),
    "contention": ("contention", contention_table),
    "memory": ("memory", memory_table),
    "remote": ("remote", remote_table),
    "remote_codec": ("remote", remote_codec_table),
}
# The same for figures within a sentence.
FIGURES: dict[str, tuple[str, Callable[[Sequence[Result]], str]]] = {
    "fast_capture": ("noise", fast_capture_words),
}
_MARKED = re.compile(r"<!-- (table|figures): (\w+) -->.*?<!-- end of \1 -->", re.DOTALL)


def fill_in(page: str, results: dict[str, list[Result]]) -> str:
    """``page`` with every marked table and figure made anew. Raises ValueError for a marker without an end or an
    unknown name."""

    def replace(match: re.Match[str]) -> str:
        what, name = match[1], match[2]
        known, gap = (TABLES, "\n") if what == "table" else (FIGURES, "")
        if name not in known:
            raise ValueError(f"there is no {what} {name!r}, only {', '.join(known)}")
        kind, make = known[name]
        return f"<!-- {what}: {name} -->{gap}{make(results.get(kind, []))}{gap}<!-- end of {what} -->"

    if page.count("<!-- table: ") + page.count("<!-- figures: ") != len(_MARKED.findall(page)):
        raise ValueError("a marker lacks its <!-- end of table --> or <!-- end of figures -->")
    return _MARKED.sub(replace, page)


def main() -> int:
    """Rewrite or check the documents."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if not options.check:
        write_pages()
        return 0
    for path in (stale := _stale_pages()):
        print(f"{path}: out of date; run python -m benchmarks.make_tables", file=sys.stderr)
    return int(bool(stale))


def write_pages() -> None:
    """Bring the documents up to the results."""
    for path, filled in _stale_pages().items():
        path.write_text(filled, encoding="utf-8")


def _stale_pages() -> dict[Path, str]:
    """What the pages that are out of date should be."""
    results = read_results()
    pages = {path: path.read_text(encoding="utf-8") for path in PAGES}
    return {path: filled for path, page in pages.items() if (filled := fill_in(page, results)) != page}


if __name__ == "__main__":
    sys.exit(main())
