"""``report.html``: one file that shows how good a run is, with nothing to fetch from anywhere."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.data.selection import choose_evenly
from engine.evaluation.curve import draw_curve
from engine.evaluation.evaluate import ViewScore, ViewScores
from engine.link.part_files import written_atomically
from engine.link.scoring import describe_psnr, describe_quality

MAX_VIEWS_SHOWN = 24
# The error picture is black where the pictures agree and white where they differ by this much of the full range.
FULL_ERROR = 0.25
_ERROR_COLORS = np.array([[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]], np.float64)


@dataclasses.dataclass(frozen=True)
class HistoryPoint:
    """Quality of the test views after ``seconds`` of training: PSNR over the subject, in dB."""

    seconds: float
    psnr: float


def read_history(entries: Sequence[Mapping[str, Any]]) -> list[HistoryPoint]:
    """The scores of a run so far, as run.json keeps them. Older versions scored whole pictures only: those scores are
    in it where there are no others."""
    for name in ("subject_psnr", "psnr"):
        if known := [entry for entry in entries if None not in (entry.get(name), entry.get("seconds"))]:
            return [HistoryPoint(entry["seconds"], entry[name]) for entry in known]
    return []


def write_report(
    path: Path, *, title: str, history: Sequence[HistoryPoint], scores: ViewScores, facts: Mapping[str, object]
) -> None:
    """Write the report to ``path``, whole or not at all.

    Args:
        history: the subject's PSNR over training time for the curve, in order; may be empty.
        scores: of the test views, with their pictures kept. The contact sheet shows at most 24, spread evenly.
        facts: what to say about the run (views, steps, seconds, device, versions, timings), name to value.
    """
    page = _PAGE.format(
        title=html.escape(title),
        headline=_headline(scores),
        curve=_section("Quality over training time", draw_curve([(p.seconds, p.psnr) for p in history])),
        facts=_section("Run", _fact_table(facts)) if facts else "",
        sheet=_section("Test views", _contact_sheet(scores)),
    )
    with written_atomically(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def error_picture(prediction: npt.NDArray[np.uint8], truth: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Where two [H, W, 3] uint8 pictures differ: black (nowhere) over purple and orange to pale yellow; uint8."""
    difference = np.abs(prediction.astype(np.float64) - truth.astype(np.float64)).max(axis=2) / 255.0
    position = np.clip(difference / FULL_ERROR, 0.0, 1.0) * (len(_ERROR_COLORS) - 1)
    stops = np.arange(len(_ERROR_COLORS))
    return np.stack([np.interp(position, stops, _ERROR_COLORS[:, c]) for c in range(3)], axis=2).astype(np.uint8)


def _headline(scores: ViewScores) -> str:
    figures = [
        (f"{scores.psnr:.2f} dB", f"PSNR of whole pictures on {scores.background}"),
        (f"{scores.ssim:.4f}", "SSIM of whole pictures"),
        (str(len(scores.views)), "test views"),
    ]
    if scores.subject_psnr is not None:
        word = describe_quality(scores.subject_psnr)
        figures = [
            (f"{scores.subject_psnr:.2f} dB", f"PSNR of the subject: {word}"),
            (f"{scores.subject_ssim:.4f}", "SSIM of the subject"),
            *figures,
        ]
    if scores.subject_flip is not None:
        figures.insert(2, (f"{scores.subject_flip:.4f}", "FLIP of the subject"))
    return "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in figures)


def _section(heading: str, body: str) -> str:
    return f"<section><h2>{heading}</h2>{body}</section>" if body else ""


def _fact_table(facts: Mapping[str, object]) -> str:
    rows = (f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in facts.items())
    return f"<dl>{''.join(rows)}</dl>"


def _contact_sheet(scores: ViewScores) -> str:
    pictured = [view for view in scores.views if view.prediction is not None]
    shown = choose_evenly(pictured, MAX_VIEWS_SHOWN)
    note = f"<p>{len(shown)} of {len(scores.views)} views.</p>" if len(shown) < len(scores.views) else ""
    legend = f"<p>Error: largest difference of a channel, from 0 (black) to {FULL_ERROR:.0%} of the range (pale).</p>"
    return note + legend + "".join(_sheet_row(view) for view in shown)


def _sheet_row(view: ViewScore) -> str:
    assert view.prediction is not None and view.truth is not None
    pictures = {"truth": view.truth, "neural": view.prediction, "error": error_picture(view.prediction, view.truth)}
    cells = "".join(
        f'<figure><img src="{_data_url(pixels)}" alt="{name} of {html.escape(view.name)}" loading="lazy">'
        f"<figcaption>{name}</figcaption></figure>"
        for name, pixels in pictures.items()
    )
    return (
        f'<div class="view"><h3>{html.escape(view.name)}<span>{_describe_score(view)}</span></h3>'
        f'<div class="row">{cells}</div></div>'
    )


def _describe_score(view: ViewScore) -> str:
    whole = f"whole picture {view.psnr:.2f} dB · SSIM {view.ssim:.4f}"
    if view.subject_psnr is None:
        return f"nothing of the subject to be seen · {whole}"
    return f"{describe_psnr(view.subject_psnr, view.psnr)} · SSIM {view.subject_ssim:.4f} · {whole}"


def _data_url(pixels: npt.NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=90, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light; --ink: #1c2128; --soft: #5d6673; --line: #e3e6ea; --accent: #b3541e; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #f6f7f8; color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }}
main {{ max-width: 1080px; margin: 0 auto; padding: 40px 24px 64px; }}
h1 {{ font-size: 28px; margin: 0 0 20px; letter-spacing: -0.01em; }}
h2 {{ font-size: 17px; margin: 0 0 14px; }}
h3 {{ font-size: 14px; margin: 0 0 8px; display: flex; justify-content: space-between; gap: 16px; }}
h3 span {{ color: var(--soft); font-weight: 400; font-variant-numeric: tabular-nums; }}
p {{ color: var(--soft); margin: 0 0 14px; }}
section {{ background: #fff; border: 1px solid var(--line); border-radius: 10px; padding: 22px; margin-top: 20px; }}
.headline {{ display: flex; flex-wrap: wrap; gap: 12px 44px; }}
.headline b {{ display: block; font-size: 30px; line-height: 1.2; font-variant-numeric: tabular-nums; }}
.headline span {{ color: var(--soft); }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 4px 24px; margin: 0; }}
dt {{ color: var(--soft); }}
dd {{ margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }}
.view + .view {{ border-top: 1px solid var(--line); margin-top: 18px; padding-top: 16px; }}
.row {{ display: grid; grid-template-columns: repeat(3, 1fr); gap: 10px; }}
figure {{ margin: 0; }}
img {{ width: 100%; height: auto; display: block; border-radius: 5px; background: #000; }}
figcaption {{ color: var(--soft); font-size: 12px; margin-top: 4px; }}
svg {{ width: 100%; height: auto; display: block; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<div class="headline">{headline}</div>
{curve}
{facts}
{sheet}
</main>
</body>
</html>
"""
