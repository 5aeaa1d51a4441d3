"""Destroying single documents of case files that stay: in the store, in every copy, in the case file's own record.

The object's history is written anew without the document (archive/rewriting.py), and without the metadata of any AIP
of before, which name it. Then one new version says which ordinals are gone, and gives a closed case file the AIP of
what is left. The documents of one case file that a destruction names go together. What the histories become is known,
and written into the trace, before anything goes: ledger, seals and copies keep their word by it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from archive import clock, closing, layout, records
from archive.catalogue import SOME
from archive.destroyed import BESIDE, Line, is_single
from archive.document_paths import home_of, ordinal_of, paths_of
from archive.errors import IntegrityError
from archive.files import json_bytes
from archive.fixity import places
from archive.ledger import Entry
from archive.model import CaseFile, Document
from archive.opening import Archive
from archive.packages.assemble import is_ours
from archive.purging import purge_objects
from archive.rewriting import Gone, Rewritten, carry_out, foresee, stage_name
from archive.store import NewFile
from archive.targets import Target, kept_title

GONE = "gone"           # in the record of a case file: which ordinals are gone, and which version says so


def trace_lines(archive: Archive, planned: Sequence[Target], *, at: datetime, by: str, decision: str,
                destruction: str) -> list[dict[str, Any]]:
    """What is left of single documents: counts, hashes, the columns of the list, and what the histories become.

    The last lies with the first document of each case file. Raises IntegrityError.
    """
    codes = [one.code for one in planned]
    rows: dict[str, Any] = {}
    with archive.catalogue.session() as session:
        for start in range(0, len(codes), SOME):
            rows.update((row.code, row) for row in session.execute(select(
                Document.code, Document.item, Document.subject, CaseFile.fonds, CaseFile.year, CaseFile.retention).join(
                CaseFile, CaseFile.code == Document.case_file).where(Document.code.in_(codes[start:start + SOME]))))
    by_home: dict[str, list[Target]] = {}
    for one in planned:
        by_home.setdefault(home_of(one.code), []).append(one)
    common = {"schema": "luutru/destroyed/2", "destruction": destruction, "decision": decision, "by": by,
              "at": clock.stamp(at)}
    made: list[dict[str, Any]] = []
    for home, some in by_home.items():
        until = archive.store.version(layout.casefile_object(home))
        wanted = gone_with([{"code": one.code, "until": until} for one in some])
        histories = {name: foresee(archive.store.folder(name), wanted) for name in _objects(home)
                     if archive.store.has(name)}
        for n, one in enumerate(some):
            made.append({**common, **_of_one(archive, one, rows[one.code], histories, first=n == 0), "home": home,
                         "until": until})
    return made


def _of_one(archive: Archive, one: Target, row: Any, histories: Mapping[str, Rewritten], *,
            first: bool) -> dict[str, Any]:
    """What the trace says of one document; with the `first` of a case file, what they have in common."""
    own, store = paths_of([one.code]), archive.store
    content = {(name, path): sha256 for name, new in histories.items() for path, sha256 in new.content.items()
               if own(_logical(path)) or (first and not is_ours(_logical(path)))}
    sizes = [(store.folder(name) / path).lstat() for name, path in content]
    digests = set(content.values()) - {""}
    changed = {name: new.changed for name, new in histories.items() if first}
    digests |= {four[0] for versions in changed.values() for four in versions.values()}
    return {"code": one.code, "fonds": row.fonds, "year": row.year, "retention": row.retention,
            "title": kept_title(one.code, row.subject, archive.settings.destruction.titles), "documents": 1,
            "files": len(content), "bytes": sum(told.st_size for told in sizes),
            "linked": sum(told.st_nlink > 1 for told in sizes), "digest": one.digest, "items": {row.item: one.code},
            "objects": {},
            "paths": {name: [path for path in new.paths if own(path)] for name, new in histories.items()},
            "sha256": sorted(digests),
            "rewritten": {name: {str(version): list(four) for version, four in versions.items()}
                          for name, versions in changed.items()}}


def destroy_in(archive: Archive, place: places.Place, lines: Sequence[Line], *, overwrite: bool) -> bool:
    """Take the documents of one case file out of what one place holds; whether there was anything to take out.

    `lines` are all that the trace has of them. An object of a copy that cannot be read goes there as a whole: the next
    following brings what is left of it. Raises IntegrityError, OSError.
    """
    found = False
    for name in _objects(lines[0]["home"]):
        try:
            found |= carry_out(place.store, name, gone_with(lines), overwrite=overwrite)
        except IntegrityError:
            if not place.is_copy:
                raise
            found |= bool(purge_objects(place.store, [name], overwrite=overwrite))
            _forget(archive, place, name)
    return found


def close_up(archive: Archive, lines: Sequence[Line]) -> int:
    """Let the case file say which documents are gone from it, in one new version; the number of that version.

    Of a closed one the version holds the AIP of what is left. Once: said again it gives the version that is there.
    """
    first = lines[0]
    home, destruction = first["home"], first["destruction"]
    object_id = layout.casefile_object(home)
    archive.store.inventory(object_id)      # a put that a kill interrupted is finished
    record = records.read_case_file(archive.store, home)
    known, ordinals = record.get(GONE, {}), {ordinal_of(line["code"]) for line in lines}
    if known.get("destruction") == destruction and ordinals <= set(known["ordinals"]):
        archive.store.tidy(object_id)
        closing.tidy(archive)
        return int(known["version"])
    version = archive.store.version(object_id) + 1
    new = {**record, GONE: {"ordinals": sorted({*known.get("ordinals", ()), *ordinals}), "version": version,
                            "destruction": destruction}}
    at, message = clock.parse(first["at"]), f"destruction {destruction}"
    if record["state"] == "closed" and "closing" in record:
        closing.close_anew(archive, new, at=at, by=first["by"], message=message, reason=destruction)
    else:
        archive.store.put(object_id, {layout.CASE_FILE: NewFile(json_bytes(new))}, message=message, user="luutru",
                          created=at)
    return version


def entries(archive: Archive, home: str) -> list[Entry]:
    """What the ledger is told of the case file besides: that a closed one was closed anew."""
    return closing.entries(archive, records.read_case_file(archive.store, home))


def told_of(line: Line, version: int) -> dict[str, Any]:
    """What the ledger's line on a single document says of where it was, and of the version that is without it."""
    return {"home": line["home"], "object": layout.casefile_object(line["home"]), "version": version,
            "paths": line["paths"]}


