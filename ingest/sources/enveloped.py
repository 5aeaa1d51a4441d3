"""Documents that came inside their signature (`.p7m`): the signed content becomes the document, the envelope stays.

The received file is kept byte for byte, as the signature file of what it holds. Must never take content out of an
envelope without keeping the envelope, and never open more than one layer.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from archive.files import write_atomically
from archive.findings import Finding, finding
from ingest import formats
from ingest.beside import wanted_name
from ingest.copying import hash_file, safe_name
from ingest.item import Context, Item, Part

CONTENT = Path("received", "content")
_MB = 1 << 20


def unwrap(item: Item, context: Context) -> list[Finding]:
    """Put the signed content of each `.p7m` of `item` in its place; the envelope becomes a part "signature" behind it.

    Whether the signature holds is judged by the verify stage, over exactly this content. What cannot be opened, or is
    larger than a file may be, stays as it is, and check says so. Safe to run twice.
    """
    if not any(_is_envelope(part) for part in item.parts):
        return []
    from ingest.signatures.cades import content_of  # half a second to import: not for the others

    parts: list[Part] = []
    envelopes: list[Part] = []
    findings: list[Finding] = []
    for number, part in enumerate(item.parts):
        content = content_of(part.path) if _is_envelope(part) else None
        if content is None:
            parts.append(part)
        elif not content or len(content) > context.settings.ingest.max_file_mb * _MB:
            findings.append(finding("CHECK-002" if content else "CHECK-001", part.name, size=-(-len(content) // _MB),
                                    limit=context.settings.ingest.max_file_mb))
            parts.append(part)
        else:
            parts.append(_content_part(item, part, number, content))
            envelopes.append(replace(part, role="signature"))
    item.parts = [*parts, *envelopes]
    return findings


def _is_envelope(part: Part) -> bool:
    return part.role in ("original", "attachment") and formats.identify(part.path).format.id == "p7m"


def _content_part(item: Item, envelope: Part, number: int, content: bytes) -> Part:
    """The content as a file of its own: named as the envelope without its ending, with the ending of what it is."""
    name = wanted_name(envelope.name)
    if not formats.extension_of(name) or name == envelope.name:
        found = formats.identify(content).format
        name = f"{name}.{found.extensions[0] if found.extensions else 'bin'}"
    path = item.folder / CONTENT / f"{number}-{safe_name(name)}"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    copied = hash_file(path)
    return Part(name, envelope.role, path, copied.size, copied.sha256, copied.sha512)
