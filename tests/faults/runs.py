"""Nights on a file system that fails: one call of a night, drawn by a seed, ends with an error. What must hold then.

    python -m tests.faults.runs --runs 1000 [--seed 1]

For each seed a small archive gets its night with the fault, and then nights without any. Whatever the fault was: no
received file is lost, nothing is stored twice, what is called stored lies in the store whole, the ledger's chain holds,
a rebuild finds the same, and in the end everything that could be stored is, and is found by the search.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
OPEN, WRITE, SYNC, RENAME, LINK, UNLINK, MKDIR, SIZE, READ = (1 << n for n in range(9))
KINDS = {"open": OPEN, "write": WRITE, "sync": SYNC, "rename": RENAME, "link": LINK, "unlink": UNLINK, "mkdir": MKDIR,
         "size": SIZE, "read": READ}
SHORT = -1
# What each kind of call can meet on a real disk.
ERRORS = {"open": (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EROFS),
          "write": (errno.ENOSPC, errno.EIO, errno.EDQUOT, SHORT), "sync": (errno.EIO, errno.ENOSPC),
          "rename": (errno.EIO, errno.ENOSPC, errno.EACCES), "link": (errno.EIO, errno.EMLINK, errno.EPERM),
          "unlink": (errno.EIO, errno.EACCES, errno.EROFS), "mkdir": (errno.ENOSPC, errno.EIO, errno.EACCES),
          "size": (errno.EIO, errno.ENOSPC), "read": (errno.EIO,)}
FOR_GOOD = 1 << 40      # calls that fail: from the drawn one until the night ends
PATIENCE = 120.0
_NO_ROOM = 9            # tests/night_driver.py


@dataclass(frozen=True, slots=True)
class Fault:
    """From call number `at` of its kind on, `times` calls end with `error` (SHORT: half is written)."""

    kind: str
    at: int
    times: int
    error: int

    def __str__(self) -> str:
        name = "SHORT" if self.error == SHORT else errno.errorcode[self.error]
        return f"{self.kind} {self.at} {name}" + (" for good" if self.times == FOR_GOOD else "")


@dataclass(frozen=True, slots=True)
class Life:
    """How a night ended: its return code (None: it hung and was killed), calls of each kind, faults that came."""

    code: int | None
    calls: dict[str, int]
    fired: int


def library(folder: Path) -> Path:
    """The preloaded library, compiled into `folder`. Raises CalledProcessError without a C compiler."""
    made = folder / "faults.so"
    if not made.exists():
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", made, Path(__file__).with_name("faults.c"), "-ldl"],
                       check=True)
    return made


class Driver:
    """A process that has loaded the libraries and leads each night in a fork of itself."""

    def __init__(self, folder: Path) -> None:
        from tests.night_lives import environment

        self.said = folder / "said.txt"
        with self.said.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.runs", "--drive"], cwd=ROOT, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True,
                env={**environment(), "LD_PRELOAD": str(library(folder)), "LUUTRU_INGEST__WORKERS": "1"})

    def night(self, root: Path, fault: Fault | None = None) -> Life:
        """One night at `root`."""
        assert self.process.stdin is not None and self.process.stdout is not None
        at, times, error = (fault.at, fault.times, fault.error) if fault else (0, 0, 0)
        kind = KINDS[fault.kind] if fault else 0
        self.process.stdin.write(json.dumps([str(root), at, times, error, kind]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.words())
        return Life(*json.loads(line))

    def words(self) -> str:
        """The end of what the nights printed."""
        return self.said.read_text(encoding="utf-8", errors="replace")[-6000:]

    def close(self) -> None:
        """End the process."""
        self.process.communicate(timeout=30)


def drive() -> None:
    """The driver's side: a night in a fork for each line."""
    import importlib

    from tests import night_driver

    shared = ctypes.CDLL(os.environ["LD_PRELOAD"])
    for name in ("faults_count", "faults_fired"):
        getattr(shared, name).restype = ctypes.c_long
    shared.faults_arm.argtypes = (ctypes.c_char_p, ctypes.c_long, ctypes.c_long, ctypes.c_int, ctypes.c_int)
    for name in ("ingest.nightly", "ingest.stages.examine", "search.index"):
        importlib.import_module(name)
    shared.faults_arm(b"/", 0, 0, 0, 0)         # the counters lie in memory that every fork shares
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        root, at, times, error, kind = json.loads(line)
        shared.faults_arm(b"/", 0, 0, 0, 0)
        child = os.fork()
        if child == 0:
            shared.faults_arm(root.encode(), at, times, error, kind)
            night_driver._live([root])
        os.setpgid(child, child)
        code: int | None = night_driver._end_of(child, PATIENCE)
        with_group(child)
        if code == -signal.SIGKILL:
            code = None
        answers.write(json.dumps([code, {name: shared.faults_count(one) for name, one in KINDS.items()},
                                  shared.faults_fired()]) + "\n")
        answers.flush()


