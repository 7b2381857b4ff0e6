"""Tables of how well and how fast fields are trained."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.results import slug
from benchmarks.table_cells import Result, data_words, device_words, markdown_table, or_dash, with_spread


def quality_table(results: Sequence[Result]) -> str:
    """PSNR after each training budget."""
    rows = []
    for result in results:
        for row in result["budgets"]:
            spread = row.get("psnr_black_spread")
            black = f"{row['psnr_black']:.2f}" + (f" ({spread[0]:.2f} to {spread[1]:.2f})" if spread else "")
            figures = [f"{row['budget']:g}", f"{row['step']:.0f}", black, f"{row['psnr_white']:.2f}"]
            rows.append([data_words(result), device_words(result), *figures])
    return markdown_table(["data", "device", "training, s", "steps", "PSNR on black, dB", "PSNR on white, dB"], rows)


def rates_table(results: Sequence[Result]) -> str:
    """Steps, frames, start-up and memory."""
    rows = [
        [
            data_words(result),
            device_words(result),
            f"{result['steps_per_second']:.1f}",
            str(result["samples_per_step"]),
            or_dash(result["seconds_to_34db"], "{:.1f}"),
            or_dash(result["frame_ms"].get("800x800"), "{:.1f}"),
            or_dash(result["frame_ms"].get("1920x1080"), "{:.1f}"),
            f"{result['startup_seconds']:.1f}",
            or_dash(result["peak_gpu_memory_bytes"], "{:.2f}", 2**-30),
        ]
        for result in results
    ]
    head = ["data", "device", "steps/s", "samples a step", "34 dB after, s", "800x800, ms", "1920x1080, ms"]
    return markdown_table([*head, "start-up, s", "GPU memory, GiB"], rows)


def machines_list(results: Sequence[Result]) -> str:
    """The versions behind the figures."""
    lines = []
    for result in results:
        versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        seeds = f"seed {result['seed']}" if result["seeds"] == 1 else f"median of {result['seeds']} seeds"
        lines.append(
            f"* {data_words(result)} on {device_words(result)}: {result['train_views']} training and "
            f"{result['test_views']} test views, preset {result['preset']}, {seeds}; {versions}"
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
            figures = [or_dash(row.get(name), form, scale) for name, form, scale in columns.values()]
            rows.append([data_words(result), device_words(result), row["stage"], *figures])
    return markdown_table(["data", "device", "stage", *columns], rows)


def truth_table(results: Sequence[Result]) -> str:
    """Training with and without what Blender knows."""
    rows = [
        [
            data_words(result),
            device_words(result),
            row["truth"],
            or_dash(row["seconds_to_target"], "{:.2g}"),
            ", ".join(f"{score['psnr']:.2f} ({score['seconds']:g})" for score in row["scores"]),
            or_dash(row.get("depth_error"), "{:.2%}"),
        ]
        for result in results
        for row in result["runs"]
    ]
    return markdown_table(["data", "device", "truth", "30 dB after, s", "PSNR, dB (after, s)", "depth error"], rows)


def thin_table(results: Sequence[Result]) -> str:
    """How much of thin wires is kept, and the grain on a smooth plate."""
    rows = [
        [
            device_words(result),
            str(row["steps"]),
            f"{row['width']:g}",
            f"{row['kept']:.0%}",
            or_dash(row.get("precision"), "{:.0%}"),
            f"{row['kept_above_plate']:.0%}",
            or_dash(row.get("precision_above_plate"), "{:.0%}"),
            f"{255 * result['grain'][str(row['steps'])]:.2f}",
        ]
        for result in results
        for row in result["rows"]
    ]
    head = ["device", "steps", "width of the wires, pixels", "kept", "rightly covered", "kept above a plate"]
    return markdown_table([*head, "rightly covered", "grain on the plate, of 255"], rows)


def plane_table(results: Sequence[Result]) -> str:
    """What a ground plane takes from the subject on it."""
    rows = [
        [
            data_words(result),
            device_words(result),
            str(row["steps"]),
            f"{row['reach']:g} radii" if row["reach"] else "none",
            f"{row['subject_psnr']:.1f}",
            f"{row['psnr']:.1f}",
        ]
        for result in results
        for row in result["rows"]
    ]
    head = ["data", "device", "steps", "the plane reaches", "PSNR of the sphere, dB", "of whole pictures, dB"]
    return markdown_table(head, rows)


def ray_sampling_table(results: Sequence[Result]) -> str:
    """Through which point of its pixel a training ray goes, and where its samples lie."""
    rows = [
        [
            data_words(result),
            device_words(result),
            str(result["steps"]),
            row["way"],
            *(f"{figure:.1f}" for name in ("subject_psnr", "rim_psnr") for figure in row[name].values()),
        ]
        for result in results
        for row in result["rows"]
    ]
    several = "rendered with 4 rays a pixel"
    head = ["data", "device", "steps", "training's rays", "PSNR of the sphere, dB", several, "of its rim", several]
    return markdown_table(head, rows)


def encodings_table(results: Sequence[Result]) -> str:
    """The hash grid beside other encodings, and the curves (see benchmarks.encodings)."""
    rows = [
        [
            data_words(result),
            device_words(result),
            row["encoding"],
            row["network"],
            f"{figures['seconds']:g}",
            f"{figures['steps_per_second']:.1f}",
            with_spread(figures, "psnr_black", "{:.2f}"),
            or_dash(figures["subject_psnr"], "{:.2f}"),
        ]
        for result in results
        for row in result["rows"]
        for figures in row["budgets"]
    ]
    head = ["data", "device", "encoding", "size", "training, s", "steps/s", "PSNR on black, dB", "of the subject, dB"]
    lines = [markdown_table(head, rows)]
    for result in results:
        where = f"{data_words(result)} on {device_words(result)}"
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
            data_words(result),
            device_words(result),
            row["stage"],
            f"{row['ms']:.2f}",
            *(
                figure
                for name in ("twin", "tuned")
                for figure in (f"{row[name]['ms']:.2f}", with_spread(row[name], "ratio", "{:.1f}"))
            ),
        ]
        for result in results
        for row in result["stages"]
    ]
    head = ["data", "device", "stage", "Taichi path, ms", "torch twin, ms", "ratio", "tuned torch, ms", "ratio"]
    return markdown_table(head, rows)


def highlights_table(results: Sequence[Result]) -> str:
    """Scene-linear pictures against 8-bit ones."""
    rows = [
        [
            data_words(result),
            device_words(result),
            f"{row['stops']:+d} stops, {row['highlight_share']:.2%}",
            row["pictures"],
            with_spread(row, "highlight_psnr", "{:.2f}"),
            with_spread(row, "psnr", "{:.2f}"),
            with_spread(row, "light_error", "{:.1%}"),
        ]
        for result in results
        for row in result["runs"]
    ]
    head = ["data", "device", "exposure, share of highlights", "pictures", "PSNR of highlights, dB"]
    return markdown_table([*head, "PSNR of all, dB", "error of the highlights' light"], rows)


def stability_table(results: Sequence[Result]) -> str:
    """The worst and the best of many seeds."""
    rows = []
    for result in results:
        runs = result["runs"]
        scores = [run["psnr"] for run in runs]
        trouble = [f"seed {run['seed']}: {run['trouble']}" for run in runs if run["trouble"] is not None]
        figures = [f"{figure:.2f}" for figure in (min(scores), statistics.median(scores), max(scores))]
        data = [data_words(result), device_words(result), f"{result['seconds']:g}", str(len(runs))]
        rows.append([*data, *figures, "; ".join(trouble) or "none"])
    head = ["data", "device", "training, s", "seeds", "worst, dB", "median, dB", "best, dB", "not finite"]
    return markdown_table(head, rows)
