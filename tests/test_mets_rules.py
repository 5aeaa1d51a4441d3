"""METS and PREMIS are judged as E-ARK and Thông tư 05/2025 print their rules: each rule has a file that breaks it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from string import Formatter
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from archive.findings import Finding, Level, rules
from archive.packages.build import metadata_files
from archive.packages.check import mets, premis
from archive.packages.check.mets import MetsPlace, check_mets
from archive.packages.check.premis import check_premis, check_premis_file
from archive.packages.description import Form
from archive.packages.opening import open_package
from archive.packages.serialisation import serialisation
from tests.mets_examples import ALSO_BAD, ALSO_GOOD, BAD, GOOD, broken, changed, good
from tests.package_samples import FORMS, package

RULES = Path(mets.__file__).with_name("mets_rules.toml")
CODES = list(tomllib.loads(RULES.read_text(encoding="utf-8")))


def judged(root: object, where: MetsPlace) -> list[Finding]:
    return check_premis(root, where) if "PREMIS" in where.path else check_mets(root, where)


def codes_of(root: object, where: MetsPlace) -> set[str]:
    return {one.code for one in judged(root, where)}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_has_nothing_to_find(name: str) -> None:
    found = [one for one in judged(good(name), GOOD[name][1]) if one.level >= Level.note]
    assert found == [], [one.sentence("en") for one in found]


@pytest.mark.parametrize("form", FORMS)
def test_our_own_packages_have_at_most_notes(form: Form) -> None:
    for path, data in metadata_files(package(form), serialisation()):
        if path.endswith("METS.xml") or "/preservation/" in path:
            inside = path.startswith("representations/")
            level: Literal["root", "representation"] = "representation" if inside else "root"
            found = judged(etree.fromstring(data), MetsPlace(path, level, ("TT05", form)))
            assert [one.sentence("en") for one in found if one.level > Level.note] == []


def test_every_rule_has_a_file_that_breaks_it() -> None:
    assert set(BAD) == set(CODES)


@pytest.mark.parametrize("code", BAD)
def test_a_broken_rule_is_found_and_told_in_both_languages(code: str) -> None:
    where = GOOD[BAD[code][0]][1]
    found = {one.code: one for one in judged(broken(code), where)}
    assert code in found
    for language in ("vi", "en"):
        told = found[code].sentence(language) + found[code].cure(language)
        assert where.path in told
        assert not re.search(r"\{(?!UUID|mã phông|fonds code)", told)
    assert found[code].params["count"] != "0"
    assert re.search(r":\d+", found[code].params["at"])
    assert found[code].citation() or found[code].article in found[code].sentence()


@pytest.mark.parametrize(("code", "name", "changes"), ALSO_BAD)
def test_a_rule_is_broken_in_other_ways_too(code: str, name: str, changes: list[tuple[str, ...]]) -> None:
    assert code in codes_of(changed(name, changes), GOOD[name][1])


@pytest.mark.parametrize("what", ALSO_GOOD)
def test_what_the_specification_allows_raises_no_alarm(what: str) -> None:
    name, changes = ALSO_GOOD[what]
    assert [one.sentence("en") for one in check_mets(changed(name, changes), GOOD[name][1])] == []


@pytest.mark.parametrize("code", [code for code in BAD if BAD[code][0] in ("csip", "sip", "tt_sip", "tt_aip")])
def test_the_level_of_a_must_is_refused_and_of_a_may_at_most_a_note(code: str) -> None:
    assert rules()[code].level in (Level.refused, Level.warning, Level.note)
    if rules()[code].level is Level.note:
        where = replace(GOOD[BAD[code][0]][1], version="2.0.4")
        assert [one.level for one in judged(broken(code), where) if one.code == code] == [Level.note]


# --- versions, kinds, places -------------------------------------------------------------------------------------


def test_the_clause_names_the_version_of_the_specification_and_the_annex() -> None:
    for version in mets.VERSIONS:
        [found] = check_mets(broken("CSIP-007"), replace(GOOD["csip"][1], version=version))
        assert found.article == f"E-ARK CSIP {version}, CSIP7"
    root = good("tt_sip")
    del root[0].attrib["CREATEDATE"]
    [found] = check_mets(root, GOOD["tt_sip"][1])
    assert found.article == "TT 05/2025/TT-BNV, Phụ lục III; E-ARK CSIP 2.0.4, CSIP7"


def test_a_requirement_holds_only_in_its_versions() -> None:
    label = broken("CSIP-086")
    assert "CSIP-086" in codes_of(label, GOOD["csip"][1])
    assert "CSIP-086" not in codes_of(label, replace(GOOD["csip"][1], version="2.1.0"))
    nameless = broken("ESIP-012")
    levels = {version: {one.code: one.level for one in check_mets(nameless, replace(GOOD["sip"][1], version=version))}
              for version in mets.VERSIONS}
    assert levels == {"2.0.4": {"ESIP-012": Level.note}, "2.1.0": {"ESIP-012": Level.note},
                      "2.2.0": {"ESIP-012": Level.refused}}


def test_an_unknown_version_is_judged_as_the_newest() -> None:
    [found] = check_mets(broken("ESIP-012"), replace(GOOD["sip"][1], version="2.9.0"))
    assert found.level is Level.refused


def test_contentinformationtype_is_obligatory_in_representations() -> None:
    for name, level in (("csip", Level.warning), ("csip_rep", Level.refused), ("tt_sip_rep", Level.refused),
                        ("tt_sip", Level.note)):
        root = good(name)
        del root.attrib[f"{{{mets.CSIP}}}CONTENTINFORMATIONTYPE"]
        assert {one.code: one.level for one in check_mets(root, GOOD[name][1])} == {"CSIP-004": level}


@pytest.mark.parametrize(("folders", "level"), [
    (None, Level.warning), (frozenset({"metadata", "documentation"}), Level.refused), (frozenset({"metadata"}), None)])
def test_a_missing_group_is_refused_only_when_its_folder_is_there(
        folders: frozenset[str] | None, level: Level | None) -> None:
    found = {one.code: one.level for one in check_mets(broken("CSIP-060"), replace(GOOD["csip"][1], folders=folders))}
    assert found.get("CSIP-060") is level


def test_rules_of_one_kind_do_not_touch_another() -> None:
    for name, (_, where) in GOOD.items():
        if "premis" in name:
            continue
        root = etree.fromstring(f'<mets xmlns="{mets.METS}"/>')
        prefixes = {code.partition("-")[0] for code in codes_of(root, where)}
        assert prefixes <= ({"CSIP", "METS", "TT05"} if where.family == "TT05"
                            else {"CSIP", "METS", {"SIP": "ESIP", "AIP": "EAIP", "DIP": "EDIP"}.get(where.oais, "")})


# --- where the circular contradicts itself ---------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "objid"), [
    ("tt_sip", "uuid-7d0d1987-0f1c-47a7-8fd6-cc5c7de40000"),
    ("tt_aip", "urn:uuid:7D0D1987-0F1C-47A7-8FD6-CC5C7DE40000"),
    ("tt_aip", "urn:Phong_BNV:uuid-7D0D1987-0F1C-47A7-8FD6-CC5C7DE40000")])
def test_a_printed_sample_of_objid_passes_with_a_note(name: str, objid: str) -> None:
    root = good(name)
    root.set("OBJID", objid)
    assert {one.code: one.level for one in check_mets(root, GOOD[name][1])} == {"TT05-003": Level.note}


def test_what_the_circular_prints_twice_passes_both_ways() -> None:
    for code in ("TT05-004", "TT05-011", "TT05-015", "TT05-022", "TT05-029", "TT05-046", "TT05-049"):
        found = judged(broken(code), GOOD[BAD[code][0]][1])
        assert {one.level for one in found} == {Level.note}, [code, *(one.sentence("en") for one in found)]


def test_an_aip_refers_to_premis_by_any_id_of_the_section() -> None:
    """The table says amdSec, the samples use the IDs of digiprovMD; the representation's fptr names the mdRef."""
    for number in ("20", "21"):
        root = good("tt_aip_rep")
        for div in root.iter(f"{{{mets.METS}}}div"):
            if "ADMID" in div.attrib:
                div.set("ADMID", div.get("ADMID").replace("CC5C7DE40020", f"CC5C7DE400{number}"))
        assert check_mets(root, GOOD["tt_aip_rep"][1]) == []


