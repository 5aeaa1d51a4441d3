"""An archive whose documents were signed under a small hierarchy, and nights on any day: for tests of later looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from archive import clock, model, records
from archive.file_plan_import import import_file_plan
from archive.opening import Archive, ownership
from ingest import nightly
from ingest.item import Context, Examined, Item
from ingest.signatures import register, revocation_store
from ingest.stages.examine import examine
from tests.conftest import NIGHT, ROOT
from tests.test_signatures import CA, PLAIN, SEAL, SIGNED, STRANGER, certificate, revocation_list, sign
from tests.test_signatures import ROOT as GOC

HEADING = "Tên tệp;Mã hồ sơ;Số;Ký hiệu;Ngày ban hành;Cơ quan ban hành;Trích yếu"
DER = serialization.Encoding.DER


def both(*, seal_token: bool = True, person_token: bool = True) -> bytes:
    """Signed by the person and sealed by the agency."""
    return sign(sign(PLAIN, no_token=not person_token), SEAL, field="Signature2", at=SIGNED + timedelta(hours=1),
                no_token=not seal_token)


def unknown() -> bytes:
    """Signed by somebody whose issuer nobody believes."""
    return sign(PLAIN, STRANGER, no_token=True)


@dataclass
class House:
    """The archive with its clock."""

    archive: Archive
    patch: pytest.MonkeyPatch
    tmp: Path
    brought: int = 0

    @property
    def root(self) -> Path:
        """The archive's folder."""
        return self.archive.settings.root

    def at(self, days: float) -> datetime:
        """Let it be so many days after the first night."""
        moment = NIGHT + timedelta(days=days)
        self.patch.setattr(clock, "now", lambda: moment)
        return moment

    def bring(self, files: Mapping[str, bytes], case_file: str = "H99.2026.01.VP") -> None:
        """Put files and the registry's list of them into the inbox."""
        for name, data in files.items():
            (self.root / "inbox" / name).write_bytes(data)
        rows = [f"{name};{case_file};{n + self.brought};QĐ-UBND;12/11/2026;Ủy ban nhân dân tỉnh Thử;Văn bản {name}"
                for n, name in enumerate(files, 1)]
        self.brought += len(files)
        (self.root / "inbox" / f"danh-sach-{next(iter(files))}.csv").write_text(
            "\n".join([HEADING, *rows]), encoding="utf-8-sig")

    def night(self) -> nightly.Night:
        """Run a night."""
        return nightly.run(self.archive)

    def trust(self, *holders: Any, **more: Any) -> None:
        """Enter certificates into the register."""
        paths = []
        for holder in holders:
            paths.append(self.tmp / f"{holder.serial}.der")
            paths[-1].write_bytes(certificate(holder).public_bytes(DER))
        with ownership(self.archive):
            register.add(self.archive, paths, more.pop("into", "cong-vu"), more.pop("purpose", "both"), "Lan",
                         "đối chiếu", "lan", **more)

    def revoke(self, revoked: Mapping[int, datetime], days: float) -> None:
        """Import the lists that the authorities made on that day."""
        made = NIGHT + timedelta(days=days)
        with ownership(self.archive):
            for issuer, entries in ((CA, dict(revoked)), (GOC, {})):
                done = revocation_store.take(self.archive, revocation_list(issuer, entries, made), "tệp", "lan")
                assert not done.reason, done

    def document(self, name: str) -> model.Document:
        """The catalogue's row of the document that came as `name`."""
        with self.archive.catalogue.session() as session:
            [row] = [one for one in session.query(model.Document) if self.record(one)["source"]["name"] == name]
            return row

    def record(self, row: model.Document) -> records.Record:
        """Its record."""
        return next(iter(records.read_documents(self.archive.store, row.case_file, [row.ordinal])))


def house(archive: Archive, patch: pytest.MonkeyPatch, tmp: Path) -> House:
    """An archive that believes the hierarchy of tests, with the sample file plan, on the first night."""
    made = House(archive, patch, tmp)
    made.at(0)

    def here(items: Iterable[Item], context: Context, only: str = "", **_more: Any) -> Iterator[Examined]:
        return (examine(item, context, only) for item in items)

    # Worker processes are tested elsewhere; they would take most of the time here.
    patch.setattr("ingest.worker.examine_all", here)
    patch.setattr(nightly, "examine_all", here)
    import_file_plan(archive, ROOT / "samples" / "file-plan.xlsx", "H99")
    made.trust(GOC, CA)
    return made
