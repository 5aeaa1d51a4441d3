"""The sample inbox holds what it claims to hold: every good file is good, every fault is really there."""

from __future__ import annotations

import hashlib
import io
import json
import unicodedata
import zipfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pikepdf
import pypdfium2
import pytest
from asn1crypto import pem, x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from openpyxl import load_workbook
from PIL import Image
from pyhanko.pdf_utils.reader import PdfFileReader

from ingest.sources import scan_reading
from samples.making import office, pki, recipes, signing, typeset, variants

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
INBOX = SAMPLES / "inbox"
RULING = "van-ban-den/Quyết định 03-2026-QĐ-UBND Quy chế làm việc trên môi trường điện tử.pdf"
CERTIFIED = "van-ban-den/112-KH-SNV so hoa tai lieu 2027.pdf"
NO_TOKEN = "van-ban-den/45-TTr-SNV.pdf"
EXPIRED = "van-ban-den/TB 231 tạm dừng hệ thống.pdf"
CHANGED = "van-ban-den/87-QĐ-SNV phê duyệt dự toán.pdf"
STRANGER = "van-ban-den/bao gia so hoa (cty SHM).pdf"
UNSIGNED = "van-ban-den/Thông báo trực kho tháng 11.pdf"
PILES = [entry["path"] for entry in recipes.entries() if entry["recipe"] == "pile"]
SCANS = [entry["path"] for entry in recipes.entries() if entry["recipe"] == "scan"]
TOKENED = [entry["path"] for entry in recipes.entries()
           if entry["recipe"] in ("signed", "changed") and entry.get("token", True)]
SIGNED = [entry["path"] for entry in recipes.entries() if entry["recipe"] in ("signed", "changed")]


@cache
def signatures(name: str):
    """The signatures of a sample, first to last."""
    return PdfFileReader(io.BytesIO((INBOX / name).read_bytes()), strict=False).embedded_signatures


@cache
def text_of(name: str) -> str:
    with pypdfium2.PdfDocument(INBOX / name) as opened:
        return "\n".join(page.get_textpage().get_text_range() for page in opened)


def claimed(signature) -> datetime:
    moment: datetime = signature.self_reported_timestamp
    return moment.astimezone(UTC)


def check_value(signature) -> None:
    """The digest is that of the signed bytes, and the signature that of the enclosed certificate's key."""
    attributes = signature.signer_info["signed_attrs"]
    digest = next(one["values"][0].native for one in attributes if one["type"].native == "message_digest")
    assert signature.compute_digest() == digest
    key = load_der_public_key(signature.signer_cert.public_key.dump())
    key.verify(signature.signer_info["signature"].native, attributes.untag().dump(), PKCS1v15(), SHA256())


def token_time(signature) -> datetime | None:
    unsigned = signature.signer_info["unsigned_attrs"]
    for attribute in unsigned if unsigned else ():
        if attribute["type"].native == "signature_time_stamp_token":
            info = attribute["values"][0]["content"]["encap_content_info"]["content"].parsed
            assert info["message_imprint"]["hashed_message"].native == hashlib.sha256(
                signature.signer_info["signature"].native).digest()
            return info["gen_time"].native
    return None


def ink_by_row(picture: Image.Image) -> np.ndarray:
    small = picture.convert("L").resize((400, 566))
    return 255.0 - np.asarray(small, dtype=np.float32).mean(axis=1)


def page_pictures(name: str) -> list[Image.Image]:
    path = INBOX / name
    if path.suffix == ".pdf":
        with pikepdf.open(path) as opened:
            return [pikepdf.PdfImage(next(iter(page.get_images().values()))).as_pil_image() for page in opened.pages]
    pictures = []
    with Image.open(path) as opened:
        for frame in range(getattr(opened, "n_frames", 1)):
            opened.seek(frame)
            pictures.append(opened.copy())
    return pictures


def test_all_samples_together_stay_under_15_mb():
    assert sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()) < 15_000_000


def test_expected_json_speaks_of_every_inbox_file_and_of_no_other():
    told = json.loads((SAMPLES / "expected.json").read_text("utf-8"))
    found = {unicodedata.normalize("NFC", path.relative_to(INBOX).as_posix())
             for path in INBOX.rglob("*") if path.is_file()}
    parted = {name for name, entry in told.items() if entry["outcome"] == "package"}
    out_of = {name for name in told if name.rpartition("/")[0] in parted}
    assert set(told) - out_of == found
    assert {name.rpartition("/")[0] for name in out_of} == parted
    for name, entry in told.items():
        assert entry["outcome"] in {"stored", "quarantine", "kept_out", "duplicate", "list", "package"}, name
        assert entry["why"], name
        assert isinstance(entry["codes"], list), name


