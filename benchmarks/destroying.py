"""What destroying case files with proof costs, beside a bare `rm`, a walk through the folders and an index delete.

    python benchmarks/destroying.py [--items 10000] [--staying 2000] [--folder FOLDER] [--steps destroy,list]

Every case file has one document (20 kB, with its text of 4.9 kB in the search index). Ours: the trace, the index
purged, every file overwritten with zeros and unlinked (and once more without overwriting), a line of the ledger for
each, the catalogue's rows, then the look everywhere. The floor does the same folders on a copy of the store and keeps
nothing of it: `rm -rf`, `find` over all that stays, the documents deleted from a copy of the index in one commit. All
is flushed to the disk before the clock starts. The list is that of so many case files, as PDF/A.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from archive import clock, layout, model, opening, records, settings
from archive.catalogue import record as record_events
from archive.files import json_bytes
from archive.ledger import Entry as LedgerEntry
from archive.ledger import event_key
from archive.opening import Archive
from archive.store import NewFile
from benchmarks.search_material import document
from search.entry import Entry

STEPS = ("destroy", "list")
SIZE = 20_000           # bytes of a document
AT = "2016-03-10T03:00:00.000000+00:00"
BATCH = "2016-03-10.1"


def main() -> None:
    """Make the material, run both sides, and print the figures as lines of JSON."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--items", type=int, default=10_000)
    asked.add_argument("--staying", type=int, default=2_000, help="case files that stay in the store and the index")
    asked.add_argument("--folder", type=Path, help="where all is made; default: a temporary folder")
    asked.add_argument("--steps", default=",".join(STEPS))
    asked.add_argument("--only", choices=("make", "ours", "floor", "list"), help=argparse.SUPPRESS)
    asked.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.only:
        print(json.dumps(_ONE[given.only](given.place, given.items, given.staying)))
        return
    with tempfile.TemporaryDirectory(prefix="luutru-bench-", dir=given.folder) as folder:
        def run(what: str, place: Path) -> dict[str, Any]:
            done = subprocess.run([sys.executable, __file__, "--only", what, "--place", str(place), "--items",
                                   str(given.items), "--staying", str(given.staying)],
                                  stdout=subprocess.PIPE, text=True, check=True)
            told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
            print(json.dumps({"what": what, **told}), flush=True)
            return told

        if "destroy" in given.steps:
            made = Path(folder) / "made"
            run("make", made)
            floor, plain, over = (Path(folder) / name for name in ("floor", "plain", "overwritten"))
            for place in (floor, plain, over):
                subprocess.run(["cp", "-a", "--reflink=auto", str(made), str(place)], check=True)
            text = (plain / settings.FILE_NAME).read_text("utf-8")
            (plain / settings.FILE_NAME).write_text(_without_overwriting(text), "utf-8")
            os.sync()
            bare = run("floor", floor)
            for place, name in ((plain, "unlinked only"), (over, "overwritten")):
                ours = run("ours", place)
                print(json.dumps({"what": f"against the floor, {name}", "cpu": round(ours["cpu"] / bare["cpu"], 2),
                                  "wall": round(ours["wall"] / bare["wall"], 2)}), flush=True)
        if "list" in given.steps:
            run("list", Path(folder))


def _without_overwriting(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.lstrip("# ").startswith("overwrite")]
    return "\n".join(lines).replace("[destruction]", "[destruction]\noverwrite = false") + "\n"


# --- measuring ----------------------------------------------------------------------------------------------


@contextmanager
def _clock(told: dict[str, Any], name: str) -> Iterator[None]:
    begun, used = time.perf_counter(), _cpu()
    yield
    told[name] = {"cpu": round(_cpu() - used, 2), "wall": round(time.perf_counter() - begun, 2)}