def test_the_other_spelling_of_the_csip_namespace_is_read() -> None:
    root = etree.fromstring(etree.tostring(good("tt_sip")).replace(b"https://DILCIS.eu/XML/METS/CSIP",
                                                                  b"https://dilcis.eu/XML/METS/CSIP"))
    assert {one.code: one.level for one in check_mets(root, GOOD["tt_sip"][1])} == {"METS-014": Level.note}


def test_the_other_spelling_of_the_sip_namespace_is_read() -> None:
    written = etree.tostring(broken("ESIP-033")).replace(b"https://DILCIS.eu/XML", b"https://dilcis.eu/XML")
    assert codes_of(etree.fromstring(written), GOOD["sip"][1]) == {"ESIP-033", "METS-014"}


def test_a_vendor_like_package_is_taken_with_notes_and_warnings_only() -> None:
    """Empty amdSec, OBJID rep1 and MDTYPE DC, as a product on the market writes them."""
    written = etree.tostring(good("tt_sip_rep"))
    root = etree.fromstring(written.replace(b'MDTYPE="OTHER" OTHERMDTYPE="EAD"', b'MDTYPE="DC"'))
    root.set("OBJID", "rep1")
    root[2].addnext(etree.Element(f"{{{mets.METS}}}amdSec", ID="uuid-7D0D1987-0F1C-47A7-8FD6-CC5C7DE40020"))
    assert {one.code: one.level for one in check_mets(root, GOOD["tt_sip_rep"][1])} \
        == {"TT05-004": Level.note, "TT05-033": Level.note}


