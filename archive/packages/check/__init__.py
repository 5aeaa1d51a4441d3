"""Checking any package: of TT 05/2025, TT 02/2019, E-ARK, or a BagIt bag, as folder or ZIP, without an archive.

One question in several parts: is everything there, unchanged, described as the law says, and nothing else. A wrong
package is a report, never an exception.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Literal

from archive.findings import Finding, Level, finding
from archive.packages.check.annex import check_annex, is_annex
from archive.packages.check.bagit import DECLARATION, check_bag
from archive.packages.check.checksums import Counted, Tell, check_files
from archive.packages.check.metadata import check_metadata
from archive.packages.check.mets import VERSIONS, MetsPlace, check_mets
from archive.packages.check.premis import check_premis_file
from archive.packages.check.report import Group, Report
from archive.packages.check.structure import check_structure
from archive.packages.containers import printable
from archive.packages.opening import Opened, UnreadableError, open_package
from archive.packages.parsing import give_back
from archive.packages.reading import ReadPackage, read_package
from archive.packages.references import METS, ROOT_METS, tree_of

__all__ = ["KINDS", "Group", "Judge", "Progress", "Report", "check_opened", "check_package"]

Judge = Callable[[Path], list[Finding]]         # the findings about the signatures of the file at that path
Progress = Callable[[int, int], None]           # bytes done, bytes in all

ANNEXES = {"AIP_hoso": "I", "AIP_tailieu": "II", "SIP_hoso": "III", "SIP_tailieu": "IV", "DIP": "V"}

_SIGNED = (".pdf", ".p7m", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp")     # what can bear signatures inside
_WORST_FIRST = ("not_checked", "checked", "none")

# What a caller may insist on, and the beginning of the kinds that satisfy it.
KINDS = {"sip_hoso": "TT05 SIP_hoso", "sip_tailieu": "TT05 SIP_tailieu", "aip_hoso": "TT05 AIP_hoso",
         "aip_tailieu": "TT05 AIP_tailieu", "dip": "TT05 DIP", "csip": "E-ARK", "bagit": "BagIt", "tt02": "TT02"}
_PRESERVATION = re.compile(r"(representations/[^/]+/)?metadata/preservation/[^/]+\.xml", re.IGNORECASE)
_ANNEX = re.compile("Phụ lục [IV]+(?:(?:–|, )[IV]+)*")
_PROFILE = re.compile(r"E-?ARK-?(CSIP|SIP|AIP|DIP)(?:[^/]*?(\d)[._-](\d)[._-](\d))?", re.IGNORECASE)


def check_package(path: Path, *, judge: Judge | None = None, progress: Progress = lambda *_: None,
                  wanted: str = "") -> Report:
    """Check the package at `path`, a folder or a ZIP.

    `judge` gives the findings about one PDF's signatures; without it they are reported as not checked. `progress` may
    be called from any thread. `wanted` (a key of KINDS) makes another kind an error.
    Raises FileNotFoundError where nothing is, OSError when the place itself cannot be read.
    """
    with open_package(path) as opened:
        report = check_opened(opened, judge=judge, tell=_adding_up(progress, opened.total))
        if wanted and not report.kind.startswith(KINDS[wanted]):
            report.findings.insert(0, finding("PKG-091", printable(path.name), wanted=KINDS[wanted],
                                              kind=report.kind or "—"))
    return report


def _adding_up(progress: Progress, total: int) -> Tell:
    """`progress` for those who only know what they have read just now, several at a time."""
    lock, done = Lock(), 0

    def tell(count: int) -> None:
        nonlocal done
        with lock:
            done += count
            progress(done, total)

    return tell


def check_opened(opened: Opened, *, judge: Judge | None = None, tell: Tell = lambda count: None) -> Report:
    """As `check_package`, for a package that is open already; `tell` is told the bytes read since its last call."""
    report = Report(opened.path, findings=list(opened.findings))
    folders: list[str] = []
    if opened.has(DECLARATION):
        _bag(opened, report, tell)
        folders = _packages_within(opened)
        report.inner = [check_opened(opened.within(folder), judge=judge, tell=tell) for folder in folders]
    elif opened.like(ROOT_METS) or opened.like("metadata/descriptive/EAD.xml"):
        _package(opened, report, tell)
    elif is_annex(opened):
        check_annex(opened, report, tell)
    _signatures(opened, report, judge, tuple(f"{folder}/" for folder in folders))
    return report


def _bag(opened: Opened, report: Report, tell: Tell) -> None:
    counted = Counted()
    version, found = check_bag(opened, counted, tell)
    report.kind = f"BagIt {version}".strip()
    report.findings += found
    report.files, report.bytes = counted.files, counted.bytes


def _packages_within(opened: Opened) -> list[str]:
    """The folders of a bag's payload that are packages themselves: the shallowest with a METS.xml."""
    folders = {name.rpartition("/")[0] for name in opened.names
               if name.startswith("data/") and name.rpartition("/")[2] == ROOT_METS}
    depth = min((folder.count("/") for folder in folders), default=0)
    return sorted(folder for folder in folders if folder.count("/") == depth)


