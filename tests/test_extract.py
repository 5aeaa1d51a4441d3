"""Promises of the extract stage: the text of every format, whole and mended; received files stay as they came."""

import hashlib
import json
import os
import time
import unicodedata
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.findings import Level
from archive.settings import IngestSettings, Settings
from ingest.extract import libreoffice, raw, rtf
from ingest.item import Context, Item, Part
from ingest.stages.extract import TEXT, extract, separator
from search.encodings import to_tcvn3, to_vni

PAGE = """ỦY BAN NHÂN DÂN
TỈNH LONG AN
CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM
Độc lập - Tự do - Hạnh phúc
Số: 24/2019/QĐ-UBND
Long An, ngày 17 tháng 6 năm 2019
QUYẾT ĐỊNH
Ban hành quy chế tiếp nhận, xử lý, phát hành và quản lý văn bản điện tử
ỦY BAN NHÂN DÂN TỈNH LONG AN
Căn cứ Luật Lưu trữ ngày 11/11/2011;"""
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
S = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
ODF = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{full}:1.0"' for name, full in (
    ("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"), ("draw", "drawing")))


def make_pdf(path: Path, pages: list[str], mapped: bool = True) -> Path:
    """A PDF whose font has codes of its own and a map to Unicode; without the map its text layer is garbage."""
    signs = sorted({sign for page in pages for sign in page if sign != "\n"})
    code = {sign: number for number, sign in enumerate(signs, 33)}
    assert len(code) < 220
    pdf = pikepdf.new()
    mapping = "".join(f"<{number:02x}> <{ord(sign):04x}>\n" for sign, number in code.items())
    cmap = pdf.make_stream(("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def "
                            "/CMapType 2 def 1 begincodespacerange <00> <ff> endcodespacerange "
                            f"{len(code)} beginbfchar\n{mapping}endbfchar endcmap end end").encode())
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica,
                              FirstChar=33, LastChar=255, Widths=[500] * 223)
    if mapped:
        font.ToUnicode = cmap
    font = pdf.make_indirect(font)
    for text in pages:
        page = pdf.add_blank_page(page_size=(595, 842))
        lines = ["".join(f"{code[sign]:02x}" for sign in line) for line in text.split("\n")]
        shown = "".join(f"<{line}> Tj 0 -14 Td\n" for line in lines)
        page.obj.Contents = pdf.make_stream(f"BT /F 10 Tf 20 800 Td {shown} ET".encode())
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=font))
    pdf.save(path, static_id=True)
    return path


def make_zip(path: Path, parts: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def run(text: str, font: str = "") -> str:
    properties = f'<w:rPr><w:rFonts w:ascii="{font}"/></w:rPr>' if font else ""
    return f'<w:r>{properties}<w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def par(*runs: str, style: str = "") -> str:
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}{''.join(runs)}</w:p>"


def make_docx(path: Path, body: str, **more: str) -> Path:
    relations = "".join(f'<Relationship Id="{name}" Type="http://x/{name}" Target="{name}.xml"/>' for name in more)
    return make_zip(path, {
        "_rels/.rels": '<Relationships><Relationship Id="a" Type="http://x/officeDocument" Target="word/document.xml"/>'
                       "</Relationships>",
        "word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": f"<Relationships>{relations}</Relationships>",
        **{f"word/{name}.xml": f"<w:x {W}>{text}</w:x>" for name, text in more.items()}})


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Settings(root=tmp_path / "archive"), date(2026, 1, 5))


def item_of(folder: Path, *paths: Path, fields: dict[str, str] | None = None) -> Item:
    parts = [Part(path.name, "original" if number == 0 else "attachment", path, path.stat().st_size,
                  hashlib.sha256(path.read_bytes()).hexdigest(), "", path.suffix[1:])
             for number, path in enumerate(paths)]
    return Item("1", "inbox", paths[0].name, folder, parts, datetime(2026, 1, 5, tzinfo=UTC), dict(fields or {}))


def text_of(item: Item) -> str:
    return (item.folder / TEXT).read_text(encoding="utf-8")


