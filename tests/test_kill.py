"""Promise 3: nothing is lost, nothing twice. Kill the night at any moment, as often as you like.

The same inbox of 40 files goes through two archives: one in peace, one whose process group is killed with SIGKILL
at least 60 times at random moments. In the end they are the same, file by file and row by row.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from archive import catalogue, opening, settings
from archive.file_plan_import import import_file_plan
from search.index import open_index
from tests.conftest import ROOT
from tests.night_lives import Lives, environment

SAMPLES = ROOT / "samples"
KILLS = 60
SEED = int(os.environ.get("LUUTRU_KILL_SEED", "20261121"))


@dataclass(frozen=True)
class Picture:
    """All that two archives must agree in."""

    store: dict[str, bytes]
    rows: dict[str, list[dict[str, Any]]]
    events: list[str]
    inbox: list[str]
    indexed: dict[str, str]


def make_inbox(folder: Path) -> None:
    """40 files: the sample inbox but for most of its scans, and plain PDFs up to the number."""
    shutil.copytree(SAMPLES / "inbox", folder, dirs_exist_ok=True)
    scans = sorted(path for path in (folder / "quet").iterdir() if path.suffix in {".pdf", ".tif", ".jpg"})
    for path in scans:
        if path.name != "IMG_20261110_0004.jpg":
            path.unlink()
    plain = folder / "van-ban-den" / "Thông báo trực kho tháng 11.pdf"
    for number in range(40 - sum(1 for path in folder.rglob("*") if path.is_file())):
        with pikepdf.open(plain) as pdf:
            pdf.docinfo["/Title"] = f"bản {number}"
            pdf.save(folder / f"ban-{number:02d}.pdf", deterministic_id=True)
    rows = ["Tên tệp;Mã hồ sơ;Số;Ký hiệu;Ngày ban hành;Cơ quan ban hành;Trích yếu"]
    rows += [f"ban-{n:02d}.pdf;H99.2026.0{n % 3 + 1}.VP;{n + 1};BB-SNV;0{n % 9 + 1}/10/2026;Sở Nội vụ tỉnh Mẫu;Bản {n}"
             for n in range(40)]
    (folder / "danh-sach-ban.csv").write_text("\n".join(rows), encoding="utf-8-sig")


def make_archive(root: Path, inbox: Path) -> None:
    """An archive with the sample file plan and certificates, and a copy of the inbox (times of change kept)."""
    from archive import clock
    from tests.night_driver import NIGHT

    real, clock.now = clock.now, lambda: NIGHT
    try:
        archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
        import_file_plan(archive, SAMPLES / "file-plan.xlsx", "H99")
        archive.close()
    finally:
        clock.now = real
    shutil.copytree(SAMPLES / "trust", root / "trust", dirs_exist_ok=True)
    shutil.copytree(inbox, root / "inbox", dirs_exist_ok=True)
    (root.parent / "sao").mkdir()


def night(root: Path, after: float | None = None) -> int:
    """The night as a new process, in a group of its own; killed from outside after `after` seconds."""
    life = subprocess.Popen([sys.executable, ROOT / "tests" / "night_driver.py", root], start_new_session=True,
                            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, _ = life.communicate(timeout=after if after is not None else 300)
    except subprocess.TimeoutExpired:
        os.killpg(life.pid, signal.SIGKILL)
        output, _ = life.communicate()
    if life.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(output.decode(errors="replace"))
    return life.returncode


def picture(root: Path) -> Picture:
    """Read an archive as it lies on the disk."""
    archive = opening.open_archive(settings.load(root))
    try:
        assert list(archive.ledger.check()) == []
        for object_id in archive.store.objects():
            assert list(archive.store.verify(object_id)) == []
        with archive.catalogue.session() as session:
            rows = catalogue.rows(session)
        lines = list(archive.ledger.lines())
        index = open_index(archive.settings)
        indexed = index.fingerprints()
        index.close()
    finally:
        archive.close()
    events = rows.pop("event")
    assert [event["seq"] for event in events] == [line.seq for line in lines]
    return Picture(
        store={path.relative_to(root).as_posix(): path.read_bytes()
               for part in ("store/ocfl", "store/intake", "store/staging")
               for path in sorted((root / part).rglob("*")) if path.is_file()},
        rows=rows,
        events=sorted(json.dumps([line.kind, line.subject, line.actor, {
            key: value for key, value in line.data.items() if key != "seconds"}], sort_keys=True) for line in lines),
        inbox=sorted(path.relative_to(root).as_posix() for path in (root / "inbox").rglob("*") if path.is_file()),
        indexed=indexed)


def assert_same(one: Picture, other: Picture) -> None:
    assert {path for path in one.store if path not in other.store} == set()
    assert {path for path in other.store if path not in one.store} == set()
    differing = [path for path in one.store if one.store[path] != other.store[path]]
    assert differing == []
    assert one.events == other.events
    assert one.rows == other.rows
    assert one.indexed == other.indexed
    assert one.inbox == other.inbox


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forty") / "inbox"
    make_inbox(folder)
    assert sum(1 for path in folder.rglob("*") if path.is_file()) >= 40
    return folder


@pytest.fixture(scope="module")
def peace(tmp_path_factory: pytest.TempPathFactory, inbox: Path) -> Path:
    """The archive that nobody disturbed, after its night."""
    root = tmp_path_factory.mktemp("peace") / "kho"
    make_archive(root, inbox)
    assert night(root) == 0
    return root


@pytest.fixture(scope="module")
def peaceful(peace: Path) -> Picture:
    return picture(peace)


@pytest.mark.slow
def test_a_night_killed_sixty_times_ends_with_the_same_archive(tmp_path: Path, inbox: Path, peaceful: Picture,
                                                               lives: Lives) -> None:
    root = tmp_path / "kho"
    make_archive(root, inbox)
    dice = random.Random(SEED)
    kills, lived, result = 0, 0, 1
    while result != 0:
        lived += 1
        assert lived < 400, "the night makes no progress between kills"
        if kills >= KILLS:
            result = lives.one(root)
        elif lived % 20 == 0:
            result = night(root, after=dice.uniform(0.5, 2.5))      # as people start it: no library is loaded yet
        elif dice.random() < 0.25:
            result = lives.one(root, after=dice.uniform(0.05, 0.6))
        else:
            result = lives.one(root, "--die-at", str(int(dice.triangular(1, 40, 12))))
        kills += result == -signal.SIGKILL
    assert kills >= KILLS
    end = picture(root)
    assert_same(end, peaceful)
    for path, data in end.store.items():
        if not path.startswith("store/staging/"):
            assert (root.parent / "sao" / path).read_bytes() == data, "the copy has it too"


@pytest.mark.slow
def test_a_second_night_changes_nothing(tmp_path: Path, peace: Path, peaceful: Picture, lives: Lives) -> None:
    for name in ("kho", "sao"):
        shutil.copytree(peace.parent / name, tmp_path / name)
    assert lives.one(tmp_path / "kho") == 0
    assert_same(picture(tmp_path / "kho"), peaceful)


DISK_FULL = """
set -e
mount -t tmpfs -o size=110m tmpfs "$1"
cp -a "$2/." "$1/"
for stage in $4; do
  set +e; "$3" tests/night_driver.py "$1" --fill $stage; rc=$?; set -e
  echo "stage $stage: rc $rc, $(df --output=avail "$1" | tail -1) KB free"
  test $rc -eq 9
  rm -f "$1/hog"
