"""Nights over scans for the tests of sealing: everything is real but the reading of the pages (OCR takes seconds)."""

from __future__ import annotations

import io
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pikepdf
from sqlalchemy import select

from archive import clock, model, opening, records, settings
from archive.file_plan_import import import_file_plan
from archive.findings import Finding
from archive.opening import Archive
from ingest import nightly
from ingest.item import Context, Examined, Item
from ingest.stages.check import check
from ingest.stages.examine import complete_fields
from ingest.stages.verify import settle_legal_value, verify
from tests import sealing_material as made
from tests.conftest import ROOT

CASE_FILE = "H99.2026.03.VTLT"
COLUMNS = "Tên tệp;Mã hồ sơ;Số;Ký hiệu;Ngày ban hành;Cơ quan ban hành;Loại văn bản;Trích yếu;Mức độ tin cậy"


def sheet(number: int) -> bytes:
    """A scan of its own: the sheet of the other tests with another identifier."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(made.scan())) as pdf:
        pdf.docinfo["/Title"] = f"tờ {number}"
        pdf.save(out, deterministic_id=True)
    return out.getvalue()


def prepare(root: Path, scans: dict[str, bytes], *, told: dict[str, Any] | None = None,
            case_files: dict[str, str] | None = None, **seal: Any) -> Archive:
    """An archive whose key lies beside it, with `scans` (name → bytes) in its inbox and a list that describes them."""
    chosen = {"nightly": "scans", "pkcs12": "dau.p12", **seal}
    archive = opening.make_archive(root, {"agency": {"code": "H99", "name": made.AGENCY}, "seal": chosen,
                                          **(told or {})})
    import_file_plan(archive, ROOT / "samples" / "file-plan.xlsx", "H99")
    made.house(root)
    put(root, scans, case_files)
    return archive


def put(root: Path, scans: dict[str, bytes], case_files: dict[str, str] | None = None) -> None:
    """Lay scans and their list into the inbox."""
    rows = [COLUMNS]
    for name, data in sorted(scans.items()):
        (root / "inbox" / name).write_bytes(data)
        code = (case_files or {}).get(name, CASE_FILE)
        number = zlib.crc32(name.encode()) % 9000
        rows.append(f"{name};{code};{number};QĐ-SNV;02/06/2026;{made.AGENCY};Quyết định;Việc của {name};Số hóa")
    (root / "inbox" / "danh-sach.csv").write_text("\n".join(rows), encoding="utf-8-sig")


def again(root: Path, **changes: Any) -> Archive:
    """The archive opened anew, as the next process sees it; `changes` go over its section seal."""
    told = settings.load(root)
    return opening.open_archive(told.model_copy(update={"seal": told.seal.model_copy(update=changes)}))


def examining(access: Path) -> Callable[[Iterable[Item], Context], Iterator[Examined]]:
    """What stands in for the workers: checked and verified in this process; `access` is every scan's access copy."""
    def examine_all(items: Iterable[Item], context: Context, **_more: Any) -> Iterator[Examined]:
        for item in items:
            found: list[Finding] = []
            for stage in (complete_fields, check, verify):
                found += stage(item, context)
            item.facts["digitise"] = {"scan": True, "pages": [{"page": 1, "kind": "picture"}], "engine": {}}
            if not item.name.startswith("khong-ban-sao"):
                place = item.folder / "access.pdf"
                shutil.copyfile(access, place)
                item.made(place, "access", "pdf")
            found += settle_legal_value(item, context)
            yield Examined(item, found)
    return examine_all


def record_of(archive: Archive, name: str) -> dict[str, Any]:
    """The stored record of the document that came under `name`."""
    with archive.catalogue.session() as session:
        row = session.execute(select(model.Document.case_file, model.Document.ordinal).join(
            model.Item, model.Item.id == model.Document.item).where(model.Item.name == name)).one()
    return dict(next(records.read_documents(archive.store, row.case_file, [row.ordinal])))


def access_of(archive: Archive, record: dict[str, Any]) -> Path:
    """Where the stored access copy of a document lies."""
    (file,) = [file for file in record["files"] if file["role"] == "access"]
    return archive.store.files(f"urn:luutru:casefile:{record['case_file']}")[file["path"]].place


def codes(record: dict[str, Any]) -> list[str]:
    """The codes of sealing among a record's findings."""
    return [one["code"] for one in record["findings"] if one["code"].startswith("SEAL-")]


def run(archive: Archive) -> nightly.Night:
    """A night."""
    return nightly.run(archive)


__all__ = ["CASE_FILE", "access_of", "again", "clock", "codes", "examining", "prepare", "put", "record_of", "run",
           "sheet"]
