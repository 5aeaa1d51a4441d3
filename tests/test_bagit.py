"""Bags: complete by RFC 8493 for another program too, the same bytes every time, and whole or not there."""

from __future__ import annotations

import hashlib
import unicodedata
import zipfile
from pathlib import Path

import bagit  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import IntegrityError
from archive.findings import Level
from archive.packages.bagit import encoded, write_bag
from archive.packages.check import check_package
from archive.packages.description import PackedFile

INFO = {"External-Identifier": "H99.2026.01.VP", "Source-Organization": "Sở Nội vụ tỉnh Mẫu",
        "Bagging-Date": "2026-11-21"}
NAMES = ["H99.2026.01.VP.0000001.pdf", "thư mục/tên có dấu cách.txt",
         unicodedata.normalize("NFD", "Quyết định số 12.txt"), "sâu/hơn/nữa/a"]


def packed(path: str, source: Path | bytes) -> PackedFile:
    data = source if isinstance(source, bytes) else source.read_bytes()
    return PackedFile(path, source, len(data), hashlib.sha256(data).hexdigest(), "text/plain",
                      "2026-11-21T08:00:00+07:00", "original")


def some(folder: Path) -> list[PackedFile]:
    """Files of each kind of name: the first lies on the disk, the others are bytes, one is empty."""
    (folder / "one").write_bytes(b"\x00\xff" * 700_000)
    return [packed(NAMES[0], folder / "one"),
            *(packed(name, name.encode()) for name in NAMES[1:]), packed("rỗng.txt", b"")]


def test_another_program_finds_the_bag_complete_and_valid(tmp_path: Path) -> None:
    """The Library of Congress's bagit, which we did not write, validates the folder."""
    write_bag(some(tmp_path), tmp_path / "bag", INFO, zipped=False)
    bag = bagit.Bag(str(tmp_path / "bag"))
    bag.validate()
    assert bag.version_info == (1, 0)
    assert bag.info["External-Identifier"] == "H99.2026.01.VP"
    assert bag.info["Source-Organization"] == "Sở Nội vụ tỉnh Mẫu"
    assert bag.info["Payload-Oxum"] == f"{1_400_000 + sum(len(name.encode()) for name in NAMES[1:])}.5"
    assert sorted(bag.payload_entries()) == sorted(f"data/{name}" for name in [*NAMES, "rỗng.txt"])


def test_the_zip_holds_the_same_bag_in_one_folder(tmp_path: Path) -> None:
    written = write_bag(some(tmp_path), tmp_path / "H99.zip", INFO)
    with zipfile.ZipFile(written.path) as opened:
        assert {name.partition("/")[0] for name in opened.namelist()} == {"H99"}
        opened.extractall(tmp_path / "out")
    bagit.Bag(str(tmp_path / "out" / "H99")).validate()
    assert written.sha256 == hashlib.sha256(written.path.read_bytes()).hexdigest()
    assert written.files == len(NAMES) + 1 + 4


def test_a_changed_or_missing_file_is_seen_by_another_program(tmp_path: Path) -> None:
    write_bag(some(tmp_path), tmp_path / "bag", INFO, zipped=False)
    (tmp_path / "bag" / "data" / NAMES[1]).write_bytes(b"x" * len(NAMES[1].encode()))
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(tmp_path / "bag")).validate()
    (tmp_path / "bag" / "data" / NAMES[1]).unlink()
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(tmp_path / "bag")).validate()


def test_a_changed_tag_file_is_seen_by_another_program(tmp_path: Path) -> None:
    write_bag(some(tmp_path), tmp_path / "bag", INFO, zipped=False)
    place = tmp_path / "bag" / "bag-info.txt"
    place.write_bytes(place.read_bytes().replace(b"H99", b"H98"))
    with pytest.raises(bagit.BagValidationError):
        bagit.Bag(str(tmp_path / "bag")).validate()


def test_the_same_bag_has_the_same_bytes_in_whatever_order_its_files_come(tmp_path: Path) -> None:
    one = write_bag(some(tmp_path), tmp_path / "a" / "H99.zip", INFO)
    two = write_bag(reversed(some(tmp_path)), tmp_path / "b" / "H99.zip", INFO)
    assert one.sha256 == two.sha256


def test_a_file_that_changed_since_it_was_described_leaves_no_bag(tmp_path: Path) -> None:
    files = some(tmp_path)
    (tmp_path / "one").write_bytes(b"\x00\xfe" * 700_000)
    for zipped in (True, False):
        with pytest.raises(IntegrityError):
            write_bag(files, tmp_path / "bag", INFO, zipped=zipped)
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_manifest_encodes_line_breaks_and_percent_signs_and_nothing_else(tmp_path: Path) -> None:
    """RFC 8493, 2.1.3. The bagit library does not decode %25 (1.9), so the line itself is looked at."""
    assert encoded("a\r\nb%0A c ấ.txt") == "a%0D%0Ab%250A c ấ.txt"
    write_bag([packed("tăng 5%.txt", b"5")], tmp_path / "bag", INFO, zipped=False)
    assert (tmp_path / "bag" / "data" / "tăng 5%.txt").read_bytes() == b"5"
    assert (tmp_path / "bag" / "manifest-sha256.txt").read_text().endswith("  data/tăng 5%25.txt\n")


@given(st.text(max_size=40))
def test_an_encoded_path_is_one_line_and_can_be_read_back(path: str) -> None:
    line = encoded(path)
    assert "\n" not in line
    assert "\r" not in line
    assert line.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") == path


def test_our_own_check_finds_the_bag_right_also_with_a_percent_sign_in_a_name(tmp_path: Path) -> None:
    written = write_bag([*some(tmp_path), packed("tăng 5%.txt", b"5")], tmp_path / "H99.zip", INFO)
    report = check_package(written.path)
    assert report.kind == "BagIt 1.0"
    assert [one.code for one in report.findings if one.level > Level.note] == []
    assert report.files == written.files - 1        # nothing vouches for the tag manifest


def test_a_value_stays_on_its_line(tmp_path: Path) -> None:
    told = {**INFO, "External-Description": "dòng một\r\nPayload-Oxum: 9.9"}
    write_bag([packed("a", b"1")], tmp_path / "bag", told, zipped=False)
    bag = bagit.Bag(str(tmp_path / "bag"))
    assert bag.info["External-Description"] == "dòng một Payload-Oxum: 9.9"
    assert bag.info["Payload-Oxum"] == "1.1"


@pytest.mark.parametrize("info", [
    {}, {"Bagging-Date": "21/11/2026"}, {"Bagging-Date": "20261121"},
    {**INFO, "Payload-Oxum": "1.1"}, {**INFO, "bagging-date": "2026-11-21"},
    {**INFO, "Bad: label": "x"}, {**INFO, " label": "x"}, {**INFO, "": "x"}, {**INFO, "Bad\nlabel": "x"}])
def test_information_that_the_standard_does_not_allow_is_refused(info: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"bag-info|isoformat"):
        write_bag([packed("a", b"1")], tmp_path / "bag", info)
    assert list(tmp_path.iterdir()) == []


def test_a_bag_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="data/"):
        write_bag([], tmp_path / "bag", INFO)


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", "C:\\a", "a\nb"])
def test_a_path_that_would_leave_the_bag_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="path"):
        write_bag([packed(path, b"1")], tmp_path / "bag", INFO)
    assert list(tmp_path.iterdir()) == []
