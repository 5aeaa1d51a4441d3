"""Prints the corpus by classes: how many files, and how many of them plain pyHanko takes for good."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from io import BytesIO

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

from tests.signed.cases import CASES
from tests.signed.people import CA, RECEIVED, ROOT, loaded


def plain(pdf: bytes) -> bool:
    """Whether pyHanko with its own settings and our roots calls every signature that it finds good, and finds one."""
    try:
        reader = PdfFileReader(BytesIO(pdf))
        if reader.encrypted:
            reader.decrypt(b"")
        signatures, stamps = reader.embedded_regular_signatures, reader.embedded_timestamp_signatures

        def context() -> ValidationContext:
            return ValidationContext(trust_roots=[loaded(ROOT)], other_certs=[loaded(CA)], moment=RECEIVED,
                                     allow_fetching=False)

        good = [validate_pdf_signature(one, context(), context()).bottom_line for one in signatures]
        stamped = [validate_pdf_timestamp(one, context()) for one in stamps]
        good += [status.intact and status.valid and status.trusted for status in stamped]
    except Exception:       # of every kind: refused
        return False
    return bool(good) and all(good)


def main() -> None:
    """Print the table."""
    logging.disable(logging.CRITICAL)
    made, taken = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    wanted = sys.argv[1:]
    for case in CASES:
        made[case.kind, case.group] += 1
        if plain(case.make()):
            taken[case.kind, case.group] += 1
            if case.kind == "attack" or "all" in wanted:
                print(f"  pyHanko takes {case.name}")
        elif case.kind == "genuine":
            print(f"  pyHanko refuses {case.name}")
    for key, count in made.items():
        print(f"{key[0]:8} {key[1]:30} {count:4} files, plain pyHanko takes {taken[key]}")
    for kind in ("genuine", "attack"):
        print(kind, sum(count for key, count in made.items() if key[0] == kind), "files, plain pyHanko takes",
              sum(count for key, count in taken.items() if key[0] == kind))


if __name__ == "__main__":
    main()
