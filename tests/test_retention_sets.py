"""What is due, computed as sets: the same answer from SQLite and PostgreSQL, and as the pure rules give one by one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from archive import model
from archive.catalogue import Catalogue
from benchmarks import retaining_material as generator
from retention import assigning, life, simulating
from retention.listing import listing
from retention.period import Facts, explain

CASE_FILES = 400
DAY = "2026-12-31"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """A catalogue of some hundred case files, as the benchmark draws them, with many more links."""
    made = Catalogue(f"sqlite:///{tmp_path_factory.mktemp('sets') / 'catalogue.db'}")
    fill(made)
    return made


def fill(made: Catalogue) -> None:
    made.migrate()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(generator, "LINKED", 0.3)
        generator.fill(made, CASE_FILES)


def answers(made: Catalogue) -> tuple[list[life.Due], dict[str, Any]]:
    with made.session() as session:
        with listing(session, DAY, "next_year") as items:
            found = list(items)
        return found, simulating.simulate(session, 2027, 10, "next_year", on=DAY, schedule="mau")


def test_the_sets_say_what_the_pure_rules_say_of_each_case_file(small: Catalogue) -> None:
    found = {one.code: one for one in answers(small)[0]}
    assert len(found) > 50 and {one.blocked for one in found.values()} == {"", "link"}
    with small.session() as session:
        own: dict[str, int] = {}
        for row in session.scalars(select(model.CaseFile)):
            decision = assigning.in_force(assigning.history(session, row.code), DAY)
            last, keep = session.execute(select(func.max(model.Document.dated), func.max(model.Document.keep_years))
                                         .where(model.Document.case_file == row.code)).one()
            facts = Facts(assigning.rule_by(decision, assigning.row_of(session, decision), row.keep_years),
                          keep if keep is not None else -1, bool(row.closed_at), max(row.ended, last or 0))
            own[row.code] = life.until(explain(facts))
        needs: dict[str, set[str]] = {}
        for edge in session.scalars(select(model.DocumentLink)):
            needs.setdefault(edge.home, set()).add(edge.case_file)
    stays = dict(own)
    for _n in range(CASE_FILES):
        stays = {code: max([until, *(stays[other] for other in needs.get(code, ()))]) for code, until in stays.items()}
    assert {code for code, until in own.items() if until < 2026} == set(found)
    assert {code for code, one in found.items() if one.blocked} == {code for code in found if stays[code] >= 2026}


def test_postgresql_gives_the_same_answers_as_sqlite(small: Catalogue, postgresql: str) -> None:
    other = Catalogue(postgresql)
    fill(other)
    there = answers(other)
    other.close()
    here = answers(small)
    assert sorted(there[0], key=lambda one: one.code) == sorted(here[0], key=lambda one: one.code)
    assert there[1]["years"] == here[1]["years"]
    assert there[1]["without_date"] == here[1]["without_date"]


def test_the_simulation_counts_every_case_file_once(small: Catalogue) -> None:
    told = answers(small)[1]
    with small.session() as session:
        life.gather(session, DAY)
        life.judge(session, "next_year")
        sums = life.sums(session)
        life.forget(session)
    assert sum(one.case_files for one in sums) == CASE_FILES
    later = sum(one.case_files for one in sums if not one.missing and one.own >= 2036)
    due = sum(year["due"]["case_files"] for year in told["years"])
    without = told["permanent"]["case_files"] + sum(one["case_files"] for one in told["without_date"].values())
    assert due + later + without == CASE_FILES


def test_the_same_table_in_the_place_of_itself_changes_nothing(small: Catalogue) -> None:
    told = answers(small)[1]
    assert told["other"]["years"] == told["years"]
    assert told["other"]["unmatched"]["case_files"] == 0


def test_years_of_documents_are_read_from_their_index_alone(small: Catalogue) -> None:
    """The yearly run reads five million documents: never their rows."""
    with small.session() as session:
        plan = session.connection().exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT case_file, COUNT(*), MAX(dated), SUM(bytes), MAX(keep_years) FROM document "
            "GROUP BY case_file").all()
    assert any("COVERING INDEX ix_document_case_file_dated_bytes_keep_years" in row[3] for row in plan)