def _package(opened: Opened, report: Report, tell: Tell) -> None:
    found = report.findings
    package = read_package(opened, found)
    if package is None:
        return
    family, kind, version = _kind(package)
    report.kind = f"TT05 {kind}" if family == "TT05" else f"E-ARK {kind} {version}"
    report.objid, report.documents = package.objid, len(package.documents)
    found += check_structure(opened, package)
    for mets in package.mets:       # one tree at a time: that of a large package has a hundred megabytes
        if mets.tag == f"{{{METS}}}mets" and (tree := tree_of(opened, mets, found)) is not None:
            found += check_mets(tree, _place(opened, mets.path, (family, kind), version))
            mets.tree = tree = None
    for name in opened.names:
        if _PRESERVATION.fullmatch(name):
            found += check_premis_file(opened, name, _place(opened, name, (family, kind), version))
    give_back()
    found += check_metadata(package)
    counted = Counted()
    found += check_files(opened, package.mets, counted, tell)
    report.files, report.bytes = counted.files, counted.bytes
    report.findings = [_cited(one, family, kind) for one in found]


def _cited(found: Finding, family: str, kind: str) -> Finding:
    """`found` with the clause that holds for this kind of package, where its rule names those of several."""
    article = found.article
    if not found.code.startswith("PKG-") or "Phụ lục" not in article:
        return found
    parts = [part for part in article.split("; ") if ("TT 05/2025" in part) == (family == "TT05")] or [article]
    named = _ANNEX.sub(f"Phụ lục {ANNEXES[kind]}", "; ".join(parts)) if family == "TT05" else "; ".join(parts)
    return replace(found, params={**found.params, "article": named})


def _kind(package: ReadPackage) -> tuple[str, str, str]:
    """Family, kind and version: the circular's form, else what the METS profile claims, else OAISPACKAGETYPE."""
    if package.form is not None:
        return "TT05", package.form, VERSIONS[0]
    claimed = _PROFILE.search(package.profile.rpartition("/")[2]) or _PROFILE.search(package.profile)
    version = ".".join(claimed.groups()[1:]) if claimed and claimed[2] else VERSIONS[0]
    kind = claimed[1].upper() if claimed else package.type if package.type in ("SIP", "AIP", "DIP") else "CSIP"
    return "E-ARK", kind, version


def _place(opened: Opened, path: str, kind: tuple[str, str], version: str) -> MetsPlace:
    parts = path.split("/")
    inside = parts[0].lower() == "representations" and len(parts) > 2
    level: Literal["root", "representation"] = "representation" if inside else "root"
    prefix = "/".join(parts[:2]) + "/" if inside else ""
    folders = frozenset(name[len(prefix):].partition("/")[0] for name in opened.names
                        if name.startswith(prefix) and "/" in name[len(prefix):])
    return MetsPlace(path, level, kind, version, folders)


def _signatures(opened: Opened, report: Report, judge: Judge | None, inner: tuple[str, ...]) -> None:
    """The signatures of every file that can bear them, with the signature files (.p7s) that lie beside it.

    Each file of a ZIP is copied to a place that lives only as long as it is judged. Those of the packages in the
    folders `inner` were judged with them.
    """
    there = {name.lower() for name in opened.names}
    names = [name for name in opened.names if not name.startswith(inner) and (
        name.lower().endswith(_SIGNED) or f"{name.lower()}.p7s" in there
        or (name.lower().endswith(".p7s") and name.lower()[:-4] not in there))]
    if not names:
        report.signatures = min((one.signatures for one in report.inner), key=_WORST_FIRST.index, default="none")
        return
    if judge is None:
        report.signatures = "not_checked"
        report.findings.append(finding("PKG-090", opened.name, count=len(names)))
        return
    report.signatures = "checked"
    for name in names:
        try:
            found = _judged(opened, name, judge)
        except UnreadableError:
            continue        # said already, when its checksum was to be computed
        report.findings += [replace(one, subject=name) for one in found if one.level > Level.ok]


def _judged(opened: Opened, name: str, judge: Judge) -> list[Finding]:
    if (place := opened.on_disk(name)) is not None:
        return judge(place)
    beside = [one for one in opened.names if one.lower() == f"{name.lower()}.p7s"]
    with tempfile.TemporaryDirectory(prefix="luutru-") as folder:
        copy = Path(folder) / f"document{PurePosixPath(name).suffix.lower()}"
        for one, place in ((name, copy), *((one, copy.with_name(f"{copy.name}.p7s")) for one in beside[:1])):
            with opened.open(one) as source, place.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        return judge(copy)
