"""Counts: how much of a fonds goes with a batch and how much stays, for the explanation (bản thuyết minh)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from archive import model
from archive.opening import Archive
from retention.destruction.keeping import DUPLICATE, EXPIRED, HANDED, Batch


def of_fonds(archive: Archive, batch: Batch) -> list[dict[str, Any]]:
    """The table of the explanation: the fonds, what stays, what is expired."""
    with archive.catalogue.session() as session:
        files = session.scalar(select(func.count()).select_from(model.CaseFile).where(
            model.CaseFile.fonds == batch.record["fonds"])) or 0
        documents, pages = session.execute(select(func.count(), func.sum(model.Document.pages)).join(
            model.CaseFile, model.CaseFile.code == model.Document.case_file).where(
            model.CaseFile.fonds == batch.record["fonds"])).one()
    whole = (files, documents, int(pages or 0))
    goes = {reason: (sum(not one["document"] for one in items),
                     *(sum(one[key] for one in items) for key in ("documents", "pages")))
            for reason in (EXPIRED, DUPLICATE, HANDED) for items in (batch.because(reason),)}
    stays = tuple(a - sum(gone[n] for gone in goes.values()) for n, a in enumerate(whole))
    rows = [("Tài liệu của phông", whole), ("Tài liệu giữ lại", stays),
            ("Tài liệu hết thời hạn lưu trữ", goes[EXPIRED]), ("Tài liệu trùng lặp", goes[DUPLICATE])]
    if goes[HANDED][0]:
        rows.append(("Tài liệu đã nộp lưu", goes[HANDED]))
    return [{"what": what, **dict(zip(("files", "documents", "pages"), n, strict=True))} for what, n in rows]
