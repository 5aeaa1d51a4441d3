"""Whether the collector of traces that the settings name takes what it is told."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

from archive import telemetry
from archive.findings import Finding, finding
from archive.settings import Settings

LONGEST = 3.0       # seconds that the doctor waits for it


def answers(settings: Settings) -> Iterator[Finding]:
    """Whether the extra is there and the collector takes an empty message; nothing where none is named."""
    if not settings.telemetry.collector:
        return
    if not telemetry.installed():
        yield finding("DOCTOR-070", "telemetry.collector")
        return
    if reason := _asked(settings):
        yield finding("DOCTOR-071", urlsplit(settings.telemetry.collector).netloc, reason=reason)


def _asked(settings: Settings) -> str:
    """What stands in the way; empty: it took a message without any span (OTLP: every field may be absent)."""
    parts = urlsplit(telemetry.address(settings))
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=min(LONGEST, settings.telemetry.seconds))
        try:
            connection.request("POST", parts.path, b"", {"Content-Type": "application/x-protobuf",
                                                         **telemetry.headers(settings)})
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return type(error).__name__
    return "" if status < 300 else f"HTTP {status}"
