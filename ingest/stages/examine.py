"""The stages of one item, in their order: unpack, check, verify, digitise, extract, secrecy.

A package has one stage of its own; its documents become items and go through the others.

This module is what worker processes load first; it must not touch the catalogue.
"""

from __future__ import annotations

import resource
import time
import traceback
from collections.abc import Callable
from pathlib import PurePosixPath

from archive.codes import parse_scan_name
from archive.fields import normalise_fields
from archive.findings import Finding, Level, finding
from ingest.item import Context, Examined, Item
from ingest.media import check_media
from ingest.sources import packages
from ingest.sources.edxml import unpack
from ingest.sources.enveloped import unwrap
from ingest.sources.scan_splitting import is_long_scan, look, may_be_split, unfold
from ingest.stages.check import check, check_secrecy
from ingest.stages.compare import compare
from ingest.stages.digitise import digitise
from ingest.stages.extract import extract
from ingest.stages.verify import settle_legal_value, verify

Stage = Callable[[Item, Context], list[Finding]]


def examine(item: Item, context: Context, only: str = "") -> Examined:
    """Put `item` through the stages (through `only` those of one name); what they found and cost.

    An exception is our fault: it becomes a
    `failed` finding, its traceback goes to the log, and the item waits for the next night.
    """
    result = Examined(item, [Finding.from_dict(one) for one in item.facts.get("collect", [])])
    try:
        stages = STAGES
        if not only and item.source != packages.SOURCE and "sheets" not in item.facts and (
                is_long_scan(item) or may_be_split(item.name, context.settings)):
            look(item, context)
        if only:
            stages = tuple(one for one in (*STAGES, *BEFORE) if one[0] == only)
        elif item.source == packages.SOURCE:
            stages = tuple(one for one in STAGES if one[0] != "unpack")     # its parts are known from its package
        elif packages.is_package(item.main.path):
            stages = (("package", packages.unfold),)
        elif is_long_scan(item):
            stages = (("package", unfold), *STAGES)
        for name, stage in stages:
            started, begun = _cpu(), time.time()
            result.times.append([name, begun, begun])       # of one that breaks off, too
            found = stage(item, context)
            result.times[-1][2] = time.time()
            result.cpu[name] = result.cpu.get(name, 0.0) + _cpu() - started
            result.findings += [one for one in found if one not in result.findings]
            if name == "package" and "package" in item.facts:
                break       # its documents are items of their own, or it waits whole
            if name == "check" and any(one.level >= Level.refused and not one.code.startswith(STILL_READ)
                                       for one in found):
                break
    except Exception as error:      # whatever it is: reported with its item, logged with its traceback
        result.findings.append(finding("NIGHT-001", item.name, error=f"{type(error).__name__}: {error}"))
        result.error = traceback.format_exc()
    return result


def _cpu() -> float:
    """CPU seconds of this process and of those that it started and that have ended: lanes of pages, LibreOffice."""
    # os.times() counts in hundredths of a second: most stages are over sooner.
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def complete_fields(item: Item, context: Context) -> list[Finding]:
    """Lay the fields of the registry and the archivist's corrections over those of the message, and level them.

    The message's own header stays in facts; the registry knows better than the sender, the archivist best. Where none
    of them says which case file it is, a scan's name does, for it is file code and ordinal (TT 05/2025/TT-BNV Đ8.1.d).
    """
    merged = {**item.fields, **item.facts.get("registry", {}), **item.facts.get("corrections", {})}
    if not any(merged.get(tag) for tag in _CASE_FILE) and "package" not in item.facts \
            and (named := parse_scan_name(PurePosixPath(item.name).name)) is not None:
        merged["fileCode"] = str(named.file)
    item.fields, found = normalise_fields(merged, context.settings.profile, item.name)
    return found


_CASE_FILE = ("fileCode", "fileNotation", "fileCatalog")
STAGES: tuple[tuple[str, Stage], ...] = (
    ("unpack", unpack), ("unwrap", unwrap), ("fields", complete_fields), ("check", check), ("verify", verify),
    ("digitise", digitise), ("media", check_media), ("verify", settle_legal_value), ("extract", extract),
    ("compare", compare), ("secrecy", check_secrecy))
# What is done with an item before it is known what it is: `only` asks for it.
BEFORE: tuple[tuple[str, Stage], ...] = (("sheets", look),)
# Refusals of check after which the file is read all the same: its pages may bear a secrecy mark, and then not even
# the quarantine may keep it. What cannot be opened, or could do harm when opened, goes no further.
STILL_READ = ("META-", "CHECK-005", "CHECK-008", "CHECK-060", "CHECK-062", "CHECK-063")