# --- counting, and files that are not what they should be ----------------------------------------------------


def test_one_finding_a_rule_however_often_it_is_broken() -> None:
    root = good("csip")
    section = root.find(f".//{{{mets.METS}}}fileGrp")
    for number in range(50):
        etree.SubElement(section, f"{{{mets.METS}}}file", ID=f"f{number}")
    found = {one.code: one for one in check_mets(root, GOOD["csip"][1])}
    assert found["CSIP-071"].params["count"] == "50"
    assert found["CSIP-071"].params["at"].endswith("; … +47")


@pytest.mark.parametrize("xml", [
    "<mets/>", '<mets xmlns="http://www.loc.gov/METS/"/>', '<METS xmlns="http://www.loc.gov/METS/"/>', "<x/>",
    '<mets xmlns="http://www.loc.gov/METS/v2"><metsHdr/></mets>',
    '<mets xmlns="http://www.loc.gov/METS/"><metsHdr/><dmdSec/><amdSec/><fileSec/><structMap/></mets>',
    '<mets xmlns="http://www.loc.gov/METS/"><structMap LABEL="CSIP"><div><div LABEL="Metadata"/><div><mptr/></div>'
    "</div></structMap><fileSec><fileGrp><file/></fileGrp></fileSec></mets>"])
@pytest.mark.parametrize("name", ["csip", "csip_rep", "sip", "aip", "dip", "tt_sip", "tt_aip_rep", "tt_dip"])
def test_a_file_that_is_no_package_mets_never_crashes_and_is_refused(xml: str, name: str) -> None:
    found = check_mets(etree.fromstring(xml), GOOD[name][1])
    assert max(one.level for one in found) is Level.refused
    assert all(one.sentence() and one.sentence("en") for one in found)
    assert check_premis(etree.fromstring(xml), GOOD[name][1])[0].code == "PREMIS-001"


def test_a_whole_tree_is_judged_like_its_root() -> None:
    root = broken("CSIP-007")
    assert check_mets(root.getroottree(), GOOD["csip"][1]) == check_mets(root, GOOD["csip"][1])


NAMES = sorted({element.tag for name in GOOD if "premis" not in name for element in good(name).iter()})
ATTRIBUTES = sorted({attribute for name in GOOD if "premis" not in name for element in good(name).iter()
                     for attribute in element.attrib})


VALUES = ("", " ", "CSIP", "Metadata", "a b", "uuid-1", "MetadataLink/File", "Representations/rep1",
          "2026-02-31T00:00:00", "ñ\u0323 \u2028")


@st.composite
def trees(draw: st.DrawFn) -> object:
    """METS-like trees of any shape: known elements and attributes in wrong places with wrong values."""
    root = etree.Element(f"{{{mets.METS}}}mets")
    elements = [root]
    for _ in range(draw(st.integers(0, 25))):
        element = etree.SubElement(draw(st.sampled_from(elements)), draw(st.sampled_from(NAMES)))
        for attribute in draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=5)):
            element.set(attribute, draw(st.sampled_from(VALUES)))
        elements.append(element)
    return root


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees(), st.sampled_from(sorted(name for name in GOOD if "premis" not in name)))
def test_no_tree_crashes_the_judge(root: object, name: str) -> None:
    for one in check_mets(root, GOOD[name][1]):
        assert one.sentence() and one.sentence("en")


