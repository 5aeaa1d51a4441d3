"""Checking packages: every rule has a package that breaks it; a good one is not blamed; nothing crashes."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bagit
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.findings import Finding, Level, finding, rules
from archive.packages import opening, references
from archive.packages.check import Report, check_package, checksums, premis
from archive.packages.opening import open_package
from archive.packages.parsing import parse_xml
from archive.packages.reading import read_package, resolve
from ingest.commands import package_check
from tests import packages_made as made
from tests.conftest import ROOT
from tests.packages_made import REP, Doc, Plan, aip, bag, document_fields, pdf, write_folder, write_zip

CATALOGUE = ROOT / "archive" / "packages" / "findings.toml"
CODES = sorted(code for code in tomllib.loads(CATALOGUE.read_text(encoding="utf-8")) if code[:3] in ("PKG", "BAG"))
Make = Callable[[Path], Path]


def codes(report: Report) -> set[str]:
    return {found.code for found in report.everything}


def zipped(plan: Plan, place: Path) -> Path:
    return write_zip(plan.build(), place / "gói tin.zip", plan.folder)


def replaced(*pairs: tuple[str, str]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        return text
    return edit


# --- the bad packages, one for each rule -----------------------------------------------------------------------


def sip(**changed: Any) -> Make:
    return lambda place: zipped(Plan(**changed), place)


def sip_of(fields: dict[str, str] | None = None, second: dict[str, str] | None = None, **changed: Any) -> Make:
    """A SIP whose case file, or second document, has other fields; a field of "-" is left out."""
    plan = Plan(**changed)
    plan.fields.update(fields or {})
    plan.docs[1].fields.update(second or {})
    for record in (plan.fields, plan.docs[1].fields):
        for key in [key for key, value in record.items() if value == "-"]:
            del record[key]
    return lambda place: zipped(plan, place)


def root_edit(*pairs: tuple[str, str], **changed: Any) -> Make:
    return sip(edit_root=replaced(*pairs), **changed)


def entries(*names: str | tuple[str, bytes] | zipfile.ZipInfo) -> Make:
    """A good SIP as a ZIP with these entries added to it."""
    def make(place: Path) -> Path:
        plan = Plan()
        path = zipped(plan, place)
        with zipfile.ZipFile(path, "a") as archive:
            for name in names:
                if isinstance(name, tuple):
                    archive.writestr(name[0].format(root=plan.folder), name[1])
                else:
                    archive.writestr(name if isinstance(name, zipfile.ZipInfo) else name.format(root=plan.folder), b"x")
        return path
    return make


def in_bytes(old: bytes, new: bytes, count: int = -1) -> Make:
    """A good SIP as a ZIP with bytes of the ZIP itself changed, names for instance."""
    def make(place: Path) -> Path:
        plan = Plan(name="goi", others={"documentation/aaaa.txt": b"a"})
        path = write_zip(plan.build(), place / "gói.zip", plan.folder, zipfile.ZIP_STORED)
        data = path.read_bytes()
        assert old in data
        path.write_bytes(data.replace(old, new, count))
        return path
    return make


def single(name: str, data: bytes) -> Make:
    def make(place: Path) -> Path:
        (place / name).write_bytes(data)
        return place / name
    return make


def cut(place: Path) -> Path:
    path = zipped(Plan(), place)
    path.write_bytes(path.read_bytes()[:-200])
    return path


def link_zip(_place: Path) -> Path:
    info = zipfile.ZipInfo("{root}/documentation/link")
    info.filename = f"{Plan().folder}/documentation/link"
    info.external_attr = 0o120777 << 16
    return entries(info)(_place)


def bomb(place: Path) -> Path:
    plan = Plan()
    path = zipped(plan, place)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open(
            f"{plan.folder}/documentation/0.bin", "w", force_zip64=True) as stream:
        for _ in range(101):
            stream.write(bytes(1 << 20))
    return path


def encrypted(place: Path) -> Path:
    plan = Plan(others={"documentation/z.txt": b"z"})
    path = zipped(plan, place)
    data = bytearray(path.read_bytes())
    name = f"{plan.folder}/documentation/z.txt".encode()
    at = data.index(b"PK\x01\x02", data.rindex(name) - 60)
    data[at + 8] |= 1
    path.write_bytes(bytes(data))
    return path


def damaged(place: Path) -> Path:
    """One byte of a stored file changed: the ZIP's own check fails."""
    plan = Plan()
    path = write_zip(plan.build(), place / "gói.zip", plan.folder, zipfile.ZIP_STORED)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"haihai", b"hAihai", 1))
    return path


def two_roots(place: Path) -> Path:
    files = {f"{name}/{path}": data for name in ("a", "b") for path, data in Plan().build().items()}
    return write_zip(files, place / "hai.zip")


def no_mark(place: Path) -> Path:
    files = {path: data for path, data in Plan().build().items() if "METS" not in path and "EAD" not in path}
    return write_zip(files, place / "không.zip", "goi")


def zip_in_zip(place: Path) -> Path:
    inner = zipped(Plan(), place)
    return write_zip({"goi.zip": inner.read_bytes()}, place / "ngoài.zip")


def renamed(old: str, new: str, **changed: Any) -> Make:
    """A SIP with a file under another name from the start, so that its METS says the new one."""
    def edit(files: dict[str, bytes]) -> None:
        files[new] = files.pop(old)
    return sip(edit_files=edit, **changed)


def tampered(path: str, data: bytes | None) -> Make:
    """A SIP with a file changed (or removed) after its METS was made."""
    def edit(files: dict[str, bytes]) -> None:
        if data is None:
            del files[path]
        else:
            files[path] = data
    return sip(edit_all=edit)


def ead_edit(*pairs: tuple[str, str], path: str = "metadata/descriptive/EAD.xml") -> Make:
    def edit(files: dict[str, bytes]) -> None:
        files[path] = replaced(*pairs)(files[path].decode()).encode()
    return sip(edit_files=edit)


EAD2 = f"{REP}/metadata/descriptive/EAD_doc_{made.FILE_CODE}.0000002.xml"


def ead_is(data: bytes) -> Make:
    """A SIP whose second document's description is `data`."""
    return sip(edit_files=lambda files: files.__setitem__(EAD2, data))


def holey(content: str, form: str = "SIP") -> Make:
    plan = Plan() if form == "SIP" else aip()
    plan.docs[1].files = {f"{made.FILE_CODE}.0000002.pdf.fetch.txt": content.encode()}
    return lambda place: zipped(plan, place)


def aip_without(path: str) -> Make:
    return lambda place: zipped(aip(edit_files=lambda files: files.pop(path)), place)


