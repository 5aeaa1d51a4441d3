"""Programs and packages that the archive uses from outside: whether they are there, in which version."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from archive import outside
from archive.findings import Finding, finding
from archive.i18n import _
from archive.settings import Settings

FONT = Path("/usr/share/fonts/truetype/liberation2/LiberationSerif-Regular.ttf")
LOCK = Path(__file__).resolve().parents[2] / "requirements.lock"


@dataclass(frozen=True, slots=True)
class Part:
    """Something outside the program that it uses: whether it is there, and how to get it."""

    name: str
    purpose: str
    state: str          # "there", "missing", "optional"
    version: str
    cure: str


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


def programs(settings: Settings, parts: list[Part]) -> Iterator[Finding]:
    """What of the outside programs is missing for these settings."""
    for part in parts:
        if part.state == "missing":
            yield finding("DOCTOR-001", part.name, purpose=part.purpose, cure=part.cure)
    wanted = {one for told in (settings.ocr.languages, *settings.ocr.languages_of.values()) for one in told.split("+")}
    if any(part.name == "tesseract" and part.state == "there" for part in parts):
        for language in sorted(wanted - set(languages(settings)) - {""}):
            if not (language == "vie" and not settings.ocr.tessdata):       # told above
                yield finding("DOCTOR-002", language)
    command = settings.ingest.virus_scanner
    if not command:
        yield finding("DOCTOR-003", "ingest.virus_scanner")
    elif shutil.which(command[0]) is None:
        yield finding("DOCTOR-001", command[0], purpose="ingest.virus_scanner", cure="apt-get install clamav")
    if settings.seal.pkcs11_module and find_spec("pkcs11") is None:
        yield finding("DOCTOR-001", "python-pkcs11", purpose=_("the agency's key in a token or HSM (luutru seal)"),
                      cure="pip install 'python-pkcs11>=0.9.3,<0.10'")


def languages(settings: Settings) -> list[str]:
    """The languages that Tesseract has where the settings have it look."""
    extra = ["--tessdata-dir", settings.ocr.tessdata] if settings.ocr.tessdata else []
    return _ask(["tesseract", *extra, "--list-langs"]).split()


def packages(lock: Path = LOCK) -> Iterator[Finding]:
    """Python packages that are not those of the lock file, where the program has one."""
    if not lock.is_file():
        return
    other: list[str] = []
    for line in re.findall(r"(?m)^[A-Za-z0-9._-]+==[^\\\n]+", lock.read_text(encoding="utf-8")):
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate():      # for another Python or another system
            continue
        try:
            if not wanted.specifier.contains(there := version(wanted.name), prereleases=True):
                other.append(f"{wanted.name} {there} ≠ {wanted.specifier}".replace("==", ""))
        except PackageNotFoundError:
            continue            # of another machine, or only for tests
    if other:
        yield finding("DOCTOR-005", lock.name, n=len(other), first=other[0])


def _ask(command_line: list[str]) -> str:
    try:
        return outside.run(command_line, outside.Limits(memory_mb=4096)).said
    except (OSError, outside.TooLongError):
        return ""
