"""Agency codes and fonds change; records keep theirs, the archive still knows what they meant, and a rebuild too."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import openpyxl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from archive import catalogue, clock, layout, model
from archive.agencies import Agency, table_of
from archive.agency_import import import_agencies
from archive.agency_tables import OBJECT, agencies_of, code_findings, held, read_agencies, shipped
from archive.commands import fonds
from archive.commands.agency import command
from archive.commands.fonds_succession import close, open_, reopen
from archive.correcting import correct_fonds
from archive.errors import RefusedError
from archive.file_plan_import import import_file_plan
from archive.findings import rules
from archive.fonds_succession import begin_fonds, close_fonds, reopen_fonds
from archive.opening import Archive, open_archive, ownership
from archive.rebuild import rebuild
from archive.settings import Settings
from ingest import nightly
from ingest.sources.edxml_header import QCVN, fields
from tests.conftest import NIGHT, ROOT

TABLE = """Mã định danh;Mã cũ;Tên cơ quan;Từ ngày;Đến ngày;Mã thay thế;Căn cứ
H99;000.00.00.H99;Sở Nội vụ tỉnh Mẫu;15/09/2020;;;QĐ mẫu
H98;;UBND tỉnh Cũ;15/09/2020;30/06/2025;H97;NQ mẫu
H97;;UBND tỉnh Mới;01/07/2025;;;NQ mẫu
"""


def table_file(folder: Path, text: str = TABLE, name: str = "ma-co-quan.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8-sig")
    return path


def line(code: str, name: str = "", ends: date | None = None, successor: str = "", alias_of: str = "") -> Agency:
    return Agency(code, "", name, None, ends, successor, alias_of)


# --- the table ---------------------------------------------------------------------------------------------


def test_the_shipped_table_holds_what_is_published_and_nothing_that_is_guessed() -> None:
    table = shipped()
    assert table.findings == ()
    closed = {"G04", "G05", "G07", "G13", "G14", "G23", "G24", "G25", "G26", "G34", "G36", "G37"}
    assert set(table.lines) == {*closed, "H57", "K57"}
    for code in closed:
        assert table.resolve(code, date(2025, 4, 13)).status == "valid"
        assert table.resolve(code, date(2025, 4, 14)).status == "closed"
    for lines in table.lines.values():
        assert all(one.source and one.confidence in ("high", "medium") and not one.successor for one in lines)
    hue = table.resolve("H57", date(2026, 1, 1)).agency
    assert hue is not None and hue.name == "Ủy ban nhân dân thành phố Huế"
    assert "Thừa Thiên" in str(table.resolve("H57", date(2024, 1, 1)).agency)


def test_a_code_below_a_closed_one_went_with_it_under_either_form() -> None:
    table = shipped()
    for code in ("G04.12", "000.00.12.G04", "000.00.00.G04"):
        [found] = table.check(code, date(2026, 1, 1), "vb")
        assert found.code == "META-016" and code in found.sentence()
        assert table.check(code, date(2024, 1, 1), "vb") == []
    assert table.check("G09.12", date(2026, 1, 1), "vb") == []
    assert table.check("vxp.saas.03", date(2026, 1, 1), "vb") == []
    own = table.with_lines({"G04.12": (line("G04.12"),)})
    assert own.check("G04.12", date(2026, 1, 1), "vb") == []


def test_old_and_new_codes_of_one_agency_are_one_and_a_merged_agency_stays_another() -> None:
    table = table_of([
        line("H51.15", "Sở A"), line("000.00.15.H51", "Sở A"),
        line("000.00.16.H51", "Sở B"), line("H51.16", "Sở khác"),           # renumbered: the reading would be wrong
        line("000.00.17.H51", "Sở C", date(2020, 9, 14), "H51.71"), line("H51.71", "Sở C"),
        line("H52", "Tỉnh cũ", date(2025, 6, 30), "H53"), line("H53", "Tỉnh mới"), line("X", alias_of="H53")])
    assert table.canonical("000.00.15.H51") == "H51.15" == table.canonical("H51.15")
    assert table.canonical("000.00.16.H51") == "000.00.16.H51"
    assert table.canonical("000.00.17.H51") == "H51.71"
    assert table.canonical("H52") == "H52"
    assert table.canonical("x") == "H53"
    assert table.canonical("000.00.99.H51") == "H51.99"
    assert table.codes_of("H51.71") == ("000.00.17.H51", "H51.71")


def test_the_old_code_of_a_closed_agency_is_closed_with_the_new_one(tmp_path: Path) -> None:
    table = read_agencies(table_file(tmp_path, "Mã định danh;Mã cũ;Tên cơ quan;Từ ngày;Đến ngày;Mã thay thế\n"
                                     "H51.15;000.00.15.H51;Sở cũ;15/09/2020;30/06/2025;H51.16\nH51.16;;Sở mới;;;\n"))
    [old] = table.lines["000.00.15.H51"]
    assert (old.valid_to, table.last_day(old)) == (None, date(2025, 6, 30))         # the line stays as it was given
    for day, status in ((date(2019, 1, 1), "valid"), (date(2025, 6, 30), "valid"), (date(2025, 7, 1), "closed")):
        assert table.resolve("000.00.15.H51", day).status == status
    after = table.resolve("000.00.15.H51", date(2025, 7, 1))
    assert (after.chain, after.agency and after.agency.code) == (("000.00.15.H51", "H51.15", "H51.16"), "H51.16")
    assert [one.code for one in table.check("000.00.15.H51", date(2025, 7, 1), "vb")] == ["META-016"]
    later = table.with_lines({"H51.15": (line("H51.15", "Sở cũ"),)})                # taken back by a later table
    assert later.resolve("000.00.15.H51", date(2026, 1, 1)).status == "valid"


@given(st.lists(st.tuples(*[st.sampled_from(["A", "B", "C", "000.00.00.H01", "H01", ""])] * 3), max_size=6))
def test_no_circle_of_aliases_or_successors_is_walked_for_ever(rows: list[tuple[str, str, str]]) -> None:
    table = table_of(line(code, ends=None if number % 2 else date(2020, 1, 1), successor=successor, alias_of=alias)
                     for number, (code, successor, alias) in enumerate(rows) if code)
    for code in ("A", "B", "C", "000.00.00.H01", "H01"):
        table.canonical(code)
        table.resolve(code, date(2026, 1, 1))
        table.check(code, date(2026, 1, 1), "vb")


def test_a_workbook_with_vietnamese_headings_and_both_codes_in_a_row_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in ([], ["BẢNG MÃ ĐỊNH DANH"], ["STT", "Mã định danh", "code102", "Tên cơ quan", "Từ ngày"],
                [1, "H99.01", "000.00.01.H99", "Văn phòng", date(2020, 9, 15)], [2, "", "", "Thiếu mã", ""]):
        sheet.append(row)
    book.save(tmp_path / "ma.xlsx")
    table = read_agencies(tmp_path / "ma.xlsx")
    assert set(table.lines) == {"H99.01", "000.00.01.H99"}
    assert table.lines["H99.01"][0].valid_from == date(2020, 9, 15)
    assert table.lines["000.00.01.H99"][0].alias_of == "H99.01"
    assert [(one.code, one.params["line"]) for one in table.findings] == [("META-017", "5")]


@pytest.mark.parametrize(("data", "code"), [
    (b"PK\x03\x04 damaged", "AGENCY-001"), (b"\x00\x01\x02", "AGENCY-001"),
    ("Họ tên;Tuổi\nA;3\n".encode(), "AGENCY-002"),
    (b"", "AGENCY-002"), ("Mã\nH01\n".encode(), "AGENCY-002")])
def test_a_file_that_is_no_table_of_codes_is_refused_with_the_reason(tmp_path: Path, archive: Archive, data: bytes,
                                                                     code: str) -> None:
    path = tmp_path / "ma.csv"
    path.write_bytes(data)
    assert [one.code for one in read_agencies(path).findings] == [code]
    with pytest.raises(RefusedError):
        import_agencies(archive, path)
    assert not archive.store.has(OBJECT)


def test_every_code_of_this_section_has_a_case() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    assert {code for code in rules() if code.startswith("AGENCY-") and code not in tested} == set()


@given(data=st.binary(max_size=300))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any-codes.csv"
    path.write_bytes(b"code;name\n" + data)
    read_agencies(path)


def addressees(settings: Settings, *codes: str) -> str:
    """The field "to" of a message that is addressed to each of `codes`, every one under another name."""
    head = fromstring(f'<MessageHeader xmlns="{QCVN}">' + "".join(
        f"<To><OrganId>{code}</OrganId><OrganName>Sở {n}</OrganName></To>" for n, code in enumerate(codes, 1))
        + "</MessageHeader>")
    facts = {"trace": [], "identity": {"organId": ""}, "business": {}}
    return fields(head, facts, "thư", "H99", agencies_of(settings))[0].get("to", "")


def test_a_receiver_that_is_addressed_by_two_of_its_codes_is_named_once(archive: Archive, tmp_path: Path) -> None:
    codes = ("H51.71", "000.00.17.H51", "H51.17", "000.00.15.H51", "H51.15")
    assert addressees(archive.settings, *codes) == "Sở 1; Sở 2; Sở 4"       # read mechanically: 17 and 71 are two
    import_agencies(archive, table_file(tmp_path, "code;code102;name\nH51.71;000.00.17.H51;Sở đổi mã\n"))
    assert addressees(archive.settings, *codes) == "Sở 1; Sở 3; Sở 4"       # the table says: 000.00.17.H51 is H51.71


# --- in the archive ----------------------------------------------------------------------------------------


def test_an_imported_table_counts_over_the_shipped_one_and_its_file_is_kept(archive: Archive, tmp_path: Path) -> None:
    path = table_file(tmp_path)
    _read, changes = import_agencies(archive, path, dry_run=True)
    assert {one.kind for one in changes} == {"added"} and not archive.store.has(OBJECT)
    import_agencies(archive, path)
    table = agencies_of(archive.settings)
    assert {"H99", "000.00.00.H99", "H98", "H97", "G04"} <= set(table.lines)
    assert archive.store.read(OBJECT, "metadata/agencies-received.csv") == path.read_bytes()
    version = archive.store.version(OBJECT)
    _read, again = import_agencies(archive, path)
    assert {one.kind for one in again} == {"same"} and archive.store.version(OBJECT) == version
    import_agencies(archive, table_file(tmp_path, "code,name,valid_to\nG04,Tên mới,01/05/2025\n", "ma2.csv"))
    table = agencies_of(archive.settings)
    assert table.lines["G04"][0].valid_to == date(2025, 5, 1) and "H98" in table.lines
    assert [one.data["version"] for one in archive.ledger.lines() if one.kind == "agencies_imported"] == [1, 2]


def test_an_import_that_was_killed_before_the_ledger_is_finished_by_saying_it_again(
        archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table_file(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("archive.agency_import.record", killed)
        with pytest.raises(KeyboardInterrupt):
            import_agencies(archive, path)
    import_agencies(archive, path)
    assert [one.kind for one in archive.ledger.lines()].count("agencies_imported") == 1
    assert archive.store.version(OBJECT) == 1


def test_a_table_without_a_usable_line_is_refused(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="không có dòng nào"):        # AGENCY-003
        import_agencies(archive, table_file(tmp_path, "code,name\n,Không mã\n"))


def test_the_table_survives_a_rebuild_because_the_store_holds_it(archive: Archive, tmp_path: Path) -> None:
    import_agencies(archive, table_file(tmp_path))
    before = held(archive.store).lines
    with archive.catalogue.session() as session:
        rows = catalogue.rows(session)
    rebuild(archive)
    with archive.catalogue.session() as session:
        assert catalogue.rows(session) == rows
    assert held(archive.store).lines == before


def test_a_record_with_a_code_that_was_not_in_force_is_told(archive: Archive, tmp_path: Path) -> None:
    import_agencies(archive, table_file(tmp_path))

    def told(**fields: str) -> list[tuple[str, str]]:
        return [(one.code, one.params.get("value", "")) for one in code_findings(fields, archive.settings, "vb")]

    assert told(organId="H98", issuedDate="01/07/2025") == [("META-016", "H98")]
    assert told(organId="H98", issuedDate="30/06/2025") == []
    assert told(organId="H98", issuedDate="07/2025") == told(organId="lạ", issuedDate="01/07/2025") == []
    assert told(fileCode="H98.2026.01.VP") == [("META-016", "H98")]
    assert told(fileCode="H98.2025.01.VP") == told(fileCode="rubbish") == []
    assert told(organId="H98", issuedDate="01/07/2026", fileCode="H98.2026.01.VP") == [("META-016", "H98")]
    assert told(fileCode="000.00.00.H99.2026.01.VP") == [("FILE-006", "")]


def night(archive: Archive, *rows: str) -> None:
    """One night with a text for each row "name;code;date;number;type;issuer" of a registry list."""
    inbox = archive.settings.path(archive.settings.ingest.inbox[0])
    for row in rows:
        name = row.split(";")[0]
        (inbox / name).write_text(f"Báo cáo công tác lưu trữ {name}", encoding="utf-8")
    (inbox / "danh sach.csv").write_text("Tên tệp;Mã hồ sơ;Ngày ban hành;Trích yếu\n" + "".join(
        f"{row};Báo cáo\n" for row in rows), "utf-8")
    assert nightly.run(archive).findings == []


@pytest.fixture
def planned(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    import_file_plan(archive, ROOT / "samples" / "file-plan.csv", "H99")
    return archive


def filed(archive: Archive) -> dict[str, list[str]]:
    with archive.catalogue.session() as session:
        found: dict[str, list[str]] = {}
        for row in session.query(model.Item).order_by(model.Item.name):
            codes = [one.code for one in session.query(model.ItemFinding).filter_by(item=row.id)]
            found[row.name] = [row.state, row.document, *(code for code in codes if code.startswith("FILE-"))]
        return found


def test_a_file_code_with_the_old_code_of_our_agency_finds_the_fonds_and_keeps_its_words(planned: Archive) -> None:
    night(planned, "cu.txt;000.00.00.H99.2026.01.VP;05/03/2026", "moi.txt;H99.2026.01.VP;06/03/2026",
          "la.txt;H12.2026.01.VP;06/03/2026")
    found = filed(planned)
    assert found["cu.txt"] == ["stored", "H99.2026.01.VP.0000001", "FILE-006"]
    assert found["moi.txt"] == ["stored", "H99.2026.01.VP.0000002"]
    assert found["la.txt"][2:] == ["FILE-004"]
    record = json.loads(planned.store.read(layout.casefile_object("H99.2026.01.VP"), layout.record_path(1)))
    assert (record["fields"]["fileCode"], record["case_file"]) == ("000.00.00.H99.2026.01.VP", "H99.2026.01.VP")


def test_a_fonds_held_under_the_old_code_takes_a_file_code_with_the_new_one(planned: Archive) -> None:
    plan = planned.settings.root / "plan.csv"
    plan.write_bytes((ROOT / "samples" / "file-plan.csv").read_bytes())
    import_file_plan(planned, plan, "000.00.15.H51", "Sở cũ")
    night(planned, "moi.txt;H51.15.2026.01.VP;05/03/2026")
    assert filed(planned)["moi.txt"][:2] == ["stored", "000.00.15.H51.2026.01.VP.0000001"]
    import_file_plan(planned, plan, "H51.15", "Sở mới")     # both are held now: each file code means its own
    night(planned, "cu.txt;000.00.15.H51.2026.02.VP;05/03/2026", "nua.txt;H51.15.2026.02.VP;05/03/2026")
    assert filed(planned)["nua.txt"][:2] == ["stored", "H51.15.2026.02.VP.0000001"]
    assert filed(planned)["cu.txt"][:2] == ["stored", "000.00.15.H51.2026.02.VP.0000001"]


# --- the end of a fonds -------------------------------------------------------------------------------------


def test_a_closed_fonds_takes_late_documents_of_its_time_and_no_new_case_file_after_it(planned: Archive) -> None:
    close_fonds(planned, "H99", date(2026, 6, 30), "H97", "NQ mẫu về sáp nhập", actor="lan")
    night(planned, "truoc.txt;H99.2026.01.VP;30/06/2026", "sau.txt;H99.2026.02.VP;01/07/2026")
    found = filed(planned)
    assert found["truoc.txt"][0] == "stored"
    assert found["sau.txt"] == ["quarantine", "", "FILE-007"]
    with planned.catalogue.session() as session:
        params = session.query(model.ItemFinding).filter_by(code="FILE-007").one().params
    assert (params["successor"], params["closed"]) == ("H97", "30/06/2026")
    [event] = [one for one in planned.ledger.lines() if one.kind == "fonds_closed"]
    assert (event.subject, event.actor, event.data["reason"]) == ("H99", "lan", "NQ mẫu về sáp nhập")


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_end_of_a_fonds_survives_a_kill_and_a_rebuild_and_can_be_taken_back(planned: Archive) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archive.fonds_succession.record", killed)
        with pytest.raises(KeyboardInterrupt):
            close_fonds(planned, "H99", date(2026, 6, 30), "H97", "NQ mẫu")
    for _ in range(2):                                                    # said again: one event
        close_fonds(planned, "H99", date(2026, 6, 30), "H97", "NQ mẫu")
    with planned.catalogue.session() as session:
        rows = catalogue.rows(session)
    rebuild(planned)
    with planned.catalogue.session() as session:
        assert catalogue.rows(session) == rows
        assert session.get_one(model.Fonds, "H99").valid_to == "2026-06-30"
    reopen_fonds(planned, "H99", "ghi nhầm")
    with planned.catalogue.session() as session:
        assert session.get_one(model.Fonds, "H99").valid_to == ""
    kinds = [one.kind for one in planned.ledger.lines() if one.kind.startswith("fonds_")]
    assert kinds == ["fonds_opened", "fonds_closed", "fonds_reopened"]


def test_the_end_of_a_fonds_and_corrections_of_its_description_do_not_undo_each_other(planned: Archive) -> None:
    def correct(name: str) -> None:
        with ownership(planned):
            correct_fonds(planned, "H99", {"fondName": name}, "ghi sai tên", by="lan")

    correct("Sở Nội vụ cũ")
    close_fonds(planned, "H99", date(2026, 6, 30), "H97", "NQ mẫu")
    correct("Sở Nội vụ tỉnh Mẫu (cũ)")
    with planned.catalogue.session() as session:
        row = session.get_one(model.Fonds, "H99")
        assert (row.name, row.valid_to, row.successor) == ("Sở Nội vụ tỉnh Mẫu (cũ)", "2026-06-30", "H97")
        rows = catalogue.rows(session)
    kinds = [one.kind for one in planned.ledger.lines() if one.kind.startswith("fonds_")]
    assert kinds == ["fonds_opened", "fonds_corrected", "fonds_closed", "fonds_corrected"]
    rebuild(planned)
    with planned.catalogue.session() as session:
        assert catalogue.rows(session) == rows


@pytest.mark.parametrize(("code", "successor", "reason"), [
    ("H12", "", "lý do"), ("H99", "H99", "lý do"), ("H99", "H97", " "), ("H99", "H98", "lý do"),
    ("H99", "không phải mã", "lý do"), ("H99", "H97." + "1" * 40, "lý do")])
def test_an_end_that_cannot_be_is_refused_and_changes_nothing(planned: Archive, code: str, successor: str,
                                                             reason: str) -> None:
    import_file_plan(planned, ROOT / "samples" / "file-plan.csv", "H98", "Cơ quan khác")
    close_fonds(planned, "H98", date(2025, 6, 30), "H99", "NQ mẫu")
    before = planned.ledger.seq
    with pytest.raises(RefusedError):
        close_fonds(planned, code, date(2026, 6, 30), successor, reason)
    assert planned.ledger.seq == before


# --- commands ------------------------------------------------------------------------------------------------


def run(group: Any, archive: Archive, *words: str) -> Any:
    done = CliRunner().invoke(group, list(words), obj=archive.settings.root, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output) if "--json" in words else done.output


def test_the_commands_import_show_and_list_the_table(archive: Archive, tmp_path: Path) -> None:
    path = table_file(tmp_path)
    assert run(command, archive, "import", str(path), "--dry-run", "--json")["imported"] is False
    assert "H98" in run(command, archive, "import", str(path))
    told = run(command, archive, "show", "H98", "--on", "01/07/2026", "--json")
    assert (told["status"], told["agency"]["code"], told["chain"]) == ("closed", "H97", ["H98", "H97"])
    old = run(command, archive, "show", "000.00.00.H99", "--json")
    assert (old["canonical"], old["fonds"], old["scheme"]) == ("H99", "H99", "qcvn102")
    assert "H97" in run(command, archive, "show", "H98", "--on", "01/07/2026")
    assert "META-016" in run(command, archive, "show", "000.00.12.G04", "--on", "01/07/2026")
    assert run(command, archive, "show", "vxp.saas.03", "--json")["known_scheme"] is False
    plain = " ".join(run(command, archive, "show", "H98", "--on", "01/07/2026").split())
    assert "H98 → H97 UBND tỉnh Mới" in plain and "01/07/2026: UBND tỉnh Cũ" in plain
    unknown = run(command, archive, "show", "vxp.saas.03")
    assert "không có trong bảng mã" in unknown and "Mã định danh cơ quan" not in unknown
    codes = [one["code"] for one in run(command, archive, "list", "--on", "01/07/2026", "--json")]
    assert "H97" in codes and "H98" not in codes and "G04" not in codes
    assert "G04" in run(command, archive, "list")


def test_the_list_of_a_day_leaves_out_the_old_code_of_a_closed_agency(archive: Archive, tmp_path: Path) -> None:
    import_agencies(archive, table_file(tmp_path, "code;code102;name;valid_to\nH51.15;000.00.15.H51;Sở;30/06/2025\n"))
    codes = [one["code"] for one in run(command, archive, "list", "--on", "01/07/2025", "--json")]
    assert not {"H51.15", "000.00.15.H51"} & set(codes)
    before = run(command, archive, "list", "--on", "30/06/2025", "--json")
    assert [one["last_day"] for one in before if one["code"] == "000.00.15.H51"] == ["2025-06-30"]
    shown = run(command, archive, "show", "000.00.15.H51", "--on", "01/07/2025")
    assert shown.count("… – 30/06/2025") == 2


def test_the_commands_open_close_and_reopen_a_fonds(archive: Archive) -> None:
    opened = run(open_, archive, "H97", "--name", "Sở mới", "--from", "01/07/2026", "--json")
    assert opened["valid_from"] == "2026-07-01"
    for code in ("H97", "H 97", "", "H" * 36):
        with pytest.raises(RefusedError):
            begin_fonds(archive, code, "Sở mới")
    with pytest.raises(RefusedError):
        close_fonds(archive, "H97", date(2026, 6, 30), "", "kết thúc trước khi bắt đầu")
    told = run(close, archive, "H99", "--on", "30/06/2026", "--successor", "H97", "--reason", "NQ mẫu", "--json")
    assert told["valid_to"] == "2026-06-30"
    shown = run(fonds.command, archive, "show", "H99"), run(fonds.command, archive, "list")
    assert all("30/06/2026" in one and "2026-06-30" not in one for one in shown)
    again = open_archive(archive.settings)
    with again.catalogue.session() as session:
        assert session.get_one(model.Fonds, "H99").successor == "H97"
    again.close()
    run(reopen, archive, "H99", "--reason", "ghi nhầm")


def test_codes_with_brackets_or_in_small_letters_break_nothing(archive: Archive, tmp_path: Path) -> None:
    import_agencies(archive, table_file(tmp_path))
    assert "[/b]" in run(command, archive, "show", "[/b]")
    assert run(command, archive, "show", "h98", "--on", "01/07/2026", "--json")["status"] == "closed"
    assert CliRunner().invoke(command, ["show", " "], obj=archive.settings.root).exit_code == 2
