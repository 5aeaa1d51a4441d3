"""Settings of backups; part of archive/settings.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from archive.settings_section import Section


class BackupSettings(Section):
    """Backups on media apart (luutru backup): incremental every day, full every month (TT 05/2025/TT-BNV Điều 30)."""

    targets: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")], str] = Field(
        default_factory=dict, description='folders for backups, on media apart, by a short name: { nas = "/mnt/nas", '
                                          'worm = "/mnt/worm" }; each made by hand, empty at first')
    append_only: list[str] = Field(
        default_factory=list, description="names of targets on which nothing is ever changed or removed, such as an "
                                          "object-locked share; at least one is asked for (QCVN 12:2026/BCA)")
    keep_months: int = Field(
        3, ge=1, description="months until a full backup and its increments are removed from a target that is not "
                             "append-only; the newest full one of each medium always stays; a convention")
    catalogue: Literal["full", "always", "never"] = Field(
        "full", description="which backups carry a copy of the catalogue, as SQLite: full ones, all or none; it can be "
                            "made again from the store")
    late_days: int = Field(2, ge=1, description="luutru doctor warns when a target got no backup for so many days")
    drill_days: int = Field(92, ge=1, description="luutru doctor warns when no restore was tried for so many days (TT "
                                                  "05/2025/TT-BNV Đ30: quarterly)")
    scan_days: int = Field(183, ge=1, description="the same for the virus scan of backups (QCVN 12:2026/BCA: every six "
                                                  "months)")
