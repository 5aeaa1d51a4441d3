"""Requests for use: who decides what, exactly what is opened until when, what is handed out, and that it goes again."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pypdfium2
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from archive import access, clock, layout, model, opening, procedures
from archive.access import Reach, within
from archive.catalogue import record as record_events
from archive.errors import DestroyedError, IntegrityError, UsageError
from archive.ledger import Entry, event_key
from archive.opening import Archive, ownership
from archive.packages.check import check_package
from archive.rebuild import rebuild
from archive.settings import load
from ingest.commands import reading as commands
from ingest.signatures import load_trust
from ingest.signatures.document import verify_pdf
from retention import deadlines, objects
from retention.reading import copies_kept, handing_out, keeping, purging
from samples.making import pki
from tests.conftest import NIGHT, ROOT
from tests.sealing_material import PIN, certificate, key_file
from tests.stored_documents import store_documents

AGENCY = "Sở Nội vụ tỉnh Mẫu"
FILE, OTHER, EMPTY = "H99.2026.01.VP", "H99.2026.02.VP", "H99.2026.03.VP"
OPEN, CONDITIONAL, UNDECIDED, SECRET, WORD = (f"{FILE}.000000{n}" for n in range(1, 6))
PLAIN = f"{OTHER}.0000001"
CODE = "YC.2026.0001"
INBOX = ROOT / "samples" / "inbox"
FIELDS = {"typeName": "02", "codeNumber": "87", "codeNotation": "QĐ-SNV", "issuedDate": "03/11/2026", "language": "01",
          "organName": AGENCY, "confidenceLevel": "01", "numberOfPage": "2", "maintenance": "01", "format": "01",
          "riskRecovery": "0", "process": "0", "docId": "00000001", "subject": "Phê duyệt dự toán số hóa tài liệu"}
DAY = timedelta(days=1)
READER = ("--reader", "Phạm Thị Hòa", "--purpose", "Đối chiếu quyết định giao đất")
CERTIFIED = ("--kind", "certified", "--id-paper", "066185001234", *READER)


@dataclass
class House:
    """An archive's folder, and the day on which it is there."""

    root: Path

    def run(self, *arguments: str) -> Result:
        done = CliRunner().invoke(commands.command, list(arguments), obj=self.root)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    def told(self, *arguments: str, code: int = 0) -> Any:
        """What a command says as JSON, with this exit code."""
        done = self.run(*arguments, "--json")
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> set[str]:
        """The codes with which a command refuses."""
        return {one["code"] for one in self.told(*arguments, code=5)["findings"] if one["level"] == "refused"}

    def opened(self) -> Archive:
        return opening.open_archive(load(self.root))

    @property
    def kept(self) -> list[str]:
        """The copies on the disk."""
        place = self.root / "reading"
        return sorted(path.relative_to(place).as_posix() for path in place.rglob("*.*") if path.is_file())

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Events of requests, as the ledger's files have them."""
        archive = self.opened()
        lines = [line for line in archive.ledger.lines() if line.kind.startswith(f"reading_{kind}")]
        archive.close()
        return [{**line.data, "event": line.kind, "actor": line.actor, "subject": line.subject} for line in lines]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with documents of every mode."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        root = tmp_path_factory.mktemp("khai-thac") / "kho"
        archive = opening.make_archive(root, {"agency": {"code": "H99", "name": AGENCY}})
        pdf = (INBOX / "van-ban-den" / "87-QĐ-SNV phê duyệt dự toán.pdf").read_bytes()
        photo = (INBOX / "quet" / "IMG_20261110_0004.jpg").read_bytes()
        word = (INBOX / "van-phong" / "118-BC-SNV Báo cáo tiến độ số hóa.docx").read_bytes()
        store_documents(archive, [{**FIELDS, "mode": "01"}, {**FIELDS, "mode": "02"}, FIELDS, {**FIELDS, "mode": "03"},
                                  {**FIELDS, "mode": "01"}], contents=[pdf, photo, pdf, pdf, word],
                        names=["87-QĐ.pdf", "anh.jpg", "87.pdf", "88.pdf", "bao-cao.docx"])
        store_documents(archive, [{**FIELDS, "mode": "01"}], code=OTHER)
        with ownership(archive), archive.catalogue.session() as session:
            session.add(model.CaseFile(
                code=EMPTY, fonds="H99", year=2026, notation="03.VP", title="", profile="tt05_2025", version=1,
                object_id=layout.casefile_object(EMPTY), opened_at=clock.stamp(NIGHT), fields={}))
        archive.close()
        pki.write_trust(root / "trust" / "cong-vu")
        return root


