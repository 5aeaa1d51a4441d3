"""The years to come: what becomes due, what it frees, what keeps it, and what another retention table would change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy.orm import Session

from archive.errors import UsageError
from archive.i18n import _
from archive.model import RetentionRule
from archive.spelling import fold
from retention import blocking, life
from retention.period import Counting
from retention.tables import keeping

_COUNTED = ("case_files", "documents", "bytes")


def simulate(session: Session, first: int, years: int, counting: Counting, *, on: str,
             schedule: str = "") -> dict[str, Any]:
    """What becomes due in each of `years` years from `first` on, as the records stand on the day `on`.

    A case file is due in the year after its last one; what is overdue already counts in the first. `ready` may be
    listed then, `hold` and `link` say what keeps the rest. With `schedule`, a table's name, the same under its rows
    (`other`): a row takes the place of the one with its number in another version of the same table, else of the one
    with the same words; case files under a row that it does not have keep theirs and are counted (`unmatched`).
    Raises UsageError for an unknown table.
    """
    other = keeping.table_of(session, schedule) if schedule else None
    if schedule and other is None:
        raise UsageError(_("There is no retention table {table}; see luutru retention tables.").format(table=schedule))
    life.gather(session, on, blocking.held_case_files(session))
    try:
        life.judge(session, counting)
        told = _told(life.sums(session), first, years)
        if other is not None:
            told["other"] = _under(session, other.id, other.version, first, years, counting)
    finally:
        life.forget(session)
    told["chart"] = _chart(told)
    return {"from": first, "on": on, "counting": counting, **told}


def _under(session: Session, table: str, version: int, first: int, years: int, counting: Counting) -> dict[str, Any]:
    """The same case files under another table."""
    rows = keeping.rules_of(session, table, version)
    by_code = {row.code: row for row in rows}
    by_words = {fold(row.description): row for row in rows}
    unmatched: set[str] = set()

    def instead(row: RetentionRule) -> RetentionRule | None:
        found = by_code.get(row.code) if row.table_id == table else by_words.get(fold(row.description))
        if found is None:
            unmatched.add(f"{row.table_id}@{row.version}:{row.code}")
        return found

    life.judge(session, counting, instead)
    sums = life.sums(session)
    lost = [one for one in sums if one.rule in unmatched]
    return {"table": f"{table}@{version}", "unmatched": {"rules": sorted(unmatched), **_total(lost)},
            **_told(sums, first, years)}


def _told(sums: list[life.Sum], first: int, years: int) -> dict[str, Any]:
    """The sums by year, fonds and rule, and what is never due or has no date."""
    told = []
    for year in range(first, first + years):
        newly = [one for one in sums if (one.own + 1 == year or (year == first and one.own < year))]
        ready = [one for one in sums if (one.until + 1 == year or (year == first and one.until < year))]
        kept = [one for one in newly if one.until >= year]
        told.append({"year": year, "due": _total(newly), "ready": _total(ready),
                     "hold": _total([one for one in kept if one.held]),
                     "link": _total([one for one in kept if not one.held]), "by": _by(newly, year)})
    return {"years": told, "permanent": _total([one for one in sums if one.missing == "permanent"]),
            "without_date": {why: _total([one for one in sums if one.missing == why])
                             for why in ("rule", "open", "end", "event")}}


def _by(newly: list[life.Sum], year: int) -> list[dict[str, Any]]:
    """What becomes due by fonds and rule."""
    found: dict[tuple[str, str], list[life.Sum]] = {}
    for one in newly:
        found.setdefault((one.fonds, one.rule), []).append(one)
    return [{"fonds": fonds, "rule": rule, **_total(some),
             "blocked": sum(one.case_files for one in some if one.until >= year)}
            for (fonds, rule), some in sorted(found.items())]


def _total(sums: Iterable[life.Sum]) -> dict[str, int]:
    total = dict.fromkeys(_COUNTED, 0)
    for one in sums:
        for key in _COUNTED:
            total[key] += getattr(one, key)
    return total


def _chart(told: dict[str, Any]) -> dict[str, Any]:
    """Series over the years, ready to be drawn."""
    def series(name: str, years: list[dict[str, Any]], key: str, what: str) -> dict[str, Any]:
        return {"name": name, "values": [year[key][what] for year in years]}

    drawn = [series(key, told["years"], key, "case_files") for key in ("ready", "hold", "link")]
    drawn.append(series("bytes", told["years"], "ready", "bytes"))
    if "other" in told:
        drawn.append(series("other", told["other"]["years"], "due", "case_files"))
    return {"years": [year["year"] for year in told["years"]], "series": drawn}
