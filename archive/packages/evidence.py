"""Evidence that travels in a package, under documentation/: a record for every file of a document, and the checker.

TT 05/2025/TT-BNV (annexes I to V, part I) leaves documentation/ to who packs. A stored AIP stays as it is but for its
root METS.xml, which must list every file: the new ones are put into it, and nothing else of it changes. What has no
record yet is said in README.txt, never left out in silence.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from sqlalchemy import select

from archive import clock, model
from archive.catalogue import SOME
from archive.errors import IntegrityError
from archive.evidence.chain import chain_of
from archive.evidence.export import CERTIFICATES, CHECKER, REVOCATIONS, record_or_gap
from archive.evidence.renewal import Records, seals_of_files
from archive.findings import Finding, finding
from archive.i18n import _
from archive.opening import Archive
from archive.packages.description import PackedFile
from archive.packages.mets import href
from archive.packages.mets_rep import DATA

FOLDER = "documentation/evidence"
TEXT = Path(__file__).with_name("evidence.txt")
_MIME = {".py": "text/x-python", ".txt": "text/plain", ".der": "application/pkix-cert", ".crl": "application/pkix-crl",
         ".ocsp": "application/ocsp-response", ".tsr": "application/vnd.etsi.timestamp-token"}
_ROLE = "documentation"
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Coverage:
    """The files of documents that a package holds, each with the seal that covers it ("" while none does)."""

    files: Sequence[tuple[PackedFile, str]]
    records: Records

    def finding(self, subject: str) -> Iterator[Finding]:
        """What a person should know before the package goes out: how many files have no evidence record yet."""
        bare = [file for file, seal in self.files if not seal or not self.records.rows[seal].tokens]
        if bare:
            names = ", ".join(PurePosixPath(file.path).name for file in bare[:_NAMED])
            yield finding("EVID-003", subject, count=len(bare), of=len(self.files),
                          names=names + (", …" if len(bare) > _NAMED else ""))


def coverage(archive: Archive, files: Iterable[PackedFile], *, case_file: str = "",
             documents: Sequence[str] = ()) -> Coverage:
    """Which seals cover the files of documents among `files`: those of a whole case file, or of some documents."""
    items: list[str] = []
    with archive.catalogue.session() as session:
        if case_file:
            items += session.scalars(select(model.Document.item).where(model.Document.case_file == case_file))
        for start in range(0, len(documents), SOME):
            items += session.scalars(select(model.Document.item).where(
                model.Document.code.in_(documents[start:start + SOME])))
    seals = seals_of_files(archive, items)
    return Coverage([(file, seals.get(file.sha256.lower(), "")) for file in files if file.path.startswith(DATA)],
                    Records(archive))


@contextmanager
def gathered(archive: Archive, covered: Coverage, objid: str, at: datetime,
             taken: Iterable[str]) -> Iterator[list[PackedFile]]:
    """The files of evidence, made in a temporary folder that lasts as long as the block.

    `taken` are the package's own paths: documentation that came with a submission keeps its place.
    """
    with tempfile.TemporaryDirectory(dir=archive.store.staging, prefix="evidence-") as scratch:
        making = _Making(Path(scratch), _free_folder(taken), clock.in_vietnam(at).isoformat(timespec="milliseconds"))
        gaps: list[str] = []
        seals: dict[str, None] = {}
        for file, seal in covered.files:
            if not isinstance(file.source, Path):
                raise TypeError(f"{file.path}: a document's file lies in the store")
            record, gap, used = record_or_gap(covered.records, seal, file.sha256, file.source)
            if record:
                making.add(f"{file.path.removeprefix(DATA)}.ers", record)
                seals.update(dict.fromkeys(used))
            else:
                gaps.append(f"- {PurePosixPath(file.path).name}: {gap}")
        tokens = [(seal, number, token) for seal in seals
                  for number, token in enumerate(covered.records.tokens(seal), 1)]
        for seal, number, token in tokens:
            making.add(f"tokens/{seal}-{number}.tsr", token)
        trust = archive.settings.path(archive.settings.signatures.trust)
        chain = chain_of((token for _seal, _number, token in tokens), trust)
        for folder, ders in ((CERTIFICATES, chain.certificates), (REVOCATIONS, chain.revocations)):
            for name, der in ders.items():
                making.add(f"{folder}/{name}", der)
        making.add("checker.py", CHECKER.read_bytes())
        making.add("README.txt", TEXT.read_text(encoding="utf-8").format(
            agency=archive.settings.agency.name, code=archive.settings.agency.code, objid=objid, made=making.created,
            folder=making.folder, covered=len(covered.files) - len(gaps), missing=len(gaps),
            colon=":" if gaps else ".", gaps="\n".join(gaps)).rstrip().encode() + b"\n")
        yield making.files


@dataclass(slots=True)
class _Making:
    """Files of evidence as they are made: on the disk, for there may be tens of thousands."""

    scratch: Path
    folder: str
    created: str
    files: list[PackedFile] = field(default_factory=list)

    def add(self, name: str, data: bytes) -> None:
        """Make one file, named within the folder of evidence."""
        place = self.scratch / str(len(self.files))
        place.write_bytes(data)
        self.files.append(PackedFile(
            f"{self.folder}/{name}", place, len(data), hashlib.sha256(data).hexdigest(),
            _MIME.get(PurePosixPath(name).suffix, "application/octet-stream"), self.created, _ROLE,
            PurePosixPath(name).name))


def _free_folder(taken: Iterable[str]) -> str:
    folders = {"/".join(path.split("/")[:2]).lower() for path in taken}
    found, number = FOLDER, 1
    while found in folders:
        number += 1
        found = f"{FOLDER}-{number}"
    return found


def listed_in(mets: bytes, files: Sequence[PackedFile], at: str) -> bytes:
    """The root METS.xml with `files` in its group Documentation, and `at` as the time of its last change.

    Everything else stays byte for byte. Raises IntegrityError for a METS.xml that has no fileSec and structMap.
    """
    known = _Places(mets)
    prefix, own = known.prefix, known.objid
    lines = "".join(
        f'<{prefix}file ID="ID-{_id(own, file.path)}" MIMETYPE={quoteattr(file.mime)} SIZE="{file.size}" '
        f'CREATED="{file.created}" CHECKSUM="{known.cased(file.sha256)}" CHECKSUMTYPE="SHA-256"><{prefix}FLocat '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" xlink:type="simple" xlink:href={quoteattr(href(file.path))} '
        f'LOCTYPE="URL"/></{prefix}file>\n' for file in files)
    if known.group:
        additions = [(known.group, lines)]
    else:
        group = f"uuid-{_id(own, 'fileGrp Documentation evidence')}"
        lines = f'<{prefix}fileGrp ID="{group}" USE="Documentation">\n{lines}</{prefix}fileGrp>\n'
        division = (f'<{prefix}div ID="uuid-{_id(own, "div Documentation evidence")}" LABEL="Documentation">'
                    f'<{prefix}fptr FILEID="{group}"/></{prefix}div>\n')
        additions = [(known.file_section, lines), (known.division, division)]
    for place, text in sorted(additions, reverse=True):
        mets = mets[:place] + text.encode() + mets[place:]
    start, end = known.header
    head, count = re.subn(rb'LASTMODDATE="[^"]*"', b'LASTMODDATE="' + at.encode() + b'"', mets[start:end])
    if not count:
        head = head.replace(b"metsHdr", b'metsHdr LASTMODDATE="' + at.encode() + b'"', 1)
    return mets[:start] + head + mets[end:]


def _id(objid: str, what: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{objid}\x1f{what}")).upper()


class _Places:
    """Where in a METS.xml something is put in: found by a parser, so that a large file needs no tree in memory."""

    def __init__(self, mets: bytes) -> None:
        self.objid, self.prefix = "", ""
        self.header = (0, 0)
        self.group = self.file_section = self.division = 0
        self._upper = False
        self._open: list[tuple[str, Mapping[str, str]]] = []
        self._mets = mets
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        with suppress(expat.ExpatError):
            self._parser.Parse(mets, True)
        if self._open or not (self.file_section and self.division and self.objid):
            raise IntegrityError(_("{path} has changed; the package was not written").format(path="METS.xml"))

    def cased(self, digest: str) -> str:
        """A digest in the letters that this METS.xml writes."""
        return digest.upper() if self._upper else digest.lower()

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        prefix, _colon, name = tag.rpartition(":")
        if not self._open:
            self.objid, self.prefix = attributes.get("OBJID", ""), f"{prefix}:" if prefix else ""
        if name == "metsHdr":
            start = self._parser.CurrentByteIndex
            self.header = (start, self._mets.index(b">", start))
        self._upper |= any(letter in "ABCDEF" for letter in attributes.get("CHECKSUM", ""))
        self._open.append((name, attributes))

    def _end(self, _tag: str) -> None:
        name, attributes = self._open.pop()
        at = self._parser.CurrentByteIndex
        if name == "fileGrp" and attributes.get("USE") == "Documentation":
            self.group = at
        elif name == "fileSec":
            self.file_section = at
        elif name == "div" and len(self._open) == 2 and self._open[1][0] == "structMap":
            self.division = at
