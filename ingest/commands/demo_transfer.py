"""`luutru demo transfer`: a real agency and a real archive centre on this machine, one hand-over through the service.

Every step is the command that people would give, on the archive whose step it is; the centre's service is a process of
its own, and the line between them is cut in the middle of a package. At the end both archives are compared.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from archive.errors import LuuTruError
from archive.i18n import _, language

_COMMANDS = {"transfer": "ingest.commands.transfer", "casefile": "archive.commands.casefile",
             "document": "archive.commands.document"}
_PEOPLE = {"co-quan": "Hoàng Thị Mẫu", "trung-tam": "Phạm Quốc Đạt"}
_PATIENCE = 60.0


class RehearsalError(LuuTruError):
    """A step of the rehearsal did not go as it must."""


@click.command("transfer", help=_("Rehearse a hand-over on this machine: an agency and an archive centre, the samples' "
                                  "case files, the service between them, a cut in the middle; both compared at the "
                                  "end. Less than two minutes."))
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False),
              help=_("a new or empty folder for both archives; default: one of its own, which stays"))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def command(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """Rehearse a hand-over."""
    from archive.commands.init import SAMPLES
    from archive.terminal import print_json
    from ingest.commands.demo_transfer_houses import Houses
    from ingest.commands.demo_transfer_showing import Teller, print_proof

    if not SAMPLES.is_dir():
        raise click.UsageError(_("The samples come only with the source of the program, not with the package."))
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="luutru-demo-"))
    elif folder.exists() and any(folder.iterdir()):
        raise click.UsageError(_("{place} is not empty").format(place=folder))
    begun = time.monotonic()
    play = Play(Houses(folder.absolute()), Teller(quiet=as_json))
    proof = rehearse(play)
    told = {"folder": str(folder), "seconds": round(time.monotonic() - begun, 1), **proof}
    if as_json:
        print_json(told)
    else:
        print_proof(told)
    ctx.exit(0 if proof["well"] else 4)


@dataclass(slots=True)
class Play:
    """One rehearsal: where both archives lie, and who tells of it."""

    houses: Any
    teller: Any
    resumed: list[dict[str, Any]] = field(default_factory=list)

    def agency(self, *words: str, good: Sequence[int] = (0, 3)) -> dict[str, Any]:
        """A command at the agency; what it says, as JSON. Raises RehearsalError for any other exit code."""
        return self._run(self.houses.agency, words, good)

    def centre(self, *words: str, good: Sequence[int] = (0, 3)) -> dict[str, Any]:
        """A command at the archive centre."""
        return self._run(self.houses.centre, words, good)

    def alone(self, root: Path, *words: str, good: Sequence[int] = (0, 3)) -> str:
        """A command as a process of its own (the night forks; the service's commands are the portal's)."""
        self.teller.command(root, words)
        done = subprocess.run([*_luutru(root), *words], capture_output=True, text=True, env=_environment(root),
                              check=False)
        if done.returncode not in good:
            raise RehearsalError(f"luutru {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"[-3000:])
        return done.stdout

    def _run(self, root: Path, words: Sequence[str], good: Sequence[int]) -> dict[str, Any]:
        self.teller.command(root, words)
        group = importlib.import_module(_COMMANDS[words[0]]).command
        said = io.StringIO()
        with _as_person(_PEOPLE[root.name]), contextlib.redirect_stdout(said):
            code = group.main([*words[1:], "--json"], prog_name=f"luutru {words[0]}", standalone_mode=False, obj=root)
        if (code or 0) not in good:
            raise RehearsalError(f"luutru {' '.join(words)}: {code}\n{said.getvalue()}"[-3000:])
        told = json.loads(said.getvalue())
        return {**told, "exit": code or 0} if isinstance(told, dict) else {"told": told, "exit": code or 0}


def rehearse(play: Play, material: Callable[[Play], Sequence[str]] | None = None) -> dict[str, Any]:
    """The whole way, and the proof of it: hashes at both ends, the signed minutes, where sending went on.

    `material` fills the agency and says which case files are to go (default: the samples, by a night of its own).
    Raises RehearsalError, ServiceError and what the acts raise.
    """
    # No variable that speaks for another archive counts here.
    with _environment_of({name: value for name, value in os.environ.items() if not name.startswith("LUUTRU_")}):
        return _rehearsed(play, material or _samples)


# --- steps -------------------------------------------------------------------------------------------------


def _rehearsed(play: Play, material: Callable[[Play], Sequence[str]]) -> dict[str, Any]:
    from ingest.commands import demo_transfer_houses as made
    from ingest.commands.demo_relay import Line
    from ingest.commands.demo_transfer_proof import proof

    houses, tell = play.houses, play.teller
    tell.step(_("Two archives are made: an agency, and an archive centre with its service"))
    authority = made.Authority()
    made.make_centre(houses, authority)
    client = json.loads(play.alone(houses.centre, "client", "add", made.AGENCY_CODE, "--name", made.AGENCY, "--json"))
    port = _free_port()
    line = Line(port)
    made.make_agency(houses, authority, f"http://{line.address}/lgsp/v1", client["client_id"], client["client_secret"])
    tell.step(_("The agency's night: documents come in, are checked and filed; case files are concluded"))
    codes = list(material(play))
    try:
        with _serving(play, port):
            code = _to_the_cut(play, line, codes)
            line.mend()
            _after_the_cut(play, code)
    finally:
        line.close()
    return {"code": code, **proof(houses, code), "resumed": play.resumed}


def _samples(play: Play) -> Sequence[str]:
    """The samples through a night, one fault put right, the permanent case files concluded."""
    from ingest.commands import demo_transfer_houses as made

    made.fill(play.houses)
    play.alone(play.houses.agency, "nightly")
    play.agency("document", "correct", made.PERMANENT_FAULT, "--set", f"subject={made.SUBJECT}", "--reason",
                "Trích yếu dài quá 500 ký tự")
    for one in made.CASE_FILES:
        play.agency("casefile", "close", one)
    return made.CASE_FILES


def _to_the_cut(play: Play, line: Any, codes: Sequence[str]) -> str:
    """Registration, answer, packages; then a package is sent and the line cut in the middle of it."""
    from ingest.commands.demo_transfer_houses import CENTRE, CENTRE_CODE
    from retention.transfer.lgsp import ServiceError

    tell = play.teller
    tell.step(_("The agency registers the hand-over; the archive centre agrees"))
    code = str(play.agency("transfer", "register", *codes, "--to-code", CENTRE_CODE, "--to-name", CENTRE, "--summary",
                           "Hồ sơ, tài liệu có thời hạn bảo quản vĩnh viễn năm 2026", "--planned", "2027-01-15",
                           "--contact", "Hoàng Thị Mẫu, lưu trữ viên", "--way", "online")["code"])
    play.agency("transfer", "send", code, "--to", "lgsp")
    play.centre("transfer", "answer", code, "--agree")
    play.agency("transfer", "sync")
    tell.step(_("Packages are written, each checked as a stranger would"))
    play.agency("transfer", "prepare", code, "--to", str(play.houses.packages))
    sizes = [one["size"] for one in play.agency("transfer", "show", code)["items"]]
    largest = max(range(len(sizes)), key=lambda n: sizes[n])
    tell.step(_("The packages are sent; the line is cut in the middle of one"))
    line.cut_after(sum(sizes[:largest]) + sizes[largest] * 6 // 10)
    try:
        play.agency("transfer", "send", code, "--from", str(play.houses.packages), "--to", "lgsp")
    except ServiceError as error:
        tell.said(_("cut after {n} bytes: {why}").format(n=line.sent, why=_shortened(str(error))))
    else:
        raise RehearsalError("the line was not cut")
    return code


def _after_the_cut(play: Play, code: str) -> None:
    """Sending goes on; receipt, examination, approval, night, confirmation; the minutes signed by both sides."""
    tell, agency, centre = play.teller, play.agency, play.centre
    tell.step(_("The same command again: it goes on behind what had arrived"))
    agency("transfer", "send", code, "--from", str(play.houses.packages), "--to", "lgsp")
    play.resumed += [one for one in agency("transfer", "journal", code)["told"] if one["what"] == "upload resumed"
                     and 0 < one["offset"] < one["size"]]
    for one in play.resumed:
        tell.said(_("{name}: {offset} of {size} bytes were there already").format(**one))
    tell.step(_("The archive centre counts, scans and compares; the receipt of ten values comes back, signed"))
    _followed(agency("transfer", "sync", code, "--wait", "60"), "receipt")
    tell.step(_("Examined, approved; the result and the minutes come back; the agency signs the minutes"))
    centre("transfer", "examine", code)
    centre("transfer", "approve", code, "--decision", "88/QĐ-TTLT", "--date", "2026-11-20", "--giver",
           "Hoàng Thị Mẫu, Lưu trữ viên", "--taker", "Phạm Quốc Đạt, Phó Giám đốc")
    _followed(agency("transfer", "sync", code, "--wait", "30"), "result")
    agency("transfer", "sign", code)
    tell.step(_("The centre's night takes the packages in: they become AIPs; every file is read again, then confirmed"))
    play.alone(play.houses.centre, "nightly")
    centre("transfer", "close", code, "--giver", "Hoàng Thị Mẫu, Lưu trữ viên", "--taker",
           "Phạm Quốc Đạt, Phó Giám đốc")
    _followed(agency("transfer", "sync", code, "--wait", "30"), "confirmation")
    agency("transfer", "sign", code)
    agency("transfer", "sync", code)
    agency("transfer", "close", code)


def _shortened(text: str) -> str:
    return text if len(text) <= 160 else f"{text[:159]}…"


def _followed(told: dict[str, Any], wanted: str) -> None:
    if not any(wanted in one["took"] for one in told["hand_overs"]):
        raise RehearsalError(f"{wanted}: {json.dumps(told, ensure_ascii=False)}"[:2000])


@contextmanager
def _serving(play: Play, port: int) -> Iterator[None]:
    """The centre's service as a process of its own."""
    root, words = play.houses.centre, ("serve", "--port", str(port))
    play.teller.command(root, words)
    with (play.houses.folder / "dich-vu.log").open("wb") as log:
        served = subprocess.Popen([*_luutru(root), *words], stdout=log, stderr=log, env=_environment(root))
        try:
            until = time.monotonic() + _PATIENCE
            while not _answers(port):
                if served.poll() is not None or time.monotonic() > until:
                    raise RehearsalError((play.houses.folder / "dich-vu.log").read_text()[-2000:])
                time.sleep(0.1)
            yield
        finally:
            served.terminate()
            try:
                served.wait(20)
            except subprocess.TimeoutExpired:
                served.kill()
                served.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def _luutru(root: Path) -> list[str]:
    return [sys.executable, "-P", "-m", "cli", "--root", str(root), "--language", language()]


def _environment(root: Path) -> dict[str, str]:
    """Ours; the command itself lies beside this wing."""
    house = Path(__file__).resolve().parents[2]
    return {**os.environ, "LUUTRU_USER": _PEOPLE[root.name],
            "PYTHONPATH": os.pathsep.join(filter(None, (str(house), os.environ.get("PYTHONPATH", ""))))}


@contextmanager
def _as_person(name: str) -> Iterator[None]:
    with _environment_of({**os.environ, "LUUTRU_USER": name}):
        yield


@contextmanager
def _environment_of(wanted: Mapping[str, str]) -> Iterator[None]:
    """The environment as `wanted`; afterwards as it was."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
