"""Photographs, sound and film: from the inbox, quarantine and corrections, they follow the tables of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from archive import clock, model, records
from archive.commands import document
from archive.describing import document_fields
from archive.file_plan_import import import_file_plan
from archive.opening import Archive
from ingest import nightly
from ingest.commands import quarantine
from tests.conftest import NIGHT, ROOT
from tests.stored_documents import store_documents
from tests.test_sip_intake import luutru

FILE = "H99.2026.01.VP"
LIST = ("Tên tệp;Mã hồ sơ;Phân loại (âm bản/ảnh);Phân loại (âm thanh/video);Tên sự kiện;Tiêu đề;Tác giả;Địa điểm;"
        "Thời gian;Màu sắc;Cỡ phim/ảnh;Thời lượng;Chất lượng;Ngôn ngữ\n"
        "le.jpg;H99.2026.01.VP;Ảnh;;Lễ khánh thành;Cắt băng;Trần Văn Bình;Trụ sở;5/3/2026;Màu;10x15;;;\n"
        "le.mp3;H99.2026.01.VP;;Âm thanh;Lễ khánh thành;Diễn văn;Lê Thị Hoa;Trụ sở;5/3/2026;;;00:10:00;Rõ;Tiếng Việt\n"
        "le.mp4;H99.2026.01.VP;;Video;Lễ khánh thành;Toàn cảnh;Lê Thị Hoa;Trụ sở;5/3/2026;;;00:20:00;Rõ;Tiếng Việt\n")
BARE = "Tên tệp;Trích yếu;Ngày ban hành\nle.jpg;Lễ khánh thành;5/3/2026\n"        # no case file: it waits


@pytest.fixture(autouse=True)
def _night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NIGHT)


def night(archive: Archive, listed: str = LIST) -> None:
    """A night with a photograph, a recording and a film, and the list that describes them."""
    import_file_plan(archive, ROOT / "samples" / "file-plan.csv", "H99")
    inbox = archive.settings.path(archive.settings.ingest.inbox[0])
    inbox.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((320, 240), 80).save(inbox / "le.jpg", quality=80)
    frame = b"\xff\xfb\x90\x64" + bytes(413)                # MPEG-1 layer III, 128 kbit/s, 44.1 kHz
    (inbox / "le.mp3").write_bytes(b"ID3\x03\x00\x00\x00\x00\x00\x00" + frame * 20)
    (inbox / "le.mp4").write_bytes(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41" + b"\x00\x00\x00\x08moov" * 1)
    (inbox / "danh-sach.csv").write_text(listed, "utf-8")
    nightly.run(archive)


def items(archive: Archive) -> dict[str, model.Item]:
    with archive.catalogue.session() as session:
        return {row.name: row for row in session.scalars(select(model.Item))}


def by_name(archive: Archive) -> dict[str, dict[str, Any]]:
    return {one["source"]["name"]: dict(one) for one in records.read_documents(archive.store, FILE)}


def meta(record: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["code"], one["params"].get("tag", "")) for one in record["findings"] if one["code"].startswith("META")]


def test_a_photograph_a_recording_and_a_film_come_in_from_the_inbox_under_their_own_tables(archive: Archive) -> None:
    night(archive)
    held = by_name(archive)
    assert {name: row.state for name, row in items(archive).items()} == {
        "le.jpg": "stored", "le.mp3": "stored", "le.mp4": "stored", "danh-sach.csv": "list"}
    photo = held["le.jpg"]
    assert {key: photo["fields"][key] for key in ("typePic", "typePicText", "colour", "photoTime", "photographer")} == {
        "typePic": "02", "typePicText": "Ảnh", "colour": "01", "photoTime": "05/03/2026",
        "photographer": "Trần Văn Bình"}
    assert held["le.mp3"]["fields"]["typeMedia"] == "01" and held["le.mp4"]["fields"]["typeMedia"] == "02"
    assert {name: meta(one) for name, one in held.items()} == {"le.jpg": [], "le.mp3": [], "le.mp4": []}
    with archive.catalogue.session() as session:
        titles = set(session.scalars(select(model.Document.subject)))
    assert "Cắt băng" in titles, "a photograph is called by its title"
    case_file = records.read_case_file(archive.store, FILE)
    told = document_fields(photo, case_file, "H99", "AIP_hoso")
    assert (told["imageTitle"], told["photoPlace"], told["filmSize"]) == ("Cắt băng", "Trụ sở", "10x15")


def test_a_photograph_in_quarantine_gets_its_fields_by_release(archive: Archive) -> None:
    night(archive, BARE)
    item = items(archive)["le.jpg"]
    assert item.state == "quarantine"
    words = ["release", item.id, "--set", f"fileCode={FILE}", "--set", "typePic=Ảnh", "--set", "photoTime=5/3/2026"]
    shown = luutru(quarantine.command, archive.settings.root, *words, "--dry-run", "--json")
    fields = json.loads(shown.output)["items"][0]["fields"]
    assert (fields["typePic"], fields["typePicText"], fields["photoTime"]) == ("02", "Ảnh", "05/03/2026")
    assert luutru(quarantine.command, archive.settings.root, *words).exit_code == 0
    nightly.run(archive)
    record = by_name(archive)["le.jpg"]
    assert (record["fields"]["typePic"], record["fields"]["photoTime"]) == ("02", "05/03/2026")
    assert ("META-001", "filmSize") in meta(record)                     # of the table of photographs
    assert ("META-001", "typeName") not in meta(record)


def test_a_stored_picture_that_was_described_as_a_text_becomes_a_photograph_and_a_text_again(archive: Archive) -> None:
    store_documents(archive, [{"subject": "Lễ khánh thành", "issuedDate": "05/03/2026"}])
    code, root = f"{FILE}.0000001", archive.settings.root
    words = ["correct", code, "--reason", "Là ảnh"]
    done = luutru(document.command, root, *words, "--set", "typePic=Ảnh", "--set", "photoTime=5-3-2026",
                  "--set", "colour=Đen trắng", "--json")
    assert done.exit_code == 0, done.output
    [record] = by_name(archive).values()
    assert {key: record["fields"][key] for key in ("typePic", "photoTime", "colour", "subject")} == {
        "typePic": "02", "photoTime": "05/03/2026", "colour": "02", "subject": "Lễ khánh thành"}
    missing = {tag for found, tag in meta(record) if found == "META-001"}
    assert {"imageTitle", "filmSize"} <= missing and not {"typeName", "organName"} & missing
    refused = luutru(document.command, root, *words, "--set", "colour=tím than", "--json")
    assert refused.exit_code == 5
    assert [(one["code"], one["subject"]) for one in json.loads(refused.output)["findings"]] == [("CORR-004", code)]
    done = luutru(document.command, root, *words, "--clear", "typePic", "--clear", "photoTime")
    assert done.exit_code == 0, done.output
    [record] = by_name(archive).values()
    assert {"typeName", "organName"} <= {tag for found, tag in meta(record) if found == "META-001"}


def test_a_field_that_only_sound_and_film_have_can_be_typed(archive: Archive) -> None:
    store_documents(archive, [{"subject": "Lễ khánh thành"}])
    done = luutru(document.command, archive.settings.root, "correct", f"{FILE}.0000001", "--reason", "Là phim",
                  "--set", "typeMedia=Video", "--set", "playTime=00:10:00", "--set", "quality=Rõ")
    assert done.exit_code == 0, done.output
    [record] = by_name(archive).values()
    assert (record["fields"]["typeMedia"], record["fields"]["quality"]) == ("02", "Rõ")
    assert "movieTitle" in {tag for found, tag in meta(record) if found == "META-001"}
