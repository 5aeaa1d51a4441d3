"""A scan job from its plan to the return of the originals: its gates, its papers, and what it may not pass."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest
from click.testing import CliRunner
from openpyxl import load_workbook
from sqlalchemy import select

from archive import clock, layout, model, opening, scan_jobs, scan_papers
from archive.errors import RefusedError, UsageError
from archive.file_plan_import import import_file_plan
from archive.findings import Level, finding, rules
from archive.fixity import places
from archive.opening import Archive
from archive.settings import load
from cli import luutru
from ingest import nightly
from ingest.digitise.defects import codes as error_codes
from tests.conftest import ROOT
from tests.scan_job_material import (
    EXPLAINED,
    FILES,
    JOB,
    PEOPLE,
    PLAN,
    checked,
    codes,
    file_list,
    fill_in,
    handed_over,
    run,
    store_scans,
)

SAMPLES = ROOT / "samples"


@pytest.fixture
def scanned(archive: Archive) -> Archive:
    store_scans(archive)
    return archive


def text_of(data: bytes) -> str:
    with pypdfium2.PdfDocument(data) as pdf:
        return " ".join("\n".join(page.get_textpage().get_text_range() for page in pdf).split())


def papers(archive: Archive) -> dict[str, str]:
    object_id = layout.scanjob_object(JOB)
    return {path.removeprefix("papers/"): text_of(archive.store.content(object_id, stored))
            for path, stored in scan_jobs.papers(archive.store, JOB).items()}


def held_by_a_copy(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the archive know a copy that holds every object."""
    monkeypatch.setenv("LUUTRU_COPIES__PLACES", '["../sao"]')
    settings = load(archive.settings.root)
    root = archive.store.root
    objects = {folder.relative_to(root).as_posix(): (99, "0") for folder in archive.store.folders()}
    places.note(settings, places.copies(settings)[0], places.Known(objects=objects), None)


# --- the whole life ------------------------------------------------------------------------------------


def test_a_job_goes_from_plan_to_return_and_every_act_leaves_its_paper(
        scanned: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"Mã tài liệu": f"{FILES[0]}.0000002", "Loại lỗi": "số hóa", "Trang lỗi": "2", "Mô tả lỗi": "Cắt mép phải"}
    root = checked(scanned, tmp_path, wrong)
    refused = run(root, "accept", JOB, *PEOPLE, code=5)
    assert codes(refused) == ["SCAN-013"] and not refused["written"]
    target = tmp_path / "lan-2.csv"
    run(root, "qc", JOB, "--list", str(target))
    run(root, "qc", JOB, "--take-in", str(fill_in(target, {**wrong, "Khắc phục": "đã kiểm tra lại", "Lỗi số": "1"})),
        "--checker", "Phạm Thị Soát")
    answer = run(root, "accept", JOB, *PEOPLE)
    assert answer["told"]["documents"] == 6 and answer["told"]["pages"] == 12 and answer["state"] == "accepted"
    held_by_a_copy(scanned, monkeypatch)
    assert run(root, "return", JOB, *PEOPLE, "--as-handed-over")["state"] == "returned"
    made = papers(scanned)
    assert [name[5:-4] for name in made] == [
        "plan", "hand-over", "catalogue-errors", "qc-report", "scan-errors", "catalogue-errors", "qc-report",
        "scan-errors", "acceptance", "return"]
    assert "125/QĐ-SNV" in made["0001-plan.pdf"] and "Máy quét số 01" in made["0001-plan.pdf"]
    assert "BIÊN BẢN" in made["0003-hand-over.pdf"] and "Trần Thị Kho" in made["0003-hand-over.pdf"]
    assert "Cắt mép phải" in made["0005-scan-errors.pdf"] and "Cắt mép phải" not in made["0005-catalogue-errors.pdf"]
    assert "chưa đủ điều kiện" in made["0005-qc-report.pdf"] and "đủ điều kiện" in made["0006-qc-report.pdf"]
    assert "Phạm Thị Soát" in made["0006-qc-report.pdf"]
    for threshold in ("1 %", "1,5 %", "2 %"):
        assert threshold in made["0007-acceptance.pdf"]
    assert "8 (tám) tờ" in made["0008-return.pdf"]