def circle(place: Path) -> Path:
    def edit(text: str) -> str:
        back = '<div><mptr xlink:type="simple" xlink:href="../../METS.xml" LOCTYPE="URL"/></div></structMap>'
        return text.replace("</structMap>", back)
    return zipped(Plan(edit_rep=edit), place)


def checksum_of(name: str, algorithm: str) -> tuple[str, str]:
    data = Plan().build()[name]
    other = hashlib.new(algorithm.replace("-", "").lower(), data).hexdigest()
    return (f'CHECKSUM="{hashlib.sha256(data).hexdigest().upper()}" CHECKSUMTYPE="SHA-256"',
            f'CHECKSUM="{other}" CHECKSUMTYPE="{algorithm}"')


def twice_listed(text: str) -> str:
    line = next(line for line in text.splitlines() if "schemas/EAD_pic.xsd" in line)
    other = line.replace(made.made_id("schemas/EAD_pic.xsd", "ID-"), "ID-X").split('CHECKSUM="')
    return text.replace(line, f'{line}{other[0]}CHECKSUM="{"0" * 64}"{other[1][65:]}')


SCHEMA = 'xlink:href="schemas/EAD.xsd"'
SPACED = {"documentation/a b.txt": b"a"}
UNICODE = {"documentation/Tệp.txt": b"a"}

BAD: dict[str, tuple[Make, set[str]]] = {       # code -> package, other codes of the catalogue that come with it
    "PKG-001": (single("x.zip", b"day khong phai zip" * 9), set()),
    "PKG-002": (cut, set()),
    "PKG-003": (single("x.zip", b""), set()),
    "PKG-004": (entries("../ngoai.txt", "/etc/x", "C:/x", "{root}/documentation/a\x07b.txt", "{root}//x"), set()),
    "PKG-005": (entries(("{root}/METS.xml", b"<mets/>")), set()),
    "PKG-006": (sip(others={"documentation/A.txt": b"1", "documentation/a.txt": b"2"}), set()),
    "PKG-007": (link_zip, set()),
    "PKG-008": (encrypted, {"PKG-040"}),
    "PKG-009": (bomb, set()),
    "PKG-010": (in_bytes(b"goi/documentation/aaaa.txt", b"goi\\documentation\\aaaa.txt"), {"PKG-051"}),
    "PKG-011": (in_bytes(b"goi/documentation/aaaa.txt", "goi/documentation/bẩ.txt".encode()),
                {"PKG-040", "PKG-045", "PKG-051"}),
    "PKG-012": (entries("__MACOSX/{root}/._METS.xml", "{root}/.DS_Store", "{root}/documentation/Thumbs.db"), set()),
    "PKG-013": (no_mark, set()),
    "PKG-014": (two_roots, {"PKG-051"}),
    "PKG-015": (entries("huong-dan.txt"), set()),
    "PKG-016": (zip_in_zip, set()),
    "PKG-017": (lambda place: write_zip(Plan().build(), place / "x.zip", f"ngoài/{Plan().folder}"), set()),
    "PKG-018": (damaged, set()),
    "PKG-019": (lambda place: write_zip(Plan().build(), place / "x.zip"), set()),
    "PKG-020": (ead_is(b"<simpledc><docId></simpledc>"), set()),
    "PKG-021": (ead_is(b"<!DOCTYPE x [<!ENTITY a 'b'>]><simpledc/>"), set()),
    "PKG-022": (ead_is(b"<simpledc>" + b"<a/>" * 3_000_001 + b"</simpledc>"), set()),
    "PKG-023": (ead_is(b"  \n"), set()),
    "PKG-024": (ead_edit(("<?xml", "\n <?xml"), path=EAD2), set()),
    "PKG-025": (root_edit(('xmlns="http://www.loc.gov/METS/"', 'xmlns="http://www.loc.gov/METS"')), set()),
    "PKG-026": (entries("{root}/documentation/a\nb.txt"), {"PKG-045"}),
    "PKG-030": (root_edit((SCHEMA, 'xlink:href="../../../etc/passwd"')), {"PKG-045"}),
    "PKG-031": (root_edit((SCHEMA, 'xlink:href="file:///schemas/EAD.xsd"')), set()),
    "PKG-032": (root_edit((SCHEMA, 'xlink:href="schemas\\EAD.xsd"')), set()),
    "PKG-033": (root_edit(("documentation/a b.txt", "documentation%2Fa+b.txt"), others=SPACED), set()),
    "PKG-034": (sip(others={"documentation/a%20b.txt": b"a", "documentation/a b.txt": b"a"}), set()),
    "PKG-035": (root_edit((SCHEMA, 'xlink:href="schemas/ead.XSD"')), set()),
    "PKG-036": (root_edit((SCHEMA, 'xlink:href="https://example.org/EAD.xsd"')), {"PKG-045"}),
    "PKG-037": (sip(edit_rep=replaced(('href="data/', f'href="{REP}/data/'))), set()),
    "PKG-038": (root_edit((SCHEMA, 'xlink:href=""')), {"PKG-045"}),
    "PKG-039": (circle, set()),
    "PKG-040": (tampered("schemas/EAD.xsd", None), set()),
    "PKG-041": (tampered("schemas/EAD.xsd", Plan().build()["schemas/EAD.xsd"].swapcase()), set()),
    "PKG-042": (root_edit((f'SIZE="{len(Plan().build()["schemas/EAD_pic.xsd"])}"', 'SIZE="7"')), set()),
    "PKG-043": (root_edit((checksum_of("schemas/EAD.xsd", "md5")[0], "")), set()),
    "PKG-044": (root_edit((checksum_of("schemas/EAD.xsd", "md5")[0], 'CHECKSUM="00" CHECKSUMTYPE="TIGER"')), set()),
    "PKG-045": (tampered("documentation/thừa.txt", b"x"), set()),
    "PKG-046": (sip(edit_root=twice_listed), set()),
    "PKG-047": (root_edit(checksum_of("schemas/EAD.xsd", "MD5")), set()),
    "PKG-048": (root_edit((checksum_of("schemas/EAD.xsd", "md5")[0], 'CHECKSUM="XYZ" CHECKSUMTYPE="SHA-256"')), set()),
    "PKG-050": (sip(edit_files=lambda files: [files.pop(path) for path in list(files) if "EAD_doc_" in path]),
                {"PKG-083"}),
    "PKG-051": (sip(name="tên khác"), set()),
    "PKG-053": (sip(others={"representations/rep2/data/a.txt": b"a"}), {"PKG-083"}),
    "PKG-054": (sip(others={"metadata/preservation/x.txt": b"a"}), set()),
    "PKG-055": (aip_without("metadata/preservation/PREMIS.xml"), set()),
    "PKG-056": (sip(edit_files=lambda files: [files.pop(path) for path in list(files) if "EAD" in path
                                              and path.startswith("schemas/")]), set()),
    "PKG-057": (renamed("schemas/EAD_doc.xsd", "schemas/ead_doc.xsd"), set()),
    "PKG-058": (sip(edit_files=lambda files: [files.pop(path) for path in list(files) if "/data/" in path]),
                {"PKG-084"}),
    "PKG-059": (sip(others={"khac/a.txt": b"a"}), set()),
    "PKG-060": (lambda place: write_zip(made.eark(), place / "x.zip", "csip-1"), set()),
    "PKG-070": (ead_is(b"<ead xmlns='urn:isbn:1-931666-22-9'/>"), set()),
    "PKG-071": (ead_edit(("<title>", "<x>"), ("</title>", "</x>"), ("<mode>01</mode>", "<mode>01</mode>"),
                         ("<x>Hồ sơ về tổ chức bộ máy năm 2026</x>", ""),
                         ("</simpledc>", "<title>Hồ sơ</title></simpledc>")), set()),
    "PKG-072": (ead_edit(("</simpledc>", "<ghiChu>x</ghiChu></simpledc>")), set()),
    "PKG-073": (sip_of({"inforSign": "-"}), set()),
    "PKG-074": (ead_edit(("<mode>01</mode>", "<mode>01</mode><mode>01</mode>")), {"META-011"}),
    "PKG-075": (sip_of({"totalDoc": "3"}), set()),
    "PKG-076": (sip_of({"numberOfPage": "9"}), set()),
    "PKG-077": (sip_of(second={"docCode": f"{made.FILE_CODE}.0000004"}), set()),
    "PKG-078": (sip_of(second={"docCode": f"{made.FILE_CODE}.0000001"}), set()),
    "PKG-079": (sip_of(second={"docCode": "H99.2026.02.TC.0000002"}), set()),
    "PKG-080": (sip_of(second={"docCode": f"{made.FILE_CODE}.2"}), set()),
    "PKG-081": (sip_of({"maintenance": "06"}, docs=[
        Doc(document_fields(n, maintenance="06"), {f"{n}.pdf": pdf(str(n))}) for n in (1, 2)]), set()),
    "PKG-082": (lambda place: zipped(aip(docs=[Doc({**one.fields, "maintenance": "06"}, one.files)
                                               for one in aip().docs]), place), set()),
    "PKG-083": (sip(others={f"{REP}/data/lạ.pdf": pdf("lạ")}), set()),
    "PKG-084": (sip(edit_files=lambda files: files.pop(f"{REP}/data/{made.FILE_CODE}.0000002.pdf")), set()),
    "PKG-085": (holey("hai\ndòng"), set()),
    "PKG-086": (sip(edit_rep=lambda text: text.replace(
        f'<fptr FILEID="{made.made_id(f"data/{made.FILE_CODE}.0000002.pdf", "ID-")}"/>', "")), set()),
    "PKG-087": (sip_of(second={"docCode": "H99.2025.01.VP.0000002"}), set()),
    "PKG-088": (sip_of(second={"issuedDate": "15/03/2020"}), set()),
    "PKG-089": (sip_of(second={"process": "1"}), set()),
    "PKG-090": (sip(), set()),
}


