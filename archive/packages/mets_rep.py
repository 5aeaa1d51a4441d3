"""METS of rep1: which descriptive file belongs to which document, its main file and its attachments.

The divisions are those of the annexes' tables: Data, MetadataLink (File, Holey) and AttachmentFile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive.packages.description import PackedDocument
from archive.packages.mets import REP, Listed, Names, Xml, begin, descriptive, finish, group, preservation, rep_objid

DATA = f"{REP}data/"


@dataclass(frozen=True, slots=True)
class DescribedDocument:
    """A document with its descriptive file; `main` is its main file, or its holey file."""

    document: PackedDocument
    ead: Listed
    main: str
    holey: bool


def rep_mets(names: Names, documents: Sequence[DescribedDocument], holey: Sequence[Listed],
             premis: Listed | None) -> bytes:
    """representations/rep1/METS.xml; hrefs are seen from its own folder."""
    choices = names.choices
    xml = begin(names, root=False)
    sections = [descriptive(xml, names, one.ead, REP, choices.descriptive_mdtype, "EAD") for one in documents]
    kept = preservation(xml, names, [premis], REP, choices.preservation_mdtype, "PREMIS") if premis else ""

    xml.start("fileSec", {"ID": names.id("fileSec", REP)})
    files = (file for one in documents for file in one.document.files)
    groups = []
    if any(one.document.files for one in documents):
        groups.append(group(xml, names, "Data", files, REP))
    if holey:
        group(xml, names, "Holeyfile", holey, REP)
    xml.end()

    label = choices.rep_label if choices.rep_label == "rep1" else rep_objid(names)
    xml.start("structMap", {"ID": names.id("structMap", REP), "TYPE": "PHYSICAL", "LABEL": "CSIP"})
    xml.start("div", {"ID": names.id("div", REP), "TYPE": choices.rep_type, "LABEL": label})
    if premis or choices.rep_metadata_div == "always":
        _metadata(xml, names, sections, kept, premis)
    xml.start("div", {"ID": names.id("div", REP, "Data"), "LABEL": "Data"})
    for one in groups:
        xml.leaf("fptr", {"FILEID": one})
    xml.end()
    _links(xml, names, documents, sections, kept)
    _attachments(xml, names, documents)
    xml.end()
    xml.end()
    return finish(xml)


def _metadata(xml: Xml, names: Names, sections: Sequence[str], kept: str, premis: Listed | None) -> None:
    attributes = {"ID": names.id("div", REP, "Metadata"), "DMDID": " ".join(sections),
                  **({"ADMID": kept} if kept else {}), "LABEL": "Metadata"}
    if premis is None:
        xml.leaf("div", attributes)
        return
    xml.start("div", attributes)
    xml.leaf("fptr", {"FILEID": names.id("mdRef", premis.path)})
    xml.end()


def _links(xml: Xml, names: Names, documents: Sequence[DescribedDocument], sections: Sequence[str],
           kept: str) -> None:
    xml.start("div", {"ID": names.id("div", REP, "MetadataLink"), "LABEL": "MetadataLink"})
    for one, section in zip(documents, sections, strict=True):
        xml.start("div", {"ID": names.id("MetadataLink", one.ead.path), "DMDID": section,
                          **({"ADMID": kept} if kept else {}),
                          "LABEL": "MetadataLink/Holey" if one.holey else "MetadataLink/File"})
        xml.leaf("fptr", {"FILEID": names.file(one.main)})
        xml.end()
    xml.end()


def _attachments(xml: Xml, names: Names, documents: Sequence[DescribedDocument]) -> None:
    xml.start("div", {"ID": names.id("div", REP, "AttachmentFile"), "LABEL": "AttachmentFile"})
    for one in documents:
        attached = [file.path for file in one.document.files if file.path != one.main]
        if not attached:
            continue
        xml.start("div", {"ID": names.id("AttachmentFile", one.main), "LABEL": names.file(one.main)})
        for path in attached:
            xml.leaf("fptr", {"FILEID": names.file(path)})
        xml.end()
    xml.end()
