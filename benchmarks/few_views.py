"""What 1, 2, 3 and 8 views show of a scene: a prior, trainings of these views alone, points; in benchmarks/results/.

    python -m benchmarks.make_few_view_captures build/captures --extension build/hashlight-VERSION.zip
    python -m benchmarks.few_views prior.safetensors --data lego400=data/lego --data plant=build/captures/plant
    python -m benchmarks.few_views prior.safetensors ... --methods prior points mean --views 1 2 3 --until 300
    python -m benchmarks.few_views prior.safetensors ... --gpus 4
    python -m benchmarks.few_views prior.safetensors --scenes 2 --device cpu --methods mean prior --work build/try

Scenes that the prior hasn't learnt from are always among the data, 16 by default: 128x128, 8 views to show of each,
with captured depth and without; on the first four of them hash grids are trained, too. A dataset is named by --data: 50
of its test views are shown. It has depth where it is a capture of Blender's. Methods are in benchmarks/few/methods.py:
"published" needs weights that were learnt without depth, by the plain mean over views (--published). With 50 and 100
views, where a dataset has as many, it is the trainings that are compared.

PSNR is on black, a mean over views, then over scenes. A row is a file in WORK as soon as it is measured; a call that is
made again, or that --until has ended early, goes on with those that are not there yet. Each call makes one file of all
that there are, and prints the table. The trainings alone of four captures and one other dataset take half an hour,
which --gpus spreads and --methods, --views and --only make less; the longest are done first. The machine should have
nothing else to do meanwhile.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.few.data import FIRST, PROCEDURAL_FIRST, Data, DataOptions, know_by
from benchmarks.few.methods import FEW, MANY, METHODS, Setup, read_prior
from benchmarks.few_tables import few_views_table
from benchmarks.job_queue import Job, JobQueue
from benchmarks.results import result_path, slug
from benchmarks.view_scores import score
from engine.cli.arguments import add_device
from engine.link.argument_types import picture_size, whole_number
from engine.link.part_files import written_atomically
from engine.machine import device_name, versions
from engine.priors.weights import Prior
from taichi_kernels.runtime import choose_device


@dataclass(frozen=True)
class Row:
    """What is measured at a time: ``name`` is that of its file."""

    name: str
    data: str
    depth: bool
    views: int
    method: str

    @property
    def job(self) -> Job:
        """As JobQueue has it."""
        scenes = FIRST if self.data == PROCEDURAL_FIRST else 1
        return Job(self.name, f"{self.method}, {self.data}", scenes * METHODS[self.method].seconds)


def main() -> int:
    """Measure what isn't there yet, and write what there is."""
    options = _parse()
    device = choose_device(options.device)
    prior = read_prior(options.prior)
    data = DataOptions(
        dict(options.data), int(prior.facts.get("seed", 0)), options.scenes, options.test_views, options.size, device
    )
    setup = Setup(options.prior, options.published, device)
    rows = plan(data, setup)
    chosen = [
        row
        for row in rows
        if row.method in options.methods
        and row.views in options.views
        and (not options.only or row.data in options.only)
    ]
    if options.worker:
        return _work(chosen, data, setup, options.work)
    queue = JobQueue([row.job for row in chosen], options.work, options.until)
    command = [sys.executable, "-m", "benchmarks.few_views", *sys.argv[1:], "--worker"]
    queue.run(command, list(range(options.gpus)) if device == "cuda" else [None])
    result = collect(rows, options.work, device, prior, Path(options.prior).name)
    out = options.out or result_path("few", "views", result["device_name"])
    with written_atomically(out) as path:
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(few_views_table([result]))
    print(f"{len(result['rows'])} of {len(rows)} rows, in {out}", file=sys.stderr)
    if queue.left or queue.failed:
        print(f"not done: {', '.join(queue.left + queue.failed)}", file=sys.stderr)
        return 1
    return 0