def gone_with(lines: Sequence[Line]) -> Gone:
    """The paths that go: those of the documents, and up to the version of the trace the metadata of the AIP."""
    own, until = paths_of([line["code"] for line in lines]), max(int(line["until"]) for line in lines)

    def gone(path: str, version: int) -> bool:
        return own(path) or (version <= until and not is_ours(path))

    return gone


def left_in(place: places.Place, lines: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """What one place still holds of the documents of one case file: code, and where it lies."""
    home = lines[0]["home"]
    for name in _objects(home):
        folder = place.store.folder(name)
        if os.path.lexists(place.store.staging / stage_name(name)):
            yield lines[0]["code"], f"staging/{stage_name(name)}"
        if not folder.is_dir():
            continue
        try:
            new: Rewritten | None = foresee(folder, gone_with(lines))
        except (IntegrityError, OSError, ValueError):
            new = None                  # nobody can say: then it is not shown that nothing is left
        for line in lines:
            own = paths_of([line["code"]])
            about = [name] if new is None else [*filter(own, new.paths), *(
                path for path in new.strays if own(_logical(path)))]
            if about:
                yield line["code"], f"{name}/{about[0]}"


def singles(lines: Sequence[Line]) -> list[Line]:
    """The lines that tell of single documents."""
    return [line for line in lines if is_single(line)]


# --- steps ----------------------------------------------------------------------------------------------------------


def _objects(home: str) -> list[str]:
    return [kind(home) for kind in BESIDE]


def _logical(path: str) -> str:
    """The logical path under which content came into its object (docs/format.md: OCFL)."""
    return path.partition("/content/")[2]


def _forget(archive: Archive, place: places.Place, name: str) -> None:
    """A copy is not known to hold an object any more."""
    what = places.known(archive.settings, place)
    before = dict(what.objects)
    if what.objects.pop(place.store.folder(name).relative_to(place.store.root).as_posix(), None) is not None:
        places.note(archive.settings, place, what, before)
