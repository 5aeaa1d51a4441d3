"""Any file that may bear signatures: which check it needs, and what each report says of how it was judged.

The night and `luutru signature verify` both come through here, so that they give the same report. Must never let a
file pass that could not be looked into.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from archive import clock, layout
from archive.findings import finding
from archive.settings import Settings
from archive.store import Store
from ingest import cmslook, formats
from ingest.beside import SUFFIX, is_signature, signed_by
from ingest.signatures.document import verify_pdf
from ingest.signatures.kinds import verify_other
from ingest.signatures.report import FIELDS, DocumentSignatures, when, word
from ingest.signatures.trust import TrustLists

# Kinds without a signature that were looked through: "unsigned". Containers are ZIP files, office files among them.
_LOOKED_THROUGH = frozenset({"xml", "edxml", "svg", "doc", "xls", "ppt"})
_HEAD = 1024        # bytes in which a PDF's mark must lie


def verify_named(path: Path, trust: TrustLists, received_at: datetime, name: str) -> DocumentSignatures:
    """The report on the file that a person named: always one, whatever there is or is not at `path`.

    Raises nothing for what is found there; what cannot be read is "not checked" with the reason.
    """
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            what = "folder" if stat.S_ISDIR(kind) else "device"
            return not_checked(name, trust, received_at, "VERIFY-081", kind=word("no_file", what),
                               kind_en=word("no_file", what, "en"))
        return _with_neighbours(path, trust, received_at, name)
    except FileNotFoundError:
        return not_checked(name, trust, received_at, "VERIFY-080")
    except (OSError, ValueError) as error:      # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        return not_checked(name, trust, received_at, "VERIFY-082", reason=reason)


def verify_file(path: Path, trust: TrustLists, received_at: datetime, name: str,
                beside: Sequence[Path] = (), names: Sequence[str] = ()) -> DocumentSignatures | None:
    """Find and judge the signatures of the file at `path`, in it and in the signature files `beside` it.

    `names` are what people call those; their file names otherwise.
    None for a file of a kind that carries none and has none beside it. Raises OSError when a file cannot be opened,
    MemoryError when there was not enough memory: then the file is not damaged, and is not judged either.
    """
    result = _inside(path, trust, received_at, name)
    for signature, field in zip_longest(beside, names, fillvalue=""):
        from ingest.signatures.cades import verify_cms

        result = _joined(result, verify_cms(path, Path(signature), trust, received_at, name, str(field)))
    if result is not None and _starved(result):
        raise MemoryError(name)
    return None if result is None else _with_grounds(result, trust)


def _inside(path: Path, trust: TrustLists, received_at: datetime, name: str) -> DocumentSignatures | None:
    """The report on what lies in the file itself; the content says what kind it is, never the name."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head.lstrip().startswith(b"%PDF-") and cmslook.kind(head):
        from ingest.signatures.cades import verify_cms

        return verify_cms(path, None, trust, received_at, name)
    if b"%PDF-" in head:
        return verify_pdf(path, trust, received_at, name)
    return verify_other(path, trust, received_at, name)


def _with_neighbours(path: Path, trust: TrustLists, received_at: datetime, name: str) -> DocumentSignatures:
    """The report on a file in a folder of people, where signature files lie beside what they sign."""
    if is_signature(path.name):
        # A detached signature that a person names is judged over its file.
        signed = [one for one in signed_by(path.name, _names(path.parent)) if (path.parent / one).is_file()]
        with path.open("rb") as stream:
            detached = cmslook.kind(stream.read(_HEAD)) == "p7s"
        if len(signed) == 1 and detached:
            from ingest.signatures.cades import verify_cms

            return _with_grounds(verify_cms(path.parent / signed[0], path, trust, received_at, name), trust)
    told = verify_file(path, trust, received_at, name, _signatures_of(path))
    if told is not None:
        return told
    if zipfile.is_zipfile(path) or formats.identify(path).format.id in _LOOKED_THROUGH:
        return DocumentSignatures(file=name, received_at=received_at, trust_version=trust.version,
                                  trust_lists=trust.names, reasons=[finding("VERIFY-005", name)])
    return not_checked(name, trust, received_at, "VERIFY-008")


