"""Moiré: the pattern that a scanner makes out of the dots of a printed picture.

Must never fire on writing, tables or line drawings: only pieces without any paper white and without any black are
looked at. What it finds is a note: the picture can be read, it only looks worse than the print.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import cache, partial
from typing import Any

import numpy as np

from ingest.digitise.thresholds import threshold

Grey = np.ndarray[Any, np.dtype[np.uint8]]

_THIN = 4
_MOST_PIECES = 240
_figure = partial(threshold, "moire")


def seen(grey: Grey, thin: Grey, paper: int) -> bool:
    """Whether many pieces of the picture's grey areas show one and the same regular pattern.

    `thin`: every fourth of its points in both directions, their darkest channel.
    """
    tile = int(_figure("tile"))
    pieces = _pieces(thin, paper, tile)
    if len(pieces) < _figure("least_tiles"):
        return False
    found = Counter(peak for peak in (_peak(grey[y: y + tile, x: x + tile]) for y, x in pieces) if peak)
    alike = max((sum(found[near] for near in (peak - 1, peak, peak + 1)) for peak in found), default=0)
    return alike >= max(_figure("least_tiles"), _figure("tile_share") * len(pieces))


def _pieces(thin: Grey, paper: int, tile: int) -> list[tuple[int, int]]:
    """Where the pieces lie that hold neither paper nor black: upper left corners, at most some hundreds."""
    side = tile // _THIN
    least = _THIN - 1           # the last point of the thin picture may be the first of its four
    rows, columns = ((points * _THIN - least) // tile for points in thin.shape)
    if not rows or not columns:
        return []
    split = thin[: rows * side, : columns * side].reshape(rows, side, columns, side)
    blocks = split.swapaxes(1, 2).reshape(rows, columns, side * side)
    shaded = np.argwhere(blocks.mean(axis=2) < paper - _figure("paper_gap"))    # none on most pages: cheap
    if not shaded.size:
        return []
    light, dark = np.percentile(blocks[shaded[:, 0], shaded[:, 1]], (97, 3), axis=1)
    fits = shaded[(light < paper - _figure("paper_gap")) & (dark > _figure("darkest"))]
    step = max(1, len(fits) // _MOST_PIECES)
    return [(int(row) * tile, int(column) * tile) for row, column in fits[::step]]


def _peak(piece: Grey) -> int | None:
    """The one frequency that stands out of a piece, in turns a piece, whatever its direction; None when none does."""
    window, inside = _frame(piece.shape[0])
    values = (piece - piece.mean(dtype=np.float64)) * window
    power = np.square(np.abs(np.fft.rfft2(values)))
    power[0, 0] = 0
    whole = float(power.sum())
    if not whole:
        return None
    power[~inside] = 0
    row, column = np.unravel_index(int(power.argmax()), power.shape)
    y, x = int(row), int(column)
    lines = [(y + step) % power.shape[0] for step in (-1, 0, 1)]
    peak = float(power[lines, max(0, x - 1): x + 2].sum())
    level = float(np.std(piece)) * (peak / whole) ** 0.5
    if peak < _figure("peak_share") * whole or level < _figure("least_level"):
        return None
    return round(math.hypot(min(y, piece.shape[0] - y), x))


@cache
def _frame(tile: int) -> tuple[Any, Any]:
    """The window that a piece fades out with, and which frequencies are of interest."""
    window = np.outer(np.hanning(tile), np.hanning(tile))
    across, down = np.meshgrid(np.fft.rfftfreq(tile), np.fft.fftfreq(tile))
    turns = np.hypot(across, down)
    return window, (turns >= 1 / _figure("most_period")) & (turns <= 1 / _figure("least_period"))

