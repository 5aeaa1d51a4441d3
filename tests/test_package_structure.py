"""Packages have the folders, files, elements and attributes that the annexes of TT 05/2025 give, in their order."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

import pytest
from lxml import etree

from archive.packages.build import folder_name, zip_name
from archive.packages.description import Form, Holey, PackedDocument
from archive.packages.ead import table_of
from archive.packages.mets import Names
from archive.packages.serialisation import serialisation
from archive.packages.writing import write_folder
from tests.package_samples import CASE, FORMS, TITLE, UUID, document, fields_of, files_of, package, packed

NS = {"m": "http://www.loc.gov/METS/", "csip": "https://DILCIS.eu/XML/METS/CSIPExtensionMETS",
      "x": "http://www.w3.org/1999/xlink", "p": "http://www.loc.gov/premis/v3"}
CSIP, XLINK = f"{{{NS['csip']}}}", f"{{{NS['x']}}}"
REP = "representations/rep1/"
SCHEMAS = {f"schemas/{name}.xsd" for name in ("METS", "mets1_12", "xlink", "DILCISExtensionMETS", "EAD", "EAD_doc",
                                              "EAD_pic", "EAD_media")}
DESCRIBED = {"metadata/descriptive/EAD.xml", f"{REP}metadata/descriptive/EAD_doc_{CASE}.0000001.xml",
             f"{REP}metadata/descriptive/EAD_pic_{CASE}.0000002.xml",
             f"{REP}metadata/descriptive/EAD_media_{CASE}.0000003.xml"}
HOLEY = {f"{REP}metadata/descriptive/EAD_doc_{CASE}.0000004.xml", f"{REP}data/{CASE}.0000004.pdf.fetch.txt"}
PREMIS = {"metadata/preservation/PREMIS.xml", f"{REP}metadata/preservation/PREMIS_rep1.xml"}


def root(form: Form, **more: object) -> etree._Element:
    return etree.fromstring(files_of(package(form, **more))["METS.xml"])  # type: ignore[arg-type]


def rep(form: Form, **more: object) -> etree._Element:
    return etree.fromstring(files_of(package(form, **more))[f"{REP}METS.xml"])  # type: ignore[arg-type]


def one(tree: etree._Element, path: str) -> etree._Element:
    found = tree.findall(path, NS)
    assert len(found) == 1, (path, len(found))
    return found[0]


@pytest.mark.parametrize(("form", "wanted"), [
    ("SIP_hoso", DESCRIBED | HOLEY), ("SIP_tailieu", DESCRIBED | HOLEY), ("AIP_hoso", DESCRIBED | HOLEY | PREMIS),
    ("AIP_tailieu", DESCRIBED | HOLEY | PREMIS), ("DIP", DESCRIBED | PREMIS)])
def test_the_files_of_each_kind_of_package(form: Form, wanted: set[str]) -> None:
    mets = {"METS.xml", f"{REP}METS.xml"}
    schemas = SCHEMAS | ({"schemas/PREMIS.xsd"} if wanted >= PREMIS else set())
    assert set(files_of(package(form))) == schemas | mets | wanted
    assert list(files_of(package(form)))[-1] == "METS.xml"


def test_a_dip_without_history_has_no_premis() -> None:
    assert not [path for path in files_of(package("DIP", events=(), agents=())) if "PREMIS" in path]


def test_names_of_folders_and_zips() -> None:
    assert folder_name(package("SIP_hoso")) == f"uuid-{UUID}"
    assert zip_name(package("SIP_hoso"), 12) == f"12uuid-{UUID}.zip"
    assert folder_name(package("AIP_hoso")) == f"urn_H99_uuid_{UUID}"
    assert zip_name(package("AIP_hoso")) == f"urn_H99_uuid_{UUID}.zip"
    assert folder_name(package("DIP")) == f"uuid-{UUID}"


@pytest.mark.parametrize("form", FORMS)
def test_every_file_is_listed_once_with_its_size_and_sha256(form: Form, tmp_path: Path) -> None:
    made = package(form)
    target = tmp_path / folder_name(made)
    write_folder(made, serialisation(), target)
    listed: list[str] = []
    for mets, base in (("METS.xml", ""), (f"{REP}METS.xml", REP)):
        tree = etree.parse(str(target / mets)).getroot()
        for found in [*tree.iterfind(".//m:mdRef", NS), *tree.iterfind(".//m:file", NS)]:
            location = found if found.get(f"{XLINK}href") else one(found, "m:FLocat")
            path = base + (location.get(f"{XLINK}href") or "")
            data = (target / path).read_bytes()
            assert found.get("SIZE") == str(len(data)), path
            assert found.get("CHECKSUM") == hashlib.sha256(data).hexdigest().upper(), path
            assert found.get("CHECKSUMTYPE") == "SHA-256"
            assert location.get("LOCTYPE") == "URL"
            assert location.get(f"{XLINK}type") == "simple"
            listed.append(path)
    on_disk = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert sorted(listed) == sorted(on_disk - {"METS.xml"})


@pytest.mark.parametrize(("form", "kind", "profile"), [
    ("SIP_hoso", "Mixed", "https://earkcsip.dilcis.eu/profile/E-ARK-CSIP.xml"),
    ("SIP_tailieu", "Collection", "https://earkcsip.dilcis.eu/profile/E-ARK-CSIP.xml"),
    ("AIP_hoso", "Mixed", "http://www.ra.ee/METS/v01/IP.xml"),
    ("AIP_tailieu", "Collection", "http://www.ra.ee/METS/v01/IP.xml"),
    ("DIP", "MIXED", "https://earkdip.dilcis.eu/profile/E-ARK-DIP.xml")])
def test_the_root_element_and_header(form: Form, kind: str, profile: str) -> None:
    mets = root(form)
    assert mets.get("OBJID") == (f"urn:H99:uuid:{UUID}" if "AIP" in form else f"uuid-{UUID}")
    assert (mets.get("LABEL"), mets.get("TYPE"), mets.get("PROFILE")) == (TITLE, kind, profile)
    assert mets.get(f"{CSIP}CONTENTINFORMATIONTYPE") == "MIXED"
    header = one(mets, "m:metsHdr")
    assert dict(header.attrib) == {
        "CREATEDATE": "2026-11-20T21:30:05.000+07:00", "LASTMODDATE": "2026-11-20T21:30:05.000+07:00",
        "RECORDSTATUS": "NEW", f"{CSIP}OAISPACKAGETYPE": form[:3]}
    software = header[0]
    assert dict(software.attrib) == {"ROLE": "CREATOR", "TYPE": "OTHER", "OTHERTYPE": "SOFTWARE"}
    assert software[0].text == "Lưu Trữ"
    assert software[1].get(f"{CSIP}NOTETYPE") == "SOFTWARE VERSION"


def test_a_submission_names_the_fonds_and_its_request() -> None:
    header = one(root("SIP_hoso"), "m:metsHdr")
    assert [child.tag.split("}")[1] for child in header] == ["agent", "agent", "altRecordID"]
    assert [child.text for child in header[1]] == ["Sở Nội vụ tỉnh mẫu", "H99"]
    assert header[1][1].get(f"{CSIP}NOTETYPE") == "IDENTIFICATIONCODE"
    assert (header[2].get("TYPE"), header[2].text) == ("SUBMISSIONAGREEMENT", "NL.BNV.2026.01")
    assert root("AIP_hoso", request="NL.BNV.2026.01").find(".//m:altRecordID", NS) is None


def test_the_bodies_of_the_representation() -> None:
    def bodies(form: Form) -> list[tuple[str | None, str | None]]:
        return [(found.get("ROLE"), found[1].text) for found in rep(form).findall(".//m:agent", NS)
                if found.get("TYPE") == "ORGANIZATION"]
    assert bodies("SIP_hoso") == [("CREATOR", "H99")]
    assert bodies("AIP_hoso") == [("CREATOR", "H99"), ("ARCHIVIST", "H99")]
    assert bodies("DIP") == [("ARCHIVIST", "H99"), ("DISSEMINATOR", "KT.2026.0007")]


def test_the_order_of_the_sections() -> None:
    def sections(tree: etree._Element) -> list[str]:
        found = [child.tag.split("}")[1] for child in tree]
        return [tag for n, tag in enumerate(found) if n == 0 or found[n - 1] != tag]
    assert sections(root("SIP_hoso")) == ["metsHdr", "dmdSec", "fileSec", "structMap"]
    assert sections(rep("SIP_hoso")) == ["metsHdr", "dmdSec", "fileSec", "structMap"]
    for tree in (root("AIP_hoso"), rep("AIP_hoso")):
        assert sections(tree) == ["metsHdr", "dmdSec", "amdSec", "fileSec", "structMap"]


def test_the_attributes_of_references_and_files_in_the_samples_order() -> None:
    reference = one(root("SIP_hoso"), "m:dmdSec/m:mdRef")
    assert [name.split("}")[-1] for name in reference.attrib] == [
        "ID", "LOCTYPE", "MDTYPE", "OTHERMDTYPE", "MDTYPEVERSION", "type", "href", "MIMETYPE", "SIZE", "CREATED",
        "CHECKSUM", "CHECKSUMTYPE"]
    assert (reference.get("MDTYPE"), reference.get("OTHERMDTYPE")) == ("OTHER", "EAD")
    kept = rep("AIP_hoso").find(".//m:digiprovMD/m:mdRef", NS)
    assert kept is not None
    assert kept.get("MDTYPE") == "PREMIS"
    file = rep("SIP_hoso").find(".//m:file", NS)
    assert file is not None
    assert list(file.attrib) == ["ID", "MIMETYPE", "SIZE", "CREATED", "CHECKSUM", "CHECKSUMTYPE"]


@pytest.mark.parametrize("form", FORMS)
def test_ids_are_unique_well_formed_and_every_reference_has_its_target(form: Form) -> None:
    for tree in (root(form), rep(form)):
        ids = [str(found) for found in tree.xpath("//@ID")]  # type: ignore[union-attr]
        assert len(ids) == len(set(ids))
        assert all(found.startswith(("uuid-", "ID-")) and found == found.replace(found[-36:], found[-36:].upper())
                   for found in ids)
        files = {found.get("ID") or "" for found in tree.iterfind(".//m:file", NS)}
        assert all(found.startswith("ID-") for found in files)
        for name in ("DMDID", "ADMID", "FILEID"):
            for value in tree.xpath(f"//@{name}"):  # type: ignore[union-attr]
                assert set(str(value).split()) <= set(ids)


def test_ids_are_uuids_of_version_5_made_from_the_packages_own() -> None:
    made = package("SIP_hoso")
    path = made.documents[0].files[0].path
    wanted = str(uuid.uuid5(uuid.UUID(UUID), f"file\x1f{path}")).upper()
    names = Names(made, serialisation())
    assert names.file(path) == f"ID-{wanted}"
    assert {uuid.UUID(names.uuid(str(n))).version for n in range(50)} == {5}
    assert {uuid.UUID(names.uuid(str(n))).variant for n in range(50)} == {uuid.RFC_4122}
    assert [names.uuid(str(n)) for n in range(50)] == [
        str(uuid.uuid5(uuid.UUID(UUID), str(n))).upper() for n in range(50)]


def test_the_division_of_the_root() -> None:
    mets = root("SIP_hoso")
    plan = one(mets, "m:structMap")
    assert (plan.get("TYPE"), plan.get("LABEL")) == ("PHYSICAL", "CSIP")
    top = one(plan, "m:div")
    assert top.get("LABEL") == mets.get("OBJID")
    assert [child.get("LABEL") for child in top] == ["Metadata", "Schemas", "Representations/rep1", "Documentation"]
    assert top[0].get("DMDID") == one(mets, "m:dmdSec").get("ID")
    assert top[0].get("ADMID") is None
    pointer = one(top[2], "m:mptr")
    assert pointer.get(f"{XLINK}href") == "representations/rep1/METS.xml"
    group = one(mets, ".//m:fileGrp[@USE='Representations/rep1']")
    assert pointer.get(f"{XLINK}title") == group.get("ID")
    assert one(top[1], "m:fptr").get("FILEID") == one(mets, ".//m:fileGrp[@USE='Schemas']").get("ID")


def test_an_aip_lists_what_is_its_own_apart() -> None:
    mets = root("AIP_hoso")
    top = one(mets, "m:structMap/m:div")
    assert [child.get("LABEL") for child in top] == ["Metadata", "Metadata/luutru", "Schemas", "Representations/rep1",
                                                     "Documentation", "Representations"]
    assert len((top[0].get("DMDID") or "").split()) == len((top[0].get("ADMID") or "").split()) == 1
    assert len((top[1].get("DMDID") or "").split()) == 2
    uses = [group.get("USE") for group in mets.iterfind(".//m:fileGrp", NS)]
    assert uses == ["Schemas", "Documentation", "Representations/rep1", "Representations/access",
                    "Representations/text"]


def test_the_representation_links_metadata_files_and_attachments() -> None:
    tree = rep("SIP_hoso")
    assert [group.get("USE") for group in tree.iterfind(".//m:fileGrp", NS)] == ["Data", "Holeyfile"]
    top = one(tree, "m:structMap/m:div")
    assert (top.get("LABEL"), top.get("TYPE")) == ("rep1", "ORIGINAL")
    assert [child.get("LABEL") for child in top] == ["Metadata", "Data", "MetadataLink", "AttachmentFile"]
    paths = {found.get("ID"): one(found, "m:FLocat").get(f"{XLINK}href") for found in tree.iterfind(".//m:file", NS)}
    described = {found.get("ID"): one(found, "m:mdRef").get(f"{XLINK}href") for found in tree.iterfind("m:dmdSec", NS)}
    links = [(link.get("LABEL"), described[link.get("DMDID")], paths[one(link, "m:fptr").get("FILEID")])
             for link in top[2]]
    assert links == [
        ("MetadataLink/File", f"metadata/descriptive/EAD_doc_{CASE}.0000001.xml", f"data/{CASE}.0000001.pdf"),
        ("MetadataLink/File", f"metadata/descriptive/EAD_pic_{CASE}.0000002.xml", f"data/{CASE}.0000002.pdf"),
        ("MetadataLink/File", f"metadata/descriptive/EAD_media_{CASE}.0000003.xml", f"data/{CASE}.0000003.pdf"),
        ("MetadataLink/Holey", f"metadata/descriptive/EAD_doc_{CASE}.0000004.xml",
         f"data/{CASE}.0000004.pdf.fetch.txt")]
    attached = {paths[main.get("LABEL")]: [paths[found.get("FILEID")] for found in main] for main in top[3]}
    assert attached == {f"data/{CASE}.0000001.pdf": [f"data/{CASE}.0000001-a01.pdf"],
                        f"data/{CASE}.0000003.pdf": [f"data/{CASE}.0000003-a01.pdf", f"data/{CASE}.0000003-a02.pdf"]}


def test_an_aip_links_its_preservation_metadata() -> None:
    tree = rep("AIP_hoso")
    section = one(tree, "m:amdSec")
    top = one(tree, "m:structMap/m:div")
    assert one(top[0], "m:fptr").get("FILEID") == one(section, "m:digiprovMD/m:mdRef").get("ID")
    assert {link.get("ADMID") for link in top[2]} == {section.get("ID")}


@pytest.mark.parametrize("form", FORMS)
def test_every_field_is_there_in_the_tables_order_empty_or_not(form: Form) -> None:
    files = files_of(package(form, fields={"title": TITLE} if form != "DIP" else {"requestID": "1"}))
    for path, schema in ((f"{REP}metadata/descriptive/EAD_doc_{CASE}.0000001.xml", "EAD_doc"),
                         (f"{REP}metadata/descriptive/EAD_pic_{CASE}.0000002.xml", "EAD_pic"),
                         (f"{REP}metadata/descriptive/EAD_media_{CASE}.0000003.xml", "EAD_media"),
                         ("metadata/descriptive/EAD.xml", "EAD")):
        tree = etree.fromstring(files[path])
        assert tree.tag == "simpledc"
        assert [child.tag for child in tree] == [row.tag for row in table_of(form, schema)]  # type: ignore[arg-type]


def test_a_field_that_the_table_does_not_have_is_our_fault() -> None:
    with pytest.raises(ValueError, match="numberOfPage"):
        files_of(package("SIP_tailieu", fields={"numberOfPage": "3"}))


def test_names_that_are_no_uris_are_encoded_in_hrefs() -> None:
    code = f"{CASE}.0000009"
    odd = PackedDocument(code, "document", fields_of("SIP_hoso", "EAD_doc", docCode=code),
                         [packed(f"{REP}data/Tờ trình 5% #1.pdf", b"%PDF")])
    found = rep("SIP_hoso", documents=[odd], holey=()).find(".//m:FLocat", NS)
    assert found is not None
    assert found.get(f"{XLINK}href") == "data/Tờ%20trình%205%25%20%231.pdf"


@pytest.mark.parametrize(("documents", "holey", "said"), [
    ([], (), "without documents"),
    ([document("SIP_hoso", files=0)], (), "without a file"),
    ([document("SIP_hoso")], (Holey("khac.pdf", "x"),), "khac.pdf")])
def test_what_makes_no_package_is_our_fault(documents: list[PackedDocument], holey: tuple[Holey, ...],
                                            said: str) -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match=said):
        files_of(replace(package("SIP_hoso"), documents=documents, holey=holey))


def test_a_file_outside_the_data_folder_is_our_fault() -> None:
    misplaced = PackedDocument("x", "document", {}, [packed("representations/rep2/data/x.pdf", b"%PDF")])
    with pytest.raises(ValueError, match="rep2"):
        files_of(package("SIP_hoso", documents=[misplaced], holey=()))
