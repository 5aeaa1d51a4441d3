"""From a package's description to its files of XML: METS, EAD, PREMIS, schemas and holey files.

Made one after the other, the ones that others refer to first, so that sizes and hashes are known when they are
written down: a package of 5,000 documents needs no tree in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from archive.packages.description import Holey, Package, PackedDocument, PackedFile
from archive.packages.ead import SCHEMA_OF, simpledc
from archive.packages.mets import REP, XML_MIME, Listed, Names, root_mets
from archive.packages.mets_rep import DATA, DescribedDocument, rep_mets
from archive.packages.premis import premis_rep, premis_whole
from archive.packages.schemas import schema_files
from archive.packages.serialisation import Serialisation, serialisation

EAD = "metadata/descriptive/EAD.xml"
PREMIS = "metadata/preservation/PREMIS.xml"
PREMIS_REP = f"{REP}metadata/preservation/PREMIS_rep1.xml"


def metadata_files(package: Package, profile: Serialisation) -> Iterator[tuple[str, bytes]]:
    """Every file of the package that is not given: path and bytes, METS.xml of the package last.

    Raises ead.UnwritableTextError for text that XML cannot carry; ValueError for a description that makes no
    package (a document without a file, a holey file without its document).
    """
    _check(package)
    names = Names(package, profile)
    schemas: list[Listed] = []
    for path, data in schema_files(package.form, profile, premis=has_premis(package)):
        schemas.append(_listed(package, path, data))
        yield path, data
    holey: list[Listed] = []
    for one in package.holey:
        path, data = _holey_path(one), one.content.encode()
        holey.append(_listed(package, path, data, "text/plain"))
        yield path, data
    documents = []
    for document in package.documents:
        path, data = _ead_path(document), simpledc(document.fields, package.form, SCHEMA_OF[document.kind], profile)
        linked = None if document.files else _holey_of(package, document)
        main = document.files[0].path if linked is None else _holey_path(linked)
        documents.append(DescribedDocument(document, _listed(package, path, data), main, linked is not None))
        yield path, data
    premis = None
    if has_premis(package):
        data = premis_rep(names)
        premis = _listed(package, PREMIS_REP, data)
        yield PREMIS_REP, data
        del data            # of 5,000 documents it has 36 MB
    data = rep_mets(names, documents, holey, premis)
    rep = _listed(package, f"{REP}METS.xml", data)
    yield rep.path, data
    del documents
    data = simpledc(package.fields, package.form, "EAD", profile)
    ead = _listed(package, EAD, data)
    yield EAD, data
    if premis is not None:
        data = premis_whole(names)
        premis = _listed(package, PREMIS, data)
        yield PREMIS, data
    yield "METS.xml", root_mets(names, ead, premis, rep, schemas)


def given_files(package: Package) -> Iterator[PackedFile]:
    """The files that the description gives, in its order: documents, documentation, an AIP's others."""
    for document in package.documents:
        yield from document.files
    yield from package.documentation
    yield from package.others


def objid(package: Package, profile: Serialisation | None = None) -> str:
    """The package's identifier: uuid-{UUID} of a SIP or DIP, urn:{fonds}:uuid:{UUID} of an AIP."""
    return Names(package, profile or serialisation()).objid()


def folder_name(package: Package, profile: Serialisation | None = None) -> str:
    """The name of the package's folder: its OBJID with ":" as "_" (TT 05/2025, annex I, I.2)."""
    return objid(package, profile).replace(":", "_")


def zip_name(package: Package, ordinal: int | None = None, profile: Serialisation | None = None) -> str:
    """The name of the package's ZIP; a SIP's begins with its ordinal in the transfer (annex III, II.5, p. 238)."""
    chosen = profile or serialisation()
    first = f"{ordinal}{chosen.zip_join}" if ordinal is not None else ""
    return f"{first}{folder_name(package, chosen)}.zip"


def has_premis(package: Package) -> bool:
    """An AIP has PREMIS, a SIP has none; a DIP may (annexes I-V, folder tables)."""
    return package.form.startswith("AIP") or (package.form == "DIP" and bool(package.events))


def _check(package: Package) -> None:
    if not package.documents:
        raise ValueError(f"{package.form} {package.uuid}: a package without documents")
    taken = {one.name for one in package.holey}
    for document in package.documents:
        if not document.files:
            taken.discard(_holey_of(package, document).name)
        if misplaced := next((file.path for file in document.files if not file.path.startswith(DATA)), None):
            raise ValueError(f"{document.code}: {misplaced} lies outside {DATA}")
    if taken:
        raise ValueError(f"holey files without the document that they stand for: {sorted(taken)}")


def _holey_of(package: Package, document: PackedDocument) -> Holey:
    """The holey file that stands for a document without files."""
    for one in package.holey:
        if document.code in (one.name, PurePosixPath(one.name).stem):
            return one
    raise ValueError(f"{document.code}: a document without a file")


def _holey_path(holey: Holey) -> str:
    return f"{DATA}{holey.name}.fetch.txt"


def _ead_path(document: PackedDocument) -> str:
    return f"{REP}metadata/descriptive/{SCHEMA_OF[document.kind]}_{document.code}.xml"


def _listed(package: Package, path: str, data: bytes, mime: str = XML_MIME) -> Listed:
    return Listed(path, len(data), hashlib.sha256(data).hexdigest(), mime, package.created)
