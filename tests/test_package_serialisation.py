"""The choices where the printed norm contradicts itself: each named, explained, and honoured by the writer."""

from __future__ import annotations

import dataclasses
import tomllib
from typing import Any

import pytest
from lxml import etree

from archive.errors import SettingsError
from archive.packages.build import folder_name, zip_name
from archive.packages.ead import table_of
from archive.packages.serialisation import PLACE, Serialisation, for_settings, profiles, serialisation
from archive.settings import load
from tests.package_samples import FORMS, UUID, files_of, package

RAW: dict[str, Any] = tomllib.loads(PLACE.read_text(encoding="utf-8"))
NS = {"m": "http://www.loc.gov/METS/", "csip": "https://DILCIS.eu/XML/METS/CSIPExtensionMETS",
      "x": "http://www.w3.org/1999/xlink", "p": "http://www.loc.gov/premis/v3"}


def changed(**choices: str) -> Serialisation:
    return dataclasses.replace(serialisation(), **choices)  # type: ignore[arg-type]


def tree(form: str, path: str, profile: Serialisation | None = None) -> etree._Element:
    return etree.fromstring(files_of(package(form), profile)[path])  # type: ignore[arg-type]


def test_every_choice_says_what_the_text_prints_and_what_else_could_be_written() -> None:
    for name, choice in RAW["choices"].items():
        assert set(choice) == {"value", "alternatives", "basis", "says"}, name
        assert choice["alternatives"], name
        assert choice["value"] not in choice["alternatives"], name
        assert choice["basis"] in ("law", "convention"), name
        assert "p. " in choice["says"] or "pp. " in choice["says"] or choice["basis"] == "convention", name


def test_the_profile_has_a_place_for_every_choice_and_no_other() -> None:
    fields = {one.name for one in dataclasses.fields(Serialisation)}
    assert fields - set(RAW["choices"]) == {"name", "types", "root_profiles", "rep_profile", "xsd_order",
                                            "archive_code", "archive_name"}
    assert set(RAW["choices"]) <= fields


def test_profiles_change_only_choices_that_there_are() -> None:
    for name, profile in RAW["profiles"].items():
        for choice, value in profile.items():
            assert choice == "says" or value in (RAW["choices"][choice]["value"],
                                                 *RAW["choices"][choice]["alternatives"]), name
    assert set(profiles()) == {"tt05_2025", "tt05_2025_xsd", "tt05_2025_eark"}


def test_an_unknown_profile_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="tt05_2025"):
        serialisation("tt39_2017")


@pytest.mark.parametrize("name", [name for name in RAW["choices"] if name != "ead_order"])
def test_every_alternative_is_honoured(name: str) -> None:
    """Whatever a profile chooses changes some file of some package, or the name of one."""
    def everything(profile: Serialisation) -> list[object]:
        forms = [package(form) for form in FORMS]
        return [[files_of(one, profile), folder_name(one, profile), zip_name(one, 1, profile)] for one in forms]
    default = everything(serialisation())
    for value in RAW["choices"][name]["alternatives"]:
        assert everything(changed(**{name: value})) != default, value


def test_the_printed_schemas_order_is_followed_where_the_table_has_its_elements() -> None:
    xsd = serialisation("tt05_2025_xsd")
    sip = [child.tag for child in tree("SIP_hoso", "metadata/descriptive/EAD.xml", xsd)]
    assert sip[-2:] == ["paperFileCode", "description"]
    assert "riskRecovery" not in sip
    aip = [child.tag for child in tree("AIP_hoso", "metadata/descriptive/EAD.xml", xsd)]
    assert aip[-3:] == ["description", "riskRecovery", "riskRecoveryStatus"]
    document = tree("AIP_hoso", "representations/rep1/metadata/descriptive/EAD_doc_H99.2026.01.VP.0000001.xml", xsd)
    assert [child.tag for child in document] == [row.tag for row in table_of("AIP_hoso", "EAD_doc")]
    reader = tree("DIP", "representations/rep1/metadata/descriptive/EAD_doc_H99.2026.01.VP.0000001.xml", xsd)
    assert "organName" not in [child.tag for child in reader]


