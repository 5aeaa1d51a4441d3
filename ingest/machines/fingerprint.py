"""The fingerprint of what decides the results of the item stages: machines with another one take no work.

Two machines that judge by different settings, or by different versions of the program, would make an archive that
depends on who came first. What may differ is where things lie and how much one machine can bear.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version

from archive import __version__
from archive.settings import Settings

# Sections that the item stages read, and what in them is a machine's own affair.
_COUNTS = ("profile", "agency", "ingest", "signatures", "ocr", "scans")
_OWN = {"ingest": {"inbox", "workers", "item_memory_mb", "settle_seconds"},
        "signatures": {"trust", "recheck_seconds", "update_nightly"}, "ocr": {"tessdata"}}
_LIBRARIES = ("ocrmypdf", "pikepdf", "pyhanko", "tesserocr", "typst")


def fingerprint(settings: Settings) -> str:
    """SHA-256 (hex) of what counts in `settings`, the program's version and those of the libraries that read files."""
    told = settings.model_dump(mode="json")
    counts = {name: {key: value for key, value in told[name].items() if key not in _OWN.get(name, ())}
              if isinstance(told[name], dict) else told[name] for name in _COUNTS}
    counts["versions"] = [__version__, *map(_version, _LIBRARIES)]
    return hashlib.sha256(json.dumps(counts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
