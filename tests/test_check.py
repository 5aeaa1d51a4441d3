"""The check stage: every file is taken for what its bytes are, and nothing hostile gets past it or brings it down.

The files come from tests/check_files.py; the secrecy gate has tests of its own (tests/test_secrecy.py).
"""

from __future__ import annotations

import io
import sys
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pikepdf
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as rules_for
from hypothesis import strategies as st

from archive.findings import Finding, Level, rules, worst
from archive.settings import IngestSettings, Settings
from ingest import compound, containers, formats, repertoire, virus, xmlsafe
from ingest.item import Context, Item, Part
from ingest.stages.check import check, metadata_findings
from tests.check_files import (
    CASES,
    PDF,
    PROGRAM,
    XXE,
    compound_file,
    docx_file,
    lying_zip,
    odt_file,
    overlapping_zip,
    pdf_file,
    picture_file,
    zip_file,
)

NIGHT = date(2026, 5, 2)
SMALL = {"max_file_mb": 1, "max_pages": 5, "max_pixels": 40_000_000, "archive_max_entries": 50,
         "archive_max_unpacked_mb": 20, "xml_max_depth": 20, "xml_max_elements": 1000}


ELSEWHERE = {"CHECK-060", "CHECK-062", "CHECK-063", "CHECK-064", "CHECK-065",      # tests/test_secrecy.py
             "CHECK-070", "CHECK-071",                                             # below
             "CHECK-090", "CHECK-091", "CHECK-092"}                                # duplicates: collect and file


def an_item(folder: Path, name: str, data: bytes, **more: str) -> Item:
    received = folder / "received"
    received.write_bytes(data)
    part = Part(name, more.pop("role", "original"), received, len(data), "", "")  # type: ignore[arg-type]
    return Item("1", "test", name, folder, [part], datetime(2026, 5, 2, tzinfo=UTC), more)


def checked(folder: Path, name: str, data: bytes, profile: str = "tt05_2025", role: str = "original",
            **ingest: object) -> list[Finding]:
    """The findings of the stage on one file, without those of the field tables."""
    settings = Settings(profile=profile, ingest=IngestSettings(**{**SMALL, **ingest}))  # type: ignore[arg-type]
    found = check(an_item(folder, name, data, role=role), Context(settings, NIGHT))
    return [each for each in found if not each.code.startswith("META")]


def codes(folder: Path, name: str, data: bytes, **more: object) -> set[str]:
    return {found.code for found in checked(folder, name, data, **more)}  # type: ignore[arg-type]


# --- one case for each code -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "name", "data"), CASES,
                         ids=[f"{code}-{at}" for at, (code, _, _) in enumerate(CASES)])
def test_each_fault_is_found_and_said_in_both_languages(code: str, name: str, data: bytes, tmp_path: Path) -> None:
    found = {each.code: each for each in checked(tmp_path, name, data, extra_formats=["xml", "tif"])}
    assert code in found
    assert found[code].level is rules()[code].level
    for language in ("vi", "en"):
        assert "…" not in found[code].sentence(language)
        assert "{" not in found[code].sentence(language) + found[code].cure(language)


def test_every_code_of_the_section_has_a_case() -> None:
    section = {code for code in rules() if code.startswith("CHECK-")}
    assert section == {code for code, _, _ in CASES} | ELSEWHERE


@pytest.mark.parametrize(("name", "data"), [
    ("a.pdf", PDF), ("a.docx", docx_file()), ("a.odt", odt_file()),
    ("a.doc", compound_file({"WordDocument": b"\xec\xa5"})),
    ("a.xls", compound_file({"Workbook": b"\x09\x08\x02\x00\x00\x06"})), ("a.rtf", b"{\\rtf1 a}"),
    ("a.txt", "Cộng hòa xã hội chủ nghĩa Việt Nam".encode()), ("a.txt", "Việt Nam".encode("utf-16")),
    ("a.csv", b"a;b\n1;2\n"), ("a.jpg", picture_file("JPEG")), ("a.png", picture_file("PNG")),
    ("a.tif", picture_file("TIFF")), ("a.gif", picture_file("GIF")), ("a.htm", b"<html><p>a</p></html>"),
    ("báo cáo tuần.pdf", pdf_file(5, size=(842, 1191)))])
