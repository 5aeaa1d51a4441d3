"""What the night promises of the agency's seal: every scan it can, none twice, none lost, no secret kept."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from archive import catalogue, clock, closing, completeness, layout, model
from archive.evidence import seals, tokens
from archive.findings import Level, finding
from archive.fixity.checking import faults
from archive.opening import Archive, ownership
from archive.packages import assemble
from archive.rebuild import rebuild
from ingest import nightly, pending_seals, report
from ingest import signatures as sig
from ingest.commands.report import promise_sentence
from ingest.commands.seal import command
from ingest.signatures import sealing
from ingest.stages import seal as stage
from samples.making import pki, signing
from search.index import open_index
from tests import sealing_material as made
from tests import sealing_nights as nights
from tests.authority import served, years
from tests.conftest import NIGHT, ROOT
from tests.sealing_nights import access_of, codes, prepare, record_of, sheet

SHOWN = f"{made.AGENCY}\n2026-11-20T22:30:00+07:00"


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The access copy that digitising would make of every scan here."""
    return made.archival(tmp_path_factory.mktemp("access") / "quet.pdf")


@pytest.fixture(autouse=True)
def night_of_the_test(stopped_clock: datetime, access: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_SEAL_PIN", made.PIN)
    monkeypatch.setattr(nightly, "examine_all", nights.examining(access))


def verified(path: Path, root: Path) -> sig.DocumentSignatures:
    return sig.verify_pdf(path, sig.load_trust(root / "trust"), NIGHT)


def said(night: nightly.Night) -> list[str]:
    return [one.code for one in night.findings]


def luutru(root: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, words, obj=root)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """An archive whose night had no PIN: two scans are stored and wait for the seal."""
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1), "b.pdf": sheet(2)})
    monkeypatch.delenv("LUUTRU_SEAL_PIN")
    nights.run(archive)
    archive.close()
    monkeypatch.setenv("LUUTRU_SEAL_PIN", made.PIN)
    archive = nights.again(tmp_path / "kho")
    yield archive
    archive.close()


# --- a night that seals ----------------------------------------------------------------------------------------


def test_a_night_seals_the_scans_and_leaves_what_was_received_as_it_is(tmp_path: Path, access: Path) -> None:
    data = sheet(1)
    archive = prepare(tmp_path / "kho", {"a.pdf": data})
    night = nights.run(archive)
    assert [one.level for one in night.findings] == [Level.warning, Level.note] and said(night) == ["SEAL-018",
                                                                                                    "SEAL-022"]
    record = record_of(archive, "a.pdf")
    assert record["legal_value"] == "signed_copy" and record["verdict"] == "unsigned" and codes(record) == []
    told, sealed = record["facts"]["seal"], access_of(archive, record)
    (original,) = [file for file in record["files"] if file["role"] == "original"]
    assert original["sha256"] == hashlib.sha256(data).hexdigest()
    assert told["carrier"] == f"representations/access/data/{record['code']}.pdf" and list(told["files"]) == [
        told["carrier"]]
    of_file = told["files"][told["carrier"]]
    whole = sealed.read_bytes()
    assert of_file["sha256"] == hashlib.sha256(whole).hexdigest()
    assert whole[:of_file["unsealed_size"]] == access.read_bytes()          # the seal is an addition at the end
    assert hashlib.sha256(access.read_bytes()).hexdigest() == of_file["unsealed_sha256"]
    (one,) = verified(sealed, archive.settings.root).signatures
    assert one.integrity == "intact" and one.identity == "trusted" and one.covers_whole_file
    assert one.certificate is not None and one.certificate.sha256 == told["certificate"]["sha256"]
    assert made.shown_text(sealed) == SHOWN
    (event,) = [line for line in archive.ledger.lines() if line.kind == "document_sealed"]
    assert event.subject == record["item"] and event.data["document"] == record["code"]
    assert event.data["files"] == {told["carrier"]: of_file["sha256"]} and event.actor == "luutru"
    assert list(faults(archive)) == []
    archive.close()


def test_the_catalogue_made_again_is_the_same(tmp_path: Path) -> None:
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1), "b.pdf": sheet(2)})
    nights.run(archive)
    assert_rebuilt_alike(archive)
    archive.close()


