"""What sealing promises: nothing is signed that may not be, the source stays, the seal verifies and is seen."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pikepdf
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fontTools.ttLib import scaleUpem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.findings import Finding, Level, rules
from archive.settings_file import as_toml
from ingest import signatures as sig
from ingest.commands.seal import command
from ingest.signatures import sealing, sealing_archival, sealing_keys, sealing_look, sealing_place, sealing_timestamps
from ingest.signatures.report import DocumentSignatures, SignatureReport
from ingest.signatures.sealing import Sealed, open_sealer
from samples.making import pki, signing
from tests import sealing_material as made
from tests.authority import served, years
from tests.conftest import NIGHT, ROOT

SHOWN = "2026-11-20T22:30:00+07:00"


@pytest.fixture(autouse=True)
def now(stopped_clock: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still; the PIN lies where the settings say."""
    monkeypatch.setenv("LUUTRU_SEAL_PIN", made.PIN)


@pytest.fixture
def house(tmp_path: Path) -> made.House:
    return made.house(tmp_path / "kho")


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An access copy, PDF/A-2b, of an empty sheet."""
    return made.archival(tmp_path_factory.mktemp("scan") / "quet.pdf")


def seal(settings: Any, source: Path, folder: Path, name: str = "") -> Sealed:
    with open_sealer(settings) as sealer:
        assert sealer.ready, codes(sealer.findings)
        return sealer.seal(source, folder / (name or f"ky-{source.name}"))


def codes(found: list[Finding]) -> list[str]:
    return [one.code for one in found]


def verified(path: Path, settings: Any) -> DocumentSignatures:
    return sig.verify_pdf(path, sig.load_trust(settings.path(settings.signatures.trust)), NIGHT)


def rectangle(path: Path, field: str = "LuuTruSeal1") -> list[float]:
    with pikepdf.open(path) as pdf:
        (note,) = [one for one in pdf.pages[0].Annots if str(one.get("/T", "")) == field]
        return [float(value) for value in note.Rect]


# --- the sealed copy ------------------------------------------------------------------------------------------


def test_a_sealed_copy_holds_the_source_untouched_and_its_seal_verifies(house: made.House, scan: Path,
                                                                        tmp_path: Path) -> None:
    before = scan.read_bytes()
    done = seal(house.settings(), scan, tmp_path)
    assert done.target is not None and done.level == "B-B" and codes(done.findings) == []
    data = done.target.read_bytes()
    assert scan.read_bytes() == before
    assert data.startswith(before) and len(data) == done.size
    assert hashlib.sha256(data).hexdigest() == done.sha256
    (report,) = verified(done.target, house.settings()).signatures
    assert (report.integrity, report.identity, report.changes) == ("intact", "trusted", "none")
    assert report.subfilter == "ETSI.CAdES.detached" and report.covers_whole_file
    assert report.certificate is not None and report.certificate.name == made.AGENCY
    assert list(tmp_path.glob(".*")) == []


def test_poppler_agrees_that_the_seal_is_valid(house: made.House, scan: Path, tmp_path: Path) -> None:
    done = seal(house.settings(), scan, tmp_path)
    said = subprocess.run(["pdfsig", "-nocert", str(done.target)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" in said and "Total document signed" in said


def test_the_visible_text_is_name_and_time_with_vietnamese_letters(house: made.House, scan: Path,
                                                                   tmp_path: Path) -> None:
    done = seal(house.settings(), scan, tmp_path)
    assert done.target is not None and done.time == NIGHT
    assert made.shown_text(done.target) == f"{made.AGENCY}\n{SHOWN}"
    with pikepdf.open(done.target) as pdf:
        (note,) = pdf.pages[0].Annots
        assert str(note.V.M) == "D:20261120223000+07'00'"        # what is shown is what is stated
        content = note.AP.N.read_bytes()
        font = note.AP.N.Resources.Font.F1
        assert "LiberationSerif" in str(font.BaseFont) and "/FontFile2" in font.DescendantFonts[0].FontDescriptor
    assert b"0 g BT /F1 10 Tf" in content                        # black, 10 points


def test_the_law_decides_what_is_shown(house: made.House, scan: Path, tmp_path: Path) -> None:
    for profile, lines in (("tt05_2025", [made.AGENCY, SHOWN]), ("nd30_2020", ["Sao y", made.AGENCY, SHOWN])):
        done = seal(house.settings(profile=profile), scan, tmp_path, f"{profile}.pdf")
        assert done.target is not None and made.shown_text(done.target).split("\n") == lines
        assert not has_picture(done.target)
    chosen = seal(house.settings(profile="tt05_2025", layout="nd30_2020", copy_form=""), scan, tmp_path, "chosen.pdf")
    assert chosen.layout == "nd30_2020" and chosen.text == [made.AGENCY, SHOWN]


def has_picture(path: Path) -> bool:
    with pikepdf.open(path) as pdf:
        return "/XObject" in pdf.pages[0].Annots[0].AP.N.Resources


def test_every_profile_has_a_layout_with_its_article() -> None:
    for name in ("tt05_2025", "tt02_2019", "nd30_2020"):
        how = sealing_look.layout(name)
        assert how.article and how.lines[-1] == "{time}" and how.picture == (name == "tt02_2019")


def test_under_circular_02_the_red_seal_is_shown_in_real_size(house: made.House, scan: Path, tmp_path: Path) -> None:
    made.red_seal(house.root / "dau.png")
    done = seal(house.settings(profile="tt02_2019", picture="dau.png"), scan, tmp_path)
    assert done.target is not None
    with pikepdf.open(done.target) as pdf:
        content = pdf.pages[0].Annots[0].AP.N.read_bytes()
    width, height = re.findall(rb"q ([\d.]+) 0 0 ([\d.]+) [\d.]+ 0 cm /Seal Do", content)[0]
    assert float(width) == pytest.approx(36 / 25.4 * 72, abs=0.3) and float(height) == pytest.approx(float(width))
    pixels = np.asarray(made.drawn(done.target)).astype(int)
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 80) & (pixels[..., 2] < 80)
    red[:, red.sum(axis=0) < 6] = False         # the coloured edges of letters
    rows, columns = np.nonzero(red)
    assert columns.min() > pixels.shape[1] / 2 and rows.max() < pixels.shape[0] / 4
    assert (columns.max() - columns.min()) / 2 == pytest.approx(36 / 25.4 * 72, abs=3)


@pytest.mark.parametrize(("dpi", "form"), [(None, "PNG"), (300, "JPEG")])
def test_a_seal_picture_without_a_real_size_is_named(house: made.House, dpi: int | None, form: str) -> None:
    made.red_seal(house.root / "dau.png", dpi, form)
    for picture in ("dau.png", "khong-co.png", ""):
        with open_sealer(house.settings(profile="tt02_2019", picture=picture)) as sealer:
            assert not sealer.ready and "SEAL-026" in codes(sealer.findings)


# --- PDF/A ----------------------------------------------------------------------------------------------------


def test_the_sealed_copy_is_still_pdfa(house: made.House, scan: Path, tmp_path: Path) -> None:
    done = seal(house.settings(), scan, tmp_path)
    assert done.target is not None and done.archival == "2B"
    with pikepdf.open(done.target) as pdf, pdf.open_metadata() as metadata:
        assert metadata.pdfa_status == "2B"
    assert sealing_archival.faults(done.target, sealing_archival.Claim(2, "B")) == []


def test_pdfa_1_stays_so_too_with_a_picture_that_has_hard_edges(house: made.House, tmp_path: Path) -> None:
    made.red_seal(house.root / "dau.png")
    source = made.archival_first(tmp_path / "mot.pdf")
    done = seal(house.settings(profile="tt02_2019", picture="dau.png"), source, tmp_path)
    assert done.target is not None, codes(done.findings)
    assert done.archival == "1B" and codes(done.findings) == []
    with pikepdf.open(done.target) as pdf:
        picture = pdf.pages[0].Annots[0].AP.N.Resources.XObject.Seal
        assert "/Mask" in picture and "/SMask" not in picture
    pixels = np.asarray(made.drawn(done.target)).astype(int)
    assert ((pixels[..., 0] > 150) & (pixels[..., 1] < 80)).sum() > 1000


def test_a_seal_that_would_spoil_pdfa_is_not_handed_out(house: made.House, scan: Path, tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaleUpem, "scale_upem", lambda _font, _units: None)      # widths of another unit
    done = seal(house.settings(), scan, tmp_path)
    assert done.target is None and codes(done.findings) == ["SEAL-037"]
    assert list(tmp_path.glob("*.pdf")) == [] and list(tmp_path.glob(".*")) == []
    assert "PDF/A-2B" in done.findings[0].sentence("en")


def test_a_false_claim_of_pdfa_is_named_and_a_plain_pdf_too(house: made.House, tmp_path: Path) -> None:
    def claim(pdf: pikepdf.Pdf) -> None:
        with pdf.open_metadata() as metadata:
            metadata["pdfaid:part"], metadata["pdfaid:conformance"] = "2", "B"

    for name, change, code in (("claim", claim, "SEAL-040"), ("plain", None, "SEAL-039")):
        source = tmp_path / f"{name}.pdf"
        source.write_bytes(made.scan(change=change))
        done = seal(house.settings(), source, tmp_path)
        assert done.target is not None and codes(done.findings) == [code]


@pytest.mark.parametrize(("break_it", "said"), [
    (lambda note: note.__setitem__("/F", 132 | 2), "hidden"), (lambda note: note.__setitem__("/F", 0), "print"),
    (lambda note: note.AP.__setitem__("/D", note.AP.N), "/N"),
    (lambda note: note.__setitem__("/A", pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="1")), "action"),
])
def test_the_rules_for_fields_are_looked_at(house: made.House, scan: Path, tmp_path: Path, break_it: Any,
                                            said: str) -> None:
    done = seal(house.settings(), scan, tmp_path)
    broken = tmp_path / "hong.pdf"
    assert done.target is not None
    with pikepdf.open(done.target) as pdf:
        break_it(pdf.pages[0].Annots[0])
        pdf.save(broken)
    assert any(said in one for one in sealing_archival.faults(broken, sealing_archival.Claim(2, "B")))


# --- the place ------------------------------------------------------------------------------------------------


def top_right(path: Path) -> Any:
    """The corner as it is seen, 200 × 60 points at two pixels a point, grey."""
    picture = made.drawn(path).convert("L")
    return np.asarray(picture.crop((picture.width - 400, 0, picture.width, 120)))


def turned(angle: int) -> Any:
    def change(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].Rotate = angle
    return change


def cropped(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].MediaBox = pikepdf.Array([-30, -40, 595, 842])
    pdf.pages[0].CropBox = pikepdf.Array([50, 60, 500, 700])


def both(pdf: pikepdf.Pdf) -> None:
    cropped(pdf)
    pdf.pages[0].Rotate = -90


@pytest.mark.parametrize("change", [turned(90), turned(180), turned(270), turned(450), cropped, both],
                         ids=["90", "180", "270", "450", "cropped", "cropped and turned"])
def test_the_text_stands_upright_in_the_seen_corner_whatever_the_page_does(house: made.House, tmp_path: Path,
                                                                           change: Any) -> None:
    pages = {"plain": made.scan(), "odd": made.scan(change=change)}
    seen = []
    for name, data in pages.items():
        (tmp_path / f"{name}.pdf").write_bytes(data)
        done = seal(house.settings(), tmp_path / f"{name}.pdf", tmp_path)
        assert done.target is not None
        seen.append(top_right(done.target) < 128)
    assert seen[0].sum() > 500
    # The same letters in the same place, but for how their edges fall on the pixels.
    near = sum(np.roll(seen[0], (down, across), (0, 1)) for down in (-2, -1, 0, 1, 2) for across in (-2, -1, 0, 1, 2))
    assert (seen[1] & (near == 0)).sum() < 0.02 * seen[1].sum()
    assert abs(int(seen[0].sum()) - int(seen[1].sum())) < 0.2 * seen[0].sum()


def test_letters_are_ten_points_high_even_where_a_unit_is_more_than_a_point(house: made.House,
                                                                            tmp_path: Path) -> None:
    def change(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].UserUnit = 2

    (tmp_path / "to.pdf").write_bytes(made.scan(change=change))
    (tmp_path / "thuong.pdf").write_bytes(made.scan())
    large, usual = (seal(house.settings(), tmp_path / name, tmp_path).target for name in ("to.pdf", "thuong.pdf"))
    assert large and usual
    assert rectangle(large)[2] - rectangle(large)[0] == pytest.approx((rectangle(usual)[2] - rectangle(usual)[0]) / 2,
                                                                      abs=0.1)


def test_an_empty_sheet_is_sealed_in_its_very_corner(house: made.House, scan: Path, tmp_path: Path) -> None:
    done = seal(house.settings(), scan, tmp_path)
    assert done.target is not None
    with pikepdf.open(done.target) as pdf:
        box = [float(value) for value in pdf.pages[0].mediabox]
    right, top = rectangle(done.target)[2:]
    assert (box[2] - right, box[3] - top) == pytest.approx((20, 20), abs=0.01)
    assert done.place == sealing_place.Place(20, 20, free=True)


def test_content_in_the_corner_is_not_covered_while_there_is_room_beside_it(house: made.House, tmp_path: Path) -> None:
    source = made.archival(tmp_path / "tieu-de.pdf", made.scan(made.paper(
        lambda draw: draw.rectangle((1250, 40, 1600, 130), fill=(30, 30, 60)))))
    done = seal(house.settings(), source, tmp_path)
    assert done.target is not None and codes(done.findings) == []
    _left, _bottom, right, top = (value * 200 / 72 for value in rectangle(done.target))
    assert right < 1250 or 2339 - top > 130


def test_a_full_corner_is_sealed_all_the_same_and_said(house: made.House, tmp_path: Path) -> None:
    source = made.archival(tmp_path / "day.pdf", made.scan(made.paper(
        lambda draw: [draw.line((0, y, 1654, y), fill=(20, 20, 20), width=4) for y in range(0, 700, 14)])))
    done = seal(house.settings(), source, tmp_path)
    assert done.target is not None and codes(done.findings) == ["SEAL-036"]


def test_a_second_seal_does_not_lie_over_the_first_and_both_hold(house: made.House, scan: Path, tmp_path: Path) -> None:
    first = seal(house.settings(), scan, tmp_path, "mot.pdf")
    assert first.target is not None
    second = seal(house.settings(), first.target, tmp_path, "hai.pdf")
    assert second.target is not None, codes(second.findings)
    one, two = rectangle(second.target), rectangle(second.target, "LuuTruSeal2")
    assert two[3] <= one[1] or two[2] <= one[0]
    told = verified(second.target, house.settings())
    assert [report.integrity for report in told.signatures] == ["intact", "intact"]
    assert told.signatures[0].changes == "signatures"
    assert not {"VERIFY-072", "VERIFY-073"} & {reason.code for reason in told.reasons}


def test_on_a_full_page_a_second_seal_still_does_not_lie_over_the_first(house: made.House, tmp_path: Path) -> None:
    source = tmp_path / "day.pdf"
    # Black but for one patch with specks, where the first seal goes: its letters are still the least ink there is.
    specks = [(x, y, x + 4, y + 4) for x in range(1150, 1654, 24) for y in range(0, 140, 24)]
    source.write_bytes(made.scan(made.paper(lambda draw: [
        draw.rectangle((0, 0, 1654, 900), fill=(20, 20, 20)), draw.rectangle((1150, 0, 1654, 140), fill="white"),
        *(draw.rectangle(speck, fill=(20, 20, 20)) for speck in specks)])))
    first = seal(house.settings(), source, tmp_path, "mot.pdf")
    assert first.target is not None and "SEAL-036" in codes(first.findings)
    second = seal(house.settings(), first.target, tmp_path, "hai.pdf")
    assert second.target is not None
    one, two = rectangle(second.target), rectangle(second.target, "LuuTruSeal2")
    assert two[3] <= one[1] or two[1] >= one[3] or two[2] <= one[0] or two[0] >= one[2]


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_rectangle_of_the_page_is_the_seen_box_again(rotate: int) -> None:
    sheet = sealing_place.Sheet(10, 20, 310, 620, rotate, 2)
    assert sheet.seen_box(*sheet.rectangle(30, 40, 50, 60)) == pytest.approx((30, 40, 50, 60))


def test_a_long_name_goes_on_in_the_next_line(house: made.House, scan: Path, tmp_path: Path) -> None:
    name = "Ban Quản lý dự án đầu tư xây dựng các công trình nông nghiệp tỉnh Mẫu"
    made.key_file(house.root / "dau.p12", made.certificate(name=name), pki.key("so-noi-vu"))
    done = seal(house.settings(agency=name), scan, tmp_path)
    assert done.target is not None
    left, _bottom, right, _top = rectangle(done.target)
    assert right - left <= 200
    lines = made.shown_text(done.target).split("\n")
    assert len(lines) == 3 and " ".join(line.strip() for line in lines[:-1]) == name


def test_a_page_too_small_for_the_text_is_refused(house: made.House, tmp_path: Path) -> None:
    def change(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].MediaBox = pikepdf.Array([0, 0, 90, 90])

    (tmp_path / "nho.pdf").write_bytes(made.scan(change=change))
    assert refused(house, tmp_path / "nho.pdf", tmp_path) == ["SEAL-042"]


# --- files that are not sealed ------------------------------------------------------------------------------


def refused(house: made.House, source: Path, folder: Path) -> list[str]:
    """The codes of a file that is not sealed; nothing may be left of the attempt."""
    there = {path.name for path in folder.iterdir()}
    done = seal(house.settings(), source, folder)
    assert done.target is None and done.refused and {path.name for path in folder.iterdir()} == there
    with open_sealer(house.settings()) as sealer:
        assert codes(sealer.examine(source).findings) == codes(done.findings)
    return codes(done.findings)


@pytest.mark.parametrize("data", [b"", b"khong phai PDF", b"%PDF-1.7\n", made.scan()[:3000], b"\0" * 5000])
def test_what_is_no_whole_pdf_is_refused(house: made.House, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "hong.pdf").write_bytes(data)
    assert refused(house, tmp_path / "hong.pdf", tmp_path) == ["SEAL-030"]


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_of_any_kind_never_stops_the_sealing(house: made.House, tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(PLAIN)
    structure = [at for at in range(len(whole)) if not PICTURE[0] <= at < PICTURE[1]]
    for at in data.draw(st.lists(st.sampled_from(structure), min_size=1, max_size=12)):
        whole[at] = data.draw(st.integers(0, 255))
    source, target = tmp_path / "hong.pdf", tmp_path / "ra.pdf"
    source.write_bytes(whole)
    target.unlink(missing_ok=True)
    with open_sealer(house.settings()) as sealer:
        done = sealer.seal(source, target)
    assert (done.target is None) == done.refused == (not target.exists())
    if done.target is not None:
        assert done.report is not None and done.report.integrity == "intact"


PLAIN = made.scan()
PICTURE = (PLAIN.index(b"\xff\xd8\xff"), PLAIN.index(b"endstream"))


@pytest.mark.parametrize("password", ["", "mo"])
def test_an_encrypted_file_is_refused(house: made.House, tmp_path: Path, password: str) -> None:
    with pikepdf.open(io.BytesIO(made.scan())) as pdf:
        pdf.save(tmp_path / "ma.pdf", encryption=pikepdf.Encryption(user=password, owner="chu"))
    assert refused(house, tmp_path / "ma.pdf", tmp_path) == ["SEAL-031"]


def test_a_certification_that_forbids_every_change_is_respected(house: made.House, tmp_path: Path) -> None:
    allowed = signing.sign(made.scan(), certify=True)
    (tmp_path / "cam.pdf").write_bytes(re.sub(rb"/P 2\b", b"/P 1", allowed))
    assert refused(house, tmp_path / "cam.pdf", tmp_path) == ["SEAL-032"]
    (tmp_path / "duoc.pdf").write_bytes(allowed)
    assert seal(house.settings(), tmp_path / "duoc.pdf", tmp_path).target is not None


def test_the_signatures_of_the_people_still_hold_after_the_seal(house: made.House, tmp_path: Path) -> None:
    source = tmp_path / "da-ky.pdf"
    source.write_bytes(signing.sign(signing.sign(made.scan()), "uy-ban", field="Signature2"))
    before = {one.name: one.integrity for one in verified(source, house.settings()).signatures}
    done = seal(house.settings(), source, tmp_path)
    assert done.target is not None and done.report is not None
    after = {one.name: one for one in verified(done.target, house.settings()).signatures}
    assert set(after) == {*before, "LuuTruSeal1"}
    assert {one.integrity for one in after.values()} == {"intact"}
    assert {one.changes for one in after.values()} == {"signatures", "none"}


def test_a_seal_that_harms_an_earlier_signature_is_thrown_away(house: made.House, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "da-ky.pdf"
    source.write_bytes(signing.sign(made.scan()))
    verify = sealing.verify_pdf

    def worse(path: Path, *rest: Any) -> DocumentSignatures:
        told = verify(path, *rest)
        for report in told.signatures:
            if report.name == "Signature1" and path != source:
                report.changes = "content"
        return told

    monkeypatch.setattr(sealing, "verify_pdf", worse)
    done = seal(house.settings(), source, tmp_path)
    assert done.target is None and codes(done.findings)[-1] == "SEAL-034" and [*tmp_path.glob("ky-*")] == []


def test_harm_is_a_signature_that_held_and_does_not_any_more() -> None:
    def told(**facts: Any) -> DocumentSignatures:
        usual = {"integrity": "intact", "changes": "none", "byte_range": (0, 1, 2, 3)}
        return DocumentSignatures("x", [SignatureReport("a", **{**usual, **facts})])

    good = told()
    assert sealing._harmed(good, told(changes="signatures")) == []
    for bad in (told(integrity="broken"), told(changes="content"), told(byte_range=(9,)),
                DocumentSignatures("x")):
        assert sealing._harmed(good, bad) == ["a"]
    assert sealing._harmed(told(integrity="broken"), told(integrity="broken")) == []


def test_what_lies_at_the_target_is_never_overwritten(house: made.House, scan: Path, tmp_path: Path) -> None:
    (tmp_path / "co.pdf").write_bytes(b"quan trong")
    done = seal(house.settings(), scan, tmp_path, "co.pdf")
    assert codes(done.findings) == ["SEAL-033"] and (tmp_path / "co.pdf").read_bytes() == b"quan trong"
    itself = seal(house.settings(), scan, scan.parent, scan.name)
    assert codes(itself.findings) == ["SEAL-033"]


def test_a_seal_that_our_own_verification_rejects_is_not_handed_out(house: made.House, scan: Path, tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    settings = house.settings()
    with open_sealer(settings) as sealer:
        honest = sealing_keys._HeldKey.async_sign_raw

        async def wrong(self: Any, data: bytes, algorithm: str, dry_run: bool = False) -> bytes:
            signature = bytearray(await honest(self, data, algorithm, dry_run))
            signature[40] ^= 1
            return bytes(signature)

        monkeypatch.setattr(sealing_keys._HeldKey, "async_sign_raw", wrong)
        done = sealer.seal(scan, tmp_path / "sai.pdf")
    assert done.target is None and codes(done.findings) == ["SEAL-035"] and list(tmp_path.glob("*sai*")) == []


def test_what_the_signing_library_refuses_is_told_and_leaves_nothing(house: made.House, scan: Path,
                                                                     tmp_path: Path) -> None:
    with open_sealer(house.settings()) as sealer:
        sealer._reserved = 64                       # far too small for any signature
        done = sealer.seal(scan, tmp_path / "ra.pdf")
    assert done.target is None and codes(done.findings) == ["SEAL-041"] and list(tmp_path.glob("*ra.pdf*")) == []


# --- the key is checked first ---------------------------------------------------------------------------------


def not_ready(settings: Any, scan: Path, folder: Path) -> list[str]:
    """The codes of a sealer that may not sign; a file given to it all the same is refused."""
    with open_sealer(settings) as sealer:
        assert not sealer.ready
        done = sealer.seal(scan, folder / "khong.pdf")
        assert codes(done.findings) == ["SEAL-038"] and not (folder / "khong.pdf").exists()
        return codes(sealer.findings)


@pytest.mark.parametrize(("code", "changes"), [
    ("SEAL-010", {"start": 2020, "end": 2025}), ("SEAL-010", {"start": 2027, "end": 2030}),
    ("SEAL-012", {"issuer": "la-goc"}), ("SEAL-015", {"signs": False}), ("SEAL-015", {"authority": True}),
])
def test_a_certificate_that_may_not_sign_signs_nothing(house: made.House, scan: Path, tmp_path: Path, code: str,
                                                       changes: Any) -> None:
    made.key_file(house.root / "dau.p12", made.certificate(**changes), pki.key("so-noi-vu"))
    assert code in not_ready(house.settings(), scan, tmp_path)


def test_a_revoked_certificate_signs_nothing_nor_one_whose_issuer_is(house: made.House, scan: Path,
                                                                     tmp_path: Path) -> None:
    serial = made.sample_certificate().serial_number
    own, above = house.root / "trust" / "cong-vu" / "own.crl", house.root / "trust" / "cong-vu" / "above.crl"
    above.write_bytes(made.revocations("goc", NIGHT))
    own.write_bytes(made.revocations("ca-co-quan", NIGHT, serial))
    assert "SEAL-011" in not_ready(house.settings(), scan, tmp_path)
    own.write_bytes(made.revocations("ca-co-quan", NIGHT))
    with open_sealer(house.settings()) as sealer:
        assert sealer.ready and "SEAL-018" not in codes(sealer.findings)
    above.write_bytes(made.revocations("goc", NIGHT, made.sample_certificate("ca-co-quan").serial_number))
    assert "SEAL-014" in not_ready(house.settings(), scan, tmp_path)


def test_a_short_key_signs_nothing(house: made.House, scan: Path, tmp_path: Path) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    made.key_file(house.root / "dau.p12", made.certificate(key=short), short)
    assert "SEAL-016" in not_ready(house.settings(), scan, tmp_path)


def test_a_chain_that_does_not_hold_signs_nothing(house: made.House, scan: Path, tmp_path: Path) -> None:
    spoilt = bytearray(made.certificate().public_bytes(serialization.Encoding.DER))
    spoilt[-20] ^= 1                                            # in the issuer's signature
    held = sealing_keys.x509.Certificate.load(bytes(spoilt))
    key = sealing_keys.Key(sealing_keys._HeldKey(pki.key("so-noi-vu"), held), held)
    checked = sealing_keys.check_key(key, NIGHT, sig.load_trust(house.root / "trust"), made.AGENCY)
    assert not checked.may_sign and "SEAL-013" in codes(list(checked.findings))


def test_a_key_of_somebody_else_is_found_by_trying(house: made.House) -> None:
    held = sealing_keys.x509.Certificate.load(made.sample_certificate().public_bytes(serialization.Encoding.DER))
    key = sealing_keys.Key(sealing_keys._HeldKey(pki.key("uy-ban"), held), held)
    checked = sealing_keys.check_key(key, NIGHT, sig.load_trust(house.root / "trust"), made.AGENCY)
    assert not checked.may_sign and "SEAL-017" in codes(list(checked.findings))


def test_what_does_not_forbid_is_said(house: made.House, scan: Path, tmp_path: Path) -> None:
    with open_sealer(house.settings()) as sealer:
        assert sealer.ready and codes(sealer.findings) == ["SEAL-018", "SEAL-022"]
    made.key_file(house.root / "dau.p12", made.certificate(name="Sở khác", end=2027), pki.key("so-noi-vu"))
    with open_sealer(house.settings()) as sealer:
        assert sealer.ready and codes(sealer.findings) == ["SEAL-018", "SEAL-019", "SEAL-020", "SEAL-022"]


@pytest.mark.parametrize(("changes", "code"), [
    ({"pkcs12": ""}, "SEAL-001"), ({"pkcs12": "khong-co.p12"}, "SEAL-002"), ({"pkcs12": "rac.p12"}, "SEAL-002"),
    ({"secret_env": "KHONG_CO_BIEN_NAY"}, "SEAL-003"), ({"secret_file": "sai.txt"}, "SEAL-003"),
    ({"secret_file": "khong-co.txt"}, "SEAL-006"), ({"font": "khong-co.ttf"}, "SEAL-025"),
    ({"font": "rac.p12"}, "SEAL-025"),
])
def test_what_the_machine_lacks_is_named_and_nothing_is_signed(house: made.House, scan: Path, tmp_path: Path,
                                                               changes: Any, code: str) -> None:
    (house.root / "rac.p12").write_bytes(b"rac" * 50)
    (house.root / "sai.txt").write_text("khong dung\n")
    assert code in not_ready(house.settings(**changes), scan, tmp_path)


def test_a_machine_without_the_font_says_so(house: made.House, scan: Path, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sealing_look.table()["text"], "fonts", ["/khong/co.ttf"])
    assert "SEAL-025" in not_ready(house.settings(), scan, tmp_path)
    assert "fonts-liberation2" in rules()["SEAL-025"].cure_vi


def test_a_font_without_vietnamese_letters_is_refused(house: made.House, tmp_path: Path) -> None:
    with pytest.raises(sealing_look.LookError) as raised:
        sealing_look.Lettering(sealing_look.find_font(), "Sở ꙮ")
    assert raised.value.code == "SEAL-025" and "ꙮ" in str(raised.value)


def test_the_secret_comes_from_a_file_and_is_never_shown(house: made.House, scan: Path, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LUUTRU_SEAL_PIN")
    (house.root / "pin.txt").write_text(f"{made.PIN}\n")
    settings = house.settings(secret_file="pin.txt")
    done = seal(settings, scan, tmp_path)
    assert done.target is not None
    assert made.PIN not in as_toml(settings) + json.dumps(done.as_dict()) + repr(settings)
    assert made.PIN.encode() not in done.target.read_bytes()


def test_a_device_without_its_library_says_how_to_get_it(house: made.House, scan: Path, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing_keys.importlib.util, "find_spec", lambda _name: None)
    settings = house.settings(pkcs12="", pkcs11_module="/usr/lib/softhsm/libsofthsm2.so", pkcs11_key="dau")
    assert not_ready(settings, scan, tmp_path) == ["SEAL-004"]
    assert "pip install" in rules()["SEAL-004"].cure_vi


# --- timestamps -----------------------------------------------------------------------------------------------


@pytest.fixture
def authority(house: made.House) -> Iterator[str]:
    """A timestamp authority on the trust lists, at the night's hour."""
    one = years(2025, 2035)
    folder = house.root / "trust" / "dau-thoi-gian"
    folder.mkdir(parents=True)
    (folder / "goc.der").write_bytes(one.root)
    with served(one, NIGHT) as url:
        yield url