def bag_with(path: str | None = None, data: bytes | None = None, *, sealed: bool = True, version: str = "1.0",
             **files: Any) -> Make:
    """A good bag with one file changed or removed, its tag manifests made again unless `sealed` is false."""
    def make(place: Path) -> Path:
        built = bag(version=version, **files)
        if path is not None and data is None:
            built = {name: content for name, content in built.items() if name != path}
        elif path is not None and data is not None:
            built[path] = data
        if sealed:
            made.seal(built, files.get("algorithms", ("sha256", "sha512")))
        return write_folder(built, place / "bag")
    return make


def manifest_plus(line: str, name: str = "manifest-sha256.txt") -> Make:
    return bag_with(name, bag()[name] + line.encode())


def manifests(edit: Callable[[str], str]) -> Make:
    def make(place: Path) -> Path:
        built = bag()
        for name in ("manifest-sha256.txt", "manifest-sha512.txt"):
            built[name] = edit(built[name].decode()).encode()
        made.seal(built)
        return write_folder(built, place / "bag")
    return make


NULL = "0" * 64
BAD |= {
    "BAG-001": (bag_with("bagit.txt", b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\nThem: x\n"), set()),
    "BAG-002": (bag_with("bagit.txt", b"BagIt-Version: 3.1\nTag-File-Character-Encoding: UTF-8\n"), set()),
    "BAG-003": (bag_with(algorithms=()), set()),
    "BAG-004": (lambda place: _without_data(place), {"BAG-013"}),
    "BAG-005": (manifest_plus("khong phai gia tri bam\n"), set()),
    "BAG-006": (lambda place: _bag_file_gone(place), {"BAG-013"}),
    "BAG-007": (bag_with("data/thừa.txt", b""), {"BAG-013"}),
    "BAG-008": (bag_with("data/một.txt", b"2"), set()),
    "BAG-009": (manifest_plus(f"{NULL}  data/../../x\n"), set()),
    "BAG-010": (manifest_plus(bag()["manifest-sha256.txt"].decode().splitlines()[0] + "\n"), set()),
    "BAG-011": (lambda place: _to_fetch(place), {"BAG-013"}),
    "BAG-012": (bag_with("fetch.txt", b"https://example.org/x 1 data/x\n"), {"BAG-011"}),
    "BAG-013": (bag_with("bag-info.txt", b"Payload-Oxum: 7.7\n"), set()),
    "BAG-014": (bag_with("bag-info.txt", "không có dấu hai chấm\n".encode()), set()),
    "BAG-015": (manifests(lambda text: text.replace("data/b/hai.txt", "data/B/HAI.txt")), set()),
    "BAG-016": (bag_with(algorithms=("md5",)), set()),
    "BAG-017": (bag_with("manifest-blake2b.txt", bag()["manifest-sha512.txt"]), set()),
    "BAG-018": (bag_with("bag-info.txt", b"\xef\xbb\xbfSource-Organization: x\n"), set()),
    "BAG-019": (bag_with("tagmanifest-sha256.txt", made.manifest({"data/một.txt": b"1"}, "sha256"), sealed=False),
                set()),
    "BAG-020": (manifests(lambda text: text.replace("  data/", " *data/")), set()),
    "BAG-021": (manifest_plus(f"{hashlib.sha256(bag()['bag-info.txt']).hexdigest()}  bag-info.txt\n"), set()),
    "BAG-022": (bag_with("bag-info.txt", b"Bagging-Date: 2026-11-21\nBagging-Date: 2026-11-22\n"), set()),
}


def _without_data(place: Path) -> Path:
    built = {name: content for name, content in bag().items() if not name.startswith("data/")}
    built |= {"manifest-sha256.txt": b"", "manifest-sha512.txt": b""}
    made.seal(built)
    return write_folder(built, place / "bag")


def _bag_file_gone(place: Path) -> Path:
    path = write_folder(bag(), place / "bag")
    (path / "data/một.txt").unlink()
    return path


def _to_fetch(place: Path) -> Path:
    built = bag()
    built["fetch.txt"] = f"https://example.org/1 {len(built.pop('data/một.txt'))} data/một.txt\n".encode()
    made.seal(built)
    return write_folder(built, place / "bag")


def test_every_rule_has_its_bad_package() -> None:
    assert set(CODES) - set(BAD) == {"PKG-091"}         # asked for by the caller: below
    assert set(BAD) <= set(CODES)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("code", sorted(BAD))
def test_a_package_that_breaks_one_rule_is_told_of_that_rule(code: str, tmp_path: Path) -> None:
    make, companions = BAD[code]
    report = check_package(make(tmp_path))
    usual = {"PKG-090"} - {code}
    found = {one for one in codes(report) if one in CODES} - usual
    assert code in found, sorted(codes(report))
    assert found - {code} <= companions, [one.sentence("en") for one in report.everything if one.code in found]
    assert report.worst >= rules()[code].level


GOOD: dict[str, Make] = {
    "sip": sip(), "aip": lambda place: zipped(aip(), place), "bag": lambda place: write_folder(bag(), place / "b"),
    "folder": lambda place: write_folder(Plan().build(), place / Plan().folder),
    "holey sip": holey("H99.2026.2"),
    "holey aip": holey(f"urn_H99_{made.made_id('x', '')}_{REP}/data/a.pdf 12 {REP}/data/a.pdf ID-1", "AIP")}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_package_is_not_blamed(name: str, tmp_path: Path) -> None:
    report = check_package(GOOD[name](tmp_path))
    assert [one.sentence("en") for one in report.everything if one.level >= Level.warning] == []


def test_the_clause_is_that_of_the_kind_of_package(tmp_path: Path) -> None:
    def cited(make: Make) -> str:
        found = [one.article for one in check_package(make(tmp_path)).findings if one.code == "PKG-045"]
        return found[0]

    extra: dict[str, Any] = {"edit_all": lambda files: files.update({"documentation/x.txt": b"x"})}
    assert cited(sip(**extra)) == "TT 05/2025/TT-BNV Phụ lục III mục II.1"
    assert cited(lambda place: zipped(aip(**extra), place)) == "TT 05/2025/TT-BNV Phụ lục I mục II.1"
    files = {**made.eark(), "x.txt": b""}
    assert cited(lambda place: write_zip(files, place / "e.zip", "csip-1")) == "E-ARK CSIP CSIP58"


def test_every_file_that_has_a_checksum_is_read_and_compared(tmp_path: Path) -> None:
    report = check_package(sip()(tmp_path))
    files = Plan().build()
    assert report.files == len(files) - 1           # all but the root METS, which nothing vouches for
    assert report.bytes == sum(map(len, files.values())) - len(files["METS.xml"])
    assert (report.kind, report.documents, report.objid) == ("TT05 SIP_hoso", 2, Plan().objid)


# --- containers -------------------------------------------------------------------------------------------------


def test_a_folder_gives_away_nothing_that_lies_outside_it(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    path = write_folder(Plan().build(), tmp_path / Plan().folder)
    (path / "documentation").mkdir()
    (path / "documentation" / "out.txt").symlink_to(tmp_path / "secret.txt")
    (path / "documentation" / "loop").symlink_to(path)
    os.mkfifo(path / "documentation" / "pipe")
    assert codes(check_package(path / "documentation" / "pipe")) == {"PKG-001"}
    (path / os.fsdecode(b"documentation/ti\xe1\xba.txt")).write_bytes(b"x")
    with open_package(path) as opened:
        assert not [name for name in opened.names if name.startswith("documentation")]
    report = check_package(path)
    assert sorted(one.code for one in report.findings if one.level >= Level.warning) == ["PKG-004", *["PKG-007"] * 3]


def test_a_folder_in_another_one_is_found_and_said(tmp_path: Path) -> None:
    write_folder(Plan().build(), tmp_path / "ngoài" / Plan().folder)
    report = check_package(tmp_path / "ngoài")
    assert {one.code for one in report.findings if one.level >= Level.warning} == {"PKG-017"}


@pytest.mark.parametrize(("limit", "value"), [("entries", 5), ("total_bytes", 1000), ("directory_bytes", 100)])
def test_a_package_beyond_a_limit_is_not_unpacked(limit: str, value: int, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    path = sip()(tmp_path)
    small = {**opening.limits("container"), limit: value}
    monkeypatch.setattr(opening, "limits", lambda section: small)
    with open_package(path) as opened:
        assert opened.names == ()
        assert [one.code for one in opened.findings] == ["PKG-009"]


def test_entries_that_share_their_bytes_are_a_bomb(tmp_path: Path) -> None:
    path = write_zip(Plan().build(), tmp_path / "x.zip", "goi", zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42:second + 46] = struct.pack("<L", 3)        # its header lies within the first file
    path.write_bytes(bytes(data))
    assert "PKG-009" in codes(check_package(path))


def test_a_size_that_lies_is_found(tmp_path: Path) -> None:
    path = write_zip({"METS.xml": b"<mets/>", "data/a.txt": b"a" * 5000}, tmp_path / "x.zip", "goi")
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[central + 24:central + 28] = struct.pack("<L", 99)
    path.write_bytes(bytes(data))
    with open_package(path) as opened, pytest.raises(OSError, match="CRC"):
        opened.read("data/a.txt", 10_000)


@pytest.mark.parametrize("folder", [True, False])
def test_large_files_are_hashed_side_by_side_and_none_is_mixed_up(folder: bool, tmp_path: Path) -> None:
    """Files from 4 MB are read and hashed in different threads, several at a time."""
    docs = [Doc(document_fields(n), {f"{n}.pdf": bytes([n]) * (5 << 20)}) for n in (1, 2)]
    plan = Plan(docs=docs, edit_all=lambda files: files.update({"documentation/x.txt": b"x"}))
    files = plan.build()
    told: list[tuple[int, int]] = []

    def write(changed: dict[str, bytes], name: str) -> Path:
        target = tmp_path / name / plan.folder
        return write_folder(changed, target) if folder else write_zip(changed, tmp_path / f"{name}.zip", plan.folder)

    good = check_package(write(files, "good"), progress=lambda done, total: told.append((done, total)))
    assert {one.code for one in good.everything if one.level >= Level.warning} == {"PKG-045"}
    assert max(told) == (good.bytes, sum(map(len, files.values())))
    first = f"{REP}/data/1.pdf"
    bad = check_package(write({**files, first: files[first][:-1] + b"x"}, "bad"))
    assert [one.subject for one in bad.findings if one.code == "PKG-041"] == [first]


def test_a_large_file_that_breaks_off_is_a_finding(tmp_path: Path) -> None:
    plan = Plan(docs=[Doc(document_fields(n), {f"{n}.pdf": bytes([n]) * (5 << 20)}) for n in (1, 2)])
    path = write_zip(plan.build(), tmp_path / "x.zip", plan.folder, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[data.index(bytes([1]) * 100) + (4 << 20)] = 9
    path.write_bytes(bytes(data))
    assert [one.subject for one in check_package(path).findings if one.code == "PKG-018"] == [f"{REP}/data/1.pdf"]


def test_a_zip_is_not_unpacked_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sip()(tmp_path)
    monkeypatch.setattr(zipfile.ZipFile, "extract", None)
    monkeypatch.setattr(zipfile.ZipFile, "extractall", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    before = sorted(tmp_path.rglob("*"))
    assert check_package(path).worst < Level.warning
    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_that_is_no_text_can_be_reported(tmp_path: Path) -> None:
    path = write_folder(Plan().build(), tmp_path / os.fsdecode(b"g\xf3i"))
    report = check_package(path)
    assert json.dumps(report.as_dict(), ensure_ascii=False).encode()
    assert codes(report) >= {"PKG-051"}


def test_who_writes_by_the_printed_schema_is_not_blamed_for_what_it_leaves_out(tmp_path: Path) -> None:
    left_out = dict.fromkeys(("riskRecovery", "riskRecoveryStatus"), "-")
    report = check_package(sip_of(left_out, left_out)(tmp_path))
    assert report.worst < Level.warning
    assert {"META-001"} <= codes(check_package(sip_of({"riskRecovery": "-"})(tmp_path)))


# --- hrefs ------------------------------------------------------------------------------------------------------

HELD = ["METS.xml", "data/a b.txt", "data/c+d.txt", "data/e%20f.txt", "schemas/Việt.xsd", f"{REP}/METS.xml",
        f"{REP}/data/x.pdf", "g:h.txt"]


@pytest.mark.parametrize(("base", "href", "path", "oddities"), [
    ("", "data/a b.txt", "data/a b.txt", ()),
    ("", "./data/a%20b.txt", "data/a b.txt", ()),
    ("", "data/a+b.txt", "data/a b.txt", ("PKG-033",)),
    ("", "data%2Fa+b.txt", "data/a b.txt", ("PKG-033",)),
    ("", "data/c+d.txt", "data/c+d.txt", ()),
    ("", "data/e%20f.txt", "data/e%20f.txt", ()),
    ("", "data/e%2520f.txt", "data/e%20f.txt", ()),
    ("", "file://./data/a%20b.txt", "data/a b.txt", ("PKG-031",)),
    ("", "file:data/c+d.txt", "data/c+d.txt", ("PKG-031",)),
    ("", "file:///data/c+d.txt", "data/c+d.txt", ("PKG-031",)),
    ("", "/data/c+d.txt", "data/c+d.txt", ("PKG-031",)),
    ("", "file:/home/an/data/c+d.txt", "", ("PKG-030",)),
    ("", "C:\\data\\x.txt", "", ("PKG-030",)),
    ("", "data\\c+d.txt", "data/c+d.txt", ("PKG-032",)),
    ("", "../x.txt", "", ("PKG-030",)),
    ("", "%2e%2e/x.txt", "", ("PKG-030",)),
    ("", "data/../METS.xml", "METS.xml", ()),
    ("", "g:h.txt", "g:h.txt", ()),
    ("", "urn:uuid:0f1c47a7", "", ("PKG-036",)),
    ("", "https://example.org/a", "", ("PKG-036",)),
    ("", "uuid-0F1C47A7-0F1C-47A7-8FD6-CC5C7DE4064F", "", ("PKG-036",)),
    ("", "", "", ("PKG-038",)),
    ("", "schemas/VIỆT.XSD", "schemas/Việt.xsd", ("PKG-035",)),
    (REP, "data/x.pdf", f"{REP}/data/x.pdf", ()),
    (REP, "../../METS.xml", "METS.xml", ()),
    (REP, f"{REP}/data/x.pdf", f"{REP}/data/x.pdf", ("PKG-037",)),
    (REP, "../../../x", "", ("PKG-030",)),
])
def test_an_href_means_one_file_of_the_package_or_none(base: str, href: str, path: str, oddities: tuple[str, ...],
                                                       tmp_path: Path) -> None:
    with open_package(write_zip(dict.fromkeys(HELD, b"x"), tmp_path / "x.zip", "goi")) as opened:
        target = resolve(opened, base, href)
    assert (target.path, target.there, target.codes) == (path, bool(path), oddities)


@pytest.fixture(scope="module")
def opened_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with open_package(write_zip(dict.fromkeys(HELD, b"x"), tmp_path_factory.mktemp("href") / "x.zip", "goi")) as opened:
        yield opened


@given(href=st.text() | st.lists(st.sampled_from(["..", ".", "/", "\\", "%2e", "%2F", "file:", "data", "C:", "~", "x"])
                                 ).map("".join), base=st.sampled_from(["", REP]))
@settings(max_examples=400, deadline=None)
def test_no_href_leads_out_of_the_package(opened_once: Any, href: str, base: str) -> None:
    target = resolve(opened_once, base, href)
    assert target.there == opened_once.has(target.path) or not target.there
    assert ".." not in target.path.split("/")
    assert not target.path.startswith("/")


# --- reading ----------------------------------------------------------------------------------------------------


def read(path: Path) -> tuple[Any, list[Finding]]:
    found: list[Finding] = []
    with open_package(path) as opened:
        return read_package(opened, found), found


def test_a_package_is_read_as_its_maker_meant_it(tmp_path: Path) -> None:
    package, found = read(sip(others={"documentation/doc.pdf": pdf("hd")})(tmp_path))
    assert found == []
    assert (package.form, package.fonds, package.organisation, package.request, package.status) == (
        "SIP_hoso", "H99", "UBND tỉnh", "NL.H99.2026.01", "NEW")
    assert package.title == package.fields["title"] == "Hồ sơ về tổ chức bộ máy năm 2026"
    first, second = package.documents
    assert first.fields == document_fields(1)
    assert [(file.path.rpartition("/")[2], file.role) for file in first.files] == [
        (f"{made.FILE_CODE}.0000001.pdf", "original"), ("phu-luc.pdf", "attachment")]
    assert [file.sha256 for file in second.files] == [hashlib.sha256(pdf("hai")).hexdigest()]
    assert second.files[0].mime == "application/pdf"
    assert [file.path for file in package.documentation] == ["documentation/doc.pdf"]


def test_the_archivists_code_is_not_taken_for_the_fonds(tmp_path: Path) -> None:
    package, _ = read(zipped(aip(), tmp_path))
    assert (package.form, package.fonds, package.organisation) == ("AIP_hoso", "H99", "UBND tỉnh")


def test_a_package_is_read_whatever_its_maker_got_wrong(tmp_path: Path) -> None:
    """What was seen in the product of a vendor: empty amdSec, OBJID rep1, MDTYPE DC, other letter case, no links."""
    def spoil(files: dict[str, bytes]) -> None:
        for path in list(files):
            if "EAD_doc_" in path:
                fields = files[path].decode().splitlines()
                fields[2:-1] = reversed(fields[2:-1])
                files[path.replace("EAD_doc_", "EAD_DOC_")] = "\n".join(fields).encode("utf-16")
                del files[path]
            elif path.startswith("schemas/EAD"):
                files[path.lower()] = files.pop(path)

    def spoil_rep(text: str) -> str:
        start, end = text.index("<structMap"), text.index("</structMap>")
        return (text[:start] + text[end + len("</structMap>"):]).replace(
            'MDTYPE="OTHER" OTHERMDTYPE="EAD"', 'MDTYPE="DC"').replace("<fileSec", "<amdSec/><fileSec").replace(
            f'OBJID="{made.made_id("rep1")}"', 'OBJID="rep1"')

    package, found = read(sip(edit_files=spoil, edit_rep=spoil_rep)(tmp_path))
    assert [document.code for document in package.documents] == [f"{made.FILE_CODE}.{n:07d}" for n in (1, 2)]
    assert [document.files[0].path for document in package.documents] == [
        f"{REP}/data/{made.FILE_CODE}.{n:07d}.pdf" for n in (1, 2)]
    assert list(package.loose) == [f"{REP}/data/phu-luc.pdf"]
    assert [one.code for one in found] == ["PKG-086", "PKG-086"]
    codes_found = codes(check_package(tmp_path / "gói tin.zip"))
    assert {"PKG-057", "PKG-071", "PKG-083", "PKG-086"} <= codes_found


def test_a_package_without_any_readable_mets_still_gives_its_documents(tmp_path: Path) -> None:
    wrong = {"METS.xml": b"", f"{REP}/METS.xml": b"<mets"}
    package, found = read(sip(edit_all=lambda files: files.update(wrong))(tmp_path))
    assert package.form == "SIP_hoso"
    assert [len(document.files) for document in package.documents] == [1, 1]
    assert {"PKG-023", "PKG-020", "PKG-086"} == {one.code for one in found}


def test_link_files_are_read_with_their_documents(tmp_path: Path) -> None:
    package, _ = read(holey("H99.2026.2")(tmp_path))
    assert [(one.name, one.content) for one in package.holey] == [(f"{made.FILE_CODE}.0000002.pdf", "H99.2026.2")]
    assert [bool(document.holey) for document in package.documents] == [False, True]
    assert package.documents[1].files == []


@pytest.mark.parametrize(("content", "form"), [("H99.2026.9", "SIP"), ("", "SIP"), ("urn_H99_x", "AIP"), (
    f"urn_H98_{made.made_id('x', '')}_data/a.pdf 12 data/a.pdf ID-1", "AIP")])
def test_a_link_file_that_identifies_nothing_is_found(content: str, form: str, tmp_path: Path) -> None:
    assert "PKG-085" in codes(check_package(holey(content, form)(tmp_path)))


@pytest.mark.parametrize("data", [b"", b"<simpledc>", b"<ead/>", None])
def test_a_package_stays_what_it_is_when_its_main_description_is_broken(data: bytes | None, tmp_path: Path) -> None:
    def spoil(files: dict[str, bytes]) -> None:
        files.pop("metadata/descriptive/EAD.xml")
        if data is not None:
            files["metadata/descriptive/EAD.xml"] = data

    report = check_package(sip(edit_files=spoil)(tmp_path))
    assert (report.kind, report.documents) == ("TT05 SIP_hoso", 2)
    assert report.worst == Level.refused
    assert {"PKG-020", "PKG-023", "PKG-050", "PKG-070"} & codes(report)


def test_a_package_is_recognised_whatever_the_letter_case_of_its_mets(tmp_path: Path) -> None:
    report = check_package(sip(edit_all=lambda files: files.update({"Mets.XML": files.pop("METS.xml")}))(tmp_path))
    assert report.kind == "TT05 SIP_hoso"
    assert "PKG-057" in codes(report)


@pytest.mark.parametrize(("profile", "kind"), [
    ("https://earkcsip.dilcis.eu/profile/E-ARK-CSIP.xml", "E-ARK CSIP 2.0.4"),
    ("https://earkcsip.dilcis.eu/profile/E-ARK-CSIP-v2-1-0.xml", "E-ARK CSIP 2.1.0"),
    ("https://earksip.dilcis.eu/profile/E-ARK-SIP-v2-2-0.xml", "E-ARK SIP 2.2.0"),
    ("https://earkdip.dilcis.eu/profile/E-ARK-DIP.xml", "E-ARK DIP 2.0.4"), ("", "E-ARK SIP 2.0.4")])
def test_an_eark_package_is_judged_as_what_it_claims_to_be(profile: str, kind: str, tmp_path: Path) -> None:
    files = made.eark()
    old = b"https://earkcsip.dilcis.eu/profile/E-ARK-CSIP.xml"
    assert old in files["METS.xml"]
    files["METS.xml"] = files["METS.xml"].replace(old, profile.encode())
    assert check_package(write_zip(files, tmp_path / "x.zip", "csip-1")).kind == kind


DTD = '<!DOCTYPE simpledc [<!ENTITY a "b">]>'


@pytest.mark.parametrize("data", [
    f"<?xml version='1.0'?>{DTD}<simpledc/>".encode(),
    f"<?xml version='1.0' encoding='UTF-16'?>{DTD}<simpledc/>".encode("utf-16"),
    b"<?xml version='1.0'?><!--" + b"x" * 9000 + f"-->{DTD}<simpledc/>".encode(),
    f"<?xml version='1.0' encoding='windows-1258'?>{DTD}<simpledc/>".encode(),
    f"  <?xml version='1.0'?>{DTD}<simpledc/>".encode(),
    b"<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE simpledc [+ADwAIQ-ENTITY a 'b'+AD4]+AD4APA-simpledc/+AD4-",
])
def test_a_dtd_is_found_in_whatever_encoding(data: bytes) -> None:
    found: list[Finding] = []
    assert parse_xml(data, "EAD.xml", found) is None
    assert [one.code for one in found] in (["PKG-021"], ["PKG-020"])
    assert "PKG-020" not in {one.code for one in found} or b"UTF-7" in data


# --- bags -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.93", "0.94", "0.95", "0.96", "0.97"])
def test_another_librarys_bag_of_every_version_is_good(version: str, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "Tệp.txt").write_text("x", encoding="utf-8")
    (tmp_path / "100%.txt").write_text("x", encoding="utf-8")
    bagit.make_bag(str(tmp_path), checksums=["sha256", "md5"])
    text = (tmp_path / "bagit.txt").read_text().replace("0.97", version)
    (tmp_path / "bagit.txt").write_text(text)
    (tmp_path / "tagmanifest-md5.txt").unlink()
    (tmp_path / "tagmanifest-sha256.txt").unlink()
    report = check_package(tmp_path)
    assert report.kind == f"BagIt {version}"
    assert report.worst < Level.warning, [one.sentence("en") for one in report.everything]


@pytest.mark.parametrize(("name", "written"), [("a\nb.txt", "a%0Ab.txt"), ("a\rb.txt", "a%0db.txt"),
                                               ("100%25.txt", "100%2525.txt"), ("100%.txt", "100%.txt"),
                                               ("Tệp  hai.txt", "Tệp  hai.txt")])
def test_a_bag_may_encode_the_names_of_its_files(name: str, written: str, tmp_path: Path) -> None:
    files = bag({name: b"1"})
    for algorithm in ("sha256", "sha512"):
        path = f"manifest-{algorithm}.txt"
        files[path] = files[path].replace(name.encode(), written.encode())
    made.seal(files)
    found = codes(check_package(write_folder(files, tmp_path / "bag")))
    assert found == ({"PKG-026"} if written != name and "%25" not in name else set())


# Where the other library is more lenient than the standard, or does not look.
LENIENT = {"BAG-001", "BAG-004", "BAG-005", "BAG-010", "BAG-012", "BAG-018", "BAG-019", "BAG-021"}


@pytest.mark.parametrize("code", [code for code in sorted(BAD) if code.startswith("BAG") and code not in LENIENT
                                  and rules()[code].level == Level.refused])
def test_another_library_refuses_the_bad_bags_too(code: str, tmp_path: Path) -> None:
    path = BAD[code][0](tmp_path)
    with pytest.raises((bagit.BagError, ValueError)):
        bagit.Bag(str(path)).validate()


def test_a_package_in_a_bag_is_checked_as_well(tmp_path: Path) -> None:
    files = {f"{Plan().folder}/{path}": data for path, data in Plan().build().items()}
    bad = {**files, f"{Plan().folder}/documentation/x.txt": b"x"}
    good, wrong = (check_package(write_folder(bag(one), tmp_path / name)) for name, one in (("a", files), ("b", bad)))
    assert [inner.kind for inner in good.inner] == ["TT05 SIP_hoso"]
    assert good.worst < Level.warning
    assert good.signatures == "not_checked"
    assert {one.code for one in wrong.everything if one.level >= Level.warning} == {"PKG-045"}


def test_tag_files_are_read_in_the_encoding_that_the_bag_declares(tmp_path: Path) -> None:
    files = bag()
    files["bagit.txt"] = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-16\n"
    for name in list(files):
        if name.startswith(("manifest", "bag-info")):
            files[name] = files[name].decode().encode("utf-16")
    made.seal(files)
    for name in list(files):
        if name.startswith("tagmanifest"):
            files[name] = files[name].decode().encode("utf-16")
    report = check_package(write_folder(files, tmp_path / "bag"))
    assert report.everything == []
    assert report.files == 6


@pytest.mark.parametrize("encoding", ["hex", "idna", "x\0y", "cp99999", "unicode_escape"])
def test_no_bag_chooses_what_its_bytes_are_put_through(encoding: str, tmp_path: Path) -> None:
    files = bag() | {"bagit.txt": f"BagIt-Version: 1.0\nTag-File-Character-Encoding: {encoding}\n".encode()}
    assert "BAG-018" in codes(check_package(write_folder(files, tmp_path / "bag")))


def test_the_drafts_allow_a_file_to_be_listed_twice_with_one_checksum(tmp_path: Path) -> None:
    for version, expected in (("0.97", False), ("1.0", True)):
        files = bag(version=version)
        files["manifest-sha256.txt"] += files["manifest-sha256.txt"]
        made.seal(files)
        assert ("BAG-010" in codes(check_package(write_folder(files, tmp_path / version)))) == expected


# --- signatures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [True, False])
def test_the_signatures_of_every_pdf_are_judged_under_its_name_in_the_package(folder: bool, tmp_path: Path) -> None:
    seen: list[bytes] = []

    def judge(path: Path) -> list[Finding]:
        seen.append(path.read_bytes())
        return [finding("VERIFY-014", "other name", level=Level.warning)]

    files = Plan().build()
    path = write_folder(files, tmp_path / Plan().folder) if folder else sip()(tmp_path)
    report = check_package(path, judge=judge)
    assert report.signatures == "checked"
    assert sorted(seen) == sorted(data for name, data in files.items() if name.endswith(".pdf"))
    assert sorted(one.subject for one in report.findings if one.code == "VERIFY-014") == sorted(
        name for name in files if name.endswith(".pdf"))


def test_signatures_that_were_not_checked_are_never_a_pass(tmp_path: Path) -> None:
    report = check_package(sip()(tmp_path))
    assert report.signatures == "not_checked"
    assert [one.params["count"] for one in report.findings if one.code == "PKG-090"] == ["3"]


# --- the command ------------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(package_check.command, [*arguments], obj=None, catch_exceptions=False)
    return done.exit_code, done.output


def test_the_exit_code_says_whether_a_package_has_an_error(tmp_path: Path) -> None:
    good, bad = sip()(tmp_path), single("x.zip", b"x")(tmp_path)
    assert run("--no-signatures", str(good))[0] == 0
    assert run("--no-signatures", str(good), str(bad))[0] == 3
    assert run(str(tmp_path / "không có"))[0] == 2


def test_a_fault_that_occurs_500_times_is_told_once(tmp_path: Path) -> None:
    many = {f"documentation/{n}.txt": b"x" for n in range(500)}
    path = sip(edit_all=lambda files: files.update(many))(tmp_path)
    code, output = run("--no-signatures", str(path))
    assert code == 0
    assert "×500" in output
    assert "497" in output
    assert len(output.splitlines()) < 30


def test_json_tells_everything(tmp_path: Path) -> None:
    path = BAD["PKG-041"][0](tmp_path)
    code, output = run("--no-signatures", "--json", str(path))
    [told] = json.loads(output)
    assert (code, told["kind"], told["worst"], told["errors"], told["signatures"]) == (
        3, "TT05 SIP_hoso", "refused", 1, "not_checked")
    [wrong] = [one for one in told["findings"] if one["code"] == "PKG-041"]
    assert wrong["subject"] == "schemas/EAD.xsd"
    assert wrong["params"]["actual"] in wrong["vi"]


@pytest.mark.parametrize(("wanted", "exit_code"), [("sip_hoso", 0), ("aip_hoso", 3), ("bagit", 3), ("csip", 3)])
def test_a_package_of_another_kind_than_asked_for_is_an_error(wanted: str, exit_code: int, tmp_path: Path) -> None:
    path = sip()(tmp_path)
    assert run("--no-signatures", "--as", wanted, str(path))[0] == exit_code
    assert ("PKG-091" in codes(check_package(path, wanted=wanted))) == (exit_code == 3)


def test_the_command_judges_signatures_unless_told_not_to(tmp_path: Path) -> None:
    path = sip()(tmp_path)
    [told] = json.loads(run("--json", str(path))[1])
    assert told["signatures"] == "checked"
    assert any(one["code"].startswith("VERIFY") for one in told["findings"])


def test_what_holds_for_several_signers_of_a_file_is_one_line() -> None:
    judge = package_check._judge(None, ROOT / "samples" / "trust")
    found = judge(ROOT / "samples" / "inbox" / "van-ban-den" / "402-SNV-VTLT.pdf")      # signed by two
    told = [one for one in found if one.code == "VERIFY-034"]
    assert [one.params["signer"] for one in told] == ["Trần Thị Mẫu; Sở Nội vụ tỉnh Mẫu"]


def test_what_a_package_says_cannot_write_on_the_terminal(tmp_path: Path) -> None:
    path = sip_of({"fileCode": "&#x85;[red]&#x9b;31m"})(tmp_path)
    output = run("--no-signatures", str(path))[1]
    assert "\x9b" not in output
    assert "[red]" in output


# --- nothing crashes --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return sip()(tmp_path_factory.mktemp("whole")).read_bytes()


FUZZ = settings(max_examples=120, deadline=None,
                suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@given(changes=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=8),
       cut_at=st.none() | st.integers(0, 1 << 16))
@FUZZ
def test_a_zip_with_any_bytes_changed_gives_a_report(changes: list[tuple[int, int]], cut_at: int | None, whole: bytes,
                                                     tmp_path: Path) -> None:
    data = bytearray(whole)
    for place, value in changes:
        data[place % len(data)] = value
    path = tmp_path / "x.zip"
    path.write_bytes(bytes(data[:cut_at] if cut_at else data))
    report = check_package(path)
    assert isinstance(report, Report)
    assert [one.sentence("vi") + one.cure("en") for one in report.everything]


def xml_changed(data: bytes, draw: st.DataObject) -> bytes:
    """An XML file with one element removed, doubled, moved, renamed, deepened or robbed of an attribute."""
    from lxml import etree

    root = etree.fromstring(data)
    every = list(root.iter("*"))
    one = draw.draw(st.sampled_from(every))
    parent = one.getparent()
    match draw.draw(st.sampled_from(["remove", "double", "move", "rename", "attribute", "value", "deep", "text"])):
        case "remove" if parent is not None:
            parent.remove(one)
        case "double" if parent is not None:
            parent.append(etree.fromstring(etree.tostring(one)))
        case "move" if parent is not None:
            parent.insert(0, one)
        case "rename":
            one.tag = draw.draw(st.sampled_from(["x", "{urn:x}mets", "simpledc", "{http://www.loc.gov/METS/}div"]))
        case "attribute" if one.attrib:
            del one.attrib[draw.draw(st.sampled_from(sorted(one.attrib)))]
        case "value" if one.attrib:
            name = draw.draw(st.sampled_from(sorted(one.attrib)))
            one.attrib[name] = draw.draw(st.sampled_from(["", " ", "../x", "%", "%zz", "urn:", "METS.xml", "9" * 40]))
        case "deep":
            for _ in range(draw.draw(st.sampled_from([5, 120, 400]))):
                one = etree.SubElement(one, one.tag)
        case _:
            one.text = draw.draw(st.sampled_from(["", "9" * 4000, "99/99/9999", "1" * 5000, "\u202e", "01; 02"]))
    return etree.tostring(root)


@given(draw=st.data())
@FUZZ
def test_a_package_spoiled_in_any_way_gives_a_report(draw: st.DataObject, tmp_path: Path) -> None:
    files = dict(draw.draw(st.sampled_from([Plan().build(), aip().build(), made.eark(), bag()])))
    for _ in range(draw.draw(st.integers(1, 4))):
        path = draw.draw(st.sampled_from(sorted(files)))
        data = files[path]
        match draw.draw(st.sampled_from(["xml", "xml", "xml", "remove", "rename", "flip", "cut", "swap"])):
            case "xml":
                try:
                    files[path] = xml_changed(data, draw)
                except (SyntaxError, ValueError):
                    pass        # not XML, or no longer
            case "remove" if len(files) > 1:
                del files[path]
            case "rename":
                files[draw.draw(st.text(min_size=1) | st.just(path.upper()) | st.just(f"../{path}"))] = files.pop(path)
            case "flip" if data:
                at = draw.draw(st.integers(0, len(data) - 1))
                files[path] = data[:at] + draw.draw(st.binary(min_size=1, max_size=3)) + data[at + 1:]
            case "cut":
                files[path] = data[:draw.draw(st.integers(0, len(data)))]
            case _:
                files[path] = draw.draw(st.sampled_from(sorted(files.values())))
    target = tmp_path / "x.zip"
    write_zip(files, target, draw.draw(st.sampled_from(["goi", "", Plan().folder])))
    report = check_package(target)
    assert isinstance(report, Report)
    assert json.dumps(report.as_dict())


# --- large packages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [
    sip(), lambda place: zipped(aip(), place), sip(edit_rep=replaced(('href="data/', f'href="{REP}/data/'))),
    sip_of({"totalDoc": "7"}, {"maintenance": "02"})])
def test_a_large_package_is_judged_as_a_small_one_without_keeping_its_trees(
        make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path)
    small = check_package(path).as_dict()
    monkeypatch.setattr(references, "_KEPT", 0)
    monkeypatch.setattr(premis, "_WHOLE", 0)
    with open_package(path) as opened:
        package = read_package(opened, [])
    assert package is not None
    assert [one.tree for one in package.mets] == [None, None]
    assert check_package(path).as_dict() == small


def test_files_are_hashed_the_same_one_by_one_and_several_at_once(tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(Plan(), tmp_path)
    with open_package(path) as opened:
        wanted = {name: frozenset({"sha256", "md5"}) for name in opened.names}
        alone = list(checksums.hash_files(opened, wanted, lambda count: None))
        monkeypatch.setattr(checksums, "_LARGE", 1)
        monkeypatch.setattr(checksums, "_MOST", 2)
        assert list(checksums.hash_files(opened, wanted, lambda count: None)) == alone
    assert [one.name for one in alone] == list(wanted)