def assert_rebuilt_alike(archive: Archive) -> None:
    def rows() -> Any:
        with archive.catalogue.session() as session:
            found = catalogue.rows(session)
            for row in found["document"]:
                row["indexed"] = ""
            return found

    before = rows()
    with ownership(archive, rebuilding=True):
        rebuild(archive)
    assert rows() == before


def test_a_second_night_changes_nothing(tmp_path: Path) -> None:
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1)})
    nights.run(archive)
    before = {path: path.read_bytes() for path in (tmp_path / "kho" / "store").rglob("*") if path.is_file()}
    assert nights.run(archive).batch == ""
    assert {path: path.read_bytes() for path in (tmp_path / "kho" / "store").rglob("*") if path.is_file()} == before
    archive.close()


@pytest.mark.parametrize(("seal", "found"), [({"nightly": "off"}, []), ({"pkcs12": ""}, ["SEAL-001"])])
def test_without_the_setting_or_a_key_nothing_is_sealed_and_nothing_waits(tmp_path: Path, seal: Any, found: Any,
                                                                          access: Path) -> None:
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1)}, **seal)
    night = nights.run(archive)
    record = record_of(archive, "a.pdf")
    assert said(night) == found and all(one.level <= Level.warning for one in night.findings)
    assert "seal" not in record["facts"] and codes(record) == [] and record["legal_value"] == "unsigned_information"
    assert access_of(archive, record).read_bytes() == access.read_bytes()
    assert pending_seals.waiting(archive) == []
    archive.close()