def test_a_sound_file_has_no_finding(name: str, data: bytes, tmp_path: Path) -> None:
    assert checked(tmp_path, name, data) == []


def test_a_received_file_keeps_its_bytes(tmp_path: Path) -> None:
    for _, name, data in CASES:
        checked(tmp_path, name, data)
        assert (tmp_path / "received").read_bytes() == data


def test_the_stage_says_the_same_when_it_runs_twice(tmp_path: Path) -> None:
    item = an_item(tmp_path, "a.docx", PDF, secrecy="Mật")
    context = Context(Settings(), NIGHT)
    first, facts = check(item, context), str(item.facts)
    assert check(item, context) == first
    assert str(item.facts) == facts
    assert {"CHECK-004", "CHECK-060"} <= {found.code for found in first}


def test_the_facts_tell_the_format(tmp_path: Path) -> None:
    item = an_item(tmp_path, "a.pdf", pdf_file(3, force_version="1.7"))
    check(item, Context(Settings(), NIGHT))
    facts = item.facts["check"]
    assert (facts["format"], facts["mime"], facts["puid"], facts["pages"]) == ("pdf", "application/pdf", "fmt/276", 3)
    assert facts["parts"][0]["name"] == "a.pdf"
    assert item.main.format == "pdf"


def test_a_pdfa_claim_gives_its_own_pronom_id(tmp_path: Path) -> None:
    def claim(pdf: pikepdf.Pdf) -> None:
        with pdf.open_metadata() as meta:
            meta["pdfaid:part"], meta["pdfaid:conformance"] = "2", "B"
    item = an_item(tmp_path, "a.pdf", pdf_file(change=claim))
    check(item, Context(Settings(), NIGHT))
    assert (item.facts["check"]["pdfa"], item.facts["check"]["puid"]) == ("2b", "fmt/477")


def test_a_page_may_not_grow_by_its_unit(tmp_path: Path) -> None:
    def grow(pdf: pikepdf.Pdf) -> None:
        pdf.pages[0].obj.UserUnit = 50
    assert codes(tmp_path, "a.pdf", pdf_file(change=grow)) == {"CHECK-019"}


