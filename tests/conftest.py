"""Fixtures that several areas share: an archive of its own, the stopped clock, small real documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive import clock, i18n, opening
from archive.fixity.auditing import audit
from archive.opening import Archive
from ingest import nightly

ROOT = Path(__file__).resolve().parents[1]
NIGHT = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def vietnamese(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages in Vietnamese, whatever the machine's locale is; no setting from outside."""
    for name in ("LUUTRU_LANGUAGE", "LUUTRU_ROOT", "LUUTRU_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LUUTRU_INGEST__SETTLE_SECONDS", "0")
    i18n.use("vi")


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The evening of 20 November 2026 in Vietnam, for ever; the audit, whose time the ledger tells, takes none."""
    monkeypatch.setattr(clock, "now", lambda: NIGHT)
    monkeypatch.setattr(nightly, "audit", lambda archive, now, seconds: audit(archive, now, seconds, lambda: 0.0))
    return NIGHT


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """An empty archive of the agency H99."""
    made = opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    yield made
    made.close()