def with_group(child: int) -> None:
    """End what a night left behind."""
    try:
        os.killpg(child, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


# --- the material ------------------------------------------------------------------------------------------------


def prepare(root: Path) -> None:
    """A small archive and what a night meets: documents, one without case file, a damaged one, one twice, a message."""
    import pikepdf

    from archive import clock, opening
    from archive.file_plan_import import import_file_plan
    from tests.night_driver import NIGHT

    real, clock.now = clock.now, lambda: NIGHT
    try:
        archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
        import_file_plan(archive, SAMPLES / "file-plan.xlsx", "H99")
        archive.close()
    finally:
        clock.now = real
    shutil.copytree(SAMPLES / "trust", root / "trust", dirs_exist_ok=True)
    inbox = root / "inbox"
    plain = SAMPLES / "inbox" / "van-ban-den" / "Thông báo trực kho tháng 11.pdf"
    for number in range(4):
        with pikepdf.open(plain) as pdf:
            pdf.docinfo["/Title"] = f"bản {number}"
            pdf.save(inbox / f"ban-{number}.pdf", deterministic_id=True)
    shutil.copy(inbox / "ban-1.pdf", inbox / "ban-1 (copy).pdf")
    (inbox / "cut.pdf").write_bytes(plain.read_bytes()[:900])
    shutil.copy(plain, inbox / "khong-ho-so.pdf")
    message = next((SAMPLES / "inbox").rglob("*.edxml"))
    shutil.copy(message, inbox / message.name)
    rows = ["Tên tệp;Mã hồ sơ;Số;Ký hiệu;Ngày ban hành;Cơ quan ban hành;Trích yếu"]
    rows += [f"ban-{n}.pdf;H99.2026.0{n % 2 + 1}.VP;{n + 1};BB-SNV;0{n + 1}/10/2026;Sở Nội vụ tỉnh Mẫu;Bản {n}"
             for n in range(4)]
    (inbox / "danh-sach.csv").write_text("\n".join(rows), encoding="utf-8-sig")
    (root.parent / "sao").mkdir()


# --- what must hold ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an archive holds in the end, without its numbers: they may be given in another order."""

    stored: Counter[str]            # SHA-256 of the original of each document
    items: Counter[tuple[str, str]]         # name and state of each received file
    found: int                      # documents in the search index


def hashes(*folders: Path) -> set[str]:
    """The SHA-256 of every file below."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for folder in folders for path in folder.rglob("*")
            if path.is_file()}


def look(root: Path, received: set[str], *, ended: bool) -> Outcome:
    """Look at the archive as it lies there; AssertionError with what does not hold.

    `ended`: no night is half done, so that catalogue, index and a rebuild must agree as well.
    """
    from sqlalchemy import select

    from archive import catalogue, layout, model, opening, settings
    from archive.rebuild import rebuild
    from ingest.commands.rebuild import ADMITS
    from ingest.stages.index import index_documents
    from search.index import open_index

    lost = received - hashes(root / "inbox", layout.intake_folder(settings.load(root)), root / "store")
    assert not lost, f"lost: {sorted(lost)}"
    archive = opening.open_archive(settings.load(root))
    try:
        assert (broken := list(archive.ledger.check())) == [], broken
        damaged = {one: found for one in archive.store.objects() if (found := list(archive.store.verify(one)))}
        assert not (damaged and ended), damaged
        with archive.catalogue.session() as session:
            documents = list(session.scalars(select(model.Document)))
            files = {one.sha256 for one in session.scalars(select(model.File))}
            items = Counter((one.name, one.state) for one in session.scalars(select(model.Item)))
            originals = Counter(session.scalars(select(model.Item.sha256).where(
                model.Item.id.in_([one.item for one in documents]))))
            rows = catalogue.rows(session)
        assert max(originals.values(), default=1) == 1, f"stored twice: {originals}"
        missing = files - hashes(root / "store")
        assert not missing, f"called stored, and not there: {missing}"
        found = 0
        if ended:
            index = open_index(archive.settings)
            found = len(index.fingerprints())
            index.close()
            with opening.ownership(archive, rebuilding=True):
                rebuild(archive, admits=ADMITS)
                index_documents(archive)
            with archive.catalogue.session() as session:
                again = catalogue.rows(session)
            assert rows == again, {name for name in rows if rows[name] != again.get(name)}
    finally:
        archive.close()
    return Outcome(originals, items, found)


@contextmanager
def trials(folder: Path) -> Iterator[Trials]:
    """Prepared material below `folder`, and a driver until the end."""
    made = Trials(folder)
    try:
        yield made
    finally:
        made.driver.close()


class Trials:
    """An archive before its night, its peaceful outcome, and how many calls of each kind that night makes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        prepare(folder / "before" / "kho")
        self.received = hashes(folder / "before" / "kho" / "inbox")
        self.driver = Driver(folder)
        with self.copy() as root:
            life = self.driver.night(root)
            assert life.code == 0, self.driver.words()
            self.calls = life.calls
            self.peace = look(root, self.received, ended=True)

    @contextmanager
    def copy(self) -> Iterator[Path]:
        """A copy of the archive before its night, for one trial."""
        place = self.folder / "trial"
        shutil.copytree(self.folder / "before", place)
        try:
            yield place / "kho"
        finally:
            shutil.rmtree(place)

    def draw(self, seed: int) -> Fault:
        """The fault of this seed."""
        drawn = random.Random(seed)
        kind = drawn.choice([one for one in KINDS if self.calls[one]])
        return Fault(kind, drawn.randint(1, self.calls[kind]), FOR_GOOD if drawn.random() < 0.3 else 1,
                     drawn.choice(ERRORS[kind]))

    def run(self, fault: Fault) -> tuple[Life, list[int | None]]:
        """The night with the fault and those after it; AssertionError where a promise is broken.

        Returns how the night with the fault ended, and the codes of the next ones.
        """
        with self.copy() as root:
            life = self.driver.night(root, fault)
            assert life.code is not None, f"hung: {fault}\n{self.driver.words()}"
            assert life.code in (0, 1, _NO_ROOM), f"{life.code}: {fault}\n{self.driver.words()}"
            look(root, self.received, ended=False)
            after: list[int | None] = []
            for _ in range(3):
                after.append(self.driver.night(root).code)
                if after[-1] == 0 and len(after) > 1:
                    break
            assert after[-1] == 0, f"{after}\n{self.driver.words()}"
            outcome = look(root, self.received, ended=True)
            assert outcome == self.peace, f"{outcome}\n≠\n{self.peace}"
        return life, after


def main() -> None:
    """Many seeds; what breaks is told with its seed, and the exit code is 1."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--runs", type=int, default=1000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--drive", action="store_true", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.drive:
        drive()
        return
    broken, ends, begun = 0, Counter[str](), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="luutru-faults-") as folder, trials(Path(folder)) as held:
        print(held.calls, flush=True)
        for seed in range(given.seed, given.seed + given.runs):
            fault = held.draw(seed)
            try:
                life, _ = held.run(fault)
                ends[f"{fault.kind}: {'did not come' if not life.fired else life.code}"] += 1
            except AssertionError as error:
                broken += 1
                print(f"seed {seed} · {fault}: {str(error)[-3000:]}", flush=True)
            if (done := seed - given.seed + 1) % 25 == 0:
                print(f"{done} runs, {broken} broken", flush=True)
    print(json.dumps({"runs": given.runs, "broken": broken, "seconds": round(time.monotonic() - begun),
                      "ends": dict(sorted(ends.items()))}), flush=True)
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
