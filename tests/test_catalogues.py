"""Every message is there in Vietnamese and in English, and the compiled catalogues are the ones of the code."""

from __future__ import annotations

import gettext
import re
from string import Formatter

import pytest

from archive.findings import rules
from archive.i18n import LOCALE
from archive.locale.update import catalogue, messages


def test_both_catalogues_hold_exactly_the_messages_of_the_code() -> None:
    wanted = messages()
    for language in ("vi", "en"):
        held = {message.id if isinstance(message.id, str) else tuple(message.id) for message in catalogue(language)
                if message.id}
        assert held == wanted, f"{language}: run ./run catalogues"


@pytest.mark.parametrize("language", ["vi", "en"])
def test_no_translation_is_missing_and_all_keep_their_parameters(language: str) -> None:
    for message in catalogue(language):
        if not message.id:
            continue
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(texts), message.id
        keys = [message.id] if isinstance(message.id, str) else message.id
        for text in texts:
            assert _names(text) <= set().union(*map(_names, keys)), text


def test_the_compiled_catalogues_are_up_to_date() -> None:
    for language in ("vi", "en"):
        compiled = gettext.translation("luutru", LOCALE, [language])
        for message in catalogue(language):
            if message.id and isinstance(message.id, str):
                assert compiled.gettext(message.id) == message.string


def test_every_finding_speaks_both_languages_and_names_a_cure() -> None:
    for code, rule in rules().items():
        assert re.fullmatch(r"[A-Z]+\d*-\d{3}", code)
        assert all((rule.vi, rule.en)), code
        if rule.level > 0:
            assert all((rule.cure_vi, rule.cure_en)), code


def _names(text: str) -> set[str]:
    return {name for _literal, name, _spec, _conversion in Formatter().parse(text) if name}
