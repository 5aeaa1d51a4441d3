"""Digital signatures of received documents: found, judged, reported, and what they make of a document in law.

The public face is here; the parts are: `finders` (where signatures lie), `integrity` (are the bytes the signed ones),
`tokens` and `timing` (when), `chains` and `trust` (who vouches), `policy` (which algorithms, until when), `judge` (one
signature), `document` (one PDF), `files` (any file), `isolated` (each in a process of its own), `report` (the result),
`grounds` (what it rested on), `holders` and `legal` (person or agency, legal value).
Nothing here uses a network, and nothing is trusted that a person did not put into the trust folder.
"""

from __future__ import annotations

from ingest.signatures.document import verify_pdf
from ingest.signatures.legal import LegalValue, holders_of, issuer_differs, legal_value, who_is_missing
from ingest.signatures.report import (
    FIELDS,
    RANK,
    Certificate,
    DocumentSignatures,
    SignatureReport,
    Token,
    Verdict,
    word,
    worst_verdict,
)
from ingest.signatures.trust import NO_TRUST, TrustLists, load_trust

__all__ = ["FIELDS", "NO_TRUST", "RANK", "Certificate", "DocumentSignatures", "LegalValue", "SignatureReport", "Token",
           "TrustLists", "Verdict", "holders_of", "issuer_differs", "legal_value", "load_trust", "verify_pdf",
           "who_is_missing", "word", "worst_verdict"]
