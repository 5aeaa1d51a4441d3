"""Facets, suggestions and orders are true within what a person may know of; searches are kept; tables are written."""

from __future__ import annotations

import csv
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner, Result

from archive import i18n, model
from archive.access import Reach
from archive.errors import SettingsError
from archive.opening import Archive
from search import index as index_module
from search.aliases import Aliases, aliases_with
from search.commands import search as search_command
from search.engines.terms import FACETS
from search.engines.whoosh_engine import WhooshEngine
from search.export import all_hits, row, write_csv, write_xlsx
from search.index import Entry, Filters, Index, IndexOutdatedError, open_index
from search.related import related
from search.saved import Saved, forget, look_at, new_since, of_night, save, saved_searches
from tests.test_search import child

PUBLIC = Reach("", frozenset({"open"}), frozenset({"open"}))


def entry(n: int, subject: str, text: str = "", **more: str) -> Entry:
    told = {"number": str(n), "notation": "QĐ-UBND", "issued_on": f"20{10 + n}-03-05", "type_name": "Quyết định",
            "organ": "UBND tỉnh Mẫu", "fonds": "H99", "access": "open", "legal_value": "signed_original"} | more
    return Entry(code=f"H99.2026.01.VP.{n:07d}", case_file=told.pop("case_file", "H99.2026.01.VP"), subject=subject,
                 case_title="Văn thư", text=text, **told).sealed()


ENTRIES = [
    entry(1, "Ban hành Quy chế quản lý văn bản điện tử", "Căn cứ Luật Lưu trữ số 33/2024/QH15; quy chế làm việc."),
    entry(2, "Ban hành Quy chế quản lý tài sản công", "Thay thế Quyết định số 1/QĐ-UBND ngày 05/3/2011.",
          organ="Ủy ban nhân dân tỉnh Mẫu"),
    entry(3, "Ban hành Quy chế làm việc của Hội đồng", "Theo Quyết định số 1/QĐ-UBND.", type_name="Nghị quyết",
          notation="NQ-HĐND", organ="HĐND tỉnh Mẫu", issued_on="2011-05-06"),
    entry(4, "Bổ nhiệm cán bộ Zyxwvut", "Điều động, bổ nhiệm. Căn cứ Quyết định số 1/QĐ-UBND.", access="restricted",
          organ="Sở Bí ẩn", fonds="H77", legal_value=""),
    entry(5, "Trả lời kiến nghị", "Phúc đáp Công văn số 2/QĐ-UBND về tài sản. =1+1", number="2",
          case_file="H99.2026.02.VP"),
]
CODES = [one.code for one in ENTRIES]


