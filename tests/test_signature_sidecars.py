"""What becomes of `.p7s` and `.p7m` files: through real nights, and back out of the store."""

from __future__ import annotations

import hashlib
import io
import json
import unicodedata
import zipfile
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from docx import Document
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from archive import catalogue, clock, layout, model, records
from archive.commands import casefile, document
from archive.file_plan_import import import_file_plan
from archive.findings import Level, finding
from archive.opening import Archive
from archive.packages.check import check_package
from archive.rebuild import rebuild
from ingest import intake, nightly
from ingest.beside import Owners, is_signature, signed_by
from ingest.commands import package, package_check, quarantine
from ingest.sources import signature_files
from ingest.sources.inbox import Waiting
from tests import sip_packages
from tests.conftest import NIGHT
from tests.conftest import ROOT as ROOT_FOLDER
from tests.edxml_messages import Attached, message
from tests.other_signatures import Cms, detached, envelope, enveloping, signer_info
from tests.test_signatures import CA, PERSON, PLAIN, ROOT, SEAL, SIGNED, certificate, loaded, revocation_list

NAME = "45-QĐ-SNV.docx"
FILE = "H99.2026.01.VP"
COLUMNS = ("Tên tệp", "Mã hồ sơ", "Số", "Ký hiệu", "Ngày ban hành", "Cơ quan ban hành", "Loại văn bản", "Trích yếu",
           "Số trang", "Ngôn ngữ", "Thời hạn bảo quản", "Chế độ sử dụng", "Mức độ tin cậy", "Người ký")


def listed(*names: str) -> str:
    rows = [";".join((name, FILE, str(45 + n), "QĐ-SNV", f"{12 + n}/11/2026", "Ủy ban nhân dân tỉnh Thử", "Quyết định",
                      f"Về việc ban hành quy chế {n}", "1", "Tiếng Việt", "Vĩnh viễn", "Công khai", "Gốc điện tử",
                      "Nguyễn Văn Thử")) for n, name in enumerate(names)]
    return "\n".join([";".join(COLUMNS), *rows]) + "\n"


def docx(text: str = "Quyết định về việc ban hành quy chế công tác văn thư, lưu trữ.") -> bytes:
    made = Document()
    made.add_paragraph(text)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


DOCX = docx()
BOTH = envelope([signer_info(DOCX), signer_info(DOCX, Cms(holder=SEAL))], certificates=[loaded(PERSON), loaded(SEAL)])


@pytest.fixture(autouse=True)
def _night(monkeypatch: pytest.MonkeyPatch, archive: Archive) -> None:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    import_file_plan(archive, ROOT_FOLDER / "samples" / "file-plan.csv", "H99")
    folder = archive.settings.path(archive.settings.signatures.trust) / "cong-vu"
    folder.mkdir(parents=True)
    for holder in (ROOT, CA):
        (folder / f"{holder.serial}.pem").write_bytes(certificate(holder).public_bytes(serialization.Encoding.PEM))


