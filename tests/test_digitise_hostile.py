"""Whatever a scan does to the process that reads it, the other pages and the machine go on."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import img2pdf
import numpy as np
import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from archive.findings import Level
from archive.settings import IngestSettings, Settings
from ingest.digitise import engine, guards, lanes, thresholds
from ingest.digitise.lanes import Batch, read_pages
from ingest.item import Context, Item, Part
from ingest.worker import examine_all
from tests.conftest import NIGHT, ROOT
from tests.test_digitise import (
    NAME,
    changed,
    digitised,
    draw,
    hostile,
    jpeg,
    layer,
    scan,
    sheet,
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page has one second."""
    monkeypatch.setitem(thresholds._table()["limits"], "page_seconds", 1.0)


def failed(page: int, why: str) -> str:
    return f"{page}: {why}"


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()


# --- a page is on its own ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
def test_a_page_that_hangs_and_one_that_dies_cost_no_other() -> None:
    def read(page: int) -> str:
        if page == 2:
            time.sleep(1000)
        if page == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return f"trang {page}"

    before = children()
    assert read_pages([1, 2, 3, 4, 5], read, failed) == {1: "trang 1", 2: "2: time", 3: "trang 3", 4: "4: died",
                                                         5: "trang 5"}
    assert children() == before


def test_after_too_many_such_pages_the_rest_is_left() -> None:
    def read(page: int) -> str:
        os._exit(1)

    limit = int(thresholds.threshold("limits", "pages_given_up"))
    done = read_pages(range(1, limit + 4), read, failed)
    assert list(done.values()) == [f"{page}: died" for page in range(1, limit + 1)] + [
        f"{page}: left" for page in range(limit + 1, limit + 4)]


def test_our_own_fault_in_a_lane_is_raised_with_its_place() -> None:
    def read(page: int) -> str:
        raise KeyError("của ta")

    with pytest.raises(KeyError) as fault:
        read_pages([1], read, failed)
    assert "in read" in fault.value.__notes__[0]


