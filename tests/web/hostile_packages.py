"""Packages that want to do harm, each made from a good one; and an ear that hears whether anybody calls it."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from retention.transfer.receiving import read_at
from tests.packages_made import REP, Doc, Plan, case_file_fields, document_fields, made_id, pdf
from tests.transfer_material import AGENCY, CENTRE, CODE

# Packages that are only odd; every other one must not get through.
HARMLESS = ("newline", "nul", "schema-elsewhere", "data-elsewhere")


@contextmanager
def ear() -> Iterator[tuple[str, list[str]]]:
    """An address on this machine, and who connected to it: nobody should."""
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def listen() -> None:
            with suppress(OSError):
                while True:
                    taken, came = listening.accept()
                    heard.append(str(came))
                    taken.close()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", heard
        listening.shutdown(socket.SHUT_RDWR)


def plan(code: str) -> Plan:
    """A good SIP of one document, of the hand-over CODE."""
    return Plan(fields=case_file_fields(fileCode=code, totalDoc="1"), objid=made_id(code), docs=[
        Doc(document_fields(1, docCode=f"{code}.0000001"), {f"{code}.0000001.pdf": pdf(code)})])


def zipped(files: Mapping[str, bytes], folder: str, more: Callable[[zipfile.ZipFile], object] | None = None) -> bytes:
    """A ZIP of the package, with what `more` adds to it."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(f"{folder}/{path}", (2026, 11, 21, 8, 0, 0)), data)
        if more is not None:
            more(archive)
    return held.getvalue()


