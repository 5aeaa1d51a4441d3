"""An inspector finds every field that the circular asks for, filled or not, of a document and of its case file."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from archive.commands import casefile, document
from archive.fields import profile
from archive.opening import Archive
from tests.stored_documents import FILE, store_documents

PHOTO = {"typePic": "02", "imageTitle": "Cắt băng khánh thành", "photoTime": "05/03/2026"}
TEXT = {"typeName": "02", "typeNameText": "Quyết định", "subject": "Ban hành quy chế", "issuedDate": "05/03/2026"}


@pytest.mark.parametrize(("fields", "level", "shown"), [
    (TEXT, "document", "02 Quyết định"), (PHOTO, "photo", "02 ảnh")])
def test_every_field_of_the_documents_own_table_is_shown(archive: Archive, fields: dict[str, str], level: str,
                                                         shown: str) -> None:
    store_documents(archive, [fields])
    done = CliRunner().invoke(document.command, ["show", f"{FILE}.0000001", "--fields"], obj=archive.settings.root,
                              catch_exceptions=False)
    assert done.exit_code == 0
    missing = [row.tag for row in profile("tt05_2025").table(level, "AIP_hoso") if row.tag not in done.output]
    assert missing == []
    assert shown in done.output


def test_every_field_of_the_case_file_is_shown(archive: Archive) -> None:
    store_documents(archive, [TEXT])
    done = CliRunner().invoke(casefile.command, ["show", FILE, "--fields"],
                              obj=archive.settings.root, catch_exceptions=False)
    assert [row.tag for row in profile("tt05_2025").table("file", "AIP_hoso") if row.tag not in done.output] == []
    assert "05/03/2026" in done.output, "the time of the case file is computed from its documents"
