"""`luutru doctor`: say what this machine lacks, and the one line that installs it."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from archive import outside
from archive.errors import LuuTruError
from archive.i18n import _
from archive.opening import exists
from archive.settings import Settings
from archive.terminal import console, print_json, settings_of

FONT = Path("/usr/share/fonts/truetype/liberation2/LiberationSerif-Regular.ttf")


@dataclass(frozen=True, slots=True)
class Part:
    """Something outside the program that it uses: whether it is there, and how to get it."""

    name: str
    purpose: str
    state: str          # "there", "missing", "optional"
    version: str
    cure: str


@click.command(help=_("Say what this machine lacks and how to install it."))
@click.option("--json", "as_json", is_flag=True, help=_("for machines"))
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Look at the machine and the settings; exit code 1 when something needed is missing."""
    settings = settings_of(ctx.obj)
    parts = look()
    free = shutil.disk_usage(settings.root if settings.root.exists() else Path.cwd()).free
    if as_json:
        print_json({"parts": [asdict(part) for part in parts], "archive": exists(settings), "free_mb": free >> 20,
                    "copies": _copies(settings)})
    else:
        out = console()
        for part in parts:
            sign = {"there": "[green]✔[/]", "missing": "[red]✘[/]"}.get(part.state, "[yellow]–[/]")
            out.print(f"{sign} {part.name:<22} [dim]{part.purpose}[/] {part.version}")
            if part.state != "there":
                out.print(f"    → {part.cure}")
        place = settings.root if exists(settings) else _("none yet (luutru init)")
        out.print(f"{_('Archive')}: {place} · {_('free')}: {free >> 20} MB")
        if (copies := _copies(settings)) is not None:
            out.print(_copies_line(copies), soft_wrap=True, markup=False)
    ctx.exit(1 if any(part.state == "missing" for part in parts) else 0)


def look() -> list[Part]:
    """The parts that the program uses from outside, as this machine has them."""
    tesseract = _ask(["tesseract", "--version"])
    languages = _ask(["tesseract", "--list-langs"])
    office = shutil.which("soffice") or shutil.which("libreoffice")
    return [
        Part("tesseract", _("reads scans"), "there" if tesseract else "missing", tesseract.splitlines()[0] if tesseract
             else "", "apt-get install tesseract-ocr"),
        Part("tesseract vie", _("Vietnamese for it"), "there" if "vie" in languages.split() else "missing", "",
             "apt-get install tesseract-ocr-vie"),
        Part("LibreOffice", _("reads old .doc and .xls"), "there" if office else "optional", "",
             "apt-get install libreoffice-writer-nogui libreoffice-calc-nogui"),
        Part("ffprobe", _("checks films and sound recordings"), "there" if shutil.which("ffprobe") else "optional", "",
             "apt-get install ffmpeg"),
        Part("Liberation Serif 2", _("the text of the agency's seal (luutru seal)"), "there" if FONT.is_file() else
             "optional", "", "apt-get install fonts-liberation2"),
        Part("python-pkcs11", _("the agency's key in a token or HSM (luutru seal)"),
             "there" if find_spec("pkcs11") else "optional", "", "pip install 'python-pkcs11>=0.9.3,<0.10'"),
    ]


def _copies(settings: Settings) -> dict[str, Any] | None:
    """How the copies stand: named, complete up to now, not to be used, faults open anywhere; None without an archive.

    An archive that cannot be opened has no answer either: the other commands say why.
    """
    from archive import clock
    from archive.fixity.checking import status
    from archive.opening import open_archive

    if not exists(settings):
        return None
    try:
        archive = open_archive(settings)
    except (LuuTruError, OSError):
        return None
    try:
        told = status(archive, clock.now()).places
    finally:
        archive.close()
    copies = [one for one in told if one.state != "store"]
    return {"named": len(copies), "complete": sum(1 for one in copies if one.state == "ready" and one.lag == 0),
            "absent": [one.name for one in copies if one.state != "ready"], "faults": sum(one.faults for one in told)}


def _copies_line(copies: dict[str, Any]) -> str:
    if not copies["named"]:
        line = _("Copies: none (copies.places): when this disk goes, everything on it goes")
    else:
        line = _("Copies: {complete} of {named} complete").format(**copies)
    if copies["absent"]:
        line += " · " + _("not usable: {places}").format(places=", ".join(copies["absent"]))
    if copies["faults"]:
        line += " · " + _("{faults} faults are open: luutru fixity repair").format(**copies)
    return line


def _ask(command_line: list[str]) -> str:
    try:
        return outside.run(command_line, outside.Limits(memory_mb=4096)).said
    except (OSError, outside.TooLongError):
        return ""
