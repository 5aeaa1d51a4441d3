"""What the faults come upon: the night, and the other writers of an archive.

Each act takes an archive's folder, does its work once and returns as a program would: 0, or 1 when it says that it
could not. An error is raised as it comes. Said again after any fault it must end as if there had been none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archive.opening import Archive

RELEASED = "khong-ho-so.pdf"
DESTROYED = ("H99.2026.02.VP", "H99.2026.01.VP.0000001")    # a whole case file, and a document of one that stays
BY = "Nguyễn Thị Lưu"


def night(root: Path) -> int:
    """Tonight's batch."""
    from tests import night_driver

    return night_driver.main([str(root)])


def rebuild(root: Path) -> int:
    """The catalogue and the index made again from the store."""
    from archive import opening
    from archive.rebuild import rebuild as again
    from retention.objects import ADMITS
    from search.reindexing import reindex

    with _opened(root, rebuilding=True) as archive, opening.ownership(archive, rebuilding=True):
        again(archive, admits=ADMITS)
        reindex(archive)
    return 0


def release(root: Path) -> int:
    """A document that waits in quarantine gets its case file."""
    from archive import opening
    from ingest import releasing

    with _opened(root) as archive, opening.ownership(archive):
        row = next(one for one in releasing.held(archive) if one.name == RELEASED)
        if row.state != "released":
            releasing.release(archive, row, {"fileCode": "H99.2026.01.VP"}, by=BY)
    return 0


def back_up(root: Path) -> int:
    """A backup on a medium beside the archive, which is then read again whole."""
    from archive import clock
    from archive.backup import checking, making, media
    from archive.findings import Level, worst

    os.environ["LUUTRU_BACKUP__TARGETS"] = '{"dia": "../dia"}'
    (root.parent / "dia").mkdir(exist_ok=True)
    with _opened(root) as archive:
        target = media.target_named(archive.settings, "dia")
        made = making.run(archive, target, clock.now())
        read = checking.check(archive, target, clock.now(), everything=True)
        found = [*made.findings, *read.findings]
        for one in found:
            print(one.code, one.sentence("en"))
    return int(worst(found) >= Level.refused or not made.set)


def destroy(root: Path) -> int:
    """What plan.json names is destroyed, as after a decision."""
    from archive import destroying, opening
    from search.index import open_index

    planned = [destroying.Target(one["object_id"], one["code"], one["document"], tuple(map(tuple, one["files"])))
               for one in json.loads((root.parent / "plan.json").read_text())]
    with _opened(root) as archive, opening.ownership(archive):
        index = open_index(archive.settings)
        done = list(destroying.destroy_all(archive, "TH.2026.01", planned, by="Trần Văn Hủy",
                                           decision="12/QĐ-SNV ngày 20/11/2026", index=index))
        index.close()
    assert len(done) == len(planned)
    return 0


def close(root: Path) -> int:
    """A case file is closed: its AIP is made and put."""
    return _command(root, "casefile", "close", DESTROYED[0], "--force", "--reason", "thử")


def mend(root: Path) -> int:
    """Everything is read, in the copy as well, and mended; there is nothing to mend."""
    return _command(root, "fixity", "repair", "--all")


def _command(root: Path, *words: str) -> int:
    """A command as it is typed; the exit code. Said again after it was done it may say that it is done (5)."""
    from archive import clock
    from archive.errors import LuuTruError
    from cli import luutru
    from tests import night_driver

    clock.now = night_driver.time_of_night
    try:
        return int(luutru.main(["--root", str(root), *words], standalone_mode=False) or 0)
    except LuuTruError as error:
        print(error)
        return error.exit_code


ACTS: dict[str, Callable[[Path], int]] = {"night": night, "rebuild": rebuild, "release": release, "backup": back_up,
                                          "destroy": destroy, "close": close, "mend": mend}


def plan(root: Path) -> None:
    """Write beside the archive what `destroy` is to destroy."""
    from archive import destroying

    with _opened(root) as archive:
        planned = destroying.targets(archive, DESTROYED)
    (root.parent / "plan.json").write_text(json.dumps([asdict(one) for one in planned]))


@contextmanager
def _opened(root: Path, *, rebuilding: bool = False) -> Iterator[Archive]:
    from archive import clock, opening, settings
    from tests import night_driver

    clock.now = night_driver.time_of_night
    archive = opening.open_archive(settings.load(root), rebuilding=rebuilding)
    try:
        yield archive
    finally:
        archive.close()
