"""What we write, our own reader reads back and our own checker finds nothing wrong with."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from archive.findings import Finding, Level
from archive.packages.build import objid, zip_name
from archive.packages.check import check_package
from archive.packages.check.mets import MetsPlace, check_mets
from archive.packages.check.premis import check_premis
from archive.packages.description import Form
from archive.packages.opening import open_package
from archive.packages.reading import read_package
from archive.packages.serialisation import serialisation
from archive.packages.writing import write_zip
from tests.package_samples import FORMS, TITLE, files_of, package, packed

# The sample's codes are those of a case file; loose documents and their package have others.
_OF_THE_SAMPLE = {"SIP_tailieu": {"PKG-080"}, "AIP_tailieu": {"PKG-080"}}
# Elements that the printed XSDs leave out, or have besides the table.
_OF_THE_XSD = {"SIP_hoso": {"META-001", "PKG-073"}, "SIP_tailieu": {"META-001", "PKG-073"},
               "DIP": {"META-001", "PKG-072", "PKG-073"}}
# Where TT 05/2025 rules otherwise: a SIP's PROFILE is CSIP's and it has no amdSec. CSIP-105: our further
# representations have no METS of their own.
_AGAINST_EARK = {"ESIP-002", "CSIP-031", "CSIP-105"}


@pytest.mark.parametrize("name", ["tt05_2025", "tt05_2025_xsd", "tt05_2025_eark"])
@pytest.mark.parametrize("form", FORMS)
def test_the_checker_finds_nothing_wrong(form: Form, name: str, tmp_path: Path) -> None:
    made, profile = package(form), serialisation(name)
    made = replace(made, others=[file for file in made.others if file.path.startswith("metadata/")])
    written = write_zip(made, profile, tmp_path / zip_name(made, 1 if form.startswith("SIP") else None, profile))
    report = check_package(written.path)
    allowed = _OF_THE_SAMPLE.get(form, set()) | (_OF_THE_XSD.get(form, set()) if name.endswith("xsd") else set())
    assert report.kind == f"TT05 {form}"
    assert [found.sentence("en") for found in report.findings
            if found.level > Level.note and found.code not in allowed] == []


@pytest.mark.parametrize("form", FORMS)
def test_the_reader_gives_back_what_was_written(form: Form, tmp_path: Path) -> None:
    title = unicodedata.normalize("NFD", TITLE) + " ]]> 'x' \"y\""
    made = package(form, title=title)
    written = write_zip(made, serialisation(), tmp_path / "1.zip")
    found: list[Finding] = []
    with open_package(written.path) as opened:
        read = read_package(opened, found)
    assert read is not None
    assert (read.form, read.objid, read.request) == (form, objid(made), made.request)
    assert dict(read.fields) == dict(made.fields)
    assert len(read.documents) == len(made.documents)
    with_files = [one for one in made.documents if one.files]
    by_code = {one.code.removeprefix("H99.") if form[:3] != "SIP" else one.code: one for one in read.documents}
    for one in with_files:
        again = by_code[one.code]
        assert again.kind == one.kind
        assert dict(again.fields) == dict(one.fields)
        assert [(file.path, file.sha256.lower(), file.size) for file in again.files] == [
            (file.path, file.sha256, file.size) for file in one.files]
    assert {one.name: one.content for one in made.holey} == {one.name: one.content.strip() for one in read.holey}


@pytest.mark.parametrize("form", FORMS)
def test_the_rules_of_the_circular_and_of_eark_hold(form: Form) -> None:
    profile = serialisation("tt05_2025_eark")
    guide = [packed("documentation/HuongDan.pdf", b"%PDF guide")]
    files = files_of(package(form, documentation=guide), profile)
    judged = {path: etree.fromstring(data) for path, data in files.items()
              if path.endswith("METS.xml") or (path.rpartition("/")[2].startswith("PREMIS") and path.endswith(".xml"))}
    assert len(judged) == (2 if form.startswith("SIP") else 4)
    for path, tree in judged.items():
        level = "representation" if path.startswith("representations/") else "root"
        folders = frozenset({"metadata", "data"} if level == "representation" else
                            {"metadata", "schemas", "representations", "documentation"})
        check = check_mets if path.endswith("METS.xml") else check_premis
        for kind in (("TT05", form), ("E-ARK", form[:3])):
            place = MetsPlace(path, level, kind, folders=folders)  # type: ignore[arg-type]
            found = [one for one in check(tree, place) if one.level > Level.note]
            assert {one.code for one in found} <= (_AGAINST_EARK if kind[0] == "E-ARK" else set()), [
                one.sentence("en") for one in found]
