"""The printed report of signature checks: it says what the JSON says, whatever stands in the names, and is PDF/A."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from click.testing import CliRunner
from fontTools import ttLib  # type: ignore[import-untyped]
from fontTools.pens.recordingPen import DecomposingRecordingPen  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from PIL import Image

from archive import model, opening
from archive.commands import casefile, document
from archive.files import json_bytes
from archive.findings import Finding, rules
from archive.forms import typesetting
from archive.forms.letters import REPLACEMENT, harmless
from archive.forms.typesetting import FontMissingError, find, typeface
from archive.opening import Archive
from archive.rebuild import rebuild
from archive.records import read_documents
from archive.settings import Settings
from archive.settings import load as load_settings
from ingest import nightly
from ingest.commands import signature as signature_command
from ingest.item import Context, Item, Part
from ingest.signatures import load_trust, printing, verify_pdf, word
from ingest.signatures.printing import report_pdf
from ingest.stages import verify as stage
from tests.conftest import ROOT

SAMPLES = ROOT / "samples"
PLACE = SAMPLES / "inbox" / "van-ban-den"
NOTED, BAD = "112-KH-SNV so hoa tai lieu 2027.pdf", "TB 231 tạm dừng hệ thống.pdf"
STRANGE, UNSIGNED = "bao gia so hoa (cty SHM).pdf", "09-BC-SNV.pdf"
RECEIVED = datetime(2026, 11, 20, 3, tzinfo=UTC)
EVIL = ('#set page(fill: red) $x^2$ _a_ *b* @ref <script>alert("1")</script> \\ (Tj) ET `x` \'"“”» % ] >> endstream '
        "{signer}")
VERDICTS = ("valid", "valid_with_notes", "undetermined", "invalid", "unsigned", "not_checked")
Told = dict[str, Any]


@pytest.fixture(scope="session")
def judged() -> dict[str, Told]:
    """What signatures.json says of three samples: one with notes, one invalid, one that nobody we trust vouches for."""
    trust = load_trust(SAMPLES / "trust")
    found = {name: verify_pdf(PLACE / name, trust, RECEIVED).as_dict() for name in (NOTED, BAD, STRANGE)}
    return {name: {"verdict": one["verdict"], "checked_at": "2026-11-20T03:00:00.000000+00:00", "files": [one]}
            for name, one in found.items()}


@pytest.fixture
def told(judged: dict[str, Told]) -> Told:
    """The one with notes, two signatures, to be changed at will."""
    return copy.deepcopy(judged[NOTED])


def squeezed(text: str) -> str:
    """Without blanks and ends of lines, which depend on where a line was full."""
    return re.sub(r"\s+", "", text)


def pages_of(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as opened:
        return [page.get_textpage().get_text_range() for page in opened]


def shown(pdf: bytes) -> str:
    """The words on all pages, without the footers and blanks."""
    return squeezed("".join(re.split(r"SHA-256 (?:của báo cáo JSON|of the JSON report)", page)[0]
                            for page in pages_of(pdf)))


def findings_of(told: Told) -> list[Finding]:
    return [Finding.from_dict(each) for one in told["files"]
            for each in (*one["notes"], *(reason for each in one["signatures"] for reason in each["reasons"]))]


def verdict_lines(pdf: bytes, language: str) -> list[str]:
    """Every line that is a verdict, in the order of the pages."""
    names = {printing._table()["verdict"][name][language == "en"]: name for name in VERDICTS}
    phrases = {phrase: names[phrase] for phrase in sorted(names, key=len, reverse=True)}
    lines = [line.strip().rstrip(":") for page in pages_of(pdf) for line in page.splitlines()]
    return [phrases[found] for line in lines
            if (found := next((phrase for phrase in phrases if line == phrase or line.endswith(f" {phrase}")), ""))]


# --- what it says -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("name", [NOTED, BAD, STRANGE])
def test_the_paper_says_all_that_the_json_says_and_no_other_verdict(
        judged: dict[str, Told], name: str, language: str) -> None:
    told = judged[name]
    pdf = report_pdf(told, title=name, language=language)
    text, one = shown(pdf), told["files"][0]
    assert verdict_lines(pdf, language) == [told["verdict"], *(each["verdict"] for each in one["signatures"])]
    for signature in one["signatures"]:
        for field, value in signature["shown"][language].items():
            assert squeezed(word("field", field, language) + value) in text
        assert signature["certificate"]["sha256"] in text
        assert squeezed(f"[{' '.join(map(str, signature['byte_range']))}]") in text
    found = findings_of(told)
    assert len(found) > 5
    for reason in found:
        sentence = reason.sentence(language)
        assert squeezed(sentence[:1].upper() + sentence[1:]) in text or squeezed(sentence.split(": ", 1)[1])[1:] in text
        assert reason.code in text
        if reason.level > 0:
            assert squeezed(reason.cure(language)) in text
    for level, sign in (("ok", "√"), ("note", "•"), ("warning", "!"), ("refused", "×")):
        expected = sum(reason.level.name == level for reason in found)
        assert text.count(squeezed(printing._table()["sign"][level][language == "en"])) >= expected, sign
    assert REPLACEMENT not in text


def test_the_verdict_comes_with_the_reasons_that_made_it_and_with_no_others(judged: dict[str, Told]) -> None:
    for name, levels in ((BAD, {"refused"}), (STRANGE, {"warning"}), (NOTED, {"note"})):
        first = pages_of(report_pdf(judged[name], title=name))[0]
        framed = squeezed(first.split("Thời điểm kiểm tra")[0])
        for reason in findings_of(judged[name]):
            sentence = squeezed(reason.sentence().split(": ", 1)[1])[1:]
            assert (sentence in framed) == (reason.level.name in levels), reason


def test_every_page_bears_its_number_and_the_hash_of_the_json_it_was_printed_from(judged: dict[str, Told]) -> None:
    for told in judged.values():
        pages = pages_of(report_pdf(told, title="x"))
        digest = hashlib.sha256(json_bytes(told)).hexdigest()
        for number, page in enumerate(pages, 1):
            assert digest in page and f"Trang {number}/{len(pages)}" in page and "luutru signature verify" in page


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_stands_in_words_not_only_in_colour(told: Told, verdict: str) -> None:
    told["verdict"] = verdict
    for one in told["files"][0]["signatures"]:
        one["verdict"] = verdict
    pdf = report_pdf(told, title="x")
    assert verdict_lines(pdf, "vi") == [verdict] * 3


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_reason_of_the_catalogue_can_be_printed(told: Told, language: str) -> None:
    params = {"signer": "Nguyễn Văn Thử", "n": "3", "what": "trang 2", "reason": "vì thế", "authority": "TSA"}
    codes = [code for code in rules() if code.startswith(("VERIFY-", "TRUST-"))]
    one = told["files"][0]
    one["signatures"][1:] = []
    one["signatures"][0]["reasons"] = [
        {"code": code, "level": rules()[code].level.name, "subject": "a.pdf", "params": params} for code in codes]
    text = shown(report_pdf(told, title="x", language=language))
    for told_reason in one["signatures"][0]["reasons"]:
        reason = Finding.from_dict(told_reason)
        assert squeezed(reason.sentence(language))[1:] in text and reason.code in text
    assert REPLACEMENT not in text and len(codes) > 50


def test_a_reason_that_this_version_does_not_know_is_shown_as_it_is(told: Told) -> None:
    note = {"code": "VERIFY-999", "level": "warning", "subject": "x", "params": {"why": "vì sao"}}
    told["files"][0]["notes"] = [note]
    text = shown(report_pdf(told, title="x"))
    assert "VERIFY-999" in text and squeezed("why: vì sao") in text


def test_evidence_that_lies_elsewhere_is_not_said_to_be_in_the_json(told: Told) -> None:
    one = told["files"][0]
    one["revocations"] = {"a" * 64: {"kind": "crl", "der": "MAA="}, "b" * 64: {"kind": "crl", "der": ""},
                          "c" * 64: {"kind": "ocsp", "der": "MAA="}}
    said = f"{len(one['certificates'])} chứng thư, 2 danh sách thu hồi (CRL), 1 trả lời OCSP, trong báo cáo JSON"
    text = shown(report_pdf(told, title="x"))
    assert squeezed(said + "; 1 trong số đó chỉ ghi mã SHA-256") in text
    one["revocations"]["b" * 64]["der"] = "MAA="
    text = shown(report_pdf(told, title="x"))
    assert squeezed(said) in text and squeezed("1 trong số đó") not in text


def test_several_files_and_twenty_signatures_follow_one_another(told: Told) -> None:
    one = told["files"][0]
    one["signatures"] = [{**copy.deepcopy(one["signatures"][n % 2]), "field": f"Truong{n:02}"} for n in range(20)]
    attached = copy.deepcopy({**one, "file": "phụ lục.pdf", "signatures": one["signatures"][:1]})
    bare = {"file": "bảng tính.pdf", "verdict": "unsigned", "checked": True, "signatures": [], "notes": []}
    told["files"] += [attached, bare]
    pdf = report_pdf(told, title="Kế hoạch 112")
    text = shown(pdf)
    kinds = [word("kind", each["kind"]) for each in one["signatures"]]
    places = [text.index(squeezed(f"Chữ ký {n + 1}/20: {kind}, trường Truong{n:02}")) for n, kind in enumerate(kinds)]
    assert places == sorted(places)
    files = [text.index(squeezed(f"Tệp {n}/3: {name}")) for n, name in
             enumerate((NOTED, "phụ lục.pdf", "bảng tính.pdf"), 1)]
    assert files == sorted(files) and files[1] > places[-1]
    verdicts = verdict_lines(pdf, "vi")
    assert len(verdicts) == 1 + 3 + 21 and verdicts[-1] == "unsigned"


def test_nothing_is_set_outside_the_margins(told: Told) -> None:
    for one in told["files"][0]["signatures"]:
        one["shown"]["vi"]["signer"] = "Ng" + "u" * 400 + " " + "W" * 300 + " " + "W" * 28
    with pypdfium2.PdfDocument(report_pdf(told, title="T" * 200 + " " + "Ǳ" * 20)) as opened:
        for page in opened:
            inside = page.get_textpage()
            for at in range(inside.count_chars()):
                left, bottom, right, top = inside.get_charbox(at)
                assert left >= 60 and right <= 595.3 - 40 and bottom >= 30 and top <= 842 - 40


# --- the same again ---------------------------------------------------------------------------------------------

def test_the_same_report_gives_the_same_bytes_in_any_process(told: Told, tmp_path: Path) -> None:
    pdf = report_pdf(told, title=EVIL)
    assert report_pdf(json.loads(json_bytes(told)), title=EVIL) == pdf
    (tmp_path / "told.json").write_bytes(json_bytes(told))
    program = ("import json, sys\nfrom pathlib import Path\nfrom ingest.signatures.printing import report_pdf\n"
               "told = json.loads(Path(sys.argv[1]).read_text())\n"
               "sys.stdout.buffer.write(report_pdf(told, title=sys.argv[2]))")
    for seed, zone in (("1", "Asia/Ho_Chi_Minh"), ("2", "America/Lima")):
        done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "told.json"), EVIL], check=True, cwd=ROOT,
                              capture_output=True, env={"PYTHONHASHSEED": seed, "TZ": zone, "LANG": "C",
                                                        "PYTHONDONTWRITEBYTECODE": "1"})
        assert done.stdout == pdf
    told["checked_at"] = "2026-11-20T03:00:01.000000+00:00"
    assert report_pdf(told, title=EVIL) != pdf


# --- names that want to be more than names ------------------------------------------------------------------------

HOSTILE = [EVIL, "Nguyễn\u202eVăn\u202c An", "\x00\x1b[31mđỏ\r\n\tA", "مرحبا שלום", "漢字 😀 \U0001f512", "Z̸̢̛a̷l̶go",
           "Lê\u200bThị\ufeff\u2066Hoa", "\ue000\uffff", "A" * 700]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text_and_stay_visible(told: Told, name: str) -> None:
    one = told["files"][0]["signatures"][0]
    one["shown"]["vi"]["signer"] = one["field"] = one["reasons"][0]["params"]["signer"] = name
    pdf = report_pdf(told, title=name)
    expected = squeezed(typeface().letters.text(name))
    assert expected and shown(pdf).count(expected) >= 3
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert set(opened.Root.keys()) == {"/Type", "/Pages", "/Metadata", "/Lang", "/ViewerPreferences",
                                           "/OutputIntents"}
        for page in opened.pages:
            assert set(page.obj.keys()) == {"/Type", "/Parent", "/MediaBox", "/Resources", "/Contents"}
            assert {str(each.operator) for each in pikepdf.parse_content_stream(page)} <= {     # texts, lines, areas
                "BT", "ET", "Tf", "Tm", "Tr", "Tj", "TJ", "BDC", "EMC", "q", "Q", "cm", "cs", "scn", "CS", "SCN",
                "w", "M", "m", "l", "h", "f", "S"}


def test_what_cannot_be_shown_is_replaced_and_the_paper_says_so(told: Told) -> None:
    said = squeezed(printing._table()["words"]["replaced"][0])
    assert said not in shown(report_pdf(told, title="Nguyễn Văn Thử"))
    assert said in shown(report_pdf(told, title="Nguyễn\u202eVăn Thử"))
    replaced = harmless("a\u202eb\x07c\u05d0d\u00a0e\u200bf")
    assert replaced.replace(REPLACEMENT, "#") == "a#b#c#d e#f"
    assert harmless(unicodedata.normalize("NFD", "Nguyễn Thị Ở")) == "Nguyễn Thị Ở"


def test_a_text_without_end_is_cut_and_the_paper_says_how_much_is_missing(told: Told) -> None:
    for one in told["files"][0]["signatures"]:
        one["field"] = "x" * 300_000
        one["shown"]["vi"]["organisation"] = "y" * 9_000
    pdf = report_pdf(told, title="z" * 9_000)
    assert len(pages_of(pdf)) < 15
    assert squeezed("… [còn 7500 ký tự, xem báo cáo JSON]") in shown(pdf)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=60), field=st.text(max_size=20))
def test_any_name_gives_a_sound_file_that_says_it(told: Told, name: str, field: str) -> None:
    name, field = (text.encode("utf-8", "ignore").decode() for text in (name, field))
    one = told["files"][0]["signatures"][0]
    one["shown"]["vi"]["signer"], one["field"] = name, field
    pdf = report_pdf(told, title=name)
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert opened.check_pdf_syntax() == []
    said = []
    letters = typeface().letters
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        for page in opened.pages:
            said += [codes_as_text(opened, page, each) for each in page_texts(page)]
    assert squeezed(letters.text(name)) in squeezed("".join(said))


def page_texts(page: pikepdf.Page) -> list[tuple[str, bytes]]:
    font, found = "", []
    for each in pikepdf.parse_content_stream(page):
        if str(each.operator) == "Tf":
            font = str(each.operands[0])
        elif str(each.operator) == "Tj":
            found.append((font, bytes(each.operands[0])))
        elif str(each.operator) == "TJ":
            found.append((font, b"".join(bytes(part) for part in each.operands[0] if isinstance(part, pikepdf.String))))
    return found


def codes_as_text(opened: pikepdf.Pdf, page: pikepdf.Page, told: tuple[str, bytes]) -> str:
    """What a reader program makes of glyph codes: by the font's own table, not by our order of letters."""
    known = letters_of(page.Resources.Font[told[0]])
    codes = told[1]
    return "".join(known[int.from_bytes(codes[at:at + 2], "big")] for at in range(0, len(codes), 2))


