"""The register of trust: every change has a reason and stays; a revocation list needs a trusted signature."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from archive.opening import Archive
from ingest.commands import trust
from ingest.signatures.trust import load_trust
from samples.making import pki

KEY, OTHER = pki.key("uy-ban"), pki.key("giam-doc")
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA thử nghiệm G9")])
DER = serialization.Encoding.DER


def authority(*, ca: bool = True, url: str = "") -> bytes:
    made = (x509.CertificateBuilder().subject_name(NAME).issuer_name(NAME).public_key(KEY.public_key()).serial_number(9)
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
    if url:
        made = made.add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(
            [x509.UniformResourceIdentifier(url)], None, None, None)]), critical=False)
    return made.sign(KEY, hashes.SHA256()).public_bytes(DER)


def revocations(key: rsa.RSAPrivateKey = KEY, *, day: int = 1) -> bytes:
    at = datetime(2026, 11, day, tzinfo=UTC)
    gone = (x509.RevokedCertificateBuilder().serial_number(77).revocation_date(at).build())
    return (x509.CertificateRevocationListBuilder().issuer_name(NAME).last_update(at)
            .next_update(at + timedelta(days=7)).add_revoked_certificate(gone)
            .add_extension(x509.CRLNumber(day), critical=False)
            .sign(key, hashes.SHA256()).public_bytes(DER))


def luutru(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(trust.command, list(arguments), obj=root)


def add(root: Path, der: bytes, place: Path) -> Result:
    place.write_bytes(der)
    return luutru(root, "add", str(place), "--list", "Thử nghiệm", "--confirmed-by", "Nguyễn Văn Mẫu",
                  "--reason", "đối chiếu với trang của CA", "--json")


@pytest.fixture
def root(archive: Archive) -> Path:
    return archive.settings.root


def listed(root: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(luutru(root, "list", "--json").stdout)
    return found


def test_a_certificate_is_believed_with_a_name_and_a_reason_and_no_longer_with_another(root: Path, archive: Archive,
                                                                                       tmp_path: Path) -> None:
    assert add(root, authority(), tmp_path / "ca.der").exit_code == 0
    mark = listed(root)[0]["sha256"]
    assert [(one["confirmed_by"], one["list"], one["present"]) for one in listed(root)] == [
        ("Nguyễn Văn Mẫu", "Thử nghiệm", True)]
    assert len(load_trust(root / "trust").roots) == 1
    shown = luutru(root, "show", mark[:12])
    assert shown.exit_code == 0 and "đối chiếu với trang của CA" in shown.output, shown.output
    assert "trust_added" not in shown.output and "both" not in shown.output     # in words, not in our own names
    assert "Cơ quan ban hành" not in shown.output                               # a CA issues certificates, not texts
    for empty in ("", ":"):
        assert luutru(root, "show", empty).exit_code == 2
        assert luutru(root, "remove", empty, "--reason", "x", "--yes").exit_code == 2
    assert len(listed(root)) == 1
    done = luutru(root, "remove", mark[:12], "--reason", "khóa bị lộ", "--yes")
    assert done.exit_code == 0, done.output
    assert listed(root) == []
    assert load_trust(root / "trust").roots == ()
    events = [(line.kind, line.data["reason"]) for line in archive.ledger.lines() if line.subject == mark]
    assert events == [("trust_added", "đối chiếu với trang của CA"), ("trust_removed", "khóa bị lộ")]


def test_brackets_in_a_name_are_shown_and_break_nothing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.der").write_bytes(authority())
    assert luutru(root, "add", str(tmp_path / "ca.der"), "--list", "A [b]", "--confirmed-by", "Lan [/x]",
                  "--reason", "[/]").exit_code == 0
    shown = luutru(root, "list").output
    assert "A [b]" in shown and "Lan [/x]" in shown
    assert luutru(root, "show", listed(root)[0]["sha256"]).exit_code == 0


def test_the_store_keeps_what_the_folder_lost(root: Path, tmp_path: Path) -> None:
    add(root, authority(), tmp_path / "ca.der")
    for path in (root / "trust").rglob("*.der"):
        path.unlink()
    assert [one["present"] for one in listed(root)] == [False]
    assert json.loads(luutru(root, "restore", "--json").stdout) == {"restored": 1, "revocations": 0}
    assert [one["present"] for one in listed(root)] == [True]


def test_what_somebody_dropped_into_the_folder_is_called_not_confirmed(root: Path) -> None:
    (root / "trust" / "lạ").mkdir(parents=True)
    (root / "trust" / "lạ" / "x.der").write_bytes(authority())
    assert [one["confirmed_by"] for one in listed(root)] == [""]
    assert "chưa" in luutru(root, "list").output or "not confirmed" in luutru(root, "list").output


def test_what_could_vouch_for_nobody_is_not_taken(root: Path, tmp_path: Path) -> None:
    assert add(root, authority(ca=False), tmp_path / "person.der").exit_code != 0
    assert add(root, b"%PDF-1.7", tmp_path / "file.pdf").exit_code != 0
    assert listed(root) == []


def test_a_revocation_list_is_taken_only_with_a_trusted_signature_and_never_an_older_one(root: Path,
                                                                                         tmp_path: Path) -> None:
    def take(data: bytes) -> dict[str, object]:
        (tmp_path / "list.crl").write_bytes(data)
        told: list[dict[str, object]] = json.loads(
            luutru(root, "update", str(tmp_path / "list.crl"), "--json").stdout)
        return told[0]

    assert take(revocations())["taken"] is False, "nobody is trusted yet"
    add(root, authority(), tmp_path / "ca.der")
    assert take(revocations(OTHER))["taken"] is False
    first = take(revocations(day=10))
    assert (first["taken"], first["revoked"], first["number"]) == (True, 1, 10)
    assert take(revocations(day=3))["taken"] is False
    assert take(b"nonsense")["taken"] is False
    assert len(load_trust(root / "trust").crls) == 1


def test_the_lists_are_fetched_from_where_the_certificates_say(root: Path, tmp_path: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(revocations(day=20))

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        add(root, authority(url=f"http://127.0.0.1:{server.server_port}/g9.crl"), tmp_path / "ca.der")
        done = luutru(root, "update", "--url", "http://127.0.0.1:9/none.crl", "--url", "file:///etc/passwd",
                      "--seconds", "3", "--json")
    finally:
        server.shutdown()
        server.server_close()
    told = json.loads(done.stdout)
    assert [one["taken"] for one in told] == [True, False, False]
    assert done.exit_code == 3, "not every list came"


def test_an_empty_name_or_reason_believes_nobody_and_takes_nothing_away(root: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.der").write_bytes(authority())
    for who, why in (("", "x"), ("Lan", " ")):
        assert luutru(root, "add", str(tmp_path / "ca.der"), "--list", "A", "--confirmed-by", who,
                      "--reason", why).exit_code != 0
    assert listed(root) == []
    add(root, authority(), tmp_path / "ca.der")
    assert luutru(root, "remove", listed(root)[0]["sha256"], "--reason", "", "--yes").exit_code != 0
    assert len(listed(root)) == 1


def test_the_same_entry_again_is_no_change(root: Path, archive: Archive, tmp_path: Path) -> None:
    add(root, authority(), tmp_path / "ca.der")
    [before] = listed(root)
    next((root / "trust").rglob("*.der")).unlink()
    [told] = json.loads(add(root, authority(), tmp_path / "ca.der").stdout)
    assert (told["version"], listed(root)) == (before["version"], [before]), "the lost file lies there again"
    assert [line.kind for line in archive.ledger.lines()].count("trust_added") == 1
    luutru(root, "add", str(tmp_path / "ca.der"), "--list", "Thử nghiệm", "--confirmed-by", "Lan", "--reason", "lại",
           "--purpose", "signatures")
    assert listed(root)[0]["version"].startswith("2-")
    shown = luutru(root, "show", before["sha256"])
    assert shown.output.count("Thử nghiệm") == 3, "each change says which list it was about"


def test_a_pipe_or_a_device_is_refused_and_not_read(root: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    add(root, authority(), tmp_path / "ca.der")
    (tmp_path / "ca.crl").write_bytes(revocations())
    for name in ("pipe", "zero"):
        assert luutru(root, "add", str(tmp_path / name), "--list", "A", "--confirmed-by", "Lan",
                      "--reason", "x").exit_code != 0
        done = luutru(root, "update", str(tmp_path / name), str(tmp_path / "ca.crl"), "--json")
        assert (done.exit_code, [one["taken"] for one in json.loads(done.stdout)]) == (3, [False, True])


def test_a_file_that_is_neither_list_nor_answer_is_told_in_one_line(root: Path, tmp_path: Path) -> None:
    add(root, authority(), tmp_path / "ca.der")
    done = luutru(root, "update", str(tmp_path / "ca.der"))
    assert done.exit_code == 3 and len(done.output.splitlines()) == 1 and "asn1crypto" not in done.output
