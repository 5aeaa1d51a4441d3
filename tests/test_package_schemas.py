"""Packages are valid against the schemas that they carry, and these say what the law's tables say."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest
from lxml import etree

from archive.packages.build import folder_name
from archive.packages.description import Form
from archive.packages.ead import SCHEMAS, Schema, simpledc, tags
from archive.packages.schemas import ead_schema
from archive.packages.serialisation import PLACE, serialisation
from archive.packages.writing import write_folder
from tests.package_samples import FORMS, document, fields_of, package

PROFILES = ("tt05_2025", "tt05_2025_xsd", "tt05_2025_eark")


def problems(form: Form, schema: Schema, name: str = "tt05_2025", **changed: str) -> list[str]:
    profile = serialisation(name)
    xsd = etree.XMLSchema(etree.fromstring(ead_schema(form, schema, profile)))
    data = simpledc({**fields_of(form, schema), **changed}, form, schema, profile)
    return [] if xsd.validate(etree.fromstring(data)) else [str(one.message) for one in xsd.error_log]


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("form", FORMS)
def test_a_package_is_valid_against_its_own_schemas(form: Form, name: str, tmp_path: Path) -> None:
    made, profile = package(form), serialisation(name)
    target = tmp_path / folder_name(made, profile)
    write_folder(made, profile, target)
    checked = 0
    for path in sorted(target.rglob("*.xml")):
        kind = path.stem if path.stem in ("METS", "EAD") else "_".join(path.stem.split("_")[:2]).replace("_rep1", "")
        for schema in (kind, "mets1_12") if kind == "METS" else (kind,):
            xsd = etree.XMLSchema(etree.parse(str(target / "schemas" / f"{schema}.xsd")))
            xsd.assertValid(etree.parse(str(path)))
            checked += 1
    assert checked == 2 * 2 + 1 + (3 if form == "DIP" else 4) + (0 if form.startswith("SIP") else 2)


@pytest.mark.parametrize(("choice", "value"), [
    (name, value) for name, choice in tomllib.loads(PLACE.read_text(encoding="utf-8"))["choices"].items()
    for value in choice["alternatives"] if value != "element"])     # which PREMIS's own schema does not know
def test_every_alternative_gives_valid_packages(choice: str, value: str, tmp_path: Path) -> None:
    profile = dataclasses.replace(serialisation(), **{choice: value})  # type: ignore[arg-type]
    for form in ("SIP_hoso", "AIP_hoso"):
        made = package(form)  # type: ignore[arg-type]
        target = tmp_path / folder_name(made, profile)
        write_folder(made, profile, target)
        xsd = etree.XMLSchema(etree.parse(str(target / "schemas" / profile.mets_schema_names.split()[-1])))
        xsd.assertValid(etree.parse(str(target / "METS.xml")))
        xsd.assertValid(etree.parse(str(target / "representations/rep1/METS.xml")))
        if form == "AIP_hoso":
            xsd = etree.XMLSchema(etree.parse(str(target / "schemas/PREMIS.xsd")))
            xsd.assertValid(etree.parse(str(target / "metadata/preservation/PREMIS.xml")))


@pytest.mark.parametrize(("tag", "value", "schema"), [
    ("title", "x" * 1001, "EAD"), ("maintenance", "08", "EAD"), ("startDate", "2026-01-15", "EAD"),
    ("totalDoc", "ba", "EAD"), ("totalDoc", "1" * 11, "EAD"), ("riskRecovery", "2", "EAD"),
    ("language", "01,02", "EAD_doc"), ("typeName", "33", "EAD_doc"), ("issuedDate", "32/01/2026", "EAD_doc"),
    ("docId", "x" * 26, "EAD_doc"), ("typePic", "03", "EAD_pic"), ("playTime", "000:10:00", "EAD_media")])
def test_a_value_against_the_tables_is_invalid(tag: str, value: str, schema: Schema) -> None:
    assert problems("SIP_hoso", schema) == []
    found = problems("SIP_hoso", schema, **{tag: value})
    assert found
    assert tag in found[0]


def test_values_that_the_tables_allow() -> None:
    assert problems("SIP_hoso", "EAD_doc", language="01;09; 11") == []
    assert problems("SIP_hoso", "EAD", title="", maintenance="", startDate="") == []
    assert problems("AIP_hoso", "EAD", startDate="2026", endDate="11/2026") == []
    assert problems("SIP_hoso", "EAD", startDate="2026") != []


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("form", FORMS)
def test_the_order_and_the_number_of_elements_are_fixed(form: Form, name: str) -> None:
    profile = serialisation(name)
    for schema in SCHEMAS:
        xsd = etree.XMLSchema(etree.fromstring(ead_schema(form, schema, profile)))
        tree = etree.fromstring(simpledc(fields_of(form, schema), form, schema, profile))
        assert xsd.validate(tree), xsd.error_log
        assert len(tree) == len(tags(form, schema, profile))
        tree.append(tree[0])
        assert not xsd.validate(tree)
        tree.remove(tree[-1])
        assert not xsd.validate(tree)


def test_the_names_of_the_fields_are_told_in_vietnamese() -> None:
    assert "Tiêu đề hồ sơ" in ead_schema("SIP_hoso", "EAD", serialisation()).decode()


@pytest.mark.parametrize("broken", ["CHECKSUM", "OBJID", "LOCTYPE", "FILEID"])
def test_our_mets_schema_wants_what_the_circular_makes_compulsory(broken: str, tmp_path: Path) -> None:
    made = package("SIP_hoso", documents=[document("SIP_hoso")], holey=())
    target = tmp_path / folder_name(made)
    write_folder(made, serialisation(), target)
    tree = etree.parse(str(target / "representations/rep1/METS.xml"))
    found = tree.xpath(f"(//*[@{broken}])[1]")
    del found[0].attrib[broken]  # type: ignore[union-attr, index]
    xsd = etree.XMLSchema(etree.parse(str(target / "schemas/METS.xsd")))
    assert not xsd.validate(tree)
    assert broken in str(xsd.error_log)
