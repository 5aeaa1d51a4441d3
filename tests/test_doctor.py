"""The doctor names each thing that is missing, wrong, full, late or about to end, and leaves a sound archive alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from archive import clock, findings, opening, settings
from archive.catalogue import record
from archive.doctor import certificates, examining, keeping, machine, parts, records
from archive.findings import Finding
from archive.fixity.checking import PlaceStatus, Status
from archive.fixity.forecast import Forecast
from archive.ledger import Entry
from archive.model import Batch, Document, Seal
from archive.opening import Archive, ownership
from cli import luutru
from tests.stored_documents import store_documents

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)


def codes(found: Sequence[Finding] | Iterator[Finding]) -> list[str]:
    return [one.code for one in found]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """An archive with one document."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    made = opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    store_documents(made, [{"subject": "Một"}])
    yield made
    made.close()


def with_settings(archive: Archive, **chosen: Any) -> Archive:
    """The same archive under other settings."""
    return Archive(settings.load(archive.settings.root, **chosen), archive.store, archive.ledger, archive.catalogue)


def tell(archive: Archive, kind: str, subject: str, data: dict[str, Any], key: str) -> None:
    with ownership(archive), archive.catalogue.session() as session:
        record(session, archive.ledger, [Entry(kind, subject, data, key)])


# --- programs ---------------------------------------------------------------------------------------------------


def test_missing_programs_languages_and_scanner_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sound = [parts.Part("tesseract", "", "there", "5", "")]
    monkeypatch.setattr(parts, "languages", lambda _settings: ["vie", "osd"])
    plain = settings.load(tmp_path)
    assert codes(parts.programs(plain, sound)) == ["DOCTOR-003"]
    gone = [parts.Part("tesseract", "đọc bản quét", "missing", "", "apt-get install tesseract-ocr")]
    assert codes(parts.programs(plain, gone)) == ["DOCTOR-001", "DOCTOR-003"]
    more = settings.load(tmp_path, ocr={"languages": "vie", "languages_of": {"H99.KT": "vie+eng"}},
                         ingest={"virus_scanner": ["khong-co-may-quet"]})
    (language, scanner) = parts.programs(more, sound)
    assert (language.code, language.subject, scanner.code) == ("DOCTOR-002", "eng", "DOCTOR-001")


