"""Evidence in packages: who unpacks one proves its files with a bare Python, and gaps are said."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from archive import clock, layout, opening, settings
from archive.commands import casefile_close
from archive.errors import IntegrityError
from archive.evidence import seals, tokens
from archive.findings import Level
from archive.opening import Archive, ownership
from archive.packages import evidence
from archive.packages.check import check_package
from archive.packages.description import PackedFile
from ingest.commands import package as package_command
from tests import authority as authorities
from tests.authority import years
from tests.conftest import NIGHT
from tests.stored_documents import FILE, store_documents
from tests.test_package_write import FIELDS

AUTHORITY, SECOND = years(2026, 2031), years(2026, 2032, name="TSA 2")
ORDERS = {
    "aip_hoso": (FILE,), "sip_hoso": (FILE, "--request", "NL.BNV.2026.01", "--ordinal", "1"),
    "aip_tailieu": (f"{FILE}.0000001", "--title", "Tài liệu rời", "--source", "0"),
    "dip": (f"{FILE}.0000001", "--set", "requestID=KT.2026.07"),
}


@pytest.fixture(autouse=True)
def _clock(stopped_clock: object) -> None:
    """Every test stands in the same evening."""


def asking(url: str, digest: bytes, algorithm: str) -> tokens.Token:
    return tokens.read((AUTHORITY if url == "http://one" else SECOND).token(digest, algorithm, NIGHT))


def kho_of(archive: Archive, *, tokens_too: bool = True) -> Path:
    """An archive with a closed case file of three documents; the third came after the last seal."""
    fields = {**FIELDS, "subject": "Về việc kiện toàn tổ chức"}
    store_documents(archive, [fields, {**fields, "codeNumber": "13"}], case_file={"retention": "Vĩnh viễn"})
    object.__setattr__(archive.settings, "evidence", archive.settings.evidence.model_copy(update={
        "tsa": ["http://one", "http://two"]}))
    with ownership(archive):
        seals.seal_night(archive, NIGHT)
        if tokens_too:
            seals.fetch_tokens(archive, NIGHT, asking)
    store_documents(archive, [{**fields, "codeNumber": "14"}])
    root = archive.settings.root
    trust = root / "trust" / "tsa"
    trust.mkdir(parents=True)
    (trust / "root.der").write_bytes(AUTHORITY.root)
    (trust / "root.crl").write_bytes(revocation_list())
    run(casefile_close.close, root, FILE, "--force", "--reason", "thử")
    return root


def revocation_list() -> bytes:
    builder = (x509.CertificateRevocationListBuilder()
               .issuer_name(x509.load_der_x509_certificate(AUTHORITY.root).subject)
               .last_update(NIGHT).next_update(datetime(2027, 1, 1, tzinfo=UTC)))
    return builder.sign(authorities._key("root"), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def run(command: Any, root: Path, *arguments: str) -> Result:
    done = CliRunner().invoke(command, list(arguments), obj=root, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def unpacked(root: Path, place: Path, form: str) -> tuple[Path, list[dict[str, Any]]]:
    """The package of `form`, written, checked without one error, and unpacked; and what the command said of it."""
    done = run(package_command.command, root, "write", *ORDERS[form], "--form", form, "--to", str(place / "out"),
               "--json", "--force", "thử")
    [told] = json.loads(done.stdout)["packages"]
    report = check_package(Path(told["path"]))
    wrong = [one for one in report.findings if one.level > Level.note and not one.code.startswith("META-")]
    assert wrong == [], "a reader's request of one field leaves others empty, which is no matter of the package"
    with zipfile.ZipFile(told["path"]) as zipped:
        zipped.extractall(place)
        [folder] = {name.split("/")[0] for name in zipped.namelist()}
    return place / folder, told["findings"]


@pytest.mark.parametrize("form", list(ORDERS))
def test_who_unpacks_a_package_proves_its_files_with_a_bare_python(archive: Archive, tmp_path: Path, form: str) -> None:
    root = kho_of(archive)
    folder, _findings = unpacked(root, tmp_path, form)
    (tmp_path / "root.der").write_bytes(AUTHORITY.root)

    def checker(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", "documentation/evidence/checker.py", f"representations/rep1/data/{name}",
             f"documentation/evidence/{name}.ers", "--root", str(tmp_path / "root.der")],
            cwd=folder, capture_output=True, text=True, check=False, encoding="utf-8", env={"PYTHONUTF8": "1"})

    [proved, *_more] = sorted(path.name.removesuffix(".ers") for path in folder.glob("documentation/evidence/*.ers"))
    assert checker(proved).returncode == 0, checker(proved).stdout
    (folder / "representations/rep1/data" / proved).write_bytes(b"x")
    assert checker(proved).returncode == 3
    assert [path.name for path in sorted(folder.glob("documentation/evidence/tokens/*"))] == [
        "000001-1.tsr", "000001-2.tsr"], "one of each authority"
    assert {path.read_bytes() for path in folder.glob("documentation/evidence/certificates/*")} == {
        AUTHORITY.certificate, SECOND.certificate, AUTHORITY.root}, "also the root, which the token does not enclose"
    assert [path.suffix for path in folder.glob("documentation/evidence/revocation/*")] == [".crl"]


def test_what_is_not_sealed_yet_is_said_in_the_package_and_by_the_command(archive: Archive, tmp_path: Path) -> None:
    folder, findings = unpacked(kho_of(archive), tmp_path, "aip_hoso")
    assert [(one["code"], one["params"]["count"], one["params"]["of"]) for one in findings] == [("EVID-003", "1", "3")]
    told = (folder / "documentation/evidence/README.txt").read_text(encoding="utf-8")
    assert f"{FILE}.0000003.txt" in told
    assert f"{FILE}.0000002.txt" not in told
    assert not (folder / f"documentation/evidence/{FILE}.0000003.txt.ers").exists()


def test_a_night_without_a_timestamp_gives_the_checker_and_the_reason(archive: Archive, tmp_path: Path) -> None:
    folder, findings = unpacked(kho_of(archive, tokens_too=False), tmp_path, "aip_hoso")
    assert [(one["code"], one["params"]["count"]) for one in findings] == [("EVID-003", "3")]
    assert sorted(path.name for path in folder.glob("documentation/evidence/*")) == ["README.txt", "checker.py"]
    assert "000001" in (folder / "documentation/evidence/README.txt").read_text(encoding="utf-8")


def test_of_a_stored_aip_nothing_but_the_list_in_its_root_mets_changes(archive: Archive, tmp_path: Path) -> None:
    root = kho_of(archive)
    folder, _findings = unpacked(root, tmp_path, "aip_hoso")
    reopened = opening.open_archive(settings.load(root))
    stored = {name: reopened.store.read(layout.casefile_object(FILE), name)
              for name in reopened.store.files(layout.casefile_object(FILE))}
    reopened.close()
    changed = [name for name, data in stored.items() if (folder / name).read_bytes() != data]
    assert changed == ["METS.xml"]
    added = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - set(stored)
    assert all(name.startswith("documentation/evidence/") for name in added)


def test_documentation_that_came_with_a_submission_keeps_its_place_and_its_group(archive: Archive) -> None:
    mets = (b'<?xml version="1.0"?>\n<m:mets xmlns:m="http://www.loc.gov/METS/" OBJID="uuid-1"><m:metsHdr/>'
            b'<m:fileSec><m:fileGrp USE="Documentation" ID="g"><m:file ID="a" CHECKSUM="ABCD"/></m:fileGrp></m:fileSec>'
            b'<m:structMap><m:div LABEL="x"><m:div LABEL="Documentation"><m:fptr FILEID="g"/></m:div></m:div>'
            b'</m:structMap></m:mets>')
    one = PackedFile("documentation/evidence-2/a & b.ers", b"x", 1, "ab" * 32, "application/octet-stream", "now", "")
    made = evidence.listed_in(mets, [one], "2026-11-21T00:00:00.000+07:00").decode()
    assert made.count("fileGrp ") == 1
    assert made.index('CHECKSUM="ABCD"') < made.index("a%20&amp;%20b.ers") < made.index("</m:fileGrp>")
    assert f'CHECKSUM="{"AB" * 32}"' in made
    assert 'LASTMODDATE="2026-11-21' in made
    with ownership(archive), evidence.gathered(archive, evidence.coverage(archive, []), "x", clock.now(), [
            "documentation/evidence/README.txt", "documentation/Evidence-2/x"]) as files:
        assert {file.path.split("/")[1] for file in files} == {"evidence-3"}


def test_a_root_mets_that_cannot_be_read_is_never_handed_out() -> None:
    for mets in (b"", b"<mets", b"<mets OBJID='x'><fileSec></fileSec></mets>"):
        with pytest.raises(IntegrityError):
            evidence.listed_in(mets, [], "now")
