"""Rewrite the tables in docs/performance.md and README.md from the JSON files in benchmarks/results/.

    python -m benchmarks.make_tables            rewrite
    python -m benchmarks.make_tables --check    only say whether they are up to date (exit code 1 if not)

A table stands between ``<!-- table: NAME -->`` and ``<!-- end of table -->``; all else is left alone.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import read_results, slug
from benchmarks.window_tables import calls_table, latency_table, memory_table, stopping_table

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = (REPOSITORY / "docs" / "performance.md", REPOSITORY / "README.md")
END = "<!-- end of table -->"

Result = dict[str, Any]


def quality_table(results: Sequence[Result]) -> str:
    """PSNR after each training budget."""
    rows = []
    for result in results:
        for row in result["budgets"]:
            spread = row.get("psnr_black_spread")
            black = f"{row['psnr_black']:.2f}" + (f" ({spread[0]:.2f} to {spread[1]:.2f})" if spread else "")
            figures = [f"{row['budget']:g}", f"{row['step']:.0f}", black, f"{row['psnr_white']:.2f}"]
            rows.append([_data(result), _device(result), *figures])
    return _markdown(["data", "device", "training, s", "steps", "PSNR on black, dB", "PSNR on white, dB"], rows)


def rates_table(results: Sequence[Result]) -> str:
    """Steps, frames, start-up and memory."""
    rows = [
        [
            _data(result),
            _device(result),
            f"{result['steps_per_second']:.1f}",
            str(result["samples_per_step"]),
            _or_dash(result["seconds_to_34db"], "{:.1f}"),
            _or_dash(result["frame_ms"].get("800x800"), "{:.1f}"),
            _or_dash(result["frame_ms"].get("1920x1080"), "{:.1f}"),
            f"{result['startup_seconds']:.1f}",
            _or_dash(result["peak_gpu_memory_bytes"], "{:.2f}", 2**-30),
        ]
        for result in results
    ]
    head = ["data", "device", "steps/s", "samples a step", "34 dB after, s", "800x800, ms", "1920x1080, ms"]
    return _markdown([*head, "start-up, s", "GPU memory, GiB"], rows)


def thin_table(results: Sequence[Result]) -> str:
    """How much of thin wires is kept, and the grain on a smooth plate."""
    rows = [
        [
            _device(result),
            str(row["steps"]),
            f"{row['width']:g}",
            f"{row['kept']:.0%}",
            f"{row['kept_above_plate']:.0%}",
            f"{255 * result['grain'][str(row['steps'])]:.2f}",
        ]
        for result in results
        for row in result["rows"]
    ]
    head = ["device", "steps", "width of the wires, pixels", "kept", "kept above a plate", "grain on the plate, of 255"]
    return _markdown(head, rows)


def machines_list(results: Sequence[Result]) -> str:
    """The versions behind the figures."""
    lines = []
    for result in results:
        versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        seeds = f"seed {result['seed']}" if result["seeds"] == 1 else f"median of {result['seeds']} seeds"
        lines.append(
            f"* {_data(result)} on {_device(result)}: {result['train_views']} training and {result['test_views']} test "
            f"views, preset {result['preset']}, {seeds}; {versions}"
        )
    return "\n".join(lines)


def stages_table(results: Sequence[Result]) -> str:
    """Stage times of a training step beside what it launches and the least that it must do."""
    # Column: the figure's name in a row (results of older versions lack some), its form and unit.
    columns = {
        "measured, ms": ("ms", "{:.3f}", 1.0),
        "on the card, ms": ("device_ms", "{:.3f}", 1.0),
        "launches": ("launches", "{:.3g}", 1.0),
        "bytes, MB": ("bytes", "{:.2f}", 1e-6),
        "floor by bytes, ms": ("floor_ms", "{:.3f}", 1.0),
        "operations, GFLOP": ("operations", "{:.4f}", 1e-9),
        "floor by operations, ms": ("operations_floor_ms", "{:.3f}", 1.0),
    }
    rows = []
    for result in results:
        for row in result["stages"]:
            figures = [_or_dash(row.get(name), form, scale) for name, form, scale in columns.values()]
            rows.append([_data(result), _device(result), row["stage"], *figures])
    return _markdown(["data", "device", "stage", *columns], rows)


def truth_table(results: Sequence[Result]) -> str:
    """Training with and without what Blender knows."""
    rows = [
        [
            _data(result),
            _device(result),
            row["truth"],
            _or_dash(row["seconds_to_target"], "{:.2g}"),
            ", ".join(f"{score['psnr']:.2f} ({score['seconds']:g})" for score in row["scores"]),
            _or_dash(row.get("depth_error"), "{:.2%}"),
        ]
        for result in results
        for row in result["runs"]
    ]
    return _markdown(["data", "device", "truth", "30 dB after, s", "PSNR, dB (after, s)", "depth error"], rows)


def encodings_table(results: Sequence[Result]) -> str:
    """The hash grid beside other encodings, and the curves (see benchmarks.encodings)."""
    rows = [
        [
            _data(result),
            _device(result),
            row["encoding"],
            row["network"],
            f"{figures['seconds']:g}",
            f"{figures['steps_per_second']:.1f}",
            _with_spread(figures, "psnr_black", "{:.2f}"),
            _or_dash(figures["subject_psnr"], "{:.2f}"),
        ]
        for result in results
        for row in result["rows"]
        for figures in row["budgets"]
    ]
    head = ["data", "device", "encoding", "size", "training, s", "steps/s", "PSNR on black, dB", "of the subject, dB"]
    lines = [_markdown(head, rows)]
    for result in results:
        where = f"{_data(result)} on {_device(result)}"
        lines.append(f"\n![PSNR over training time, {where}](images/{curves_name(result)})")
        if result["speedup"] is not None:
            speedup = f"{result['speedup']:.0f} times as fast"
            lines.append(f"\n{where}: what nerf reached last, the hash grid had reached {speedup}.")
    return "\n".join(lines)


def curves_name(result: Result) -> str:
    """The file of an encodings result's picture in docs/images."""
    return f"encodings-{slug(result['dataset'])}-{slug(result['device_name'])}.svg"


