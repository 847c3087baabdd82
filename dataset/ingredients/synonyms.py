"""What else an ingredient is called: aliases, misspelt words, and remarks that are no ingredients.

The tables are the files beside this module; an entry more is a line more in one of them.
"""

import csv
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Final

_BETWEEN_DIGITS: Final = re.compile(r"(?<=\d)[^\w]{1,9}(?=\d)")
_NEITHER: Final = re.compile(r"[^\w.]|_|(?<!\d)\.|\.(?!\d)")
_PHRASE_WORDS: Final = 3
"""Words of the longest misspelling."""


@lru_cache(maxsize=1)
def aliases() -> Mapping[str, str]:
    """Every known name, spelt as `normalise` spells it, to the one it stands for; that one to itself."""
    known: dict[str, str] = {}
    for row in _rows("synonyms.csv"):
        known[row["name"]] = row["name"]
        known.update((alias, row["name"]) for alias in row["aliases"].split("|") if alias)
    return known


@lru_cache(maxsize=1)
def misspellings() -> Mapping[str, str]:
    """Words, or up to three together, that labels get wrong, to the right ones."""
    return {row["wrong"]: row["right"] for row in _rows("misspellings.csv")}


@lru_cache(maxsize=1)
def remarks() -> frozenset[str]:
    """What stands on labels between ingredients without being one: "emulsifier", "organic"."""
    lines = _text("remarks.txt").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def corrected(name: str) -> str:
    """`name` with its misspelt words mended."""
    words, wrong = name.split(" "), misspellings()
    if _first_words().isdisjoint(words):
        return name
    mended: list[str] = []
    at = 0
    while at < len(words):
        for width in range(min(_PHRASE_WORDS, len(words) - at), 0, -1):
            right = wrong.get(" ".join(words[at : at + width]))
            if right is not None:
                mended.append(right)
                at += width
                break
        else:
            mended.append(words[at])
            at += 1
    return " ".join(mended)


@lru_cache(maxsize=1)
def _first_words() -> frozenset[str]:
    return frozenset(wrong.partition(" ")[0] for wrong in misspellings())


def key(name: str) -> str:
    """Letters and digits of a name: what is left where hyphens and spaces are set at will.

    Examples
    --------
    >>> key("tri-ethoxy caprylylsilane") == key("triethoxycaprylylsilane")
    True
    >>> key("peg-10") == key("peg 10"), key("1,2-hexanediol") == key("12-hexanediol")
    (True, False)
    """
    return _NEITHER.sub("", _BETWEEN_DIGITS.sub(".", name))


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(_text(name).splitlines()))


def _text(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
