"""Tells text from what only looks like a text layer: letters without meaning, from fonts without a map of characters.

Text in another language, in any script, is text; nothing here changes a letter.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from search.encodings import VIETNAMESE, share, syllables, vietnamese_share

RULES = Path(__file__).with_suffix(".toml")

_ODD_WORD = re.compile(r"""[^\W\d_][^\w\s.,:;/&@'’()\-–_+%"“”=?*]+\w|\w[!#$<>\[\]^`{|}~\\]+[^\W_]|"""
                       r"[a-zà-ỹ][A-ZĐ][a-zà-ỹ]")
_STRANGE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ue000-\uf8ff\ufffd]")
_LATIN_WORD = re.compile(r"\b[a-z\u00df-\u024f\u1e00-\u1eff]{4,}\b")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002ffff]")
_VOWELS = "aeiouy"
_WORD = re.compile(r"[^\W\d_]+")
# Letters with two marks, which no other language has.
_OWN = re.compile("[ấầẩẫậắằẳẵặếềểễệốồổỗộớờởỡợứừửữự]", re.IGNORECASE)
_FAR = "\u0500"                  # scripts beyond have their own punctuation


@cache
def rules() -> dict[str, Any]:
    """The figures of layers.toml."""
    with RULES.open("rb") as stream:
        return tomllib.load(stream)


def is_garbage(text: str, least: int = 0) -> bool:
    """Whether a text layer is no text: codes without meaning, as fonts without a map of characters give them.

    Text in another language, in any script, is no garbage; nor are tables of numbers. Under `least` characters (0: the
    usual number) nothing can be told and the text stands.
    """
    figures = rules()
    length = sum(map(len, text.split()))
    if length < (least or figures["least_characters"]):
        return False
    if len(_STRANGE.findall(text)) > figures["strange_share"] * length:
        return True
    if vietnamese_share(text) >= VIETNAMESE and share(text) >= figures["vietnamese_syllables"]:
        return False
    bare = "".join(map(_bare, unicodedata.normalize("NFC", text)))
    words = bare.split()
    # A font without a map gives each letter some other sign: signs amid letters, capitals amid small letters.
    odd = sum(1 for word in words if _ODD_WORD.search(word) or _mixed(word))
    return bool(odd > figures["odd_share"] * len(words)) or _ciphered(bare) or _random_han(bare) or _no_syllables(bare)


def _bare(sign: str) -> str:
    """Vowel signs of Khmer, Cham or Thai are marks, other scripts have other stops: neither makes a word odd."""
    if sign.isascii():
        return sign
    kind = unicodedata.category(sign)
    return "" if kind in ("Mn", "Mc", "Me", "Cf") else " " if kind[0] == "P" and sign > _FAR and not \
        "\u2000" <= sign <= "\u206f" else sign


def _no_syllables(text: str) -> bool:
    """Vietnamese letters in words that are no syllables: letters of a Vietnamese text exchanged for one another."""
    words = [word for word in _WORD.findall(text) if _OWN.search(word)]
    if len(words) < rules()["own_words"]:
        return False
    return bool(sum(1 for word in words if word.lower() in syllables()) < rules()["own_share"] * len(words))


def _mixed(word: str) -> bool:
    """Whether Latin letters stand in one word with letters of an alphabet that is never mixed with them."""
    if word.isascii():
        return False
    latin = any("a" <= sign.lower() <= "z" for sign in word)
    return latin and any("\u0370" <= sign <= "\u08ff" and sign.isalpha() for sign in word)


def _ciphered(text: str) -> bool:
    """Latin letters exchanged for one another: words without a vowel, or with consonants that nobody can speak."""
    plain = "".join(sign for sign in unicodedata.normalize("NFD", text.replace("đ", "d"))
                    if not unicodedata.combining(sign))
    words = _LATIN_WORD.findall(plain)
    if len(words) < rules()["cipher_words"]:
        return False
    return bool(sum(1 for word in words if _unspeakable(word)) > rules()["cipher_share"] * len(words))


def _unspeakable(word: str) -> bool:
    run = 0
    for sign in word:
        run = 0 if sign in _VOWELS or sign > "z" else run + 1
        if run > rules()["consonants"]:
            return True
    return run == len(word)


def _random_han(text: str) -> bool:
    """Han signs without those that make up a good part of any Chinese, classical or modern, text."""
    signs = _HAN.findall(text)
    common = frozenset(rules()["common_han"])
    few = bool(sum(1 for sign in signs if sign in common) < rules()["han_share"] * len(signs))
    return few and len(signs) >= int(rules()["han_signs"])
