"""The text of a label, cut into pieces that hold one ingredient each, or one with a bracket behind it.

Every step looks at each letter a bounded number of times, whatever the text: what repeats in a pattern
here has a bound. Two patterns that must not be mixed up are the comma between ingredients and the one
within a name, as in "1,2-hexanediol".
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

PIECE_CAP: Final = 600
"""Letters of a piece with its brackets; in a longer one brackets count as commas."""
BRACKET_CAP: Final = 300
"""Letters between the brackets of a pair; farther apart, one of them was forgotten."""

PARTING: Final = "¦"
"""Stands where a percentage stood between two names, which may have parted them like a comma."""

_SAME: Final = str.maketrans(
    {
        **dict.fromkeys("[{", "("),
        **dict.fromkeys("]}", ")"),
        **dict.fromkeys(";|•●■·、،。¦\x00", ","),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f"),
        **dict.fromkeys("‐‑", "-"),
        "\\": "/",
        "’": "'",
    }
)
_MARKUP: Final = re.compile(r"<[^<>,]{0,40}>|&lt,?[^,&]{0,40}&gt,?|&(?:bull|nbsp|middot),?")
_AND: Final = re.compile(r"\( ?(?:and|y|et|und) ?\)")
_MAY: Final = r"may (?:also )?contain|peut contenir|puede contener|kann enthalten|può contenere"
_OPTIONAL: Final = re.compile(rf"\(? ?(?:\+ ?/ ?-|±|{_MAY})(?:[ /()+±-]|{_MAY}){{0,20}}:?")
_PERCENT: Final = re.compile(r"\(? ?[<>≤≥~]? ?\d{1,9}(?:[.,]\d{1,9})? ?% ?\)?(?: ?(?:w/w|w/v|v/v|vol\b))?")
_LOCANT_SPACE: Final = re.compile(
    r"(?:(?<=^)|(?<=,)|(?<=, ))(\d{1,2}) ?[,.] ?(\d{1,2})(?:- ?(?=[a-z])| (?=[a-z]{5}))"
)
_LOCANT_COMMA: Final = re.compile(r"(?<=\d),(?=\d{1,2}(?:,\d{1,2}){0,6}['′]?-)|(?<=\d['′]),(?=\d)")
_SIMPLE: Final = re.compile(r"[a-z0-9 /'-]*")
_CONTAINS: Final = re.compile(r"conte|conta|enthalten")
_GLUED: Final = re.compile(r"\b(poly|bis|tris) (?=\()")
_FOOTNOTE: Final = re.compile(r"(?<=[\w)*]) (?=[*†‡§]{1,4} ?\w)")
_BREAK: Final = re.compile(
    r"[(),]|(?:(?<=\w{3})|(?<=[)*°†]))"
    r"(?<!denat)(?<!ext)(?<!spp)(?<!ssp)(?<!subsp)(?<!var)\. (?=\S)"
)


def pieces(text: str) -> Iterator[str]:
    """What stands on a label between commas, full stops and their like, brackets still inside.

    Parameters
    ----------
    text : str
        Any text; lines count as broken names unless one is a heading or a sentence ends.

    Yields
    ------
    str
        In small letters, NFKC, at most `PIECE_CAP` letters unless no bracket is in it.
    """
    folded = text.casefold()
    if folded.isascii() and _SIMPLE.fullmatch(folded) and not _CONTAINS.search(folded):
        yield " ".join(folded.split())  # most names of an inventory, several times faster
        return
    for piece in split(_balanced(_clean(text))):
        if len(piece) > PIECE_CAP:
            yield from split(piece.replace("(", ",").replace(")", ","))
        else:
            yield piece


def split(text: str) -> Iterator[str]:
    """Pieces of `text` between commas and full stops that stand outside brackets and names."""
    within_names = {match.start() for match in _LOCANT_COMMA.finditer(text)}
    depth = start = 0
    for match in _BREAK.finditer(text):
        at, mark = match.start(), text[match.start()]
        depth += (mark == "(") - (mark == ")")
        if mark in ",." and depth == 0 and at not in within_names:
            yield text[start:at]
            start = match.end()
    yield text[start:]


def holds_list(text: str) -> bool:
    """Whether a comma parts ingredients in `text`, rather than the numbers of a name."""
    return "," in _LOCANT_COMMA.sub("", text)


def _clean(text: str) -> str:
    """One line in small letters, one kind of bracket and of comma, no percentages."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    flat = " ".join(_joined_lines(folded.translate(_SAME)).split())
    flat = _MARKUP.sub(",", flat.replace("&amp,", "&"))
    flat = _PERCENT.sub(_parting, _OPTIONAL.sub(",", _AND.sub(",", flat)))
    flat = _GLUED.sub(r"\1", _FOOTNOTE.sub(",", " ".join(flat.split())))
    return _LOCANT_SPACE.sub(r"\1,\2-", flat)


def _joined_lines(text: str) -> str:
    """Lines as one text: broken names are mended; headings, colons and full stops keep lines apart."""
    joined: list[str] = []
    for line in (line.strip() for line in text.split("\n")):
        heading = line.endswith(":") and "," not in line
        joined.append(", " if joined and (heading or joined[-1].endswith((":", "."))) else " ")
        joined.append(line)
    return "".join(joined)


def _parting(percent: re.Match[str]) -> str:
    """A percentage between two names parts them ("Zinc Oxide 4%Water"); before a name it is dropped."""
    before = percent.string[max(percent.start() - 1, 0) : percent.start()]
    return " " if before in (",", "(", ":", "") else PARTING


def _balanced(text: str) -> str:
    """`text` with commas for brackets that have no partner, or whose partner is far away."""
    opened: list[int] = []
    lost: list[int] = []
    for at in (match.start() for match in re.finditer(r"[()]", text)):
        if text[at] == "(":
            opened.append(at)
        elif opened:
            start = opened.pop()
            if at - start > BRACKET_CAP:
                lost += [start, at]
        else:
            lost.append(at)
    letters = list(text)
    for at in opened + lost:
        letters[at] = ","
    return "".join(letters)