def _cpu() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _together(told: dict[str, Any]) -> dict[str, Any]:
    parts = [one for one in told.values() if isinstance(one, dict)]
    lines = Path("/proc/self/status").read_text().splitlines()
    return {**told, **{name: round(sum(one[name] for one in parts), 2) for name in ("cpu", "wall")},
            "memory_mb": next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10}


def _ours(place: Path, items: int, _staying: int) -> dict[str, Any]:
    """The whole way of archive/destroying.py, and the proof."""
    from archive.absence import absent_all
    from archive.destroying import destroy_all
    from archive.targets import targets
    from search.index import open_index

    archive = opening.open_archive(settings.load(place))
    index = open_index(archive.settings)
    told: dict[str, Any] = {}
    codes = [_code(n) for n in range(items)]
    begun = time.perf_counter()
    frozen = targets(archive, codes)            # the plan's part, long before: every stored byte is read
    planning = round(time.perf_counter() - begun, 1)
    with opening.ownership(archive):
        with _clock(told, "destroy"):
            gone = sum(1 for _one in destroy_all(archive, "benchmark", frozen, by="benchmark", decision="1/QĐ",
                                                 index=index))
        with _clock(told, "look"):
            left = absent_all(archive, frozen, index)
    assert gone == items, gone
    assert not any(left.values()), next(some for some in left.values() if some)
    return {**_together(told), "planning_wall": planning}


def _floor(place: Path, items: int, _staying: int) -> dict[str, Any]:
    """The same folders, files and documents without any record of it."""
    from search.engines.tantivy_engine import TantivyEngine

    archive = opening.open_archive(settings.load(place))
    folders = [str(archive.store.folder(layout.casefile_object(_code(n)))) for n in range(items)]
    documents = [f"{_code(n)}.0000001" for n in range(items)]
    generation = next((place / "index").glob("generation-*"))
    told: dict[str, Any] = {}
    with _clock(told, "rm"):
        subprocess.run(["xargs", "-0", "rm", "-rf"], input="\0".join(folders).encode(), check=True)
        os.sync()
    with _clock(told, "walk"):
        subprocess.run(["find", str(place / "store")], stdout=subprocess.DEVNULL, check=True)
    with _clock(told, "index"):
        engine = TantivyEngine(generation)
        engine.remove(documents)
        engine.close()
    return _together(told)


def _list(_place: Path, items: int, _staying: int) -> dict[str, Any]:
    """The list of so many case files on paper."""
    import pikepdf

    from archive.forms import papers

    rows = [{"code": _code(n), "title": f"Hồ sơ về việc {document(n).subject[:90]}", "retention": "05 năm",
             "documents": n % 40 + 1, "pages": n % 400 + 1, "reason": "Hết thời hạn lưu trữ", "note": ""}
            for n in range(items)]
    data = {"agency": "Sở Nội vụ tỉnh Mẫu", "fonds": "Sở Nội vụ tỉnh Mẫu", "place": "Mẫu", "files": rows,
            "count": items, "documents": sum(one["documents"] for one in rows),      # type: ignore[misc]
            "pages": sum(one["pages"] for one in rows), "check": {"name": "Đợt hủy", "hash": "0" * 64}}  # type: ignore[misc]
    told: dict[str, Any] = {}
    with _clock(told, "list"):
        made = papers.paper("destruction_list_files", data, made=clock.parse(AT))
    with pikepdf.open(io.BytesIO(made)) as pdf:
        told["sheets"] = len(pdf.pages)
    return {**_together(told), "bytes": len(made)}


# --- the material ------------------------------------------------------------------------------------------


def _code(n: int) -> str:
    return f"H99.2015.{n:05d}.VP"


def make(place: Path, items: int, staying: int) -> dict[str, Any]:
    """An archive of expired case files; nothing is flushed meanwhile, that is done at its end."""
    from search.index import open_index

    begun = time.perf_counter()
    kept, os.fsync = os.fsync, lambda fd: None
    try:
        archive = opening.make_archive(place, {"agency": {"code": "H99", "name": "Sở Nội vụ tỉnh Mẫu"}})
        indexed = _fill(archive, items + staying)
        index = open_index(archive.settings)
        index.rebuild(indexed)
        index.close()
        archive.close()
    finally:
        os.fsync = kept
    os.sync()
    return {"case_files": items + staying, "seconds": round(time.perf_counter() - begun, 1)}


