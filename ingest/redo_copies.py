"""The access copies of a scan that was read again: pages with the new text where it is used, the others as before.

A copy that bears the agency's seal stays in its place until the new one is sealed as well: nothing here takes a legal
value away. The earlier copy stays in the object's earlier version.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive import layout, text_layers
from archive.findings import Finding, finding
from archive.opening import Archive
from archive.records import Record
from archive.store import NewFile
from archive.text_layers import Place
from ingest.copying import hash_file

if TYPE_CHECKING:
    from ingest.digitise.running import Digitised

WAITING = "access-waiting"      # role of a new copy that waits for the seal which the copy in use bears
WAITS = "DIGITISE-074"


def new_copies(archive: Archive, record: Record, made: Mapping[int, Digitised], changed: Collection[Place],
               aside: Path, at: datetime) -> tuple[dict[str, Any], dict[str, NewFile], list[Finding]]:
    """What changes of the record (`files`, `findings`), the new files by logical path, and what is to be said.

    `changed`: the pages whose text is new. Of a sealed document every copy is made, since all are sealed together.
    """
    seal = record.get("facts", {}).get("seal", {})
    sealed = seal.get("state") == "sealed"
    copies = {Path(file["path"]).stem: file for file in record["files"] if file["role"] == "access"}
    listed = [dict(file) for file in record["files"] if file["role"] != WAITING]
    engine = next(iter(made.values())).facts["engine"]
    new: dict[str, NewFile] = {}
    for part, file in text_layers.parts(record):
        known = copies.get(Path(file["path"]).stem)
        pages = {page for other, page in changed if other == part}
        if known is None or (not pages and not sealed) or (pages and "access" not in made[part].made):
            continue
        place = aside / f"{record['ordinal']}-{part}-access.pdf"
        _merge(archive, record, known, Path(made[part].made["access"]) if pages else None, pages,
               seal.get("files", {}).get(known["path"], {}), place, at, engine)
        digest = hash_file(place)
        path = f"{layout.ACCESS}/{Path(known['path']).stem}.waiting.pdf" if sealed else known["path"]
        new[path] = NewFile(place, sha512=digest.sha512, sha256=digest.sha256)
        told = {"size": digest.size, "sha256": digest.sha256, "sha512": digest.sha512}
        if sealed:
            listed.append({**known, **told, "path": path, "role": WAITING, "for": known["path"]})
        else:
            next(one for one in listed if one["path"] == path).update(told)
    if not new:
        return {}, {}, []
    said = [finding(WAITS, record["code"], reason="DIGITISE-072")] if sealed else []
    findings = [*(one for one in record["findings"] if one["code"] != WAITS), *(one.as_dict() for one in said)]
    return {"files": listed, "findings": findings}, new, said


def _merge(archive: Archive, record: Record, known: Mapping[str, Any], newer: Path | None, pages: Collection[int],
           sealed: Mapping[str, Any], target: Path, at: datetime, engine: Mapping[str, str]) -> None:
    """Write the access copy whose `pages` come from `newer`, the others from the copy in use, in front of its seal."""
    import pikepdf

    from ingest.digitise.access_copy import finish

    before, plain = target.with_suffix(".before"), target.with_suffix(".plain")
    archive.store.export(layout.casefile_object(record["case_file"]), known["path"], before)
    if sealed:
        with before.open("r+b") as stream:
            stream.truncate(sealed["unsealed_size"])
    with pikepdf.open(before) as base, pikepdf.new() as out:
        if newer is None:
            out.pages.extend(base.pages)
        else:
            with pikepdf.open(newer) as other:
                for number, page in enumerate(base.pages, 1):
                    out.pages.append(other.pages[number - 1] if number in pages else page)
                out.save(plain, deterministic_id=True)
        if newer is None:
            out.save(plain, deterministic_id=True)
    title = record["fields"].get("subject") or known["name"]
    creator = f"Lưu Trữ; OCRmyPDF {engine['ocrmypdf']}; Tesseract {engine['tesseract']}"
    finish(plain, target, title=title, made_at=at, creator=creator)
    before.unlink()
    plain.unlink()
