"""One door for every file: what kind it is, which signatures lie in it and beside it, and what is never "unsigned"."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pikepdf
import pytest
from cryptography.hazmat.primitives import serialization

from ingest import signatures as sig
from ingest.signatures import cades, files, integrity
from tests.other_signatures import detached, enveloping
from tests.test_signatures import CA, PERSON, PLAIN, RECEIVED, ROOT, SEAL, blank_pdf, certificate, codes, sign


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> sig.TrustLists:
    """One list with root and sub-CA."""
    folder = tmp_path_factory.mktemp("trust") / "cong-vu"
    folder.mkdir()
    for holder in (ROOT, CA):
        (folder / f"{holder.serial}.pem").write_bytes(certificate(holder).public_bytes(serialization.Encoding.PEM))
    return sig.load_trust(folder.parent)


class Folder:
    """Puts files into a folder and judges one of them as the command does."""

    def __init__(self, place: Path, lists: sig.TrustLists) -> None:
        self.place, self.lists = place, lists

    def __call__(self, name: str, **given: bytes) -> sig.DocumentSignatures:
        for one in self.place.iterdir():
            one.unlink()
        for other, data in given.items():
            (self.place / other.replace("__", ".")).write_bytes(data)
        return files.verify_named(self.place / name, self.lists, RECEIVED, name)


@pytest.fixture
def folder(tmp_path: Path, lists: sig.TrustLists) -> Folder:
    return Folder(tmp_path, lists)


def told(result: sig.DocumentSignatures) -> tuple[str, list[str]]:
    return result.verdict, [report.signer for report in result.signatures]


def test_a_signature_beside_a_file_is_the_files_and_is_judged_over_it_when_it_is_named_itself(folder: Folder) -> None:
    p7s = detached(PLAIN)
    for name in ("a.pdf", "a.pdf.p7s"):
        assert told(folder(name, a__pdf=PLAIN, a__pdf__p7s=p7s)) == ("valid_with_notes", [PERSON.cn]), name
    assert told(folder("a.pdf", a__pdf=PLAIN, a__P7S=p7s)) == ("valid_with_notes", [PERSON.cn])
    assert told(folder("a.pdf", a__pdf=PLAIN, b__pdf__p7s=p7s)) == ("unsigned", [])
    result = folder("a.pdf", a__pdf=PLAIN, a__pdf__p7s=p7s)
    assert "VERIFY-005" not in {one.code for one in result.reasons} and result.finders["bytes"] == 1


def test_of_two_files_that_a_signature_could_belong_to_none_is_chosen(folder: Folder) -> None:
    result = folder("a.pdf", a__pdf=PLAIN, a__txt=b"x", a__p7s=detached(PLAIN))
    assert told(result) == ("unsigned", [])
    result = folder("a.p7s", a__pdf=PLAIN, a__txt=b"x", a__p7s=detached(PLAIN))
    assert result.verdict == "undetermined" and "VERIFY-093" in codes(result)


def test_signatures_inside_and_beside_are_counted_together_and_the_worst_decides(folder: Folder) -> None:
    signed = sign(PLAIN, SEAL)
    assert told(folder("a.pdf", a__pdf=signed, a__pdf__p7s=detached(signed))) == (
        "valid_with_notes", [SEAL.cn, PERSON.cn])
    other = folder("a.pdf", a__pdf=signed, a__pdf__p7s=detached(PLAIN))
    assert other.verdict == "invalid" and len(other.signatures) == 2
    changed = signed.replace(b"185.400.000", b"485.400.000")
    assert folder("a.pdf", a__pdf=changed, a__pdf__p7s=detached(changed)).verdict == "invalid"
    garbage = folder("a.pdf", a__pdf=signed, a__pdf__p7s=b"nothing of the kind")
    assert garbage.verdict == "undetermined"


def test_a_good_signature_beside_a_pdf_that_cannot_be_read_does_not_make_it_pass(folder: Folder) -> None:
    locked = blank_pdf(encryption=pikepdf.Encryption(owner="o", user="u"))
    for pdf, code in ((locked, "VERIFY-007"), (PLAIN[:-200], "VERIFY-006")):
        result = folder("a.pdf", a__pdf=pdf, a__pdf__p7s=detached(pdf))
        assert result.verdict == "undetermined" and code in codes(result) and not result.checked


def test_a_file_for_which_memory_did_not_suffice_is_not_called_damaged(
        folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries tell every exception as damage; this one says nothing of the file."""
    def starves(*_given: object) -> None:
        raise MemoryError

    monkeypatch.setattr(integrity, "signed_value", starves)
    with pytest.raises(MemoryError):
        folder("a.pdf", a__pdf=sign(PLAIN))
    monkeypatch.setattr(cades, "_integrity", starves)
    with pytest.raises(MemoryError):
        folder("a.pdf", a__pdf=PLAIN, a__pdf__p7s=detached(PLAIN))
    assert folder("a.pdf", a__pdf=PLAIN).verdict == "unsigned"


def test_the_content_tells_the_kind_and_never_the_name(folder: Folder) -> None:
    assert told(folder("a.pdf", a__pdf=enveloping(PLAIN))) == ("valid_with_notes", [PERSON.cn])
    assert told(folder("a.p7s", a__p7s=sign(PLAIN))) == ("valid_with_notes", [PERSON.cn])
    assert told(folder("a.jpg", a__jpg=sign(PLAIN))) == ("valid_with_notes", [PERSON.cn])


def test_a_container_without_signature_is_unsigned_and_what_carries_none_is_not_checked(folder: Folder) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("word/document.xml", "<x/>")
    assert told(folder("a.docx", a__docx=out.getvalue())) == ("unsigned", [])
    assert folder("a.txt", a__txt=b"text").verdict == "not_checked"
    assert folder("a.txt", a__txt=b"").verdict == "not_checked"
    assert told(folder("a.txt", a__txt=b"text", a__txt__p7s=detached(b"text"))) == ("valid_with_notes", [PERSON.cn])
