"""Makes what a measured night takes in: signed born-digital letters and scanned pages, each with its registry list.

Made once into a cache folder and copied from there. Must never measure anything, nor be measured.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path

import img2pdf
import pypdfium2

from samples.making import recipes, registry, scans, typeset
from samples.making.variants import variants

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
LIST = "danh-sach.xlsx"
_DAY = re.compile(r"ngày (\d\d) tháng (\d\d) năm (\d{4})")


def letters(cache: Path, documents: int) -> Path:
    """A folder with `documents` different one-page letters, each signed with a time-stamp token, and their list."""
    return _once(cache / f"letters-{documents}", lambda folder: _letters(folder, documents))


def letter(cache: Path, number: int, case_file: str) -> Path:
    """A folder with the `number`th letter, and a list that puts it into `case_file`."""
    return _once(cache / f"letter-{number}-{case_file}",
                 lambda folder: _letters(folder, 1, start=number, codes=[case_file]))


def part_of_letters(cache: Path, start: int, number: int, codes: Sequence[str]) -> Path:
    """A folder with `number` letters from the `start`th on, and a list that spreads them over these case files."""
    def make(folder: Path) -> None:
        _letters(folder, number, start=start, codes=codes)
        (folder / LIST).rename(folder / f"danh-sach-{start:06}.xlsx")

    return _once(cache / f"letters-{start}-{number}-{len(codes)}", make)


def scanned(cache: Path, pages: int) -> tuple[Path, Path]:
    """A folder with `pages` different one-page scans, every other one a PDF, and their list; and the bare pictures."""
    folder = _once(cache / f"scans-{pages}", lambda folder: _scans(folder, pages))
    return folder / "inbox", folder / "pictures"


def case_files() -> list[str]:
    """The codes of the case files in the sample agency's plan."""
    with (SAMPLES / "file-plan.csv").open(encoding="utf-8", newline="") as stream:
        notations = [row[0] for row in csv.reader(stream) if re.fullmatch(r"\d\d\.[A-Z]+", row[0])]
    return [f"H99.2026.{notation}" for notation in notations]


def _once(folder: Path, make: Callable[[Path], None]) -> Path:
    if not folder.exists():
        half = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        make(half)
        half.rename(folder)
    return folder


def _letters(folder: Path, documents: int, start: int = 0, codes: Sequence[str] = ()) -> None:
    codes, rows = codes or case_files(), []
    for number, one in enumerate(variants(documents, start=start)):
        (folder / one.name).write_bytes(one.body)
        with pypdfium2.PdfDocument(one.body) as opened:
            said = _DAY.search(opened[0].get_textpage().get_text_range())
        assert said is not None, "a letter without its date"
        day = date(int(said[3]), int(said[2]), int(said[1]))
        rows.append(row(one.name, codes[number % len(codes)], one.number, one.subject, day, "Gốc điện tử"))
    (folder / LIST).write_bytes(registry.as_xlsx(rows))


def _scans(folder: Path, pages: int) -> None:
    inbox, pictures = folder / "inbox", folder / "pictures"
    inbox.mkdir()
    pictures.mkdir()
    codes, rows = case_files(), []
    for number, picture in zip(range(pages), _pictures(), strict=False):
        path = pictures / f"{number:04}.jpg"
        path.write_bytes(picture)
        if number % 2:
            made = img2pdf.convert(picture, nodate=True)
            assert isinstance(made, bytes)
            path = inbox / f"{path.stem}.pdf"
            path.write_bytes(made)
        else:
            path = Path(shutil.copy(path, inbox))
        rows.append(row(path.name, codes[number % len(codes)], f"{number + 1}/SNV-VP",
                         f"Trang quét thứ {number + 1}", date(2026, 11, 10), "Số hóa"))
    (inbox / LIST).write_bytes(registry.as_xlsx(rows))


def _pictures() -> Iterator[bytes]:
    """The pages of the sample inbox's scans, each as it was scanned there; then again with a little more grain."""
    told = [(typeset.documents()[entry["document"]], scans.Look(**entry["look"])) for entry in recipes.entries()
            if entry["recipe"] == "scan"]
    for again in count():
        for document, look in told:
            if document.secrecy:        # would be kept out, and read no further
                continue
            grainy = replace(look, noise=look.noise * (1 + again / 20))
            for page in scans.scanned(document, grainy):
                yield scans.as_jpeg(page, grainy)


def row(name: str, case_file: str, number: str, subject: str, day: date, trust: str) -> registry.Row:
    """A row of a registry list about a document of the sample agency."""
    values: registry.Row = {
        "Tên tệp": name, "Mã hồ sơ": case_file, "Số": number.partition("/")[0], "Ký hiệu": number.partition("/")[2],
        "Ngày ban hành": day, "Cơ quan ban hành": "Sở Nội vụ tỉnh Mẫu", "Loại văn bản": "Công văn",
        "Trích yếu": subject, "Số trang": 1, "Ngôn ngữ": "Tiếng Việt", "Thời hạn bảo quản": "20 năm",
        "Chế độ sử dụng": "Công khai", "Mức độ tin cậy": trust, "Người ký": "Trần Thị Mẫu",
        "Chức vụ người ký": "Giám đốc", "Ngày đến": day}
    return {column: values.get(column, "") for column in registry.COLUMNS}
