"""Tables of what users meet: start-up, frames, previews over a network, scenes from the first button to the film."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.table_cells import Result, data_words, device_words, markdown_table, or_dash, with_spread

FAST_SAMPLES = 16  # of Fast Capture


def startup_table(results: Sequence[Result]) -> str:
    """From the process's start to the first training step."""
    rows = []
    for result in results:
        cold, warm = result["cold"], result["warm"]
        for caches, row in (("empty", cold), ("warm", warm)):
            names = ("reading", "views", "kernels", "first_words", "longest_silence")
            figures = [f"{row[name]:.1f}" for name in names]
            rows.append(
                [data_words(result), device_words(result), caches, with_spread(row, "seconds", "{:.1f}"), *figures]
            )
    head = [
        "data",
        "device",
        "caches",
        "first step after, s",
        "imports and reading data, s",
        "views, s",
        "kernels, s",
    ]
    return markdown_table([*head, "first words after, s", "longest silence, s"], rows)


def versions_table(results: Sequence[Result]) -> str:
    """Steps and starts of two versions in turns."""
    rows = []
    for result in results:
        starts = {start["version"]: start for start in result["starts"]}
        for row in result["rows"]:
            start = starts[row["version"]]
            rows.append(
                [
                    result["dataset"],
                    device_words(result),
                    row["version"],
                    str(row["after_steps"]),
                    f"{row['least_ms']:.3f}",
                    f"{row['median_ms']:.3f}",
                    or_dash(row["card_ms"], "{:.3f}"),
                    f"{start['cold']:.1f}",
                    ", ".join(f"{seconds:.1f}" for seconds in start["warm"]),
                ]
            )
    head = [
        "data",
        "device",
        "version",
        "after steps",
        "a step at the least, ms",
        "in the median, ms",
        "on the card, ms",
    ]
    return markdown_table([*head, "start on empty caches, s", "on warm ones, s"], rows)


def launches_table(results: Sequence[Result]) -> str:
    """What a launch costs, by how the kernel gets its arguments."""
    rows = [
        [device_words(result), row["way"], str(row["microseconds"])] for result in results for row in result["rows"]
    ]
    return markdown_table(["device", "arguments", "a launch, µs"], rows)


def serving_table(results: Sequence[Result]) -> str:
    """Frames a second that a client gets, and the steps a second beside them."""
    rows = [
        [
            result["dataset"],
            device_words(result),
            row["work"],
            "x".join(map(str, row["size"])) if row["size"] else "-",
            f"{row['frames_per_second']:.1f}" if row["size"] else "-",
            or_dash(row["milliseconds_to_frame"], "{:.0f}"),
            f"{row['steps_per_second']:.0f}" if row["steps_per_second"] else "-",
            f"{row['share_of_steps']:.0%}" if row["steps_per_second"] else "-",
        ]
        for result in results
        for row in result["rows"]
    ]
    head = ["data", "device", "work", "frames", "frames/s", "request to picture, ms", "steps/s", "of undisturbed"]
    return markdown_table(head, rows)


def moving_table(results: Sequence[Result]) -> str:
    """How long a picture of a moving view takes while views wait to be added."""
    rows = [
        [
            device_words(result),
            str(row["views_queued"]),
            str(row["requests"]),
            f"{row['median_ms']:.0f}",
            f"{row['ninety_percent_ms']:.0f}",
            f"{row['longest_ms']:.0f}",
            f"{row['rendering_ms']:.0f}",
            f"{row['cpu_ms']:.0f}",
        ]
        for result in results
        for row in result["rows"]
    ]
    head = [
        "device",
        "views queued",
        "pictures",
        "median, ms",
        "90 %, ms",
        "longest, ms",
        "of these rendering, ms",
        "CPU, ms",
    ]
    return markdown_table(head, rows)