@pytest.fixture(scope="module", params=["tantivy", "whoosh"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[Index]:
    opened = Index.open(tmp_path_factory.mktemp("index"), engine)
    for one in ENTRIES:                       # a segment each: nothing may depend on how an engine merges
        opened.add([one])
    yield opened
    opened.close()


def codes(index: Index, query: str, filters: Filters | None = None, **more: object) -> list[str]:
    return [hit.code for hit in index.search(query, filters=filters, **more).hits]  # type: ignore[arg-type]


def counted(index: Index, query: str, filters: Filters | None = None) -> dict[str, dict[str, int]]:
    facets = index.search(query, filters=filters, facets=FACETS).facets
    return {name: {one.value: one.count for one in values} for name, values in facets.items()}


# --- facets ----------------------------------------------------------------------------------------------------

def test_facets_count_all_that_is_found(index: Index) -> None:
    told = counted(index, "quy chế")
    assert told["year"] == {"2012": 1, "2011": 2}
    assert told["type"] == {"Quyết định": 2, "Nghị quyết": 1}
    assert told["organ"] == {"uy ban nhan dan tinh mau": 2, "hoi dong nhan dan tinh mau": 1}
    assert told["fonds"] == {"H99": 3}
    assert told["access"] == {"open": 3}
    assert sum(counted(index, "")["access"].values()) == index.count() == 5


def test_facets_tell_nothing_of_what_a_person_may_not_know(index: Index) -> None:
    told = counted(index, "", Filters(reach=PUBLIC))
    assert "so bi an" not in told["organ"] and "H77" not in told["fonds"] and told["access"] == {"open": 4}
    assert counted(index, "bổ nhiệm", Filters(reach=PUBLIC)) == {name: {} for name in FACETS}


def test_a_chosen_value_narrows_down_and_its_facet_shows_what_else_there_is(index: Index) -> None:
    chosen = Filters(chosen={"organ": "uy ban nhan dan tinh mau"})
    assert set(codes(index, "quy chế", chosen)) == set(CODES[:2])      # both ways of writing the agency
    told = counted(index, "quy chế", chosen)
    assert told["organ"] == {"uy ban nhan dan tinh mau": 2, "hoi dong nhan dan tinh mau": 1}
    assert told["type"] == {"Quyết định": 2}
    assert codes(index, "", Filters(chosen={"year": "2011", "type": "Nghị quyết"})) == [CODES[2]]
    assert codes(index, "", Filters(chosen={"legal_value": "signed_original", "fonds": "H77"})) == []


def test_every_count_is_the_count_of_the_search_that_it_leads_to(index: Index) -> None:
    for name, values in counted(index, "").items():
        for value, count in values.items():
            assert index.search("", filters=Filters(chosen={name: value})).total == count


# --- orders and pages -----------------------------------------------------------------------------------------

def test_hits_come_by_their_dates_where_that_is_asked(index: Index) -> None:
    newest = codes(index, "quy chế", order="newest")
    assert newest == [CODES[1], CODES[2], CODES[0]]
    assert codes(index, "quy chế", order="oldest") == newest[::-1]


@pytest.mark.parametrize("order", ["best", "newest", "oldest"])
def test_pages_neither_repeat_nor_leave_out_what_is_alike(tmp_path: Path, engine: str, order: str) -> None:
    opened = Index.open(tmp_path, engine)
    for start in range(0, 24, 6):
        opened.add(replace(ENTRIES[0], code=f"X.{n}").sealed() for n in range(start, start + 6))
    pages = [codes(opened, "quy chế", limit=5, offset=offset, order=order) for offset in range(0, 24, 5)]
    assert sorted(code for page in pages for code in page) == sorted(f"X.{n}" for n in range(24))
    opened.close()


# --- suggestions and what was meant -----------------------------------------------------------------------------

def test_what_is_typed_goes_on_as_titles_do(index: Index) -> None:
    said = [one.text for one in index.suggest("quy chế qu")]
    assert set(said) == {"Quy chế quản lý văn bản", "Quy chế quản lý tài sản"}
    assert [one.text for one in index.suggest("quy che lam")] == ["Quy chế làm việc của Hội"]
    assert index.suggest("q") == [] and index.suggest("") == [] and index.suggest("qwerty") == []


def test_a_number_is_suggested_with_its_document(index: Index) -> None:
    assert [(one.text, one.code) for one in index.suggest("1/qd")] == [("1/QĐ-UBND", CODES[0])]


def test_suggestions_tell_nothing_of_what_a_person_may_not_know(index: Index) -> None:
    assert index.suggest("bổ nhi") and index.suggest("4/QĐ")
    assert index.suggest("bổ nhi", filters=Filters(reach=PUBLIC)) == []
    assert index.suggest("4/QĐ", filters=Filters(reach=PUBLIC)) == []


@pytest.mark.parametrize(("typed", "meant"), [
    ("bổ nhiêmm", "bổ nhiệm"), ("quy che lam viec cua hoi donh", "quy che lam viec cua hoi dong"),
    ("tài sản cong quảng", "tài sản cong quản")])
def test_where_nothing_is_found_what_may_be_meant_is_said(index: Index, typed: str, meant: str) -> None:
    told = index.search(typed)
    assert told.instead == meant
    assert index.search(told.instead).total


def test_what_may_be_meant_is_never_what_a_person_may_not_know(index: Index) -> None:
    assert index.search("zyxwvuts").instead == "zyxwvut"
    assert index.search("zyxwvuts", filters=Filters(reach=PUBLIC)).instead == ""
    assert index.search("quy chế").instead == ""


# --- aliases, fields ---------------------------------------------------------------------------------------------

def test_an_abbreviation_finds_the_name_and_the_name_the_abbreviation(index: Index) -> None:
    assert CODES[1] in codes(index, "UBND tài sản")
    assert CODES[2] in codes(index, "hội đồng nhân dân tỉnh mẫu quy chế")
    assert CODES[0] in codes(index, "uy ban nhan dan van ban")


def test_an_agency_adds_its_own_abbreviations(tmp_path: Path, engine: str) -> None:
    own = tmp_path / "aliases.toml"
    own.write_text('"QCTS" = "Quy chế quản lý tài sản"\n"UBND" = "Ủy ban nhân dân"\n')
    opened = Index.open(tmp_path / "index", engine, aliases_with(own))
    opened.add(ENTRIES)
    assert codes(opened, "QCTS") == [CODES[1]]
    opened.close()
    for wrong in ("[", '"A" = 1', '"A B" = "x y"', '"A" = "một"'):
        own.write_text(wrong)
        with pytest.raises(SettingsError, match=r"aliases\.toml"):
            aliases_with(own)
    assert isinstance(aliases_with(tmp_path / "none.toml"), Aliases)


@pytest.mark.parametrize(("typed", "expected"), [
    ("cơ-quan:HĐND", [2]), ("hồ-sơ:H99.2026.02.VP", [4]), ("năm:2011..2012", [0, 1, 2]), ("phông:H77", [3]),
    ("viendan:1/QĐ-UBND", [1, 2, 3]), ("viện-dẫn:33/2024/QH15", [0])])
def test_fields_with_hyphens_ranges_and_citations(index: Index, typed: str, expected: list[int]) -> None:
    assert sorted(codes(index, typed)) == [CODES[n] for n in expected]


# --- what belongs together ----------------------------------------------------------------------------------------

def test_links_are_read_from_the_text_in_both_directions(index: Index) -> None:
    told = related(index, CODES[0])
    assert told is not None
    assert [(one.kind, one.number, one.code) for one in told.links if not one.incoming] == [
        ("based_on", "33/2024/QH15", "")]
    assert {(one.kind, one.code) for one in told.links if one.incoming} == {
        ("replaces", CODES[1]), ("cites", CODES[2]), ("based_on", CODES[3])}
    assert {one.code for one in told.case_file} == set(CODES[1:4])
    same = related(index, CODES[1])
    assert same is not None
    assert [one.code for one in same.same_number] == [CODES[4]]
    answer = related(index, CODES[4])
    assert answer is not None and answer.case_file == []


def test_links_lead_nowhere_a_person_may_not_go(index: Index) -> None:
    told = related(index, CODES[0], Filters(reach=PUBLIC))
    assert told is not None
    assert CODES[3] not in {one.code for one in (*told.links, *told.case_file)}
    assert related(index, CODES[3], Filters(reach=PUBLIC)) is None
    assert related(index, "no such code") is None


# --- tables ---------------------------------------------------------------------------------------------------

def test_tables_hold_every_hit_as_text(index: Index, tmp_path: Path) -> None:
    rows = [row(hit) for hit in all_hits(index, "", Filters())]
    assert write_csv(tmp_path / "found.csv", rows) == write_xlsx(tmp_path / "found.xlsx", rows) == 5
    assert (tmp_path / "found.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    read = list(csv.reader((tmp_path / "found.csv").read_text("utf-8-sig").splitlines()))
    assert [line[0] for line in read[1:]] == [hit.code for hit in index.search("").hits]
    sheet = openpyxl.load_workbook(tmp_path / "found.xlsx").active
    assert [cell.value for cell in next(sheet.iter_rows(min_row=2))][:3] == list(rows[0][:3])


def test_a_cell_is_never_a_formula(tmp_path: Path) -> None:
    rows = [("=1+1", "@x", "-2", "văn\x00bản")]
    write_csv(tmp_path / "x.csv", rows)
    assert next(csv.reader((tmp_path / "x.csv").read_text("utf-8-sig").splitlines()[1:]))[:3] == ["'=1+1", "'@x", "'-2"]
    write_xlsx(tmp_path / "x.xlsx", [rows[0][:3]])
    cell = openpyxl.load_workbook(tmp_path / "x.xlsx").active["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_pages_of_an_export_leave_nothing_out(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.export.AT_ONCE", 2)
    assert [hit.code for hit in all_hits(index, "", Filters())] == codes(index, "")
    assert len(list(all_hits(index, "", Filters(), most=3))) == 3


# --- rebuilding ------------------------------------------------------------------------------------------------

def test_a_killed_rebuild_is_gone_on_with(tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "REBUILD_STEP", 2)
    Index.open(tmp_path, engine).add([ENTRIES[4]])
    rebuilder = child("""
        import sys, time
        from pathlib import Path
        from search import index
        from search.index import Entry, Index
        index.REBUILD_STEP = 2
        def entries():
            for n in range(5):
                yield Entry(f"N.{n}", text="mới").sealed()
            print("half-way", flush=True)
            time.sleep(60)
        Index(Path(sys.argv[1]), sys.argv[2]).rebuild(entries())
    """, str(tmp_path), engine)
    assert rebuilder.stdout is not None and rebuilder.stdout.readline() == "half-way\n"
    rebuilder.send_signal(signal.SIGKILL)
    rebuilder.communicate()
    told: list[int] = []
    made = Index(tmp_path, engine)
    # One of those that were done has changed since, one is gone: neither the old words nor the gone ones may stay.
    fresh = [Entry("N.0", text="khác hẳn").sealed(), *(Entry(f"N.{n}", text="mới").sealed() for n in range(2, 9))]
    assert made.rebuild(fresh, told.append) == 8
    assert told == [4]
    assert made.fingerprints() == {one.code: one.fingerprint for one in fresh}
    assert made.search("mới").total == 7 and made.search("khác hẳn").total == 1
    assert len(list(tmp_path.glob("generation-*"))) == 1 and not (tmp_path / "unfinished.json").exists()
    made.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")      # Whoosh leaves a bad file open
def test_what_a_killed_rebuild_left_unreadable_is_made_from_the_beginning(tmp_path: Path, engine: str) -> None:
    Index.open(tmp_path, engine).add([ENTRIES[4]])
    state = json.loads((tmp_path / "index.json").read_bytes())
    (tmp_path / "generation-9").mkdir()
    for name in ("meta.json", "_MAIN_1.toc"):
        (tmp_path / "generation-9" / name).write_bytes(b"{")
    (tmp_path / "unfinished.json").write_text(json.dumps(state | {"generation": "generation-9"}))
    assert Index(tmp_path, engine).rebuild(ENTRIES) == 5
    assert Index.open(tmp_path, engine).count() == 5


def test_the_index_of_the_other_engine_is_refused_until_it_is_rebuilt(tmp_path: Path, engine: str) -> None:
    other = {"tantivy": "whoosh", "whoosh": "tantivy"}[engine]
    Index.open(tmp_path, other).add(ENTRIES)
    with pytest.raises(IndexOutdatedError):
        Index.open(tmp_path, engine)
    assert Index(tmp_path, engine).rebuild(ENTRIES) == 5


# --- saved searches, commands -------------------------------------------------------------------------------------

@pytest.fixture
def held(archive: Archive) -> Archive:
    """An archive whose catalogue and index know the five documents, stored by two nights."""
    with archive.catalogue.session() as session:
        for code in sorted({one.case_file for one in ENTRIES}):
            session.add(model.CaseFile(code=code, fonds=archive.settings.agency.code, year=2026, notation="01.VP",
                                       title="Văn thư", profile="tt05_2025", object_id=f"urn:luutru:casefile:{code}",
                                       version=1, opened_at="2026-01-01"))
        session.flush()
        for n, one in enumerate(ENTRIES):
            session.add(model.Document(code=one.code, case_file=one.case_file, ordinal=n + 1, item=f"i{n}",
                                       profile="tt05_2025", received_at="2026-01-01", legal_received_at="2026-01-01",
                                       receipt_rule="LS", batch=f"2026-01-01.{2 if n < 3 else 10}", version=1,
                                       indexed=one.fingerprint))
    index = open_index(archive.settings)
    index.add(ENTRIES)
    index.close()
    return archive


def test_a_saved_search_tells_what_a_night_brought_and_what_is_new(held: Archive) -> None:
    index = open_index(held.settings)
    with held.catalogue.session() as session:
        kept = save(held.settings, session, Saved("lan", "quy chế", "quy chế"))
        save(held.settings, session, Saved("lan", "tài sản", "tài sản"))
        assert (kept.seen, [one.name for one in saved_searches(held.settings, "lan")]) == (
            "2026-01-01.10", ["quy chế", "tài sản"])
        assert new_since(index, session, kept, None).total == 0
        assert new_since(index, session, replace(kept, seen="2026-01-01.2"), None).total == 0
        assert new_since(index, session, replace(kept, seen=""), None).total == 3
        appointed = Saved("lan", "bổ nhiệm", "bổ nhiệm", seen="2026-01-01.2")
        assert [hit.code for hit in new_since(index, session, appointed, None).hits] == [CODES[3]]
        assert new_since(index, session, appointed, PUBLIC).total == 0
        told = of_night(index, session, saved_searches(held.settings), "2026-01-01.10")
        assert [(one.saved.name, one.total) for one in told] == [("tài sản", 1)]
        assert of_night(index, session, [replace(told[0].saved, alert=False)], "2026-01-01.10") == []
        look_at(held.settings, session, "lan", "tài sản")
    assert not forget(held.settings, "minh", "tài sản")
    assert forget(held.settings, "lan", "tài sản")
    assert [one.name for one in saved_searches(held.settings)] == ["quy chế"]
    assert (held.settings.root / "saved-searches.json").stat().st_mode & 0o777 == 0o600
    index.close()


def run(archive: Archive, *arguments: str) -> Result:
    return CliRunner().invoke(search_command.command, list(arguments), obj=archive.settings.root)


def test_the_commands_keep_list_and_forget(held: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_USER", "lan")
    assert run(held, "save", "của tôi", "quy", "chế", "-hội").exit_code == 0
    told = json.loads(run(held, "saved", "--json").output)
    assert [(one["name"], one["query"], one["new"]) for one in told] == [("của tôi", "quy chế -hội", 0)]
    assert run(held, "saved", "của tôi").exit_code == 0
    monkeypatch.setenv("LUUTRU_USER", "minh")
    assert json.loads(run(held, "saved", "--json").output) == []
    assert run(held, "forget", "của tôi").exit_code != 0
    monkeypatch.setenv("LUUTRU_USER", "lan")
    assert run(held, "forget", "của tôi").exit_code == 0
    assert json.loads(run(held, "saved", "--json").output) == []


def test_the_search_command_writes_tables_counts_facets_and_shows_links(held: Archive, tmp_path: Path) -> None:
    i18n.use("en")
    told = json.loads(run(held, "quy chế", "--facets", "--csv", str(tmp_path / "a.csv"), "--xlsx",
                          str(tmp_path / "a.xlsx"), "--limit", "1", "--order", "oldest", "--json").output)
    assert told["written"] == {str(tmp_path / "a.csv"): 3, str(tmp_path / "a.xlsx"): 3}
    assert told["facets"]["fonds"] == [{"value": "H99", "name": "H99", "count": 3}]
    assert [hit["code"] for hit in told["hits"]] == [CODES[0]]
    shown = run(held, "zyxwvuts", "--facets").output
    assert i18n._("Did you mean: {query}").format(query="zyxwvut") in shown
    assert json.loads(run(held, '"saved"', "--json").output)["total"] == 0
    links = json.loads(run(held, "related", CODES[0], "--json").output)
    assert {one["kind"] for one in links["links"]} == {"based_on", "replaces", "cites"}
    assert run(held, "related", CODES[0]).exit_code == 0
    assert run(held, "related", "nowhere").exit_code != 0


def test_the_setting_chooses_the_engine(held: Archive) -> None:
    (held.settings.root / "luutru.toml").write_text('[search]\nengine = "whoosh"\n')
    from archive import settings

    chosen = settings.load(held.settings.root)
    assert chosen.search.engine == "whoosh"
    with pytest.raises(IndexOutdatedError):
        open_index(chosen)
    index_module.rebuild_index(chosen, ENTRIES)
    index = open_index(chosen)
    assert isinstance(index._engine_now(), WhooshEngine)
    assert index.count() == 5
    index.close()
