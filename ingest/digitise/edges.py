"""What the edges of a scan show: writing that is cut off, the scanner's own border, two sheets in one picture.

Must never be asked of a photograph, which has ink to every edge: quality.py tells it from a sheet of paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ingest.digitise.thresholds import threshold

Picture = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]
Grey = np.ndarray[Any, np.dtype[np.uint8]]
SIDES = ("left", "right", "top", "bottom")

_MM = 25.4
_STEP = 4
_figure = partial(threshold, "edges")


@dataclass(frozen=True, slots=True)
class Edges:
    """The sides on which writing is cut off, those that show the scanner's border, and whether it is two sheets."""

    cut: tuple[str, ...] = ()
    border: tuple[str, ...] = ()
    spread: bool = False


def look(picture: Picture, thin: Grey, dpi: float, paper: int) -> Edges:
    """Look at the edges of a page's picture, drawn at `dpi`, whose paper has the grey level `paper`.

    `thin`: every fourth of its points in both directions, their darkest channel.
    """
    level = paper - threshold("quality", "ink_contrast")
    cut, border = [], []
    for side in SIDES:
        outermost = _band(picture, side, max(_figure("border_mm"), _figure("reach_mm")) / _MM * dpi)
        if _is_border(outermost, dpi, level):
            border.append(side)
        elif _is_cut(outermost.min(axis=2) < level, dpi, ends=side in ("top", "bottom")):
            cut.append(side)
    return Edges(tuple(cut), tuple(border), _is_spread(thin, dpi, level))


def _band(picture: Picture, side: str, depth: float) -> Picture:
    """The outermost strip of a side: along the side downwards, from the edge inwards to the right."""
    deep = max(2, round(depth))
    return {"left": picture[:, :deep], "right": picture[:, :-deep - 1:-1],
             "top": picture[:deep].swapaxes(0, 1), "bottom": picture[:-deep - 1:-1].swapaxes(0, 1)}[side]


def _is_border(strip: Picture, dpi: float, level: float) -> bool:
    """Whether the strip is dark and without colour all through its depth over a good part of the side."""
    points = strip[::2, :max(2, round(_figure("border_mm") / _MM * dpi))].astype(np.int16)
    dark = np.asarray((points.max(axis=2) < level).mean(axis=1) > 0.9)
    if dark.mean() < _figure("border_share"):
        return False
    colour = points[dark].max(axis=2) - points[dark].min(axis=2)
    return bool(colour.mean() <= _figure("border_colour"))


def _is_cut(ink: np.ndarray[Any, np.dtype[np.bool_]], dpi: float, *, ends: bool) -> bool:
    """Whether many short runs of ink along the edge go on inwards, over a good part of the side."""
    touch = max(1, round(_figure("touch_mm") / _MM * dpi))
    reach = max(touch + 1, round(_figure("reach_mm") / _MM * dpi))
    edge, inner = np.asarray(ink[:, :touch].any(axis=1)), np.asarray(ink[:, touch:reach].any(axis=1))
    bounds = np.flatnonzero(np.diff(np.concatenate(([False], edge, [False])).astype(np.int8)))
    starts, stops = bounds[::2], bounds[1::2]
    shortest = _figure("end_run_mm" if ends else "side_run_mm") / _MM * dpi
    lengths = stops - starts
    fits = np.flatnonzero((lengths >= shortest) & (lengths <= _figure("longest_mm") / _MM * dpi))
    letters = [run for run in fits if inner[starts[run]: stops[run]].any()]
    if len(letters) < _figure("end_runs" if ends else "side_runs"):
        return False
    return bool(stops[letters[-1]] - starts[letters[0]] >= _figure("spread") * edge.size)


def _is_spread(thin: Grey, dpi: float, level: float) -> bool:
    """Whether the picture holds two sheets: wide, both halves written on, and an empty gap between them."""
    height, width = thin.shape
    figure = partial(threshold, "spread")
    if width < figure("proportion") * height or width * _STEP / dpi * _MM < figure("least_mm"):
        return False
    ink = thin < level
    columns = ink.mean(axis=0)
    left, right = columns[: width // 2].mean(), columns[width // 2:].mean()
    if min(left, right) < figure("half_ink") or min(left, right) < figure("balance") * max(left, right):
        return False
    middle = columns[int(width * (0.5 - figure("middle"))): int(width * (0.5 + figure("middle")))] <= figure("gap_ink")
    bounds = np.flatnonzero(np.diff(np.concatenate(([False], middle, [False])).astype(np.int8)))
    return bool((bounds[1::2] - bounds[::2]).max(initial=0) >= figure("gap") * width)
