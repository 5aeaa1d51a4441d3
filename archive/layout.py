"""Where things lie: in an archive's folder, and inside the objects of its store (docs/format.md).

Inside an object the layout is that of the AIP of TT 05/2025 (representations/rep1/data for what was
received); access copies and text are further representations, each document's record lies under metadata/.
"""

from __future__ import annotations

from pathlib import Path

from archive.settings import Settings

RECEIVED = "representations/rep1/data"
ACCESS = "representations/access/data"
TEXT = "representations/text/data"
URN = "urn:luutru:"
DOCUMENTS = "metadata/documents"
CASE_FILE = "metadata/casefile.json"
FONDS = "metadata/fonds.json"
FILE_PLANS = "metadata/file-plans"
SCAN = "metadata/scan.json"


def store_folder(settings: Settings) -> Path:
    """The store: everything that must survive."""
    return settings.root / "store"


def intake_folder(settings: Settings) -> Path:
    """Received bytes that are not stored yet, a folder an item; quarantine is a state, not a place."""
    return store_folder(settings) / "intake"


def views_folder(settings: Settings) -> Path:
    """Where machines examine items of a night, a folder a claim, before the night puts into place what they made."""
    return store_folder(settings) / "staging" / "views"


def ledger_folder(settings: Settings) -> Path:
    """The ledger's files."""
    return store_folder(settings) / "ledger"


def reports_folder(settings: Settings) -> Path:
    """Morning reports for people; they can be made again at any time."""
    return settings.root / "reports"


def readings_folder(settings: Settings) -> Path:
    """Copies that were made for readers, a folder a request, until they are removed; none has to survive."""
    return settings.root / "reading"


def casefile_object(code: str) -> str:
    """The id of the OCFL object of a case file."""
    return f"urn:luutru:casefile:{code}"


def fonds_object(code: str) -> str:
    """The id of the OCFL object that holds a fonds' description and file plans."""
    return f"urn:luutru:fonds:{code}"


def batch_object(batch: str) -> str:
    """The id of the OCFL object that holds what a night received besides documents: its registry lists."""
    return f"urn:luutru:batch:{batch}"


def seal_object(seal: str) -> str:
    """The id of the OCFL object of a seal: a hash tree and its timestamp tokens."""
    return f"urn:luutru:seal:{seal}"


def rechecks_object(code: str) -> str:
    """The id of the OCFL object that holds later looks at the signatures of a case file that was closed by then."""
    return f"urn:luutru:rechecks:{code}"


def scanjob_object(job: str) -> str:
    """The id of the OCFL object of a scan job (đợt số hóa)."""
    return f"urn:luutru:scanjob:{job}"


def texts_object(code: str) -> str:
    """The id of the OCFL object that holds later changes of texts of a case file that was closed by then."""
    return f"urn:luutru:texts:{code}"


def scan_object(item: str) -> str:
    """The id of the OCFL object that keeps a long scan as it was received, once it was split into documents."""
    return f"urn:luutru:scan:{item}"


def record_path(ordinal: int) -> str:
    """The record of the document with this ordinal in its case file."""
    return f"{DOCUMENTS}/{ordinal:07d}.json"


def signatures_path(ordinal: int) -> str:
    """The full signature report of a document."""
    return f"{DOCUMENTS}/{ordinal:07d}.signatures.json"


def printed_path(ordinal: int) -> str:
    """The same report on paper (PDF/A), of a document that has signatures."""
    return f"{DOCUMENTS}/{ordinal:07d}.signatures.pdf"


def later_report_path(ordinal: int, n: int, suffix: str) -> str:
    """The n-th report on the signatures of a document (the first is that of its receipt), as "json" or "pdf"."""
    return f"{DOCUMENTS}/{ordinal:07d}.{n}.signatures.{suffix}"
