"""The catalogue's tables of destructions: the batches, and what each names.

Part of archive/model.py, which gives these classes as its own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from archive.model_base import Base


class Destruction(Base):
    """A batch for destruction (đợt hủy) from the list of what is expired to its dossier; none ever goes."""

    __tablename__ = "destruction"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    fonds: Mapped[str] = mapped_column(String(30))
    state: Mapped[str] = mapped_column(String(12))                       # retention/destruction/keeping.py: STATES
    listed_on: Mapped[str] = mapped_column(String(10))                   # the day on which its items were expired
    plan_hash: Mapped[str] = mapped_column(String(64), default="")       # of the plan in force; empty: none yet
    version: Mapped[int] = mapped_column(Integer)
    record: Mapped[dict[str, Any]] = mapped_column(default=dict)


class DestructionItem(Base):
    """A case file, or a document that is there twice, which a batch for destruction names."""

    __tablename__ = "destruction_item"
    __table_args__ = (Index(None, "case_file"),)

    destruction: Mapped[str] = mapped_column(String(40), primary_key=True)
    n: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    case_file: Mapped[str] = mapped_column(String(100))
    document: Mapped[str] = mapped_column(String(110), default="")       # empty: the whole case file
    reason: Mapped[str] = mapped_column(String(10))                      # expired, duplicate
    state: Mapped[str] = mapped_column(String(10))                       # proposed, removed, kept, destroyed