def test_damage_is_said_once_and_not_as_a_wrong_format(tmp_path: Path) -> None:
    assert codes(tmp_path, "a.docx", docx_file()[:-30]) == {"CHECK-031"}
    assert codes(tmp_path, "a.doc", compound.MAGIC + b"\x00" * 100) == {"CHECK-026"}
    assert codes(tmp_path, "a.pdf", PDF[:len(PDF) // 2]) == {"CHECK-012"}


def test_one_bad_part_does_not_hide_another(tmp_path: Path) -> None:
    item = an_item(tmp_path, "a.pdf", b"")
    (tmp_path / "b").write_bytes(PROGRAM)
    item.parts.append(Part("b.pdf", "attachment", tmp_path / "b", len(PROGRAM), "", ""))
    found = check(item, Context(Settings(), NIGHT))
    assert {("CHECK-001", "a.pdf"), ("CHECK-006", "b.pdf")} <= {(each.code, each.subject) for each in found}


# --- what may be taken in ------------------------------------------------------------------------------------


def test_the_list_of_the_profile_and_the_day_decides() -> None:
    pptx, dwg = formats.known("pptx"), formats.known("dwg")
    assert formats.is_allowed(pptx, "tt05_2025", date(2026, 5, 2))
    assert not formats.is_allowed(pptx, "tt02_2019", date(2024, 5, 2))
    assert formats.is_allowed(dwg, "tt02_2019", date(2024, 5, 2))
    assert not formats.is_allowed(dwg, "tt05_2025", date(2026, 5, 2))
    assert formats.is_allowed(dwg, "tt05_2025", date(2026, 5, 2), extra=("dwg",))
    assert not formats.is_allowed(formats.known("xlsx"), "tt02_2019", date(2019, 5, 2))
    assert formats.is_allowed(formats.known("xlsx"), "tt02_2019", date(2021, 5, 2))


def test_the_day_of_receipt_is_a_day_in_vietnam(tmp_path: Path) -> None:
    item = an_item(tmp_path, "a.csv", b"a;b\n1;2\n")
    item.received_at = datetime(2020, 7, 24, 18, tzinfo=UTC)                  # 01:00 on 25/07/2020 in Vietnam
    found = check(item, Context(Settings(profile="tt02_2019"), NIGHT))
    assert "CHECK-005" not in {each.code for each in found}


def test_legacy_documents_are_judged_by_the_lists_of_their_regime() -> None:
    late = formats.allowed("tt02_2019", date(2026, 5, 2))
    assert late == formats.allowed("tt02_2019", date(2025, 6, 30))
    assert formats.allowed("tt05_2025", date(2020, 1, 1)) == formats.allowed("tt05_2025", date(2025, 7, 1))


def test_each_allow_list_names_known_formats_and_its_source() -> None:
    for profile in ("tt05_2025", "tt02_2019", "nd30_2020"):
        assert formats.profile_name(profile)
        for entry in formats.allowed(profile, NIGHT):
            assert entry.source
            assert entry.mark in ("read", "reading")
            assert all(formats.known(fmt).kind not in ("program", "script") for fmt in entry.formats)


def test_a_message_is_judged_as_a_message(tmp_path: Path) -> None:
    message = b"<edXML xmlns='http://www.mic.gov.vn/TBT/QCVN_102_2016'><a/></edXML>"
    assert codes(tmp_path, "a.edxml", message, role="message") == set()
    assert codes(tmp_path, "a.edxml", message) == {"CHECK-005"}


def test_settings_may_only_mark_macros(tmp_path: Path) -> None:
    found, = checked(tmp_path, "a.docx", docx_file({"word/vbaProject.bin": b"x"}), macros="warning")
    assert (found.code, found.level) == ("CHECK-008", Level.warning)


def test_a_metadata_fault_holds_a_document_only_where_the_setting_says_so(tmp_path: Path) -> None:
    item = an_item(tmp_path, "a.pdf", PDF, issuedDate="31/02/2026")
    marked = metadata_findings(item, Context(Settings(ingest=IngestSettings(incomplete_fields="warning")), NIGHT))
    held = metadata_findings(item, Context(Settings(ingest=IngestSettings(incomplete_fields="refused")), NIGHT))
    assert worst(marked) is Level.warning
    assert worst(held) is Level.refused
    assert [each.code for each in marked] == [each.code for each in held]
    assert {each.level for each in marked if each.level < Level.warning} == {
        each.level for each in held if each.level < Level.warning}


# --- content, never the name ---------------------------------------------------------------------------------


@given(st.binary(max_size=2000))
@example(b"PK\x03\x04")
@example(b"PK\x05\x06" + b"\x00" * 18)
@example(compound.MAGIC + b"\xff" * 600)
@example(b"<?xml version='1.0' encoding='utf-7'?><a/>")
def test_identifying_never_fails(data: bytes) -> None:
    assert formats.identify(data).format.id


@given(prefix=st.sampled_from([PDF, docx_file(), compound_file({"WordDocument": b"x"}), picture_file("PNG"),
                               picture_file("TIFF"), overlapping_zip(), XXE, PROGRAM]),
       edits=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=30), cut=st.integers(0, 4000))
@rules_for(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_damaged_files_give_findings_not_errors(prefix: bytes, edits: list[tuple[int, int]], cut: int,
                                                tmp_path: Path) -> None:
    data = bytearray(prefix)
    for at, value in edits:
        data[at % len(data)] = value
    assert isinstance(checked(tmp_path, "a.pdf", bytes(data[:max(1, len(data) - cut)])), list)


@given(name=st.text(max_size=20),
       data=st.sampled_from([PDF, docx_file(), PROGRAM, b"a;b\n1;2", b"plain", picture_file("GIF")]))
@rules_for(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_a_name_never_changes_what_a_file_is(name: str, data: bytes, tmp_path: Path) -> None:
    item = an_item(tmp_path, name, data)
    check(item, Context(Settings(), NIGHT))
    assert item.main.format == formats.identify(data).format.id


@pytest.mark.parametrize(("data", "fmt"), [
    (b"", "unknown"), (b"MZ is the start of a text", "txt"), (b"{\\rtf1}", "rtf"), (b"a,b\n1,2\n", "csv"),
    (b'"a, b",c\n"d",e\n', "csv"), (b"one, two\nthree", "txt"), (b"<!-- x --><HTML >", "htm"),
    (b"<?xml version='1.0'?><x:edXML xmlns:x='u'/>", "edxml"), (b"<svg xmlns='s'/>", "svg"),
    (b"\xff\xfe" + "<?xml version='1.0' encoding='utf-16'?><a/>".encode("utf-16-le"), "xml"),
    (b"ID3\x03\x00", "mp3"), (b"RIFF\x00\x00\x00\x00AVI LIST", "avi"), (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
    (b"\x00\x00\x00\x18ftypisom", "mp4"), (b"\x00\x00\x00\x14ftypqt  ", "mov"), (b"Rar!\x1a\x07\x01\x00", "rar"),
    (b"AC1027\x00", "dwg"), (b"L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00F", "lnk"),
    (b"x" * 300 + b"%PDF-1.4 junk before", "txt"), (b"\x00" * 300 + b"%PDF-1.4", "pdf"), (b"\x00" * 600, "unknown"),
    (zip_file({"xl/workbook.xml": b"<a/>", "[Content_Types].xml": b"<a/>"}), "xlsx"),
    (docx_file(main="application/vnd.ms-word.document.macroEnabled.main+xml"), "docm"),
    (zip_file({"ppt/presentation.xml": b"<a/>", "[Content_Types].xml": b"<a/>"}), "pptx")])
def test_content_tells_the_format(data: bytes, fmt: str) -> None:
    assert formats.identify(data).format.id == fmt


def test_a_program_that_pretends_to_be_a_pdf_is_a_program() -> None:
    assert formats.identify(PROGRAM + PDF).format.id == "exe"


# --- containers and XML --------------------------------------------------------------------------------------


def refusal(data: bytes, limits: containers.Limits | None = None) -> str:
    with pytest.raises(containers.ContainerRefused) as caught:
        containers.examine(io.BytesIO(data), limits)
    return caught.value.code


def test_a_container_that_lies_about_its_size_is_not_believed() -> None:
    assert refusal(lying_zip(1 << 20)) == "CHECK-031"


def test_the_limit_counts_over_all_levels_of_nesting() -> None:
    inner = zip_file({"a": b"\x00" * 3_000_000})
    outer = zip_file({"1.zip": inner, "2.zip": inner, "3.zip": inner})
    assert refusal(outer, containers.Limits(unpacked=7_000_000)) == "CHECK-033"
    assert containers.examine(io.BytesIO(outer)).unpacked > 9_000_000


def test_a_bomb_is_not_unpacked_to_be_found_out() -> None:
    bomb = zip_file({"a": b"\x00" * (30 << 20)})
    with pytest.raises(containers.ContainerRefused) as caught, containers.open_zip(io.BytesIO(bomb)):
        pass
    assert caught.value.code == "CHECK-033"


def test_size_alone_is_a_bomb_too_however_badly_it_packs() -> None:
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a", b"x" * 200_000)
    with (pytest.raises(containers.ContainerRefused) as caught,
          containers.open_zip(plain, containers.Limits(unpacked=100_000))):
        pass
    assert caught.value.code == "CHECK-033"


def test_a_directory_that_claims_too_much_is_not_even_read() -> None:
    claim = bytearray(zip_file({"a": b"x"}))
    claim[-12:-10] = (60_000).to_bytes(2, "little")
    assert refusal(bytes(claim)) == "CHECK-032"


def test_nesting_as_office_files_have_it_is_fine() -> None:
    sheet = zip_file({"xl/workbook.xml": b"<a/>"})
    contents = containers.examine(io.BytesIO(docx_file({"word/embeddings/sheet.xlsx": sheet})))
    assert "word/embeddings/sheet.xlsx" in contents.names
    assert contents.programs == []


def test_reading_an_entry_stops_where_it_is_told_to() -> None:
    with containers.open_zip(io.BytesIO(zip_file({"a": b"x" * 500_000}))) as opened:
        assert opened.read("a", 10) == b"x" * 10
        assert len(opened.read("a")) == 500_000


@given(st.binary(max_size=400))
def test_xml_is_read_or_refused_never_expanded(data: bytes) -> None:
    for source in (data, b"<a>" + data + b"</a>"):
        try:
            xmlsafe.parse(source)
        except xmlsafe.XmlRefused as refused:
            assert refused.finding("x").level is Level.refused


def test_parsed_xml_is_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes("<a><b>Tiếng Việt</b></a>".encode())
    assert xmlsafe.parse(tmp_path / "a.xml").findtext("b") == "Tiếng Việt"


def test_xml_beyond_its_size_is_refused() -> None:
    with pytest.raises(xmlsafe.XmlRefused) as caught:
        xmlsafe.check(b"<a>" + b"x" * 200_000 + b"</a>", xmlsafe.Limits(size=100_000))
    assert caught.value.code == "CHECK-042"


def test_entities_of_xml_itself_are_read() -> None:
    assert xmlsafe.parse(b"<a>&amp;&#x1EAD;</a>").text == "&ậ"


# --- characters, viruses -------------------------------------------------------------------------------------


def test_the_repertoire_is_that_of_vietnamese() -> None:
    assert len(repertoire.letters()) == 134
    assert repertoire.stray_letters("Ủy ban nhân dân tỉnh Đắk Lắk, ngữ âm, quýt, ỹ") == ""
    assert repertoire.stray_letters("trƣờng") == "ƣ (U+01A3)"


def scanner(folder: Path, code: int) -> list[str]:
    (folder / "scanner.py").write_text(f"import sys; open(sys.argv[1], 'rb').read(); sys.exit({code})")
    return [sys.executable, str(folder / "scanner.py")]


@pytest.mark.parametrize(("code", "state", "expected"), [
    (0, "clean", set()), (1, "infected", {"CHECK-070"}), (2, "failed", {"CHECK-071"})])
def test_the_virus_scanner_has_its_say(code: int, state: str, expected: set[str], tmp_path: Path) -> None:
    item = an_item(tmp_path, "a.pdf", PDF)
    settings = Settings(ingest=IngestSettings(virus_scanner=scanner(tmp_path, code)))
    found = check(item, Context(settings, NIGHT))
    assert {each.code for each in found if each.code.startswith("CHECK")} == expected
    assert item.facts["check"]["virus"] == state
    assert ("pages" in item.facts["check"]) is (state != "infected")         # nothing else opens an infected file


def test_a_file_that_was_not_scanned_is_never_called_clean(tmp_path: Path) -> None:
    item = an_item(tmp_path, "a.pdf", PDF)
    check(item, Context(Settings(), NIGHT))
    assert item.facts["check"]["virus"] == "not checked"
    state, found = virus.scan(tmp_path / "received", "a.pdf", [str(tmp_path / "no such scanner")])
    assert (state, worst(found)) == ("failed", Level.failed)


def test_a_scanner_that_hangs_is_stopped(tmp_path: Path) -> None:
    state, found = virus.scan(tmp_path, "a.pdf", [sys.executable, "-c", "import time; time.sleep(60)"], seconds=0.2)
    assert (state, [each.code for each in found]) == ("failed", ["CHECK-071"])