done
"$3" tests/night_driver.py "$1"
mkdir "$2.after" && cp -a "$1/." "$2.after/"
umount "$1"
"""


@pytest.mark.slow
def test_a_full_disk_in_the_middle_loses_nothing(tmp_path: Path, inbox: Path, peaceful: Picture) -> None:
    """On a small tmpfs that is filled to the last byte in the middle of a stage, once for each stage."""
    start, mount = tmp_path / "kho", tmp_path / "mounted"
    make_archive(start, inbox)
    mount.mkdir()
    private = ["unshare", "--mount", "--propagation", "unchanged"]
    if os.geteuid() != 0:
        private[1:1] = ["--user", "--map-root-user"]
    done = subprocess.run([*private, "bash", "-c", DISK_FULL, "disk-full", mount, start, sys.executable,
                           "collect examine store"], cwd=ROOT, env=environment(), capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rc 9") == 3
    assert_same(picture(Path(f"{start}.after")), peaceful)


def wait_for(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_workers_of_a_killed_night_do_not_live_on(tmp_path: Path, inbox: Path) -> None:
    """Only the parent is killed: its workers notice and go, so that the next night is alone."""
    root = tmp_path / "kho"
    (tmp_path / "few").mkdir()
    for path in sorted((inbox / "van-ban-den").glob("*.pdf"))[:4]:      # no scan among them, which takes its time
        shutil.copy2(path, tmp_path / "few")
    make_archive(root, tmp_path / "few")
    life = subprocess.Popen([sys.executable, ROOT / "tests" / "night_driver.py", root], start_new_session=True,
                            env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def members() -> list[str]:
        found = subprocess.run(["ps", "-o", "pid=,comm=", "-g", str(life.pid)], capture_output=True, text=True,
                               check=False)
        return found.stdout.split("\n")[:-1]

    wait_for(lambda: len(members()) > 2)
    os.kill(life.pid, signal.SIGKILL)
    life.wait()
    wait_for(lambda: members() == [])
    assert night(root) == 0
