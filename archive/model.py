"""The catalogue's tables: fonds, file plan, case file, document, file, signature, finding, item, event, batch.

The database is a follower of the store: every row can be made again from the OCFL root, the ledger and
the intake area (archive/rebuild.py), so keys follow from content and no row holds a time of its own making.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from archive.model_base import Base as Base
from archive.model_destruction import Destruction as Destruction
from archive.model_destruction import DestructionItem as DestructionItem
from archive.model_reading import Reading as Reading
from archive.model_reading import ReadingDocument as ReadingDocument
from archive.model_retention import DocumentLink as DocumentLink
from archive.model_retention import PeriodAssignment as PeriodAssignment
from archive.model_retention import PeriodDecision as PeriodDecision
from archive.model_retention import RetentionRule as RetentionRule
from archive.model_retention import RetentionTable as RetentionTable
from archive.model_retention import Transfer as Transfer
from archive.model_retention import TransferItem as TransferItem
from archive.model_work import Machine as Machine
from archive.model_work import Work as Work

SCHEMA = "0011"     # the Alembic revision that these classes describe


class Fonds(Base):
    """A fonds (phông): the whole of one creating agency's records, with its validity and successor."""

    __tablename__ = "fonds"

    code: Mapped[str] = mapped_column(String(35), primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[str] = mapped_column(String(10), default="")
    valid_to: Mapped[str] = mapped_column(String(10), default="")
    successor: Mapped[str] = mapped_column(String(35), default="")
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)         # the fonds table of TT 02/2019, where entered


class FilePlanEntry(Base):
    """One line of an agency's file plan of a year (danh mục hồ sơ, NĐ 30/2020 Phụ lục V)."""

    __tablename__ = "file_plan_entry"

    fonds: Mapped[str] = mapped_column(ForeignKey("fonds.code"), primary_key=True)
    year: Mapped[int] = mapped_column(Integer, primary_key=True)
    notation: Mapped[str] = mapped_column(String(30), primary_key=True)
    heading: Mapped[str] = mapped_column(Text, default="")
    title: Mapped[str] = mapped_column(Text)
    retention: Mapped[str] = mapped_column(Text, default="")
    keeper: Mapped[str] = mapped_column(Text, default="")
    note: Mapped[str] = mapped_column(Text, default="")
    position: Mapped[int] = mapped_column(Integer, default=0)            # its place in the plan as it was issued


class CaseFile(Base):
    """A case file (hồ sơ): one OCFL object; a night's additions are one new version of it."""

    __tablename__ = "case_file"
    __table_args__ = (Index(None, "fonds", "year"),)

    code: Mapped[str] = mapped_column(String(100), primary_key=True)
    fonds: Mapped[str] = mapped_column(ForeignKey("fonds.code"))
    year: Mapped[int] = mapped_column(Integer)
    notation: Mapped[str] = mapped_column(String(30))
    title: Mapped[str] = mapped_column(Text)
    retention: Mapped[str] = mapped_column(Text, default="")
    keeper: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(20), default="open")
    profile: Mapped[str] = mapped_column(String(20))
    object_id: Mapped[str] = mapped_column(String(200), unique=True)
    version: Mapped[int] = mapped_column(Integer)
    opened_at: Mapped[str] = mapped_column(String(40))
    closed_at: Mapped[str] = mapped_column(String(40), default="")       # empty: open
    uuid: Mapped[str] = mapped_column(String(36), default="")            # of its AIP, given when it is first closed
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)         # descriptive fields that a person entered
    keep_years: Mapped[int] = mapped_column(Integer, default=-1)         # of `retention` (archive/retention_text.py)
    ended: Mapped[int] = mapped_column(Integer, default=0)               # year of the entered endDate; 0: none


