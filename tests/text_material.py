"""Scans that a night read with a poor engine: for tests of corrections and of reading again."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from archive import model, opening, records, settings
from archive.file_plan_import import import_file_plan
from archive.opening import Archive, ownership
from archive.records import Record
from ingest import nightly
from ingest.item import Context, Examined, Item
from ingest.stages.examine import examine
from tests.conftest import ROOT, once
from tests.test_digitise import LONG, SHORT, scan, sheet

CASE_FILE = "H99.2026.03.VTLT"
COLUMNS = "Tên tệp;Mã hồ sơ;Số;Ký hiệu;Ngày ban hành;Cơ quan ban hành;Loại văn bản;Trích yếu;Mức độ tin cậy"
ONE_PAGE, TWO_PAGES = f"{CASE_FILE}.0000001", f"{CASE_FILE}.0000002"
POOR = "eng"        # Vietnamese read by it loses its signs: every page is poor, and read by another engine than today's


def here(items: Iterable[Item], context: Context, only: str = "", **_more: Any) -> Iterator[Examined]:
    """What stands in for the worker processes, which are tested elsewhere: the same stages in this one."""
    return (examine(item, context, only) for item in items)


def make(root: Path) -> Path:
    """An archive at `root` after one night: a scan of one page and one of two pages."""
    patch = pytest.MonkeyPatch()
    patch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
    patch.setattr("ingest.worker.examine_all", here)
    for place in ("ingest.nightly.examine_all", "ingest.stages.scans.examine_all"):
        patch.setattr(place, here)
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"},
                                          "ocr": {"languages": POOR}})
    try:
        import_file_plan(archive, ROOT / "samples" / "file-plan.xlsx", "H99")
        rows = [COLUMNS]
        for n, (name, data) in enumerate({"mot.pdf": scan(sheet(SHORT), sheet(LONG)), "hai.pdf": scan(sheet(LONG)),
                                          }.items(), 1):
            (root / "inbox" / name).write_bytes(data)
            rows.append(f"{name};{CASE_FILE};{n};QĐ-SNV;02/06/2026;Sở Nội vụ tỉnh Mẫu;Quyết định;Việc {name};Số hóa")
        (root / "inbox" / "danh-sach.csv").write_text("\n".join(rows), encoding="utf-8-sig")
        nightly.run(archive)
    finally:
        archive.close()
        patch.undo()
    return root


def shelf(factory: pytest.TempPathFactory) -> Path:
    """The archive that `make` makes, made once for all tests of a run; to be copied."""
    return once(factory, "poor-scans", make)


def copied(source: Path, target: Path, languages: str = POOR) -> Archive:
    """A copy of the archive at `source`, opened with these languages of the engine."""
    shutil.copytree(source, target)
    told = settings.load(target)
    return opening.open_archive(told.model_copy(update={"ocr": told.ocr.model_copy(update={"languages": languages})}))


def record_of(archive: Archive, code: str) -> Record:
    """The record of a document as readers see it."""
    return next(records.read_documents(archive.store, code.rpartition(".")[0], [int(code.rpartition(".")[2])]))


def text_of(archive: Archive, code: str) -> str:
    """The text in use of a document."""
    return records.read_text(archive.store, record_of(archive, code))


def close(archive: Archive, code: str = CASE_FILE) -> None:
    """Close the case file, whatever its findings."""
    from archive import clock, closing, completeness

    with ownership(archive):
        closing.prepare(archive, code)
        examined = completeness.examine(archive, code, {})
        closing.close(archive, examined, at=clock.now(), by="Lan", force=True, reason="thử nghiệm")


def pages_of(path: Path) -> int:
    """How many pages a PDF has."""
    with pikepdf.open(io.BytesIO(path.read_bytes())) as pdf:
        return len(pdf.pages)


def rows_of(archive: Archive) -> list[model.PageText]:
    """The catalogue's rows about recognised pages, in their order."""
    with archive.catalogue.session() as session:
        return list(session.query(model.PageText).order_by(model.PageText.document, model.PageText.part,
                                                           model.PageText.page))