def codes(findings: list) -> list[str]:
    return [found.code for found in findings]


def one(tmp_path: Path, context: Context, path: Path, **fields: str) -> tuple[str, Item, list]:
    item = item_of(tmp_path, path, fields=fields)
    findings = extract(item, context)
    return text_of(item), item, findings


def test_received_files_keep_their_bytes_and_a_second_run_gives_the_same(tmp_path, context):
    paths = [make_pdf(tmp_path / "a.pdf", [PAGE]), make_docx(tmp_path / "b.docx", par(run("Phụ lục"))),
             tmp_path / "c.txt"]
    paths[2].write_bytes(to_tcvn3("Danh mục hồ sơ, tài liệu nộp lưu vào lưu trữ cơ quan"))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}
    item = item_of(tmp_path, *paths)
    first = extract(item, context)
    text, facts = (tmp_path / TEXT).read_bytes(), json.dumps(item.facts)
    assert [one.as_dict() for one in extract(item, context)] == [one.as_dict() for one in first]
    assert (tmp_path / TEXT).read_bytes() == text
    assert json.dumps(item.facts) == facts
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "b.docx", "c.txt", TEXT]


def test_a_born_digital_pdf_gives_its_lines_page_by_page(tmp_path, context):
    text, item, findings = one(tmp_path, context, make_pdf(tmp_path / "a.pdf", [PAGE, "Trang hai"]))
    assert text == f"{PAGE}\fTrang hai"
    facts = item.facts["extract"]
    assert (facts["pages"], facts["encoding"], facts["language_guess"]) == (2, "unicode", "vi")
    assert facts["by_part"][0]["source"] == "text layer"
    assert facts["heading"]["codeNumber"] == "24"
    assert item.facts["files"] == [{"path": TEXT, "role": "text", "format": "txt"}]
    assert findings == []


def test_the_parts_follow_the_main_one_each_under_its_name(tmp_path, context):
    name = "phụ lục\n\x07số 1.txt"
    (tmp_path / "p.txt").write_text("Phụ lục một", encoding="utf-8")
    item = item_of(tmp_path, make_pdf(tmp_path / "a.pdf", [PAGE]), tmp_path / "p.txt")
    item.parts[1].name = unicodedata.normalize("NFD", name)
    item.parts.insert(0, Part("edxml.xml", "message", tmp_path / "p.txt", 1, "", "", "xml"))
    extract(item, context)
    assert text_of(item) == f"{PAGE}\f----- phụ lục số 1.txt -----\nPhụ lục một"
    assert [noted["name"] for noted in item.facts["extract"]["by_part"]] == ["a.pdf", item.parts[2].name]


@given(st.text())
def test_the_separator_is_always_one_line(name):
    assert len(separator(name).splitlines()) == 1


def test_a_scan_takes_its_recognised_text_and_keeps_the_layer_of_its_other_pages(tmp_path, context):
    item = item_of(tmp_path, make_pdf(tmp_path / "a.pdf", ["lớp chữ cũ", "Trang sinh ra từ máy"]),
                   fields={"codeNumber": "99"})
    (tmp_path / "ocr.txt").write_text(f"{PAGE}\f", encoding="utf-8")
    item.facts["digitise"] = {"scan": True, "text": "ocr.txt", "pages": [{"page": 1, "kind": "picture"},
                                                                         {"page": 2, "kind": "text"}]}
    findings = extract(item, context)
    assert text_of(item) == f"{PAGE}\fTrang sinh ra từ máy"
    assert item.facts["extract"]["by_part"][0]["source"] == "both"
    assert [(found.code, found.level) for found in findings] == [("EXTRACT-011", Level.note)]


def test_a_scanned_picture_without_recognised_text_is_pointed_out(tmp_path, context):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")
    item = item_of(tmp_path, tmp_path / "a.jpg")
    item.facts["digitise"] = {"scan": True, "pages": []}
    assert codes(extract(item, context)) == ["EXTRACT-001"]
    assert text_of(item) == ""


def test_a_pdf_without_a_text_layer_is_pointed_out(tmp_path, context):
    assert codes(one(tmp_path, context, make_pdf(tmp_path / "a.pdf", [" "]))[2]) == ["EXTRACT-001"]