class Document(Base):
    """A document (văn bản, tài liệu) in its home case file, with the fields that are asked for most."""

    __tablename__ = "document"
    __table_args__ = (Index(None, "case_file", "ordinal", unique=True),
                      Index(None, "organ_key", "number", "notation", "issued_on"), Index(None, "issued_on"),
                      Index(None, "indexed"), Index(None, "recheck_on"), Index(None, "text_changes"),
                      # All that the yearly run reads of documents: it never touches the table.
                      Index(None, "case_file", "dated", "bytes", "keep_years"))

    code: Mapped[str] = mapped_column(String(110), primary_key=True)
    case_file: Mapped[str] = mapped_column(ForeignKey("case_file.code"))
    ordinal: Mapped[int] = mapped_column(Integer)
    item: Mapped[str] = mapped_column(String(40), unique=True)
    profile: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(10), default="document")    # document, photo, av
    revision: Mapped[int] = mapped_column(Integer, default=0)            # how often its fields were corrected
    type_name: Mapped[str] = mapped_column(Text, default="")
    number: Mapped[str] = mapped_column(Text, default="")
    notation: Mapped[str] = mapped_column(Text, default="")
    issued_on: Mapped[str] = mapped_column(String(10), default="")       # YYYY-MM-DD
    organ: Mapped[str] = mapped_column(Text, default="")
    organ_key: Mapped[str] = mapped_column(Text, default="")             # folded, for comparing
    subject: Mapped[str] = mapped_column(Text, default="")
    pages: Mapped[int] = mapped_column(Integer, default=0)
    legal_value: Mapped[str] = mapped_column(String(30), default="")
    verdict: Mapped[str] = mapped_column(String(30), default="")
    received_at: Mapped[str] = mapped_column(String(40))
    legal_received_at: Mapped[str] = mapped_column(String(40))
    receipt_rule: Mapped[str] = mapped_column(String(40))
    batch: Mapped[str] = mapped_column(String(20), index=True)
    version: Mapped[int] = mapped_column(Integer)                        # OCFL version that brought it
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)
    indexed: Mapped[str] = mapped_column(String(64), default="")         # fingerprint of what the index holds of it
    recheck_on: Mapped[str] = mapped_column(String(10), default="")      # YYYY-MM-DD: signatures looked at again; or ""
    recheck_trust: Mapped[str] = mapped_column(String(40), default="")   # version of the trust lists of the last look
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)            # of its files in the newest state
    keep_years: Mapped[int] = mapped_column(Integer, default=-1)         # its own period, where it names one
    dated: Mapped[int] = mapped_column(Integer, default=0)               # year of its own date; 0: none
    text_changes: Mapped[int] = mapped_column(Integer, default=0)        # of its text; -1: its pages are unknown


class File(Base):
    """One file of a document in the store: original, attachment, message, access copy, text, signature report."""

    __tablename__ = "file"
    __table_args__ = (Index(None, "sha256"),)

    document: Mapped[str] = mapped_column(ForeignKey("document.code"), primary_key=True)
    path: Mapped[str] = mapped_column(String(400), primary_key=True)     # logical path in the OCFL object
    role: Mapped[str] = mapped_column(String(30))
    name: Mapped[str] = mapped_column(Text)                              # the name it came under
    format: Mapped[str] = mapped_column(String(30))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    sha512: Mapped[str] = mapped_column(String(128))


