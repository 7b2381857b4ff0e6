"""What render noise in captures costs the field, and what it saves: few samples of many views, or many of few.

    python -m benchmarks.render_noise OUT
    python -m benchmarks.render_noise OUT --samples 4 16 --views 12 --steps 100 --scenes demo --no-result

Three scenes are captured with different numbers of Cycles samples, denoised or not; fields of the same seed learn from
them for the same number of steps, and are scored against converged pictures of views that none has seen. Besides all
views, the first half of them: so there are captures of few samples and many views that took as long to render as others
of more samples and fewer views. Render times are the processor's, which other work on the machine doesn't change. What
is captured in OUT already is not captured again, nor trained on as long again. Kept in benchmarks/results/.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.artist.checkout import CHECKOUT, build_extension, folder_name
from benchmarks.artist.noise_captures import SUMMARY, TRUTH, capture_name
from benchmarks.results import add_no_result, write_result
from benchmarks.trainings import begin_training, train_steps
from engine.cli.arguments import add_device
from engine.data.dataset import Dataset
from engine.data.formats import load_dataset
from engine.evaluation.evaluate import evaluate
from engine.link.argument_types import picture_size, whole_number
from engine.machine import device_name, versions
from taichi_kernels.runtime import choose_device

SCENES = ("demo", "glass and mirror", "room from inside")
SHARES = (1, 2)  # all views, and half of them


def main() -> int:
    """Measure and write."""
    options = _parse()
    device = choose_device(options.device)
    rows: list[dict[str, Any]] = []
    summary: dict[str, Any] = {}
    for scene in options.scenes:
        print(f"{scene}:", flush=True)
        summary = _captures(scene, options)
        rows += measure(scene, summary, options, device)
    if not options.no_result:
        result = {
            "dataset": "scenes",
            "size": list(options.size),
            "device_name": device_name(device),
            "versions": versions() | {"blender": summary["blender"]},
            "steps": options.steps,
            "truth_samples": options.truth_samples,
            "runs": rows,
            "means": means(rows),
        }
        write_result("noise", result)
    return 0


def measure(scene: str, summary: dict[str, Any], options: argparse.Namespace, device: str) -> list[dict[str, Any]]:
    """Train on each capture, and on parts of its views; a row for each."""
    truth = load_dataset(Path(summary["captures"][TRUTH]["path"]))
    known = _Scores(options.out.absolute() / folder_name(scene) / "scores.json")
    rows = []
    for samples in options.samples:
        for is_denoised in (False, True):
            capture = summary["captures"][capture_name(samples, is_denoised)]
            dataset = load_dataset(Path(capture["path"]))
            for share in SHARES:
                count = len(dataset.train) // share
                name = f"{capture_name(samples, is_denoised)}, {count} views, {options.steps} steps on {device}"
                score = known.find_or_take(
                    name, functools.partial(_score, dataset, count, truth, options.steps, device)
                )
                row = {"scene": scene, "samples": samples, "denoised": is_denoised, "views": count}
                row |= {"render_seconds": capture["cpu_seconds"] * count, "subject_psnr": score}
                rows.append(row)
                print(f"  {samples:4} samples, {'denoised' if is_denoised else 'as they are'}, {count} views, ", end="")
                print(f"{row['render_seconds']:.1f} s to render: {score:.2f} dB", flush=True)
    return rows


class _Scores:
    """Scores by name, kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scores: dict[str, float] = json.loads(path.read_text("utf-8")) if path.is_file() else {}

    def find_or_take(self, name: str, take: Callable[[], float]) -> float:
        """The score called ``name``; what ``take`` returns if there is none."""
        if name not in self._scores:
            self._scores[name] = take()
            self._path.write_text(json.dumps(self._scores, indent=1), "utf-8")
        return self._scores[name]


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Over the scenes: the mean score, and the mean render time, of each kind of capture."""
    groups: dict[tuple[int, bool, int], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["samples"], row["denoised"], row["views"]), []).append(row)
    return [
        {"samples": samples, "denoised": is_denoised, "views": views, "scenes": len(group)}
        | {name: statistics.mean(row[name] for row in group) for name in ("render_seconds", "subject_psnr")}
        for (samples, is_denoised, views), group in groups.items()
    ]


def _score(dataset: Dataset, count: int, truth: Dataset, steps: int, device: str) -> float:
    """The subject's PSNR against converged pictures of a field that learnt from the first ``count`` views, which a
    capture spreads evenly."""
    views = sorted(dataset.train, key=lambda view: view.name)[:count]
    trainer = train_steps(begin_training(dataset, device, views=views), steps)
    score = evaluate(trainer.primitive.viewer(), truth.test, "black", keep_images=False).subject_psnr
    assert score is not None
    return score


def _captures(scene: str, options: argparse.Namespace) -> dict[str, Any]:
    """What was captured of a scene with these settings, or is now."""
    folder = options.out.absolute() / folder_name(scene)
    asked = ["--size", "x".join(map(str, options.size)), "--views", str(options.views)]
    asked += ["--held-out", str(options.held_out), "--truth-samples", str(options.truth_samples)]
    note = folder / "asked.json"
    if folder.exists() and not (note.is_file() and json.loads(note.read_text("utf-8")) == asked):
        raise SystemExit(f"{folder} holds something else, or captures with other settings: choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(asked), "utf-8")
    wanted = {capture_name(samples, is_denoised) for samples in options.samples for is_denoised in (False, True)}
    done = folder / SUMMARY
    if not done.is_file() or not wanted <= json.loads(done.read_text("utf-8"))["captures"].keys():
        command = [sys.executable, "-m", "benchmarks.artist.noise_captures", scene, *asked]
        command += ["--samples", *map(str, options.samples)]
        command += ["--out", str(folder), "--extension", str(build_extension())]
        subprocess.run(command, cwd=CHECKOUT, check=True)
    summary: dict[str, Any] = json.loads((folder / SUMMARY).read_text("utf-8"))
    return summary


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=SCENES, metavar="NAME")
    parser.add_argument("--samples", nargs="+", type=whole_number(1, 4096), default=[4, 16, 64, 256])
    parser.add_argument("--views", type=whole_number(4, 1000), default=32, help="training views (32)")
    parser.add_argument("--held-out", type=whole_number(1, 100), default=5, help="views to score (5)")
    parser.add_argument("--size", type=picture_size, default=(96, 96), metavar="WxH", help="of the views (96x96)")
    parser.add_argument("--truth-samples", type=whole_number(1, 4096), default=256)
    parser.add_argument("--steps", type=whole_number(1, 100_000), default=600)
    add_device(parser)
    add_no_result(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