@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_sample_is_signed_as_government_software_signs(name):
    reader = PdfFileReader(io.BytesIO((INBOX / name).read_bytes()), strict=False)
    assert "/DSS" not in reader.root
    for signature in signatures(name):
        assert signature.sig_object["/SubFilter"] == "/adbe.pkcs7.detached"
        signed = [attribute["type"].native for attribute in signature.signer_info["signed_attrs"]]
        assert signed == ["content_type", "signing_time", "message_digest"]
        assert len(signature.signed_data["certificates"]) == 1
        assert signature.signed_data["crls"].native is None
        assert signature.signer_info["signature_algorithm"]["algorithm"].native == "rsassa_pkcs1v15"
        assert signature.md_algorithm == "sha256"
        assert signature.signer_cert.public_key.bit_size == 2048
        check_value(signature)


@pytest.mark.parametrize("name", TOKENED)
def test_the_signing_time_is_seven_hours_later_than_the_token(name):
    for signature in signatures(name):
        token = token_time(signature)
        assert token is not None
        assert timedelta(hours=6.9) < claimed(signature) - token < timedelta(hours=7.1)


def test_person_and_agency_sign_in_two_revisions():
    first, second = signatures(RULING)
    assert first.signer_cert.subject.native["common_name"] == "Nguyễn Văn Mẫu"
    assert second.signer_cert.subject.native["common_name"] == "Ủy ban nhân dân tỉnh Mẫu"
    assert first.signed_revision < second.signed_revision


def test_the_seal_covers_the_left_part_of_the_pen_stroke():
    pen, seal = ([float(edge) for edge in signature.sig_field["/Rect"]] for signature in signatures(RULING))
    assert seal[0] < pen[0] < seal[2] < pen[2]
    assert 0.2 < (seal[2] - pen[0]) / (pen[2] - pen[0]) < 0.45


def test_the_certified_sample_allows_signing_only():
    first, second = signatures(CERTIFIED)
    assert first.docmdp_level.value == 2
    assert second.docmdp_level is None


def test_one_sample_is_signed_in_time_without_a_token():
    for signature in signatures(NO_TOKEN):
        assert token_time(signature) is None
        validity = signature.signer_cert["tbs_certificate"]["validity"].native
        assert validity["not_before"] < claimed(signature) < validity["not_after"]


def test_one_sample_is_signed_after_the_end_of_its_certificate():
    (signature,) = signatures(EXPIRED)
    validity = signature.signer_cert["tbs_certificate"]["validity"].native
    assert token_time(signature) is None
    assert claimed(signature) - timedelta(hours=7) > validity["not_after"]


def test_the_changed_sample_shows_another_sum_though_its_digests_agree():
    last = signatures(CHANGED)[-1]
    whole = (INBOX / CHANGED).read_bytes()
    start, length, second_start, second_length = last.byte_range
    signed = whole[start:length] + whole[second_start:second_start + second_length]
    assert last.compute_digest() == hashlib.sha256(signed).digest()
    end_of_signed = second_start + second_length
    assert end_of_signed < len(whole)
    with pypdfium2.PdfDocument(whole[:end_of_signed]) as then:
        before = then[0].get_textpage().get_text_range()
    assert "185.400.000" in before
    assert "485.400.000" not in before
    assert "485.400.000" in text_of(CHANGED)
    assert "185.400.000" not in text_of(CHANGED)


def test_the_unknown_ca_is_in_no_trust_list():
    trusted = {x509.Certificate.load(pem.unarmor(path.read_bytes())[2]).subject.human_friendly
               for path in (SAMPLES / "trust").rglob("*.pem")}
    (signature,) = signatures(STRANGER)
    assert signature.signer_cert.issuer.human_friendly not in trusted
    assert signatures(RULING)[0].signer_cert.issuer.human_friendly in trusted
    assert pki.certificate("goc").subject.human_friendly in trusted
    assert pki.certificate("tsa").issuer.human_friendly in trusted


def test_every_certificate_says_that_it_is_a_sample():
    for name in pki.identities():
        assert pki.UNIT in pki.certificate(name).subject.native["organizational_unit_name"]


