"""The catalogue's tables of requests for use: the requests, and the documents that each names.

Part of archive/model.py, which gives these classes as its own. No number of an identity paper is in them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from archive.model_base import Base


class Reading(Base):
    """A reader's request for use (yêu cầu khai thác, sử dụng tài liệu) and how far it is; none ever goes."""

    __tablename__ = "reading"
    __table_args__ = (Index(None, "state"),)

    code: Mapped[str] = mapped_column(String(40), primary_key=True)      # YC.2026.0001
    kind: Mapped[str] = mapped_column(String(10))                        # reading, copy, certified
    state: Mapped[str] = mapped_column(String(10))                       # "writing": from before the put on
    account: Mapped[str] = mapped_column(String(64), default="")         # the reader's account at the portal
    asked_on: Mapped[str] = mapped_column(String(10), default="")
    until: Mapped[str] = mapped_column(String(10), default="")           # last day of its last grant
    purge_after: Mapped[str] = mapped_column(String(10), default="")     # the first of its days of purging; or ""
    version: Mapped[int] = mapped_column(Integer)
    record: Mapped[dict[str, Any]] = mapped_column(default=dict)


class ReadingDocument(Base):
    """A document that a request names; while it is granted, `account` reaches it up to and with the day `until`."""

    __tablename__ = "reading_document"
    __table_args__ = (Index(None, "document"), Index(None, "account", "until"))

    reading: Mapped[str] = mapped_column(String(40), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    document: Mapped[str] = mapped_column(String(110))
    case_file: Mapped[str] = mapped_column(String(100))
    asked: Mapped[str] = mapped_column(String(110))                      # the code that was asked for
    kind: Mapped[str] = mapped_column(String(10))                        # of the request
    account: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[str] = mapped_column(String(10))                       # retention/reading/keeping.py: ITEM_STATES
    until: Mapped[str] = mapped_column(String(10), default="")           # empty: not granted
