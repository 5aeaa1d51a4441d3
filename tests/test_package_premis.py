"""PREMIS says what the objects are, what happened to them and who did it, each bound to the other."""

from __future__ import annotations

from lxml import etree

from archive.packages.description import Form
from tests.package_samples import CASE, UUID, files_of, package

NS = {"p": "http://www.loc.gov/premis/v3"}
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
WHOLE, REP = "metadata/preservation/PREMIS.xml", "representations/rep1/metadata/preservation/PREMIS_rep1.xml"


def premis(path: str, form: Form = "AIP_hoso") -> etree._Element:
    return etree.fromstring(files_of(package(form))[path])


def texts(tree: etree._Element, path: str) -> list[str]:
    return [str(found.text) for found in tree.iterfind(path, NS)]


def test_the_whole_is_the_package_and_its_representation() -> None:
    tree = premis(WHOLE)
    assert tree.get("version") == "3.0"
    objects = tree.findall("p:object", NS)
    assert [found.get(TYPE) for found in objects] == ["intellectualEntity", "representation", "file", "file"]
    assert texts(objects[0], "p:objectIdentifier/p:objectIdentifierValue") == [f"urn:H99:uuid:{UUID}"]
    assert texts(tree, "p:event/p:eventType") == ["ingestion start", "information package creation"]
    assert texts(tree, "p:agent/p:agentName") == ["Lưu Trữ"]
    assert texts(tree, "p:agent/p:agentVersion") == ["0.1.0"]


def test_a_file_has_fixity_size_format_and_the_name_under_which_it_came() -> None:
    made = package("AIP_hoso")
    file = next(found for found in premis(REP).iterfind("p:object", NS) if found.get(TYPE) == "file")
    given = made.documents[0].files[0]
    assert texts(file, ".//p:messageDigestAlgorithm") == ["SHA-256"]
    assert texts(file, ".//p:messageDigest") == [given.sha256]
    assert texts(file, ".//p:size") == [str(given.size)]
    assert texts(file, ".//p:formatName") == ["PDF/A-2b"]
    assert texts(file, ".//p:formatRegistryKey") == ["fmt/95"]
    assert texts(file, "p:originalName") == ["Quyết định số 12.pdf"]
    assert texts(file, ".//p:contentLocationValue") == [given.path]
    mets = etree.fromstring(files_of(made)["representations/rep1/METS.xml"])
    listed = {found.get("ID") for found in mets.iter("{http://www.loc.gov/METS/}file")}
    assert file.get("xmlID") in listed


def test_documents_are_entities_of_the_annexes_types() -> None:
    tree = premis(REP)
    entities = [found for found in tree.iterfind("p:object", NS) if found.get(TYPE) == "intellectualEntity"]
    kinds = [texts(found, "p:objectIdentifier/p:objectIdentifierType") for found in entities]
    assert kinds == [["Doc", "docCode"], ["Pic", "docCode"], ["Media", "docCode"], ["Doc", "docCode"]]


def test_events_objects_and_agents_are_bound_to_one_another() -> None:
    for path in (WHOLE, REP):
        tree = premis(path)
        objects = set(texts(tree, "p:object/p:objectIdentifier/p:objectIdentifierValue"))
        events = set(texts(tree, "p:event/p:eventIdentifier/p:eventIdentifierValue"))
        agents = set(texts(tree, "p:agent/p:agentIdentifier/p:agentIdentifierValue"))
        assert set(texts(tree, ".//p:linkingObjectIdentifierValue")) <= objects
        assert set(texts(tree, ".//p:linkingEventIdentifierValue")) == events
        assert set(texts(tree, ".//p:linkingAgentIdentifierValue")) == agents
        assert set(texts(tree, ".//p:relatedObjectIdentifierValue")) <= objects
    transfer = premis(REP).find("p:event", NS)
    assert transfer is not None
    assert texts(transfer, "p:linkingAgentIdentifier/p:linkingAgentRole") == ["implementer"]
    first = next(found for found in premis(REP).iterfind("p:object", NS)
                 if f"{CASE}.0000001" in texts(found, "p:objectIdentifier/p:objectIdentifierValue"))
    assert texts(first, "p:linkingEventIdentifier/p:linkingEventIdentifierValue") == ["e-2"]


def test_a_format_without_a_name_is_called_by_its_type() -> None:
    from dataclasses import replace

    made = package("AIP_hoso")
    bare = replace(made.documents[0].files[0], format_name="", puid="", name="")
    one = replace(made.documents[0], files=[bare])
    tree = etree.fromstring(files_of(replace(made, documents=[one], holey=()))[REP])
    assert texts(tree, ".//p:formatName") == ["application/pdf"]
    assert texts(tree, ".//p:formatRegistry") == []