def test_the_unsigned_sample_bears_no_trace_of_a_signature():
    assert b"/ByteRange" not in (INBOX / UNSIGNED).read_bytes()
    assert "Phân công trực kho lưu trữ" in text_of(UNSIGNED)


def test_the_whole_regulation_is_in_the_long_sample():
    for number in range(1, 14):
        assert f"Điều {number}." in text_of(RULING)


@pytest.mark.parametrize("name", [name for name in SCANS if name.endswith(".pdf")])
def test_a_scanned_pdf_has_no_text_layer(name):
    assert text_of(name).strip() == ""


@pytest.mark.parametrize("name", [name for name in SCANS if not name.endswith("7.tif")])
def test_a_scan_has_24_bit_colour_paper_tone_and_noise(name):
    picture = page_pictures(name)[0]
    assert picture.mode == "RGB"
    corner = np.asarray(picture.crop((20, 20, 120, 120)), dtype=np.float32)
    red, _, blue = corner.reshape(-1, 3).mean(axis=0)
    assert 225 < red < 252
    assert blue < red
    assert corner.std() > 1


def test_the_sheets_in_one_pile_can_be_read_and_the_other_pile_has_none():
    read = {name: [scan_reading.read_codes(np.asarray(page.convert("L"))) for page in page_pictures(name)]
            for name in PILES}
    (with_sheets,) = [name for name in PILES if any(found for found, _ in read[name])]
    assert [[(sheet.kind, sheet.ordinal) for sheet in found] for found, _ in read[with_sheets]] == [
        [("F", 0)], [("D", 10)], [], [("D", 11)], []]
    assert sorted(len(found) for found in read.values()) == [3, 5]


def test_scans_come_at_300_and_200_dpi():
    for name, dpi in (("quet/H99.2026.03.VTLT.0000001.pdf", 300), ("quet/H99.2026.03.VTLT.0000002.pdf", 200)):
        with pikepdf.open(INBOX / name) as opened:
            page = opened.pages[0]
            width = next(iter(page.get_images().values())).Width
            assert round(float(width) / (float(page.mediabox[2]) / 72)) == pytest.approx(dpi, abs=1)


def test_the_skewed_scan_is_skewed_by_two_to_three_degrees():
    grey = page_pictures("quet/H99.2026.03.VTLT.0000003.pdf")[0].convert("L").resize((827, 1169))

    def sharpness(angle: float) -> float:
        return float(ink_by_row(grey.rotate(angle, Image.Resampling.BILINEAR, fillcolor=245)).std())

    best = max(np.arange(-4, 4.1, 0.4), key=sharpness)
    assert 2 <= -best <= 3


def test_one_scan_stands_on_its_head():
    turned = ink_by_row(page_pictures("quet/IMG_20261110_0004.jpg")[0])
    upright = ink_by_row(page_pictures("quet/H99.2026.03.VTLT.0000008.jpg")[0])
    assert turned[:180].mean() < turned[-180:].mean()
    assert upright[:180].mean() > upright[-180:].mean()


def test_the_two_sided_scan_has_one_blank_page():
    pages = page_pictures("quet/quet hai mat 0005.tif")
    darkest = [np.percentile(np.asarray(page.convert("L")), 0.2) for page in pages]
    assert len(darkest) == 3
    assert [tone > 180 for tone in darkest] == [False, True, False]


def test_the_faded_scan_is_much_paler_than_the_others():
    faded = np.asarray(page_pictures("quet/H99.2026.03.VTLT.0000006.pdf")[0].convert("L"))
    fresh = np.asarray(page_pictures("quet/H99.2026.03.VTLT.0000008.jpg")[0].convert("L"))
    assert np.percentile(faded, 1) > np.percentile(fresh, 1) + 60


def test_one_scan_is_black_and_white_g4():
    with Image.open(INBOX / "quet/H99.2026.03.VTLT.0000007.tif") as opened:
        assert opened.mode == "1"
        assert opened.info["compression"] == "group4"
        assert round(opened.info["dpi"][0]) == 300


