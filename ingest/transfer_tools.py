"""What the commands of a hand-over lend to the other wing: seal, look at signatures, virus scanner.

retention/transfer knows nothing of how these work (docs/decisions/0004); all of it is told when it could not be done.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from archive import clock
from archive.findings import Finding
from archive.settings import Settings
from retention.transfer import doing

_SOUND = ("valid", "valid_with_notes")
_UNTOUCHED = ("none", "evidence")       # what may follow a signature: nothing, or evidence for later (B-LT)


def tools(settings: Settings) -> doing.Tools:
    """The tools of an archive as its settings have them."""
    from ingest import virus

    command = list(settings.ingest.virus_scanner)

    def scan(path: Path, name: str) -> tuple[str, list[Finding]]:
        return virus.scan(path, name, command)

    return doing.Tools(seal=_seal(settings), look=_look(settings), scan=scan, judge=_judge(settings))


def _seal(settings: Settings) -> Callable[[bytes, str], bytes | None]:
    def seal(data: bytes, name: str) -> bytes | None:
        """A sealed copy; None while no key is named or it cannot sign."""
        from ingest.signatures.sealing_keys import is_configured

        if not is_configured(settings):
            return None
        from ingest.signatures.sealing import open_sealer

        with tempfile.TemporaryDirectory(prefix="luutru-") as folder, open_sealer(settings) as sealer:
            source, target = Path(folder, name), Path(folder, f"sealed-{name}")
            source.write_bytes(data)
            done = sealer.seal(source, target) if sealer.ready else None
            return target.read_bytes() if done is not None and done.target is not None else None

    return seal


def _look(settings: Settings) -> Callable[[Path], doing.Signature]:
    def look(path: Path) -> doing.Signature:
        """The verdict on the whole file; of the signers only those that vouch for all of it."""
        from ingest.extract import Unreadable, read_part
        from ingest.signatures import load_trust
        from ingest.signatures.files import verify_named

        told = verify_named(path, load_trust(settings.path(settings.signatures.trust)), clock.now(), path.name)
        good = [one for one in told.signatures if one.kind != "timestamp" and one.verdict in _SOUND
                and (one.covers_whole_file or one.changes in _UNTOUCHED) and one.certificate is not None
                and one.certificate.holder == "agency"]
        held = [one.certificate for one in good if one.certificate is not None]
        try:
            pages = read_part(path, "pdf", settings.ingest).pages
        except (Unreadable, OSError):
            pages = []
        return doing.Signature(told.verdict, tuple(one.name for one in held), tuple(one.organisation for one in held),
                         bool(held), bool(held), held[0].sha256 if held else "", "".join("".join(pages).split()))

    return look


def _judge(settings: Settings) -> Callable[[Path], list[Finding]]:
    def judge(path: Path) -> list[Finding]:
        from ingest.signatures import load_trust
        from ingest.signatures.files import verify_named

        lists = load_trust(settings.path(settings.signatures.trust))
        return verify_named(path, lists, clock.now(), path.name).merged_reasons()

    return judge
