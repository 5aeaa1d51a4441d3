"""Canary records: what was stored must come out again by a reader's way, each night, and the report says when not."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive import layout, model, opening
from archive.opening import Archive
from ingest import canaries
from ingest.commands.nightly import exit_code
from ingest.commands.report import promise_sentence
from ingest.report import Promise
from ingest.stages.index import index_documents
from search.index import open_index
from tests.stored_documents import store_documents

FILE = "H99.2026.01.VP"
FIELDS = [{"subject": f'Về việc "kiểm kê" tài sản năm {year}', "codeNumber": str(year), "codeNotation": "TB-SNV",
           "mode": "01", "issuedDate": f"03/02/{year}", "organName": "Sở Nội vụ"} for year in range(2015, 2025)]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    store_documents(made, FIELDS, code=FILE)
    with opening.ownership(made):
        index_documents(made)
    return made


def test_the_first_the_last_and_a_drawn_document_come_through(archive: Archive) -> None:
    sent = canaries.look(archive, "2026-11-20.1")
    assert {one["document"] for one in sent} >= {f"{FILE}.0000001", f"{FILE}.0000010"}
    assert all(one["found"] and one["exported"] for one in sent)
    assert canaries.look(archive, "2026-11-20.1") == sent, "a night that is run again sends the same"


def test_over_the_nights_each_document_is_drawn(archive: Archive) -> None:
    drawn = {one["document"] for day in range(1, 29) for turn in (1, 2)
             for one in canaries.look(archive, f"2026-02-{day:02d}.{turn}")}
    assert len(drawn) >= 9


def test_a_document_that_the_index_lost_is_told(archive: Archive) -> None:
    index = open_index(archive.settings)
    index.remove([f"{FILE}.0000010"])
    index.close()
    told = canaries.figures({"canaries": canaries.look(archive, "2026-11-20.1")})
    assert (told["stuck"], told["altered"]) == ([f"{FILE}.0000010"], False)
    assert "luutru index rebuild" in promise_sentence(Promise("canary", "broken", told))


def test_a_document_whose_bytes_changed_is_told_as_a_fault_of_integrity(archive: Archive) -> None:
    with archive.catalogue.session() as session:
        path = session.query(model.File.path).filter(model.File.document == f"{FILE}.0000001",
                                                     model.File.role == "original").scalar()
    place = archive.store.files(layout.casefile_object(FILE))[path].place
    place.chmod(0o644)
    place.write_bytes(b"x" + place.read_bytes()[1:])
    told = canaries.figures({"canaries": canaries.look(archive, "2026-11-20.1")})
    assert (told["stuck"], told["altered"]) == ([f"{FILE}.0000001"], True)
    broken = Promise("canary", "broken", told)
    assert "luutru fixity check" in promise_sentence(broken)
    made = type("Made", (), {"promises": [broken], "needs_person": False})
    assert exit_code(made, 0) == 4      # type: ignore[arg-type]


def test_an_archive_without_documents_sends_none_and_nights_of_before_tell_nothing(tmp_path: Path) -> None:
    made = opening.make_archive(tmp_path / "kho", {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
    assert canaries.look(made, "2026-11-20.1") == []
    assert canaries.figures({"items": {}}) == {}
    made.close()
