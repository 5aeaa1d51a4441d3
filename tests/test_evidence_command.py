"""`luutru evidence`: from the night's seal to a folder that proves itself on another machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archive import clock, layout, records
from archive.files import json_bytes
from archive.opening import Archive, ownership
from archive.store import NewFile
from ingest.commands import evidence
from tests.authority import served, years

CODE = "H99.2026.01.VP"
AUTHORITY = years(2026, 2031, name="TSA của Ban Cơ yếu (mẫu)")


def luutru(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(evidence.command, list(arguments), obj=root, catch_exceptions=False)


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    (tmp_path / "trust" / "tsa").mkdir(parents=True)
    (tmp_path / "trust" / "tsa" / "root.der").write_bytes(AUTHORITY.root)
    return tmp_path / "trust"


@pytest.fixture
def root(archive: Archive) -> Path:
    """An archive with one stored document of two files."""
    from archive.catalogue import record
    from archive.ledger import Entry, event_key
    from archive.model import Fonds
    from ingest.copying import hash_file

    document = f"{CODE}.0000001"
    places = {"original": f"{layout.RECEIVED}/{document}.pdf", "text": f"{layout.TEXT}/{document}.txt"}
    scratch = archive.settings.root / "x"
    files = []
    for role, path in places.items():
        scratch.write_bytes(f"nội dung {role}".encode())
        digest = hash_file(scratch)
        files.append({"path": path, "role": role, "name": Path(path).name, "format": "pdf", "size": digest.size,
                      "sha256": digest.sha256, "sha512": digest.sha512})
    case_file = {"schema": "luutru/casefile/1", "code": CODE, "fonds": "H99", "year": 2026, "notation": "01.VP",
                 "title": "Hồ sơ", "retention": "Vĩnh viễn", "keeper": "", "state": "open", "profile": "tt05_2025",
                 "opened_at": clock.stamp(clock.now())}
    described = {"code": document, "case_file": CODE, "ordinal": 1, "item": "a" * 16, "batch": "2026-11-20.1",
                 "version": 1, "profile": "tt05_2025", "fields": {"subject": "Kế hoạch"}, "pages": 1, "legal_value": "",
                 "verdict": "unsigned", "receipt": {"received_at": "", "legal_received_at": "", "rule": ""},
                 "signatures": [], "findings": [], "files": files, "source": {"source": "inbox", "name": "x.pdf"}}
    with ownership(archive):
        archive.store.put(layout.casefile_object(CODE), {
            layout.CASE_FILE: NewFile(json_bytes(case_file)), layout.record_path(1): NewFile(json_bytes(described)),
            **{path: NewFile(f"nội dung {role}".encode()) for role, path in places.items()}},
            message="batch", user="luutru", created=clock.now())
        with archive.catalogue.session() as session:
            record(session, archive.ledger, [Entry("stored", "a" * 16, {
                "document": document, "case_file": CODE, "version": 1,
                "files": {one["path"]: one["sha256"] for one in files}}, event_key("stored", "a" * 16))])
            session.get_one(Fonds, "H99")
            records.admit_case_file(session, case_file, 1)
            session.flush()
            records.admit(session, [described])
    return archive.settings.root


def test_what_is_handed_out_proves_itself_without_the_archive(root: Path, tmp_path: Path, trust: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    with served(AUTHORITY) as url:
        monkeypatch.setenv("LUUTRU_EVIDENCE__TSA", json.dumps([url]))
        assert luutru(root, "seal").exit_code == 0
    done = luutru(root, "export", f"{CODE}.0000001", "--to", str(tmp_path / "out"), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [bool(one["timestamps"]) for one in told["files"]] == [True, True]
    shutil.move(root, tmp_path / "gone")
    monkeypatch.chdir(tmp_path / "out")
    for one in told["files"]:
        checked = subprocess.run([sys.executable, "-I", "-S", "checker.py", one["name"], f"{one['name']}.ers", "--root",
                                  str(trust / "tsa" / "root.der")], capture_output=True, text=True, check=False,
                                 env={"PYTHONUTF8": "1"})
        assert checked.returncode == 0, checked.stdout
        verified = luutru(tmp_path / "none", "verify", f"{one['name']}.ers", one["name"], "--trust", str(trust),
                          "--json")
        assert (verified.exit_code, json.loads(verified.stdout)["verdict"]) == (0, "proved")
    statement = Path("statement.html").read_text(encoding="utf-8")
    assert told["files"][0]["sha256"] in statement
    assert "TSA của Ban Cơ yếu (mẫu)" in statement


def test_a_changed_file_and_an_unknown_authority_have_exit_codes_of_their_own(
        root: Path, tmp_path: Path, trust: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(AUTHORITY) as url:
        monkeypatch.setenv("LUUTRU_EVIDENCE__TSA", json.dumps([url]))
        luutru(root, "seal")
    luutru(root, "export", f"{CODE}.0000001", "--to", str(tmp_path / "out"))
    file = tmp_path / "out" / f"{CODE}.0000001.pdf"
    record = tmp_path / "out" / f"{CODE}.0000001.pdf.ers"
    (tmp_path / "empty").mkdir()
    assert luutru(root, "verify", str(record), str(file), "--trust", str(tmp_path / "empty")).exit_code == 3
    file.write_bytes(b"x")
    assert luutru(root, "verify", str(record), str(file), "--trust", str(trust)).exit_code == 4
    record.write_bytes(b"x")
    assert luutru(root, "verify", str(record), str(file), "--trust", str(trust)).exit_code == 4


def test_half_an_export_is_not_left_behind(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_arguments: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("archive.evidence.export._statement", stopped)
    luutru(root, "export", f"{CODE}.0000001", "--to", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_gap_is_shown_everywhere_until_an_authority_answers(root: Path, tmp_path: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUUTRU_EVIDENCE__TSA", '["http://127.0.0.1:9/tsa"]')
    done = luutru(root, "seal", "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["waiting"] == ["000001"]
    assert json.loads(luutru(root, "list", "--json").stdout)[0]["tokens"] == []
    handed = luutru(root, "export", f"{CODE}.0000001", "--to", str(tmp_path / "out"), "--json")
    assert handed.exit_code == 3
    assert all("000001" in one["gap"] for one in json.loads(handed.stdout)["files"])
    with served(AUTHORITY) as url:
        monkeypatch.setenv("LUUTRU_EVIDENCE__TSA", json.dumps([url]))
        assert luutru(root, "seal").exit_code == 0
    listed = json.loads(luutru(root, "list", "--json").stdout)
    assert all(one["tokens"] for one in listed)
    [due] = json.loads(luutru(root, "calendar", "--json").stdout)
    assert due["due"].startswith("2029-07-01")
    assert not due["overdue"]