def test_the_sentences_ask_only_for_what_the_judge_fills_in() -> None:
    for code in CODES:
        rule = rules()[code]
        for text in (rule.vi, rule.en, rule.cure_vi, rule.cure_en):
            asked = {name for _, name, _, _ in Formatter().parse(text) if name}
            assert asked <= {"subject", "count", "at", "found"}, code
        assert not re.search("[ăâđêôơưàảãáạèẻẽéẹ]", rule.en + rule.cure_en), code


def test_the_rules_are_written_as_the_engine_reads_them() -> None:
    raw = tomllib.loads(RULES.read_text(encoding="utf-8"))
    finding_keys = {"level", "vi", "en", "article", "cure_vi", "cure_en"}
    test_keys = {"at", "needs", "lacks", "most", "of", "test", "value", "one_of", "vocabulary", "matches", "names",
                 "function", "pieces", "whole"}
    places = {"TT05", "E-ARK", "root", "representation", "TT05 root", "TT05 representation", "TT05 SIP", "TT05 AIP",
              "TT05 DIP", *mets.VERSIONS}
    place_keys = {"only", "kinds", "versions", "folder", "levels", "beyond_tt05"}
    for code, entry in raw.items():
        assert finding_keys <= set(entry) <= finding_keys | test_keys | place_keys, code
        assert {"needs", "lacks", "most", "test", "value", "function"} & set(entry), code
        assert ("most" in entry) == ("of" in entry), code
        assert not {"one_of", "vocabulary", "matches", "names"} & set(entry) or "value" in entry, code
        assert entry.get("only") in (None, "root", "representation"), code
        assert set(entry.get("versions", mets.VERSIONS)) <= set(mets.VERSIONS), code
        for key, level in entry.get("levels", {}).items():
            assert key in places, code
            assert level in {"off", "note", "warning", "refused"}, code


# --- large files ------------------------------------------------------------------------------------------------------


def in_pieces(root: Any, where: MetsPlace, place: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> list[Finding]:
    """The findings about the PREMIS file `root`, read from the disk as if it were a large one."""
    file = place / where.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))
    (place / "METS.xml").write_bytes(b"<mets/>")
    monkeypatch.setattr(premis, "_WHOLE", 0)
    monkeypatch.setattr(premis, "_PIECE", piece)
    with open_package(place) as opened:
        return check_premis_file(opened, where.path, where)


@pytest.mark.parametrize("piece", [1, 2, 500])
@pytest.mark.parametrize("code", [*(code for code in BAD if code.startswith("PREMIS-")), ""])
def test_a_large_premis_is_judged_in_pieces_as_it_is_as_a_whole(
        code: str, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = BAD[code][0] if code else "tt_premis"
    found = in_pieces(broken(code) if code else good(name), GOOD[name][1], tmp_path, monkeypatch, piece)
    assert found == check_premis(etree.parse(tmp_path / GOOD[name][1].path), GOOD[name][1])
    assert (code in {one.code for one in found}) if code else not found


def test_what_binds_the_pieces_of_a_premis_together_is_judged_over_all_of_them(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = GOOD["premis"][1]
    root = good("premis")
    for child in list(root)[:1]:        # the first object once more, at the end: twice the same, in the wrong place
        root.append(etree.fromstring(etree.tostring(child)))
    codes = {one.code for one in in_pieces(root, where, tmp_path, monkeypatch, 1)}
    assert {"PREMIS-004", "PREMIS-019"} <= codes


def test_a_large_premis_that_breaks_off_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = GOOD["premis"][1]
    in_pieces(good("premis"), where, tmp_path, monkeypatch, 1)
    file = tmp_path / where.path
    for data, code in ((file.read_bytes()[:-9], "PKG-020"), (b"", "PKG-023"),
                       (b"<!DOCTYPE premis [<!ENTITY a 'a'>]><premis>&a;</premis>", "PKG-021")):
        file.write_bytes(data)
        with open_package(tmp_path) as opened:
            assert [one.code for one in check_premis_file(opened, where.path, where)] == [code]


def test_an_archive_may_keep_what_it_received_in_other_formats() -> None:
    """A workflow file (.edxml) in rep1 of an AIP is a fact to note; in a submission it is a thing to put right."""
    levels = {}
    for name in ("tt_sip_rep", "tt_aip_rep"):
        root = good(name)
        for file in root.iter(f"{{{mets.METS}}}file"):
            file.set("MIMETYPE", "application/xml")
        levels[name] = {one.level for one in check_mets(root, GOOD[name][1]) if one.code == "TT05-064"}
    assert levels == {"tt_sip_rep": {Level.warning}, "tt_aip_rep": {Level.note}}
