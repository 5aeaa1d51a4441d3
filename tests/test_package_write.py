"""`luutru package write`: only what may travel travels; an AIP is the stored one; the ledger says what went out."""

from __future__ import annotations

import errno
import hashlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from lxml import etree

from archive import layout, opening, settings
from archive.commands import casefile_close
from archive.errors import IntegrityError, NoRoomError, RefusedError, UsageError
from archive.findings import Finding
from archive.i18n import _
from archive.opening import Archive
from archive.packages import exporting, writing
from ingest.commands import package as package_command
from tests.conftest import NIGHT
from tests.package_samples import document, package
from tests.stored_documents import FILE, store_documents

FIELDS = {"typeName": "02", "codeNumber": "12", "codeNotation": "QĐ-UBND", "issuedDate": "15/01/2026",
          "organName": "UBND tỉnh mẫu", "subject": "Về việc kiện toàn tổ chức", "language": "01", "mode": "01",
          "numberOfPage": "1"}
PERMANENT = {"retention": "Vĩnh viễn"}


def run(command: Any, root: Path, *arguments: str) -> Result:
    done = CliRunner().invoke(command, list(arguments), obj=root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def write(root: Path, *arguments: str) -> Result:
    return run(package_command.command, root, "write", *arguments)


def kho_of(archive: Archive, *, closed: bool = True, documents: int = 2, **case_file: str) -> Path:
    """The folder of an archive with one case file."""
    described = [{**FIELDS, "codeNumber": str(n)} for n in range(1, documents + 1)]
    store_documents(archive, described, case_file={**PERMANENT, **case_file})
    root = archive.settings.root
    if closed:
        done = run(casefile_close.close, root, FILE, "--force", "--reason", "thử")
        assert done.exit_code == 0, done.output
    return root


def events(root: Path) -> list[dict[str, Any]]:
    reopened = opening.open_archive(settings.load(root))
    found = [{"subject": line.subject, **line.data} for line in reopened.ledger.lines() if line.kind == "exported"]
    reopened.close()
    return found


@pytest.fixture(autouse=True)
def _clock(stopped_clock: object) -> None:
    """Every test stands in the same evening."""


def test_a_submission_is_written_named_and_told_to_the_ledger(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive)
    done = write(root, FILE, "--form", "sip_hoso", "--to", str(tmp_path / "ra"), "--request", "NL.BNV.2026.01",
                 "--ordinal", "7", "--force", "thử nghiệm", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["packages"][0]
    path = Path(told["path"])
    assert path.name == f"7{told['objid']}.zip"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == told["sha256"]
    with zipfile.ZipFile(path) as zipped:
        mets = etree.fromstring(zipped.read(f"{told['objid']}/METS.xml"))
        assert mets.get("OBJID") == told["objid"]
        assert "NL.BNV.2026.01" in "".join(mets.itertext())
        assert not [name for name in zipped.namelist() if "PREMIS" in name or "casefile.json" in name]
        data = zipped.read(f"{told['objid']}/representations/rep1/data/{FILE}.0000001.txt")
    assert data == f"Nội dung của {FILE}.0000001".encode()
    assert events(root) == [{"subject": FILE, "files": told["files"], "bytes": events(root)[0]["bytes"],
                             "to": path.name, "form": "sip_hoso", "objid": told["objid"],
                             "sha256": told["sha256"], "forced": "thử nghiệm"}]


@pytest.mark.parametrize("form", ["sip_hoso", "aip_hoso"])
def test_an_open_case_file_is_refused_with_the_cure(form: str, archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive, closed=False)
    with pytest.raises(RefusedError, match=f"luutru casefile close {FILE}") as refused:
        write(root, FILE, "--form", form, "--to", str(tmp_path / "ra"))
    assert refused.value.exit_code == 5
    assert not (tmp_path / "ra").exists()
    assert events(root) == []


def test_an_aip_is_the_stored_one_byte_for_byte(archive: Archive, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_PACKAGES__EVIDENCE", "[]")       # with it the root METS.xml lists more files
    root = kho_of(archive)
    done = write(root, FILE, "--form", "aip_hoso", "--to", str(tmp_path / "ra"))
    assert done.exit_code == 0, done.output
    [path] = (tmp_path / "ra").iterdir()
    reopened = opening.open_archive(settings.load(root))
    stored = {file: reopened.store.read(layout.casefile_object(FILE), file)
              for file in reopened.store.files(layout.casefile_object(FILE))}
    reopened.close()
    own = etree.fromstring(stored["METS.xml"]).get("OBJID") or ""
    assert own.startswith("urn:H99:uuid:")
    assert path.name == f"{own.replace(':', '_')}.zip"
    with zipfile.ZipFile(path) as zipped:
        assert {name: zipped.read(name) for name in zipped.namelist()} == {
            f"{path.stem}/{name}": data for name, data in stored.items()}
    again = write(root, FILE, "--form", "aip_hoso", "--to", str(tmp_path / "lai"), "--folder")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "lai" / path.stem / "METS.xml").read_bytes() == stored["METS.xml"]


def test_a_changed_byte_of_the_store_is_never_handed_out(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive)
    [place] = root.rglob(f"{FILE}.0000001.txt")
    place.write_bytes(b"x" * place.stat().st_size)
    for form in ("aip_hoso", "sip_hoso", "bagit"):
        with pytest.raises(IntegrityError):
            write(root, FILE, "--form", form, "--to", str(tmp_path / "ra"), "--force", "thử")
        assert list((tmp_path / "ra").iterdir()) == []
    assert events(root) == []


def test_a_submission_of_what_is_not_permanent_is_refused(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive, retention="20 năm")
    done = write(root, FILE, "--form", "sip_hoso", "--to", str(tmp_path / "ra"))
    assert done.exit_code == 5
    assert "WRITE-001" in done.output
    assert "mã “05”" in done.output
    assert not (tmp_path / "ra").exists()
    assert events(root) == []


def test_findings_are_told_and_the_dry_run_writes_nothing(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive)
    done = write(root, FILE, "--form", "sip_hoso", "--to", str(tmp_path / "ra"), "--dry-run", "--json", "--force", "x")
    codes = {one["code"] for one in json.loads(done.stdout)["packages"][0]["findings"]}
    assert {"WRITE-003", "WRITE-004"} <= codes
    assert "WRITE-001" not in codes
    assert json.loads(done.stdout)["written"] == 0
    assert not (tmp_path / "ra").exists()
    given = write(root, FILE, "--form", "sip_hoso", "--to", str(tmp_path / "ra"), "--dry-run", "--json",
                  "--request", "NL.BNV.2026.01", "--ordinal", "1")
    assert not {"WRITE-003", "WRITE-004"} & {one["code"] for one in json.loads(given.stdout)["packages"][0]["findings"]}


def test_a_thousand_alike_findings_do_not_flood_the_terminal(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive, documents=12, retention="20 năm")
    done = write(root, FILE, "--form", "sip_hoso", "--to", str(tmp_path / "ra"), "--dry-run")
    assert done.exit_code == 5
    assert "WRITE-001 ×13" in done.output
    assert done.output.count("mã “05”") == 3
    assert done.output.index("WRITE-001") < done.output.index("WRITE-003")


def test_texts_that_are_no_pdfa_are_named(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive, documents=5)
    done = write(root, FILE, "--form", "sip_hoso", "--to", str(tmp_path / "ra"), "--dry-run", "--json")
    [found] = [one for one in json.loads(done.stdout)["packages"][0]["findings"] if one["code"] == "WRITE-005"]
    assert found["params"] == {"count": "5", "names": f"{FILE}.0000001, {FILE}.0000002, {FILE}.0000003, …"}
    assert "WRITE-005" not in [one.code for one in exporting.faults(package("SIP_hoso"))]
    plain = replace(document("SIP_hoso").files[0], puid="fmt/18")
    ordinary = package("SIP_hoso", documents=[replace(document("SIP_hoso"), files=[plain])], holey=())
    assert "WRITE-005" in [one.code for one in exporting.faults(ordinary)]
    unknown = package("SIP_hoso", documents=[replace(document("SIP_hoso"), files=[replace(plain, puid="")])], holey=())
    assert "WRITE-005" not in [one.code for one in exporting.faults(unknown)]


def test_a_full_disk_leaves_nothing_and_is_told(archive: Archive, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    root = kho_of(archive)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(writing, "_copy", full)
    with pytest.raises(NoRoomError, match="ra"):
        write(root, FILE, "--form", "aip_hoso", "--to", str(tmp_path / "ra"))
    assert list((tmp_path / "ra").iterdir()) == []
    assert events(root) == []


def test_a_missing_required_field_is_refused(archive: Archive, tmp_path: Path) -> None:
    store_documents(archive, [{key: value for key, value in FIELDS.items() if key != "organName"}], case_file=PERMANENT)
    root = archive.settings.root
    assert run(casefile_close.close, root, FILE, "--force", "--reason", "thử").exit_code == 0
    done = write(root, FILE, "--form", "sip_hoso", "--to", str(tmp_path / "ra"), "--json")
    assert done.exit_code == 5
    refused = [one for one in json.loads(done.stdout)["packages"][0]["findings"] if one["level"] == "refused"]
    assert ("META-001", "organName") in {(one["code"], one["params"]["tag"]) for one in refused}
    assert not (tmp_path / "ra").exists()


def test_text_that_xml_cannot_carry_is_a_finding(archive: Archive) -> None:
    store_documents(archive, [{**FIELDS, "subject": "Về việc\x0b kiện toàn"}], case_file=PERMANENT)
    [planned] = exporting.plan(archive, [f"{FILE}.0000001"], exporting.Order("dip", fields={"requestID": "KT.1"}),
                               NIGHT)
    found = next(one for one in planned.findings if one.code == "WRITE-002")
    assert found.subject == f"{FILE}.0000001"
    assert found.params == {"place": "subject", "character": "U+000B", "position": "8"}


def test_several_case_files_are_numbered_on(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive)
    store_documents(archive, [FIELDS], code="H99.2026.02.VP", case_file=PERMANENT)
    assert run(casefile_close.close, root, "H99.2026.02.VP", "--force", "--reason", "thử").exit_code == 0
    done = write(root, FILE, "H99.2026.02.VP", FILE, "--form", "sip_hoso", "--to", str(tmp_path / "ra"),
                 "--ordinal", "4", "--force", "thử")
    assert done.exit_code == 0, done.output
    assert sorted(path.name[:5] for path in (tmp_path / "ra").iterdir()) == ["4uuid", "5uuid"]
    assert [one["subject"] for one in events(root)] == [FILE, "H99.2026.02.VP"]


def test_a_package_for_a_reader_carries_the_request(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive, closed=False)
    done = write(root, f"{FILE}.0000002", f"{FILE}.0000001", "--form", "dip", "--to", str(tmp_path / "ra"), "--folder",
                 "--set", "requestID=KT.2026.07", "--set", "requestDate=19/11/2026", "--set", "purpose=02",
                 "--set", "purposeContent=a = b", "--set", "feeObjectType=10", "--set", "researchTopic=Tổ chức",
                 "--force", "thử")
    assert done.exit_code == 0, done.output
    [folder] = (tmp_path / "ra").iterdir()
    ead = etree.parse(str(folder / "metadata/descriptive/EAD.xml"))
    assert ead.findtext("requestID") == "KT.2026.07"
    assert ead.findtext("purposeContent") == "a = b"
    assert {one["subject"] for one in events(root)} == {f"{FILE}.0000001", f"{FILE}.0000002"}


def test_a_request_without_its_fields_is_refused_with_the_options_to_add(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive, closed=False)
    done = write(root, f"{FILE}.0000001", "--form", "dip", "--to", str(tmp_path / "ra"), "--json")
    assert done.exit_code == 5
    [one] = json.loads(done.output)["packages"]
    missing = {found["params"]["tag"]: found for found in one["findings"] if found["code"] == "WRITE-006"}
    assert set(missing) == {"requestID", "requestDate", "purpose", "purposeContent", "feeObjectType", "researchTopic"}
    assert {found["subject"] for found in missing.values()} == {_("Reader's request")}
    assert "--set purpose=…" in Finding.from_dict(missing["purpose"]).cure()
    assert "META-001" not in {found["code"] for found in one["findings"] if found["subject"] == _("Reader's request")}


@pytest.mark.parametrize("form", ["sip_tailieu", "aip_tailieu"])
def test_a_package_of_loose_documents_carries_its_note(archive: Archive, tmp_path: Path, form: str) -> None:
    root = kho_of(archive, closed=False)
    words = [f"{FILE}.0000001", "--form", form, "--to", str(tmp_path / "ra"), "--title", "Văn bản đến", "--source", "1",
             "--folder", "--force", "thử", "--description", "Thiếu phụ lục"]
    assert write(root, *words).exit_code == 0
    [folder] = (tmp_path / "ra").iterdir()
    assert etree.parse(str(folder / "metadata/descriptive/EAD.xml")).findtext("description") == "Thiếu phụ lục"
    with pytest.raises(UsageError, match="--description"):
        write(root, FILE, "--form", "bagit", "--to", str(tmp_path / "khac"), "--description", "x")


def test_loose_documents_need_a_title_and_a_source(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive, closed=False)
    for form in ("sip_tailieu", "aip_tailieu"):
        with pytest.raises(Exception, match="--title"):
            write(root, f"{FILE}.0000001", "--form", form, "--to", str(tmp_path / "ra"))
        done = write(root, f"{FILE}.0000001", "--form", form, "--to", str(tmp_path / form), "--title", "Văn bản đến",
                     "--source", "1", "--force", "thử")
        assert done.exit_code == 0, done.output
        assert len(list((tmp_path / form).iterdir())) == 1


def test_a_bag_holds_the_case_file(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive, closed=False)
    done = write(root, FILE, "--form", "bagit", "--to", str(tmp_path / "ra"))
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(tmp_path / "ra" / f"{FILE}.zip") as zipped:
        assert f"{FILE}/bagit.txt" in zipped.namelist()
        assert f"{FILE}/data/representations/rep1/data/{FILE}.0000001.txt" in zipped.namelist()


def test_the_old_regimes_records_are_a_folder(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive, closed=False)
    done = write(root, FILE, "--form", "tt02", "--to", str(tmp_path / "ra"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "ra" / FILE / f"{FILE}.0000001.txt").read_text() == f"Nội dung của {FILE}.0000001"
    assert [one["form"] for one in events(root)] == ["tt02"]


def test_an_unknown_code_and_a_field_without_a_value_are_wrong_use(archive: Archive, tmp_path: Path) -> None:
    root = archive.settings.root
    for code, form in (("H99.2026.99.VP", "sip_hoso"), ("H99.2026.99.VP", "bagit"), (f"{FILE}.0000001", "dip")):
        with pytest.raises(Exception, match=code):
            write(root, code, "--form", form, "--to", str(tmp_path / "ra"))
    done = write(root, f"{FILE}.0000001", "--form", "dip", "--to", str(tmp_path), "--set", "requestID")
    assert done.exit_code == 2
    assert "requestID" in done.output


def test_help_lists_the_commands() -> None:
    done = CliRunner().invoke(package_command.command, ["--help"])
    assert done.exit_code == 0
    assert "write" in done.output
