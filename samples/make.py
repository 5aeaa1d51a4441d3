"""Makes the sample inbox: `python samples/make.py` adds what is missing, `--force` makes everything again.

Everything comes out byte for byte as before, but for the password-protected PDF, whose salts are drawn by
lot; so files that are there are left alone unless `--force` is given.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

SAMPLES = Path(__file__).resolve().parent
if str(SAMPLES.parent) not in sys.path:     # called as a script, Python looks beside it, not above it
    sys.path.insert(0, str(SAMPLES.parent))

from samples.making import pki, recipes, registry, typeset  # noqa: E402

INBOX = SAMPLES / "inbox"


def main() -> None:
    """Make the files and say what was made."""
    parser = argparse.ArgumentParser(description="Makes the sample inbox.")
    parser.add_argument("--force", action="store_true", help="make files again that are there already")
    force = parser.parse_args().force
    made = [_write(path, body) for path, body in _everything(force)]
    made += pki.write_trust(SAMPLES / "trust" / "cong-vu")
    total = sum(path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file())
    for path in made:
        print(f"{path.stat().st_size:>9,}  {path.relative_to(SAMPLES)}")
    print(f"samples/ holds {total / 1e6:.1f} MB")


def _everything(force: bool) -> Iterator[tuple[Path, bytes]]:
    for entry in recipes.entries():
        path = INBOX / entry["path"]
        if force or not path.exists():
            yield path, recipes.make(entry)
    lists: list[tuple[Path, Callable[[], bytes]]] = [
        (INBOX / registry.REGISTER, lambda: registry.as_xlsx([*_rows(scans=False), registry.MISSING])),
        (INBOX / registry.SCANS, lambda: registry.as_csv(list(_rows(scans=True)))),
        (SAMPLES / "file-plan.xlsx", lambda: registry.file_plan_xlsx(SAMPLES / "file-plan.csv"))]
    for path, make in lists:
        if force or not path.exists():
            yield path, make()


def _rows(*, scans: bool) -> Iterator[registry.Row]:
    for one in recipes.entries():
        if (one["recipe"] in ("scan", "pile")) is scans and one.get("list", True):
            for entry, path in recipes.named(one):
                name = Path(path).name if scans else path
                yield registry.row(typeset.documents()[entry["document"]], name, recipes.page_count(entry),
                                   scanned=scans, changes=entry.get("row"))


def _write(path: Path, body: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


if __name__ == "__main__":
    main()
