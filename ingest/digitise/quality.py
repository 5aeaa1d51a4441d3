"""How good a scanned page is, from a thinned copy of its picture: blank, faded, too dark.

Must never decide what happens to a document: it measures, judgement.py turns figures into findings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.digitise.reading import Colours
from ingest.digitise.thresholds import threshold

_STEP = 4                       # every fourth point in both directions is enough for shares and levels


@dataclass(frozen=True, slots=True)
class Quality:
    """Grey levels (0 black to 255 white) of paper and ink, their difference, and the share of ink."""

    paper: int
    contrast: int
    ink_share: float

    @property
    def blank(self) -> bool:
        """Nothing is written on the page."""
        return self.ink_share < threshold("quality", "blank_share")

    @property
    def sparse(self) -> bool:
        """So little is written that it may be specks."""
        return self.ink_share < threshold("quality", "sparse_share")

    @property
    def pale(self) -> bool:
        """The writing is faded."""
        return not self.blank and self.contrast < threshold("quality", "pale_contrast")

    @property
    def dark(self) -> bool:
        """The paper is so dark that the scan was underexposed."""
        return self.paper < threshold("quality", "dark_paper")


def measure(picture: Colours) -> Quality:
    """Measure a page's picture inside its margins. Ink of any colour counts: the darkest channel is taken."""
    height, width = picture.shape[:2]
    border = threshold("quality", "margin")
    top, left = int(height * border), int(width * border)
    thin = picture[top: height - top or None: _STEP, left: width - left or None: _STEP].min(axis=2)
    paper = int(np.percentile(thin, 90))
    ink = thin[thin < paper - threshold("quality", "ink_contrast")]
    faint = thin[thin < paper - threshold("quality", "ink_contrast") / 2]
    strokes = ink if ink.size else faint
    contrast = paper - int(np.percentile(strokes, 25)) if strokes.size else 0
    return Quality(paper, contrast, round(ink.size / thin.size, 6) if thin.size else 0.0)
