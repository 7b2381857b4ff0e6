"""The table of signed distances."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.table_cells import Result, device_words, markdown_table, or_dash


def signed_distance_table(results: Sequence[Result]) -> str:
    """How well each mesh was learnt after each budget, and how long a frame takes."""
    rows = [
        [
            f"{row['mesh']}, {row['triangles']} triangles",
            device_words(result),
            row["encoding"].replace("-", " "),
            f"{row['budget']:g}",
            str(row["step"]),
            or_dash(row.get("iou"), "{:.4f}"),
            f"{row['surface_distance']:.4f}",
            f"{row['prepared']:.2f}",
            f"{row['frame_ms']:.1f} ({'x'.join(map(str, result['frame_size']))})",
        ]
        for result in results
        for row in result["rows"]
    ]
    head = ["mesh", "device", "encoding", "training, s", "steps", "IoU", "surface, % of the diagonal"]
    return markdown_table([*head, "prepared after, s", "a frame, ms"], rows)
