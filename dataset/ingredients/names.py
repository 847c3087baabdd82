"""Names in one piece of a label: what stands before brackets, and what within.

A bracket may hold another word for what stands before it ("Aqua (Water)"), what a blend is made of, or
the very ingredient, where a function or a trade name stands before it ("Emulsifier (Polysorbate 20)").
Where the text leaves a choice, a name too many is kept rather than one too few.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from dataset.ingredients.labels import PARTING, PIECE_CAP, holds_list, pieces, split
from dataset.ingredients.spelling import is_known, is_plant, spelt

_ROUNDS: Final = 6
_DEPTH: Final = 12
"""Brackets within brackets that are looked into; those farther inside count as commas."""
_FOOTNOTE: Final = re.compile(
    r"\b(?:origin|organic|certified|natural|derived|farming|agriculture|ingredients?|sourced|biologique"
    r"|essential|constituents?|components?|fair|percent|of|trade|naturelle|biologischem|anbau)\b"
)
_FOOTNOTE_MARK: Final = re.compile(r"^[*†‡§°^¹²³]{1,9} ?")
_CHEMICAL: Final = re.compile(r"(?:[-/]|poly|bis|tris|tri|tetra|hexa|hepta|sesqui)$")
_MADE_OF: Final = re.compile(r"\b(?:derived|from|source|origin|grade|sourced|obtained|certified|replaces)\b")
_NOT_NAMED_YET: Final = re.compile(r"^(?:fragrance|vitamin .{0,20})$")


def names_in(piece: str) -> tuple[str, ...]:
    """Names in a piece, each of which stays as it is when it is read again."""
    return _cached(piece) if len(piece) <= PIECE_CAP else _all_settled(piece)  # prose is no key to keep


@lru_cache(maxsize=1 << 17)
def _cached(piece: str) -> tuple[str, ...]:
    return _all_settled(piece)


def _all_settled(piece: str) -> tuple[str, ...]:
    settled = (name for found in _names(piece, 0) for name in _settled(found))
    return tuple(dict.fromkeys(settled))


@lru_cache(maxsize=1 << 17)
def _settled(name: str) -> tuple[str, ...]:
    """`name`, read again until nothing changes; odd texts need a round or two."""
    names: tuple[str, ...] = (name,)
    for _ in range(_ROUNDS):
        again = _read(", ".join(names))
        if again == names:
            return names
        names = again
    plain = " ".join(re.sub(r"[^\w ]", " ", " ".join(names)).split())
    return (plain,) if _read(plain) == (plain,) else ()


def _read(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for piece in pieces(text) for name in _names(piece, 0)))


def _names(piece: str, depth: int) -> list[str]:
    piece = piece.strip()
    footnote = _FOOTNOTE_MARK.match(piece)
    if footnote and _FOOTNOTE.search(piece, footnote.end()):
        return []
    found: list[str] = []
    for part in _behind_headings(piece):
        outside, remarks = (
            _brackets(part) if depth < _DEPTH else (part.replace("(", " ").replace(")", " "), [])
        )
        base = [name for text in outside.split(PARTING) for name in spelt(text)]
        found += base
        for remark, trailing in remarks:
            found += _bracketed(remark, trailing, base, depth)
    return found


def _bracketed(remark: str, trailing: bool, base: list[str], depth: int) -> list[str]:
    """Names in a bracket that are not just other words for what stands before it."""
    names = [name for piece in split(remark) for name in _names(piece, depth + 1)]
    if not base or holds_list(remark) or _NOT_NAMED_YET.match(base[0]):
        return names
    if remark.startswith("vitamin") or _MADE_OF.search(remark):
        return []
    if trailing:
        return names
    stated = remark.strip()  # as in "Shea (Butyrospermum Parkii) Butter": the rest of the name follows
    return [name for name in names if is_known(name) and (name == stated or not is_plant(name))]


def _behind_headings(piece: str) -> list[str]:
    """A piece without what ends in a colon ("Night cream:"), unless that too is a known name."""
    if ":" not in piece:
        return [piece]
    depth, start = 0, 0
    parts: list[str] = []
    for match in re.finditer(r"[():]", piece):
        at, mark = match.start(), match.group()
        depth += (mark == "(") - (mark == ")")
        ratio = piece[max(at - 1, 0) : at].isdigit() and piece[at + 1 : at + 2].isdigit()
        if mark == ":" and depth == 0 and not ratio:
            parts.append(piece[start:at])
            start = at + 1
    named = [part for part in parts if "(" not in part and all(map(is_known, spelt(part) or ("",)))]
    return [*named, piece[start:]] if parts else [piece]


def _brackets(part: str) -> tuple[str, list[tuple[str, bool]]]:
    """The text outside brackets, and each bracket's content and whether nothing follows it.

    Brackets of chemistry ("poly(c6-14 olefin)") and of combined plants ("(angelica/ginseng) root extract")
    stay where they are.
    """
    if "(" not in part:
        return part, []
    outside: list[str] = []
    remarks: list[tuple[str, bool]] = []
    start = 0
    for opening, closing in _pairs(part):
        outside.append(part[start:opening])
        content = part[opening + 1 : closing]
        chemical = _CHEMICAL.search("".join(outside[-2:])[-8:]) is not None and not holds_list(content)
        leading = not "".join(outside).strip() and ("/" in content or "+" in content)
        if chemical or (leading and closing + 1 < len(part)):
            outside.append(part[opening : closing + 1])
        else:
            outside.append(" ")
            remarks.append((content, not part[closing + 1 :].strip(" *.,°†‡§^")))
        start = closing + 1
    outside.append(part[start:])
    return "".join(outside), remarks


def _pairs(part: str) -> Iterator[tuple[int, int]]:
    """Where the outermost brackets of `part` open and close; those without a partner are passed over."""
    depth = opening = 0
    for match in re.finditer(r"[()]", part):
        if match.group() == "(":
            opening = opening if depth else match.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                yield opening, match.start()