def test_the_ledger_tells_every_act_with_its_papers(scanned: Archive, tmp_path: Path) -> None:
    checked(scanned, tmp_path)
    lines = [line for line in scanned.ledger.lines() if line.kind.startswith("scan_job_")]
    assert [line.kind for line in lines] == ["scan_job_planned", "scan_job_listed", "scan_job_handed_over",
                                             "scan_job_qc_begun", "scan_job_qc_taken_in"]
    held = scanned.store.files(layout.scanjob_object(JOB))
    for line in lines:
        assert line.subject == JOB and line.data["object"] == layout.scanjob_object(JOB)
        assert all(held[path].sha256 == digest for path, digest in line.data["papers"].items())
    assert lines[2].data["papers"] and lines[2].data["files"] == 2 and lines[2].data["from"]["name"] == "Trần Thị Kho"
    assert [line.data["version"] for line in lines] == [1, 2, 3, 4, 5]


def test_a_paper_made_again_from_the_record_is_the_same_byte_for_byte(scanned: Archive, tmp_path: Path) -> None:
    checked(scanned, tmp_path)
    held = scanned.store.files(layout.scanjob_object(JOB))
    again = 0
    for version in range(1, 6):
        job = scan_jobs.read(scanned.store, JOB, version)
        for name, data in scan_papers.of_act(job, job.acts[-1]).items():
            stored = held[scan_jobs.paper_path(version, name)]
            assert scanned.store.content(layout.scanjob_object(JOB), stored) == data
            again += 1
    assert again == 5


