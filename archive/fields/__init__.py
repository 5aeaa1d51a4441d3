"""The legal field tables as data, and the one validator that reads them.

The face of the package: tables and code lists of a regime, validating and normalising a record's fields,
and the registry of document types. The data lie beside this file; see tables.py for their meaning.
"""

from archive.fields.document_types import (
    DocumentType,
    RecognisedType,
    document_types,
    recognise,
    recognise_type,
)
from archive.fields.normalise import normalise_fields, prepare_case_file, prepare_document
from archive.fields.tables import PROFILES, CodeList, Condition, Profile, Row, code_lists, profile
from archive.fields.validator import Stage, validate_case_file, validate_document, validate_record

__all__ = [
    "PROFILES",
    "CodeList",
    "Condition",
    "DocumentType",
    "Profile",
    "RecognisedType",
    "Row",
    "Stage",
    "code_lists",
    "document_types",
    "normalise_fields",
    "prepare_case_file",
    "prepare_document",
    "profile",
    "recognise",
    "recognise_type",
    "validate_case_file",
    "validate_document",
    "validate_record",
]
