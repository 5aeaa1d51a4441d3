"""Whether the bytes are those that were signed: digest, signature value, coverage, later changes, stray bytes.

Knows nothing of trust or time. Must never call a file unchanged because a parser did not look at some of
its bytes: whatever lies after the signed part has to be explained.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from asn1crypto import core, parser
from cryptography.hazmat.primitives import hashes
from pyhanko.pdf_utils import generic
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    ModificationLevel,
    StandardDiffPolicy,
    SuspiciousModification,
)
from pyhanko.sign.diff_analysis.form_rules_api import FormUpdatingRule
from pyhanko.sign.diff_analysis.rules.form_field_rules import SigFieldCreationRule, SigFieldModificationRule
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator.util import get_pyca_cryptography_hash

from ingest.signatures import later
from ingest.signatures.finders import View, said
from ingest.signatures.report import LaterChanges

_OBJECT = re.compile(rb"(?<![0-9])([0-9]{1,10})[\s\0]+([0-9]{1,5})[\s\0]+obj\b")
_HEX = re.compile(rb"<[0-9A-Fa-f\s]*>")
_WHITE = b" \t\r\n\f\0"
_PIECE = 1 << 20                # bytes that are hashed at once


@dataclass(frozen=True, slots=True)
class Changes:
    """What came after one signature."""

    kind: LaterChanges
    detail: str = ""


@lru_cache(maxsize=1)
def archive_diff_policy() -> StandardDiffPolicy:
    """What may follow a signature in an archive: further signatures and evidence, never the filling of a form.

    New visible signature fields are allowed after a certification with P=2: that is how a Vietnamese agency's clerk
    adds the seal after the leader's certification.
    """
    return StandardDiffPolicy(
        global_rules=DEFAULT_DIFF_POLICY.global_rules,
        form_rule=FormUpdatingRule(field_rules=[
            SigFieldCreationRule(allow_new_visible_after_certify=True),  # type: ignore[no-untyped-call]
            SigFieldModificationRule()]))


def digest_of(algorithm: str, data: bytes) -> bytes:
    """The digest of `data`. Raises AttributeError for an algorithm that is not known."""
    digest = hashes.Hash(get_pyca_cryptography_hash(algorithm))
    digest.update(data)
    return digest.finalize()


def range_digest(view: View, byte_range: Sequence[int], algorithm: str) -> bytes:
    """The digest of the byte range in `view`: offset, length, offset, length … Raises ValueError for no such range."""
    if len(byte_range) % 2 or any(number < 0 for number in byte_range):
        raise ValueError(f"a byte range that cannot be: {list(byte_range)}")
    digest = hashes.Hash(get_pyca_cryptography_hash(algorithm))
    for start, length in zip(byte_range[::2], byte_range[1::2], strict=True):
        end = min(start + length, len(view))
        for at in range(start, end, _PIECE):
            digest.update(view[at:min(at + _PIECE, end)])
    return digest.finalize()


def signed_value(signature: EmbeddedPdfSignature) -> tuple[bool, bool]:
    """(digest of the signed bytes is the signed one, signature value fits the enclosed certificate).

    Raises what the libraries raise for a signature that cannot be read.
    """
    content = signature.signed_data["encap_content_info"]["content"]
    if str(signature.sig_object.get("/SubFilter", "")) == "/adbe.pkcs7.sha1":
        # ISO 32000-1, table 257: the SHA-1 of the byte range lies inside the CMS, which signs that.
        enclosed = content.native
        same = enclosed == signature.compute_digest("sha1")
        intact, matched = validate_sig_integrity(signature.signer_info, signature.signer_cert, "data",
                                                 digest_of(signature.md_algorithm, enclosed))
        return same and intact, matched
    if not isinstance(content, core.Void):
        raise ValueError("a detached signature must not enclose content")
    intact, matched = validate_sig_integrity(signature.signer_info, signature.signer_cert, "data",
                                             signature.compute_digest())
    return intact, matched


def gap_is_its_own(signature: EmbeddedPdfSignature, view: View) -> bool:
    """Whether the bytes that the signature leaves out are its own /Contents and nothing else.

    Otherwise something can be hidden in the gap (the published signature wrapping attacks).
    """
    numbers = [int(number) for number in signature.byte_range]
    if len(numbers) != 4 or numbers[0] != 0:
        return False
    _, before, after, length = numbers
    if not 0 < before < after or after + length > len(view):
        return False
    gap = view[before:after]
    if not _HEX.fullmatch(gap):
        return False
    digits = bytes(gap[1:-1]).translate(None, _WHITE)
    value = bytes(signature.pkcs7_content)
    if bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()) != value:
        return False
    try:
        used = parser.peek(value)
    except ValueError:          # no CMS at all; who reads it says so
        return True
    return not value[used:].strip(b"\0")     # room that the signer reserved is filled with zeros


def signed_end(signature: EmbeddedPdfSignature) -> int:
    """Where the signed part of the file ends, in bytes."""
    numbers = [int(number) for number in signature.byte_range]
    return numbers[2] + numbers[3]


def changes_after(signature: EmbeddedPdfSignature, view: View) -> tuple[Changes, bool]:
    """What came after `signature`, and whether it covers the whole file. Raises what pyHanko raises."""
    coverage = signature.evaluate_signature_coverage()
    if coverage == SignatureCoverageLevel.ENTIRE_FILE:
        return Changes("none"), True
    if coverage != SignatureCoverageLevel.ENTIRE_REVISION:
        return Changes("content", "the signature does not cover its whole revision"), False
    signature.coverage = coverage  # type: ignore[assignment]  # pyHanko sets it so itself, in compute_integrity_info
    result = signature.evaluate_modifications(archive_diff_policy())
    if isinstance(result, SuspiciousModification):
        return Changes("content", said(result).removeprefix("SuspiciousModification: ")), False
    allowed = signature.docmdp_level
    level = result.modification_level
    if level == ModificationLevel.OTHER or (allowed is not None and level.value > allowed.value):
        return Changes("content", f"DocMDP P={allowed.value if allowed else '?'}"), False
    tail = bytes(view[signed_end(signature):len(view)]) if level == ModificationLevel.NONE else b""
    if tail.strip(_WHITE):
        return Changes("content", f"{len(tail.strip(_WHITE))} bytes after the end"), False
    if level != ModificationLevel.NONE:
        if hidden := later.hidden_change(signature.reader, signature.signed_revision, signed_end(signature)):
            return Changes("content", hidden), False
        if level == ModificationLevel.LTA_UPDATES and later.shows_unsigned_field(
                signature.reader, signature.signed_revision):
            level = ModificationLevel.FORM_FILLING
    kinds: Mapping[ModificationLevel, LaterChanges] = {ModificationLevel.NONE: "none",
                                                       ModificationLevel.LTA_UPDATES: "evidence",
                                                       ModificationLevel.FORM_FILLING: "signatures"}
    return Changes(kinds.get(level, "content")), level == ModificationLevel.NONE


def stray_bytes(reader: Any, view: View, start: int) -> str:
    """Bytes after `start` that the cross-reference does not explain: "" for none, else what they are.

    A reader that finds the cross-reference wanting rebuilds it from such objects, and shows what nobody signed.
    """
    end = view.rfind(b"%%EOF", 0, len(view))
    tail = bytes(view[end + 5:len(view)]).strip(_WHITE) if end >= 0 else b""
    if tail:
        return f"{len(tail)} bytes"
    known = _known_places(reader)
    part = bytes(view[start:len(view)])
    for match in _OBJECT.finditer(part):
        place = start + match.start()
        # A cross-reference may point to white space before the number.
        if not any(place - back in known and not part[max(0, match.start() - back):match.start()].strip(_WHITE)
                   for back in range(4)):
            return f"object {match.group(1).decode()} {match.group(2).decode()}"
    return ""


def inside_a_stream(reader: Any, view: View, offset: int) -> bool:
    """Whether `offset` lies in the data of a stream that the cross-reference lists, such as an enclosed file's.

    Raises what pyHanko raises for a stream that cannot be read.
    """
    places = _known_places(reader)
    before = max((place for place in places if place <= offset), default=-1)
    number = places.get(before)
    if number is None:
        return False
    thing = reader.get_object(generic.Reference(*number, pdf=reader), never_decrypt=True)
    if not isinstance(thing, generic.StreamObject):
        return False
    start = view.find(b"stream", before)
    return 0 <= start < offset < start + len(b"stream\r\n") + len(thing.encoded_data)


def _known_places(reader: Any) -> dict[int, tuple[int, int] | None]:
    """Where the cross-references of all revisions say that something starts: an object, or (None) they themselves."""
    known: dict[int, tuple[int, int] | None] = {}
    for revision in range(reader.xrefs.total_revisions):
        known[reader.xrefs.get_xref_container_info(revision).start_location] = None
        known.update((offset, (number, generation)) for number, generation, offset in later.listed(reader, revision))
        hybrid = reader.xrefs.get_xref_data(revision).hybrid
        if hybrid is not None:
            known[hybrid.meta_info.start_location] = None
    return known