def test_a_slow_page_is_given_up_and_the_document_is_digitised_without_it(tmp_path: Path,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(thresholds._table()["limits"], "page_seconds", 4.0)
    width, height = sheet().size

    def reading(self: engine.Reader, picture: Any, *_args: Any, **_more: Any) -> engine.Reading:
        if picture.shape[1] < width - 50:
            time.sleep(1000)
        box = (100.0, 100.0, 900.0, 140.0)
        line = engine.Line(box, 0, 0, tuple(engine.Word(word, box, 99) for word in ("trang", "còn", "lại")), True)
        return engine.Reading(picture.shape[1], picture.shape[0], (line,))

    monkeypatch.setattr(engine.Reader, "read", reading)
    done = digitised(tmp_path, ("hai.pdf", scan(sheet().crop((0, 0, width - 150, height)), sheet())))
    found, = [one for one in done.findings if one.code == "DIGITISE-030"]
    assert (found.level, found.params["pages"], found.params["seconds"]) == (Level.warning, "1", "4")
    assert "DIGITISE-010" not in done.codes and done.facts["pages"][0]["given_up"] == "time"
    assert done.text == "\ftrang còn lại" and "còn" in layer(done.access, 1)


@pytest.mark.usefixtures("impatient")
def test_a_page_that_waits_for_the_processor_is_read_and_one_that_uses_it_up_is_given_up(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "_PROGRESS", 0.05)

    def read(page: int) -> str:
        for _turn in range(6):          # as on a busy machine: a little of the processor now and then
            until = time.process_time() + 0.1
            while page == 2 or time.process_time() < until:
                pass
            time.sleep(0.3)
        return f"trang {page}"

    assert read_pages([1, 2], read, failed) == {1: "trang 1", 2: "2: time"}


@pytest.mark.parametrize(("why", "code"), [("died", "DIGITISE-031"), ("left", "DIGITISE-032")])
def test_every_reason_has_its_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str, code: str) -> None:
    if why == "left":
        monkeypatch.setitem(thresholds._table()["limits"], "pages_given_up", 1)

    def dying(*_args: Any, **_more: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(engine.Reader, "read", dying)
    done = digitised(tmp_path, ("hai.pdf", scan(sheet(), sheet())))
    found, = [one for one in done.findings if one.code == code]
    assert found.params["pages"] == ("2" if why == "left" else "1, 2".replace(", ", "–"))
    assert "…" not in found.sentence("vi") + found.sentence("en") + found.cure("vi") + found.cure("en")
    assert done.access.exists() and done.text == "\f"


def test_a_page_that_starves_is_its_own_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def starving(*_args: Any, **_more: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(engine.Reader, "read", starving)
    assert "DIGITISE-010" in digitised(tmp_path, ("a.pdf", scan(sheet()))).codes


# --- the processors of a batch ----------------------------------------------------------------------------


def test_a_long_document_uses_the_processors_that_are_free_and_the_pages_are_the_same(tmp_path: Path) -> None:
    def read(page: int) -> tuple[int, int]:
        time.sleep(0.05)
        return page, os.getpid()

    batch = Batch(tmp_path, 3)
    lanes.share(batch)
    try:
        with lanes.working():
            alone = read_pages(range(12), read, lambda page, why: (page, 0))
            other = batch.take()
            assert other is not None
            fewer = read_pages(range(12), read, lambda page, why: (page, 0))
    finally:
        lanes.share(None)
    assert [page for page, _pid in alone.values()] == list(range(12)) == [page for page, _pid in fewer.values()]
    assert len({pid for _page, pid in alone.values()}) == 3 and len({pid for _page, pid in fewer.values()}) == 2
    assert (batch.counted("expected"), batch.counted("read")) == (24, 24)
    assert batch.take() is not None                                     # the further lanes gave theirs back


def test_a_further_lane_gives_its_processor_to_a_document_that_waits(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 2)
    waits = ("import sys, time; from pathlib import Path; from ingest.digitise.lanes import Batch\n"
             "place = Path(sys.argv[1])\n"
             "(place / 'ready').touch()\n"
             "with Batch(place, 2).working(): (place / 'working').touch(); time.sleep(60)")

    def read(page: int) -> int:
        if page == 0:
            while not (tmp_path / "ready").exists():
                time.sleep(0.01)
        time.sleep(0.05)
        if page > 40:
            while not (tmp_path / "working").exists():                  # or for ever, and the page is given up
                time.sleep(0.01)
        return os.getpid()

    lanes.share(batch)
    other = None
    try:
        with lanes.working():
            other = subprocess.Popen([sys.executable, "-c", waits, str(tmp_path)], cwd=ROOT)
            done = read_pages(range(60), read, lambda page, why: -1)
    finally:
        lanes.share(None)
        if other is not None:
            other.kill()
            other.wait()
    assert -1 not in done.values()
    last = list(done.values())[-5:]
    assert len(set(last)) == 1


def test_a_killed_process_holds_no_processor_and_leaves_no_lane(tmp_path: Path) -> None:
    code = ("import os, sys, time; from pathlib import Path; from ingest.digitise import lanes\n"
            "place = Path(sys.argv[1]); lanes.share(lanes.Batch(place, 2))\n"
            "def read(page):\n"
            "    (place / f'lane-{os.getpid()}').touch(); time.sleep(1000)\n"
            "with lanes.working(): lanes.read_pages([1, 2], read, lambda page, why: None)")
    running = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    until(lambda: len(list(tmp_path.glob("lane-*"))) == 2)
    assert Batch(tmp_path, 2).take() is None
    running.kill()
    running.wait()
    pids = [int(path.name.removeprefix("lane-")) for path in tmp_path.glob("lane-*")]
    until(lambda: not any(alive(pid) for pid in pids))
    batch = Batch(tmp_path, 2)
    assert batch.take() is not None and batch.take() is not None


def until(true: Callable[[], bool]) -> None:
    """Wait for what other processes do; a minute at most."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


# --- the clock of an item ---------------------------------------------------------------------------------


def timed(inside: str) -> int:
    """The exit code of a process that has one second for what is `inside`."""
    code = ("import time; from ingest.digitise.lanes import read_pages; from ingest.digitise.limits import timed\n"
            f"with timed(1): {inside}")
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode


def test_an_item_that_takes_too_long_is_ended_but_its_pages_are_not_counted() -> None:
    assert timed("time.sleep(30)") == -signal.SIGALRM
    assert timed("read_pages([1, 2], lambda page: time.sleep(0.8), print)") == 0
    assert timed("read_pages([1], lambda page: time.sleep(1.2), print); time.sleep(30)") == -signal.SIGALRM


def test_in_the_night_an_item_that_hangs_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    settings = Settings(root=tmp_path, ingest=IngestSettings(
        item_seconds=5, workers=1, virus_scanner=["sh", "-c", "grep -q treo \"$0\" && sleep 60; exit 0"]))
    items = []
    for name, text in (("treo.txt", "treo"), ("xong.txt", "xong")):
        path = tmp_path / name / name
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        items.append(Item(name, "inbox", name, path.parent, [Part(name, "original", path, 4, "", "")], NIGHT))
    done = {one.item.name: [found.code for found in one.findings]
            for one in examine_all(items, Context(settings, NIGHT.date(), NIGHT))}
    assert done["treo.txt"] == ["NIGHT-002"] and "NIGHT-002" not in done["xong.txt"]


# --- pictures that lie, and damaged ones ------------------------------------------------------------------


def jpeg_2000(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG2000", quality_mode="rates", quality_layers=[20])
    return out.getvalue()


def pdf_of(data: bytes, coding: pikepdf.Name, **more: Any) -> bytes:
    """A page of one coded picture, 1654 × 2339."""
    def make(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
        draw(pdf, page, pdf.make_stream(data, Type=NAME.XObject, Subtype=NAME.Image, Width=1654, Height=2339,
                                        Filter=coding, **more))

    return hostile(make)


def grey_bits(bits: int) -> dict[str, Any]:
    return {"BitsPerComponent": bits, "ColorSpace": NAME.DeviceGray}


def noise(size: int) -> bytes:
    return bytes(np.random.default_rng(1).integers(0, 256, size, dtype=np.uint8))


JBIG2_PAGE = bytes.fromhex("0000000030000100000013") + struct.pack(">IIIIBH", 1654, 2339, 0, 0, 0, 0)


@pytest.mark.parametrize("make", [
    lambda: pdf_of(jpeg_2000(sheet())[:300], NAME.JPXDecode, BitsPerComponent=8, ColorSpace=NAME.DeviceRGB),
    lambda: pdf_of(JBIG2_PAGE + noise(5000), NAME.JBIG2Decode, **grey_bits(1)),
    lambda: pdf_of(JBIG2_PAGE, NAME.JBIG2Decode, **grey_bits(1)),
    lambda: pdf_of(b"\xff\xd8\xff\xe0" + noise(500), NAME.DCTDecode, **grey_bits(8)),
], ids=["jpeg 2000", "jbig2", "jbig2 without a picture", "jpeg"])
def test_a_damaged_picture_is_no_blank_page(tmp_path: Path, make: Any) -> None:
    done = digitised(tmp_path, ("hong.pdf", make()))
    assert "DIGITISE-003" not in done.codes and not done.facts["pages"][0]["blank"]
    assert {"DIGITISE-010", "DIGITISE-013"} & set(done.codes)


def region(data: bytes = b"\0" * 30, length: int | None = None) -> bytes:
    """A JBIG2 segment that draws: an immediate generic region of page 1."""
    return struct.pack(">IBBBI", 1, 38, 0, 1, len(data) if length is None else length) + data


def test_a_jbig2_page_is_whole_when_a_segment_draws_and_none_is_cut() -> None:
    assert guards.whole_jbig2(JBIG2_PAGE + region()) and guards.whole_jbig2(JBIG2_PAGE + region(length=0xFFFFFFFF))
    many = struct.pack(">IBIB", 70000, 38, 0xE0000009, 0) + bytes(1 + 9 * 4 + 1) + struct.pack(">I", 2) + b"\0\0"
    assert guards.whole_jbig2(JBIG2_PAGE + many)
    for damaged in (b"", JBIG2_PAGE, JBIG2_PAGE + region()[:-1], JBIG2_PAGE + region() + b"\0",
                    JBIG2_PAGE + noise(5000)):
        assert not guards.whole_jbig2(damaged)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_look_into_jbig2(data: bytes) -> None:
    assert guards.whole_jbig2(JBIG2_PAGE + data) in (True, False)


def test_a_half_damaged_jpeg_2000_gives_no_access_copy_that_hides_it(tmp_path: Path) -> None:
    data = jpeg_2000(sheet())
    third = len(data) // 3
    done = digitised(tmp_path, ("hong.pdf", pdf_of(data[:third] + bytes(len(data) - third), NAME.JPXDecode,
                                                   BitsPerComponent=8, ColorSpace=NAME.DeviceRGB)))
    assert "DIGITISE-013" in done.codes and not done.access.exists()


def lying(data: bytes, mark: bytes, at: int, form: str) -> bytes:
    """The picture with 20,000 × 20,000 written where `mark` is, so many bytes on."""
    place = data.index(mark) + at
    return data[:place] + struct.pack(form, 20000, 20000) + data[place + struct.calcsize(form):]


def bilevel(kind: str, **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("1", (20000, 20000), 1).save(out, kind, **more)
    return out.getvalue()


LARGE = {"a.tif": lambda: bilevel("TIFF", compression="group4"), "a.png": lambda: bilevel("PNG"),
         "a.jpg": lambda: lying(jpeg(Image.new("L", (800, 800), 255)), b"\xff\xc0", 5, ">HH"),
         "a.jp2": lambda: lying(jpeg_2000(Image.new("RGB", (800, 800), "white")), b"\xff\x4f\xff\x51", 8, ">II"),
         "a.pdf": lambda: pdf_of(lying(jpeg_2000(sheet()), b"\xff\x4f\xff\x51", 8, ">II"), NAME.JPXDecode,
                                 BitsPerComponent=8, ColorSpace=NAME.DeviceRGB)}


@pytest.mark.parametrize("name", LARGE)
def test_20000_by_20000_points_are_refused_before_they_are_decoded(tmp_path: Path, name: str,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    data = LARGE[name]()
    assert len(data) < 500_000

    def decoded(*_args: Any, **_more: Any) -> None:
        raise AssertionError("the picture was decoded")

    monkeypatch.setattr(Image.Image, "load", decoded)
    monkeypatch.setattr("pypdfium2.PdfDocument", decoded)
    done = digitised(tmp_path, (name, data))
    assert [(one.code, one.level) for one in done.findings] == [("DIGITISE-014", Level.refused)]


def test_a_tiff_whose_pages_lead_back_to_the_first_ends(tmp_path: Path) -> None:
    out, page = io.BytesIO(), Image.new("1", (1000, 1400), 1)
    page.save(out, "TIFF", save_all=True, append_images=[page, page], compression="group4", dpi=(200, 200))
    data = bytearray(out.getvalue())
    places, at = [], struct.unpack_from("<I", data, 4)[0]
    while at:
        entries, = struct.unpack_from("<H", data, at)
        places.append((at, at + 2 + 12 * entries))
        at, = struct.unpack_from("<I", data, places[-1][1])
    for first in (0, 1):
        struct.pack_into("<I", data, places[2][1], places[first][0])
        done = digitised(tmp_path / str(first), ("vong.tif", bytes(data)))
        assert 0 < len(done.facts["pages"]) <= 3


# --- what a PDF can carry ---------------------------------------------------------------------------------


def launching(pdf: pikepdf.Pdf) -> None:
    pdf.Root.OpenAction = pikepdf.Dictionary(S=NAME.Launch, F="cmd.exe")


def scripted_page(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].obj.AA = pikepdf.Dictionary(O=pikepdf.Dictionary(S=NAME.JavaScript, JS="app.alert(1)"))


def armed_note(pdf: pikepdf.Pdf) -> None:
    pdf.pages[0].Annots = pikepdf.Array([pdf.make_indirect(pikepdf.Dictionary(
        Type=NAME.Annot, Subtype=NAME.Link, Rect=[0, 0, 9, 9], A=pikepdf.Dictionary(S=NAME.Launch, F="cmd.exe")))])


def nested(pdf: pikepdf.Pdf) -> None:
    inner = scan(sheet())
    for _ in range(3):
        out = io.BytesIO()
        with pikepdf.open(io.BytesIO(inner)) as one:
            one.attachments["trong.pdf"] = inner
            one.save(out)
        inner = out.getvalue()
    pdf.attachments["trong.pdf"] = inner


@pytest.mark.parametrize(("arm", "left_out"), [(launching, "launch"), (scripted_page, "javascript"),
                                               (armed_note, "launch"), (nested, "attachments")])
def test_what_acts_or_is_nested_stays_out_of_the_copy_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                 arm: Any, left_out: str) -> None:
    monkeypatch.setattr(engine.Reader, "read", lambda self, picture, *_args, **_more: engine.Reading(*picture.shape))
    done = digitised(tmp_path, ("la.pdf", changed(scan(sheet()), arm)))
    assert done.facts["left_out"] == [left_out] and "DIGITISE-011" in done.codes
    data = done.access.read_bytes()
    with pikepdf.open(done.access) as copy:
        assert not copy.attachments and "/Annots" not in copy.pages[0].obj and "/AA" not in copy.pages[0].obj
    assert b"cmd.exe" not in data and b"app.alert" not in data and len(data) < 2 * len(scan(sheet()))


# --- many pages -------------------------------------------------------------------------------------------


def thin(pages: int) -> bytes:
    """So many pages of one small empty picture."""
    out = io.BytesIO()
    Image.new("1", (165, 234), 1).save(out, "TIFF", compression="group4", dpi=(20, 20))
    with pikepdf.open(io.BytesIO(img2pdf.convert(out.getvalue(), nodate=True))) as pdf:
        for _ in range(pages - 1):
            pdf.pages.append(pdf.pages[0])
        made = io.BytesIO()
        pdf.save(made)
    return made.getvalue()


def test_two_hundred_pages_take_no_more_memory_than_fifty(tmp_path: Path) -> None:
    code = ("import resource, sys; from pathlib import Path; from tests.test_digitise import digitised\n"
            "done = digitised(Path(sys.argv[1]), ('dai.pdf', Path(sys.argv[2]).read_bytes()))\n"
            "print(len(done.facts['pages']), ' '.join(sorted(done.codes)), done.text.count('\\f'),\n"
            "      *(resource.getrusage(who).ru_maxrss >> 10 for who in (0, -1)))")       # this process, its children
    told = []
    for pages in (50, 200):
        path = tmp_path / f"{pages}.pdf"
        path.write_bytes(thin(pages))
        assert path.stat().st_size < 500_000
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / str(pages)), str(path)], cwd=ROOT, check=True,
                              capture_output=True, text=True)
        told.append(done.stdout.split())
    (few, *_codes, few_breaks, few_self, few_lane), (many, *codes, breaks, most_self, most_lane) = told
    assert (few, many, few_breaks, breaks) == ("50", "200", "49", "199") and "DIGITISE-003" in codes
    assert int(most_self) < int(few_self) + 30 and int(most_lane) < int(few_lane) + 30         # MB: one in five a page
