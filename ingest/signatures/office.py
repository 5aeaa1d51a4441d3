"""Signatures inside office files: OOXML (ECMA-376-2, XAdES) and OpenDocument (ODF 1.2 part 3, XMLDSig and XAdES).

A signature lists the parts that it covers; what it does not list is not signed, however valid it is. Must never call
such a file unsigned when it carries a signature, nor unchanged when a part lies outside every signature.
"""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from archive.findings import Level, finding
from ingest import containers
from ingest.signatures.report import DocumentSignatures, SignatureReport
from ingest.signatures.trust import TrustLists

if TYPE_CHECKING:
    from lxml import etree

    from ingest.signatures.standing import Case
    from ingest.signatures.xml_signatures import Checked

_ODF = "META-INF/documentsignatures.xml"
_OOXML = "_xmlsignatures/"
# Parts that a signature need not list (our reading): ODF 1.2 part 3, 4.3 exempts the signature files themselves; ODF
# 1.1 signatures leave the manifest and the type out, which a reader checks against the entries anyway.
_ODF_OWN = frozenset({_ODF, "META-INF/macrosignatures.xml"})
_ODF_MENTIONED = frozenset({"META-INF/manifest.xml", "mimetype"})
_SHOWN = 6                      # uncovered parts that a finding names


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a signature left out: parts that make it worthless, and parts that are only mentioned."""

    missing: Sequence[str] = ()
    mentioned: Sequence[str] = ()
    broken: str = ""                # a listed part that is not as it was signed


def office_signature(path: Path) -> str:
    """The kind of signature inside the office file at `path`, or "" for none. Reads only the list of entries."""
    try:
        if not zipfile.is_zipfile(path):
            return ""
        with zipfile.ZipFile(path) as package:
            names = package.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return ""           # the check stage reports damaged containers
    if _ooxml_signatures(names):
        return "OOXML (XMLDSig)"
    if _ODF in names:
        return "OpenDocument (XMLDSig)"
    return ""


def verify_office(path: Path, trust: TrustLists, received_at: datetime, name: str = "") -> DocumentSignatures | None:
    """Find and judge every signature in the office file at `path`; None where it carries none.

    `received_at` (aware) is when the file came to us; `name` is what people call it. Reads only. Raises OSError when
    the file cannot be opened; anything wrong inside is in the result.
    """
    kind = office_signature(path)
    if not kind:
        return None
    from ingest.signatures.standing import case_for, result_for  # half a second to import: not for unsigned files

    result = result_for(name or path.name, trust, received_at)
    try:
        with containers.open_zip(path) as opened:
            places = [_ODF] if kind.startswith("OpenDocument") else _ooxml_signatures(opened.names)
            asyncio.run(_judge_all(case_for(result.file, trust, received_at), opened, places, kind, result))
    except containers.ContainerRefused as refused:      # a bomb, entries that share a name …: nothing in it is believed
        _unreadable(result, kind, refused.code)
    result.finders["bytes"] = len(result.signatures)
    return result


def _ooxml_signatures(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name.lower().startswith(_OOXML) and name.lower().endswith(".xml"))


async def _judge_all(case: Case, opened: containers.SafeZip, places: Sequence[str], kind: str,
                     result: DocumentSignatures) -> None:
    from ingest.signatures import xml_signatures

    for place in places:
        try:
            root = xml_signatures.parsed(opened.read(place, xml_signatures.LARGEST))
            found = xml_signatures.signatures_in(root)
        except Exception as error:      # XML that is refused or damaged: seen, and not judged
            _unreadable(result, place, f"{type(error).__name__}: {error}"[:200])
            continue
        if not found or len(found) > xml_signatures.MOST:
            _unreadable(result, place, f"{len(found)} signatures")
        for number, signature in enumerate(found[:xml_signatures.MOST], 1):
            report = SignatureReport(name=f"{place}#{number}" if len(found) > 1 else place,
                                     subfilter=f"{kind.split()[0]}.{xml_signatures.form(signature)}")
            result.signatures.append(report)
            await _judge(case, opened, root, signature, report)


async def _judge(case: Case, opened: containers.SafeZip, root: etree._Element, signature: etree._Element,
                 report: SignatureReport) -> None:
    from ingest.signatures import opc, xml_signatures
    from ingest.signatures.finders import said
    from ingest.signatures.standing import Notes

    note = Notes(report, case.subject)
    try:
        if report.subfilter.startswith("OOXML"):
            checked = xml_signatures.check(root, signature)
            coverage = opc.coverage(opened, checked) if checked.intact else Coverage()
        else:
            checked, coverage = _check_odf(opened, root, signature)
        if coverage.broken:
            checked.intact, checked.wrong = False, coverage.broken
        await xml_signatures.judge_checked(case, report, signature, checked, note)
        if report.integrity == "intact":
            _tell_coverage(report, coverage, note)
    except xml_signatures.Unsupported as error:
        report.kind = "unsupported"
        note("VERIFY-061", kind=f"{report.subfilter} ({error})")
    except Exception as error:  # whatever the libraries raise over a damaged signature: it was not read to its end
        report.integrity = "broken" if report.integrity == "broken" else "unreadable"
        note("VERIFY-062", reason=said(error))


def _tell_coverage(report: SignatureReport, coverage: Coverage, note: Callable[..., None]) -> None:
    report.covers_whole_file = not coverage.missing
    report.changes = "content" if coverage.missing else "none"
    if coverage.missing:
        note("VERIFY-097", what=_told(coverage.missing))
    elif coverage.mentioned:
        note("VERIFY-097", level=Level.note, what=_told(coverage.mentioned))


def _check_odf(opened: containers.SafeZip, root: etree._Element,
               signature: etree._Element) -> tuple[Checked, Coverage]:
    """Check a signature of an OpenDocument file: its references name entries of the ZIP."""
    from ingest.signatures import xml_signatures

    names = [name for name in opened.names if not name.endswith("/")]
    listed: set[str] = set()
    gone: list[str] = []
    for uri in (one.get("URI", "") for one in signature.iterfind(
            f"{xml_signatures.DS}SignedInfo/{xml_signatures.DS}Reference")):
        if uri and not uri.startswith("#"):
            name = unquote(uri)
            (listed.add if name in names else gone.append)(name)

    def resolve(uri: str, transforms: Sequence[str]) -> etree._Element | bytes | None:
        data = opened.read(unquote(uri))
        if not transforms:
            return data
        return xml_signatures.parsed(data)

    if gone:        # signxml would stop at what it cannot find, and say nothing of value or certificate
        checked = xml_signatures.value_only(root, signature)
        return checked, Coverage(broken=_told(gone))
    checked = xml_signatures.check(root, signature, resolve)
    left = [name for name in names if name not in listed and name not in _ODF_OWN]
    return checked, Coverage([name for name in left if name not in _ODF_MENTIONED],
                             [name for name in left if name in _ODF_MENTIONED])


def _unreadable(result: DocumentSignatures, place: str, reason: str) -> None:
    report = SignatureReport(name=place, subfilter="XMLDSig")
    report.reasons.append(finding("VERIFY-090", result.file, place=place, reason=reason))
    result.signatures.append(report)


def _told(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" … (+{len(names) - _SHOWN})" if len(names) > _SHOWN else "")