class Signature(Base):
    """One digital signature of a document as it was judged on the way in; that verdict is kept for ever."""

    __tablename__ = "signature"

    document: Mapped[str] = mapped_column(ForeignKey("document.code"), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    verdict: Mapped[str] = mapped_column(String(30))
    signer: Mapped[str] = mapped_column(Text, default="")
    organisation: Mapped[str] = mapped_column(Text, default="")
    time: Mapped[str] = mapped_column(String(40), default="")
    time_source: Mapped[str] = mapped_column(String(30), default="")
    report: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Item(Base):
    """One thing that was received, with where it stands: an inbox file, once for ever."""

    __tablename__ = "item"
    __table_args__ = (Index(None, "batch", "state"), Index(None, "sha256"), Index(None, "state"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    sha512: Mapped[str] = mapped_column(String(128))
    received_at: Mapped[str] = mapped_column(String(40))
    legal_received_at: Mapped[str] = mapped_column(String(40))
    receipt_rule: Mapped[str] = mapped_column(String(40))
    batch: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    document: Mapped[str] = mapped_column(String(110), default="")
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict)        # as corrected
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)         # empty once stored: the record has them


class ItemFinding(Base):
    """One finding about an item, in the order in which the stages made them."""

    __tablename__ = "finding"
    __table_args__ = (Index(None, "code"),)

    item: Mapped[str] = mapped_column(ForeignKey("item.id"), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(20))
    level: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(Text)
    params: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Batch(Base):
    """One night's batch."""

    __tablename__ = "batch"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    night: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[str] = mapped_column(String(40))
    finished_at: Mapped[str] = mapped_column(String(40), default="")     # empty: still open
    summary: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Event(Base):
    """A copy of one line of the ledger."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "kind", "subject"),)

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    at: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(100))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    hash: Mapped[str] = mapped_column(String(64))


class Seal(Base):
    """One hash tree with its timestamp tokens: a night's, or a renewal over older ones (archive/evidence/seals.py)."""

    __tablename__ = "seal"
    __table_args__ = (Index(None, "kind", "last_event"),)

    id: Mapped[str] = mapped_column(String(10), primary_key=True)        # 000001, 000002, …
    kind: Mapped[str] = mapped_column(String(10))                        # night, renewal, rehash
    at: Mapped[str] = mapped_column(String(40))
    algorithm: Mapped[str] = mapped_column(String(20))
    leaves: Mapped[int] = mapped_column(Integer)
    root: Mapped[str] = mapped_column(String(128))
    first_event: Mapped[int] = mapped_column(Integer, default=0)         # of the ledger; 0: none (renewals)
    last_event: Mapped[int] = mapped_column(Integer, default=0)
    log_size: Mapped[int] = mapped_column(Integer, default=0)
    log_peaks: Mapped[list[Any]] = mapped_column(default=list)
    renews: Mapped[list[Any]] = mapped_column(default=list)              # ids of seals whose last token it covers
    tokens: Mapped[list[Any]] = mapped_column(default=list)              # file, time, server, until; empty: a gap
    until: Mapped[str] = mapped_column(String(40), default="")           # when the first token's server ends


class ScanJob(Base):
    """A scan job (đợt số hóa): from its plan to the return of the originals (archive/scan_jobs.py)."""

    __tablename__ = "scan_job"
    __table_args__ = (Index(None, "state"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)        # SH.2026.01
    title: Mapped[str] = mapped_column(Text)
    fonds: Mapped[str] = mapped_column(String(35))
    profile: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))                       # "writing": from before the put till told
    started_on: Mapped[str] = mapped_column(String(10))                  # YYYY-MM-DD: scans since then are the job's
    version: Mapped[int] = mapped_column(Integer)
    record: Mapped[dict[str, Any]] = mapped_column(default=dict)         # job.json: plan and acts


