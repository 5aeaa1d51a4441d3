"""An archive of the sample agency for nights over made scans, and what such a night came to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from archive import model, opening, records
from archive.file_plan_import import import_file_plan
from archive.opening import Archive
from archive.settings import load
from ingest import intake
from tests.conftest import ROOT

LIST = "Tên tệp;Mã hồ sơ;STT trong hồ sơ;Số;Ký hiệu;Ngày ban hành;Cơ quan ban hành;Trích yếu;Số trang"


def make(root: Path, settings: dict[str, Any] | None = None) -> Archive:
    """An archive with the sample file plan."""
    made = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}, **(settings or {})})
    import_file_plan(made, ROOT / "samples" / "file-plan.xlsx", "H99")
    made.close()
    return opening.open_archive(load(root))


class Done:
    """The archive after the night, and what had been laid in."""

    def __init__(self, archive: Archive, received: dict[str, bytes]) -> None:
        self.archive, self.received = archive, received

    def row(self, name: str) -> model.Item:
        with self.archive.catalogue.session() as session:
            return session.scalars(select(model.Item).where(model.Item.name == name)).one()

    def codes(self, name: str) -> list[str]:
        return [one.code for one in self.findings(name)]

    def findings(self, name: str) -> list[Any]:
        with self.archive.catalogue.session() as session:
            return intake.findings_of(session, [self.row(name).id])[self.row(name).id]

    def record(self, name: str) -> records.Record:
        code = self.row(name).document
        (found,) = records.read_documents(self.archive.store, code.rpartition(".")[0], [int(code[-7:])])
        return found