def remote_table(results: Sequence[Result]) -> str:
    """Previews through a slow network."""
    rows = [
        [
            f"{result['size'][0]}x{result['size'][1]}, {result['coverage']:.0%} covered",
            device_words(result),
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
    return markdown_table(head, rows)


def remote_codec_table(results: Sequence[Result]) -> str:
    """What packing a preview costs and keeps."""
    rows = []
    for result in results:
        for what, row in result["codec"].items():
            kept = f"{row['psnr']:.1f} dB" if "psnr" in row else f"{row['worst_relative_error']:.1e} at worst"
            figures = [f"{row['pack_ms']:.0f}", f"{row['unpack_ms']:.0f}", f"{row['kilobytes']:.0f}"]
            rows.append([device_words(result), "colour" if what == "color" else what, *figures, kept])
    return markdown_table(["device", "what", "packing, CPU ms", "unpacking, CPU ms", "kB a picture", "kept"], rows)


def artist_table(results: Sequence[Result]) -> str:
    """Scenes from the first button to the film."""
    rows = [
        [
            row["name"],
            device_words(result),
            "x".join(map(str, result["size"])),
            str(row["train_views"]),
            or_dash(row["subject_psnr"], "{:.1f}"),
            f"{row['filled']:.0%}" + (f", {row['least_filled']:.0%} at least" if "least_filled" in row else ""),
            or_dash(row["enlargement"], "{:.2f}"),
            f"{row['minutes']:.1f}",
            "; ".join(row["warnings"]).replace("|", "/") or "none",
        ]
        for result in results
        for row in result["scenes"]
    ]
    head = ["scene", "device", "views", "of them", "PSNR of the subject, dB", "picture filled", "enlargement"]
    return markdown_table([*head, "minutes", "warnings given"], rows)


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
            rows.append([data_words(result), device_words(result), *words, *figures])
    head = ["data", "device", "samples", "denoised", "views", "processor time to render, s"]
    return markdown_table([*head, "PSNR of the subject, dB", "by scene"], rows)


def fast_capture_words(results: Sequence[Result]) -> str:
    """What views of few samples save and cost, for a sentence about Fast Capture, which takes 16 and denoises."""
    result = results[0]
    means = {(mean["samples"], mean["denoised"], mean["views"]): mean for mean in result["means"]}
    most, views = (max(mean[name] for mean in result["means"]) for name in ("samples", "views"))
    fast, noisy, slow = means[FAST_SAMPLES, True, views], means[FAST_SAMPLES, False, views], means[most, False, views]
    few = means[FAST_SAMPLES, True, views // 2]
    share = slow["render_seconds"] / fast["render_seconds"]
    cost, cost_noisy = (slow["subject_psnr"] - mean["subject_psnr"] for mean in (fast, noisy))
    cost_few = fast["subject_psnr"] - few["subject_psnr"]
    return (
        f"1/{share:.0f} of the time of {most} samples, for {cost:.1f} dB ({cost_noisy:.1f} dB where Blender has no "
        f"denoiser); half as many views cost {cost_few:.1f} dB"
    )


def demo_table(results: Sequence[Result]) -> str:
    """What `make demo` comes to."""
    rows = [
        [
            device_words(result),
            f"{result['training_views']} of {result['size'][0]}x{result['size'][1]}",
            f"{result['training_seconds']:.0f}",
            str(result["steps"]),
            f"{result['subject_psnr']:.2f}",
            f"{result['psnr']:.2f}",
            or_dash(result["enlargement"], "{:.2f}"),
            f"{result['total_seconds'] / 60:.1f}",
        ]
        for result in results
    ]
    head = ["device", "training views", "training, s", "steps", "PSNR of the subject, dB", "PSNR of pictures, dB"]
    return markdown_table([*head, "enlargement", "minutes"], rows)


def baked_colors_table(results: Sequence[Result]) -> str:
    """How far pictures baked of a field are from Cycles' own, and how much of that is the field's light."""
    rows = [
        [device_words(result), row["view_transform"], str(row["pixels"]), f"{row['baked']:.2f}", f"{row['field']:.2f}"]
        for result in results
        for row in result["views"]
    ]
    head = ["device", "view transform", "pixels", "baked PNG from Cycles' PNG", "the light itself, mapped by Blender"]
    return markdown_table(head, rows)