@pytest.fixture
def house(made: Path, tmp_path: Path, stopped_clock: datetime) -> House:
    shutil.copytree(made, tmp_path / "kho")
    return House(tmp_path / "kho")


@pytest.fixture(scope="module")
def went(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive after a request with an opinion, a grant, a refusal and copies; to be looked at only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: NIGHT)
        house = House(tmp_path_factory.mktemp("da-cap") / "kho")
        shutil.copytree(made, house.root)
        house.told("request", OPEN, CONDITIONAL, WORD, "--kind", "copy", *READER, "--account", "hoa.pham", "--contact",
                   "hoa@example.vn", "--id-paper", "066185001234")
        house.told("opinion", CODE, "ask", "--by", "Lê Thị Mai")
        house.told("opinion", CODE, "agree", "--of", "Trần Văn Lữ, Giám đốc", "--dated", "2026-11-20")
        house.told("refuse", CODE, WORD, "--reason", "tệp tin không có trang")
        house.told("grant", CODE, "--by", "Lê Thị Mai")
        house.told("copy", CODE, "--to", str(house.root.parent / "giao"), "--by", "Lê Thị Mai")
        return house.root


@pytest.fixture
def after(went: Path, tmp_path: Path, stopped_clock: datetime) -> House:
    shutil.copytree(went, tmp_path / "da-cap" / "kho")
    return House(tmp_path / "da-cap" / "kho")


