"""`luutru evidence`: from the night's seal to a folder that proves itself on another machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from archive import clock, layout, opening, records, settings
from archive.evidence import tokens
from archive.files import json_bytes
from archive.opening import Archive, ownership
from archive.store import NewFile
from ingest import nightly
from ingest.commands import evidence
from tests import authority as authorities
from tests.authority import served, years
from tests.conftest import NIGHT

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
    """An archive with one stored document: a scan, its access copy of the same name, and its text."""
    from archive.catalogue import record
    from archive.ledger import Entry, event_key
    from archive.model import Fonds
    from ingest.copying import hash_file

    document = f"{CODE}.0000001"
    places = {"original": f"{layout.RECEIVED}/{document}.pdf", "access": f"{layout.ACCESS}/{document}.pdf",
              "text": f"{layout.TEXT}/{document}.txt"}
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
    assert [bool(one["timestamps"]) for one in told["files"]] == [True, True, True]
    assert [one["name"] for one in told["files"]] == [f"{CODE}.0000001.pdf", f"{CODE}.0000001.access.pdf",
                                                      f"{CODE}.0000001.txt"]
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


def test_a_certificate_that_ended_unnoticed_is_a_finding_and_a_gap_that_verify_shows(
        root: Path, tmp_path: Path, trust: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, later = datetime(2031, 3, 1, tzinfo=UTC), years(2031, 2036, name="TSA 2031")
    with served(AUTHORITY) as url:
        monkeypatch.setenv("LUUTRU_EVIDENCE__TSA", json.dumps([url]))
        luutru(root, "seal")
    with served(later, now) as url:
        monkeypatch.setenv("LUUTRU_EVIDENCE__TSA", json.dumps([url]))
        archive = opening.open_archive(settings.load(root))
        with ownership(archive):
            [found] = nightly._seal(archive, now)
        archive.close()
    assert (found.code, found.params["until"], found.params["count"]) == ("EVID-004", "01/01/2031", "1")
    luutru(root, "export", f"{CODE}.0000001", "--to", str(tmp_path / "out"))
    file = tmp_path / "out" / f"{CODE}.0000001.pdf"
    done = luutru(root, "verify", f"{file}.ers", str(file), "--trust", str(trust), "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["verdict"]) == (3, "untrusted")
    assert [one["state"] for one in told["timestamps"]] == ["untrusted", "trusted"]


PAGE = Path(__file__).parents[1] / "docs" / "trust.md"


def commands_of_the_page() -> list[str]:
    """The commands under "Check a document without the archive" in docs/trust.md, in their order."""
    text = PAGE.read_text(encoding="utf-8").split("## Check a document without the archive")[1].split("\n## ")[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


def test_the_commands_of_the_page_about_trust_do_what_it_says(root: Path, tmp_path: Path, trust: Path,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word, but for what the page cannot know: digests, and that the tests' clock may be past 2031."""
    (root / "trust" / "tsa").mkdir(parents=True, exist_ok=True)
    (root / "trust" / "tsa" / "root.der").write_bytes(AUTHORITY.root)
    (root / "trust" / "tsa" / "root.crl").write_bytes(revocation_list())
    with served(AUTHORITY, NIGHT) as url:
        monkeypatch.setenv("LUUTRU_EVIDENCE__TSA", json.dumps([url]))
        luutru(root, "seal")
    out = tmp_path / "out"
    assert luutru(root, "export", f"{CODE}.0000001", "--to", str(out)).exit_code == 0
    (out / "root.der").write_bytes(AUTHORITY.root)
    server = hashlib.sha256(AUTHORITY.certificate).hexdigest()[:16]
    [listed] = (out / "revocation").iterdir()
    assert sorted(path.name for path in (out / "certificates").iterdir()) == sorted(
        f"{hashlib.sha256(der).hexdigest()[:16]}.der" for der in (AUTHORITY.certificate, AUTHORITY.root))
    over, said = "", []
    for command in commands_of_the_page():
        command = re.sub(r"-digest [0-9a-f]+…", f"-digest {over} -attime {int(NIGHT.timestamp())}", command)
        command = re.sub(r"certificates/[0-9a-f]+…", f"certificates/{server}", command)
        command = re.sub(r"revocation/[0-9a-f]+….crl", f"revocation/{listed.name}", command)
        command = command.replace("openssl verify", f"openssl verify -attime {int(NIGHT.timestamp())}")
        command = re.sub("^python3", f"{sys.executable} -I -S", command)
        done = subprocess.run(["sh", "-c", command], cwd=out, capture_output=True, text=True, check=False,
                              env={**os.environ, "PYTHONUTF8": "1"})
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        said.append(done.stdout + done.stderr)
        if found := re.search(r"over ([0-9a-f]{64})", done.stdout):
            over = found[1]
    assert len(said) == 7
    assert "Time stamp:" in said[1]
    assert "Verification: OK" in said[3]
    assert "server.pem: OK" in said[6]


def revocation_list() -> bytes:
    builder = (x509.CertificateRevocationListBuilder()
               .issuer_name(x509.load_der_x509_certificate(AUTHORITY.root).subject)
               .last_update(NIGHT - timedelta(days=1)).next_update(NIGHT + timedelta(days=30)))
    return builder.sign(authorities._key("root"), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


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


def test_what_is_no_record_is_told_with_the_right_order_and_in_one_line(root: Path, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 [/red] " * 400)
    (tmp_path / "empty.ers").touch()
    for record in ("a.pdf", "empty.ers"):
        done = luutru(root, "verify", str(tmp_path / record), str(tmp_path / "a.pdf"))
        assert done.exit_code == 4 and "FILE.ers" in done.output.replace("TỆP", "FILE") and record in done.output
        assert len(done.output.splitlines()) == 1 and "asn1" not in done.output


def test_a_damaged_token_is_told_in_one_line() -> None:
    made = years(2026, 2031).token(b"0" * 32, "sha256", datetime(2026, 2, 1, tzinfo=UTC))
    for n in range(300, 700, 20):
        broken = bytearray(made)
        broken[n] ^= 4
        try:
            tokens.read(bytes(broken))
        except tokens.TokenError as error:
            assert "\n" not in str(error)
