"""The table of the corpus, genuine files first."""

from tests.signed import certified, exhausting, forged, genuine, shadow, structure

CASES = (*genuine.CASES, *forged.CASES, *shadow.CASES, *certified.CASES, *structure.CASES, *exhausting.CASES)