class ScanJobFile(Base):
    """One case file of a scan job: what was handed over, in which condition, and what came back."""

    __tablename__ = "scan_job_file"
    __table_args__ = (Index(None, "code"),)

    job: Mapped[str] = mapped_column(ForeignKey("scan_job.id"), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    code: Mapped[str] = mapped_column(String(100))
    box: Mapped[str] = mapped_column(Text, default="")
    title: Mapped[str] = mapped_column(Text, default="")
    documents: Mapped[int] = mapped_column(Integer, default=0)           # as listed; 0: not counted
    sheets: Mapped[int] = mapped_column(Integer, default=0)
    pages: Mapped[int] = mapped_column(Integer, default=0)
    condition: Mapped[str] = mapped_column(Text, default="")
    treatment: Mapped[str] = mapped_column(Text, default="")
    note: Mapped[str] = mapped_column(Text, default="")
    handed_over: Mapped[int] = mapped_column(Integer, default=0)         # version that did it; 0: not yet
    returned: Mapped[int] = mapped_column(Integer, default=0)            # the same
    returned_sheets: Mapped[int] = mapped_column(Integer, default=0)
    returned_note: Mapped[str] = mapped_column(Text, default="")


class ScanJobError(Base):
    """One error that a person found while checking the quality of a scan job, and what became of it."""

    __tablename__ = "scan_job_error"
    __table_args__ = (Index(None, "document"),)

    job: Mapped[str] = mapped_column(ForeignKey("scan_job.id"), primary_key=True)
    round: Mapped[int] = mapped_column(Integer, primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True)
    document: Mapped[str] = mapped_column(String(110))
    error_class: Mapped[str] = mapped_column(String(10))                 # scan, catalogue
    pages: Mapped[str] = mapped_column(Text, default="")
    text: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(10))                       # open, corrected, rechecked, dismissed
    note: Mapped[str] = mapped_column(Text, default="")


class PageText(Base):
    """One page that was recognised from a picture: how good its text is, and whether a person corrected it."""

    __tablename__ = "page_text"

    document: Mapped[str] = mapped_column(ForeignKey("document.code"), primary_key=True)
    part: Mapped[int] = mapped_column(Integer, primary_key=True)         # 0: the original; 1 …: its attachments
    page: Mapped[int] = mapped_column(Integer, primary_key=True)
    failed: Mapped[bool] = mapped_column(default=False)                  # it could not be recognised
    confidence: Mapped[float | None] = mapped_column(Float, default=None)   # mean over its words, 0 to 100
    syllables: Mapped[float | None] = mapped_column(Float, default=None)    # share of plausible ones, 0 to 1
    misread: Mapped[int] = mapped_column(Integer, default=0)             # figures and dates that cannot be
    foreign: Mapped[bool] = mapped_column(default=False)
    corrected: Mapped[bool] = mapped_column(default=False)
    stale: Mapped[bool] = mapped_column(default=False)                   # read anew since it was corrected
    reading: Mapped[int] = mapped_column(Integer, default=1)             # which one is in use; 1: the night's
    engine: Mapped[str] = mapped_column(String(16), default="")          # what read it last (text_layers.engine_key)


class Hold(Base):
    """A hold (tạm dừng hủy) and what became of it; none ever goes."""

    __tablename__ = "hold"

    n: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(40))
    by: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(Text)
    requester: Mapped[str] = mapped_column(Text)
    number: Mapped[str] = mapped_column(Text)                            # of the document that asks for it
    dated: Mapped[str] = mapped_column(String(10))                       # its day
    from_day: Mapped[str] = mapped_column(String(10))
    standing: Mapped[bool] = mapped_column(default=False)                # also what meets the conditions later
    conditions: Mapped[dict[str, Any]] = mapped_column(default=dict)     # empty: the items were named
    items: Mapped[int] = mapped_column(Integer)                          # how many it was placed on
    state: Mapped[str] = mapped_column(String(12))                       # placed, partly, releasing, released
    releases: Mapped[int] = mapped_column(Integer, default=0)
    released_on: Mapped[str] = mapped_column(String(10), default="")     # the whole hold; empty: it stands


class HoldItem(Base):
    """A case file, document or fonds that a hold was placed on."""

    __tablename__ = "hold_item"
    __table_args__ = (Index(None, "case_file"), Index(None, "code"))

    hold: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(110), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))                        # casefile, document, fonds
    case_file: Mapped[str] = mapped_column(String(100), default="")      # itself or its home; empty: a fonds
    released_on: Mapped[str] = mapped_column(String(10), default="")
