"""The parts of a destruction's dossier (dossier.toml), and which of them a batch has."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from archive.opening import Archive
from archive.settings import Settings
from retention.destruction import keeping
from retention.destruction.deciding import competence
from retention.destruction.keeping import DUPLICATE, Batch


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its letter, the paper's kind or the name it is taken in under, and before which step it is due."""

    letter: str
    name: str
    before: str
    kind: str = ""
    received: str = ""
    when: str = ""


@cache
def parts() -> tuple[Part, ...]:
    """Every part in the order of the dossier."""
    with Path(__file__).with_name("dossier.toml").open("rb") as stream:
        return tuple(Part(**told) for told in tomllib.load(stream)["part"])


def needed(settings: Settings, batch: Batch | None = None) -> list[Part]:
    """The parts of the dossier of this batch, with an appraisal, a paper list, a list of documents or not."""
    holds = {"": True, "appraisal": bool(competence(settings).appraiser),
             "paper": batch is not None and bool(batch.standing_paper),
             "files": batch is None or bool(batch.case_files) or not batch.documents,
             "documents": batch is not None and bool(batch.because(DUPLICATE))}
    return [one for one in parts() if holds[one.when]]


def there(archive: Archive, batch: Batch) -> list[dict[str, Any]]:
    """The papers and documents that the batch's object holds: path, SHA-256, size."""
    held = archive.store.files(keeping.object_id(batch.id))
    return [{"path": path, "sha256": held[path].sha256, "size": held[path].size} for path in sorted(held)
            if path.startswith((f"{keeping.PAPERS}/", f"{keeping.RECEIVED}/"))]


def of_part(part: Part, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Which of the files belong to a part."""
    begins = f"{keeping.PAPERS}/{part.kind}." if part.kind else f"{keeping.RECEIVED}/{part.received}"
    return [one for one in told if one["path"].startswith(begins) or one["path"].startswith(
        f"{keeping.RECEIVED}/{part.kind or part.received}")]


def edition(batch: Batch, kind: str) -> str:
    """For what a paper is printed: the plan in force; of those on the execution also the last look for what is left."""
    part = next((one for one in parts() if one.kind == kind), None)
    seen = batch.act("executed").get("checked_at", "") if part is not None and part.before == "close" else ""
    return f"{batch.plan_hash} {seen}".strip()


def missing(archive: Archive, batch: Batch, before: str) -> list[Part]:
    """The parts that are due before a step and not there, or were printed for another plan than the one in force.

    The council is named before its conclusion may change the plan, so its decision may bear an earlier plan's hash.
    """
    told = there(archive, batch)
    printed = batch.record.get("printed", {})

    def lacks(part: Part) -> bool:
        mine = of_part(part, told)
        if not mine:
            return True
        taken_in = any(one["path"].startswith(f"{keeping.RECEIVED}/") for one in mine)
        return bool(part.kind) and not taken_in and part.kind != "council_decision" and (
            printed.get(part.kind) != edition(batch, part.kind))

    return [one for one in needed(archive.settings, batch)
            if (one.before == before or before == "close") and lacks(one)]
