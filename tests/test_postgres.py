"""Promise 7: the same night on PostgreSQL gives the same rows as on SQLite, rebuild included."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from archive import catalogue, opening, settings
from archive.file_plan_import import import_file_plan
from archive.rebuild import rebuild
from ingest import nightly, report
from tests.conftest import ROOT

SAMPLES = ROOT / "samples"
NAMES = ("danh-sach-van-ban.xlsx", "van-ban-den", "van-phong", "lien-thong")


def night(root: Path, database: str) -> tuple[opening.Archive, dict[str, list[dict[str, Any]]]]:
    agency = {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}
    archive = opening.make_archive(root, {"agency": agency, "database": database})
    import_file_plan(archive, SAMPLES / "file-plan.xlsx", "H99")
    shutil.copytree(SAMPLES / "trust", root / "trust", dirs_exist_ok=True)
    for name in NAMES:
        source = SAMPLES / "inbox" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, root / "inbox" / name)
    done = nightly.run(archive)
    assert done.findings == []
    with archive.catalogue.session() as session:
        return archive, catalogue.rows(session)


@pytest.mark.usefixtures("stopped_clock")
def test_postgresql_and_sqlite_hold_the_same_rows(tmp_path: Path, postgresql: str) -> None:
    lite, on_sqlite = night(tmp_path / "sqlite", "")
    real, on_postgres = night(tmp_path / "postgres", postgresql)
    assert settings.load(tmp_path / "postgres").database == postgresql
    for table, rows in on_sqlite.items():
        assert _comparable(on_postgres[table]) == _comparable(rows), table
    for archive in (lite, real):        # sums are decimals there, integers here
        with archive.catalogue.session() as session:
            batch = report.latest_batch(session)
        assert report.build(archive, batch).lines
    rebuild(real)
    with real.catalogue.session() as session:
        again = catalogue.rows(session)
    for row in (*again["document"], *on_postgres["document"]):
        row["indexed"] = ""
    assert again == on_postgres
    lite.close()
    real.close()


def _comparable(rows: list[dict[str, Any]]) -> list[str]:
    """Rows without what follows from where the copy of the samples lies (the times of the copied files)."""
    found = []
    for row in rows:
        facts = {key: value for key, value in row.get("facts", {}).items() if key != "modified"}
        found.append(str(sorted({**row, "facts": facts}.items(), key=str)))
    return sorted(found)
