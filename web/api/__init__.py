"""The archive for programs: JSON under /api/v1, with tokens, by the same rights as the pages (docs/portal.md)."""

from __future__ import annotations

from web.api.app import create_api
from web.api.problems import ROOT

__all__ = ["ROOT", "create_api"]