def test_a_text_layer_without_meaning_is_pointed_out_and_other_languages_are_not(tmp_path, context):
    assert codes(one(tmp_path, context, make_pdf(tmp_path / "a.pdf", [PAGE], mapped=False))[2]) == ["EXTRACT-005"]
    private = "".join(chr(0xE000 + ord(sign) % 200) for sign in PAGE.replace("\n", ""))
    assert codes(one(tmp_path, context, make_pdf(tmp_path / "b.pdf", [private]))[2]) == ["EXTRACT-005"]
    english = "The Government issued a decree on clerical work; archives shall be kept for ten years by all. " * 3
    assert one(tmp_path, context, make_pdf(tmp_path / "c.pdf", [english]))[2] == []
    numbers = "\n".join(f"{n} {n * 7} {n * 13},5 Q{n}" for n in range(100, 140))
    assert one(tmp_path, context, make_pdf(tmp_path / "d.pdf", [numbers]))[2] == []


def test_a_legacy_font_in_a_pdf_is_read_by_its_letters(tmp_path, context):
    shown = to_tcvn3("Căn cứ Luật Lưu trữ; theo đề nghị của Chánh Văn phòng").decode("latin-1")
    text, item, findings = one(tmp_path, context, make_pdf(tmp_path / "a.pdf", [shown]))
    assert text == "Căn cứ Luật Lưu trữ; theo đề nghị của Chánh Văn phòng"
    assert codes(findings) == ["EXTRACT-002"]
    assert item.facts["extract"]["encoding"] == "tcvn3"


def test_mended_letters_are_counted_and_said(tmp_path, context):
    text, item, findings = one(tmp_path, context, make_pdf(tmp_path / "a.pdf", ["môi trƣờng điện tử của nhà nƣớc"]))
    assert text == "môi trường điện tử của nhà nước"
    assert item.facts["extract"]["repairs"] == {"oi_letter": 2}
    assert codes(findings) == ["EXTRACT-003"]
    assert "ƣ → ư (2)" in findings[0].sentence("vi")


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7\nnothing", make_pdf.__doc__.encode()])
def test_a_broken_pdf_is_a_finding_and_no_error(tmp_path, context, data):
    (tmp_path / "a.pdf").write_bytes(data)
    assert codes(one(tmp_path, context, tmp_path / "a.pdf")[2]) == ["EXTRACT-006"]


def test_a_pdf_with_a_password_is_a_finding(tmp_path, context):
    make_pdf(tmp_path / "open.pdf", [PAGE])
    with pikepdf.open(tmp_path / "open.pdf") as pdf:
        pdf.save(tmp_path / "a.pdf", encryption=pikepdf.Encryption(owner="o", user="u"))
    assert codes(one(tmp_path, context, tmp_path / "a.pdf")[2]) == ["EXTRACT-006"]


def test_pages_beyond_the_limit_are_left_out_and_said(tmp_path):
    context = Context(Settings(root=tmp_path, ingest=IngestSettings(max_pages=1)), date(2026, 1, 5))
    text, _, findings = one(tmp_path, context, make_pdf(tmp_path / "a.pdf", ["Trang một", "Trang hai"]))
    assert (text, codes(findings)) == ("Trang một", ["EXTRACT-010"])


def test_a_text_beyond_the_limit_is_cut_and_said(tmp_path, context, monkeypatch):
    monkeypatch.setattr(raw, "MAX_CHARACTERS", 7)
    (tmp_path / "a.txt").write_text("một hai ba", encoding="utf-8")
    text, _, findings = one(tmp_path, context, tmp_path / "a.txt")
    assert (text, codes(findings)) == ("một hai", ["EXTRACT-010"])


