"""Six scenes such as artists have, from the scene to the film, and how well they come out.

    python -m benchmarks.artist_scenes OUT
    python -m benchmarks.artist_scenes OUT --scenes "walk cycle" demo --again
    python -m benchmarks.artist_scenes OUT --size 64x64 --views 6 --seconds 5 --no-result

Each scene is built by script (``benchmarks/artist/scenes.py``), captured, trained, looked at and baked by the
extension's own operators in headless Blender, with the layout of cameras that an artist would choose. What is done in
OUT with the same settings is not done again. Writes OUT/contact-sheet.png, pictures at 100 % to look at, and once all
six are done a result in benchmarks/results/ and docs/images/artist-scenes.webp, a small sheet. Let nothing else run
meanwhile: training is measured in seconds.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.artist.checkout import CHECKOUT, build_extension, folder_name
from benchmarks.artist.pictures import compose, compose_small, filled_shares, read_summary, show_scene
from benchmarks.artist.session import asked
from benchmarks.results import add_no_result, write_result
from engine.link.argument_types import picture_size, positive_number, whole_number
from engine.link.part_files import written_atomically
from engine.machine import versions

SCENES = (
    "product on sweep",
    "room from inside",
    "plant and hair",
    "glass and mirror",
    "walk cycle",
    "demo",
)
IMAGE = CHECKOUT / "docs" / "images" / "artist-scenes.webp"
MARKER = ".artist-scenes"  # says that a folder is ours to replace


def main() -> int:
    """Do what isn't done yet. Returns the exit code: 0 only if every chosen scene is done."""
    options = _parse()
    out: Path = options.out.absolute()
    extension = build_extension()
    failed = []
    for name in options.scenes:
        folder = out / folder_name(name)
        if not options.again and is_done(read_summary(folder), options):
            print(f"{name}: done before", flush=True)
        elif _run_session(name, folder, extension, options) != 0:
            failed.append(name)
    done = {name: out / folder_name(name) for name in SCENES if is_done(read_summary(out / folder_name(name)), options)}
    if not done:
        return 1
    rows = {name: _read_row(folder) for name, folder in done.items()}
    for row in rows.values():
        print(
            f"{row['name']:18} {row['subject_psnr'] or math.nan:6.2f} dB, filled {row['filled']:.0%}, "
            f"{row['least_filled']:.0%} at least, "
            f"enlarged {row['enlargement'] or math.nan:.2f} times, {row['minutes']:.1f} min"
        )
        for warning in row["warnings"]:
            print(f"    {warning}")
    shown = [show_scene(folder) for folder in done.values()]
    with written_atomically(out / "contact-sheet.png") as path:
        compose(shown).save(path, "PNG")
    print(f"Pictures: {out / 'contact-sheet.png'}")
    if len(done) == len(SCENES) and not options.no_result:
        with written_atomically(IMAGE) as path:
            compose_small(shown).save(path, "WEBP", quality=85, method=6)
        write_result("artist", describe([read_summary(folder) or {} for folder in done.values()], list(rows.values())))
    return len(failed) > 0


def is_done(summary: dict[str, Any] | None, options: argparse.Namespace) -> bool:
    """Whether a session ended well with these settings."""
    return summary is not None and summary["asked"] == asked(options)


def describe(summaries: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The result of all scenes."""
    first = summaries[0]
    return {
        "dataset": "scenes",
        "size": first["size"],
        "asked": first["asked"],
        "device_name": first["device_name"],
        "versions": versions() | {"blender": first["blender"]},
        "train_views": statistics.median_low(summary["train_views"] for summary in summaries),
        "test_views": statistics.median_low(summary["test_views"] for summary in summaries),
        "scenes": rows,
    }


def _read_row(folder: Path) -> dict[str, Any]:
    summary = read_summary(folder)
    assert summary is not None
    names = ("name", "subject_psnr", "psnr", "enlargement", "minutes", "stages", "steps", "train_views", "warnings")
    row = {name: summary[name] for name in names}
    filled = filled_shares(folder / summary["capture"])
    return row | {"filled": statistics.median(filled), "least_filled": min(filled)}


def _run_session(name: str, folder: Path, extension: Path, options: argparse.Namespace) -> int:
    print(f"{name}:", flush=True)
    if folder.exists() and not (folder / MARKER).is_file():
        print(f"{folder} is not of this script: choose another folder", file=sys.stderr)
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    command = [sys.executable, "-m", "benchmarks.artist.session", name, "--extension", str(extension)]
    command += ["--out", str(folder), "--size", "x".join(map(str, options.size)), "--views", str(options.views)]
    command += ["--held-out", str(options.held_out), "--seconds", str(options.seconds), "--frames", str(options.frames)]
    return subprocess.run(command, cwd=CHECKOUT).returncode


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=SCENES, metavar="NAME")
    parser.add_argument("--size", type=picture_size, default=(240, 240), metavar="WxH", help="of the views (240x240)")
    parser.add_argument("--views", type=whole_number(2, 1000), default=36, help="training views (36)")
    parser.add_argument("--held-out", type=whole_number(1, 100), default=6, help="held-out views (6)")
    parser.add_argument("--seconds", type=positive_number, default=60.0, help="of training (60)")
    parser.add_argument("--frames", type=whole_number(3, 1000), default=24, help="of the film (24)")
    parser.add_argument("--again", action="store_true", help="do scenes that are done once more")
    add_no_result(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
