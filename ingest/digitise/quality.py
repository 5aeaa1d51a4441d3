"""How good a scanned page is, from its picture: blank, faded, too dark, cut off at an edge, a pattern over it.

Must never decide what happens to a document: it measures, judgement.py turns figures into findings.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ingest.digitise import moire
from ingest.digitise.edges import Edges, look
from ingest.digitise.reading import Colours
from ingest.digitise.thresholds import threshold

_STEP = 4                       # every fourth point in both directions is enough for shares and levels


@dataclass(frozen=True, slots=True)
class Quality:
    """Grey levels (0 black to 255 white) of paper and ink, their difference, the shares of ink and of paper."""

    paper: int
    contrast: int
    ink_share: float
    paper_share: float = 1.0
    edges: Edges = field(default_factory=Edges)
    moire: bool = False

    @property
    def blank(self) -> bool:
        """Nothing is written on the page."""
        return self.ink_share < threshold("quality", "blank_share")

    @property
    def sparse(self) -> bool:
        """So little is written that it may be specks."""
        return self.ink_share < threshold("quality", "sparse_share")

    @property
    def photograph(self) -> bool:
        """Too little of the page looks like paper for it to be a sheet with writing: its tones are not judged."""
        return self.paper_share < threshold("quality", "paper_share")

    @property
    def pale(self) -> bool:
        """The writing is faded."""
        return not self.blank and not self.photograph and self.contrast < threshold("quality", "pale_contrast")

    @property
    def dark(self) -> bool:
        """The paper is so dark that the scan was underexposed."""
        return not self.photograph and self.paper < threshold("quality", "dark_paper")


    def facts(self) -> dict[str, Any]:
        """What is noted of the page; what is as it should be at the edges is left out."""
        told: dict[str, Any] = {"paper": self.paper, "contrast": self.contrast, "pale": self.pale, "dark": self.dark,
                                "blank": self.blank}
        seen = {"cut": list(self.edges.cut), "border": list(self.edges.border), "spread": self.edges.spread,
                "moire": self.moire}
        return told | {key: value for key, value in seen.items() if value}


def measure(picture: Colours, dpi: float = 200.0) -> Quality:
    """Measure a page's picture, drawn at `dpi`. Ink of any colour counts: the darkest channel is taken.

    Paper and ink are measured inside the margins; a blank page is not looked at further.
    """
    whole = picture[::_STEP, ::_STEP].min(axis=2)
    height, width = whole.shape
    border = threshold("quality", "margin")
    top, left = int(height * border), int(width * border)
    thin = whole[top: height - top or None, left: width - left or None]
    paper = int(np.percentile(thin, 90))
    ink = thin[thin < paper - threshold("quality", "ink_contrast")]
    faint = thin[thin < paper - threshold("quality", "ink_contrast") / 2]
    strokes = ink if ink.size else faint
    contrast = paper - int(np.percentile(strokes, 25)) if strokes.size else 0
    alike = (np.abs(thin.astype(np.int16) - paper) <= threshold("quality", "paper_slack")).mean() if thin.size else 1.0
    found = Quality(paper, contrast, round(ink.size / thin.size, 6) if thin.size else 0.0, round(float(alike), 3))
    if found.blank:
        return found
    edges = Edges() if found.photograph else look(picture, whole, dpi, paper)
    return replace(found, edges=edges, moire=moire.seen(picture[:, :, 1], whole, paper))
