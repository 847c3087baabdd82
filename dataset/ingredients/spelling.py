"""One name in its one spelling: marks off, languages and colours brought together, synonyms resolved."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from dataset.ingredients.families import families, families_of
from dataset.ingredients.synonyms import aliases, corrected, remarks

LENGTH_CAP: Final = 150
"""Letters of one name; anything longer is prose."""

_MARKS: Final = "*†‡§¹²³°^#~•-–—_.,:;'\"`´’‘“”®™©℠+?!=>< \t\\/&"
_PREFIX: Final = re.compile(
    r"^(?:(?:and|et|und|certified organic|organic|natural|pure|raw|unrefined|cold[- ]pressed|biologique"
    r"|pharmaceutical grade|contains|\*) ?(?<=[ *])){1,4}"
)
_SUFFIX: Final = re.compile(r"(?: (?:usp|bp|ep|nf|organic|bio|\(?nano\)?|tm))$")
_COLOUR: Final = re.compile(
    r"^(?:ext\. ?)?(?:f?d ?& ?c )?(red|blue|yellow|green|orange|violet|black|brown) (?:no\.? ?)?(\d{1,2})"
    r"(?: (?:al\w{0,9} )?lake)?$"
)
_COLOUR_INDEX: Final = re.compile(r"^c[ilì1]\.? ?(?:no\.?)? ?(?=\d{5})")
_NAMED_COLOUR: Final = re.compile(r"(?<=\w) c[il] ?\d{5}$")
_DENATURED: Final = re.compile(r"^(?:alcohol denat\.? ?)?sd alcohol[\w -]{0,40}$")
_NUMBERED: Final = re.compile(
    r"^(polysorbate|steareth|ceteareth|laureth|polyquaternium|peg|ppg)([ -]{1,3})(?=\d)"
)
_NUMBER: Final = re.compile(r"\d")
_LOCANT: Final = re.compile(r"^(\d{1,2}),(\d{1,2}) (?=[a-z])")
_FOREIGN: Final = re.compile(
    r"\b(?:extrait|huile|cire|eau|beurre|jus|prot[eé]ine|lait|poudre|levure|miel|farine|racine|sel|acide"
    r"|aceite|agua|manteca|extracto|cera de|jugo|öl|wasser|extrakt|olio|acqua|burro|estratto)\b"
)
_SPACED_SLASH: Final = re.compile(r" {1,3}/ {1,3}")
_PARTS: Final = "extract|oil|butter|water|wax|cera|juice|powder|kernel|seed|leaf|root|flower|fruit|gum|starch"
_PLANT: Final = re.compile(rf"(?:{_PARTS}|flour|mel|algae|carrageenan)$")
_BOTANICAL: Final = frozenset({"essential oils", "gluten", "nuts", "soy"})
_FILLERS: Final = frozenset({"", "and", "am", "pm"})
_COLOURS: Final = frozenset(
    {"ci", "cl", "red", "blue", "yellow", "green", "orange", "violet", "black", "brown"}
)
_SEGMENT_WORDS: Final = 7
"""Words of the longest name that is looked for within others, slashes included."""


def spelt(name: str) -> tuple[str, ...]:
    """The names that a piece without brackets holds, in their one spelling; usually one.

    Parameters
    ----------
    name : str
        In small letters. Of several languages with slashes between them, the first remains; of two
        ingredients, both. Known names that follow one another without a comma are taken apart. Of prose,
        the known names that it mentions remain.
    """
    name = _bare(name)
    if len(name) > LENGTH_CAP:
        return _mentioned(name)
    whole = _one(name)
    if not whole or whole in _lexicon():
        return (whole,) if whole else ()
    alternatives = _languages(name)
    if alternatives != (name,):
        return tuple(dict.fromkeys(one for part in alternatives for one in spelt(part)))
    return _segments(whole) or (whole,)


@lru_cache(maxsize=1 << 16)
def is_known(name: str) -> bool:
    """Whether a name is one of the synonym table, or of a family that is told by chemistry."""
    return name in _lexicon() or not families_of(name) <= _BOTANICAL


def is_plant(name: str) -> bool:
    """Whether a name reads like a part of a plant, of which common names are many."""
    return _PLANT.search(name) is not None


@lru_cache(maxsize=1)
def _lexicon() -> frozenset[str]:
    members = (name for family in families().values() for name in family.names)
    return frozenset(aliases().values()) | frozenset(members)


@lru_cache(maxsize=1)
def _phrases() -> Mapping[str, str]:
    """What may stand between other names without a comma: known names, and remarks, which are ""."""
    known = {**dict.fromkeys(remarks() | _FILLERS, ""), **aliases()}
    return {**known, **{name: name for name in _lexicon()}}


@lru_cache(maxsize=1)
def _first_words() -> frozenset[str]:
    return frozenset(phrase.partition(" ")[0] for phrase in _phrases())


def _bare(name: str) -> str:
    name = " ".join(name.split()).replace("*", " ").replace("®", " ").replace("™", " ")
    name = " ".join(name.split()).strip(_MARKS)
    if name in remarks():
        return ""
    name = _PREFIX.sub("", name)
    return _SUFFIX.sub("", name).strip(_MARKS).removeprefix("d&c ").strip(_MARKS)


@lru_cache(maxsize=1 << 16)
def _one(name: str) -> str:
    """A name in its one spelling; "" if it is a remark, or nothing is left."""
    name = name.replace("sulph", "sulf").replace("hydrolys", "hydrolyz").replace("aluminium", "aluminum")
    if not (1 < len(name) <= LENGTH_CAP and any(map(str.isalpha, name))):
        name = aliases().get(name, "")
    if name in remarks():
        return ""
    name = corrected(name.replace("/ ", "/").replace(" /", "/"))
    if _NUMBER.search(name):
        name = _numbered(name)
    elif "sd alcohol" in name and _DENATURED.match(name):
        name = "alcohol denat"
    return aliases().get(name, name)


def _numbered(name: str) -> str:
    """A name with a number in it: colours and their index, locants, degrees of ethoxylation."""
    name = _COLOUR_INDEX.sub("ci ", _COLOUR.sub(r"\1 \2", _LOCANT.sub(r"\1,\2-", name)))
    name = _NUMBERED.sub(lambda found: found[1] + (" " if found[1] == "polysorbate" else "-"), name)
    return "alcohol denat" if _DENATURED.match(name) else _NAMED_COLOUR.sub("", name).strip(_MARKS)


def _languages(name: str) -> tuple[str, ...]:
    """`name` without what other languages add to it behind slashes; names of two things are kept both."""
    spaced = [part.strip() for part in _SPACED_SLASH.split(name)]
    parts = [part.strip() for part in name.split("/")]
    if len(parts) == 1 or "(" in name:
        return (name,)
    known = [part for part in parts if _one(part) in _lexicon()]
    if len({_one(part) for part in parts}) == 1 or len(known) == len(parts):
        return tuple(parts)
    if len(spaced) > 1 and (" " in spaced[0] or _one(spaced[0]) in _lexicon()):
        return (spaced[0], *(part for part in spaced[1:] if part in known and not is_plant(_one(part))))
    last_words = {part.rpartition(" ")[2] for part in parts}
    same_kind = len(last_words) == 1 and all(" " in part for part in parts)
    if same_kind or (_FOREIGN.search(parts[-1]) and parts[0]):
        return tuple(dict.fromkeys((parts[0], *known)))
    return (name,)


def _segments(name: str) -> tuple[str, ...]:
    """The known names that `name` is made of without a rest, if it is; else none.

    Labels forget commas: "palmitic acid carbomer". Words that say what something is for may stand between.
    """
    words = name.replace("/", " / ").split(" ")
    found: list[str] = []
    at = 0
    while at < len(words):
        width, one = _longest(words, at)
        if not width:
            return ()
        found += [one] if one else []
        at += width
    return tuple(dict.fromkeys(found)) if len(found) > 1 or (found and len(words) > 1) else ()


def _mentioned(prose: str) -> tuple[str, ...]:
    """The known names within `prose`: rather a name too many than one that nobody is warned of."""
    words = prose.replace("/", " / ").split(" ")
    found: list[str] = []
    at = 0
    while at < len(words):
        width, one = _longest(words, at)
        found += [one] if one else []
        at += max(width, 1)
    return tuple(dict.fromkeys(found))


def _longest(words: list[str], at: int) -> tuple[int, str]:
    """Words from `at` on that are a known name, and it; "" for a remark; (0, "") for neither."""
    first = words[at].strip(_MARKS)
    if first in _COLOURS and at + 1 < len(words):
        colour = _one(f"{first} {words[at + 1]}")
        if colour.startswith("ci ") or colour in _lexicon():
            return 2, colour
    if first and first not in _first_words():
        return 0, ""
    for width in range(min(_SEGMENT_WORDS, len(words) - at), 0, -1):
        one = _phrases().get(" ".join(words[at : at + width]).replace(" / ", "/").strip(_MARKS))
        if one is not None:
            return width, one
    return 0, ""
