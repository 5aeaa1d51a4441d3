"""Two archives between which case files are handed over: an agency (H99), the historical archive (H01) with a key."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from archive import opening
from archive.commands import casefile
from archive.opening import Archive
from archive.settings import load
from ingest import nightly
from ingest.commands import transfer
from samples.making import pki
from tests.sealing_material import PIN, certificate, key_file
from tests.stored_documents import store_documents

AGENCY, CENTRE = "Sở Nội vụ tỉnh Mẫu", "Trung tâm Lưu trữ lịch sử tỉnh Mẫu"
CODE = "NL.H99.2026.01"
FIRST, SECOND, THIRD = "H99.2026.01.VP", "H99.2026.02.VP", "H99.2026.03.VP"
FIELDS = {"typeName": "02", "codeNotation": "QĐ-UBND", "issuedDate": "03/11/2026", "language": "01",
          "organName": "Ủy ban nhân dân tỉnh Mẫu", "mode": "01", "confidenceLevel": "01", "numberOfPage": "1",
          "maintenance": "01"}


@dataclass(frozen=True)
class House:
    """Both roots, and a disk that is carried between them."""

    folder: Path

    @property
    def agency(self) -> Path:
        """The root of the agency's archive."""
        return self.folder / "co-quan"

    @property
    def centre(self) -> Path:
        """The root of the historical archive."""
        return self.folder / "luu-tru"

    @property
    def disk(self) -> Path:
        """A disk that people carry."""
        return self.folder / "dia"

    def papers(self, root: Path, name: str) -> Path:
        """A folder with the papers and messages that a side has now."""
        place = self.folder / "giay-to" / name
        shutil.rmtree(place, ignore_errors=True)
        told(root, "papers", CODE, "--to", str(place), json_=False)
        return place


def luutru(root: Path, *arguments: str) -> Result:
    """Run `luutru transfer …` on the archive at `root`."""
    done = CliRunner().invoke(transfer.command, list(arguments), obj=root)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def told(root: Path, *arguments: str, codes: tuple[int, ...] = (0, 3), json_: bool = True) -> Any:
    """What a command that must go well says, as JSON."""
    done = luutru(root, *arguments, *(["--json"] if json_ else []))
    assert done.exit_code in codes, done.output
    return json.loads(done.stdout) if json_ else done.output


def refused(root: Path, *arguments: str) -> set[str]:
    """The codes with which a command refuses."""
    done = luutru(root, *arguments, "--json")
    assert done.exit_code == 5, done.output
    return {one["code"] for one in json.loads(done.stdout)["findings"] if one["level"] == "refused"}


def opened(root: Path) -> Archive:
    """An archive, to be looked at; closed by the caller."""
    return opening.open_archive(load(root))


def case_file(archive: Archive, code: str, *, retention: str = "Vĩnh viễn", documents: int = 2, mode: str = "01",
              maintenance: str = "01", close: bool = True, contents: tuple[bytes, ...] = ()) -> None:
    """A case file of texts, closed; `contents`: their bytes, where they are not to be of their own."""
    number = int(code[9:11]) * 10
    store_documents(archive, [
        {**FIELDS, "codeNumber": str(number + n), "subject": f"Ban hành Quy chế số {number + n}", "mode": mode,
         "maintenance": maintenance, "docId": f"{number + n:08d}"} for n in range(documents)], code=code,
        contents=contents, case_file={
             "retention": retention, "title": f"Hồ sơ ban hành quy chế, tập {code[9:11]}", "fields": {
                 "language": "01", "confidenceLevel": "01", "format": "01", "riskRecovery": "0", "mode": mode}})
    if close:
        done = CliRunner().invoke(casefile.command, ["close", code, "--json"], obj=archive.settings.root)
        assert done.exit_code in (0, 3), done.output


def make(folder: Path, *, files: tuple[str, ...] = (FIRST, SECOND, THIRD)) -> House:
    """Both archives; the agency with closed permanent case files, the historical archive with a key to sign with."""
    house = House(folder)
    house.disk.mkdir(parents=True)
    made = opening.make_archive(house.agency, {"agency": {"code": "H99", "name": AGENCY}})
    for code in files:
        case_file(made, code)
    made.close()
    centre = opening.make_archive(house.centre, {"agency": {"code": "H01", "name": CENTRE}, "seal": {
        "pkcs12": "dau.p12", "secret_file": "pin.txt", "level": "B-B"}})
    with opening.ownership(centre):
        opening.open_fonds(centre, "H99", AGENCY)
    centre.close()
    (house.centre / "pin.txt").write_text(PIN)
    key_file(house.centre / "dau.p12", certificate(name=CENTRE), pki.key("so-noi-vu"))
    for root in (house.agency, house.centre):
        pki.write_trust(root / "trust" / "cong-vu")
    return house


def register(house: House, *codes: str, **changed: str) -> Any:
    """Register case files at the agency."""
    given = {"to-code": "H01", "to-name": CENTRE, "summary": "Hồ sơ ban hành quy chế", "planned": "2027-01-15",
             "contact": "Lê Văn Lưu, 0912345678", **changed}
    options = [word for key, value in given.items() for word in (f"--{key}", value)]
    return told(house.agency, "register", *(codes or (FIRST, SECOND, THIRD)), *options)


def to_delivery(house: House, *codes: str) -> None:
    """From the registration to packages on the disk."""
    register(house, *codes)
    told(house.centre, "take", str(house.papers(house.agency, "dang-ky") / "registration.json"))
    told(house.centre, "answer", CODE, "--agree", "--day", "2026-12-01")
    told(house.agency, "take", str(house.papers(house.centre, "tra-loi") / "answer.json"))
    packages = house.folder / "goi"
    told(house.agency, "prepare", CODE, "--to", str(packages))
    told(house.agency, "send", CODE, "--from", str(packages), "--to", str(house.disk))


def night(root: Path) -> None:
    """One night of an archive."""
    archive = opened(root)
    nightly.run(archive)
    archive.close()