def _fill(archive: Archive, count: int) -> list[Entry]:
    chance, then = random.Random(1), clock.parse(AT)
    made, opened, events, items, entries = [], [], [], [], []
    with opening.ownership(archive):
        for n in range(count):
            code, drawn = _code(n), document(n)
            number = f"{code}.0000001"
            content = b"%PDF-1.7\n" + chance.randbytes(SIZE)
            sha256, sha512 = hashlib.sha256(content).hexdigest(), hashlib.sha512(content).hexdigest()
            path, text_path, item = f"{layout.RECEIVED}/{number}.pdf", f"{layout.TEXT}/{number}.txt", sha256[:16]
            receipt = {"received_at": AT, "legal_received_at": AT, "rule": "LS"}
            told = {"schema": "luutru/document/1", "code": number, "case_file": code, "ordinal": 1, "item": item,
                    "batch": BATCH, "version": 1, "profile": "tt05_2025", "receipt": receipt, "pages": 1,
                    "source": {"source": "inbox", "name": f"{n}.pdf"}, "legal_value": "unsigned_information",
                    "fields": {"subject": drawn.subject, "issuedDate": "05/03/2015"}, "verdict": "unsigned",
                    "signatures": [], "digitised": {}, "facts": {}, "findings": [],
                    "files": [{"path": path, "role": "original", "name": f"{n}.pdf", "format": "pdf", "size": SIZE + 9,
                               "sha256": sha256, "sha512": sha512}]}
            about = {"schema": "luutru/casefile/1", "code": code, "fonds": "H99", "year": 2015,
                     "notation": f"{n:05d}.VP", "title": drawn.case_title, "retention": "05 năm", "keeper": "Mẫu",
                     "state": "closed", "profile": "tt05_2025", "opened_at": AT, "closed_at": AT}
            archive.store.put(layout.casefile_object(code), {
                layout.CASE_FILE: NewFile(json_bytes(about)), path: NewFile(content),
                text_path: NewFile(drawn.text.encode()), layout.record_path(1): NewFile(json_bytes(told))},
                message="batch", user="luutru", created=then)
            events.append(LedgerEntry("received", item, {"source": "inbox", "name": f"{n}.pdf", "size": SIZE + 9,
                                                         "sha256": sha256, "sha512": sha512, **receipt, "batch": BATCH},
                                      event_key("received", item)))
            events.append(LedgerEntry("stored", item, {
                "document": number, "case_file": code, "version": 1, "batch": BATCH, "verdict": "unsigned",
                "legal_value": "unsigned_information", "files": {path: sha256}}, event_key("stored", item)))
            items.append({"id": item, "source": "inbox", "name": f"{n}.pdf", "size": SIZE + 9, "sha256": sha256,
                          "sha512": sha512, "received_at": AT, "legal_received_at": AT, "receipt_rule": "LS",
                          "batch": BATCH, "state": "received", "document": "", "fields": {}, "facts": {}})
            opened.append(about)
            made.append(told)
            entries.append(replace(drawn, code=number, case_file=code).sealed())
        with archive.catalogue.session() as session:
            record_events(session, archive.ledger, events)
            session.execute(model.Item.__table__.insert(), items)      # type: ignore[attr-defined]
            for about in opened:
                records.admit_case_file(session, about, 1)
            session.flush()
            records.admit(session, made)
    return entries


_ONE: dict[str, Callable[[Path, int, int], dict[str, Any]]] = {
    "make": make, "ours": _ours, "floor": _floor, "list": _list}


if __name__ == "__main__":
    main()