def test_docx_gives_headers_tables_boxes_notes_and_pages_but_no_deleted_text(tmp_path, context):
    box = par(run("trước "), f"<w:r><w:pict><w:txbxContent>{par(run('TRONG KHUNG'))}</w:txbxContent></w:pict></w:r>",
              run("sau"))
    once = f"<w:txbxContent>{par(run('MỘT LẦN'))}</w:txbxContent>"
    both = f'<AlternateContent xmlns=""><Choice>{once}</Choice><Fallback>{once}</Fallback></AlternateContent>'
    twice = par(f"<w:r>{both}</w:r>")
    cells = ["".join(f"<w:tc>{par(run(cell))}</w:tc>" for cell in row) for row in (("Số", "Tên"), ("1", "Báo cáo"))]
    head = f"<w:tc>{par(run('UBND TỈNH'))}{par(run('SỞ NỘI VỤ'))}</w:tc><w:tc>{par(run('Độc lập'))}</w:tc>"
    rows = "".join(f"<w:tr>{row}</w:tr>" for row in cells)
    changed = par(run("một"), f"<w:del>{run('BỎ')}<w:r><w:delText>BỎ</w:delText></w:r></w:del>",
                  f"<w:ins>{run(' hai')}</w:ins><w:r><w:instrText>PAGE</w:instrText><w:tab/><w:t>ba</w:t></w:r>")
    body = (f"<w:tbl><w:tr>{head}</w:tr></w:tbl><w:tbl>{rows}</w:tbl>{changed}{box}{twice}"
            + par('<w:r><w:br w:type="page"/></w:r>')
            + f"<w:sdt><w:sdtContent>{par(run('Trang hai'))}</w:sdtContent></w:sdt>")
    path = make_docx(tmp_path / "a.docx", body, header=par(run("CÔNG BÁO")), footer=par(run("chân trang")),
                     footnotes='<w:footnote w:id="-1">' + par(run("kẻ")) + '</w:footnote><w:footnote w:id="2">'
                               + par(run("chú thích")) + "</w:footnote>")
    text, item, findings = one(tmp_path, context, path)
    assert text.replace("\n", "|") == ("CÔNG BÁO|UBND TỈNH|SỞ NỘI VỤ|Độc lập|Số\tTên|1\tBáo cáo|một hai\tba|trước sau|"
                                       "TRONG KHUNG||MỘT LẦN\fTrang hai|chú thích|chân trang")
    assert findings == []
    assert item.facts["extract"]["pages"] == 2


def test_docx_converts_runs_by_their_font_and_its_styles(tmp_path, context):
    styles = ('<w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii="Arial"/></w:rPr></w:rPrDefault></w:docDefaults>'
              '<w:style w:type="paragraph" w:styleId="Cu"><w:rPr><w:rFonts w:ascii=".VnTime"/></w:rPr></w:style>'
              '<w:style w:type="paragraph" w:styleId="Con"><w:basedOn w:val="Cu"/></w:style>')
    body = (par(run("Céng b¸o"), run(" Độc lập ", "Arial"), run("sè ", ".VnTimeH"), run("soá", "VNI-Times"),
                style="Con")
            + par(run("Céng", "Times New Roman")) + par(run("nga", "VNI-Times"), run("øy", "VNI-Times")))
    text, item, findings = one(tmp_path, context, make_docx(tmp_path / "a.docx", body, styles=styles))
    assert text == "Cộng báo Độc lập SỐ số\nCéng\nngày"
    assert item.facts["extract"]["repairs"] == {"from_tcvn3": 2, "from_vni": 2}
    assert codes(findings) == ["EXTRACT-002"]
    assert findings[0].params["confidence"] == "100%"


