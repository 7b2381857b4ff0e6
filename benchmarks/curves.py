"""A line chart of PSNR over training seconds, several lines over a logarithmic axis of time, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from engine.evaluation.curve import nice_ticks

_WIDTH, _HEIGHT = 900, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 250, 18, 46  # names stand on the right
_LINE_HEIGHT = 17
# Of Okabe and Ito: told apart by all kinds of eyes.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")


def draw_curves(lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Draw the (seconds, dB) points of each line, in order, with axes and names: an ``<svg>`` document."""
    points = [point for line in lines.values() for point in line]
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    first, last = math.log(low / 1.2), math.log(high * 1.2)
    y_ticks = nice_ticks(min(y for _, y in points), max(y for _, y in points))

    def to_x(seconds: float) -> float:
        return _LEFT + (math.log(seconds) - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def to_y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-family="sans-serif" '
        'font-size="13" fill="#444">',
        "<title>PSNR over training seconds</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for tick in y_ticks:
        y = to_y(tick)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for seconds in sorted({x for x, _ in points}):
        x, foot = to_x(seconds), _HEIGHT - _BOTTOM
        parts.append(f'<line x1="{x:.1f}" y1="{foot}" x2="{x:.1f}" y2="{foot + 5}" stroke="#9aa2ad"/>')
        parts.append(f'<text x="{x:.1f}" y="{foot + 19}" text-anchor="middle">{seconds:g}</text>')
    parts.append(f'<path d="M{_LEFT},{_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}" fill="none" stroke="#9aa2ad"/>')
    middle_x, middle_y = (_LEFT + _WIDTH - _RIGHT) / 2, (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(f'<text x="{middle_x}" y="{_HEIGHT - 8}" text-anchor="middle">training time, seconds</text>')
    parts.append(
        f'<text transform="translate(16 {middle_y}) rotate(-90)" text-anchor="middle">PSNR on black, dB</text>'
    )
    names: list[tuple[float, str, str]] = []
    for index, (name, line) in enumerate(lines.items()):
        color = _COLORS[index % len(_COLORS)]
        path = " ".join(f"{to_x(x):.1f},{to_y(y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{to_x(x):.1f}" cy="{to_y(y):.1f}" r="3.5" fill="{color}"/>' for x, y in line]
        names.append((to_y(line[-1][1]), name, color))
    # From the lowest up, none closer to the one below than a line of text.
    below = math.inf
    for y, name, color in sorted(names, reverse=True):
        below = min(y, below - _LINE_HEIGHT)
        x = _WIDTH - _RIGHT + 10
        parts.append(
            f'<line x1="{x}" y1="{below:.1f}" x2="{x + 16}" y2="{below:.1f}" stroke="{color}" stroke-width="4"/>'
        )
        parts.append(f'<text x="{x + 22}" y="{below + 4:.1f}">{escape(name)}</text>')
    return "".join(parts) + "</svg>"