def test_the_secret_samples_bear_a_boxed_stamp_on_the_left_below_the_number():
    name = "van-ban-den/09-BC-SNV.pdf"
    with pypdfium2.PdfDocument(INBOX / name) as opened:
        page = opened[0]
        found = page.get_textpage()
        place = found.search("MẬT", match_case=True, match_whole_word=True).get_next()
        assert place is not None
        number = found.search("Số: 09/BC-SNV").get_next()
        _, bottom, right, _ = found.get_rect(found.count_rects(*place) - 1)
        assert right < page.get_width() / 2
        assert bottom > page.get_height() * 0.8
        assert number is not None
        assert number[0] < place[0]
    picture = page_pictures("quet/IMG_20261110_0009.jpg")[0]
    head = np.asarray(picture.crop((0, 0, picture.width // 2, picture.height // 4)), dtype=np.int16)
    assert ((head[:, :, 0] - head[:, :, 1]) > 90).sum() > 300


def test_the_locked_sample_opens_with_its_password_only():
    path = INBOX / "van-ban-den/77-GM-SNV (co mat khau).pdf"
    with pytest.raises(pikepdf.PasswordError):
        pikepdf.open(path)
    with pikepdf.open(path, password="luutru-2026") as opened:
        assert len(opened.pages) == 1


def test_the_truncated_sample_has_a_head_and_no_end():
    body = (INBOX / "van-ban-den/101-BC-SNV quy III.pdf").read_bytes()
    assert body.startswith(b"%PDF-")
    assert b"%%EOF" not in body


def test_one_pdf_is_a_word_file_in_truth():
    with zipfile.ZipFile(INBOX / "van-ban-den/Biên bản kiểm kê kho.pdf") as packed:
        assert "word/document.xml" in packed.namelist()


def test_the_duplicate_has_the_same_bytes_under_another_name():
    assert (INBOX / NO_TOKEN).read_bytes() == (INBOX / "van-ban-den/45-TTr-SNV (1).pdf").read_bytes()


def test_no_other_two_samples_are_alike():
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in INBOX.rglob("*") if path.is_file()]
    assert len(hashes) - len(set(hashes)) == 1


def test_the_old_text_is_tcvn3_and_decodes_to_vietnamese():
    body = (INBOX / "van-phong/CV56_TCVN3.txt").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")
    letters = {byte: char for char, byte in office._tcvn3().items()}
    text = "".join(letters.get(byte, chr(byte)) for byte in body)
    assert "sao gửi văn bản cũ về công tác lưu trữ" in text
    assert all(ord(char) < 128 or char in letters.values() for char in text)


def test_office_samples_open():
    assert load_workbook(INBOX / "van-phong/119 danh sach thiet bi.xlsx")["Thiết bị"]["B6"].value.startswith("Máy quét")
    with zipfile.ZipFile(INBOX / "van-phong/118-BC-SNV Báo cáo tiến độ số hóa.docx") as packed:
        assert "182.450 trang" in packed.read("word/document.xml").decode()


def test_texts_are_clean_and_the_faulty_one_is_kept():
    texts = {path.name: path.read_text("utf-8") for path in (SAMPLES / "texts").glob("*.txt")}
    faulty = texts.pop("phu-yen-03-2022-loi-chu-uo.txt")
    assert faulty.count("ƣ") == 19
    assert len(texts) == 5
    for name, text in texts.items():
        assert unicodedata.is_normalized("NFC", text), name
        assert not set("ƣƢ*#") & set(text), name
        assert "CÔNG BÁO/" not in text, name


def test_every_person_in_the_samples_is_invented():
    for document in typeset.documents().values():
        assert document.signer.endswith(" Mẫu")


@pytest.mark.parametrize("name", [RULING, CHANGED, "van-phong/119 danh sach thiet bi.xlsx",
                                  "van-phong/118-BC-SNV Báo cáo tiến độ số hóa.docx", "lien-thong/1864-UBND-NC.edxml"])
def test_making_a_sample_twice_gives_the_same_bytes(name):
    entry = next(entry for entry in recipes.entries() if entry["path"] == name)
    assert recipes.make(entry) == recipes.make(entry)


def test_a_thousand_variants_would_all_differ_and_come_out_the_same_again():
    made = list(variants(60))
    assert len({variant.body for variant in made}) == len({variant.number for variant in made}) == 60
    again = list(variants(2, start=57))
    assert [variant.body for variant in again] == [variant.body for variant in made[57:59]]
    (signature,) = PdfFileReader(io.BytesIO(made[7].body)).embedded_signatures
    check_value(signature)
    assert token_time(signature) is not None


def test_signing_can_be_told_to_leave_the_token_and_the_seven_hours_away():
    plain = next(variants(1, signed=False)).body
    honest = signing.sign(plain, token=False, shift_hours=0)
    (signature,) = PdfFileReader(io.BytesIO(honest)).embedded_signatures
    assert claimed(signature) == signing.DEFAULT_TIME
    assert token_time(signature) is None
