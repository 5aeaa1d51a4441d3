"""Searches are narrowed by how periods stand, with true counts; a hit says on which page it is; choices are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archive import clock, model, opening
from archive.access import Reach
from archive.errors import UsageError
from archive.opening import Archive
from ingest import report
from ingest.commands.report import search_sentence
from ingest.stages.index import index_documents
from retention.explaining import explanation
from retention.standing import STATES, standing
from search.index import Entry, Filters, Index, open_index, snippet
from search.query import parse
from search.saved import Saved, new_to, save, saved_searches
from tests.stored_documents import store_documents

PUBLIC = Reach("", frozenset({"open"}), frozenset({"open"}))
TODAY = clock.in_vietnam(clock.now()).date()      # what is stored now is there by the end of today
CLOSED = {"state": "closed", "closed_at": "2021-01-05T02:00:00.000000+00:00"}
# state of the period → what the case file says
FILES: dict[str, dict[str, Any]] = {"permanent": {**CLOSED, "retention": "Vĩnh viễn"},
         "running": {**CLOSED, "retention": "20 năm", "fields": {"endDate": "31/12/2020"}},
         "over": {**CLOSED, "retention": "5 năm", "fields": {"endDate": "31/12/2010"}},
         "held": {**CLOSED, "retention": "5 năm", "fields": {"endDate": "31/12/2010"}},
         "open": {"retention": "5 năm"},
         "undated": {**CLOSED, "retention": "theo quy định riêng", "fields": {"endDate": "31/12/2010"}}}
CODES = {state: f"H99.2026.{n:02d}.VP" for n, state in enumerate(FILES, 1)}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    made = opening.make_archive(tmp_path_factory.mktemp("standing") / "kho",
                                {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    for state, told in FILES.items():
        mode = "02" if state == "over" else "01"
        store_documents(made, [{"subject": f"Việc {state}", "codeNumber": "1", "codeNotation": "CV-SNV", "mode": mode}],
                        code=CODES[state], case_file={**told, "title": f"Hồ sơ {state}"})
    with opening.ownership(made):
        with made.catalogue.session() as session:
            session.add(model.Hold(n=1, at="2026-11-01T00:00:00.000000+00:00", by="lan", reason="thanh tra",
                                   requester="Thanh tra tỉnh", number="1/TTr", dated="2026-11-01",
                                   from_day="2026-11-01", items=1, state="placed"))
            session.add(model.HoldItem(hold=1, code=CODES["held"], kind="casefile", case_file=CODES["held"]))
            session.add(model.Batch(id="2026-11-20.1", night="2026-11-20", started_at="2026-11-20T12:00:00+00:00",
                                    finished_at="2026-11-20T12:10:00+00:00", summary={}))
        index_documents(made)
    yield made
    made.close()


def test_every_case_file_stands_in_the_state_that_its_explanation_gives(archive: Archive) -> None:
    with archive.catalogue.session() as session:
        sets = standing(session, TODAY, archive.settings.retention.counting)
        for state, code in CODES.items():
            told = explanation(archive, session, code, TODAY.isoformat(), archive.settings.retention.counting)
            assert (told.known.period.permanent, bool(told.holds)) == (state == "permanent", state == "held"), code
    assert sets == {state: (CODES[state],) for state in STATES}


def test_groups_of_case_files_are_counted_within_reach_and_narrow_the_search(archive: Archive) -> None:
    groups = {state: (code,) for state, code in CODES.items()}
    index = open_index(archive.settings)
    told = index.search("việc", groups=groups)
    assert told.groups == {"": 6, **dict.fromkeys(CODES, 1)}
    public = index.search("việc", filters=Filters(reach=PUBLIC), groups=groups)
    assert public.groups == {"": 5, **dict.fromkeys(CODES, 1), "over": 0}     # the one that is not open
    alone = index.search("việc", filters=Filters(inside=groups["open"]), groups=groups)
    assert ([hit.case_file for hit in alone.hits], alone.groups) == ([CODES["open"]], told.groups)
    rest = index.search("việc", filters=Filters(outside=groups["open"]))
    assert (rest.total, CODES["open"] in [hit.case_file for hit in rest.hits]) == (5, False)
    assert index.search("việc", filters=Filters(inside=())).total == 0
    index.close()


def test_both_engines_narrow_by_case_files_alike(tmp_path: Path) -> None:
    entries = [Entry(f"H99.2026.0{n}.VP.0000001", f"H99.2026.0{n}.VP", subject=f"Việc {n}", access="open").sealed()
               for n in (1, 2, 3)]
    for engine in ("tantivy", "whoosh"):
        index = Index.open(tmp_path / engine, engine)
        index.add(entries)
        found = index.search("", filters=Filters(inside=("H99.2026.01.VP", "H99.2026.03.VP")),
                             groups={"one": ("H99.2026.01.VP",), "none": ()})
        assert (sorted(hit.code for hit in found.hits), found.groups) == (
            [entries[0].code, entries[2].code], {"": 3, "one": 1, "none": 0}), engine
        assert index.search("", filters=Filters(outside=("H99.2026.02.VP",))).total == 2, engine
        index.close()


@pytest.mark.parametrize(("text", "page"), [
    ("Quyết định\fĐiều 1", 1), ("Tờ trình\f\fvề quyết định", 3), ("không có gì", 1), ("", 1),
    ("Quyết\fQuyết định này", 2)])
def test_a_snippet_says_on_which_page_of_the_text_it_stands(text: str, page: int) -> None:
    assert snippet(text, parse("quyet dinh")).page == page


def test_the_choices_of_facets_are_kept_with_a_search_and_count_for_what_is_new(archive: Archive) -> None:
    with archive.catalogue.session() as session:
        kept = save(archive.settings, session, Saved("lan", "công khai", "việc", chosen={"access": "open"}))
        with pytest.raises(UsageError):
            save(archive.settings, session, Saved("lan", "lạ", "việc", chosen={"colour": "red"}))
        index = open_index(archive.settings)
        (again,) = saved_searches(archive.settings, "lan")
        assert again == kept
        assert new_to(index, session, [again], None)[0].total == 0          # what is there counts as seen
        old = [Saved("lan", "cũ", "việc", chosen={"access": "open"}), Saved("lan", "tất cả", "việc")]
        assert [one.total for one in new_to(index, session, old, None)] == [5, 6]
        assert [one.total for one in new_to(index, session, old, PUBLIC)] == [5, 5]
        assert [len(one.hits) for one in new_to(index, session, old, None, shown=2)] == [2, 2]
        index.close()


def test_no_more_than_the_newest_nights_are_searched_for_what_is_new(archive: Archive,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.saved.MOST_NEW", 1)
    index = open_index(archive.settings)
    with archive.catalogue.session() as session:
        (found,) = new_to(index, session, [Saved("lan", "tất cả", "việc")], None)
    assert (found.total, found.more) == (6, False)       # one night is always looked through
    index.close()


def test_the_morning_report_tells_of_kept_searches_that_the_night_brought_something(archive: Archive) -> None:
    with archive.catalogue.session() as session:
        save(archive.settings, session, Saved("minh", "việc mở", "viec open"))
        save(archive.settings, session, Saved("minh", "lặng lẽ", "viec", alert=False))
        save(archive.settings, session, Saved("minh", "không có", "zyxwvut"))
    made = report.build(archive, "2026-11-20.1", TODAY)
    assert [(one.owner, one.name, one.documents) for one in made.searches if one.owner == "minh"] == [
        ("minh", "việc mở", 1)]
    assert {"owner": "minh", "name": "việc mở", "query": "viec open", "documents": 1} in report.as_dict(made)[
        "saved_searches"]
    assert all("“việc mở”" in search_sentence(one) for one in made.searches if one.name == "việc mở")
