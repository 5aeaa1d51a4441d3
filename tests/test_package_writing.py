"""A package is written whole or not at all, every byte compared, and twice the same."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from archive.errors import IntegrityError, UsageError
from archive.packages.build import folder_name
from archive.packages.description import Form, Package, PackedDocument
from archive.packages.ead import UnwritableTextError
from archive.packages.serialisation import serialisation
from archive.packages.writing import CHUNK, safe_path, write_folder, write_zip, zip_files
from tests.package_samples import CASE, CREATED, FORMS, document, fields_of, package, packed

DATA = "representations/rep1/data/"


def of_files(*files: object) -> Package:
    one = document("SIP_hoso")
    return package("SIP_hoso", documents=[replace(one, files=list(files))], holey=(), documentation=())


@pytest.mark.parametrize("form", FORMS)
def test_the_zip_holds_what_the_folder_holds_under_the_packages_name(form: Form, tmp_path: Path) -> None:
    made, name = package(form), folder_name(package(form))
    folder, zipped = tmp_path / name, tmp_path / "1.zip"
    told = write_folder(made, serialisation(), folder)
    written = write_zip(made, serialisation(), zipped)
    assert written.sha256 == hashlib.sha256(zipped.read_bytes()).hexdigest()
    assert written.size == zipped.stat().st_size
    with zipfile.ZipFile(zipped) as archive:
        assert archive.testzip() is None
        inside = {one.filename: archive.read(one) for one in archive.infolist()}
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
        assert not any(one.flag_bits & 0x08 for one in archive.infolist())      # no data descriptors
    outside = {f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
               for path in folder.rglob("*") if path.is_file()}
    assert inside == outside
    assert written.files == told.files == len(inside)
    assert written.bytes == told.bytes == sum(map(len, inside.values()))


@pytest.mark.parametrize("form", FORMS)
def test_writing_twice_gives_the_same_bytes(form: Form, tmp_path: Path) -> None:
    first = write_zip(package(form), serialisation(), tmp_path / "1.zip")
    second = write_zip(package(form), serialisation(), tmp_path / "2.zip")
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    assert first.sha256 == second.sha256
    other = write_zip(package(form, uuid="00000000-0000-4000-8000-000000000001"), serialisation(), tmp_path / "3.zip")
    assert other.sha256 != first.sha256


def test_the_entries_bear_the_packages_time(tmp_path: Path) -> None:
    write_zip(package("SIP_hoso"), serialisation(), tmp_path / "1.zip")
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert {one.date_time for one in archive.infolist()} == {(2026, 11, 20, 21, 30, 4)}  # even seconds


@pytest.mark.parametrize("way", ["zip", "folder"])
@pytest.mark.parametrize("fault", ["other bytes", "shorter", "longer"])
def test_a_file_that_is_not_what_it_should_be_leaves_nothing(way: str, fault: str, tmp_path: Path) -> None:
    source = tmp_path / "source.pdf"
    source.write_bytes(b"%PDF what was received")
    made = of_files(packed(f"{DATA}{CASE}.0000001.pdf", source))
    source.write_bytes({"other bytes": b"%PDF what was deceived", "shorter": b"%PDF", "longer": b"%PDF" * 10}[fault])
    target = tmp_path / "out" / "1"
    with pytest.raises(IntegrityError, match=r"0000001\.pdf"):
        (write_zip if way == "zip" else write_folder)(made, serialisation(), target)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_size_that_is_told_wrong_is_found(tmp_path: Path) -> None:
    told = replace(packed(f"{DATA}{CASE}.0000001.pdf", b"%PDF"), size=5)
    with pytest.raises(IntegrityError):
        write_zip(of_files(told), serialisation(), tmp_path / "1.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_gone_leaves_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source.pdf"
    source.write_bytes(b"%PDF")
    made = of_files(packed(f"{DATA}x.pdf", source))
    source.unlink()
    with pytest.raises(FileNotFoundError):
        write_zip(made, serialisation(), tmp_path / "out" / "1.zip")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_text_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    bad = PackedDocument("x", "document", {**fields_of("SIP_hoso", "EAD_doc"), "subject": "\x07"},
                         [packed(f"{DATA}x.pdf", b"%PDF")])
    for write, name in ((write_zip, "1.zip"), (write_folder, "1")):
        with pytest.raises(UnwritableTextError):
            write(package("SIP_hoso", documents=[bad], holey=()), serialisation(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "1.zip"
    target.write_bytes(b"someone's")
    with pytest.raises(UsageError, match=r"1\.zip"):
        write_zip(package("SIP_hoso"), serialisation(), target)
    assert target.read_bytes() == b"someone's"
    (tmp_path / "2").mkdir()
    (tmp_path / "2" / "x").touch()
    with pytest.raises(UsageError):
        write_folder(package("SIP_hoso"), serialisation(), tmp_path / "2")


def test_half_a_zip_of_a_killed_run_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".1.zip.part").write_bytes(b"half")
    (tmp_path / ".2.part").mkdir()
    (tmp_path / ".2.part" / "half").touch()
    written = write_zip(package("SIP_hoso"), serialisation(), tmp_path / "1.zip")
    write_folder(package("SIP_hoso"), serialisation(), tmp_path / "2")
    assert zipfile.ZipFile(written.path).testzip() is None
    assert not (tmp_path / "2" / "half").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.zip", "2"]


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a\\b", "C:/x", "a/./b", "a//b", "a\n", "b/"])
def test_paths_that_leave_the_package_are_not_written(path: str, tmp_path: Path) -> None:
    assert not safe_path(path)
    with pytest.raises(ValueError, match="path"):
        zip_files([packed(path, b"x")], "top", tmp_path / "1.zip", CREATED)
    assert list(tmp_path.iterdir()) == []


def test_one_path_twice_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="twice"):
        zip_files([packed("a/x.pdf", b"1"), packed("a/X.pdf", b"2")], "top", tmp_path / "1.zip", CREATED)


def test_progress_counts_every_byte(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    written = write_zip(package("AIP_hoso"), serialisation(), tmp_path / "1.zip",
                        lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == written.bytes
    assert all(done <= total for done, total in seen)


def test_a_large_file_goes_through_in_pieces(tmp_path: Path) -> None:
    import tracemalloc

    source = tmp_path / "large.bin"
    with source.open("wb") as stream:
        for n in range(24):
            stream.write(bytes([n]) * CHUNK)
    made = of_files(packed(f"{DATA}large.pdf", source))
    tracemalloc.start()
    write_zip(made, serialisation(), tmp_path / "1.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * CHUNK


def test_many_documents_need_little_memory() -> None:
    """What is held besides the description is the largest file that is being made, not all of them."""
    import tracemalloc

    from archive.packages.build import metadata_files

    made = package("AIP_hoso", documents=[document("AIP_hoso", n, files=4) for n in range(1, 301)], holey=())
    tracemalloc.start()
    sizes = [len(data) for _, data in metadata_files(made, serialisation())]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sizes) == 9 + 300 + 5
    assert peak < 3 * max(sizes) + (2 << 20)