def twins_table(results: Sequence[Result]) -> str:
    """The Taichi path beside the same model in plain torch."""
    rows = [
        [
            _data(result),
            _device(result),
            row["stage"],
            f"{row['ms']:.2f}",
            *(
                figure
                for name in ("twin", "tuned")
                for figure in (f"{row[name]['ms']:.2f}", _with_spread(row[name], "ratio", "{:.1f}"))
            ),
        ]
        for result in results
        for row in result["stages"]
    ]
    head = ["data", "device", "stage", "Taichi path, ms", "torch twin, ms", "ratio", "tuned torch, ms", "ratio"]
    return _markdown(head, rows)


def highlights_table(results: Sequence[Result]) -> str:
    """Scene-linear pictures against 8-bit ones."""
    rows = [
        [
            _data(result),
            _device(result),
            f"{row['stops']:+d} stops, {row['highlight_share']:.2%}",
            row["pictures"],
            _with_spread(row, "highlight_psnr", "{:.2f}"),
            _with_spread(row, "psnr", "{:.2f}"),
            _with_spread(row, "light_error", "{:.1%}"),
        ]
        for result in results
        for row in result["runs"]
    ]
    head = ["data", "device", "exposure, share of highlights", "pictures", "PSNR of highlights, dB"]
    return _markdown([*head, "PSNR of all, dB", "error of the highlights' light"], rows)