def test_with_an_authority_every_seal_has_a_timestamp(house: made.House, scan: Path, tmp_path: Path,
                                                      authority: str) -> None:
    done = seal(house.settings(tsa=[authority]), scan, tmp_path)
    assert done.target is not None and (done.level, done.token_time) == ("B-T", NIGHT) and codes(done.findings) == []
    (report,) = verified(done.target, house.settings()).signatures
    assert report.token is not None and report.token.state == "valid" and report.time_source == "token"


def test_the_second_authority_is_asked_when_the_first_does_not_answer(house: made.House, scan: Path, tmp_path: Path,
                                                                      authority: str) -> None:
    done = seal(house.settings(tsa=["http://127.0.0.1:9/tsa", authority]), scan, tmp_path)
    assert done.level == "B-T"


def test_without_its_timestamp_nothing_is_sealed_and_soon_nobody_is_asked(
        house: made.House, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(url: str, *_rest: Any, **_more: Any) -> Any:
        asked.append(url)
        raise sealing_timestamps.tokens.TokenError("no")

    monkeypatch.setattr(sealing_timestamps.tokens, "ask", refuse)
    with open_sealer(house.settings(tsa=["http://127.0.0.1:9/tsa"])) as sealer:
        found = [codes(sealer.seal(scan, tmp_path / f"{n}.pdf").findings) for n in range(6)]
    assert found == [["SEAL-023"]] * 6 and len(asked) == 3 and list(tmp_path.glob("*.pdf")) == []
    assert rules()["SEAL-023"].level is Level.failed


def test_a_timestamp_of_nobody_we_know_is_said(house: made.House, scan: Path, tmp_path: Path) -> None:
    with served(years(2025, 2035), NIGHT) as url:
        done = seal(house.settings(tsa=[url]), scan, tmp_path)
    assert done.target is not None and codes(done.findings) == ["SEAL-024"]


def test_a_lasting_seal_encloses_certificates_and_revocation_lists(house: made.House, scan: Path, tmp_path: Path,
                                                                   authority: str) -> None:
    folder = house.root / "trust" / "cong-vu"
    wanted = [made.revocations("goc", NIGHT), made.revocations("ca-co-quan", NIGHT)]
    (folder / "a.crl").write_bytes(wanted[0])
    (folder / "b.crl").write_bytes(wanted[1])
    (folder / "c.crl").write_bytes(made.revocations("la-goc", NIGHT))        # concerns nobody here
    done = seal(house.settings(tsa=[authority], level="B-LT"), scan, tmp_path)
    assert done.target is not None and done.level == "B-LT" and codes(done.findings) == []
    with pikepdf.open(done.target) as pdf:
        assert sorted(one.read_bytes() for one in pdf.Root.DSS.CRLs) == sorted(wanted)
        assert pki.certificate("ca-co-quan").dump() in [one.read_bytes() for one in pdf.Root.DSS.Certs]
    # Years later, without our revocation lists, the file brings its own.
    for name in ("a.crl", "b.crl", "c.crl"):
        (folder / name).unlink()
    told = sig.verify_pdf(done.target, sig.load_trust(house.root / "trust"), datetime(2040, 1, 1, tzinfo=UTC))
    assert told.signatures[0].revocation == "good" and told.signatures[0].covers_whole_file


def test_a_lasting_seal_is_not_promised_without_revocation_lists(house: made.House, scan: Path, tmp_path: Path,
                                                                 authority: str) -> None:
    assert "SEAL-021" in not_ready(house.settings(tsa=[authority], level="B-LT"), scan, tmp_path)
    assert "SEAL-021" in not_ready(house.settings(level="B-LT"), scan, tmp_path)


# --- many, and large ------------------------------------------------------------------------------------------


def test_the_key_is_opened_once_for_many_files(house: made.House, scan: Path, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    load = sealing_keys.pkcs12.load_key_and_certificates
    monkeypatch.setattr(sealing_keys.pkcs12, "load_key_and_certificates",
                        lambda *given: opened.append(1) or load(*given))
    with open_sealer(house.settings()) as sealer:
        done = [sealer.seal(scan, tmp_path / f"{n}.pdf") for n in range(4)]
    assert len(opened) == 1 and all(one.target for one in done)
    assert len({one.sha256 for one in done}) == 4


LARGE = """
import resource
import sys
from pathlib import Path
from tests import sealing_material as made
from ingest.signatures.sealing import open_sealer
house = made.House(Path(sys.argv[1]))
def told(what):
    return int(next(line for line in open("/proc/self/status") if line.startswith(what)).split()[1]) >> 10
with open_sealer(house.settings()) as sealer:
    sealer.seal(Path(sys.argv[2]), Path(sys.argv[3] + ".small"))
    resource.setrlimit(resource.RLIMIT_DATA, ((told("VmData") + 60 << 20),) * 2)
    done = sealer.seal(Path(sys.argv[4]), Path(sys.argv[3]))
    print(done.target is not None, [one.code for one in done.findings])
"""


def test_a_file_over_100_mb_is_streamed_and_its_byte_range_is_right(house: made.House, scan: Path,
                                                                    tmp_path: Path) -> None:
    large, target = tmp_path / "lon.pdf", tmp_path / "ra.pdf"
    with pikepdf.open(scan) as pdf:
        noise = np.random.default_rng(1).bytes(1 << 20)
        pdf.Root.Pages.Odd = pikepdf.Array([pdf.make_stream(noise * 4 + bytes([n])) for n in range(26)])
        pdf.save(large, compress_streams=False)
    assert large.stat().st_size > 104_000_000
    said = subprocess.run([sys.executable, "-c", LARGE, str(house.root), str(scan), str(target), str(large)],
                          capture_output=True, text=True, check=False, cwd=ROOT)
    assert said.stdout.startswith("True"), said.stdout + said.stderr
    (report,) = verified(target, house.settings()).signatures
    assert report.integrity == "intact" and report.covers_whole_file
    assert report.byte_range[2] + report.byte_range[3] == target.stat().st_size
    large.unlink()
    target.unlink()


# --- the command ----------------------------------------------------------------------------------------------


def run(house: made.House, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, words, obj=house.root)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture
def configured(house: made.House) -> made.House:
    (house.root / "luutru.toml").write_text(
        f'[agency]\ncode = "H99"\nname = "{made.AGENCY}"\n[seal]\npkcs12 = "dau.p12"\n', encoding="utf-8")
    return house


def test_the_command_seals_copies_into_the_folder(configured: made.House, scan: Path, tmp_path: Path) -> None:
    code, said = run(configured, str(scan), "--to", str(tmp_path / "ra"))
    assert code == 0 and (tmp_path / "ra" / scan.name).is_file() and made.AGENCY in said
    code, said = run(configured, str(scan), "--to", str(tmp_path / "ra"))
    assert code == 3 and "SEAL-033" in said


def test_a_dry_run_signs_nothing(configured: made.House, scan: Path, tmp_path: Path) -> None:
    (tmp_path / "hong.pdf").write_bytes(b"x")
    code, said = run(configured, str(scan), str(tmp_path / "hong.pdf"), "--to", str(tmp_path / "ra"), "--dry-run")
    assert code == 3 and not (tmp_path / "ra").exists() and "SEAL-030" in said and made.AGENCY in said


def test_the_command_tells_machines_everything(configured: made.House, scan: Path, tmp_path: Path) -> None:
    code, said = run(configured, str(scan), "--to", str(tmp_path / "ra"), "--json")
    told = json.loads(said)
    (file,) = told["files"]
    assert code == 0 and told["ready"] and file["level"] == "B-B" and file["pdfa"] == "2B"
    assert file["sha256"] == hashlib.sha256((tmp_path / "ra" / scan.name).read_bytes()).hexdigest()
    assert [one["code"] for one in told["findings"]] == ["SEAL-018", "SEAL-022"]


@pytest.mark.parametrize(("spoil", "expected"), [("expired", 5), ("no key", 1)])
def test_exit_codes_tell_a_rule_from_a_fault_of_ours(configured: made.House, scan: Path, tmp_path: Path, spoil: str,
                                                     expected: int) -> None:
    if spoil == "expired":
        made.key_file(configured.root / "dau.p12", made.certificate(start=2020, end=2025), pki.key("so-noi-vu"))
    else:
        (configured.root / "dau.p12").unlink()
    code, said = run(configured, str(scan), "--to", str(tmp_path / "ra"))
    assert code == expected and not (tmp_path / "ra").exists() and "SEAL-0" in said


def test_every_code_of_sealing_is_guarded_here() -> None:
    told = "".join(Path(__file__).with_name(f"test_sealing{name}.py").read_text(encoding="utf-8")
                   for name in ("", "_device", "_night"))
    assert {code for code in rules() if code.startswith("SEAL-") and f'"{code}"' not in told} == set()
