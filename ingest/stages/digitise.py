"""The stage that gives scans an access copy and their text; ingest/digitise holds the work."""

from __future__ import annotations

from ingest.digitise import digitise

__all__ = ["digitise"]
