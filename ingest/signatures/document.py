"""All signatures of one PDF: looks with three finders, judges each signature on its own, and adds it up.

Must never raise for what a file holds, and must never say "unsigned" while any finder sees a signature.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.findings import Level, finding
from ingest.signatures import finders
from ingest.signatures.policy import policy
from ingest.signatures.report import DocumentSignatures, SignatureReport
from ingest.signatures.trust import TrustLists

if TYPE_CHECKING:
    from ingest.signatures.chains import Enclosed
    from ingest.signatures.standing import Case

_ALL = 1000                     # more signatures than any document has
_PASSWORD = "password"          # noqa: S105  (a reason, not a secret)


def verify_pdf(path: Path, trust: TrustLists, received_at: datetime, name: str = "") -> DocumentSignatures:
    """Find and judge every signature in the PDF at `path`.

    `received_at` (aware) is when the file came to us: a proof that its signatures existed by then. `name` is what
    people call the file; its file name otherwise. Reads the file only. Raises OSError when it cannot be opened
    at all; anything wrong inside it is in the result.
    """
    result = DocumentSignatures(file=name or path.name, received_at=received_at, trust_version=trust.version,
                                trust_lists=trust.names)
    if path.stat().st_size == 0:
        return _not_checked(result)
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        if view.find(b"%PDF-", 0, 1024) < 0:
            return _not_checked(result)
        if not finders.may_be_signed(view, path):
            result.reasons.append(finding("VERIFY-005", result.file))
            return result
        _verify(path, stream, view, trust, result)
    return result


def _verify(path: Path, stream: Any, view: mmap.mmap, trust: TrustLists, result: DocumentSignatures) -> None:
    in_bytes = finders.in_bytes(view)
    ranges = {found.numbers or (found.offset,): found for found in in_bytes}
    if finders.holds(view, b"/ObjStm"):
        for numbers in finders.hidden(path, _ALL) or []:
            ranges.setdefault(numbers or (0,), finders.FoundBytes(0, numbers))
    result.finders["bytes"] = len(ranges)
    reader, trouble = _open(stream)
    if reader is None:
        result.checked = False
    else:
        try:
            asyncio.run(_judge_all(reader, view, trust, result))
        except Exception as error:  # what no part expected: never a crash, never a pass
            result.checked, trouble = False, finders.said(error)
            result.reasons.append(finding("VERIFY-006", result.file, reason=trouble))
    known = {report.byte_range for report in result.signatures}
    for numbers, found in ranges.items():
        if numbers in known:
            continue
        if reader is not None and _enclosed(reader, view, found.offset):
            result.finders["bytes"] -= 1
        else:
            result.signatures.append(_left_over(found, result.file, trouble))
    result.signatures.sort(key=lambda report: (report.revision, report.byte_range))
    _sum_up(reader, trust, result, trouble)


def _open(stream: Any) -> tuple[Any, str]:
    """pyHanko's reader of the file, or why there is none."""
    # Half a second to import: not for unsigned files.
    from pyhanko.pdf_utils.reader import PdfFileReader

    import ingest.signatures.judge  # noqa: F401  (sets up the library before it reads anything)

    try:
        reader = PdfFileReader(stream, strict=False)
        if reader.encrypted:
            answer = reader.decrypt(b"")
            if getattr(answer.status, "name", "") == "FAILED":
                return None, _PASSWORD
        _ = reader.root["/Pages"]
    except Exception as error:  # pyHanko raises of every kind on damaged files: "not checked", with the reason
        return None, finders.said(error)
    return reader, ""


async def _judge_all(reader: Any, view: mmap.mmap, trust: TrustLists, result: DocumentSignatures) -> None:
    from ingest.signatures import judge
    from ingest.signatures.standing import Case

    fields, troubles = finders.in_structure(reader)
    result.finders["form"] = sum("form" in field.finders for field in fields)
    result.finders["pages"] = sum("pages" in field.finders for field in fields)
    assert result.received_at is not None
    largest = max(map(finders.picture_share, fields), default=0.0)
    case = Case(result.file, reader, view, trust, _security_store(reader, troubles), result.received_at)
    stamps = [await judge.judge(case, field, ()) for field in fields if judge.is_timestamp(field)]
    proofs = [(stamp.revision, stamp.time) for stamp in stamps
              if stamp.time is not None and stamp.integrity == "intact" and stamp.token is not None
              and stamp.token.state == "valid" and stamp.changes != "content"]
    result.signatures += stamps
    result.signatures += [await judge.judge(case, field, proofs) for field in fields if not judge.is_timestamp(field)]
    _what_followed(case, result)
    if len(fields) > 1 and largest > policy().largest_picture:
        result.reasons.append(finding("VERIFY-071", result.file, share=f"{largest:.0%}"))
    if troubles:
        result.reasons.append(finding("VERIFY-065", result.file, reason="; ".join(troubles[:3])))