def make_xlsx(path: Path) -> Path:
    styles = (f'<styleSheet {S}><numFmts>'
              '<numFmt numFmtId="164" formatCode="&quot;ngày&quot; dd\\/mm\\/yyyy"/></numFmts>'
              '<fonts><font><name val="Arial"/></font><font><name val=".VnTime"/></font></fonts><cellXfs>'
              '<xf numFmtId="0" fontId="0"/><xf numFmtId="164" fontId="0"/><xf numFmtId="9" fontId="0"/>'
              '<xf numFmtId="0" fontId="1"/><xf numFmtId="22" fontId="0"/><xf numFmtId="20" fontId="0"/></cellXfs>'
              "</styleSheet>")
    sheet = (f'<worksheet {S}><sheetData><row><c t="s"><v>0</v></c><c t="s" s="3"><v>1</v></c>'
             '<c t="inlineStr"><is><t>Ghi\nchú</t></is></c></row><row/>'
             '<row><c s="1"><v>45356</v></c><c s="2"><v>0.25</v></c><c s="4"><v>45356.604166666664</v></c>'
             '<c s="5"><v>0.5</v></c><c><v>1234567.5</v></c><c t="b"><v>1</v></c>'
             '<c t="str"><f>A1</f><v>Tổng</v></c></row>'
             "</sheetData></worksheet>")
    return make_zip(path, {
        "_rels/.rels": '<Relationships><Relationship Id="a" Type="http://x/officeDocument" Target="xl/workbook.xml"/>'
                       "</Relationships>",
        "xl/workbook.xml": f'<workbook {S} {R}><sheets><sheet name="Sổ công văn" r:id="s1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels":
            '<Relationships><Relationship Id="s1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/>'
            '<Relationship Id="s2" Type="http://x/styles" Target="/xl/styles.xml"/>'
            '<Relationship Id="s3" Type="http://x/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/styles.xml": styles, "xl/worksheets/sheet1.xml": sheet,
        "xl/sharedStrings.xml": f'<sst {S}><si><r><t>Độc </t></r><r><rPr><rFont val=".VnTime"/></rPr><t>lËp</t></r>'
                                "</si><si><t>Céng b¸o</t></si></sst>"})


def test_xlsx_gives_sheets_with_the_values_that_are_shown(tmp_path, context):
    text, _, _ = one(tmp_path, context, make_xlsx(tmp_path / "a.xlsx"))
    assert text == ("Sổ công văn\nĐộc lập\tCộng báo\tGhi chú\n"
                    "05/03/2024\t25%\t05/03/2024 14:30\t12:00\t1234567.5\tTRUE\tTổng")


def test_a_table_is_not_read_as_the_head_of_a_page(tmp_path, context):
    (tmp_path / "a.csv").write_text(PAGE, encoding="utf-8")
    _, item, findings = one(tmp_path, context, tmp_path / "a.csv", organName="Sở Y tế", codeNumber="25")
    assert (item.facts["extract"]["heading"], findings) == ({}, [])


def test_open_documents_give_text_tables_sheets_and_margins(tmp_path, context):
    styles = (f"<office:x {ODF}>"
              "<style:style style:name='S'><style:text-properties style:font-name='.VnTime'/></style:style>"
              "<style:master-page><style:header><text:p>CÔNG BÁO</text:p></style:header></style:master-page>"
              "</office:x>")
    content = (f"<office:x {ODF}><office:automatic-styles><style:style style:name='P' style:parent-style-name='S'/>"
               "</office:automatic-styles><office:body><office:text><text:tracked-changes><text:p>BỎ</text:p>"
               "</text:tracked-changes>"
               "<text:p text:style-name='P'>Céng<text:s text:c='2'/><text:span>b¸o</text:span></text:p>"
               "<table:table><table:table-row><table:table-cell><text:p>1</text:p></table:table-cell><table:table-cell>"
               "<text:p>hai</text:p></table:table-cell></table:table-row></table:table><text:p>Một<text:tab/>hai<draw:frame>"
               "<draw:text-box><text:p>KHUNG</text:p></draw:text-box></draw:frame></text:p>"
               "</office:text></office:body></office:x>")
    path = make_zip(tmp_path / "a.odt", {"content.xml": content, "styles.xml": styles})
    assert one(tmp_path, context, path)[0] == "CÔNG BÁO\nCộng  báo\n1\thai\nMột\thai\nKHUNG"
    sheet = (f"<office:x {ODF}><office:body><office:spreadsheet><table:table table:name='Sổ'><table:table-row>"
             "<table:table-cell><text:p>Số</text:p></table:table-cell>"
             "<table:table-cell table:number-columns-repeated='16384'/></table:table-row>"
             "<table:table-row table:number-rows-repeated='1000000'><table:table-cell/></table:table-row>"
             "</table:table><table:table table:name='Hai'/></office:spreadsheet></office:body></office:x>")
    assert one(tmp_path, context, make_zip(tmp_path / "a.ods", {"content.xml": sheet}))[0] == "Sổ\nSố\t\fHai"