@dataclass
class Kho:
    """An archive with an inbox to put files into."""

    archive: Archive

    @property
    def inbox(self) -> Path:
        return self.archive.settings.path(self.archive.settings.ingest.inbox[0])

    def night(self, **files: Any) -> nightly.Night:
        for name, data in files.items():
            (self.inbox / name).parent.mkdir(parents=True, exist_ok=True)
            (self.inbox / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return nightly.run(self.archive)

    def items(self) -> dict[str, str]:
        with self.archive.catalogue.session() as session:
            return {row.name: row.state for row in session.scalars(select(model.Item))}

    def rows(self) -> Any:
        with self.archive.catalogue.session() as session:
            rows = catalogue.rows(session)
        for row in rows["document"]:
            row.pop("indexed")     # a rebuild leaves the index to the next night
        return rows

    def documents(self) -> list[dict[str, Any]]:
        if not self.archive.store.has(layout.casefile_object(FILE)):
            return []
        return [dict(one) for one in records.read_documents(self.archive.store, FILE)]

    def waiting(self) -> list[str]:
        return sorted(path.relative_to(self.inbox).as_posix() for path in self.inbox.rglob("*") if path.is_file())

    def findings(self, name: str) -> set[str]:
        with self.archive.catalogue.session() as session:
            return set(session.scalars(select(model.ItemFinding.code).join(
                model.Item, model.Item.id == model.ItemFinding.item).where(model.Item.name == name)))


@pytest.fixture
def kho(archive: Archive) -> Kho:
    return Kho(archive)


def codes(night: nightly.Night) -> list[str]:
    return [one.code for one in night.findings if one.code.startswith("COLLECT")]


# --- through the night -----------------------------------------------------------------------------------------


def test_a_document_and_its_signature_file_become_one_signed_document(kho: Kho) -> None:
    night = kho.night(**{NAME: DOCX, f"{NAME}.p7s": BOTH, "ds.csv": listed(NAME)})
    assert (codes(night), kho.waiting()) == ([], [])
    assert kho.items() == {NAME: "stored", "ds.csv": "list"}
    [record] = kho.documents()
    assert (record["verdict"], record["legal_value"]) == ("valid_with_notes", "signed_original")
    assert {one["signer"] for one in record["signatures"]} == {PERSON.cn, SEAL.cn}
    files = {file["role"]: file for file in record["files"]}
    assert PurePosixPath(files["signature"]["path"]).name == f"{record['code']}.docx.p7s"
    assert (files["signature"]["name"], files["signature"]["format"]) == (f"{NAME}.p7s", "p7s")
    assert files["signature"]["sha256"] == hashlib.sha256(BOTH).hexdigest()
    told = json.loads(kho.archive.store.read(layout.casefile_object(FILE), files["signature-report"]["path"]))
    assert [one["field"] for one in told["files"][0]["signatures"]] == [f"{NAME}.p7s#1", f"{NAME}.p7s#2"]


def test_a_rebuild_knows_the_signature_file_again(kho: Kho) -> None:
    kho.night(**{NAME: DOCX, f"{NAME}.p7s": BOTH, "ds.csv": listed(NAME)})
    kho.night(**{"khac.docx": docx("Văn bản chưa biết thuộc hồ sơ nào"), "khac.docx.p7s": BOTH})     # waits
    before = kho.rows()
    rebuild(kho.archive)
    assert kho.rows() == before


def test_a_changed_document_waits_with_its_signature_file_also_after_a_rebuild(kho: Kho) -> None:
    kho.night(**{NAME: docx("Bản đã bị sửa"), f"{NAME}.p7s": BOTH, "ds.csv": listed(NAME)})
    assert (kho.items()[NAME], kho.waiting(), kho.documents()) == ("quarantine", [], [])
    assert {"VERIFY-004", "VERIFY-094"} <= kho.findings(NAME)
    rebuild(kho.archive)
    words = ["release", _id(kho, NAME), "--accept", "VERIFY-004", "--reason", "thử"]
    done = CliRunner().invoke(quarantine.command, words, obj=kho.archive.settings.root)
    assert done.exit_code == 0, done.output
    kho.night()
    [record] = kho.documents()
    assert record["verdict"] == "invalid" and "signature" in {file["role"] for file in record["files"]}


def _id(kho: Kho, name: str) -> str:
    with kho.archive.catalogue.session() as session:
        return str(session.scalar(select(model.Item.id).where(model.Item.name == name)))


def test_a_signature_file_alone_waits_and_is_never_a_document(kho: Kho) -> None:
    for _ in range(2):
        night = kho.night(**{"45.docx.p7s": BOTH})
        assert codes(night) == ["COLLECT-010"] and kho.waiting() == ["45.docx.p7s"] and kho.items() == {}
    night = kho.night(**{"45.docx": DOCX, "ds.csv": listed("45.docx")})
    assert codes(night) == [] and kho.waiting() == []
    assert kho.documents()[0]["verdict"] == "valid_with_notes"


def test_with_two_candidates_all_three_wait(kho: Kho) -> None:
    night = kho.night(**{"45.docx": DOCX, "45.pdf": PLAIN, "45.p7s": BOTH})
    assert codes(night) == ["COLLECT-011"] and kho.items() == {}
    assert kho.waiting() == ["45.docx", "45.p7s", "45.pdf"]
    (kho.inbox / "45.p7s").rename(kho.inbox / "45.docx.p7s")
    (kho.inbox / "45.pdf").unlink()
    kho.night(**{"ds.csv": listed("45.docx")})
    assert kho.waiting() == [] and kho.items()["45.docx"] == "stored"


def test_a_signature_for_a_document_that_the_archive_has_stays_in_the_inbox(kho: Kho) -> None:
    kho.night(**{NAME: DOCX, "ds.csv": listed(NAME)})
    night = kho.night(**{NAME: DOCX, f"{NAME}.p7s": BOTH})
    assert codes(night) == ["COLLECT-013"] and kho.waiting() == [f"{NAME}.p7s"]
    night = kho.night(**{"ban-sao.docx": DOCX, "ban-sao.p7s": BOTH})
    assert "COLLECT-013" in codes(night) and "ban-sao.p7s" in kho.waiting()
    assert len(kho.documents()) == 1


def test_a_signature_that_comes_with_a_document_in_quarantine_joins_it(kho: Kho) -> None:
    kho.night(**{NAME: DOCX})                                         # no list, no case file: it waits
    assert kho.items()[NAME] == "quarantine"
    kho.night(**{NAME: DOCX, f"{NAME}.p7s": BOTH, "ds.csv": listed(NAME)})
    assert kho.waiting() == [] and kho.items()[NAME] == "stored"
    assert kho.documents()[0]["verdict"] == "valid_with_notes"


def test_rubbish_called_p7s_holds_its_document_back(kho: Kho) -> None:
    kho.night(**{NAME: DOCX, f"{NAME}.p7s": b"\x01\x02 no signature", "ds.csv": listed(NAME)})
    assert kho.items()[NAME] == "quarantine" and "CHECK-003" in kho.findings(NAME)


def test_two_documents_and_their_signatures_in_sub_folders_do_not_mix(kho: Kho) -> None:
    other = docx("Văn bản khác")
    kho.night(**{"a/vb.docx": DOCX, "a/vb.p7s": BOTH, "b/vb.docx": other, "b/vb.p7s": detached(other),
                 "ds.csv": listed("a/vb.docx", "b/vb.docx")})
    assert kho.waiting() == [] and {one["verdict"] for one in kho.documents()} == {"valid_with_notes"}
    assert [len(one["signatures"]) for one in kho.documents()] == [2, 1]


def test_an_enveloped_document_comes_out_and_its_envelope_stays(kho: Kho) -> None:
    p7m = enveloping(DOCX, Cms(ess=True))
    kho.night(**{f"{NAME}.p7m": p7m, "ds.csv": listed(f"{NAME}.p7m")})
    assert kho.waiting() == [] and kho.items()[f"{NAME}.p7m"] == "stored"
    [record] = kho.documents()
    files = {file["role"]: file for file in record["files"]}
    assert record["verdict"] == "valid_with_notes" and record["signatures"][0]["signer"] == PERSON.cn
    assert (files["original"]["name"], files["original"]["sha256"]) == (NAME, hashlib.sha256(DOCX).hexdigest())
    assert files["signature"]["sha256"] == hashlib.sha256(p7m).hexdigest()
    text = kho.archive.store.read(layout.casefile_object(FILE), files["text"]["path"]).decode()
    assert "công tác văn thư" in text


def test_a_secret_inside_an_envelope_is_kept_out(kho: Kho) -> None:
    kho.night(**{"tb.docx.p7m": enveloping(docx("MẬT\nThông báo")), "ds.csv": listed("tb.docx.p7m")})
    assert kho.items()["tb.docx.p7m"] == "kept_out" and kho.documents() == []


def test_an_envelope_whose_content_was_changed_waits(kho: Kho) -> None:
    p7m = enveloping(DOCX)
    at = p7m.index(DOCX[:64]) + len(DOCX) // 2
    kho.night(**{f"{NAME}.p7m": p7m[:at] + bytes([p7m[at] ^ 1]) + p7m[at + 1:], "ds.csv": listed(f"{NAME}.p7m")})
    assert kho.items()[f"{NAME}.p7m"] == "quarantine"


def test_a_file_with_certificates_only_does_not_make_a_document_signed(kho: Kho) -> None:
    kho.night(**{NAME: DOCX, f"{NAME}.p7s": envelope([]), "ds.csv": listed(NAME)})
    [record] = kho.documents()
    assert record["verdict"] == "undetermined" and record["legal_value"] == "undetermined"
    assert "VERIFY-092" in kho.findings(NAME)


def test_a_later_look_judges_the_document_with_its_signature_file(
        kho: Kho, monkeypatch: pytest.MonkeyPatch) -> None:
    kho.night(**{NAME: DOCX, f"{NAME}.p7s": BOTH, "ds.csv": listed(NAME)})
    later = NIGHT + timedelta(days=8)
    folder = kho.archive.settings.path(kho.archive.settings.signatures.trust) / "cong-vu"
    (folder / "ca.crl").write_bytes(revocation_list(CA, {PERSON.serial: SIGNED - timedelta(days=1)}, later))
    (folder / "goc.crl").write_bytes(revocation_list(ROOT, {}, later))
    monkeypatch.setattr(clock, "now", lambda: later)
    kho.night()
    [record] = kho.documents()
    assert record["verdict"] == "invalid"       # the certificate turned out revoked before it signed, not "unsigned"
    assert record["rechecked"]["first"] == "valid_with_notes"


# --- messages and packages -------------------------------------------------------------------------------------


def test_a_signature_file_in_a_message_is_of_the_attachment_beside_it(kho: Kho) -> None:
    parts = [Attached(name="qd.docx.p7s", data=BOTH, type="application/pkcs7-signature", id="cid:1"),
             Attached(name="qd.docx", data=DOCX, type="application/vnd.openxmlformats", id="cid:2")]
    kho.night(**{"tin.edxml": message(parts), "ds.csv": listed("tin.edxml")})
    [record] = kho.documents()
    assert record["verdict"] == "valid_with_notes" and len(record["signatures"]) == 2
    roles = {file["role"]: file["name"] for file in record["files"]}
    assert (roles["original"], roles["signature"]) == ("qd.docx", "qd.docx.p7s")
    assert record["facts"]["edxml"]["signature"]["state"] == "filler"


@pytest.mark.parametrize("named", [True, False])
def test_signature_files_of_a_package_go_with_their_documents(kho: Kho, tmp_path: Path, named: bool) -> None:
    code = f"{sip_packages.CODE}.0000001"
    made = sip_packages.document(tmp_path, code, 1)
    signature = detached(made.files[0].source if isinstance(made.files[0].source, bytes)
                         else made.files[0].source.read_bytes())
    path = f"representations/rep1/data/{code}.pdf.p7s"
    if named:
        made = replace(made, files=[*made.files, sip_packages.packed(path, signature, "signature",
                                                                      "application/pkcs7-signature")])
    source = sip_packages.write(sip_packages.case_file(tmp_path, documents=[made]), tmp_path / "goi.zip")
    data = source.read_bytes()
    if not named:
        with zipfile.ZipFile(source) as opened:
            top = opened.namelist()[0].partition("/")[0]
        with zipfile.ZipFile(source, "a") as opened:
            opened.writestr(f"{top}/{path}", signature)
        data = source.read_bytes()
    kho.night(**{"goi.zip": data})
    if not named:       # METS does not know the file: a person answers for that
        with kho.archive.catalogue.session() as session:
            row = session.scalars(select(model.Item).where(model.Item.name == "goi.zip")).one()
            held = [one for one in intake.findings_of(session, [row.id])[row.id] if one.level >= Level.refused]
        if held:
            words = [word for code in {one.code for one in held} for word in ("--accept", code)]
            done = CliRunner().invoke(quarantine.command, ["release", row.id, *words, "--reason", "thử"],
                                      obj=kho.archive.settings.root)
            assert done.exit_code == 0, done.output
            kho.night()
    [record] = [dict(one) for one in records.read_documents(kho.archive.store, sip_packages.CODE)]
    assert "signature" in {file["role"] for file in record["files"]}
    assert f"{code}.pdf.p7s" in {one["field"] for one in _told(kho, record)} and record["signatures"]


def _told(kho: Kho, record: dict[str, Any]) -> list[dict[str, Any]]:
    report = next(file["path"] for file in record["files"] if file["role"] == "signature-report")
    told = json.loads(kho.archive.store.read(layout.casefile_object(record["case_file"]), report))
    return [one for file in told["files"] for one in file["signatures"]]


def test_a_closed_case_file_and_what_is_handed_out_carry_the_signature_file(kho: Kho, tmp_path: Path) -> None:
    kho.night(**{NAME: DOCX, f"{NAME}.p7s": BOTH, "ds.csv": listed(NAME)})
    root = kho.archive.settings.root
    words = ["close", FILE, "--force", "--reason", "thử"]
    assert CliRunner().invoke(casefile.command, words, obj=root).exit_code == 0
    held = kho.archive.store.files(layout.casefile_object(FILE))
    [path] = [path for path in held if path.endswith(".docx.p7s")]
    assert kho.archive.store.read(layout.casefile_object(FILE), path) == BOTH
    words = ["export", kho.documents()[0]["code"], "--role", "signature", "--to", str(tmp_path / "x.p7s")]
    assert CliRunner().invoke(document.command, words, obj=root).exit_code == 0
    assert (tmp_path / "x.p7s").read_bytes() == BOTH
    for form, what in (("sip_hoso", FILE), ("dip", kho.documents()[0]["code"])):
        words = ["write", what, "--form", form, "--to", str(tmp_path / form), "--force", "thử", "--json"]
        done = CliRunner().invoke(package.command, words, obj=root)
        assert done.exit_code == 0, (done.output, done.exception)
        [made] = (tmp_path / form).rglob("*.zip")
        with zipfile.ZipFile(made) as opened:
            [name] = [name for name in opened.namelist() if name.endswith(".p7s")]
            assert opened.read(name) == BOTH
            assert name.removesuffix(".p7s") in opened.namelist()
        trust = str(kho.archive.settings.path(kho.archive.settings.signatures.trust))
        judge = package_check._judge(None, Path(trust))
        found = [one.code for one in check_package(made, judge=judge).findings if one.code.startswith("VERIFY")]
        assert "VERIFY-034" in found and "VERIFY-093" not in found      # judged together: revocation is what is missing


# --- killed nights ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["register", "examine", "store", "clear"])
def test_a_night_that_dies_anywhere_loses_no_signature_file(
        kho: Kho, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    places = {"register": ("ingest.nightly.join_registry",), "examine": ("ingest.nightly._note_examined",),
              "store": ("ingest.nightly.store_lists",), "clear": ("ingest.sources.signature_files.remove_from_inbox",)}

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(places[step][0], killed)
        with pytest.raises(KeyboardInterrupt):
            kho.night(**{NAME: DOCX, f"{NAME}.p7s": BOTH, "ds.csv": listed(NAME)})
    kho.night()
    assert kho.waiting() == [] and kho.items()[NAME] == "stored"
    [record] = kho.documents()
    assert record["verdict"] == "valid_with_notes" and len(record["signatures"]) == 2


def test_a_document_waits_for_its_signature_that_is_being_written() -> None:
    ready = [Waiting(Path("a.pdf"), "a.pdf"), Waiting(Path("b.pdf"), "b.pdf")]
    taken, found = signature_files.joined(ready, [finding("COLLECT-001", "a.pdf.p7s")])
    assert [one.name for one in taken] == ["b.pdf"] and [one.code for one in found] == ["COLLECT-012"]
    taken, found = signature_files.joined([Waiting(Path("a.pdf.p7s"), "a.pdf.p7s")], [finding("COLLECT-001", "a.pdf")])
    assert taken == [] and found == []      # the finding about the file says why


# --- names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "names", "owners"), [
    ("a.pdf.p7s", ["a.pdf", "a.docx"], ["a.pdf"]), ("a.p7s", ["a.pdf"], ["a.pdf"]),
    ("a.p7s", ["a.pdf", "a.docx"], ["a.docx", "a.pdf"]), ("A.PDF.P7S", ["a.pdf"], ["a.pdf"]),
    ("x/a.p7s", ["y/a.pdf"], []), ("a.p7s", ["a.p7s", "b.pdf"], []), ("a.p7s", ["a"], ["a"]),
    ("a.pdf.p7m", ["a.pdf", "a.pdf.p7m"], ["a.pdf"]), ("Quyết định.p7s", ["Quyết định.pdf"], ["Quyết định.pdf"]),
    ("v1.2.p7s", ["v1.pdf"], []), ("v1.2.p7s", ["v1.2.pdf"], ["v1.2.pdf"])])
def test_a_signature_belongs_by_its_name(name: str, names: list[str], owners: list[str]) -> None:
    assert signed_by(name, names) == owners
    assert signed_by(unicodedata.normalize("NFD", name), names) == owners


@given(st.lists(st.text(alphabet="ab.p7s/", max_size=9), max_size=8))
def test_pairing_never_raises_and_never_names_a_signature_or_itself(names: list[str]) -> None:
    owners = Owners(names)
    for name in filter(is_signature, names):
        assert name not in owners.of(name) and not any(map(is_signature, owners.of(name)))