def _what_followed(case: Case, result: DocumentSignatures) -> None:
    """Compare the signatures with one another: what the form gained must be signatures, and all bytes explained."""
    from ingest.signatures.integrity import stray_bytes

    held = [report for report in result.signatures if report.kind in ("signature", "certification")
            and report.integrity == "intact"]
    last = max((report.revision for report in held), default=0)
    for report in held:
        if report.changes == "signatures":
            later = sum(other.revision > report.revision for other in held)
            if report.revision < last:
                report.reasons.append(finding("VERIFY-014", result.file, signer=report.signer, n=later))
            else:       # the form grew, but nobody signed what it gained
                report.changes = "content"
                report.reasons.append(finding("VERIFY-016", result.file, signer=report.signer))
    _what_it_is_called(case, held, result)
    ends = [report.byte_range[2] + report.byte_range[3] for report in held if len(report.byte_range) == 4]
    if ends:
        try:
            stray = stray_bytes(case.reader, case.view, min(ends))
        except Exception as error:  # an odd cross-reference: then nothing is explained
            stray = finders.said(error)
        if stray:
            result.reasons.append(finding("VERIFY-035", result.file, what=stray))
        if min(ends) < len(case.view):
            _look_at_pages(case.view, ends, result)


def _what_it_is_called(case: Case, held: list[SignatureReport], result: DocumentSignatures) -> None:
    """Title, author and the like may change when the next signer signs them; otherwise nobody stands for them."""
    from ingest.signatures.later import description_change

    changed = [report for report in held if report.changes in ("signatures", "evidence")]
    for report in sorted(changed, key=lambda one: -one.revision):
        try:
            what = description_change(case.reader, report.revision)
        except Exception as error:  # of every kind; a description that cannot be read is none that was signed
            what = finders.said(error)
        if what:
            nobody = report.revision == max(one.revision for one in held)
            result.reasons.append(finding("VERIFY-075", result.file, what=what,
                                          level=Level.warning if nobody else Level.note))
            return


def _look_at_pages(view: Any, ends: list[int], result: DocumentSignatures) -> None:
    """Compare the pages as people see them, revision by revision; white space after the end draws nothing new."""
    from ingest.signatures.pictures import compare

    ends = [end for end in ends if bytes(view[end:end + 4096]).strip(b" \t\r\n\f\0")]
    if not ends:
        return
    seen = compare(view, ends, policy().most_pictures)
    if seen.different:
        result.reasons.append(finding("VERIFY-072", result.file, pages=_numbers(seen.different)))
    if seen.covered:
        result.reasons.append(finding("VERIFY-073", result.file, pages=_numbers(seen.covered)))
    if seen.missing:
        result.reasons.append(finding("VERIFY-074", result.file, what=seen.missing))


def _numbers(pages: list[int]) -> str:
    return ", ".join(map(str, pages[:20])) + (", …" if len(pages) > 20 else "")


def _security_store(reader: Any, troubles: list[str]) -> Enclosed:
    """Certificates, CRLs and OCSP answers of the document security store (PAdES); what is damaged there is left out."""
    from asn1crypto import crl, ocsp, x509

    from ingest.signatures.chains import Enclosed

    try:
        store = reader.root["/DSS"]
    except (KeyError, TypeError, ValueError):
        return Enclosed()
    return Enclosed(tuple(_streams(store, "/Certs", x509.Certificate.load, troubles)),
                    tuple(_streams(store, "/CRLs", crl.CertificateList.load, troubles)),
                    tuple(_streams(store, "/OCSPs", ocsp.OCSPResponse.load, troubles)))


def _streams(store: Any, name: str, load: Any, troubles: list[str]) -> Iterable[Any]:
    entries = finders.entry(store, name, []) if hasattr(store, "get") else []
    for position in range(len(entries)):
        try:
            thing = load(entries[position].data)
            _ = thing.native        # damage shows only when it is parsed
        except Exception as error:  # of every kind; less evidence never makes a verdict better
            troubles.append(f"{name}: {finders.said(error)}")
            continue
        yield thing


def _enclosed(reader: Any, view: mmap.mmap, offset: int) -> bool:
    """Whether what the bytes show there belongs to a file that is enclosed in this one."""
    from ingest.signatures.integrity import inside_a_stream

    try:
        return offset > 0 and inside_a_stream(reader, view, offset)
    except Exception:           # of every kind; then it is reported as what is left of a signature
        return False


def _left_over(found: finders.FoundBytes, file: str, trouble: str) -> SignatureReport:
    """The report on a signature that only the bytes show: its file was saved again, or cannot be read."""
    report = SignatureReport(name=f"@{found.offset}", kind="remnant", integrity="remnant", byte_range=found.numbers)
    if trouble:
        report.kind, report.integrity = "signature", "unreadable"
        report.reasons.append(finding("VERIFY-062", file, signer=report.name, reason=trouble))
    else:
        report.reasons.append(finding("VERIFY-060", file, signer=report.name))
    return report


def _sum_up(reader: Any, trust: TrustLists, result: DocumentSignatures, trouble: str) -> None:
    if reader is None:
        result.reasons.append(finding("VERIFY-007", result.file) if trouble == _PASSWORD
                              else finding("VERIFY-006", result.file, reason=trouble))
    elif not result.signatures:
        result.reasons.append(finding("VERIFY-005", result.file))
    if trust.problems and any(report.identity == "unknown" for report in result.signatures):
        result.reasons.append(finding("VERIFY-066", result.file, files="; ".join(trust.problems)))


def _not_checked(result: DocumentSignatures) -> DocumentSignatures:
    result.checked = False
    result.reasons.append(finding("VERIFY-008", result.file))
    return result
