"""Tables of how images are learnt."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.table_cells import Result, data_words, device_words, markdown_table, or_dash

# As published (Müller et al. 2022, section 5.1): another image, of 1.2 gigapixels, and another card. Seconds and dB.
PUBLISHED = ("Tokyo, as published", "NVIDIA RTX 3090", ((150, 38.6), (240, 41.9)))


def image_table(results: Sequence[Result]) -> str:
    """PSNR over training time: a line for each budget."""
    rows = [
        [
            data_words(result),
            device_words(result),
            f"{row['budget']:g}",
            str(row["steps"]),
            f"{row['psnr']:.2f}",
            or_dash(row.get("relative_error"), "{:.3f}"),
        ]
        for result in results
        for row in result["rows"]
    ]
    name, device, points = PUBLISHED
    rows += [[name, device, str(seconds), "-", f"{psnr:.1f}", "-"] for seconds, psnr in points]
    return markdown_table(
        ["image", "device", "training, s", "steps", "PSNR, dB", "relative error of light"],
        rows,
    )


def image_use_table(results: Sequence[Result]) -> str:
    """What a learnt image takes, and how fast it is shown: a line for each image."""
    rows = []
    for result in results:
        sizes = result["bytes"]
        rows.append(
            [
                data_words(result),
                device_words(result),
                f"{result['megapixels_per_second']:.3g}",
                *(f"{sizes[name] / 1e6:.1f}" for name in ("field", "png")),
                f"{sizes['jpeg'] / 1e6:.1f} ({sizes['jpeg_psnr']:.1f} dB)",
                f"{result['read_seconds']:.1f}",
                f"{result['peak_host_bytes'] / 2**30:.1f}",
                or_dash(result["peak_device_bytes"], "{:.1f}", 2**-30),
            ]
        )
    return markdown_table(
        [
            "image",
            "device",
            "Mpixel/s shown",
            "field, MB",
            "PNG, MB",
            "JPEG as good, MB",
            "read, s",
            "memory, GiB",
            "of the card, GiB",
        ],
        rows,
    )