def stability_table(results: Sequence[Result]) -> str:
    """The worst and the best of many seeds."""
    rows = []
    for result in results:
        runs = result["runs"]
        scores = [run["psnr"] for run in runs]
        trouble = [f"seed {run['seed']}: {run['trouble']}" for run in runs if run["trouble"] is not None]
        figures = [f"{figure:.2f}" for figure in (min(scores), statistics.median(scores), max(scores))]
        data = [_data(result), _device(result), f"{result['seconds']:g}", str(len(runs))]
        rows.append([*data, *figures, "; ".join(trouble) or "none"])
    head = ["data", "device", "training, s", "seeds", "worst, dB", "median, dB", "best, dB", "not finite"]
    return _markdown(head, rows)


def startup_table(results: Sequence[Result]) -> str:
    """From the process's start to the first training step."""
    rows = []
    for result in results:
        cold, warm = result["cold"], result["warm"]
        for caches, row in (("empty", cold), ("warm", warm)):
            names = ("reading", "views", "kernels", "first_words", "longest_silence")
            figures = [f"{row[name]:.1f}" for name in names]
            rows.append([_data(result), _device(result), caches, _with_spread(row, "seconds", "{:.1f}"), *figures])
    head = [
        "data",
        "device",
        "caches",
        "first step after, s",
        "imports and reading data, s",
        "views, s",
        "kernels, s",
    ]
    return _markdown([*head, "first words after, s", "longest silence, s"], rows)


def remote_table(results: Sequence[Result]) -> str:
    """Previews through a slow network."""
    rows = [
        [
            f"{result['size'][0]}x{result['size'][1]}, {result['coverage']:.0%} covered",
            _device(result),
            f"{result['mbit']:g} Mbit/s",
            row["what"],
            row["asked_for"],
            f"{row['frames_per_second']:.1f}",
            f"{row['latency_ms']:.0f}",
        ]
        for result in results
        for row in result["rows"]
    ]
    head = ["pictures", "both sides on", "network", "what", "asked for", "frames/s", "ready after, ms"]
    return _markdown(head, rows)


def remote_codec_table(results: Sequence[Result]) -> str:
    """What packing a preview costs and keeps."""
    rows = []
    for result in results:
        for what, row in result["codec"].items():
            kept = f"{row['psnr']:.1f} dB" if "psnr" in row else f"{row['worst_relative_error']:.1e} at worst"
            figures = [f"{row['pack_ms']:.0f}", f"{row['unpack_ms']:.0f}", f"{row['kilobytes']:.0f}"]
            rows.append([_device(result), "colour" if what == "color" else what, *figures, kept])
    return _markdown(["device", "what", "packing, CPU ms", "unpacking, CPU ms", "kB a picture", "kept"], rows)


def artist_table(results: Sequence[Result]) -> str:
    """Scenes from the first button to the film."""
    rows = [
        [
            row["name"],
            _device(result),
            "x".join(map(str, result["size"])),
            str(row["train_views"]),
            _or_dash(row["subject_psnr"], "{:.1f}"),
            f"{row['filled']:.0%}" + (f", {row['least_filled']:.0%} at least" if "least_filled" in row else ""),
            _or_dash(row["enlargement"], "{:.2f}"),
            f"{row['minutes']:.1f}",
            "; ".join(row["warnings"]).replace("|", "/") or "none",
        ]
        for result in results
        for row in result["scenes"]
    ]
    head = ["scene", "device", "views", "of them", "PSNR of the subject, dB", "picture filled", "enlargement"]
    return _markdown([*head, "minutes", "warnings given"], rows)


def noise_table(results: Sequence[Result]) -> str:
    """Fields learnt from noisy captures, by what these took to render."""
    rows = []
    for result in results:
        for mean in sorted(result["means"], key=lambda mean: mean["render_seconds"]):
            kind = {name: mean[name] for name in ("samples", "denoised", "views")}
            scores = [
                f"{run['scene']} {run['subject_psnr']:.2f}" for run in result["runs"] if kind.items() <= run.items()
            ]
            words = [str(mean["samples"]), "yes" if mean["denoised"] else "no", str(mean["views"])]
            figures = [f"{mean['render_seconds']:.1f}", f"{mean['subject_psnr']:.2f}", ", ".join(scores)]
            rows.append([_data(result), _device(result), *words, *figures])
    head = ["data", "device", "samples", "denoised", "views", "processor time to render, s"]
    return _markdown([*head, "PSNR of the subject, dB", "by scene"], rows)


