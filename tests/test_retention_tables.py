"""Retention tables as data: read from what agencies have, refused with the reason, kept in every version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from archive import catalogue, clock
from archive.errors import RefusedError
from archive.findings import Level, rules, worst
from archive.opening import Archive, ownership
from archive.rebuild import rebuild
from retention.commands.retention import command
from retention.objects import ADMITS, catch_up
from retention.tables import keeping
from retention.tables.reading import read_period, read_table, shipped

TOLD = {"id": "mau2026", "instrument": "12/2026/QĐ-SNV", "valid_from": "2026-01-01", "approver": "Giám đốc Sở Nội vụ"}
ROWS = [("1", "Tập văn bản gửi chung", ""), ("1.1", "Gửi để biết", "5 năm"), ("1.2", "Hồ sơ nguyên tắc", "10 năm"),
        ("2", "Hồ sơ hội nghị tổng kết năm", "Vĩnh viễn"), ("3", "Công văn trao đổi", "2 năm")]


def csv_of(folder: Path, rows: Sequence[tuple[str, str, str]] = ROWS, name: str = "bang.csv") -> Path:
    path = folder / name
    lines = ["STT;Tên nhóm hồ sơ, tài liệu;Thời hạn lưu trữ", *(";".join(f'"{cell}"' for cell in row) for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def codes(path: Path, **told: str) -> list[str]:
    return [one.code for one in read_table(path, **{**TOLD, **told}).findings]


def luutru(archive: Archive, *arguments: str) -> Result:
    done = CliRunner().invoke(command, list(arguments), obj=archive.settings.root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_table_is_read_with_its_headings_rows_and_periods(tmp_path: Path) -> None:
    table = read_table(csv_of(tmp_path), **TOLD)
    assert table.findings == ()
    assert [(row.code, row.kind, row.years) for row in table.rows] == [
        ("1.1", "years", 5), ("1.2", "years", 10), ("2", "permanent", 0), ("3", "years", 2)]
    assert table.rows[0].description == "Tập văn bản gửi chung: Gửi để biết"


def test_a_workbook_says_the_same_as_the_csv_file(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.create_sheet("Bảng", 0)
    sheet.append(["BẢNG THỜI HẠN LƯU TRỮ"])
    sheet.append(["STT", "Tên nhóm hồ sơ, tài liệu", "Thời hạn lưu trữ"])
    sheet.append(["(1)", "(2)", "(3)"])
    for row in ROWS:
        sheet.append(row)
    book.save(tmp_path / "bang.xlsx")
    assert read_table(tmp_path / "bang.xlsx", **TOLD).rows == read_table(csv_of(tmp_path), **TOLD).rows


def test_the_table_of_2011_is_whole_and_marked_as_legacy() -> None:
    table = read_table(shipped()["tt09_2011"])
    assert (len(table.rows), table.legacy, table.valid_to) == (276, True, "2023-02-14")
    kinds = [row.kind for row in table.rows]
    assert (kinds.count("permanent"), kinds.count("years"), kinds.count("event")) == (117, 136, 23)
    contract = next(row for row in table.rows if row.code == "65")
    assert (contract.kind, contract.years) == ("event", 5)
    assert [one.code for one in table.findings] == ["RETAIN-010"]


@pytest.mark.parametrize(("rows", "told", "code"), [
    ([*ROWS, ("3", "Trùng", "5 năm")], {}, "RETAIN-004"),
    ([*ROWS, ("4", "", "5 năm")], {}, "RETAIN-005"),
    ([*ROWS, ("4", "Không rõ", "lâu dài")], {}, "RETAIN-006"),
    ([*ROWS, ("7", "Cách quãng", "5 năm")], {}, "RETAIN-007"),
    ([*ROWS, ("4", "Quá ngắn", "1 năm")], {}, "RETAIN-008"),
    ([*ROWS, ("4", "Quá dài", "71 năm")], {}, "RETAIN-008"),
    ([*ROWS, ("4", "Quá dài", "75 năm")], {"valid_from": "2011-01-01"}, "RETAIN-009"),
    ([*ROWS, ("4", "Theo sự kiện", "5 năm sau khi chấm dứt hợp đồng")], {}, "RETAIN-011"),
    (ROWS, {"approver": ""}, "RETAIN-003"), (ROWS, {"valid_from": "01/01/2026"}, "RETAIN-003"),
    (ROWS, {"valid_to": "2025-12-31"}, "RETAIN-003"), (ROWS, {"id": "Bảng 1"}, "RETAIN-003")])
def test_each_fault_of_a_table_is_told(tmp_path: Path, rows: list[tuple[str, str, str]], told: dict[str, str],
                                       code: str) -> None:
    assert codes(csv_of(tmp_path, rows), **told) == [code]


@pytest.mark.parametrize(("name", "content", "code"), [
    ("a.xlsx", b"PK\x03\x04 damaged", "RETAIN-001"), ("a.yaml", b"rows: [\n", "RETAIN-001"),
    ("a.yaml", b"x: &a [1]\nrows: [*a]\n", "RETAIN-001"), ("a.yaml", b"rows: none", "RETAIN-002"),
    ("a.yaml", b"\xff\xfe\x00", "RETAIN-001"), ("a.csv", b"a,b,c\n1,2,3\n", "RETAIN-002"),
    ("a.csv", b"", "RETAIN-002")])
def test_a_file_that_is_no_table_says_so(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert code in codes(tmp_path / name)


@with_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.binary(max_size=300), st.sampled_from([".csv", ".yaml", ".xlsx"]))
def test_no_file_crashes_the_reading(tmp_path: Path, content: bytes, suffix: str) -> None:
    (tmp_path / f"x{suffix}").write_bytes(content)
    assert worst(read_table(tmp_path / f"x{suffix}", **TOLD).findings) >= Level.refused


@given(st.text(max_size=40))
def test_any_period_is_read_or_not(text: str) -> None:
    read = read_period(text)
    assert read is None or (read[0] in ("permanent", "years", "event") and read[1] >= 0)


def test_every_version_of_a_table_is_kept(archive: Archive, tmp_path: Path, stopped_clock: object) -> None:
    path = csv_of(tmp_path)
    with ownership(archive):
        assert keeping.import_table(archive, read_table(path, **TOLD), path, by="Lan", at=clock.now()).version == 1
        again = keeping.import_table(archive, read_table(path, **TOLD), path, by="Lan", at=clock.now())
        assert (again.version, again.table.findings[-1].code) == (0, "RETAIN-013")
        second = csv_of(tmp_path, [*ROWS[:-1], ("3", "Công văn trao đổi", "5 năm")], "bang2.csv")
        assert keeping.import_table(archive, read_table(second, **TOLD), second, by="Lan", at=clock.now()).version == 2
    with archive.catalogue.session() as session:
        old, new = keeping.rule_of(session, "mau2026@1:3"), keeping.rule_of(session, "mau2026:3")
        assert old is not None and new is not None and (old.years, new.years) == (2, 5)
        assert [one.version for one in keeping.tables(session)] == [2]
        before = catalogue.rows(session)
    held = archive.store.files(keeping.OBJECT)
    assert archive.store.read(keeping.OBJECT, "tables/mau2026/0001-received.csv") == path.read_bytes()
    assert {"tables/mau2026/0001.json", "tables/mau2026/0002.json"} <= set(held)
    rebuild(archive, admits=ADMITS)
    with archive.catalogue.session() as session:
        assert catalogue.rows(session) == before
    assert [line.kind for line in archive.ledger.lines()].count("retention_table_imported") == 2


def test_tables_that_overlap_in_one_scope_are_told(archive: Archive, tmp_path: Path, stopped_clock: object) -> None:
    path = csv_of(tmp_path)
    with ownership(archive):
        keeping.import_table(archive, read_table(path, **TOLD), path, by="Lan", at=clock.now())
        other = keeping.import_table(archive, read_table(path, **{**TOLD, "id": "khac"}), path, by="Lan",
                                     at=clock.now())
        assert [one.code for one in other.table.findings] == ["RETAIN-012"]
        apart = keeping.import_table(archive, read_table(path, **{**TOLD, "id": "y-te"}, scope="Y tế"), path,
                                     by="Lan", at=clock.now())
        assert apart.table.findings == ()


def test_a_refused_table_is_not_kept(archive: Archive, tmp_path: Path, stopped_clock: object) -> None:
    path = csv_of(tmp_path, [*ROWS, ("4", "Quá dài", "71 năm")])
    with ownership(archive), pytest.raises(RefusedError):
        keeping.import_table(archive, read_table(path, **TOLD), path, by="Lan", at=clock.now())
    assert not archive.store.has(keeping.OBJECT)
    done = luutru(archive, "import", str(path), "--id", "x", "--instrument", "1/2026", "--from", "2026-01-01",
                  "--approver", "Lan", "--json")
    assert done.exit_code == 5
    assert [one["code"] for one in json.loads(done.stdout)["findings"]] == ["RETAIN-008"]


def test_an_import_killed_before_the_ledger_is_told_by_the_next_owner(
        archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_clock: object) -> None:
    path = csv_of(tmp_path)
    with monkeypatch.context() as patched, ownership(archive), pytest.raises(KeyboardInterrupt):
        patched.setattr(keeping, "admit", stop)
        keeping.import_table(archive, read_table(path, **TOLD), path, by="Lan", at=clock.now())
    with ownership(archive):
        catch_up(archive)
    with archive.catalogue.session() as session:
        assert [one.id for one in keeping.tables(session)] == ["mau2026"]
    assert [line.kind for line in archive.ledger.lines()][-1] == "retention_table_imported"


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_commands_import_list_and_show(archive: Archive, tmp_path: Path, stopped_clock: object) -> None:
    assert json.loads(luutru(archive, "tables", "--json").stdout) == {"tables": [], "shipped": ["tt09_2011"]}
    done = luutru(archive, "import", "tt09_2011", "--json")
    assert (done.exit_code, json.loads(done.stdout)["rows"]) == (0, 276)
    listed = json.loads(luutru(archive, "tables", "--json").stdout)
    assert (listed["shipped"], listed["tables"][0]["legacy"], listed["tables"][0]["version"]) == ([], True, 1)
    shown = json.loads(luutru(archive, "show", "tt09_2011", "--json").stdout)
    assert len(shown["rows"]) == 276
    assert "tt09_2011@1" in luutru(archive, "tables").stdout
    assert "70 năm" in luutru(archive, "show", "tt09_2011").stdout
    assert luutru(archive, "show", "none").exit_code == 2
    assert luutru(archive, "import", str(tmp_path / "none.csv")).exit_code == 2


def test_a_dry_run_keeps_nothing(archive: Archive, tmp_path: Path, stopped_clock: object) -> None:
    done = luutru(archive, "import", str(csv_of(tmp_path)), "--id", "x", "--instrument", "1/2026", "--from",
                  "2026-01-01", "--approver", "Lan", "--dry-run", "--json")
    assert (done.exit_code, json.loads(done.stdout)["version"]) == (0, 0)
    assert not archive.store.has(keeping.OBJECT)


def test_every_code_of_tables_has_its_sentences() -> None:
    found = {code for code in rules() if code.startswith("RETAIN-")}
    assert found == {f"RETAIN-{n:03d}" for n in range(1, 21)}