def test_two_thousand_case_files_fill_many_pages_and_none_is_left_out(tmp_path: Path) -> None:
    files = [{"n": n, "code": f"H99.2026.{n:04d}.VP", "box": str(n // 20), "title": "Hồ sơ kiểm tra công tác lưu trữ",
              "documents": 3, "sheets": 4, "pages": 0, "condition": "Tốt", "treatment": "", "note": "",
              "handed_over": 3, "returned": 0, "returned_sheets": 0, "returned_note": ""} for n in range(1, 2001)]
    record = {"id": JOB, "title": "Hồ sơ", "agency": "Sở Nội vụ", "decision": {"number": "1", "date": "2026-11-01"}}
    act = {"act": "handed_over", "version": 3, "at": clock.stamp(clock.now()), "from": {"name": "A", "role": ""},
           "to": {"name": "B", "role": ""}, "documents": 6000, "sheets": 8000, "boxes": 101}
    made = scan_papers.of_act(scan_jobs.Job(record, files), act)["hand-over"]
    with pypdfium2.PdfDocument(made) as pdf:
        assert len(pdf) > 50
        for page in (1, len(pdf) - 2):
            assert "Mã hồ sơ" in pdf[page].get_textpage().get_text_range()      # the heading stands on every page
    told = text_of(made)
    assert all(str(one["code"]) in told for one in files) and "8.000" in told


def test_papers_come_out_as_they_are_kept_and_as_word_files(scanned: Archive, tmp_path: Path) -> None:
    root = handed_over(scanned, tmp_path)
    made = run(root, "minutes", JOB, "-o", str(tmp_path / "ra"), "--docx")
    assert made["files"] == sorted([f"{JOB}-0001-plan.pdf", f"{JOB}-0001-plan.docx", f"{JOB}-0003-hand-over.pdf",
                                    f"{JOB}-0003-hand-over.docx"])
    (stored,) = [one for path, one in scan_jobs.papers(scanned.store, JOB).items() if "plan" in path]
    assert (tmp_path / "ra" / f"{JOB}-0001-plan.pdf").read_bytes() == stored.place.read_bytes()
    done = CliRunner().invoke(luutru, ["--root", str(root), "scan", "minutes", JOB, "-o", str(tmp_path / "ra")])
    assert isinstance(done.exception, UsageError)


# --- plan, list, hand-over -----------------------------------------------------------------------------


def test_ids_are_given_by_the_year_and_a_plan_may_be_changed(archive: Archive) -> None:
    root = archive.settings.root
    assert run(root, "new", *PLAN)["job"] == "SH.2026.01"
    assert run(root, "new", *PLAN)["job"] == "SH.2026.02"
    run(root, "new", "SH.2026.02", "--change", "--title", "Tên khác", "--sheets", "40")
    told = run(root, "show", "SH.2026.02")
    assert (told["title"], told["planned"], told["operators"]) == ("Tên khác", {"sheets": 40}, ["Nguyễn Văn Quét"])
    assert told["decision"] == {"number": "125/QĐ-SNV", "date": "2026-11-01"}
    assert [one["id"] for one in run(root, "list")] == ["SH.2026.01", "SH.2026.02"]


def test_a_dry_run_and_a_refusal_change_nothing(scanned: Archive, tmp_path: Path) -> None:
    root = scanned.settings.root
    assert not run(root, "new", JOB, *PLAN, "--dry-run")["written"]
    assert not scanned.store.has(layout.scanjob_object(JOB))
    run(root, "new", JOB, *PLAN)
    before = scanned.store.version(layout.scanjob_object(JOB))
    run(root, "import", JOB, str(file_list(tmp_path / "g.csv")), "--dry-run")
    unknown = [1, "", "H99.2026.77.XX", "", "", 4, "", "", ""]
    run(root, "import", JOB, str(file_list(tmp_path / "g.csv", unknown)), code=5)
    run(root, "cancel", JOB, "--reason", "nhầm", "--dry-run")
    assert scanned.store.version(layout.scanjob_object(JOB)) == before


def test_an_act_out_of_its_order_is_refused(scanned: Archive, tmp_path: Path) -> None:
    root = handed_over(scanned, tmp_path)
    for args in (["cancel", JOB, "--reason", "x", "--yes"], ["return", JOB, *PEOPLE, "--as-handed-over"],
                 ["qc", JOB, "--take-in", str(file_list(tmp_path / "q.csv"))], ["hand-over", JOB, *PEOPLE]):
        done = CliRunner().invoke(luutru, ["--root", str(root), "scan", *args])
        assert isinstance(done.exception, RefusedError), args
    done = CliRunner().invoke(luutru, ["--root", str(root), "scan", "show", "SH.2026.99"])
    assert isinstance(done.exception, UsageError)


def test_a_job_that_nothing_was_handed_over_for_can_be_given_up(archive: Archive) -> None:
    root = archive.settings.root
    run(root, "new", JOB, *PLAN)
    run(root, "cancel", JOB, "--reason", "Lập nhầm", "--yes")
    assert run(root, "show", JOB)["state"] == "cancelled" and run(root, "list", "--state", "planned") == []


@pytest.mark.parametrize(("row", "code"), [
    ([1, "", "H99.2026.77.XX", "", 3, 4, "Tốt", "", ""], "SCAN-002"),
    ([1, "", "không phải mã", "", 3, 4, "Tốt", "", ""], "SCAN-003"),
    ([1, "", FILES[0], "", 3, "bốn", "Tốt", "", ""], "SCAN-005"),
    ([1, "", FILES[0], "", 3, "", "Tốt", "", ""], "SCAN-005"),
    ([1, "", FILES[0], "[MẬT] Phương án Hồng Lạc", 3, 4, "Tốt", "", ""], "SCAN-006")])
def test_what_is_wrong_with_a_list_is_told_and_nothing_is_taken(archive: Archive, tmp_path: Path, row: list[object],
                                                                code: str) -> None:
    store_scans(archive, each=1)
    root = archive.settings.root
    run(root, "new", JOB, *PLAN)
    assert code in codes(run(root, "import", JOB, str(file_list(tmp_path / "g.csv", row)), code=5))
    assert run(root, "show", JOB)["files"] == []
    assert not any("Hồng Lạc".encode() in file.read_bytes() for file in root.rglob("*") if file.is_file())


def test_a_case_file_is_in_one_open_job_and_once_in_a_list(scanned: Archive, tmp_path: Path) -> None:
    root = handed_over(scanned, tmp_path)
    run(root, "new", "SH.2026.02", *PLAN)
    answer = run(root, "import", "SH.2026.02", str(tmp_path / "giao.csv"), code=5)
    assert codes(answer) == ["SCAN-004", "SCAN-004"] and JOB in answer["findings"][0]["params"]["where"]
    twice = [[n, "", FILES[0], "", 3, 4, "Tốt", "", ""] for n in (1, 2)]
    run(root, "new", "SH.2026.03", *PLAN)
    assert "SCAN-004" in codes(run(root, "import", "SH.2026.03", str(file_list(tmp_path / "2.csv", *twice)), code=5))


def test_a_case_file_of_another_regime_is_told(scanned: Archive, tmp_path: Path) -> None:
    root = scanned.settings.root
    run(root, "new", JOB, *PLAN, "--profile", "tt02_2019")
    answer = run(root, "import", JOB, str(file_list(tmp_path / "g.csv")), code=3)
    assert set(codes(answer)) == {"SCAN-007"} and answer["written"]


@pytest.mark.parametrize("condition", ["dính bết", "bị rách góc", "mờ chữ, khó đọc", "RÁCH"])
def test_untreated_originals_are_not_handed_over(scanned: Archive, tmp_path: Path, condition: str) -> None:
    root = scanned.settings.root
    run(root, "new", JOB, *PLAN)
    rows = [[1, "01", FILES[0], "", 3, 4, "Tốt", "", ""], [2, "01", FILES[1], "", 3, 4, condition, "", ""]]
    run(root, "import", JOB, str(file_list(tmp_path / "g.csv", *rows)))
    answer = run(root, "hand-over", JOB, *PEOPLE, code=5)
    assert codes(answer) == ["SCAN-001"] and answer["findings"][0]["subject"] == FILES[1]
    told = run(root, "hand-over", JOB, *PEOPLE, "--leave-untreated")["told"]
    assert (told["files"], told["behind"]) == (1, 1)
    rows[1][7] = "đã xử lý"
    run(root, "import", JOB, str(file_list(tmp_path / "g.csv", *rows)))
    assert run(root, "hand-over", JOB, *PEOPLE)["told"]["files"] == 1


def test_a_hand_over_may_come_in_parts_and_is_held_against_the_plan(scanned: Archive, tmp_path: Path) -> None:
    root = scanned.settings.root
    run(root, "new", JOB, *PLAN, "--sheets", "9", "--files", "2")
    run(root, "import", JOB, str(file_list(tmp_path / "g.csv")))
    assert run(root, "hand-over", JOB, *PEOPLE, "--file", FILES[0])["told"]["sheets"] == 4
    answer = run(root, "hand-over", JOB, *PEOPLE, code=3)
    assert codes(answer) == ["SCAN-008"] and answer["findings"][0]["params"]["found"] == "8"


def test_what_was_handed_over_is_not_counted_anew_by_a_list(scanned: Archive, tmp_path: Path) -> None:
    root = handed_over(scanned, tmp_path)
    row = [1, "01", FILES[0], "Hồ sơ số 1", 3, 5, "Tốt", "", ""]
    assert codes(run(root, "import", JOB, str(file_list(tmp_path / "g.csv", row)), code=5)) == ["SCAN-018"]
    assert run(root, "show", JOB)["files"][0]["sheets"] == 4


# --- quality control -----------------------------------------------------------------------------------


def test_the_list_has_every_scan_worst_first_and_no_cell_is_a_formula(scanned: Archive, tmp_path: Path) -> None:
    with scanned.catalogue.session() as session:
        row = session.scalars(select(model.Document).where(model.Document.code == f"{FILES[1]}.0000003")).one()
        row.subject = '=HYPERLINK("http://x")'
        one = finding(sorted(error_codes())[0], "quet.pdf", pages="1")
        session.add(model.ItemFinding(item=row.item, n=1, code=one.code, level=one.level.name, subject="quet.pdf",
                                      params={}))
    root = handed_over(scanned, tmp_path)
    run(root, "qc", JOB, "--list", str(tmp_path / "a.xlsx"))
    sheet = load_workbook(tmp_path / "a.xlsx").active
    assert sheet is not None
    rows = list(sheet.iter_rows(min_row=2))
    assert len(rows) == 6 and rows[0][1].value == f"{FILES[1]}.0000003"     # what the system saw comes first
    assert rows[0][2].data_type == "s" and one.code in str(rows[0][5].value)
    run(root, "qc", JOB, "--list", str(tmp_path / "a.csv"))
    assert next(csv.DictReader((tmp_path / "a.csv").read_text("utf-8-sig").splitlines()))["Trích yếu"].startswith("'=")


def test_a_sample_takes_the_worst_and_is_the_same_for_everyone(scanned: Archive, tmp_path: Path) -> None:
    root = handed_over(scanned, tmp_path)
    one = run(root, "qc", JOB, "--new-round", "--sample", "50", "--dry-run")["rounds"][0]["documents"]
    other = run(root, "qc", JOB, "--new-round", "--sample", "50")["rounds"][0]
    assert one == other["documents"] and len(one) == 3 and other["of"] == 6


def test_errors_stay_until_they_were_looked_at_again_and_never_go(scanned: Archive, tmp_path: Path) -> None:
    wrong = {"Mã tài liệu": f"{FILES[0]}.0000001", "Loại lỗi": "biên mục", "Mô tả lỗi": "Sai ngày ban hành"}
    root = checked(scanned, tmp_path, wrong)
    target = tmp_path / "2.csv"
    run(root, "qc", JOB, "--list", str(target))
    run(root, "qc", JOB, "--take-in", str(fill_in(target, {**wrong, "Lỗi số": "1", "Khắc phục": "đã sửa"})))
    run(root, "qc", JOB, "--list", str(target), "--force")
    run(root, "qc", JOB, "--take-in", str(fill_in(target, {**wrong, "Lỗi số": "", "Loại lỗi": "", "Mô tả lỗi": "",
                                                           "Khắc phục": "", "Kết quả kiểm tra": "đạt"})))
    (error,) = run(root, "show", JOB)["rounds"][0]["errors"]
    assert error["state"] == "corrected" and error["n"] == 1
    assert codes(run(root, "accept", JOB, *PEOPLE, code=5)) == ["SCAN-013"]
    done = CliRunner().invoke(luutru, ["--root", str(root), "scan", "qc", JOB, "--new-round"])
    assert isinstance(done.exception, RefusedError)
    with scanned.catalogue.session() as session:
        (row,) = session.scalars(select(model.ScanJobError))
    assert (row.error_class, row.state, row.document) == ("catalogue", "corrected", f"{FILES[0]}.0000001")


@pytest.mark.parametrize("change", [
    {"Mã tài liệu": "H99.2026.09.VP.0000001"}, {"Kết quả kiểm tra": "có lẽ"}, {"Kết quả kiểm tra": "không đạt"},
    {"Loại lỗi": "chính tả", "Mô tả lỗi": "x"}, {"Loại lỗi": "số hóa"}, {"Loại lỗi": "số hóa", "Lỗi số": "7"},
    {"Loại lỗi": "số hóa", "Mô tả lỗi": "x", "Trang lỗi": "3"},
    {"Loại lỗi": "số hóa", "Mô tả lỗi": "x", "Khắc phục": "sắp"},
    {"Loại lỗi": "số hóa", "Mô tả lỗi": "x", "Khắc phục": "bác bỏ"}])
def test_a_line_that_cannot_be_understood_takes_the_whole_list_back(scanned: Archive, tmp_path: Path,
                                                                    change: dict[str, str]) -> None:
    root, target = handed_over(scanned, tmp_path), tmp_path / "q.csv"
    run(root, "qc", JOB, "--list", str(target))
    rows = list(csv.DictReader(fill_in(target).read_text(encoding="utf-8-sig").splitlines()))
    rows[2] |= change
    with target.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert codes(run(root, "qc", JOB, "--take-in", str(target), code=5)) == ["SCAN-018"]
    assert {one["verdict"] for one in run(root, "show", JOB)["rounds"][0]["documents"]} == {""}


def test_a_file_that_is_no_table_is_told(scanned: Archive, tmp_path: Path) -> None:
    root = handed_over(scanned, tmp_path)
    run(root, "qc", JOB, "--new-round")
    for name, data in (("a.xlsx", b"PK\x03\x04 broken"), ("b.csv", b"\x00\x01\x02"),
                       ("c.csv", "Một;Hai\n1;2\n".encode())):
        (tmp_path / name).write_bytes(data)
        assert codes(run(root, "qc", JOB, "--take-in", str(tmp_path / name), code=5)) == ["SCAN-019"]


def test_an_error_stays_with_its_document(scanned: Archive, tmp_path: Path) -> None:
    wrong = {"Mã tài liệu": f"{FILES[0]}.0000001", "Loại lỗi": "biên mục", "Mô tả lỗi": "Sai ngày ban hành"}
    root, target = checked(scanned, tmp_path, wrong), tmp_path / "2.csv"
    run(root, "qc", JOB, "--list", str(target))
    moved = {**wrong, "Mã tài liệu": f"{FILES[0]}.0000002", "Lỗi số": "1", "Khắc phục": "đã kiểm tra lại"}
    answer = run(root, "qc", JOB, "--take-in", str(fill_in(target, moved)), code=5)
    assert codes(answer) == ["SCAN-018"]


# --- acceptance ----------------------------------------------------------------------------------------


def test_nothing_is_accepted_before_its_quality_was_checked(scanned: Archive, tmp_path: Path) -> None:
    root = handed_over(scanned, tmp_path)
    assert codes(run(root, "accept", JOB, *PEOPLE, code=5)) == ["SCAN-014"]
    target = tmp_path / "q.csv"
    run(root, "qc", JOB, "--list", str(target))
    run(root, "qc", JOB, "--take-in", str(fill_in(target, verdict="")))
    assert codes(run(root, "accept", JOB, *PEOPLE, code=5)) == ["SCAN-014"]


def test_scans_that_came_after_the_check_are_checked_too(scanned: Archive, tmp_path: Path) -> None:
    root = checked(scanned, tmp_path)
    with scanned.catalogue.session() as session:
        session.execute(model.Document.__table__.update().values(legal_value="signed_copy"))  # type: ignore[attr-defined]
    answer = run(root, "accept", JOB, *PEOPLE, *EXPLAINED, code=5)
    assert "SCAN-014" in [one["code"] for one in answer["findings"] if one["level"] == "refused"]


def test_unsigned_scans_are_not_accepted_whatever_is_explained(scanned: Archive, tmp_path: Path) -> None:
    with scanned.catalogue.session() as session:
        row = session.scalars(select(model.Document).where(model.Document.code == f"{FILES[0]}.0000001")).one()
        row.legal_value = "unsigned_information"
        session.add(model.File(document=row.code, path="a.pdf", role="access", name="a.pdf", format="pdf", size=1,
                               sha256="0" * 64, sha512="0" * 128))
    root = checked(scanned, tmp_path)
    answer = run(root, "accept", JOB, *PEOPLE, *EXPLAINED, code=5)
    assert codes(answer) == ["SCAN-012"] and row.code in answer["findings"][0]["params"]["documents"]
    assert "12.3.c" in rules()["SCAN-012"].article


@pytest.mark.parametrize(("changed", "code"), [((4, 4), "SCAN-009"), ((3, 7), "SCAN-010"), ((3, 2), "SCAN-010")])
def test_counts_that_differ_need_an_explanation_which_stands_in_the_minutes(
        scanned: Archive, tmp_path: Path, changed: tuple[int, int], code: str) -> None:
    rows = [[1, "01", FILES[0], "", *changed, "Tốt", "", ""], [2, "01", FILES[1], "", 3, 4, "Tốt", "", ""]]
    root, target = handed_over(scanned, tmp_path, *rows), tmp_path / "q.csv"
    run(root, "qc", JOB, "--list", str(target))
    run(root, "qc", JOB, "--take-in", str(fill_in(target)))
    assert codes(run(root, "accept", JOB, *PEOPLE, code=5)) == [code]
    answer = run(root, "accept", JOB, *PEOPLE, *EXPLAINED, code=3)
    assert [one["level"] for one in answer["findings"]] == ["warning"] and answer["state"] == "accepted"
    told = next(text for name, text in papers(scanned).items() if "acceptance" in name)
    assert "Đã đối chiếu với bản giấy" in told and FILES[0] in told


def test_a_case_file_without_scans_is_told(scanned: Archive, tmp_path: Path) -> None:
    with scanned.catalogue.session() as session:
        session.add(model.FilePlanEntry(fonds="H99", year=2026, notation="03.VP", title="Hồ sơ trống", position=1))
    rows = [[n, "", code, "", "", 4, "Tốt", "", ""] for n, code in enumerate((*FILES, "H99.2026.03.VP"), 1)]
    root, target = handed_over(scanned, tmp_path, *rows), tmp_path / "q.csv"
    run(root, "qc", JOB, "--list", str(target))
    run(root, "qc", JOB, "--take-in", str(fill_in(target)))
    answer = run(root, "accept", JOB, *PEOPLE, code=5)
    assert codes(answer) == ["SCAN-011"] and answer["findings"][0]["subject"] == "H99.2026.03.VP"


def test_scans_that_wait_for_a_person_are_told(scanned: Archive, tmp_path: Path) -> None:
    root = checked(scanned, tmp_path)
    stamp = clock.stamp(clock.now())
    with scanned.catalogue.session() as session:
        session.add_all(model.Item(
            id=name, source="inbox", name=f"quet/{name}", size=1, sha256=name, sha512=name, received_at=stamp,
            legal_received_at=stamp, receipt_rule="LS", batch="x", state="quarantine", document="", fields={},
            facts={"digitise": {"scan": True, "pages": []}})
            for name in (f"{FILES[0]}.0000009.pdf", "H99.2026.05.VP.0000001.pdf"))
    answer = run(root, "accept", JOB, *PEOPLE, code=5)
    assert codes(answer) == ["SCAN-015"] and answer["findings"][0]["params"]["names"] == f"quet/{FILES[0]}.0000009.pdf"
    assert run(root, "accept", JOB, *PEOPLE, *EXPLAINED, code=3)["written"]


# --- return --------------------------------------------------------------------------------------------


def returned(path: Path, *rows: tuple[str, object, str]) -> Path:
    path.write_text("\n".join(["Mã hồ sơ;Số tờ trả;Ghi chú", *(";".join(map(str, row)) for row in rows)]), "utf-8")
    return path


def test_originals_stay_until_a_copy_holds_the_scans(scanned: Archive, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    root = checked(scanned, tmp_path)
    run(root, "accept", JOB, *PEOPLE)
    answer = run(root, "return", JOB, *PEOPLE, "--as-handed-over", code=5)
    assert codes(answer) == ["SCAN-016"] and "12.7" in rules()["SCAN-016"].article
    assert run(root, "show", JOB)["state"] == "accepted"
    monkeypatch.setenv("LUUTRU_SCANS__RETURN_WITHOUT_BACKUP", "true")
    answer = run(root, "return", JOB, *PEOPLE, "--as-handed-over", code=3)
    assert [one["level"] for one in answer["findings"]] == ["warning"] and answer["state"] == "returned"


def test_sheets_that_do_not_come_back_need_a_reason(scanned: Archive, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    root = checked(scanned, tmp_path)
    run(root, "accept", JOB, *PEOPLE)
    held_by_a_copy(scanned, monkeypatch)
    told = returned(tmp_path / "tra.csv", (FILES[0], 3, ""))
    answer = run(root, "return", JOB, str(told), *PEOPLE, code=5)
    assert codes(answer) == ["SCAN-017"] and answer["findings"][0]["params"] == {"given": "4", "returned": "3"}
    returned(told, (FILES[0], 3, "Một tờ chuyển tu bổ"))
    assert run(root, "return", JOB, str(told), *PEOPLE, code=3)["state"] == "accepted"        # the other is to come
    returned(told, (FILES[1], 4, ""))
    assert run(root, "return", JOB, str(told), *PEOPLE)["state"] == "returned"
    first, second = [text for name, text in papers(scanned).items() if "return" in name]
    assert "Một tờ chuyển tu bổ" in first and "−1" in first and "1 (một) hồ sơ của đợt chưa trả" in first
    assert "đúng như khi bàn giao" in second


# --- a real night, and the report ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """A real scan after a night, unsigned, with a copy of the archive beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
        patch.setenv("LUUTRU_COPIES__PLACES", '["../sao"]')
        root = tmp_path_factory.mktemp("dem") / "kho"
        (root.parent / "sao").mkdir()
        made = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
        import_file_plan(made, SAMPLES / "file-plan.xlsx", "H99")
        for name in ("H99.2026.03.VTLT.0000006.pdf", "danh-sach-quet.csv"):
            shutil.copy(SAMPLES / "inbox" / "quet" / name, root / "inbox" / name)
        nightly.run(made)
        yield made
        made.close()


def test_a_night_brings_the_scans_of_a_job_and_its_copy_their_backup(night: Archive, tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_COPIES__PLACES", '["../sao"]')
    row = [1, "01", "H99.2026.03.VTLT", "", 1, 1, "Tốt", "", ""]
    root, target = handed_over(night, tmp_path, row), tmp_path / "q.csv"
    run(root, "qc", JOB, "--list", str(target))
    told = run(root, "show", JOB)["rounds"][0]["documents"]
    assert [one["case_file"] for one in told] == ["H99.2026.03.VTLT"]
    assert all(700 < one["score"] <= 1000 for one in told)
    run(root, "qc", JOB, "--take-in", str(fill_in(target)))
    answer = run(root, "accept", JOB, *PEOPLE, code=5)
    assert codes(answer) == ["SCAN-012"] and answer["told"]["backed_up"] == 1 and answer["told"]["of_copies"] == 1
    done = CliRunner().invoke(luutru, ["--root", str(root), "report", "digitised", "--job", JOB, "--json"])
    whole = json.loads(done.output)["total"]
    assert (whole["documents"], whole["pages"], whole["unsigned"], whole["without_backup"]) == (1, 1, 1, 0)


def test_the_report_of_a_job_counts_its_own_scans_only(scanned: Archive, tmp_path: Path) -> None:
    root = handed_over(scanned, tmp_path, [1, "", FILES[0], "", 3, 4, "Tốt", "", ""])
    done = CliRunner().invoke(luutru, ["--root", str(root), "report", "digitised", "--job", JOB, "--json"])
    assert json.loads(done.output)["total"]["documents"] == 3
    run(root, "new", "SH.2099.01", *PLAN[:-2], "--start", "01/01/2099")
    late = file_list(tmp_path / "g.csv", [1, "", FILES[1], "", 3, 4, "Tốt", "", ""])
    run(root, "import", "SH.2099.01", str(late))
    run(root, "hand-over", "SH.2099.01", *PEOPLE)
    done = CliRunner().invoke(luutru, ["--root", str(root), "report", "digitised", "--job", "SH.2099.01", "--json"])
    assert json.loads(done.output)["total"]["documents"] == 0       # what came before its first day is not its own


def test_a_person_reads_the_same_on_the_terminal(scanned: Archive, tmp_path: Path) -> None:
    rows = [[n, "01", code, "", 3, 40, "Tốt", "", ""] for n, code in enumerate(FILES, 1)]
    root = handed_over(scanned, tmp_path, *rows)
    runner, at = CliRunner(), ["--root", str(root), "scan"]
    assert JOB in runner.invoke(luutru, [*at, "list"], catch_exceptions=False).output
    shown = runner.invoke(luutru, [*at, "show", JOB], catch_exceptions=False).output
    assert all(code in shown for code in FILES) and "0003-hand-over" in shown
    refused = runner.invoke(luutru, [*at, "accept", JOB, *PEOPLE], catch_exceptions=False)
    assert refused.exit_code == 5 and "SCAN-014" in refused.output and refused.output.count("SCAN-010") == 2
    assert runner.invoke(luutru, [*at, "qc", JOB], catch_exceptions=False).exit_code == 0
    begun = runner.invoke(luutru, [*at, "qc", JOB, "--list", str(tmp_path / "q.xlsx")], catch_exceptions=False)
    assert begun.exit_code == 0 and "q.xlsx" in begun.output


# --- what is written down ------------------------------------------------------------------------------


def test_every_code_event_and_key_is_written_down(scanned: Archive, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    assert {kind for kind in scan_jobs.KINDS.values() if f"`{kind}`" not in page} == set()
    checked(scanned, tmp_path, {"Mã tài liệu": f"{FILES[0]}.0000001", "Loại lỗi": "số hóa", "Mô tả lỗi": "Mờ"})
    job = scan_jobs.read(scanned.store, JOB)
    keys = {*job.record, *job.files[0], *job.rounds[0], *job.rounds[0]["documents"][0], *job.rounds[0]["errors"][0]}
    keys |= {key for act in job.acts for key in act}
    assert {key for key in keys if f"`{key}`" not in page} == set()
    assert all(rules()[f"SCAN-{n:03d}"].level >= Level.warning for n in range(1, 20))
