"""Our packages stand before judges that we did not write: the METS schema, eark-validator, a model of PREMIS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from archive.findings import Level
from archive.packages.check.mets import MetsPlace, check_mets
from archive.packages.serialisation import serialisation
from archive.packages.writing import write_folder
from tests.mets_examples import BAD, GOOD, broken, good
from tests.package_samples import FORMS, package
from tests.second_opinion import ask_eark, ask_premis, differences, mets_schema, profiles


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """One package of every kind, written into a folder."""
    root = tmp_path_factory.mktemp("packages")
    for form in FORMS:
        write_folder(package(form), serialisation(), root / form)
    return {form: root / form for form in FORMS}


@pytest.fixture(scope="module")
def opinions(packages: Mapping[str, Path]) -> Mapping[str, Any]:
    """eark-validator's word on each of them, by kind."""
    answers = ask_eark(list(packages.values()))
    return {form: answers[str(path)] for form, path in packages.items()}


def files(folder: Path, pattern: str) -> Iterator[Path]:
    found = sorted(folder.rglob(pattern))
    assert found, (folder, pattern)
    yield from found


@pytest.mark.parametrize("form", FORMS)
def test_every_mets_file_is_valid_by_the_official_schema(form: str, packages: Mapping[str, Path]) -> None:
    for path in files(packages[form], "METS.xml"):
        assert mets_schema().validate(etree.parse(path)), (path, mets_schema().error_log)


@pytest.mark.parametrize("form", FORMS)
def test_eark_validator_reports_no_error(form: str, opinions: Mapping[str, Any]) -> None:
    assert "crashed" not in opinions[form], opinions[form]
    assert opinions[form]["schema"] == []
    assert [told for told in opinions[form]["report"] if told[1] == "Error"] == []


@pytest.mark.parametrize("form", FORMS)
def test_every_rule_where_eark_validator_differs_is_explained(form: str, opinions: Mapping[str, Any]) -> None:
    errors = {told[0] for part in ("CSIP", "kind") for told in opinions[form][part] if told[1] == "Error"}
    assert errors == {rule for rule, entry in differences()["differs"].items() if form in entry["forms"]}


@pytest.mark.parametrize("form", [form for form in FORMS if form.startswith("AIP")])
def test_premis_is_read_whole_by_another_program(form: str, packages: Mapping[str, Path]) -> None:
    paths = list(files(packages[form], "PREMIS*.xml"))
    answers = ask_premis(paths)
    for path in paths:
        root = etree.parse(path).getroot()
        counted = {f"{name}s": len(root.findall(f"{{*}}{name}")) for name in ("object", "event", "agent")}
        assert answers[str(path)] == counted


def test_the_judges_do_object(tmp_path: Path) -> None:
    """What passes everything proves nothing: each judge refuses a file that is wrong."""
    wrong = tmp_path / "PREMIS.xml"
    wrong.write_bytes(etree.tostring(broken("PREMIS-008")))
    assert "crashed" in ask_premis([wrong])[str(wrong)]
    assert not mets_schema().validate(broken("METS-010"))
    folder = tmp_path / "goi"
    (folder / "metadata").mkdir(parents=True)
    (folder / "METS.xml").write_bytes(etree.tostring(broken("CSIP-007")))
    answer = ask_eark([folder])[str(folder)]
    assert "CSIP7" in {told[0] for told in answer["CSIP"]}


@pytest.mark.parametrize("name", [name for name in GOOD if "premis" not in name])
def test_the_examples_of_our_own_rules_are_valid_mets(name: str) -> None:
    assert mets_schema().validate(good(name)), mets_schema().error_log


def test_eark_validator_finds_what_our_csip_rules_find_or_is_known_to_be_deaf(tmp_path: Path) -> None:
    """The file that breaks one of our CSIP rules breaks eark-validator's rule of that number as well."""
    folders = {code: tmp_path / code for code in BAD if code.startswith("CSIP") and BAD[code][0] == "csip"}
    for code, folder in folders.items():
        (folder / "metadata").mkdir(parents=True)
        (folder / "METS.xml").write_bytes(etree.tostring(broken(code)))
    answers = ask_eark(list(folders.values()))
    missed = set()
    for code, folder in folders.items():
        rule, answer = f"CSIP{int(code[5:])}", answers[str(folder)]
        if "crashed" not in answer and rule not in {told[0] for told in answer["CSIP"]}:
            missed.add(rule)
    assert missed == {rule for reason in differences()["deaf"].values() for rule in reason["rules"]}


@pytest.mark.parametrize("profile", differences()["examples"])
def test_the_specifications_own_examples_raise_no_false_alarm(profile: str) -> None:
    refused = []
    for document in etree.parse(profiles() / profile).iterfind("{*}Appendix/{http://www.loc.gov/METS/}mets"):
        where = MetsPlace(profile, "root", ("E-ARK", profile[6:-4]), "2.0.4")
        refused.append([one.code for one in check_mets(etree.fromstring(etree.tostring(document)), where)
                        if one.level >= Level.refused])
    assert refused == differences()["examples"][profile]["refused"]
