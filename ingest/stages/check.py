"""The check stage: is this a file that may be taken in, can it be read, and does it bear a secrecy mark.

Identifies every part by its content, looks into it within limits, holds its metadata against the field tables and
asks the secrecy gate. It never changes a received file and never trusts a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from archive.agency_tables import code_findings
from archive.clock import in_vietnam
from archive.fields import validate_document
from archive.findings import Finding, Level, finding, worst
from archive.settings import Settings
from ingest import contents, formats, repertoire, secrecy, virus
from ingest.item import Context, Item, Part
from ingest.sources.edxml import brings_nothing

_MB = 1 << 20
_TEXT_FILE = "text.txt"
# Content that a system would run if its name says so; a picture or PDF under such a name is only misnamed.
_RUN_BY_NAME = frozenset({"txt", "csv", "htm", "xml", "unknown", "ole"})


def check(item: Item, context: Context) -> list[Finding]:
    """Check every part of `item`, its metadata and its secrecy; sets `part.format` and `facts["check"]`.

    The facts are those of the main part (format, mime, puid, version, virus, pages …), and `parts`: the same for each
    part with its name and role. Refused is what may not or cannot be kept (LS Đ4.3, LA Đ4.4, DN Đ9.1.c; NĐ 30/2020
    Đ21.2); one fault never hides another.
    """
    day = in_vietnam(item.received_at).date()
    found: list[Finding] = []
    parts: list[dict[str, Any]] = []
    for part in item.parts:
        some, facts = _check_part(part, context.settings, day)
        found += some
        parts.append({"name": part.name, "role": part.role, **facts})
    main = parts[item.parts.index(item.main)]
    item.facts["check"] = {**{key: value for key, value in main.items() if key not in ("name", "role")},
                           "parts": parts}
    if not brings_nothing(item):
        found += metadata_findings(item, context)
    found += _secrecy_outside(item)
    return _once(found)


def check_secrecy(item: Item, context: Context) -> list[Finding]:
    """Refuse documents that bear a secrecy mark in their fields or on their pages; for after the extract stage.

    State secrets may not be handled on a networked system (PY Đ4.1, LS Đ1.2, DN Đ1, LA Đ1.2). Reads `item.fields`,
    the names, text.txt and every file with the role "text" (a form feed between pages), and
    `facts["digitise"]["red_text"]`: what was read in the red of scanned pages, where stamps are. Changes nothing;
    safe to run twice. `context` is there because every check has it.
    """
    made = [item.folder / file["path"] for file in item.facts.get("files", []) if file["role"] == "text"]
    texts = [path.read_text(encoding="utf-8", errors="replace")
             for path in dict.fromkeys([item.folder / _TEXT_FILE, *made]) if path.is_file()]
    texts.append(item.facts.get("digitise", {}).get("red_text", ""))
    found = _secrecy_outside(item)
    for text in filter(None, texts):
        found += secrecy.secrecy_findings({}, text, item.name)
    return _once(found)


def metadata_findings(item: Item, context: Context) -> list[Finding]:
    """What the field tables of the profile and the table of agency codes find wrong.

    `ingest.incomplete_fields` says what a warning of the field tables does; a closed agency code keeps nothing out.
    """
    level = Level[context.settings.ingest.incomplete_fields]
    return [*(replace(found, level=level) if found.level is Level.warning else found
              for found in validate_document(item.fields, context.settings.profile, item.name)),
            *code_findings(item.fields, context.settings, item.name)]


def _secrecy_outside(item: Item) -> list[Finding]:
    """Secrecy in fields and names: all that is known before the text is."""
    found = secrecy.secrecy_findings(item.fields, "", item.name)
    for name in dict.fromkeys([item.name, *(part.name for part in item.parts)]):
        found += secrecy.name_findings(name, item.name)
    return found


def _check_part(part: Part, settings: Settings, day: date) -> tuple[list[Finding], dict[str, Any]]:
    limits = settings.ingest
    found = _name_findings(part.name)
    identified = formats.identify(part.path)
    part.format = identified.format.id
    facts = {**formats.as_facts(identified), "virus": virus.NOT_CHECKED}
    if part.size == 0:
        return [*found, finding("CHECK-001", part.name)], facts
    if part.size > limits.max_file_mb * _MB:
        return [*found, finding("CHECK-002", part.name, size=-(-part.size // _MB), limit=limits.max_file_mb)], facts
    facts["virus"], infected = virus.scan(part.path, part.name, limits.virus_scanner)
    found += infected
    if worst(infected) is Level.refused:
        return found, facts                                    # nothing else opens an infected file
    inside, more = contents.look(part.path, part.format, part.name, limits)
    facts.update(more)
    if part.format == "pdf" and facts.get("pdfa"):
        facts["puid"] = replace(identified, version=f"A-{facts['pdfa']}").puid or facts["puid"]
    broken = worst(inside) >= Level.refused
    return [*found, *inside, *_format_findings(part, identified.format, settings, day, broken=broken)], facts


def _format_findings(part: Part, fmt: formats.Format, settings: Settings, day: date, *, broken: bool) -> list[Finding]:
    """Whether a part of this format may be taken in, and whether its name tells the truth."""
    if fmt.kind == "program":
        return [finding("CHECK-006", part.name, vi=fmt.vi, en=fmt.en)]
    if fmt.kind == "script" or (fmt.id in _RUN_BY_NAME and formats.is_script_name(part.name)):
        return [finding("CHECK-007", part.name)]
    if fmt.kind == "unknown":
        return [finding("CHECK-003", part.name)]
    if broken and fmt.kind == "container":
        return []          # a damaged office file looks like a bare container: the damage is what must be said
    found = []
    if not formats.is_allowed(fmt, settings.profile, day, part.role, tuple(settings.ingest.extra_formats)):
        found.append(finding("CHECK-005", part.name, profile=formats.profile_name(settings.profile),
                             day=day.strftime("%d/%m/%Y"), vi=fmt.vi, en=fmt.en))
    if not fmt.fits(part.name):
        found.append(finding("CHECK-004", part.name, extension=formats.extension_of(part.name),
                             vi=fmt.vi, en=fmt.en))
    elif not formats.extension_of(part.name):
        found.append(finding("CHECK-009", part.name, vi=fmt.vi, en=fmt.en))
    return found


def _name_findings(name: str) -> list[Finding]:
    found = []
    last = name.replace("\\", "/").rpartition("/")[2]
    if not repertoire.is_composed(name):
        found.append(finding("CHECK-055", name))
    if stray := repertoire.stray_letters(name):
        found.append(finding("CHECK-056", name, letters=stray))
    if control := repertoire.control_in_name(name):
        found.append(finding("CHECK-057", repertoire.printable(name), letters=control))
    if "\\" in name or ".." in name.split("/") or name.startswith("/") or not last:
        found.append(finding("CHECK-058", repertoire.printable(name)))
    return found


def _once(found: Iterable[Finding]) -> list[Finding]:
    once: list[Finding] = []
    once.extend(each for each in found if each not in once)
    return once