def plan(data: DataOptions, setup: Setup) -> list[Row]:
    """All rows that there are to be. Those of weights are other ones for other weights."""
    rows = []
    for name, depth in data.kinds:
        for views in FEW + MANY:
            for method, what in METHODS.items():
                if what.applies(name, views, depth, setup):
                    file = setup.file_of(what)
                    words = [name, "depth" if depth else "no depth", str(views), method]
                    words += [] if file is None else [read_prior(file).checksum[:8]]
                    rows.append(Row(slug(" ".join(words)), name, depth, views, method))
    return rows


def measure(row: Row, data: Data, setup: Setup) -> dict[str, Any] | None:
    """The row, over all scenes of its data; None where these haven't as many views."""
    whole, subjects = [], []
    for scene in data.scenes(row.data):
        if len(scene.train) < row.views:
            return None
        show = METHODS[row.method].show(know_by(scene, row.views, row.depth), setup)
        psnr, subject = score(show, scene.bounds, scene.test)
        whole.append(psnr)
        subjects += [] if subject is None else [subject]
    return {
        "data": row.data,
        "depth": row.depth,
        "views": row.views,
        "method": row.method,
        "psnr": statistics.fmean(whole),
        "subject_psnr": statistics.fmean(subjects) if subjects else None,
        "scenes": len(whole),
    }


def collect(rows: Sequence[Row], work: Path, device: str, prior: Prior, file: str) -> dict[str, Any]:
    """One result of what is measured of ``rows``, in their order."""
    measured = [json.loads(path.read_text("utf-8")) for row in rows if (path := work / f"{row.name}.json").exists()]
    return {
        "dataset": "views",
        "device": device,
        "device_name": device_name(device),
        "versions": versions(),
        "prior": {"file": file, "sha256": prior.checksum, **prior.facts},
        "rows": [row for row in measured if row is not None],
    }


def _work(rows: Sequence[Row], options: DataOptions, setup: Setup, work: Path) -> int:
    """Measure the rows whose names come in, one after another."""
    data, by_name = Data(options), {row.name: row for row in rows}
    for line in sys.stdin:
        row = by_name[line.strip()]
        try:
            found = measure(row, data, setup)
        except Exception:
            traceback.print_exc()
            return 1
        with written_atomically(work / f"{row.name}.json") as path:
            path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        if found is not None:
            print(
                f"{row.name}: {found['psnr']:.2f} dB, {found['subject_psnr'] or 0.0:.2f}", file=sys.stderr, flush=True
            )
        print(row.name, flush=True)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prior", type=Path, help="weights, as `hashlight prior train` writes them")
    parser.add_argument("--published", type=Path, metavar="FILE", help="weights that were learnt as published")
    parser.add_argument("--data", type=_named_path, action="append", default=[], metavar="NAME=PATH", help="a dataset")
    add_device(parser)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), metavar="NAME")
    parser.add_argument("--views", nargs="+", type=int, choices=FEW + MANY, default=FEW + MANY, metavar="N")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="measure these data alone")
    parser.add_argument("--scenes", type=whole_number(1, 1000), default=16, help="that are held out (16)")
    parser.add_argument("--test-views", type=whole_number(1, 1000), default=50, help="of a dataset (50)")
    parser.add_argument("--size", type=picture_size, metavar="WxH", help="of datasets' views; these are without depth")
    parser.add_argument("--work", type=Path, default=Path("build/few-views"), help="one file a row")
    parser.add_argument("--out", type=Path, metavar="JSON", help="in the place of that in benchmarks/results")
    parser.add_argument("--gpus", type=int, default=1, help="how many of this machine's work at a time")
    parser.add_argument("--until", type=float, default=float("inf"), metavar="S", help="no row ends after this")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _named_path(text: str) -> tuple[str, Path]:
    name, separator, path = text.partition("=")
    if not (name and separator and Path(path).exists()):
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=PATH of a dataset that is there")
    return name, Path(path)


if __name__ == "__main__":
    sys.exit(main())
