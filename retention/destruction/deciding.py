"""Who decides on a destruction and whose opinion comes before, by kind of archive and agency (deciding.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archive.settings import Settings


@dataclass(frozen=True, slots=True)
class Competence:
    """Who decides; whose appraisal opinion is compulsory before (empty: nobody's); by which article."""

    decides: str
    appraiser: str
    article: str


def competence(settings: Settings) -> Competence:
    """Who decides for the archive of these settings. A historical archive that submits to nobody is a province's."""
    kind, where = settings.destruction.archive, settings.destruction.submits_to
    if kind == "historical" and where == "nobody":
        where = "province"
    return Competence(**_table()[kind][where])


@cache
def _table() -> dict[str, Any]:
    with Path(__file__).with_name("deciding.toml").open("rb") as stream:
        return tomllib.load(stream)
