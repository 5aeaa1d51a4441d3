"""Settings of what is told to a collector of traces (OpenTelemetry); part of archive/settings.py."""

from __future__ import annotations

from pydantic import Field

from archive.settings_section import Section


class TelemetrySettings(Section):
    """How long nights, stages, items and requests took, told to a collector (OpenTelemetry); no names, no contents."""

    collector: str = Field("", pattern=r"^(https?://[^@\s]+)?$", description=(
        "address of a collector that takes OTLP by HTTP, such as http://127.0.0.1:4318; empty: nothing is told. Needs "
        "the extra telemetry"))
    secret_env: str = Field("LUUTRU_TELEMETRY_SECRET", description="name of the environment variable that holds the "
                                                                   "collector's token (Authorization: Bearer)")
    secret_file: str = Field("", description="file that holds the token in its first line; it wins over the variable")
    share: float = Field(1.0, ge=0, le=1, description="share of the portal's requests that are told, 0 to 1; nights "
                                                      "are always told whole")
    seconds: float = Field(5.0, gt=0, le=60, description="how long a command waits for the collector at its end, "
                                                         "seconds")