def test_the_real_night_reads_turns_and_seals_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, OCR included: a scan that lies on its side comes out upright, sealed, and PDF/A."""
    from ingest.worker import examine_all

    monkeypatch.setattr(nightly, "examine_all", examine_all)
    archive = prepare(tmp_path / "kho", {})
    name = "H99.2026.03.VTLT.0000007.tif"
    shutil.copy2(ROOT / "samples" / "inbox" / "quet" / name, tmp_path / "kho" / "inbox" / name)
    nights.put(tmp_path / "kho", {})
    (tmp_path / "kho" / "inbox" / "danh-sach.csv").write_text(
        f"{nights.COLUMNS}\n{name};{nights.CASE_FILE};7;TTr-SNV;09/06/2026;{made.AGENCY};Tờ trình;Việc gì;Số hóa",
        encoding="utf-8-sig")
    nights.run(archive)
    record = record_of(archive, name)
    sealed = access_of(archive, record)
    assert record["legal_value"] == "signed_copy"
    assert record["facts"]["seal"]["files"][record["facts"]["seal"]["carrier"]]["pdfa"] == "2B"
    assert SHOWN in made.shown_text(sealed) and "hủy tài liệu" in made.shown_text(sealed)
    with pikepdf.open(sealed) as pdf, pdf.open_metadata() as metadata:
        assert metadata.pdfa_status == "2B" and "/OutputIntents" in pdf.Root
    text = subprocess.run(["pdfsig", "-nocert", str(sealed)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" in text and "Total document signed" in text
    archive.close()


def test_with_an_authority_the_record_tells_its_time(tmp_path: Path) -> None:
    one = years(2025, 2035)
    with served(one, NIGHT) as url:
        archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1)}, told={"evidence": {"tsa": [url]}})
        folder = tmp_path / "kho" / "trust" / "dau-thoi-gian"
        folder.mkdir()
        (folder / "goc.der").write_bytes(one.root)
        nights.run(archive)
    told = record_of(archive, "a.pdf")["facts"]["seal"]
    assert told["level"] == "B-T" and told["token"]["time"] == clock.stamp(NIGHT)
    archive.close()


def test_every_attachment_is_sealed_or_nothing_is(tmp_path: Path, access: Path) -> None:
    settings = made.house(tmp_path / "nha").settings()
    small = made.archival(tmp_path / "nho.pdf", made.scan(change=lambda pdf: pdf.pages[0].__setattr__(
        "MediaBox", pikepdf.Array([0, 0, 90, 90]))))
    with sealing.open_sealer(settings) as sealer:
        pairs = [(access, tmp_path / "1.pdf"), (access, tmp_path / "2.pdf")]
        done = stage.seal_copies(sealer, pairs, {})
        assert len(done.sealed) == 2 and (tmp_path / "2.pdf").is_file()
        done = stage.seal_copies(sealer, [*pairs, (small, tmp_path / "3.pdf")], {"nho.pdf": "Phụ lục"})
    assert done.sealed == [] and done.never == "SEAL-042" and [one.subject for one in done.findings] == ["Phụ lục"]
    assert not any((tmp_path / f"{n}.pdf").exists() for n in (1, 2, 3))


# --- what is not sealed, and why -------------------------------------------------------------------------------


def test_a_scan_that_bears_an_agencys_signature_is_not_sealed_again(tmp_path: Path) -> None:
    archive = prepare(tmp_path / "kho", {"a.pdf": signing.sign(sheet(1)), "b.pdf": signing.sign(sheet(2), "uy-ban")})
    nights.run(archive)
    for name in ("a.pdf", "b.pdf"):
        record = record_of(archive, name)
        if "agency" in {one["holder"] for one in record["signatures"]}:
            assert codes(record) == ["SEAL-051"] and record["facts"]["seal"] == {"state": "none", "code": "SEAL-051"}
    assert "SEAL-051" in [code for name in ("a.pdf", "b.pdf") for code in codes(record_of(archive, name))]
    archive.close()


def test_a_scan_whose_signature_does_not_hold_is_left_to_a_person(tmp_path: Path) -> None:
    spoilt = bytearray(signing.sign(sheet(1)))
    at = spoilt.index(b"endstream") - 40
    spoilt[at] ^= 1
    archive = prepare(tmp_path / "kho", {"a.pdf": bytes(spoilt)})
    for item in ("VERIFY-004",):            # a person answered for it: else it would wait in quarantine
        nights.run(archive)
        with archive.catalogue.session() as session:
            row = session.scalar(select(model.Item).where(model.Item.name == "a.pdf"))
            assert row is not None and row.state == "quarantine" and "seal" not in row.facts
            row.state, row.facts = "released", {**row.facts, "accepted": [item]}
    nights.run(archive)
    record = record_of(archive, "a.pdf")
    assert codes(record) == ["SEAL-052"] and record["legal_value"] == "undetermined"
    archive.close()


def test_without_a_copy_or_on_too_small_a_page_there_is_no_seal(tmp_path: Path, access: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    small = made.archival(tmp_path / "nho.pdf", made.scan(change=lambda pdf: pdf.pages[0].__setattr__(
        "MediaBox", pikepdf.Array([0, 0, 90, 90]))))
    monkeypatch.setattr(nightly, "examine_all", nights.examining(small))
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1), "khong-ban-sao.pdf": sheet(2)})
    nights.run(archive)
    assert codes(record_of(archive, "khong-ban-sao.pdf")) == ["SEAL-053"]
    record = record_of(archive, "a.pdf")
    assert codes(record) == ["SEAL-054", "SEAL-042"] and record["facts"]["seal"]["state"] == "none"
    assert {one["level"] for one in record["findings"] if one["code"].startswith("SEAL-")} == {"warning"}
    assert pending_seals.waiting(archive) == []
    archive.close()


def test_a_certificate_of_a_person_makes_no_authenticated_copy(tmp_path: Path) -> None:
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1)})
    made.key_file(tmp_path / "kho" / "dau.p12", made.certificate(name="Nguyễn Văn Mẫu"), pki.key("so-noi-vu"))
    nights.run(archive)
    record = record_of(archive, "a.pdf")
    assert codes(record) == ["SEAL-055"] and record["legal_value"] != "signed_copy"
    assert record["facts"]["seal"]["state"] == "sealed"
    archive.close()


def test_a_scan_in_quarantine_is_sealed_only_once_it_is_released(tmp_path: Path) -> None:
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1)}, case_files={"a.pdf": "H99.2026.99.KHONG"})
    nights.run(archive)
    with archive.catalogue.session() as session:
        row = session.scalar(select(model.Item).where(model.Item.name == "a.pdf"))
        assert row is not None and row.state == "quarantine" and "seal" not in row.facts
        row.state, row.facts = "released", {**row.facts, "corrections": {"fileCode": nights.CASE_FILE}}
    assert list(layout.intake_folder(archive.settings).glob("*/sealed*")) == []
    assert [line.kind for line in archive.ledger.lines() if line.kind == "document_sealed"] == []
    nights.run(archive)
    assert record_of(archive, "a.pdf")["legal_value"] == "signed_copy"
    archive.close()


# --- a key that cannot be used ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("spoil", "code"), [("pin", "SEAL-003"), ("no pin", "SEAL-003"), ("gone", "SEAL-002"),
                                             ("expired", "SEAL-010"), ("silent", "SEAL-023"), ("fault", "SEAL-056"),
                                             ("crash", "SEAL-056")])
def test_whatever_is_wrong_with_the_key_the_scans_are_stored_and_wait(tmp_path: Path, spoil: str, code: str,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"evidence": {"tsa": ["http://127.0.0.1:9/tsa"], "tsa_seconds": 2}} if spoil == "silent" else {}
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1), "b.pdf": sheet(2)}, told=told)
    root = tmp_path / "kho"
    match spoil:
        case "pin":
            monkeypatch.setenv("LUUTRU_SEAL_PIN", "sai-mat-roi")
        case "no pin":
            monkeypatch.delenv("LUUTRU_SEAL_PIN")
        case "gone":
            (root / "dau.p12").unlink()
        case "expired":
            made.key_file(root / "dau.p12", made.certificate(start=2020, end=2025), pki.key("so-noi-vu"))
        case "fault":
            monkeypatch.setattr(sealing, "open_sealer", fault)
        case "crash":
            monkeypatch.setattr(sealing.Sealer, "seal", fault)
    night = nights.run(archive)
    assert all(one.level <= Level.warning for one in night.findings)
    assert said(night).count(code) == 1
    for name in ("a.pdf", "b.pdf"):
        record = record_of(archive, name)
        assert codes(record)[0] == "SEAL-050" and record["legal_value"] == "unsigned_information"
        assert record["facts"]["seal"] == {"state": "waiting", "code": code}
        assert verified(access_of(archive, record), root).signatures == []
        assert {one["level"] for one in record["findings"] if one["code"].startswith("SEAL-")} == {"warning"}
    assert [one.reason for one in pending_seals.waiting(archive)] == [code, code]
    (promise,) = [one for one in report.build(archive, night.batch).promises if one.name == "scans_sealed"]
    assert promise.state == "not_checked" and promise.figures["reasons"] == {code: 2}
    assert "luutru seal --pending" in promise_sentence(promise) and code in promise_sentence(promise)
    archive.close()


def fault(*_: Any, **__: Any) -> Any:
    raise ValueError("bên trong")


def test_no_secret_and_no_key_is_kept_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                               capfd: pytest.CaptureFixture[str]) -> None:
    from archive.terminal import log_to

    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1), "b.pdf": sheet(2)})
    with log_to(tmp_path / "kho" / "log"), monkeypatch.context() as patch:
        patch.setattr(sealing.Sealer, "seal", fault)        # a traceback of the moment when the key is open
        nights.run(archive)
    nights.put(tmp_path / "kho", {"c.pdf": sheet(3)})
    nights.run(archive)
    assert record_of(archive, "c.pdf")["legal_value"] == "signed_copy"
    archive.close()
    private = pki.key("so-noi-vu").private_numbers()
    secrets = [made.PIN.encode(), *(number.to_bytes((number.bit_length() + 7) // 8, "big")
                                    for number in (private.d, private.p, private.q))]
    for path in (tmp_path / "kho").rglob("*"):
        if path.is_file() and path.name != "dau.p12":
            data = path.read_bytes()
            assert not any(secret in data for secret in secrets), path
    out = capfd.readouterr()
    assert made.PIN not in out.out + out.err
    assert "ValueError" in (tmp_path / "kho" / "log" / "luutru.jsonl").read_text()


def test_a_silent_authority_is_asked_three_times_a_night_and_no_more(tmp_path: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(url: str, *_rest: Any, **_more: Any) -> Any:
        asked.append(url)
        raise tokens.TokenError("no")

    monkeypatch.setattr(tokens, "ask", refuse)
    archive = prepare(tmp_path / "kho", {f"{n}.pdf": sheet(n) for n in range(6)},
                      told={"evidence": {"tsa": ["http://127.0.0.1:9/tsa"]}})
    nights.run(archive)
    assert len(asked) == 3 and len(pending_seals.waiting(archive)) == 6
    archive.close()


# --- kills ------------------------------------------------------------------------------------------------------


class Kill(BaseException):
    """The process dies here."""


def killed(*_: Any, **__: Any) -> Any:
    raise Kill


@pytest.mark.parametrize("moment", ["before noting", "before storing", "damaged", "switched off"])
def test_a_night_killed_after_the_seal_ends_with_one_seal(tmp_path: Path, moment: str,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1), "b.pdf": sheet(2)})
    with monkeypatch.context() as patch:
        if moment == "before noting":
            patch.setattr(stage._Notes, "write", killed)
        else:
            patch.setattr(nightly, "store_folder", killed)
        with pytest.raises(Kill):
            nights.run(archive)
    archive.close()
    made_before = {path.parent.name: path.read_bytes()
                   for path in layout.intake_folder(archive.settings).glob("*/sealed.pdf")}
    assert len(made_before) == 2
    archive = nights.again(tmp_path / "kho", **({"nightly": "off"} if moment == "switched off" else {}))
    if moment == "damaged":
        for path in layout.intake_folder(archive.settings).glob("*/sealed.pdf"):
            path.write_bytes(path.read_bytes()[:-1])
    opened: list[int] = []
    real = sealing.open_sealer

    def counting(*given: Any, **named: Any) -> Any:
        opened.append(1)
        return real(*given, **named)

    monkeypatch.setattr(sealing, "open_sealer", counting)
    assert nights.run(archive).resumed
    for name in ("a.pdf", "b.pdf"):
        record = record_of(archive, name)
        assert record["legal_value"] == "signed_copy" and codes(record) == []
        (one,) = verified(access_of(archive, record), tmp_path / "kho").signatures
        assert one.integrity == "intact" and one.covers_whole_file
        if moment in ("before storing", "switched off"):
            assert access_of(archive, record).read_bytes() == made_before[record["item"]]
    assert len(opened) == (0 if moment in ("before storing", "switched off") else 1)
    assert list(faults(archive)) == []
    archive.close()


def test_a_lost_seal_and_a_lost_key_leave_a_scan_that_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1)})
    with monkeypatch.context() as patch, pytest.raises(Kill):
        patch.setattr(nightly, "store_folder", killed)
        nights.run(archive)
    for path in layout.intake_folder(archive.settings).glob("*/sealed.pdf"):
        path.unlink()
    (tmp_path / "kho" / "dau.p12").unlink()
    nights.run(archive)
    record = record_of(archive, "a.pdf")
    assert codes(record) == ["SEAL-050"] and record["legal_value"] == "unsigned_information"
    archive.close()


def test_what_is_examined_again_is_sealed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night that could not store the scan leaves its sealed copy behind; the next one makes both copies anew."""
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1)})

    def damaged(_archive: Archive, _batch: str, folder: Any, _now: datetime) -> Any:
        return [(item, [finding("STORE-001", item.name, path="access.pdf", level=Level.failed)])
                for item in folder.items]

    with monkeypatch.context() as patch:
        patch.setattr(nightly, "store_folder", damaged)
        nights.run(archive)
    other = made.archival(tmp_path / "khac.pdf", made.scan(made.paper(
        lambda draw: draw.rectangle((300, 900, 900, 1000), fill=(20, 20, 20)))))
    monkeypatch.setattr(nightly, "examine_all", nights.examining(other))
    nights.run(archive)
    record = record_of(archive, "a.pdf")
    assert record["legal_value"] == "signed_copy"
    assert access_of(archive, record).read_bytes().startswith(other.read_bytes())
    archive.close()