def _signatures_of(path: Path) -> list[Path]:
    """The signature files in the folder of `path` that can only belong to it."""
    wanted = {f"{stem}{end}" for stem in (path.name, path.stem) for end in (SUFFIX, SUFFIX.upper())}
    if not any((path.parent / one).is_file() for one in wanted):
        return []       # the folder may hold thousands of files: it is read only where there is something to find
    names = _names(path.parent)
    return [path.parent / one for one in names if is_signature(one)
            and signed_by(one, names) == [path.name] and (path.parent / one).is_file()]


def _names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def _joined(inside: DocumentSignatures | None, outside: DocumentSignatures) -> DocumentSignatures:
    """One report on a file: the signatures in it and those beside it."""
    if inside is None:
        return outside
    inside.signatures += outside.signatures
    # "No signature" is no longer true; what could not be read inside stays a reason.
    inside.reasons = [one for one in inside.reasons if one.code != "VERIFY-005"] + outside.reasons
    inside.checked = inside.checked and outside.checked
    for finder, count in outside.finders.items():
        inside.finders[finder] += count
    return inside


def _starved(result: DocumentSignatures) -> bool:
    """Whether a part of the check ran out of memory, which libraries and ours tell like any other damage."""
    reasons = (*result.reasons, *(one for report in result.signatures for one in report.reasons))
    return any(value.startswith(MemoryError.__name__) for one in reasons for key, value in one.params.items()
               if key in ("reason", "what"))


def _with_grounds(result: DocumentSignatures, trust: TrustLists) -> DocumentSignatures:
    """`result` with what stands in every report: by which lists it was judged, what a signature does not say."""
    if result.signatures and trust.names:
        result.reasons.append(finding("VERIFY-037", result.file, **_lists(trust)))
    for report in result.signatures:
        lacks = [field for field, value in report.fields().items() if value == "—"]
        if report.certificate is not None and lacks:
            shown = {language: ", ".join(word("field", one, language) for one in FIELDS if one in lacks)
                     for language in ("vi", "en")}
            report.reasons.append(finding("VERIFY-045", result.file, signer=report.signer, missing=shown["vi"],
                                          missing_en=shown["en"]))
    return result


def not_checked(name: str, trust: TrustLists, received_at: datetime, code: str, **params: Any) -> DocumentSignatures:
    """The report on a file that was not looked into, for the reason `code`."""
    return DocumentSignatures(file=name, checked=False, received_at=received_at, trust_version=trust.version,
                              trust_lists=trust.names, reasons=[finding(code, name, **params)])


def kept_revocations(settings: Settings) -> frozenset[str]:
    """The SHA-256 of all that the store's object of trust holds, revocation lists among them; empty without archive."""
    from ingest.signatures.register import OBJECT

    place = layout.store_folder(settings)
    if not (place / "ocfl").is_dir():
        return frozenset()
    inventory = Store(place / "ocfl", place / "staging").folder(OBJECT) / "inventory.json"
    return _kept(place, OBJECT, inventory.stat().st_mtime_ns) if inventory.exists() else frozenset()


@lru_cache(maxsize=4)
def _kept(place: Path, name: str, _changed: int) -> frozenset[str]:
    return frozenset(one.sha256 for one in Store(place / "ocfl", place / "staging").files(name).values())


def _lists(trust: TrustLists) -> Mapping[str, Any]:
    """Version, names, and who changed the lists last and when, where the register tells."""
    told: dict[str, Any] = {"version": trust.version, "lists": ", ".join(trust.names)}
    for language, end in (("vi", ""), ("en", "_en")):
        told[f"date{end}"] = (when(clock.parse(trust.changed_at)) if trust.changed_at
                              else word("trust_change", "date", language))
        told[f"person{end}"] = trust.changed_by or word("trust_change", "person", language)
    return told