def on(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let so many days pass since the evening of 20 November."""
    monkeypatch.setattr(clock, "now", lambda: NIGHT + days * DAY)


def reachable(house: House, account: str, today: str) -> set[str]:
    """What the account reaches by its grants, asked both ways, which must agree."""
    archive = house.opened()
    with archive.catalogue.session() as session:
        found = access.granted(session, account, today)
        reach = Reach("H01", frozenset(), frozenset(), account, today)
        joined = select(model.Document.code).join(model.CaseFile, model.CaseFile.code == model.Document.case_file)
        assert set(session.scalars(joined.where(within(reach)))) == found
        assert set(session.scalars(joined.where(within(reach.plain)))) == set()
    archive.close()
    return found


# --- what is asked for ----------------------------------------------------------------------------------------------


def test_without_purpose_reader_or_paper_nothing_is_taken_in(house: House) -> None:
    assert house.refused("request", OPEN, "--reader", "Phạm Thị Hòa") == {"READING-002"}
    assert house.refused("request", OPEN, "--reader", " ", "--purpose", "học tập") == {"READING-003"}
    assert house.refused("request", OPEN, "--kind", "certified", *READER) == {"READING-003"}
    assert house.told("list") == []
    assert house.events() == []


def test_only_what_is_there_and_bears_no_mark_of_secrecy_can_be_asked_for(house: House) -> None:
    assert house.refused("request", "H99.2026.77.VP", *READER) == {"READING-001"}
    assert house.refused("request", EMPTY, *READER) == {"READING-004"}
    assert house.refused("request", SECRET, *READER) == {"READING-005"}
    assert house.refused("request", FILE, *READER) == {"READING-005"}, "also within a whole case file"
    with pytest.raises(UsageError, match="dip_purpose"):
        house.run("request", OPEN, *READER, "--purpose-code", "77")
    with pytest.raises(UsageError, match="2026-12-24"):
        house.run("request", OPEN, *READER, "--on", "2026-12-24")


def test_a_document_without_a_mode_is_told_and_treated_as_conditional(
        house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    told = house.told("request", UNDECIDED, *READER, code=3)
    assert [one["code"] for one in told["findings"]] == ["READING-008"]
    assert house.refused("grant", CODE) == {"READING-006"}
    monkeypatch.setenv("LUUTRU_READING__UNDECIDED", "open")
    assert house.told("grant", CODE)["documents"][0]["state"] == "granted"


def test_of_a_case_file_every_document_is_asked_for_itself(house: House) -> None:
    told = house.told("request", OTHER, PLAIN, *READER)
    assert [(one["document"], one["asked"]) for one in told["documents"]] == [(PLAIN, OTHER)]
    assert house.told("grant", CODE, OTHER)["state"] == "granted"


def test_a_dry_run_says_the_same_and_writes_nothing(house: House) -> None:
    house.told("request", OPEN, *READER, "--dry-run")
    assert house.told("list") == []
    house.told("request", OPEN, *READER)
    assert house.told("grant", CODE, "--dry-run")["state"] == "granted"
    assert house.told("show", CODE)["state"] == "asked"
    house.told("grant", CODE)
    assert len(house.told("copy", CODE, "--dry-run")["copies"]) == 1
    assert [one["act"] for one in house.told("show", CODE)["acts"]] == ["asked", "granted"]
    assert not (house.root / "reading").exists()


# --- opinions, grants, refusals -------------------------------------------------------------------------------------


def test_a_conditional_document_is_granted_only_after_an_opinion_that_agrees(house: House) -> None:
    house.told("request", OPEN, CONDITIONAL, *READER)
    assert house.refused("grant", CODE, CONDITIONAL) == {"READING-006"}
    told = house.told("grant", CODE)
    assert [one["state"] for one in told["documents"]] == ["granted", "asked"], "round by round"
    assert house.refused("opinion", CODE, "ask", OPEN) == {"READING-018"}
    assert house.told("opinion", CODE, "ask")["state"] == "waiting"
    assert house.refused("opinion", CODE, "agree") == {"READING-010"}
    assert house.refused("opinion", CODE, "oppose", "--of", "Giám đốc", "--dated", "2026-11-20") == {"READING-009"}
    house.told("opinion", CODE, "oppose", "--of", "Giám đốc", "--dated", "2026-11-20", "--reason", "ảnh hưởng an ninh")
    assert house.refused("grant", CODE) == {"READING-007"}
    assert house.refused("opinion", CODE, "ask") == {"READING-019"}
    assert house.refused("refuse", CODE) == {"READING-009"}
    told = house.told("refuse", CODE, "--reason", "theo ý kiến của Giám đốc")
    assert [one["state"] for one in told["documents"]] == ["granted", "refused"]
    assert house.refused("grant", CODE, CONDITIONAL) == {"READING-018"}
    assert reachable(house, "", "2026-11-21") == set(), "no account: nobody reaches anything at the portal"


def test_a_historical_archive_wants_the_number_of_the_bodys_letter_and_keeps_it(
        house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_DESTRUCTION__ARCHIVE", "historical")
    house.told("request", CONDITIONAL, *READER)
    house.told("opinion", CODE, "ask")
    letter = tmp_path / "y-kien.pdf"
    letter.write_bytes(b"%PDF-1.4 thu")
    told = ("opinion", CODE, "agree", "--of", "Chi cục Văn thư - Lưu trữ", "--dated", "2026-11-20")
    assert house.refused(*told) == {"READING-010"}
    house.told(*told, "--number", "15/CCVTLT", "--file", str(letter))
    archive = house.opened()
    held = archive.store.files(keeping.object_id(CODE))
    path, = (one for one in held if one.startswith("received/"))
    assert archive.store.content(keeping.object_id(CODE), held[path]) == b"%PDF-1.4 thu"
    archive.close()
    event, = house.events("opinion_given")
    assert event["files"] == {path: hashlib.sha256(b"%PDF-1.4 thu").hexdigest()}
    assert (event["agree"], event["number"]) == (True, "15/CCVTLT")


def test_nobody_is_granted_more_days_than_the_law_lets(house: House) -> None:
    house.told("request", OPEN, *READER)
    assert house.refused("grant", CODE, "--days", "16") == {"READING-011"}
    assert house.told("grant", CODE, "--days", "3")["documents"][0]["until"] == "2026-11-23"


def test_a_document_that_became_secret_is_neither_granted_nor_reached_nor_handed_out(after: House) -> None:
    archive = after.opened()
    with ownership(archive), archive.catalogue.session() as session:
        row = session.get(model.Document, OPEN)
        assert row is not None
        row.fields = {**row.fields, "mode": "Tối mật"}
    archive.close()
    assert reachable(after, "hoa.pham", "2026-11-21") == {CONDITIONAL}
    assert after.refused("copy", CODE, OPEN) == {"READING-005"}


# --- reach ----------------------------------------------------------------------------------------------------------


def test_the_account_reaches_exactly_what_was_granted_until_the_day(after: House) -> None:
    for day, found in (("2026-11-20", {OPEN, CONDITIONAL}), ("2026-12-05", {OPEN, CONDITIONAL}), ("2026-12-06", set())):
        assert reachable(after, "hoa.pham", day) == found
    assert reachable(after, "mai.le", "2026-11-21") == set()
    archive = after.opened()
    with archive.catalogue.session() as session:
        reach = Reach("H01", frozenset(), frozenset(), "hoa.pham", "2026-11-21")
        assert list(session.scalars(select(model.CaseFile.code).where(within(reach, alone=True)))) == [], (
            "documents were granted, not the case file")
        assert handing_out.requests_of(session, "hoa.pham", OPEN, "2026-11-21") == [(CODE, "copy")]
        assert handing_out.requests_of(session, "hoa.pham", WORD, "2026-11-21") == []
    archive.close()


def test_a_look_at_the_portal_is_in_the_ledger_with_who_and_what_for(after: House) -> None:
    archive = after.opened()
    path = handing_out.kept_copy(archive, CODE, OPEN)
    assert path is not None
    handing_out.note_view(archive, CODE, OPEN, actor="hoa.pham", how="downloaded")
    path.write_bytes(b"%PDF-1.4 khac")
    assert handing_out.kept_copy(archive, CODE, OPEN) is None, "only as it was made"
    with ownership(archive):
        pass
    archive.close()
    event, = after.events("viewed")
    assert {key: event[key] for key in ("actor", "subject", "reading", "purpose", "how", "kind")} == {
        "actor": "hoa.pham", "subject": OPEN, "reading": CODE, "purpose": "Đối chiếu quyết định giao đất",
        "how": "downloaded", "kind": "copy"}


# --- copies ---------------------------------------------------------------------------------------------------------


def test_copies_are_made_of_what_is_granted_and_can_be_checked_by_their_code(after: House) -> None:
    assert after.kept == [f"{CODE}/{OPEN}.pdf", f"{CODE}/{CONDITIONAL}.pdf"]
    shown = after.told("show", CODE)
    for one in shown["copies"]:
        path = after.root / "reading" / CODE / one["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == one["sha256"]
        check = handing_out.check_code(CODE, one["documents"][0], one["sources"], "Phạm Thị Hòa", "20/11/2026")
        assert check == one["check"]
        with pypdfium2.PdfDocument(path) as pdf:
            assert all(one["check"] in page.get_textpage().get_text_range().replace("\r\n", "") for page in pdf)


def test_every_step_is_in_the_ledger_and_never_the_number_of_the_paper(after: House) -> None:
    assert [one["event"].removeprefix("reading_") for one in after.events()] == [
        "asked", "opinion_asked", "opinion_given", "refused", "granted", "copied"]
    copied = after.events("copied")[0]
    assert (copied["reader"], copied["account"], copied["to"], copied["actor"]) == (
        "Phạm Thị Hòa", "hoa.pham", "giao", "Lê Thị Mai")
    assert copied["documents"] == [OPEN, CONDITIONAL]
    archive = after.opened()
    assert keeping.read(archive.store, CODE).reader["id_paper"] == "066185001234"
    with archive.catalogue.session() as session:
        rows = json.dumps([row.record for row in session.scalars(select(model.Reading))])
    lines = b"".join(path.read_bytes() for path in layout.ledger_folder(archive.settings).iterdir())
    archive.close()
    for secret in ("066185001234", "hoa@example.vn"):
        assert secret not in rows
        assert secret.encode() not in lines
    shown = after.run("show", CODE).output
    assert "Trần Văn Lữ, Giám đốc" in shown
    assert "••••••••1234" in shown
    assert "066185001234" not in shown
    assert "066185001234" in after.run("show", CODE, "--reader").output


def test_what_is_not_granted_or_over_is_not_copied(house: House, after: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.told("request", OPEN, "--kind", "copy", *READER)
    assert house.refused("copy", CODE) == {"READING-016"}
    assert after.refused("copy", CODE, WORD) == {"READING-016"}
    with pytest.raises(UsageError, match="luutru reading copy"):
        after.run("certify", CODE)
    with pytest.raises(UsageError):
        after.run("copy", CODE, PLAIN)
    on(monkeypatch, 16)
    assert after.refused("copy", CODE) == {"READING-016"}


def test_a_file_without_pages_is_told_and_stored_bytes_that_changed_are_not_copied(house: House) -> None:
    house.told("request", OPEN, WORD, "--kind", "copy", *READER)
    house.told("grant", CODE)
    told = house.told("copy", CODE, code=3)
    assert [one["code"] for one in told["findings"]] == ["READING-014"]
    assert [one["file"] for one in told["copies"]] == [f"{OPEN}.pdf"]
    archive = house.opened()
    place = archive.store.files(layout.casefile_object(FILE))[f"{layout.RECEIVED}/{OPEN}.pdf"].place
    archive.close()
    place.write_bytes(place.read_bytes() + b"\n")
    with pytest.raises(IntegrityError):
        house.run("copy", CODE, OPEN)


# --- the end of the days --------------------------------------------------------------------------------------------


def test_copies_go_five_days_after_the_last_day_and_the_night_writes_it_down(
        after: House, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, 20)
    assert after.told("purge") == []
    assert len(after.kept) == 2
    on(monkeypatch, 21)
    archive = after.opened()
    with ownership(archive):
        objects.catch_up(archive)               # as the night does
        objects.catch_up(archive)
    archive.close()
    assert after.kept == []
    assert not (after.root / "reading" / CODE).exists()
    event, = after.events("purged")
    assert (event["actor"], event["removed"]) == ("luutru", [f"{OPEN}.pdf", f"{CONDITIONAL}.pdf"])
    shown = after.told("show", CODE)
    assert (shown["state"], shown["copies"]) == ("purged", [])
    assert after.told("purge") == []


def test_half_a_copy_of_a_killed_command_goes_with_the_next_owner(after: House) -> None:
    (after.root / "reading" / "YC.2026.0009").mkdir()
    for name in (f"{CODE}/.{OPEN}.pdf.tmp", "YC.2026.0009/nua.pdf"):
        (after.root / "reading" / name).write_bytes(b"%PDF")
    archive = after.opened()
    with ownership(archive):
        objects.catch_up(archive)
    archive.close()
    assert after.kept == [f"{CODE}/{OPEN}.pdf", f"{CODE}/{CONDITIONAL}.pdf"]


def test_copies_of_a_document_that_is_gone_go_with_the_next_owner(after: House) -> None:
    archive = after.opened()
    with ownership(archive):
        with archive.catalogue.session() as session:        # as a destruction does that has begun
            row = session.get(model.CaseFile, FILE)
            assert row is not None
            row.state = "destroying"
        objects.catch_up(archive)
    archive.close()
    assert after.kept == []


def test_a_copy_that_cannot_be_removed_stays_due(after: House, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, 30)

    def full(*_arguments: Any, **_more: Any) -> int:
        raise PermissionError(13, "not mine")

    with monkeypatch.context() as patch:
        patch.setattr(copies_kept, "take_away", full)
        archive = after.opened()
        with ownership(archive):
            objects.catch_up(archive)
            assert purging.due(archive, "2026-12-20") == [CODE]
        archive.close()
    assert [one["reading"] for one in after.told("purge")] == [CODE]
    assert after.kept == []


def test_copies_of_a_case_file_are_found_and_removed_for_its_destruction(after: House) -> None:
    archive = after.opened()
    with ownership(archive):
        with archive.catalogue.session() as session:
            assert copies_kept.of_case_files(archive, session, [OTHER]) == []
            assert len(copies_kept.of_case_files(archive, session, [FILE, OTHER])) == 2
        assert copies_kept.remove(archive, [FILE]) == 2
    archive.close()
    assert after.kept == []


# --- certified copies -----------------------------------------------------------------------------------------------


def unpacked(path: Path, folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as package:
        package.extractall(folder)
        return {name.partition("/")[2]: package.read(name) for name in package.namelist() if not name.endswith("/")}


def test_without_a_key_the_package_is_made_and_the_missing_signature_told(house: House, tmp_path: Path) -> None:
    house.told("request", OPEN, WORD, *CERTIFIED)
    house.told("grant", CODE)
    told = house.told("certify", CODE, "--to", str(tmp_path / "giao"), code=3)
    assert {"READING-014", "READING-017"} <= {one["code"] for one in told["findings"]}
    package, = told["packages"]
    assert not package["sealed"]
    files = unpacked(tmp_path / "giao" / package["file"], tmp_path / "goi")
    with pypdfium2.PdfDocument(files["documentation/xac-thuc/van-ban-xac-thuc.pdf"]) as pdf:
        text = " ".join(" ".join(page.get_textpage().get_text_range() for page in pdf).split())
    for words in (f"H99.{CODE}.01", AGENCY, "Phạm Thị Hòa", "066185001234", "Đối chiếu quyết định giao đất",
                  "87/QĐ-SNV", "Quyết định", "Phê duyệt dự toán", "20/11/2026", "05/12/2026", "01 (một)"):
        assert words in text, words
    stored = {name: data for name, data in files.items() if name.startswith("representations/rep1/data/")}
    original = (INBOX / "van-ban-den" / "87-QĐ-SNV phê duyệt dự toán.pdf").read_bytes()
    assert original in stored.values(), "with all that authenticates it (Điều 42 khoản 1)"
    assert f"documentation/ban-sao/{OPEN}.pdf" in files
    report = check_package(tmp_path / "giao" / package["file"])
    assert [one.code for one in report.findings if one.level >= 3] == []
    with pytest.raises(UsageError):
        house.run("certify", CODE, "--set", "purpose=khác")
    with pytest.raises(UsageError, match="certify"):
        house.run("copy", CODE)


def test_with_a_key_copies_and_statement_bear_the_agencys_signature(
        house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PKCS12", "dau.p12"), ("SECRET_FILE", "pin.txt"), ("LEVEL", "B-B")):
        monkeypatch.setenv(f"LUUTRU_SEAL__{name}", value)
    (house.root / "pin.txt").write_text(PIN)
    key_file(house.root / "dau.p12", certificate(name=AGENCY), pki.key("so-noi-vu"))
    house.told("request", OPEN, *CERTIFIED)
    house.told("grant", CODE)
    package, = house.told("certify", CODE, "--to", str(tmp_path / "giao"))["packages"]
    assert package["sealed"]
    unpacked(tmp_path / "giao" / package["file"], tmp_path / "goi")
    trust = load_trust(house.root / "trust")
    for name in (f"ban-sao/{OPEN}.pdf", "xac-thuc/van-ban-xac-thuc.pdf"):
        path, = (tmp_path / "goi").glob(f"*/documentation/{name}")
        told = verify_pdf(path, trust, NIGHT)
        assert [one.certificate.name for one in told.signatures if one.certificate] == [AGENCY]
        assert told.verdict in ("valid", "valid_with_notes")
    with pypdfium2.PdfDocument(next((tmp_path / "goi").glob(f"*/documentation/ban-sao/{OPEN}.pdf"))) as pdf:
        texts = [page.get_textpage().get_text_range() for page in pdf]
        assert "BẢN SAO" not in texts[0], "there the visible signature says it (Điều 41 khoản 2)"
        assert all("BẢN SAO" in text for text in texts[1:])
    (house.root / "pin.txt").write_text("sai")
    made = house.told("show", CODE)["acts"]
    assert house.run("certify", CODE, "--json").exit_code in (1, 5)
    assert house.told("show", CODE)["acts"] == made, "a key that cannot sign: no certified copy"


# --- what must survive ----------------------------------------------------------------------------------------------


def rows(archive: Archive) -> dict[str, list[Any]]:
    with archive.catalogue.session() as session:
        return {table.__tablename__: [tuple(row) for row in session.execute(
            select(table.__table__).order_by(*table.__table__.primary_key))]
            for table in (model.Reading, model.ReadingDocument, model.Event)}


def test_a_rebuild_makes_the_same_rows(after: House) -> None:
    archive = after.opened()
    before = rows(archive)
    assert len(before["reading_document"]) == 3
    with ownership(archive, rebuilding=True):
        rebuild(archive, admits=objects.ADMITS)
    assert rows(archive) == before
    archive.close()


def test_a_step_that_was_killed_before_its_event_is_told_by_the_next_owner(
        house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.told("request", OPEN, *READER, "--account", "hoa.pham")

    def killed(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(procedures, "tell", killed)
        with pytest.raises(click.Abort):
            CliRunner().invoke(commands.command, ["grant", CODE], obj=house.root, catch_exceptions=False,
                               standalone_mode=False)
    assert [one["event"] for one in house.events()] == ["reading_asked"]
    archive = house.opened()
    with ownership(archive):
        objects.catch_up(archive)
    archive.close()
    assert [one["event"] for one in house.events()] == ["reading_asked", "reading_granted"]
    assert reachable(house, "hoa.pham", "2026-11-21") == {OPEN}


# --- the answer in time ---------------------------------------------------------------------------------------------


def test_a_request_without_answer_is_among_the_deadlines(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.told("request", OPEN, *READER, "--on", "2026-11-09")
    assert [one["answer_by"] for one in house.told("list", "--overdue")] == ["2026-11-17"]
    archive = house.opened()
    with archive.catalogue.session() as session:
        found = [one for one in deadlines.watch(session, archive.settings, datetime(2026, 11, 20, tzinfo=UTC).date(),
                                                within=5) if one.kind == "reading"]
    assert [(one.subject, one.due.isoformat(), one.state, one.certainty) for one in found] == [
        (CODE, "2026-11-17", "late", "own")]
    archive.close()
    house.told("grant", CODE)
    assert house.told("list", "--overdue") == []


def test_what_was_destroyed_can_not_be_asked_for(house: House) -> None:
    archive = house.opened()
    with ownership(archive), archive.catalogue.session() as session:
        record_events(session, archive.ledger, [Entry("destroyed", "H99.2001.01.VP", {
            "destruction": "HUY.2026.001", "decision": "01/QĐ", "documents": 1, "files": 1, "bytes": 1, "title": "",
            "digest": "", "objects": {}, "places": [], "disks": {}, "unreached": []},
            event_key("destroyed", "H99.2001.01.VP"))])
    archive.close()
    with pytest.raises(DestroyedError):
        house.run("request", "H99.2001.01.VP", *READER)