def test_a_sealed_copy_that_changes_before_it_is_stored_is_not_stored(tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1)})
    real = nightly.store_folder

    def damaging(*given: Any) -> Any:
        for path in layout.intake_folder(archive.settings).glob("*/sealed.pdf"):
            path.write_bytes(path.read_bytes()[:-1] + b"x")
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(nightly, "store_folder", damaging)
        nights.run(archive)
    with archive.catalogue.session() as session:
        assert session.scalar(select(model.Document.code)) is None
    nights.run(archive)
    record = record_of(archive, "a.pdf")
    (one,) = verified(access_of(archive, record), tmp_path / "kho").signatures
    assert record["legal_value"] == "signed_copy" and one.integrity == "intact"
    archive.close()


def test_a_kill_between_store_and_ledger_is_told_by_the_next_night(tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.stages import store

    archive = prepare(tmp_path / "kho", {"a.pdf": sheet(1)})
    with monkeypatch.context() as patch, pytest.raises(Kill):
        patch.setattr(store, "_admit", killed)
        nights.run(archive)
    archive.close()
    archive = nights.again(tmp_path / "kho")
    nights.run(archive)
    kinds = [line.kind for line in archive.ledger.lines()]
    assert kinds.count("stored") == kinds.count("document_sealed") == 1
    assert record_of(archive, "a.pdf")["legal_value"] == "signed_copy"
    archive.close()


# --- what waited --------------------------------------------------------------------------------------------------


def test_what_waits_is_sealed_by_a_person_as_a_new_version(waiting: Archive, access: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    root = waiting.settings.root
    before = record_of(waiting, "a.pdf")
    monkeypatch.setenv("LUUTRU_USER", "chi-lan")
    code, told = luutru(root, "--pending", "--json")
    told = json.loads(told)
    assert code == 0 and [one["sealed"] for one in told["documents"]] == [True, True] and told["ready"]
    archive = nights.again(root)
    object_id = layout.casefile_object(nights.CASE_FILE)
    assert archive.store.version(object_id) == 2                    # one version for both
    record = record_of(archive, "a.pdf")
    assert record["legal_value"] == "signed_copy" and codes(record) == [] and record["version"] == 1
    assert record["facts"]["seal"]["by"] == "chi-lan" and record["facts"]["seal"]["version"] == 2
    assert "revision" not in record                                  # no field was corrected
    sealed = access_of(archive, record)
    assert sealed.read_bytes().startswith(access.read_bytes())
    (one,) = verified(sealed, root).signatures
    assert one.integrity == "intact"
    (path,) = [file["path"] for file in before["files"] if file["role"] == "access"]
    assert archive.store.files(object_id, 1)[path].place.read_bytes() == access.read_bytes()
    events = [line for line in archive.ledger.lines() if line.kind == "document_sealed"]
    assert [line.actor for line in events] == ["chi-lan", "chi-lan"] and events[0].data["version"] == 2
    with archive.catalogue.session() as session:
        row = session.get_one(model.Document, record["code"])
        assert row.legal_value == "signed_copy" and row.indexed != ""
        file = session.get_one(model.File, (record["code"], path))
        assert file.sha256 == hashlib.sha256(sealed.read_bytes()).hexdigest()
    index = open_index(archive.settings)
    assert record["code"] in index.fingerprints()
    index.close()
    assert list(faults(archive)) == [] and pending_seals.waiting(archive) == []
    assert_rebuilt_alike(archive)
    made_again = report.build(archive, "2026-11-20.1")
    (promise,) = [one for one in made_again.promises if one.name == "scans_sealed"]
    assert (promise.state, promise.figures["sealed"]) == ("kept", 2)
    archive.close()
    assert luutru(root, "--pending")[0] == 0


def test_a_dry_run_signs_and_writes_nothing(waiting: Archive) -> None:
    root = waiting.settings.root
    before = {path: path.read_bytes() for path in (root / "store").rglob("*") if path.is_file()}
    code, told = luutru(root, "--pending", "--dry-run", "--json")
    assert code == 0 and [one["sealed"] for one in json.loads(told)["documents"]] == [True, True]
    assert {path: path.read_bytes() for path in (root / "store").rglob("*") if path.is_file()} == before


def test_in_a_closed_case_file_nothing_is_sealed_and_the_cure_is_said(waiting: Archive) -> None:
    with ownership(waiting):
        examined = completeness.examine(waiting, nights.CASE_FILE, {})
        assert "CLOSE-011" in [one.code for one in examined.findings]
        closing.close(waiting, examined, at=clock.now(), by="chi-lan", force=True, reason="thử")
    code, told = luutru(waiting.settings.root, "--pending", "--json")
    assert code == 3 and {one["findings"][0]["code"] for one in json.loads(told)["documents"]} == {"SEAL-057"}
    with ownership(waiting):
        closing.reopen(waiting, nights.CASE_FILE, at=clock.now(), by="chi-lan", reason="ký số")
    assert luutru(waiting.settings.root, "--pending")[0] == 0
    archive = nights.again(waiting.settings.root)
    examined = completeness.examine(archive, nights.CASE_FILE, {})
    assert "CLOSE-011" not in [one.code for one in examined.findings]
    archive.close()


def test_a_damaged_stored_copy_is_not_sealed_and_the_others_are(waiting: Archive) -> None:
    place = access_of(waiting, record_of(waiting, "a.pdf"))
    whole = place.read_bytes()
    place.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    code, told = luutru(waiting.settings.root, "--pending", "--json")
    done = {one["name"]: one for one in json.loads(told)["documents"]}
    assert code == 4 and len(whole) > 1000
    # Two documents of the same access copy share its bytes in the store: both are damaged here, and both are told.
    assert {one["findings"][0]["code"] for one in done.values() if not one["sealed"]} == {"SEAL-058"}


def test_who_may_not_change_what_is_stored_may_not_seal_it(waiting: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_AGENCY__ARCHIVISTS", '["chi-lan"]')
    monkeypatch.setenv("LUUTRU_USER", "anh-ba")
    code, told = luutru(waiting.settings.root, "--pending", "--json")
    assert code == 5 and json.loads(told)["findings"][0]["code"] == "CORR-001"


@pytest.mark.parametrize("how", ["next owner", "rebuild"])
def test_a_kill_between_store_and_ledger_is_told_by_whoever_owns_next(waiting: Archive, how: str,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    from archive import revisions

    with monkeypatch.context() as patch, pytest.raises(Kill), ownership(waiting):
        patch.setattr(revisions, "catch_up", killed)
        with sealing.open_sealer(waiting.settings) as sealer:
            pending_seals.seal_waiting(waiting, sealer, pending_seals.waiting(waiting), "chi-lan", lambda _: None)
    assert [line.kind for line in waiting.ledger.lines()].count("document_sealed") == 0
    with ownership(waiting, rebuilding=how == "rebuild"):
        if how == "rebuild":
            rebuild(waiting)
    assert [line.kind for line in waiting.ledger.lines()].count("document_sealed") == 2
    assert pending_seals.waiting(waiting) == [] and list(faults(waiting)) == []
    assert_rebuilt_alike(waiting)


def test_the_key_that_goes_away_leaves_the_rest_waiting(waiting: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[pending_seals.Outcome] = []
    with ownership(waiting), sealing.open_sealer(waiting.settings) as sealer:
        sealer.findings.append(finding("SEAL-005", "dau"))
        pending_seals.seal_waiting(waiting, sealer, pending_seals.waiting(waiting), "chi-lan", done.append)
    assert [[about.code for about in one.findings] for one in done] == [["SEAL-038"], ["SEAL-038"]]
    assert len(pending_seals.waiting(waiting)) == 2


def test_the_evidence_of_the_next_night_covers_the_sealed_copy(waiting: Archive) -> None:
    assert luutru(waiting.settings.root, "--pending")[0] == 0
    archive = nights.again(waiting.settings.root)
    with ownership(archive):
        seal = seals.seal_night(archive, NIGHT)
    record = record_of(archive, "a.pdf")
    digest = bytes.fromhex(record["facts"]["seal"]["files"][record["facts"]["seal"]["carrier"]]["sha256"])
    with archive.catalogue.session() as session:
        assert seals.way_in(archive.store, session.get_one(model.Seal, seal), digest) is not None
    archive.close()


def test_a_package_tells_of_the_seal(waiting: Archive) -> None:
    assert luutru(waiting.settings.root, "--pending")[0] == 0
    archive = nights.again(waiting.settings.root)
    package = assemble.case_file(archive, nights.CASE_FILE, "AIP_hoso", created=NIGHT)
    events = [one for one in package.events if one.type == "digital signature generation"]
    assert len(events) == 2 and "B-B" in events[0].detail
    archive.close()


def test_a_dry_run_with_files_names_what_lies_at_the_target(waiting: Archive, access: Path, tmp_path: Path) -> None:
    (tmp_path / "ra").mkdir()
    (tmp_path / "ra" / access.name).write_bytes(b"quan trong")
    code, told = luutru(waiting.settings.root, str(access), "--to", str(tmp_path / "ra"), "--dry-run", "--json")
    assert code == 3 and [one["code"] for one in json.loads(told)["files"][0]["findings"]] == ["SEAL-033"]


def test_a_missing_secret_is_named_by_its_place(waiting: Archive, access: Path, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUUTRU_SEAL_PIN")
    code, told = luutru(waiting.settings.root, str(access), "--to", str(tmp_path / "ra"), "--json")
    (one,) = json.loads(told)["findings"]
    assert code == 1 and one["code"] == "SEAL-003" and one["params"]["reason"] == "LUUTRU_SEAL_PIN"


@pytest.mark.parametrize("words", [("--pending", "--to", "ra"), ("--pending", __file__), (), (__file__,)])
def test_wrong_use_is_said(waiting: Archive, words: tuple[str, ...]) -> None:
    assert luutru(waiting.settings.root, *words)[0] == 2