def letters_of(font: Any) -> dict[int, str]:
    """What each glyph code of a font stands for, by the font's own table."""
    table = font.ToUnicode.read_bytes().decode("ascii").split("endcodespacerange")[1]
    assert "beginbfrange" not in table
    return {int(code, 16): bytes.fromhex(text).decode("utf-16-be")
            for code, text in re.findall(r"<(\w{4})> <(\w+)>", table)}


# --- PDF/A ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("title", ["Kế hoạch 112/KH-SNV", EVIL + "\u202e\x00]]>"])
def test_it_is_pdf_a_2u_as_far_as_can_be_seen_without_a_validator(told: Told, title: str) -> None:
    pdf = report_pdf(told, title=title)
    assert re.match(rb"%PDF-1\.7\n%[\x80-\xff]{4}\n", pdf) and pdf.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"\d+ 0 obj\n", pdf)) == pdf.count(b"\nendobj\n")
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert opened.check_pdf_syntax() == [] and not opened.is_encrypted
        first, second = opened.trailer.ID
        assert bytes(first) == bytes(second) and len(bytes(first)) >= 16
        described = opened.Root.Metadata
        assert "/Filter" not in described and described.Subtype == "/XML"
        tree = etree.fromstring(described.read_bytes())
        names = {"p": "http://www.aiim.org/pdfa/ns/id/", "d": "http://purl.org/dc/elements/1.1/",
                 "r": "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "x": "http://ns.adobe.com/xap/1.0/"}
        assert [tree.findtext(f".//p:{name}", None, names) for name in ("part", "conformance")] == ["2", "U"]
        named = str(tree.findtext(".//d:title/r:Alt/r:li", None, names))
        assert harmless(title) in named and str(opened.trailer.Info.Title) == named
        assert tree.findtext(".//x:CreateDate", None, names) == "2026-11-20T03:00:00+00:00"
        assert str(opened.trailer.Info.CreationDate) == "D:20261120030000Z"
        intent = opened.Root.OutputIntents[0]
        assert intent.S == "/GTS_PDFA1" and intent.DestOutputProfile.N == 3
        profile = intent.DestOutputProfile.read_bytes()
        assert profile[36:40] == b"acsp" and profile[16:20] == b"RGB "
        assert len(profile) == int.from_bytes(profile[:4], "big")
        assert opened.Root.Lang == "vi"
        for page in opened.pages:
            # no ExtGState, no XObject: nothing is transparent
            assert set(page.Resources.keys()) <= {"/Font", "/ColorSpace", "/ProcSet"}
            for font in page.Resources.Font.values():
                check_font(font)


def check_font(font: Any) -> None:
    """An embedded subset whose widths and letters are those of the file it carries (ISO 19005-2, 6.2.11)."""
    inner = font.DescendantFonts[0]
    assert font.Subtype == "/Type0" and font.Encoding == "/Identity-H" and inner.CIDToGIDMap == "/Identity"
    assert re.fullmatch(r"/[A-Z]{6}\+LiberationSerif(-Bold)?", str(font.BaseFont))
    assert font.BaseFont == inner.BaseFont == inner.FontDescriptor.FontName
    embedded = ttLib.TTFont(io.BytesIO(inner.FontDescriptor.FontFile2.read_bytes()))
    table = list(inner.W)
    for first, last, wide in zip(table[::3], table[1::3], table[2::3], strict=True):
        for code in range(int(first), int(last) + 1):
            real = embedded["hmtx"][embedded.getGlyphOrder()[code]][0] * 1000 / embedded["head"].unitsPerEm
            assert abs(float(wide) - real) < 0.01
    letters = letters_of(font)
    assert 0 not in letters and all(letters.values())


def test_letters_look_as_the_font_draws_them(told: Told) -> None:
    """What the file carries for each letter, composite letters too, is point by point the outline of the whole font."""
    alphabet = "".join(chr(code) for code in range(33, 0x1EFF) if unicodedata.category(chr(code)) in ("Lu", "Ll"))
    shown_letters = typeface().letters.text(alphabet)
    told["files"][0]["signatures"][0]["shown"]["vi"]["signer"] = " ".join(shown_letters[:700])
    told["files"][0]["signatures"][1]["shown"]["vi"]["signer"] = " ".join(shown_letters[-700:])
    files = {"Bold" if one.weight == 700 else "Regular": str(one.path) for one in typeface().fonts.fonts()
             if one.family == typeface().family and one.style == "normal"}
    compared = set()
    with pikepdf.open(io.BytesIO(report_pdf(told, title="x"))) as opened:
        for font in {str(font.BaseFont): font for page in opened.pages
                     for font in page.Resources.Font.values()}.values():
            whole = ttLib.TTFont(files["Bold" if "Bold" in str(font.BaseFont) else "Regular"])
            part = ttLib.TTFont(io.BytesIO(font.DescendantFonts[0].FontDescriptor.FontFile2.read_bytes()))
            known, order = whole.getBestCmap(), part.getGlyphOrder()
            for code, letter in letters_of(font).items():
                drawn = []
                for outlines, name in ((whole, known[ord(letter)]), (part, order[code])):
                    pen = DecomposingRecordingPen(outlines.getGlyphSet())
                    outlines.getGlyphSet()[name].draw(pen)
                    drawn.append(pen.value)
                assert drawn[0] == drawn[1], letter
                compared.add(letter)
    assert len(compared) > 600


def test_another_font_is_named_on_the_paper_and_none_is_an_error(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    said = squeezed("không có Liberation Serif")
    assert said not in shown(report_pdf(told, title="x"))
    other = find([{"name": "Liberation Serif", "folders": ["/nowhere"]},
                  {"name": "Noto Sans", "folders": ["/nowhere", "ocrmypdf.data:"]}])
    monkeypatch.setattr(typesetting, "typeface", lambda: other)
    text = shown(report_pdf(told, title="Ủy ban nhân dân"))
    assert said in text and "NotoSans" in text and squeezed("Ủy ban nhân dân") in text
    with pytest.raises(FontMissingError):
        find([{"name": "Liberation Serif", "folders": ["/nowhere"]}])


def test_a_damaged_font_file_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "font.ttf").write_bytes(b"no font")
    with pytest.raises(FontMissingError):
        find([{"name": "Liberation Serif", "folders": [str(tmp_path)]}])


def test_the_paper_is_drawn(told: Told) -> None:
    """A page has ink where its title is: the letters are there, not only their codes."""
    with pypdfium2.PdfDocument(report_pdf(told, title="x")) as opened:
        picture: Image.Image = opened[0].render(scale=1).to_pil().convert("L")
    assert sum(picture.crop((150, 85, 450, 120)).histogram()[:100]) > 300


# --- anyone can check ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("good", [True, False])
def test_the_commands_on_the_paper_check_the_signature_with_openssl(told: Told, tmp_path: Path, good: bool) -> None:
    text = "".join(pages_of(report_pdf(told, title="x"))).replace("\r", "")
    start = re.search(r"a=\d+ b=\d+ c=\d+ d=\d+", text)
    assert start is not None
    assert "dành cho chữ ký 1/2:" in text
    script = re.split(r"SHA-256 của báo cáo|Ký tự không in được", text[start.start():])[0]
    content = bytearray((PLACE / NOTED).read_bytes())
    if not good:
        content[content.index(b"endstream") - 5] ^= 1
    (tmp_path / "FILE").write_bytes(content)
    (tmp_path / "roots.pem").write_bytes(b"".join(path.read_bytes() for path in (SAMPLES / "trust").rglob("*.pem")))
    moment = int(datetime.fromisoformat(told["files"][0]["signatures"][0]["time"]).timestamp())
    done = subprocess.run(["bash", "-ec", script.replace("SECONDS", str(moment))], cwd=tmp_path, capture_output=True,
                          text=True)
    assert (done.returncode == 0) == good, done.stderr
    assert ("Verification successful" in done.stderr) == good


def test_openssl_is_named_only_for_what_it_reads(told: Told) -> None:
    signatures = told["files"][0]["signatures"]
    signatures[0]["subfilter"] = "adbe.pkcs7.sha1"
    text = shown(report_pdf(told, title="x"))
    first, second = ("=".join(("a", str(one["byte_range"][0]))) + f"b={one['byte_range'][1]}" for one in signatures)
    assert second in text and first not in text and squeezed("dành cho chữ ký 2/2:") in text
    signatures[1]["byte_range"] = []
    assert "opensslcms" not in shown(report_pdf(told, title="x"))


# --- the night ------------------------------------------------------------------------------------------------------

def test_the_stage_prints_signed_documents_only_and_only_when_it_is_set(tmp_path: Path) -> None:
    def made(name: str, **set_to: Any) -> list[tuple[str, str, str]]:
        folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        path = Path(shutil.copy(PLACE / name, folder))
        item = Item("1", "inbox", name, folder, [Part(name, "original", path, 1, "", "", "pdf")], RECEIVED)
        given_settings = Settings(signatures={"trust": SAMPLES / "trust", **set_to})
        for _ in range(2):
            stage.verify(item, Context(given_settings, RECEIVED.date(), RECEIVED))
        for one in item.facts["files"]:
            assert (folder / one["path"]).is_file()
        return [(one["path"], one["role"], one["format"]) for one in item.facts["files"]]

    report, printed = ("signatures.json", "signature-report", "json"), ("signatures.pdf", "signature-print", "pdf")
    assert made(NOTED) == [report, printed]
    assert made(NOTED, printed=False) == [report]
    assert made(UNSIGNED) == [report]


def test_the_night_keeps_the_paper_beside_the_report_and_a_rebuild_knows_it(
        archive: Archive, stopped_clock: datetime, tmp_path: Path) -> None:
    root = archive.settings.root
    shutil.copytree(SAMPLES / "trust", root / "trust", dirs_exist_ok=True)
    (root / "inbox" / "ky-so.pdf").write_bytes((PLACE / NOTED).read_bytes())
    (root / "inbox" / "khong-ky.txt").write_text("Báo cáo không ký số.")
    (root / "inbox" / "danh-sach.csv").write_text(
        "Tên tệp;Mã hồ sơ;Số;Ký hiệu\nky-so.pdf;H99.2026.01.VP;112;KH-SNV\nkhong-ky.txt;H99.2026.01.VP;7;BC-SNV\n",
        encoding="utf-8-sig")
    run = CliRunner()
    assert run.invoke(casefile.command, ["plan", "import", str(SAMPLES / "file-plan.xlsx")], obj=root).exit_code == 0
    nightly.run(archive)
    by_name = {record["source"]["name"]: record for record in read_documents(archive.store, "H99.2026.01.VP", [1, 2])}
    signed, bare = by_name["ky-so.pdf"], by_name["khong-ky.txt"]
    roles = {file["role"]: file for file in signed["files"]}
    assert roles["signature-print"]["path"] == roles["signature-report"]["path"].replace(".json", ".pdf")
    assert "signature-print" not in {file["role"] for file in bare["files"]}

    def out(role: str) -> bytes:
        place = tmp_path / role
        done = run.invoke(document.command, ["export", signed["code"], "--role", role, "--to", str(place)], obj=root)
        assert done.exit_code == 0, done.output
        return place.read_bytes()

    report, paper = out("signature-report"), out("signature-print")
    assert hashlib.sha256(report).hexdigest() in "".join(pages_of(paper))
    assert report_pdf(json.loads(report), title="ky-so.pdf") == paper
    assert run.invoke(document.command, ["show", signed["code"]], obj=root).exit_code == 0
    assert nightly.run(archive).batch == ""

    def rows() -> list[tuple[str, str, str]]:
        with archive.catalogue.session() as session:
            return sorted((row.path, row.role, row.sha256) for row in session.query(model.File))

    before = rows()
    rebuild(archive)
    assert rows() == before and "signature-print" in {role for _, role, _ in before}
    archive.close()
    again = opening.open_archive(load_settings(root))
    assert again.settings.signatures.printed
    again.close()


# --- the command ----------------------------------------------------------------------------------------------------

def test_a_folder_that_cannot_be_made_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("ingest.signatures.isolated.verify_files", lambda *_given: 1 / 0)
    for place in (tmp_path / "file" / "x", Path("/proc/x")):
        done = CliRunner().invoke(signature_command.command, ["verify", str(PLACE / NOTED), "--pdf", str(place)])
        assert done.exit_code == 2 and str(place) in done.output and "Errno" not in done.output



def test_the_command_prints_a_report_of_each_file_and_overwrites_none(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    again = Path(shutil.copy(PLACE / NOTED, tmp_path / "a" / NOTED))
    long = Path(shutil.copy(PLACE / UNSIGNED, tmp_path / f"{'ặ' * 82}.pdf"))        # 250 bytes
    arguments = ["verify", str(PLACE / NOTED), str(again), str(long), "--trust", str(SAMPLES / "trust"),
                 "--pdf", str(tmp_path / "bao-cao"), "--json"]
    done = CliRunner().invoke(signature_command.command, arguments)
    assert done.exit_code == 3, done.output
    told = json.loads(done.stdout)
    names = [NOTED, f"{NOTED}-2", long.name.encode()[:200].decode(errors="ignore")]
    assert sorted(path.name for path in (tmp_path / "bao-cao").iterdir()) == sorted(
        f"{name}.signatures.{suffix}" for name in names for suffix in ("json", "pdf"))
    for name, one in zip(names, told, strict=True):
        report = (tmp_path / "bao-cao" / f"{name}.signatures.json").read_bytes()
        paper = (tmp_path / "bao-cao" / f"{name}.signatures.pdf").read_bytes()
        assert json.loads(report)["files"] == [one] and json.loads(report)["verdict"] == one["verdict"]
        assert hashlib.sha256(report).hexdigest() in "".join(pages_of(paper))
        assert verdict_lines(paper, "vi")[0] == one["verdict"]
    kept = {path: path.read_bytes() for path in (tmp_path / "bao-cao").iterdir()}
    refused = CliRunner().invoke(signature_command.command, arguments)
    assert refused.exit_code == 2
    assert {path: path.read_bytes() for path in (tmp_path / "bao-cao").iterdir()} == kept