def test_pptx_gives_its_slides_in_the_order_of_the_show(tmp_path, context):
    a = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    shown = "<a:p><a:r><a:t>Trang </a:t></a:r><a:r><a:t>{n}</a:t></a:r></a:p>"
    slides = {f"ppt/slides/slide{n}.xml": f"<sld {a}>{shown.format(n=n)}</sld>" for n in (1, 2)}
    path = make_zip(tmp_path / "a.pptx", {
        "ppt/presentation.xml": f'<p {R}><sldIdLst><sldId r:id="two"/><sldId r:id="one"/></sldIdLst></p>',
        "ppt/_rels/presentation.xml.rels": '<R><x Id="one" Type="/slide" Target="slides/slide1.xml"/>'
                                           '<x Id="two" Type="/slide" Target="slides/slide2.xml"/></R>', **slides})
    assert one(tmp_path, context, path)[0].split("\f") == ["Trang 2", "Trang 1"]


@pytest.mark.parametrize("parts", [{"word/other.xml": "<a/>"}, {"word/document.xml": "<w:document"},
                                   {"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}])
def test_a_hostile_or_broken_office_file_is_a_finding_and_no_error(tmp_path, context, parts):
    assert codes(one(tmp_path, context, make_zip(tmp_path / "a.docx", parts))[2]) == ["EXTRACT-006"]
    (tmp_path / "b.docx").write_bytes(b"PK\x03\x04 cut")
    assert codes(one(tmp_path, context, tmp_path / "b.docx")[2]) == ["EXTRACT-006"]


RTF = (rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman\fcharset0 Times New Roman;}{\f1 .VnTime;}"
       rb"{\f2\fcharset163 Arial;}}{\stylesheet{\s0 Normal;}}{\*\generator X;}{\header C\u212?NG B\u193?O\par}"
       rb"\f1 C\'e9ng b\'b8o\f0\par{\pict 0102}\trowd S\u7889?\cell T\'eAn\cell\row\f2 Vi\'EA\'f2t{\v \u7889?}\par"
       rb"\uc2\u272 xx\u7897 xxc\~l\_p \{1\}\page Trang hai}")


def test_rtf_gives_its_text_with_headers_by_font_and_charset(tmp_path, context):
    (tmp_path / "a.rtf").write_bytes(RTF)
    text, item, _ = one(tmp_path, context, tmp_path / "a.rtf")
    assert text == "CÔNG BÁO\nCộng báo\nSố\tTên\nViệt\nĐộc l-p {1}\fTrang hai"
    assert item.facts["extract"]["repairs"]["from_tcvn3"] == 1


@given(st.lists(st.sampled_from([b"{", b"}", b"\\u-1?", b"\\uc9", b"\\'", b"\\'e9", b"\\f1 ", b"\\*", b"\\fonttbl",
                                 b"a", b"\\bin5 ", b"\\u55357?\\u56832?", b"\\", b"\\fcharset163",
                                 b"\\ansicpg99 ", b"\xff"])))
def test_no_rtf_breaks_the_reader(tokens):
    text = "".join(rtf.read(b"{\\rtf1" + b"".join(tokens)).pages)
    assert text.encode("utf-8").decode("utf-8") == text


def test_html_gives_what_a_browser_shows(tmp_path, context):
    (tmp_path / "a.htm").write_bytes(b"<meta charset=x><title>T&#234;n</title><script>x='B'</script>"
                                     b"<p>S&#7889; 1<br>hai</p>"
                                     b"<table><tr><td>a<td>b</table><style>p{}</style>")
    assert one(tmp_path, context, tmp_path / "a.htm")[0] == "Tên\nSố 1\nhai\na\tb"


def test_text_files_are_read_from_legacy_encodings_and_doubts_are_said(tmp_path, context):
    (tmp_path / "a.csv").write_bytes(to_vni("Số,Ngày,Trích yếu\n1,05/03/2024,Báo cáo công tác lưu trữ\n"))
    text, _, findings = one(tmp_path, context, tmp_path / "a.csv")
    assert (text, codes(findings)) == ("Số,Ngày,Trích yếu\n1,05/03/2024,Báo cáo công tác lưu trữ\n", ["EXTRACT-002"])
    (tmp_path / "b.txt").write_bytes("Größe, Käse".encode("latin-1"))
    assert codes(one(tmp_path, context, tmp_path / "b.txt")[2]) == ["EXTRACT-004"]
    (tmp_path / "c.txt").write_text("Größe, Käse", encoding="utf-8")
    assert one(tmp_path, context, tmp_path / "c.txt")[2] == []


def test_what_the_page_says_against_the_registry_is_a_warning_with_both(tmp_path, context):
    path = make_pdf(tmp_path / "a.pdf", [PAGE])
    _, item, findings = one(tmp_path, context, path, codeNumber="25", issuedDate="18/06/2019", organName="Sở Y tế")
    assert codes(findings) == ["EXTRACT-011", "EXTRACT-013", "EXTRACT-014"]
    assert all(found.level is Level.warning for found in findings)
    assert "25" in findings[0].sentence("vi") and "24" in findings[0].sentence("vi")
    assert item.fields == {"codeNumber": "25", "issuedDate": "18/06/2019", "organName": "Sở Y tế"}
    assert one(tmp_path, context, path, codeNumber="24", organName="UBND tỉnh Long An")[2] == []


# --- LibreOffice: a stand-in on PATH shows what the real one may do --------------------------------------


@pytest.fixture
def office(tmp_path, monkeypatch):
    """Put a program `soffice` on PATH that runs the given lines of shell; its last argument is the file."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def install(lines: str) -> None:
        program = folder / "soffice"
        program.write_text("#!/bin/sh\n[ \"$1\" = --version ] && { echo LibreOffice 7.9 x; exit; }\n" + lines)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/bin{os.pathsep}/usr/bin")

    libreoffice.version.cache_clear()
    return install


def doc(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "a.doc"
    path.parent.mkdir()
    path.write_bytes(b"\xd0\xcf\x11\xe0 old")
    return path


def test_a_doc_is_read_through_libreoffice_from_a_copy(tmp_path, context, office):
    made = make_docx(tmp_path / "made.docx", par(run("Céng b¸o", ".VnTime")))
    office(f'for last; do :; done; echo x >> "$last"; mkdir -p out; cp "{made}" out/document.docx')
    path = doc(tmp_path)
    text, item, _ = one(path.parent, context, path)
    assert text == "Cộng báo"
    assert path.read_bytes() == b"\xd0\xcf\x11\xe0 old"
    assert item.facts["extract"]["by_part"][0]["tool"] == "LibreOffice 7.9"
    assert item.facts["extract"]["by_part"][0]["source"] == "converted"


def test_without_libreoffice_a_doc_is_a_finding_with_the_cure(tmp_path, context, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = doc(tmp_path)
    _, _, findings = one(path.parent, context, path)
    assert codes(findings) == ["EXTRACT-007"]
    assert "apt install" in findings[0].cure("vi")


@pytest.mark.parametrize("lines", ["exit 3", "exit 0"])
def test_a_failed_conversion_is_a_finding(tmp_path, context, office, lines):
    office(lines)
    path = doc(tmp_path)
    assert codes(one(path.parent, context, path)[2]) == ["EXTRACT-009"]


def test_a_conversion_that_hangs_is_ended_with_all_that_it_started(tmp_path, office):
    office(f"sleep 60 & echo $! > '{tmp_path}/child'; wait")
    context = Context(Settings(root=tmp_path, ingest=IngestSettings(item_seconds=2)), date(2026, 1, 5))
    path = doc(tmp_path)
    assert codes(one(path.parent, context, path)[2]) == ["EXTRACT-008"]
    child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    for _ in range(50):
        if not child.exists() or child.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    assert not child.exists() or child.read_text().split()[2] == "Z"
