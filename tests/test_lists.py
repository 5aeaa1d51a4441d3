"""Plans renewed without loss, plans written as they are signed, and the lists of what is out of order."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from archive import catalogue, clock, layout, model
from archive.commands.casefile import command
from archive.errors import UsageError
from archive.file_plan import read_file_plan
from archive.file_plan_export import totals, with_headings, write_file_plan
from archive.file_plan_import import differences, import_file_plan
from archive.opening import Archive
from archive.rebuild import rebuild
from ingest import nightly
from tests.conftest import NIGHT

HEADER = "Số và ký hiệu hồ sơ;Tên đề mục và tiêu đề hồ sơ;Thời hạn bảo quản;Người lập hồ sơ;Ghi chú\n"
PLAN = """I;VĂN PHÒNG;;;
;1. Văn thư;;;
02.VP;Tập lưu công văn đi;10 năm;An;
01.VP;Hồ sơ quy chế văn thư;Vĩnh viễn;An;kho 1
;II. TỔ CHỨC;;;
01.TC;Hồ sơ tuyển dụng;70 năm;Bình;
"""


def plan_file(folder: Path, rows: str = PLAN, year: int = 2026, name: str = "plan.csv") -> Path:
    path = folder / name
    path.write_text(f"DANH MỤC HỒ SƠ NĂM {year};;;;\n{HEADER}{rows}", encoding="utf-8-sig")
    return path


def run(archive: Archive, *words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(command, list(words), obj=archive.settings.root)
    assert done.exit_code == code, (done.output, done.exception)
    return json.loads(done.output) if "--json" in words else done.output


def plan_rows(archive: Archive) -> list[tuple[int, str]]:
    with archive.catalogue.session() as session:
        return [(row.position, row.notation) for row in session.query(model.FilePlanEntry).order_by(
            model.FilePlanEntry.fonds, model.FilePlanEntry.year, model.FilePlanEntry.position)]


# --- importing again -----------------------------------------------------------------------------------------


def test_words_in_brackets_are_shown_as_they_are(archive: Archive, tmp_path: Path) -> None:
    import_file_plan(archive, plan_file(tmp_path, "01.VP;Hồ sơ [bold]mật mã[/] [tập 1];5 năm;[An];\n"), "H99")
    for words in (["plan", "show", "2026"], ["lists", "empty"]):
        shown = run(archive, *words)
        assert "[bold]mật mã[/] [tập 1]" in shown and "[An]" in shown


def test_a_plan_is_shown_in_its_order_under_its_headings(archive: Archive, tmp_path: Path) -> None:
    import_file_plan(archive, plan_file(tmp_path), "H99")
    lines = run(archive, "plan", "show", "2026", "--json")
    assert [line["notation"] for line in lines] == ["02.VP", "01.VP", "01.TC"]
    shown = run(archive, "plan", "show", "2026")
    places = [shown.index(word) for word in ("I. VĂN PHÒNG", "1. Văn thư", "02.VP", "01.VP", "II. TỔ CHỨC", "01.TC")]
    assert places == sorted(places)


NEW = PLAN.replace("10 năm", "20 năm").replace("01.TC;Hồ sơ tuyển dụng;70 năm;Bình;\n", "02.TC;Mới;5 năm;Chi;\n")


def test_importing_again_shows_what_changes_before_and_after(archive: Archive, tmp_path: Path) -> None:
    import_file_plan(archive, plan_file(tmp_path), "H99")
    again = plan_file(tmp_path, NEW)
    for words, imported in ((["--dry-run"], False), ([], True)):
        told = run(archive, "plan", "import", str(again), "--json", *words)
        assert told["imported"] is imported
        assert [line["notation"] for line in told["added"]] == ["02.TC"]
        [changed] = told["changed"]
        assert (changed["before"]["retention"], changed["after"]["retention"]) == ("10 năm", "20 năm")
        assert [line["notation"] for line in told["gone"]] == ["01.TC"]
        [found] = [one for one in told["findings"] if one["code"] == "PLAN-021"]
        assert "01.TC" in found["params"]["notations"]
    shown = run(archive, "plan", "import", str(plan_file(tmp_path)), "--dry-run")
    assert "10 năm" in shown and "20 năm → 10 năm" in " ".join(shown.split())


def test_a_line_that_the_new_file_lacks_is_kept_after_the_others_and_a_rebuild_agrees(archive: Archive,
                                                                                    tmp_path: Path) -> None:
    import_file_plan(archive, plan_file(tmp_path), "H99")
    import_file_plan(archive, plan_file(tmp_path, NEW), "H99")
    assert plan_rows(archive) == [(1, "02.VP"), (2, "01.VP"), (3, "02.TC"), (4, "01.TC")]
    with archive.catalogue.session() as session:
        rows = catalogue.rows(session)
    rebuild(archive)
    with archive.catalogue.session() as session:
        assert catalogue.rows(session) == rows


def test_a_line_is_given_up_only_when_that_is_said(archive: Archive, tmp_path: Path) -> None:
    import_file_plan(archive, plan_file(tmp_path), "H99")
    run(archive, "plan", "import", str(plan_file(tmp_path, NEW)), "--replace")
    assert plan_rows(archive) == [(1, "02.VP"), (2, "01.VP"), (3, "02.TC")]
    with archive.catalogue.session() as session:
        rows = catalogue.rows(session)
    rebuild(archive)
    with archive.catalogue.session() as session:
        assert catalogue.rows(session) == rows


def test_a_file_that_is_no_plan_or_an_empty_one_takes_nothing_away(archive: Archive, tmp_path: Path) -> None:
    import_file_plan(archive, plan_file(tmp_path), "H99")
    (tmp_path / "x.csv").write_text("a;b\n", encoding="utf-8")
    for words, path in ((["--year", "2026"], tmp_path / "x.csv"), ([], plan_file(tmp_path, "", name="empty.csv"))):
        run(archive, "plan", "import", str(path), "--replace", *words, code=1)
    told = run(archive, "plan", "import", str(tmp_path / "x.csv"), "--year", "2026", "--dry-run", "--json")
    assert told["gone"] == [] and [one["code"] for one in told["findings"]] == ["PLAN-002"]
    assert len(plan_rows(archive)) == 3


def test_an_import_that_was_killed_before_the_ledger_is_finished_by_saying_it_again(
        archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plan_file(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("archive.file_plan_import.record", killed)
        with pytest.raises(KeyboardInterrupt):
            import_file_plan(archive, path, "H99")
    assert plan_rows(archive) == []
    import_file_plan(archive, path, "H99")
    assert len(plan_rows(archive)) == 3
    assert [one.kind for one in archive.ledger.lines()].count("file_plan_imported") == 1


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_another_padding_is_the_same_line(archive: Archive, tmp_path: Path) -> None:
    import_file_plan(archive, plan_file(tmp_path), "H99")
    changes = differences(archive.store, read_file_plan(plan_file(tmp_path, PLAN.replace("01.TC", "1.tc"))), "H99")
    assert (changes.added, changes.gone, len(changes.changed)) == ((), (), 1)


# --- writing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_plan_is_written_in_the_form_of_the_decree_and_read_back_the_same(archive: Archive, tmp_path: Path,
                                                                           suffix: str) -> None:
    source = plan_file(tmp_path, PLAN.replace("Tập lưu", "=Tập lưu"))
    import_file_plan(archive, source, "H99")
    target = tmp_path / f"danh-muc{suffix}"
    told = run(archive, "plan", "export", "2026", "--to", str(target), "--json")
    assert (told["files"], told["permanent"], told["limited"]) == (3, 1, 2)
    back = read_file_plan(target)
    assert (back.entries, back.year) == (read_file_plan(source).entries, 2026)
    assert "PLAN-016" not in [one.code for one in back.findings]        # the totals are those that are counted
    run(archive, "plan", "export", "2026", "--to", str(target), code=1)
    run(archive, "plan", "export", "2026", "--to", str(target), "--force")
    run(archive, "plan", "export", "2025", "--to", str(tmp_path / "x.csv"), code=1)
    run(archive, "plan", "export", "2026", "--to", str(tmp_path / "x.pdf"), code=1)
    missing = CliRunner().invoke(command, ["plan", "export", "2026", "--to", str(tmp_path / "nix" / "x.csv")],
                                 obj=archive.settings.root)
    assert isinstance(missing.exception, UsageError)        # wrong use (2), not a fault of ours (1)
    assert "\n" not in run(archive, "plan", "show", "1900").strip()
    assert not (tmp_path / "x.pdf").exists()


def test_a_title_that_looks_like_a_formula_is_written_as_a_title(tmp_path: Path) -> None:
    line = {"notation": "01.A", "heading": "I. A", "title": "=1+1", "retention": "5 năm", "keeper": "", "note": ""}
    write_file_plan([line], "Cơ quan", 2026, tmp_path / "p.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "p.xlsx").active
    assert sheet is not None
    [cell] = [cell for row in sheet.iter_rows() for cell in row if cell.value == "=1+1"]
    assert cell.data_type == "s"


HEADINGS = st.sampled_from(["", "I. A", "II. B", "I. A / 1. Văn thư", "I. A / 2. Lưu trữ", "1. Riêng", "III. C / D"])


@given(st.lists(st.tuples(HEADINGS, st.sampled_from(["Vĩnh viễn", "5 năm", "", "Đến khi hết hiệu lực"])), max_size=8))
def test_what_is_written_is_read_back_and_its_totals_hold(tmp_path_factory: pytest.TempPathFactory,
                                                          drawn: list[tuple[str, str]]) -> None:
    lines = [{"notation": f"{n:02d}.A", "heading": heading, "title": f"Hồ sơ {n}", "retention": period, "keeper": "An",
              "note": ""} for n, (heading, period) in enumerate(sorted(drawn, key=lambda one: one[0]), 1)]
    target = tmp_path_factory.getbasetemp() / "plan-out.csv"
    counted = write_file_plan(lines, "Cơ quan", 2026, target)
    assert counted == totals(lines)
    back = read_file_plan(target)
    assert [(one.notation, one.title, one.retention_text) for one in back.entries] == [
        (line["notation"], line["title"], line["retention"]) for line in lines]
    assert "PLAN-016" not in [one.code for one in back.findings]


def test_each_heading_stands_once_before_its_lines() -> None:
    lines = [{"heading": one} for one in ("I. A / 1. X", "I. A / 1. X", "I. A / 2. Y", "II. B / 2. Y", "III. C")]
    assert [one for one in with_headings(lines) if isinstance(one, str)] == [
        "I. A", "1. X", "2. Y", "II. B", "2. Y", "III. C"]


# --- the lists -------------------------------------------------------------------------------------------------


@pytest.fixture
def kho(archive: Archive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Archive:
    """After one night: two filed (one of 2025, one whose line is then given up), some waiting, odd types."""
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    import_file_plan(archive, plan_file(tmp_path), "H99")
    import_file_plan(archive, plan_file(tmp_path, PLAN.replace("10 năm", "5 năm"), 2025), "H99")
    rows = ["a.txt;H99.2025.01.VP;05/03/2025;Báo cáo", "b.txt;H99.2026.01.TC;06/03/2026;Sắc phong",
            "c.txt;H99.2026.01.TC;07/03/2026;Nghị định", "d.txt;;08/03/2026;Sắc phong", "e.txt;H12.2026.01.VP;;",
            "f.txt;H99.2026.77.VP;09/03/2025;Công văn"]
    inbox = archive.settings.path(archive.settings.ingest.inbox[0])
    for row in rows:
        (inbox / row[:5]).write_text(f"Nội dung văn bản {row}", encoding="utf-8")
    (inbox / "danh sach.csv").write_text("Tên tệp;Mã hồ sơ;Ngày ban hành;Tên loại;Trích yếu\n" + "".join(
        f"{row};Về việc {row[:1]}\n" for row in rows), "utf-8")
    assert nightly.run(archive).findings == []
    import_file_plan(archive, plan_file(tmp_path, NEW), "H99", replace_all=True)
    return archive


def test_case_files_in_no_plan_are_listed(kho: Archive) -> None:
    [one] = run(kho, "lists", "unplanned", "--json")
    assert (one["code"], one["documents"], one["last_document"]) == ("H99.2026.01.TC", 2, "2026-03-07")
    assert run(kho, "lists", "unplanned", "--year", "2025", "--json") == []
    assert run(kho, "lists", "unplanned", "--fonds", "H12", "--json") == []
    assert "H99.2026.01.TC" in run(kho, "lists", "unplanned")


def test_case_files_of_earlier_years_that_are_open_are_listed(kho: Archive,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one["code"] for one in run(kho, "lists", "open", "--json")] == ["H99.2025.01.VP"]
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 12, 31, 18, tzinfo=UTC))     # 2027 in Vietnam
    assert [one["code"] for one in run(kho, "lists", "open", "--json")] == ["H99.2025.01.VP", "H99.2026.01.TC"]
    with kho.catalogue.session() as session:
        session.get_one(model.CaseFile, "H99.2025.01.VP").state = "closed"
    assert [one["code"] for one in run(kho, "lists", "open", "--json")] == ["H99.2026.01.TC"]


def test_planned_files_without_documents_are_listed(kho: Archive) -> None:
    found = run(kho, "lists", "empty", "--json")
    assert [(one["year"], one["notation"], one["case_file"]) for one in found] == [
        (2025, "02.VP", ""), (2025, "01.TC", ""), (2026, "02.VP", ""), (2026, "01.VP", ""), (2026, "02.TC", "")]
    with kho.catalogue.session() as session:
        held = json.loads(kho.store.read(layout.casefile_object("H99.2026.01.TC"), layout.CASE_FILE))
        for code, notation in (("H99.2026.01.VP", "01.VP"), ("H99.2026.09.VP", "09.VP")):
            session.add(model.CaseFile(code=code, fonds="H99", year=2026, notation=notation, title="Rỗng", version=1,
                                       object_id=layout.casefile_object(code), profile=held["profile"],
                                       opened_at=held["opened_at"], fields={}))
    found = run(kho, "lists", "empty", "--year", "2026", "--json")
    assert [(one["notation"], one["case_file"]) for one in found] == [
        ("02.VP", ""), ("01.VP", "H99.2026.01.VP"), ("02.TC", ""), ("", "H99.2026.09.VP")]
    assert "H99.2026.09.VP" in run(kho, "lists", "empty")


def test_documents_in_no_case_file_are_listed_with_the_reason(kho: Archive) -> None:
    found = run(kho, "lists", "unfiled", "--json")
    assert [(one["name"], one["named"], one["reason"]) for one in found] == [
        ("d.txt", "", "FILE-001"), ("e.txt", "H12.2026.01.VP", "FILE-004"), ("f.txt", "H99.2026.77.VP", "FILE-005")]
    assert [one["name"] for one in run(kho, "lists", "unfiled", "--fonds", "H99", "--json")] == ["d.txt", "f.txt"]
    assert [one["name"] for one in run(kho, "lists", "unfiled", "--year", "2025", "--json")] == []
    assert "d.txt" in run(kho, "lists", "unfiled")


def test_types_that_were_not_recognised_are_counted_over_the_whole_archive(kho: Archive) -> None:
    found = run(kho, "lists", "unrecognised-types", "--json")
    assert [(one["text"], one["reading"], one["stored"], one["waiting"]) for one in found] == [
        ("Sắc phong", "", 1, 1), ("", "", 0, 1), ("Nghị định", "Nghị định", 1, 0)]
    assert "Sắc phong" in run(kho, "lists", "unrecognised-types")


def test_the_lists_of_an_empty_archive_are_empty(archive: Archive) -> None:
    for name in ("unplanned", "open", "empty", "unfiled", "unrecognised-types"):
        assert run(archive, "lists", name, "--json") == []
