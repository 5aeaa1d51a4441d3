"""Settings of work on many machines; part of archive/settings.py."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from archive.settings_section import Address, Section

_TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class WorkersSettings(Section):
    """Many machines: luutru worker and luutru beat, by Celery (docs/scaling.md)."""

    broker: Address = Field("", description="address of the broker (Redis or RabbitMQ), such as redis://queues:6379/0; "
                                            "empty: the machine of the night does everything itself")
    secret_env: str = Field("LUUTRU_BROKER_SECRET", description="name of the environment variable that holds the "
                                                                "broker's password")
    secret_file: str = Field("", description="file that holds the password in its first line; it wins over the "
                                             "variable")
    ahead: int = Field(64, ge=1, description="most items that are handed out and not done yet")
    tries: int = Field(3, ge=1, le=20, description="to how many machines an item is given before it is set aside, "
                                                   "because each of them stopped in the middle of it")
    lease_seconds: float = Field(60.0, ge=2, description="what a machine has that is silent for so many seconds is "
                                                         "given to others")
    patience_seconds: float = Field(120.0, ge=0, description="when no machine takes work, the machine of the night "
                                                             "does it itself after so many seconds; a database that "
                                                             "does not answer is waited for as long")
    night_at: _TimeOfDay = Field("22:00", description="when luutru beat begins the night, Vietnam's time")
    report_at: _TimeOfDay = Field("06:30", description="when luutru beat writes the morning report anew, before people "
                                                       "come")
