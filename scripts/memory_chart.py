"""Stacked bars of what a training's memory consists of, as an SVG file (svg.py, which does not escape texts)."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import svg

WIDTH, LEFT, RIGHT, TOP = 960, 210, 110, 56
BAR, GAP, LEGEND_ROW = 26, 14, 22
COLOURS = ("#33658a", "#86bbd8", "#758e4f", "#f6ae2d", "#f26419", "#7d5ba6", "#9aa5b1")
LARGEST_TICKS = 8


@dataclass(frozen=True)
class Bar:
    label: str
    parts: dict[str, int]  # bytes by part's name
    estimated: bool = False  # or extrapolated: not measured


def tick_size(largest: float) -> float:
    """1, 2 or 5 times a power of ten, of which at most LARGEST_TICKS reach `largest`."""
    size = 1e-3
    while True:
        for factor in (1, 2, 5):
            if largest / (size * factor) <= LARGEST_TICKS:
                return size * factor
        size *= 10


def write_chart(file: Path, title: str, bars: list[Bar]) -> None:
    """One bar a row, in GB. Raises OSError."""
    names = list(dict.fromkeys(name for bar in bars for name in bar.parts))
    colours = dict(zip(names, COLOURS, strict=False))
    largest = max(sum(bar.parts.values()) for bar in bars) / 1e9
    scale = (WIDTH - LEFT - RIGHT) / max(largest, 1e-9)
    bottom = TOP + len(bars) * (BAR + GAP)
    elements: list[svg.Element] = []
    elements += [
        svg.Rect(width=svg.Length(100, "%"), height=svg.Length(100, "%"), fill="white"),
        svg.Text(x=12, y=28, text=escape(title), font_size=17, font_weight="bold"),
    ]
    tick = tick_size(largest)
    for number in range(int(largest / tick) + 1):
        x = LEFT + number * tick * scale
        elements += [
            svg.Line(x1=x, y1=TOP - 6, x2=x, y2=bottom, stroke="#d9dee3"),
            svg.Text(
                x=x, y=bottom + 16, text=f"{number * tick:g}", font_size=12, text_anchor="middle"
            ),
        ]
    elements.append(svg.Text(x=WIDTH - RIGHT + 20, y=bottom + 16, text="GB", font_size=12))
    for row, bar in enumerate(bars):
        y = TOP + row * (BAR + GAP)
        x = float(LEFT)
        elements.append(
            svg.Text(x=LEFT - 10, y=y + 18, text=escape(bar.label), font_size=13, text_anchor="end")
        )
        for name, size in bar.parts.items():
            width = max(size, 0) / 1e9 * scale
            elements.append(
                svg.Rect(
                    x=round(x, 2),
                    y=y,
                    width=round(width, 2),
                    height=BAR,
                    fill=colours[name],
                    fill_opacity=0.75 if bar.estimated else 1,
                    stroke="#333" if bar.estimated else None,
                    stroke_dasharray=[4, 3] if bar.estimated else None,
                )
            )
            x += width
        total = sum(bar.parts.values()) / 1e9
        elements.append(svg.Text(x=x + 8, y=y + 18, text=f"{total:.2f}", font_size=13))
    for row, name in enumerate(names):
        y = bottom + 34 + row * LEGEND_ROW
        elements += [
            svg.Rect(x=LEFT, y=y, width=14, height=14, fill=colours[name]),
            svg.Text(x=LEFT + 22, y=y + 12, text=escape(name), font_size=13),
        ]
    height = bottom + 44 + len(names) * LEGEND_ROW
    drawing = svg.SVG(
        width=WIDTH,
        height=height,
        viewBox=svg.ViewBoxSpec(0, 0, WIDTH, height),
        style="font-family: sans-serif",
        elements=elements,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(drawing.as_str())