def test_the_printed_orders_name_only_what_a_table_has() -> None:
    for form, schemas in serialisation().xsd_order.items():
        for schema, order in schemas.items():
            known = {row.tag for source in (form, "AIP_hoso") for row in table_of(source, schema)}  # type: ignore[arg-type]
            assert set(order) <= known, (form, schema)


def test_sheets_of_a_sip_are_written_or_left_out() -> None:
    path = "metadata/descriptive/EAD.xml"
    assert tree("SIP_hoso", path).find("numberOfPaper") is not None
    assert tree("SIP_hoso", path, changed(sheets_in_sip="left_out")).find("numberOfPaper") is None
    assert tree("AIP_hoso", path, changed(sheets_in_sip="left_out")).find("numberOfPaper") is not None


def test_cases_of_uuids_and_checksums() -> None:
    lower = changed(uuid_case="lower", checksum_case="lower")
    mets = tree("SIP_hoso", "METS.xml", lower)
    assert mets.get("OBJID") == f"uuid-{UUID.lower()}"
    assert all(one == one.lower() for one in mets.xpath("//@CHECKSUM"))  # type: ignore[union-attr]
    assert folder_name(package("SIP_hoso"), lower) == f"uuid-{UUID.lower()}"


def test_the_identifier_of_an_aip_in_each_printed_form() -> None:
    made = package("AIP_hoso")
    assert folder_name(made) == f"urn_H99_uuid_{UUID}"
    assert folder_name(made, changed(aip_objid="urn:uuid:{uuid}")) == f"urn_uuid_{UUID}"


def test_agents_are_the_software_the_organisation_or_both() -> None:
    def notes(**choices: str) -> list[str]:
        found = tree("SIP_hoso", "METS.xml", changed(**choices)).xpath("//m:note/@csip:NOTETYPE", namespaces=NS)
        return [str(one) for one in found]  # type: ignore[union-attr]
    assert notes() == ["SOFTWARE VERSION", "IDENTIFICATIONCODE"]
    assert notes(agents="software") == ["SOFTWARE VERSION"]
    assert notes(agents="organisation") == ["IDENTIFICATIONCODE"]
    one = tree("SIP_hoso", "METS.xml", changed(agents="one_agent")).findall(".//m:agent", NS)
    assert [[child.text for child in agent][2:] for agent in one] == [["H99"]]


def test_premis_with_the_tables_element_or_the_schemas_type() -> None:
    path = "metadata/preservation/PREMIS.xml"
    assert tree("AIP_hoso", path).find(".//p:objectCategory", NS) is None
    found = tree("AIP_hoso", path, changed(premis_category="element")).findall(".//p:objectCategory", NS)
    assert [one.text for one in found[:2]] == ["intellectual entity", "representation"]
    prefixed = files_of(package("AIP_hoso"), changed(premis_namespace="premis"))[path]
    assert b"<premis:object xsi:type=\"premis:file\"" in prefixed
    assert etree.fromstring(prefixed).tag == etree.fromstring(files_of(package("AIP_hoso"))[path]).tag


def test_settings_name_the_archive_or_the_agency_itself() -> None:
    own = for_settings(load(agency={"code": "H99", "name": "Sở Nội vụ"}))
    assert (own.name, own.archive_code, own.archive_name) == ("tt05_2025", "H99", "Sở Nội vụ")
    other = for_settings(load(agency={"code": "H99"}, packages={"archive_code": "H99.LS", "archive_name": "Kho",
                                                                 "serialisation": "tt05_2025_xsd"}))
    assert (other.name, other.archive_code, other.archive_name) == ("tt05_2025_xsd", "H99.LS", "Kho")
    rep = tree("AIP_hoso", "representations/rep1/METS.xml", other)
    archivist = rep.find(".//m:agent[@ROLE='ARCHIVIST']", NS)
    assert archivist is not None
    assert [child.text for child in archivist] == ["Kho", "H99.LS"]
