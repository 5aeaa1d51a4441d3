"""Settings of the use of records by readers; part of archive/settings.py."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from archive.settings_section import Section


class ReadingSettings(Section):
    """Requests for use (khai thác, sử dụng tài liệu): how long, what is conditional, how copies look."""

    days: int = Field(15, ge=1, le=15, description="a grant to read or to fetch a copy lasts so many days from the day "
                                                   "it is given, at most 15 (TT 05/2025/TT-BNV Đ36.1.c, Đ40.5)")
    purge_days: int = Field(5, ge=0, description="what was made for the reader is removed so many days after that "
                                                 "(TT 05/2025/TT-BNV Đ37.5, Đ40.6)")
    answer_days: int = Field(6, ge=1, description="a request is to be answered within so many working days: the term "
                                                  "of TT 05/2025/TT-BNV Đ46.5 for information; that it counts for "
                                                  "reading and copies is a convention of this system")
    undecided: Literal["conditional", "open"] = Field(
        "conditional", description="how a document without a mode of use (chế độ sử dụng) is treated: conditional asks "
                                  "for an opinion first; open does not. A convention of this system")
    mark: Literal["every_page", "first_page"] = Field(
        "every_page", description="where a copy says BẢN SAO: first_page is what TT 05/2025/TT-BNV Đ40.4 asks for, "
                                  "every_page a convention of this system")