def test_packages_of_another_version_than_the_locked_are_told(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("click==0.0.1 \\\n    --hash=sha256:0\nnot-installed==1.0\n"
                    "click==0.0.2 ; python_full_version < '3' \\\n    --hash=sha256:1\n")     # of another Python
    (one,) = parts.packages(lock)
    assert (one.code, one.params["n"]) == ("DOCTOR-005", "1")
    assert list(parts.packages(tmp_path / "none")) == []


# --- the machine ------------------------------------------------------------------------------------------------


def room(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: SimpleNamespace(free=free, total=free, used=0))


def test_a_full_disk_one_that_fills_up_and_a_target_too_small_are_told_in_time(
        kept: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nas").mkdir()
    one = with_settings(kept, backup={"targets": {"nas": str(tmp_path / "nas")}})
    room(monkeypatch, 10 << 20)
    assert codes(machine.rooms(one, NOW)) == ["DOCTOR-006"]
    with kept.catalogue.session() as session:
        session.execute(update(Document).values(received_at=clock.stamp(NOW - timedelta(days=10))))
        session.execute(update(machine.File).values(size=100 << 20))
    room(monkeypatch, 350 << 20)                        # 300 to spare, 10 a day; 410 MB for the next full backup
    full, target = machine.rooms(one, NOW)
    assert (full.code, full.params["days"], full.params["day"]) == ("DOCTOR-007", "30", "21/12/2026")
    assert (target.code, target.params["need"]) == ("DOCTOR-008", "410")
    room(monkeypatch, 100 << 30)
    assert list(machine.rooms(one, NOW)) == []


def test_a_clock_that_nobody_keeps_or_that_is_behind_the_ledger_is_told(
        kept: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "clock_state", lambda: 0)
    assert list(machine.time_of(kept, NOW)) == []
    monkeypatch.setattr(machine, "clock_state", lambda: 5)
    assert codes(machine.time_of(kept, NOW - timedelta(hours=1))) == ["DOCTOR-010", "DOCTOR-009"]


def test_rights_that_are_too_wide_or_too_narrow_are_told(kept: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    root = kept.settings.root
    assert list(machine.rights(kept.settings)) == []
    (root / "accounts.db").touch(mode=0o644)
    (root / "accounts.db").chmod(0o644)
    assert codes(machine.rights(kept.settings)) == ["DOCTOR-011"]
    (root / "accounts.db").chmod(0o600)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)
        assert "DOCTOR-012" in codes(machine.rights(kept.settings))
    lstat = Path.lstat
    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", lambda self: SimpleNamespace(st_uid=4711) if self.name == "ocfl" else lstat(self))
        assert codes(machine.rights(kept.settings)) == ["DOCTOR-013"]
    secret = "postgresql+psycopg2://luutru:geheim@db/luutru"
    (root / "luutru.toml").write_text(f'database = "{secret}"\n')
    assert codes(machine.rights(settings.load(root))) == ["DOCTOR-014"]


def test_a_file_system_that_keeps_no_promise_is_told(kept: Archive, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\n/dev/b {kept.settings.root} vfat rw 0 0\n")
    assert codes(machine.file_systems(kept.settings, mounts)) == ["DOCTOR-015"]
    mounts.write_text("/dev/a / ext4 rw 0 0\n")
    assert list(machine.file_systems(kept.settings, mounts)) == []


def test_what_a_kill_left_and_a_log_that_grows_are_told(kept: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    root = kept.settings.root
    assert list(machine.left_over(kept.settings)) == []
    (root / "luutru.lock").write_text("pid 999999999\n")
    (root / "store" / "staging" / "x").mkdir()
    (root / "log").mkdir(exist_ok=True)
    (root / "log" / "luutru.jsonl").write_text("{}\n")
    monkeypatch.setattr(machine, "_LOG_MB", 0)
    assert codes(machine.left_over(kept.settings)) == ["DOCTOR-016", "DOCTOR-017", "DOCTOR-018"]


# --- the archive ------------------------------------------------------------------------------------------------


def test_nights_that_do_not_end_are_told(kept: Archive) -> None:
    assert list(records.nights(kept, NOW)) == []
    assert codes(records.nights(kept, NOW + timedelta(days=3))) == ["DOCTOR-020"]
    with kept.catalogue.session() as session:
        session.add(Batch(id="2026-11-24.1", night="2026-11-24", started_at=clock.stamp(NOW), summary={},
                          finished_at=clock.stamp(NOW + timedelta(days=3))))
    assert list(records.nights(kept, NOW + timedelta(days=3))) == []


def test_damage_and_readings_that_are_late_are_told() -> None:
    slow = Forecast(holds=False, breaks=None, seconds=900, nights=200.0, size=1, growth=1.0, pace=1.0, copies=0)
    told = Status(90, [PlaceStatus("store", "store", "store", 91, 2, 3.0, None)], slow)
    assert codes(records.damage(told)) == ["DOCTOR-021", "DOCTOR-022", "DOCTOR-023"]
    well = Status(90, [PlaceStatus("store", "store", "store", 3, 0, 3.0, None)], None)
    assert list(records.damage(well)) == []


def test_nights_without_a_timestamp_and_late_renewals_are_told(kept: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(records.evidence(kept, NOW)) == []
    monkeypatch.setattr(records, "waiting", lambda _archive: ["000001", "000002"])
    assert codes(records.evidence(kept, NOW)) == ["DOCTOR-024"]
    tsa = with_settings(kept, evidence={"tsa": ["http://tsa.example.vn"]})
    monkeypatch.setattr(records, "calendar_of", lambda _archive: [SimpleNamespace(
        due=NOW - timedelta(days=1), until=NOW + timedelta(days=100), seals=("000001",))])
    assert codes(records.evidence(tsa, NOW)) == ["DOCTOR-025", "DOCTOR-026"]
    assert Seal.__tablename__ == "seal"


def test_an_index_that_is_not_there_or_behind_is_told(kept: Archive) -> None:
    assert codes(records.index(kept)) == ["DOCTOR-027"]
    (kept.settings.root / "index" / "x").mkdir(parents=True)
    assert codes(records.index(kept)) == ["DOCTOR-028"]
    with kept.catalogue.session() as session:
        session.execute(update(Document).values(indexed="f"))
    assert list(records.index(kept)) == []


def test_settings_of_a_trial_and_an_inbox_that_is_not_mounted_are_told(kept: Archive) -> None:
    assert codes(records.set_up(kept.settings)) == ["DOCTOR-030", "DOCTOR-031"]
    shutil.rmtree(kept.settings.root / "inbox")
    own = settings.load(kept.settings.root, agency={"code": "H37.01", "name": "Sở", "calendar": "tinh"})
    assert codes(records.set_up(own)) == ["DOCTOR-032"]


def test_wrong_settings_and_an_archive_that_cannot_be_opened_are_findings(
        kept: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    root = kept.settings.root
    monkeypatch.setattr(parts, "look", list)
    monkeypatch.setattr(parts, "packages", list)

    def told(code: int) -> list[str]:
        done = CliRunner().invoke(luutru, ["--root", str(root), "doctor", "--json"], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return [one["code"] for one in json.loads(done.stdout)["findings"]]

    before = (root / "luutru.toml").read_text()
    (root / "luutru.toml").write_text("[ingest]\nworkers = -1\n")
    assert told(1) == ["DOCTOR-004"]
    (root / "luutru.toml").write_text(before)
    (ledger,) = (root / "store" / "ledger").glob("*.jsonl")
    ledger.write_bytes(ledger.read_bytes()[:-30] + b'"}\n')
    assert "DOCTOR-019" in told(4)


def test_a_look_that_breaks_off_is_told_and_the_others_go_on(kept: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "look", list)
    monkeypatch.setattr(parts, "packages", list)

    def broken(_settings: object) -> Iterator[Finding]:
        raise RuntimeError("hỏng")
        yield

    monkeypatch.setattr(machine, "rights", broken)
    found, _parts, status = examining.examine(kept.settings, NOW)
    assert "DOCTOR-029" in codes(found)
    assert "DOCTOR-037" in codes(found)
    assert status is not None


# --- copies and backups -------------------------------------------------------------------------------------------


def test_copies_that_are_away_late_few_or_on_the_same_disk_are_told(kept: Archive, tmp_path: Path) -> None:
    (tmp_path / "sao").mkdir()
    one = with_settings(kept, copies={"places": [str(tmp_path / "sao")]})
    told = Status(90, [PlaceStatus("store", "store", "store", 0, 0, 1.0, None),
                       PlaceStatus("copy:a", "a", "absent", None, 0, None, None),
                       PlaceStatus("copy:b", "b", "ready", 0, 0, 1.0, 5)], None)
    assert codes(keeping.copies(one, told, NOW)) == ["DOCTOR-034", "DOCTOR-035", "DOCTOR-036", "DOCTOR-033"]
    assert codes(keeping.copies(kept, Status(90, told.places[:1], None), NOW)) == ["DOCTOR-033"]


def made_at(archive: Archive, target: str, at: datetime, kind: str = "full", key: str = "1") -> None:
    tell(archive, "backup_made", target, {
        "medium": "m", "set": f"{at:%Y%m%dT%H%M%SZ}-{kind}", "kind": kind, "base": "", "made_at": clock.stamp(at),
        "sha256": "", "seq": 1, "head": "", "objects": 1, "files": 1, "bytes": 1, "faults": 0, "left_out": 0,
        "catalogue": True}, f"made-{target}-{key}")


def test_backups_that_are_missing_late_untried_or_on_a_dying_medium_are_told(kept: Archive, tmp_path: Path) -> None:
    assert codes(keeping.backups(kept, NOW)) == ["DOCTOR-037"]
    (tmp_path / "nas").mkdir()
    one = with_settings(kept, backup={"targets": {"nas": str(tmp_path / "nas")}})
    assert codes(keeping.backups(one, NOW)) == ["DOCTOR-040", "DOCTOR-038"]
    made_at(one, "nas", NOW - timedelta(days=30))
    made_at(one, "nas", NOW - timedelta(hours=3), "incremental", "2")
    assert codes(keeping.backups(one, NOW)) == ["DOCTOR-040", "DOCTOR-039", "DOCTOR-043", "DOCTOR-042"]
    tell(one, "backup_medium_begun", "nas", {"medium": "m", "ends": "2027-06-30", "append_only": False,
                                             "begun_at": clock.stamp(NOW)}, "begun")
    tell(one, "backup_checked", "nas", {"medium": "m", "number": 1, "scan": {"tool": "x"}}, "checked")
    tell(one, "backup_drilled", "nas", {"medium": "m", "number": 0}, "drilled")
    found = codes(keeping.backups(one, NOW))
    assert found == ["DOCTOR-040", "DOCTOR-034", "DOCTOR-039", "DOCTOR-041", "DOCTOR-044"]
    tell(one, "backup_checked", "nas", {"medium": "m", "number": 0}, "checked again")
    made_at(one, "nas", NOW, "full", "3")
    assert codes(keeping.backups(one, NOW)) == ["DOCTOR-040", "DOCTOR-034", "DOCTOR-044"]


# --- certificates -------------------------------------------------------------------------------------------------


def test_certificates_and_revocation_lists_whose_days_are_numbered_are_told(kept: Archive) -> None:
    trust = kept.settings.root / "trust"
    shutil.rmtree(trust, ignore_errors=True)
    assert codes(certificates.believed(kept.settings, NOW)) == ["DOCTOR-045"]
    (trust / "a").mkdir(parents=True)
    ends = certificate(trust / "a" / "goc.pem")
    assert list(certificates.believed(kept.settings, ends - timedelta(days=90))) == []
    (one,) = certificates.believed(kept.settings, ends - timedelta(days=9))
    assert (one.code, one.params["file"]) == ("DOCTOR-046", "a/goc.pem")
    assert list(certificates.believed(kept.settings, ends + timedelta(days=90))) == []
    tell(kept, "revocations_updated", "CN=Gốc", {"kind": "crl", "next_update": clock.stamp(NOW)}, "crl")
    assert list(certificates.revocations(kept, NOW - timedelta(days=1))) == []
    assert codes(certificates.revocations(kept, NOW + timedelta(days=1))) == ["DOCTOR-047"]
    own = settings.load(kept.settings.root, seal={"pkcs12": "khong-co.p12", "certificate": "trust/a/goc.pem"})
    assert codes(certificates.own_key(own, ends - timedelta(days=9))) == ["DOCTOR-048", "DOCTOR-049"]
    assert codes(certificates.own_key(own, ends - timedelta(days=90))) == ["DOCTOR-048"]


def certificate(place: Path) -> datetime:
    """Write a root certificate of ten years; when it ends."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, ends = ec.generate_private_key(ec.SECP256R1()), NOW + timedelta(days=3650)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA thử")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, ends).sign(key, hashes.SHA256())
    place.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return ends


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_says_what_to_do_and_changes_nothing(kept: Archive) -> None:
    root = kept.settings.root
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file() and path.suffix != ".db-shm"}
    done = CliRunner().invoke(luutru, ["--root", str(root), "doctor"], catch_exceptions=False)
    assert done.exit_code in (1, 3), done.output
    assert "DOCTOR-037" in done.output
    assert "luutru backup run" in done.output
    after = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file() and path.suffix != ".db-shm"}
    assert after == before
    quiet = CliRunner().invoke(luutru, ["--root", str(root), "doctor", "--quiet"], catch_exceptions=False)
    assert "DOCTOR-030" in done.output
    assert "DOCTOR-030" not in quiet.output


def test_every_finding_of_the_doctor_is_tested() -> None:
    text = "".join(place.read_text(encoding="utf-8") for place in Path(__file__).parent.glob("test_*.py"))
    assert [code for code in findings.rules() if code.startswith("DOCTOR-") and f'"{code}"' not in text] == []
