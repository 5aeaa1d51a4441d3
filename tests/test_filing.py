"""Filing: what the number of a document says about others of its issuer and year."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pikepdf
import pytest
from sqlalchemy import select

from archive import model, records
from archive.opening import Archive, ownership
from archive.records import admit_file_plan
from ingest import nightly
from search.generations import STATE
from search.index import IndexOutdatedError, index_folder, open_index

HEAD = "Tên tệp,Mã hồ sơ,Số,Ký hiệu,Ngày ban hành,Cơ quan ban hành,Trích yếu\n"


def page(mark: str) -> bytes:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(595, 842))
    pdf.pages[0].contents_add(pdf.make_stream(f"BT ET % {mark}".encode()))
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


@pytest.fixture
def kho(archive: Archive) -> Archive:
    plan = {"fonds": "H99", "year": 2026, "entries": [{"notation": "01.VP", "heading": "", "title": "Hồ sơ",
                                                       "retention": "10 năm", "keeper": "", "note": ""}]}
    with ownership(archive), archive.catalogue.session() as session:
        admit_file_plan(session, plan)
    return archive


def receive(kho: Archive, night: str, *lines: tuple[str, str, str]) -> dict[str, list[str]]:
    """Run a night over documents (name, number, date) of one issuer; the codes of CHECK findings by name."""
    inbox = kho.settings.root / "inbox"
    rows = []
    for name, number, day in lines:
        (inbox / name).write_bytes(page(night + name))
        rows.append(f"{name},H99.2026.01.VP,{number},QĐ-SNV,{day},Sở Nội vụ,Trích yếu {name}\n")
    (inbox / f"danh sach {night}.csv").write_text(HEAD + "".join(rows), encoding="utf-8")
    nightly.run(kho)
    with kho.catalogue.session() as session:
        items = {row.id: row.name for row in session.scalars(select(model.Item))}
        found: dict[str, list[str]] = {}
        for one in session.scalars(select(model.ItemFinding).where(model.ItemFinding.code.like("CHECK-09%"))):
            found.setdefault(Path(items[one.item]).name, []).append(one.code)
    return found


def test_a_number_given_twice_in_a_year_is_pointed_out_and_both_documents_are_kept(kho: Archive) -> None:
    assert receive(kho, "1", ("a.pdf", "7", "05/01/2026"), ("b.pdf", "7", "06/01/2026")) == {"b.pdf": ["CHECK-092"]}
    found = receive(kho, "2", ("c.pdf", "7", "07/12/2026"), ("d.pdf", "8", "07/12/2026"), ("e.pdf", "7", "07/12/2025"))
    assert found == {"b.pdf": ["CHECK-092"], "c.pdf": ["CHECK-092"]}, "another number, another year: nothing to say"
    stored = list(records.read_documents(kho.store, "H99.2026.01.VP"))
    assert len(stored) == 5
    [told] = [one["params"]["twin"] for record in stored for one in record["findings"] if one["code"] == "CHECK-092"
              and record["source"]["name"] == "c.pdf"]
    assert told.startswith("H99.2026.01.VP.")


def test_the_same_number_of_the_same_day_with_other_bytes_is_held(kho: Archive) -> None:
    assert receive(kho, "1", ("a.pdf", "7", "05/01/2026"), ("b.pdf", "7", "05/01/2026")) == {"b.pdf": ["CHECK-091"]}


def test_what_no_list_names_goes_into_the_case_file_of_its_name_and_a_list_wins(kho: Archive) -> None:
    inbox = kho.settings.root / "inbox"
    for name in ("H99.2026.01.VP.0000002.pdf", "H99.2026.01.VP.1.pdf", "H99.2026.07.XX.1.pdf", "IMG_0004.pdf",
                 "H99.2026.07.XX.2.pdf"):
        (inbox / name).write_bytes(page(name))
    row = "H99.2026.07.XX.2.pdf,H99.2026.01.VP,7,QĐ-SNV,05/01/2026,Sở Nội vụ,Trích yếu\n"
    (inbox / "ds.csv").write_text(HEAD + row, encoding="utf-8")
    nightly.run(kho)
    with kho.catalogue.session() as session:
        stored = {row.name: row.document for row in session.scalars(
            select(model.Item).where(model.Item.state == "stored"))}
        codes = {items.name: found.code for items, found in session.execute(select(model.Item, model.ItemFinding).join(
            model.ItemFinding, model.ItemFinding.item == model.Item.id).where(model.ItemFinding.code.like("FILE-%")))}
    assert stored == {"H99.2026.01.VP.1.pdf": "H99.2026.01.VP.0000001",
                      "H99.2026.01.VP.0000002.pdf": "H99.2026.01.VP.0000002",
                      "H99.2026.07.XX.2.pdf": "H99.2026.01.VP.0000003"}
    assert codes == {"H99.2026.07.XX.1.pdf": "FILE-005", "IMG_0004.pdf": "FILE-001"}


def test_the_first_night_after_an_upgrade_makes_the_index_anew_though_nothing_came(kho: Archive) -> None:
    receive(kho, "1", ("a.pdf", "7", "05/01/2026"))
    state = index_folder(kho.settings) / STATE
    state.write_text(json.dumps({**json.loads(state.read_text()), "layout": 0}))
    with pytest.raises(IndexOutdatedError):
        open_index(kho.settings)
    assert nightly.run(kho).findings == []
    index = open_index(kho.settings)
    assert index.count() == 1
    index.close()
