"""The material of the faults, and what must hold of it whatever happened."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archive.opening import Archive

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"


def prepare(root: Path, database: str = "") -> None:
    """A small archive and what a night meets: documents, one without case file, a damaged one, one twice, a message."""
    import pikepdf

    from archive import clock, opening
    from archive.file_plan_import import import_file_plan
    from tests.night_driver import NIGHT

    real, clock.now = clock.now, lambda: NIGHT
    try:
        archive = opening.make_archive(root, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"},
                                              **({"database": database} if database else {})})
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
    case_files: dict[str, str]      # their states
    found: int                      # documents in the search index


def hashes(*folders: Path) -> set[str]:
    """The SHA-256 of every file below."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for folder in folders for path in folder.rglob("*")
            if path.is_file()}


def look(root: Path, received: set[str], *, ended: bool) -> Outcome:
    """Look at the archive as it lies there; AssertionError with what does not hold.

    `received`: the SHA-256 of what must still be somewhere. `ended`: no act is half done, so that catalogue, index and
    a rebuild must agree as well, and the report of the last night with both.
    """
    from sqlalchemy import select

    from archive import catalogue, destroyed, layout, model, opening, settings
    from archive.rebuild import rebuild
    from ingest.stages.index import index_documents
    from retention.objects import ADMITS
    from search.index import open_index

    lost = received - hashes(root / "inbox", layout.intake_folder(settings.load(root)), root / "store")
    assert not lost, f"lost: {sorted(lost)}"
    archive = opening.open_archive(settings.load(root))
    try:
        assert (broken := list(archive.ledger.check())) == [], broken
        damaged = {one: faults for one in archive.store.objects() if (faults := list(archive.store.verify(one)))}
        assert not (damaged and ended), damaged
        with archive.catalogue.session() as session:
            documents = list(session.scalars(select(model.Document)))
            # What is being destroyed keeps its rows until the destruction has its end; the trace is written first.
            traces = [one.removeprefix(destroyed.PREFIX) for one in archive.store.objects()
                      if one.startswith(destroyed.PREFIX)]
            going = set() if ended else {line["code"] for one in traces
                                         for part in destroyed.parts(archive.store, one).values() for line in part}
            files = {one.sha256 for one in session.scalars(select(model.File)) if going.isdisjoint(
                (one.document, one.document.rpartition(".")[0]))}
            items = Counter((one.name, one.state) for one in session.scalars(select(model.Item)))
            originals = Counter(session.scalars(select(model.Item.sha256).where(
                model.Item.id.in_([one.item for one in documents]))))
            case_files = {one.code: one.state for one in session.scalars(select(model.CaseFile))}
            rows = catalogue.rows(session)
        assert max(originals.values(), default=1) == 1, f"stored twice: {originals}"
        missing = files - hashes(root / "store")
        assert not missing, f"called stored, and not there: {missing}"
        found = 0
        if ended:
            truthful(archive)
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
    return Outcome(originals, items, case_files, found)


def truthful(archive: Archive) -> None:
    """A night that says that it came to its end: nothing is left under way, and its report says how things are."""
    from sqlalchemy import select

    from archive import model
    from ingest import report

    with archive.catalogue.session() as session:
        assert (left := list(session.scalars(select(model.Batch.id).where(model.Batch.finished_at == "")))) == [], left
        under_way = list(session.scalars(select(model.Item.name).where(model.Item.state.in_(("received", "examined")))))
        assert under_way == [], under_way
        batch = report.latest_batch(session)
        row = session.get_one(model.Batch, batch)
        states = Counter(session.scalars(select(model.Item.state).where(model.Item.batch == batch)))
        # What an act changed after the night is not its own.
        later = session.scalars(select(model.Event.kind).where(
            model.Event.kind.in_(("released", "destroyed")))).first()
        assert later is not None or row.summary["items"] == dict(states), (row.summary, states)
    # A night that only indexed what an earlier one could not has nothing to tell of items.
    assert bool(report.build(archive, batch).lines) == bool(states)
