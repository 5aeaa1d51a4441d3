"""Whether a page's lines were torn in two: Tesseract takes a crease down the sheet for the gap between two columns.

Must never take real columns, a letterhead or a table for one: there the gaps are wide; a crease runs through words.
"""

from __future__ import annotations

import statistics
from functools import partial

from ingest.digitise.engine import Line, Reading
from ingest.digitise.thresholds import threshold

_figure = partial(threshold, "crease")


def torn(reading: Reading) -> bool:
    """Whether many lines go on, at the same height, in a line that begins right where they end."""
    gaps: list[float] = []
    for line in reading.lines:
        height = line.box[3] - line.box[1]
        after = [(other.box[0] - line.box[2]) / height for other in reading.lines if _on_a_level(line, other, height)]
        near = [gap for gap in after if -_figure("overlap") <= gap <= _figure("reach")]
        if near:
            gaps.append(min(near))
    if len(gaps) < max(_figure("least_lines"), _figure("share") * len(reading.lines)):
        return False
    return statistics.median(gaps) <= _figure("gap")


def _on_a_level(line: Line, other: Line, height: float) -> bool:
    if other is line or height <= 0 or other.box[0] <= line.box[0]:
        return False
    ends = line.box[3] + line.offset + line.slope * (line.box[2] - line.box[0])
    return abs(other.box[3] + other.offset - ends) <= _figure("level") * height
