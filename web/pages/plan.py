"""The file plan browser: fonds, years, headings and the case files that a plan foresees, with what is in them.

Every count is of what the person may know of. A line of a plan whose case file they may not know of is not shown; a
line without a case file has no mode yet and is shown to who reads what is undecided in that fonds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import and_, exists, func, not_, select
from sqlalchemy.orm import Session

from archive import model
from archive.file_plan_export import headings
from web.pages.casefiles import known_to, readable
from web.people import Person, person
from web.rendering import page
from web.site import Site

router = APIRouter()
MOST_LINES = 3000       # of one plan; a longer one is looked at by searching its case files


@dataclass(frozen=True, slots=True)
class Held:
    """A fonds with how many case files of each year the person may know of; a year of its plan alone has none."""

    code: str
    name: str
    years: Sequence[tuple[int, int]]

    @property
    def case_files(self) -> int:
        """How many in all."""
        return sum(count for _year, count in self.years)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the plan, or (with `planned` false) a case file that no plan foresees; `code` is empty where none is
    open yet, `documents` counts those that the person may read.
    """

    notation: str
    title: str
    retention: str
    keeper: str
    code: str
    state: str
    documents: int
    planned: bool = True


@dataclass(frozen=True, slots=True)
class Heading:
    """A main heading or a subheading with the lines that stand right under it."""

    title: str
    level: int
    lines: Sequence[Line]


@router.get("/plan")
def plan_page(request: Request, who: Annotated[Person, Depends(person)], fonds: str = "", year: str = "") -> Response:
    """The fonds with their years; of one fonds and year the plan by its headings."""
    site: Site = request.app.state.site
    with site.session() as session:
        held = _held(session, who)
        chosen = next((one for one in held if one.code == fonds), held[0] if len(held) == 1 else None)
        wanted = int(year) if year.isascii() and year.isdecimal() and len(year) == 4 else 0
        if chosen is not None and wanted not in [one for one, _count in chosen.years]:
            wanted = chosen.years[0][0] if chosen.years else 0
        made = _plan(session, who, chosen.code, wanted) if chosen is not None and wanted else []
    lines = [line for heading in made for line in heading.lines]
    return page(request, "plan.html", held=held, chosen=chosen, year=wanted, headings=made, planned=sum(
        line.planned for line in lines), opened=sum(bool(line.code) for line in lines),
        documents=sum(line.documents for line in lines), most=MOST_LINES)


def _held(session: Session, who: Person) -> list[Held]:
    """Every fonds in which the person may know of anything, the newest year first."""
    counts: dict[str, dict[int, int]] = {}
    for of, year, count in session.execute(select(model.CaseFile.fonds, model.CaseFile.year, func.count()).where(
            known_to(who.reach)).group_by(model.CaseFile.fonds, model.CaseFile.year)):
        counts.setdefault(of, {})[year] = count
    plan = model.FilePlanEntry
    for of, year in session.execute(select(plan.fonds, plan.year).distinct()):
        if who.reach.covers(of, "undecided"):
            counts.setdefault(of, {}).setdefault(year, 0)
    names = {one.code: one.name for one in session.scalars(select(model.Fonds).where(model.Fonds.code.in_(counts)))}
    return [Held(of, names.get(of, ""), sorted(years.items(), reverse=True)) for of, years in sorted(counts.items())]


def _plan(session: Session, who: Person, fonds: str, year: int) -> list[Heading]:
    """The lines of a plan under their headings, then the case files of that year that it does not foresee."""
    entry, row = model.FilePlanEntry, model.CaseFile
    same = and_(row.fonds == entry.fonds, row.year == entry.year, row.notation == entry.notation)
    of_year = and_(row.fonds == fonds, row.year == year)
    known = {one.notation: one for one in session.scalars(select(row).where(of_year, known_to(who.reach)).order_by(
        row.code).limit(MOST_LINES))}
    planned = session.execute(select(entry, exists().where(same)).where(
        entry.fonds == fonds, entry.year == year).order_by(entry.position, entry.notation).limit(MOST_LINES))
    foreseen = [(one, known.get(one.notation)) for one, opened in planned if one.notation in known or (
        not opened and who.reach.covers(fonds, "undecided"))]
    others = list(session.scalars(select(row).where(of_year, known_to(who.reach), not_(exists().where(same)))
                                  .order_by(row.code).limit(MOST_LINES)))
    opened = [one for _entry, one in foreseen if one is not None] + others
    counts = readable(session, who.reach, [one.code for one in opened])
    made = _under_headings([({"heading": one.heading}, _line(one, held, counts)) for one, held in foreseen])
    if others:
        made.append(Heading("", 3, [Line(one.notation, one.title, one.retention, one.keeper, one.code, one.state,
                                         counts.get(one.code, 0), planned=False) for one in others]))
    return made


def _line(one: model.FilePlanEntry, held: model.CaseFile | None, counts: dict[str, int]) -> Line:
    return Line(one.notation, held.title if held is not None else one.title, one.retention, one.keeper,
                held.code if held is not None else "", held.state if held is not None else "",
                counts.get(held.code, 0) if held is not None else 0)


def _under_headings(lines: Iterable[tuple[dict[str, str], Line]]) -> list[Heading]:
    made: list[tuple[str, int, list[Line]]] = []
    main = sub = None
    for told, line in lines:
        first, second = headings(told)
        if first != main or not made:
            made.append((first, 3, []))
            main, sub = first, ""
        if second != sub:
            made.append((second, 4 if first else 3, []))
            sub = second
        made[-1][2].append(line)
    return [Heading(*one) for one in made]
