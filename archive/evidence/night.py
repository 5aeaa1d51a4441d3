"""What the night does for evidence: seal, renew what is due, fetch the timestamps that are wanting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from archive.evidence import renewal, seals
from archive.model import Seal
from archive.opening import Archive


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: ids of seals, authorities that failed with their reasons, and the gaps that are left.

    `ended` are the timestamps whose authority's certificate had ended before anything newer covered them.
    """

    seal: str
    renewals: list[str]
    timed: list[str]
    refused: dict[str, str]
    waiting: list[str]
    ended: list[renewal.Due]


def seal_and_renew(archive: Archive, now: datetime) -> Done:
    """Seal the night, renew the timestamps that are due, and ask for every token that is wanting.

    The tokens come first, so that what came too late yesterday is not renewed as a gap. The caller owns the archive.
    """
    sealed = seals.seal_night(archive, now)
    first = seals.fetch_tokens(archive, now)
    ended = [one for one in renewal.calendar_of(archive) if one.until < now]
    renewals = renewal.renew_timestamps(archive, now)
    second = seals.fetch_tokens(archive, now) if renewals else seals.Timed([], {})
    return Done(sealed, renewals, [*first.done, *second.done], {**first.refused, **second.refused}, waiting(archive),
                ended)


def fetch(archive: Archive, now: datetime) -> seals.Timed:
    """Ask for the tokens that are wanting."""
    return seals.fetch_tokens(archive, now)


def waiting(archive: Archive) -> list[str]:
    """The seals without a timestamp, oldest first."""
    with archive.catalogue.session() as session:
        return [row.id for row in session.scalars(select(Seal).order_by(Seal.id)) if not row.tokens]