def hostile(called: str) -> dict[str, Callable[[str], bytes]]:
    """What an attacker might send: name → the package of a case file; `called` wants to be opened."""
    def added(name: str, content: bytes = b"x", mode: int = 0) -> Callable[[str], bytes]:
        def put(archive: zipfile.ZipFile) -> None:
            info = zipfile.ZipInfo(name, (2026, 11, 21, 8, 0, 0))
            info.external_attr = mode << 16
            archive.writestr(info, content)

        return lambda code: zipped(plan(code).build(), plan(code).folder, put)

    def changed(edit: Callable[[str], str], *, rep: bool = False) -> Callable[[str], bytes]:
        def make(code: str) -> bytes:
            made = plan(code)
            made.edit_rep, made.edit_root = (edit, None) if rep else (None, edit)
            return zipped(made.build(), made.folder)

        return make

    def dtd(text: str) -> Callable[[str], bytes]:
        return changed(lambda mets: mets.replace("<mets ", f"<!DOCTYPE mets [{text}]>\n<mets ", 1).replace(
            'LABEL="Hồ sơ"', 'LABEL="&a;"', 1))

    def many(code: str) -> bytes:
        """Ten thousand files that no list names."""
        files = plan(code).build() | {f"{REP}/data/{n:05d}.txt": b"" for n in range(10_000)}
        return zipped(files, plan(code).folder)

    def bomb(code: str) -> bytes:
        """A hundred and twenty megabytes of nothing in a few kilobytes, which METS calls ten bytes."""
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, data in plan(code).build().items():
                info = zipfile.ZipInfo(f"{plan(code).folder}/{path}", (2026, 11, 21, 8, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(info, "w") as sink:
                    if path.endswith(".pdf"):
                        for _ in range(120):
                            sink.write(bytes(1 << 20))
                    else:
                        sink.write(data)
        return held.getvalue()

    laughs = '<!ENTITY b "haha"><!ENTITY a "' + "&b;" * 500 + '">'
    here, data = f"{REP}/METS.xml", 'xlink:href="data/'
    return {
        "climbs": added("../../../luutru.toml"), "climbs-inside": added("a/../../../../luutru.toml"),
        "absolute": added("/etc/cron.d/x"), "windows": added("..\\..\\luutru.toml"), "drive": added("C:\\x.txt"),
        "link": added(f"{made_id('x')}/link", b"/etc/passwd", stat.S_IFLNK | 0o777),
        "device": added("null", b"", stat.S_IFCHR | 0o666), "newline": added("a\nb\r.txt"), "nul": added("a%00.txt"),
        "long-name": added("x" * 60_000), "bomb": bomb, "ten-thousand": many,
        "laughs": dtd(laughs), "outside-entity": dtd(f'<!ENTITY a SYSTEM "{called}/a">'),
        "file-entity": dtd('<!ENTITY a SYSTEM "file:///etc/passwd">'), "outside-dtd": changed(
            lambda mets: mets.replace("<mets ", f'<!DOCTYPE mets SYSTEM "{called}/x.dtd">\n<mets ', 1)),
        "schema-elsewhere": changed(lambda mets: mets.replace("schemas/METS.xsd", f"{called}/METS.xsd")),
        "href-elsewhere": changed(lambda mets: mets.replace(f'xlink:href="{here}"', f'xlink:href="{called}/METS.xml"')),
        "href-file": changed(lambda mets: mets.replace(f'xlink:href="{here}"', 'xlink:href="file:///etc/passwd"')),
        "data-elsewhere": changed(lambda mets: mets.replace(data, f'xlink:href="{called}/data/'), rep=True),
        "data-climbs": changed(lambda mets: mets.replace(data, 'xlink:href="../../../../data/'), rep=True),
        "deep": changed(lambda mets: mets.replace("<metsHdr ", "<x>" * 5000 + "</x>" * 5000 + "<metsHdr ", 1)),
        "empty-zip": lambda code: zipped({}, ""), "no-zip": lambda code: b"%PDF-1.7 " + code.encode(),
        "cut": lambda code: zipped(plan(code).build(), plan(code).folder)[:-50], "nothing": lambda code: b"\x00"}


def party(code: str, name: str) -> dict[str, str]:
    return {"code": code, "name": name}


def registration(codes: list[str], request: str = CODE, agency: str = "H99", **changed: Any) -> bytes:
    """A registration of case files, as a program would write it without ours."""
    items = [{"n": n, "code": code, "title": f"Hồ sơ {n}", "start": "01/01/2026", "end": "31/12/2026", "documents": 1,
              "pages": 2, "mode": "01", "maintenance": "01", "note": ""} for n, code in enumerate(codes, 1)]
    told = {"round": 1, "year": 2026, "paper": False, "summary": "Hồ sơ", "from": "2026-01-01", "to": "2026-12-31",
            "files": len(items), "documents": len(items), "pages": 2, "bytes": 1, "planned": "2027-01-15",
            "way": "online", "contact": "Lê Văn Lưu", "note": "", "fonds": [agency], "scheme": "", **changed}
    return json.dumps({"schema": "luutru/transfer-registration/1", "request": request,
                       "at": "2026-11-20T02:00:00+00:00",
                       "sender": party(agency, AGENCY), "receiver": party("H01", CENTRE), "kind": "historical",
                       "form": "sip_hoso", "registration": told, "items": items}).encode()


def manifest(packages: Mapping[str, bytes], folder: Path, request: str = CODE) -> bytes:
    """The list of packages (case file code → bytes) that says of each just what the archive will find in it."""
    lines = []
    for n, (code, data) in enumerate(packages.items(), 1):
        place = folder / f"{n}.zip"
        place.write_bytes(data)
        read = read_at(place)
        files = [] if read is None else [{"path": file.path, "sha256": file.sha256.lower(), "size": file.size or 0}
                                         for one in read.documents for file in one.files]
        lines.append({"n": n, "code": code, "objid": read.objid if read else "", "name": f"{code}.zip",
                      "sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "documents": 1, "files": files})
    return json.dumps({"schema": "luutru/transfer-manifest/1", "request": request, "at": "2026-12-01T02:00:00+00:00",
                       "sender": party("H99", AGENCY), "receiver": party("H01", CENTRE), "packages": lines}).encode()
