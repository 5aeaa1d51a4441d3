"""Small files for the tests of the check stage, most of them hostile or broken, each made when it is needed.

`CASES` has at least one for each code of the section CHECK of findings.toml.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pikepdf
from PIL import Image

from ingest import compound


def pdf_file(pages: int = 1, size: tuple[int, int] = (595, 842), change: Callable[[pikepdf.Pdf], None] | None = None,
             **save: Any) -> bytes:
    pdf, out = pikepdf.new(), io.BytesIO()
    for _ in range(pages):
        page = pdf.add_blank_page(page_size=size)
        page.obj.Contents = pdf.make_stream(b"0 0 m 100 100 l S " * 20)
    if change:
        change(pdf)
    pdf.save(out, static_id=True, **save)
    return out.getvalue()


def zip_file(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def docx_file(extra: dict[str, bytes] | None = None, document: bytes = b"<w:document xmlns:w='w'/>",
              main: str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml") -> bytes:
    types = f"<Types><Override PartName='/word/document.xml' ContentType='{main}'/></Types>".encode()
    return zip_file({"[Content_Types].xml": types, "word/document.xml": document, **(extra or {})})


def odt_file(manifest: bytes = b'<manifest:manifest manifest:version="1.2"/>', **extra: bytes) -> bytes:
    return zip_file({"mimetype": b"application/vnd.oasis.opendocument.text", "META-INF/manifest.xml": manifest,
                     "content.xml": b"<office:text xmlns:office='o'/>", **extra})


def compound_file(streams: dict[str, bytes], storages: tuple[str, ...] = ()) -> bytes:
    """A compound (OLE) file: header, one table sector, one directory sector, one sector for each stream."""
    header = bytearray(512)
    header[:8] = compound.MAGIC
    struct.pack_into("<HHHHH", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<I", header, 48, 1)
    struct.pack_into("<109I", header, 76, 0, *[0xFFFFFFFF] * 108)
    table = bytearray(b"\xff" * 512)
    struct.pack_into("<II", table, 0, 0xFFFFFFFD, 0xFFFFFFFE)
    directory = bytearray(512)
    names = [("Root Entry", 5, 0), *((name, 1, 0) for name in storages),
             *((name, 2, at) for at, name in enumerate(streams, 2))]
    for at, (name, kind, start) in enumerate(names):
        raw = name.encode("utf-16-le")
        directory[128 * at:128 * at + len(raw)] = raw
        struct.pack_into("<HB", directory, 128 * at + 64, len(raw) + 2, kind)
        struct.pack_into("<I", directory, 128 * at + 116, start)
    return bytes(header + table + directory) + b"".join(data.ljust(512, b"\x00")[:512] for data in streams.values())


def picture_file(fmt: str, size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "white").save(out, fmt)
    return out.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a huge picture."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\x00")) + chunk(b"IEND", b""))


def patched(data: bytes, **flags: int) -> bytes:
    """A ZIP with its flag bits set in both headers of each entry."""
    out = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = out.find(signature)
        while at >= 0:
            struct.pack_into("<H", out, at + offset, flags["flag"])
            at = out.find(signature, at + 4)
    return bytes(out)


def overlapping_zip() -> bytes:
    """Two entries of the directory that point to the same bytes, as in a bomb of overlapping files."""
    data = bytearray(zip_file({"a.txt": b"a" * 50, "b.txt": b"a" * 50}))
    first = data.find(b"PK\x01\x02")
    second = data.find(b"PK\x01\x02", first + 4)
    struct.pack_into("<I", data, second + 42, 0)
    return bytes(data)


def twice_named_zip() -> bytes:
    data = zip_file({"word/a.xml": b"<a/>", "word/b.xml": b"<b/>"})
    return data.replace(b"word/b.xml", b"word/a.xml")


def nested_zip(levels: int) -> bytes:
    data = b"end"
    for level in range(levels):
        data = zip_file({f"{level}.zip" if level else "a.txt": data})
    return data


def lying_zip(size: int) -> bytes:
    """A ZIP bomb whose directory claims to be small."""
    data = bytearray(zip_file({"a.txt": b"\x00" * size}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.find(signature) + offset, 10)
    return bytes(data)


def link_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    return out.getvalue()


def add_script(pdf: pikepdf.Pdf) -> None:
    pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")


def add_named_script(pdf: pikepdf.Pdf) -> None:
    action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
    pdf.Root.Names = pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=pikepdf.Array(["x", action])))


def add_launch(pdf: pikepdf.Pdf) -> None:
    link = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, Rect=[0, 0, 9, 9],
                              A=pikepdf.Dictionary(S=pikepdf.Name.Launch, F="cmd"))
    pdf.pages[0].obj.Annots = pikepdf.Array([pdf.make_indirect(link)])


def add_note(text: str) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        note = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.FreeText, Rect=[0, 0, 9, 9],
                                  Contents=pikepdf.String(text))
        pdf.pages[0].obj.Annots = pikepdf.Array([pdf.make_indirect(note)])
    return change


def add_file(name: str, data: bytes) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        pdf.attachments[name] = pikepdf.AttachedFileSpec(pdf, data, filename=name)
    return change


def add_picture(width: int, height: int) -> Callable[[pikepdf.Pdf], None]:
    def change(pdf: pikepdf.Pdf) -> None:
        image = pdf.make_stream(b"", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=width, Height=height,
                                ColorSpace=pikepdf.Name.DeviceGray, BitsPerComponent=8)
        form = pdf.make_stream(b"", Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=[0, 0, 9, 9],
                               Resources=pikepdf.Dictionary(XObject=pikepdf.Dictionary(I=image)))
        pdf.pages[0].obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(F=form))
    return change


def no_pages(pdf: pikepdf.Pdf) -> None:
    del pdf.pages[0]


def page_lost() -> bytes:
    """A PDF whose page tree points to nothing for its first page, all else being in order."""
    data = pdf_file(3)
    at = data.index(b"/Kids [ ") + len(b"/Kids [ ")
    return data[:at] + b"9" + data[at + 1:]


PROGRAM = b"MZ\x90\x00" + b"\x00" * 60 + b"This program cannot be run in DOS mode."
LAUGHS = (b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">' + b"".join(
    b'<!ENTITY lol%d "%s">' % (n, b"&lol%d;" % (n - 1) * 10 if n else b"&lol;" * 10) for n in range(9))
    + b"]><lolz>&lol8;</lolz>")
XXE = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'
EXTERNAL_DTD = b'<?xml version="1.0"?><!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><r/>'
PDF = pdf_file()

# code, name, content; "+": with further findings that belong to it.
CASES: list[tuple[str, str, bytes]] = [
    ("CHECK-001", "a.pdf", b""),
    ("CHECK-002", "a.txt", b"a" * (2 << 20)),
    ("CHECK-003", "a.pdf", bytes.fromhex("129980616263ff030001617364ffee0199")),
    ("CHECK-004", "a.docx", PDF),
    ("CHECK-005", "a.zip", zip_file({"a.txt": b"a"})),
    ("CHECK-006", "a.exe", PROGRAM),
    ("CHECK-006", "a.pdf", PROGRAM),
    ("CHECK-006", "a.pdf", b"\x7fELF\x02\x01\x01" + b"\x00" * 60),
    ("CHECK-006", "a.docx", zip_file({"META-INF/MANIFEST.MF": b"x", "A.class": b"\xca\xfe\xba\xbe"})),
    ("CHECK-007", "a.bat", b"del x\r\n"),
    ("CHECK-007", "a.txt", b"#!/bin/sh\nrm -rf x\n"),
    ("CHECK-007", "a.hta", b"<html><body>x</body></html>"),
    ("CHECK-008", "a.docx", docx_file({"word/vbaProject.bin": b"x"})),
    ("CHECK-008", "a.docm", docx_file({"word/vbaProject.bin": b"x"},
                                      main="application/vnd.ms-word.document.macroEnabled.main+xml")),
    ("CHECK-008", "a.doc", compound_file({"WordDocument": b"\xec\xa5"}, ("VBA",))),
    ("CHECK-008", "a.odt", odt_file(**{"Basic/Standard/Module1.xml": b"<a/>"})),
    ("CHECK-009", "a", PDF),
    ("CHECK-010", "a.pdf", pdf_file(encryption=pikepdf.Encryption(owner="o", user="u"))),
    ("CHECK-011", "a.pdf", pdf_file(encryption=pikepdf.Encryption(owner="o", user=""))),
    ("CHECK-012", "a.pdf", PDF[:len(PDF) // 2]),
    ("CHECK-012", "a.pdf", b"%PDF-1.7\nnothing of a PDF follows"),
    ("CHECK-012", "a.pdf", page_lost()),
    ("CHECK-013", "a.pdf", PDF[:PDF.rfind(b"startxref")]),
    ("CHECK-013", "a.pdf", b"\r\n--junk--\r\n" + PDF),
    ("CHECK-014", "a.pdf", pdf_file(3, compress_streams=True).decode("utf-8", "replace").encode()),
    ("CHECK-015", "a.pdf", pdf_file(change=add_script)),
    ("CHECK-015", "a.pdf", pdf_file(change=add_named_script)),
    ("CHECK-016", "a.pdf", pdf_file(change=add_file("phụ lục.txt", b"phu luc"))),
    ("CHECK-017", "a.pdf", pdf_file(change=add_launch)),
    ("CHECK-018", "a.pdf", pdf_file(6)),
    ("CHECK-019", "a.pdf", pdf_file(size=(14400, 14400))),
    ("CHECK-020", "a.pdf", pdf_file(change=add_picture(30_000, 30_000))),
    ("CHECK-020", "a.png", png_claiming(30_000, 30_000)),
    ("CHECK-021", "a.pdf", pdf_file(change=no_pages)),
    ("CHECK-022", "a.pdf", pdf_file(change=add_file("a.txt", PROGRAM))),
    ("CHECK-022", "a.pdf", pdf_file(change=add_file("a.vbs", b"x"))),
    ("CHECK-023", "a.htm", b"<html><script>alert(1)</script></html>"),
    ("CHECK-024", "a.jpg", picture_file("JPEG")[:-20]),
    ("CHECK-024", "a.png", picture_file("PNG")[:-20]),
    ("CHECK-024", "a.tif", b"II*\x00\xff\xff\xff\xff"),
    ("CHECK-025", "a.docx", compound_file({"EncryptedPackage": b"x", "EncryptionInfo": b"x"})),
    ("CHECK-025", "a.doc", compound_file({"WordDocument": b"\xec\xa5" + b"\x00" * 8 + b"\x00\x01"})),
    ("CHECK-025", "a.xls", compound_file({"Workbook": b"\x09\x08\x02\x00\x00\x06\x2f\x00\x00\x00"})),
    ("CHECK-025", "a.odt", odt_file(b"<m><manifest:encryption-data/></m>")),
    ("CHECK-026", "a.doc", compound.MAGIC + b"\x00" * 100),
    ("CHECK-031", "a.docx", docx_file()[:-30]),
    ("CHECK-031", "a.docx", docx_file().replace(b"word/document.xml", b"word/document.xm\xff", 1)),
    ("CHECK-032", "a.zip", zip_file({f"{n}": b"" for n in range(51)})),
    ("CHECK-033", "a.docx", docx_file({"word/a.xml": b"\x00" * (15 << 20)})),
    ("CHECK-033", "a.zip", zip_file({"a": b"\x00" * (21 << 20)})),
    ("CHECK-034", "a.zip", nested_zip(5)),
    ("CHECK-035", "a.zip", zip_file({"../../etc/passwd": b"x"})),
    ("CHECK-035", "a.zip", zip_file({"C:\\x": b"x"})),
    ("CHECK-035", "a.zip", link_zip()),
    ("CHECK-036", "a.zip", patched(zip_file({"a.txt": b"a"}), flag=1)),
    ("CHECK-037", "a.zip", overlapping_zip()),
    ("CHECK-037", "a.docx", twice_named_zip()),
    ("CHECK-038", "a.docx", docx_file({"word/embeddings/a.bin": PROGRAM})),
    ("CHECK-041", "a.xml", LAUGHS),
    ("CHECK-041", "a.xml", XXE),
    ("CHECK-041", "a.xml", EXTERNAL_DTD),
    ("CHECK-041", "a.xml", LAUGHS.decode().replace("1.0\"", "1.0\" encoding=\"utf-16\"").encode("utf-16")),
    ("CHECK-041", "a.docx", docx_file(document=LAUGHS)),
    ("CHECK-042", "a.xml", b"<a>" * 30 + b"</a>" * 30),
    ("CHECK-042", "a.xml", b"<a>" + b"<b/>" * 1500 + b"</a>"),
    ("CHECK-043", "a.xml", b"<a><b></a>"),
    ("CHECK-051", "a.txt", "Tie\u0302\u0301ng Vie\u0323\u0302t".encode()),
    ("CHECK-052", "a.txt", "môi trƣờng điện tử".encode()),
    ("CHECK-053", "a.txt", "một dòng\x01 hỏng trong một văn bản thuần dài hơn năm mươi ký tự".encode()),
    ("CHECK-053", "a.txt", "ch\ufffd bị mất".encode()),
    ("CHECK-054", "a.txt", "Céng hßa x· héi chñ nghÜa ViÖt Nam, tµi liÖu".encode("latin-1")),
    ("CHECK-055", "ba\u0301o ca\u0301o.pdf", PDF),
    ("CHECK-056", "môi trƣờng.pdf", PDF),
    ("CHECK-057", "hóa đơn\u202efdp.exe", PDF),
    ("CHECK-058", "..\\..\\a.pdf", PDF),
    ("CHECK-061", "a.pdf", pdf_file(change=add_note("TỐI MẬT"))),
]