def serving_table(results: Sequence[Result]) -> str:
    """Frames a second that a client gets, and the steps a second beside them."""
    rows = [
        [
            result["dataset"],
            _device(result),
            row["work"],
            "x".join(map(str, row["size"])) if row["size"] else "-",
            f"{row['frames_per_second']:.1f}" if row["size"] else "-",
            _or_dash(row["milliseconds_to_frame"], "{:.0f}"),
            f"{row['steps_per_second']:.0f}" if row["steps_per_second"] else "-",
            f"{row['share_of_steps']:.0%}" if row["steps_per_second"] else "-",
        ]
        for result in results
        for row in result["rows"]
    ]
    head = ["data", "device", "work", "frames", "frames/s", "request to picture, ms", "steps/s", "of undisturbed"]
    return _markdown(head, rows)


# Table: the kind of result it is made from, and how.
TABLES: dict[str, tuple[str, Callable[[Sequence[Result]], str]]] = {
    "quality": ("quality", quality_table),
    "rates": ("quality", rates_table),
    "machines": ("quality", machines_list),
    "stages": ("stages", stages_table),
    "truth": ("truth", truth_table),
    "encodings": ("encodings", encodings_table),
    "twins": ("twins", twins_table),
    "thin": ("thin", thin_table),
    "highlights": ("highlights", highlights_table),
    "stability": ("stability", stability_table),
    "startup": ("startup", startup_table),
    "artist": ("artist", artist_table),
    "noise": ("noise", noise_table),
    "serving": ("serving", serving_table),
    "window_calls": ("window", calls_table),
    "window_latency": ("window", latency_table),
    "window_stops": ("window", stopping_table),
    "memory": ("memory", memory_table),
    "remote": ("remote", remote_table),
    "remote_codec": ("remote", remote_codec_table),
}


def fill_tables(page: str, results: dict[str, list[Result]]) -> str:
    """``page`` with every marked table made anew. Raises ValueError for a marker without an end or an unknown name."""

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name not in TABLES:
            raise ValueError(f"there is no table {name!r}, only {', '.join(TABLES)}")
        kind, make_table = TABLES[name]
        return f"<!-- table: {name} -->\n{make_table(results.get(kind, []))}\n{END}"

    pattern = re.compile(rf"<!-- table: (\w+) -->\n.*?{re.escape(END)}", re.DOTALL)
    if page.count("<!-- table: ") != len(pattern.findall(page)):
        raise ValueError(f"a table's marker lacks its {END}")
    return pattern.sub(replace, page)


def main() -> int:
    """Rewrite or check the page."""
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
    """Bring the tables up to the results."""
    for path, filled in _stale_pages().items():
        path.write_text(filled, encoding="utf-8")


def _stale_pages() -> dict[Path, str]:
    """What the pages that are out of date should be."""
    results = read_results()
    pages = {path: path.read_text(encoding="utf-8") for path in PAGES}
    return {path: filled for path, page in pages.items() if (filled := fill_tables(page, results)) != page}


def _data(result: Result) -> str:
    width, height = result["size"]
    return f"{result['dataset']} {width}x{height}"


def _device(result: Result) -> str:
    return str(result["device_name"])


def _with_spread(row: Result, name: str, form: str) -> str:
    """A figure, and its lowest and highest where there are several."""
    low, high = row.get(f"{name}_spread", (row[name], row[name]))
    spread = f" ({form.format(low)} to {form.format(high)})" if low != high else ""
    return form.format(row[name]) + spread


def _or_dash(value: float | None, form: str, scale: float = 1.0) -> str:
    return "-" if value is None else form.format(value * scale)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    assert all(len(line) == len(head) for line in lines), f"a row has not a cell for each of {head}"
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
