"""Reports of a month, a quarter, half a year or a year: the figures, as pure functions of the stored events.

The face of this part for other wings: `Period`, `period`, `Figures`, `build`, `as_dict`.
"""

from __future__ import annotations

from retention.reports.figures import COUNTED as COUNTED
from retention.reports.figures import Figures as Figures
from retention.reports.figures import as_dict as as_dict
from retention.reports.figures import build as build
from retention.reports.periods import KINDS as KINDS
from retention.reports.periods import Kind as Kind
from retention.reports.periods import Period as Period
from retention.reports.periods import period as period
