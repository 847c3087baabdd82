"""Ingredients as labels print them, brought to one name each: the INCI name in small letters.

Labels differ in case, brackets ("Aqua (Water)"), languages ("Water / Aqua / Eau"), separators, marks
and headings; the same substance must get the same name, or a user who avoids it is not protected.
Where the text leaves a choice, a name too many is kept rather than one too few.

Normalisation is NFKC and case folding, so full-width and composed forms meet; look-alike letters of
other alphabets are left as they are.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

NAMES_CAP: Final = 400
"""Names kept of one label; sets of several products stay below it."""
LENGTH_CAP: Final = 150
"""Letters of one name; anything longer is prose."""

_SYNONYMS: Final[Mapping[str, str]] = {
    alias: name
    for name, aliases in {
        "water": "aqua|eau|agua|acqua|wasser|purified water|deionized water|distilled water"
        "|demineralized water|declustered water|aqua water|water aqua|water aqua eau|aqua water eau"
        "|water eau|aqua eau|eau aqua|aqua purificata"
        "|purified aqua|de-ionized water|spring water|aqua purified",
        "fragrance": "parfum|perfume|aroma|flavor|flavour|fragrance parfum|parfum fragrance|fragrances"
        "|natural fragrance|parfum aroma",
        "mel": "honey|miel|mel honey|honey mel",
        "cera alba": "beeswax|cire d'abeille|bees wax|cera alba beeswax",
        "paraffinum liquidum": "mineral oil|liquid paraffin|huile minérale|huile minerale",
        "petrolatum": "vaseline|petroleum jelly",
        "maris aqua": "sea water|eau de mer|seawater",
        "maris sal": "sea salt|sel marin|sal marin|sel de mer",
        "alcohol denat": "denatured alcohol|alcohol denat.|alcohol denatured|denat. alcohol",
        "alcohol": "ethanol|ethyl alcohol",
        "iron oxides": "iron oxide|ci 77489|ci 77491|ci 77492|ci 77499|77491|77492|77499",
        "titanium dioxide": "ci 77891|77891",
        "zinc oxide": "ci 77947|77947",
        "mica": "ci 77019|77019",
        "tin oxide": "ci 77861",
        "carmine": "ci 75470",
        "ultramarines": "ci 77007",
        "chromium oxide greens": "ci 77288",
        "chromium hydroxide green": "ci 77289",
        "manganese violet": "ci 77742",
        "bismuth oxychloride": "ci 77163",
        "ci 19140": "yellow 5",
        "ci 15985": "yellow 6",
        "ci 42090": "blue 1",
        "ci 16035": "red 40",
        "ci 14700": "red 4",
        "ci 17200": "red 33",
        "ci 15850": "red 6|red 7|ci 15850:1|ci 15850:2",
        "ci 45380": "red 21|red 22",
        "ci 45410": "red 27|red 28",
        "ci 60730": "violet 2",
        "ci 61570": "green 5",
        "ci 15510": "orange 4",
        "tocopherol": "vitamin e|d-alpha tocopherol",
        "ascorbic acid": "vitamin c|l-ascorbic acid",
        "retinol": "vitamin a",
        "niacinamide": "vitamin b3|nicotinamide",
        "panthenol": "vitamin b5|provitamin b5|pro-vitamin b5|d-panthenol",
        "butylphenyl methylpropional": "lilial",
        "glycerin": "glycerol|glycerine|vegetable glycerin|glycerin vegetable",
        "hydrolyzed hyaluronic acid": "hydrolysed hyaluronic acid",
        "bht": "butylated hydroxytoluene",
        "bha": "butylated hydroxyanisole",
        "butyrospermum parkii butter": "shea butter|shea butter butyrospermum parkii|butyrospermum parkii",
        "cocos nucifera oil": "coconut oil",
        "simmondsia chinensis seed oil": "jojoba oil|jojoba seed oil|simmondsia chinensis oil",
        "hamamelis virginiana water": "witch hazel|witch hazel water",
        "argania spinosa kernel oil": "argan oil",
        "helianthus annuus seed oil": "sunflower seed oil|sunflower oil|helianthus annuus oil",
        "ricinus communis seed oil": "castor oil|castor seed oil|ricinus communis oil",
        "glycine soja oil": "soybean oil",
        "persea gratissima oil": "avocado oil",
        "prunus amygdalus dulcis oil": "sweet almond oil|almond oil",
        "olea europaea fruit oil": "olive oil|olive fruit oil|olea europaea oil",
        "melaleuca alternifolia leaf oil": "tea tree oil|tea tree leaf oil",
        "sodium laureth sulfate": "sles|sodium laureth sulphate",
        "sodium lauryl sulfate": "sls|sodium lauryl sulphate|sodium dodecyl sulfate",
        "butyl methoxydibenzoylmethane": "avobenzone",
        "benzophenone-3": "oxybenzone",
        "ethylhexyl methoxycinnamate": "octinoxate",
        "ethylhexyl salicylate": "octisalate",
    }.items()
    for alias in aliases.split("|")
}
_SEPARATORS: Final = re.compile(r"\(\s*and\s*\)|\(\s*y\s*\)|[;|•●■·\x00]|<[^<>]{0,40}>|&lt;.{0,40}?&gt;")
_MAY_CONTAIN: Final = re.compile(
    r"[(\[]?\s*(?:\+\s*/\s*-|±|may (?:also )?contain|peut contenir|puede contener|kann enthalten)"
    r"(?:[\s/()\[\]+±-]|may (?:also )?contain|peut contenir)*:?"
)
_PERCENT: Final = re.compile(r"\(?\s*[<>≤≥]?\s*\d+(?:[.,]\d+)?\s*%\s*\)?(?:\s*(?:w/w|w/v))?")
_LOCANT_SPACE: Final = re.compile(r"(?<![\w\-.,])(\d{1,2})\s?[,.]\s?(\d{1,2})-\s?(?=[a-z])")
_LOCANT_COMMA: Final = re.compile(r"(?<=\d),(?=\d{1,2}(?:,\d{1,2})*['′]?-)|(?<=\d['′]),(?=\d)")
_BREAK: Final = re.compile(r"[(),]|(?:(?<=\w{3})|(?<=[)*°†]))(?<!denat)(?<!ext)(?<!spp)(?<!var)\.\s+(?=\S)")
_HEADING: Final = re.compile(r"^.*(?:(?<!\d):|:(?!\d))(?![^(]*\))", re.DOTALL)
_MARKS: Final = "*†‡§¹²³°^#~•-–—_.,:;'\"`´’‘“”®™+?!=>< \t\\/"
_FOOTNOTE: Final = re.compile(
    r"^[*†‡§°^¹²³]+\s*(?:.*\b(?:origin|organic|certified|natural|derived|farming|agriculture|ingredients?|"
    r"sourced|biologique|essential|constituents?|components?|fair|percent|of)\b.*)$"
)
_PREFIX: Final = re.compile(r"^(?:and |certified organic |organic |natural |\*)+")
_CHEMICAL: Final = re.compile(r"(?:[-/]|poly|bis|tris|tri|tetra|hexa|hepta|sesqui)$")
_SPACED_SLASH: Final = re.compile(r"\s+/\s+")
_FRENCH: Final = re.compile(
    r"\b(?:extrait|huile|cire|eau|beurre|jus|prot[eé]ine|lait|poudre|levure|miel|farine|racine|sel)\b"
)
_COLOUR: Final = re.compile(
    r"^(?:ext\. ?)?(?:f?d ?& ?c )?(red|blue|yellow|green|orange|violet|black|brown) (?:no\.? ?)?(\d{1,2})"
    r"(?: (?:al\w+ )?lake)?$"
)
_GLUED: Final = re.compile(r"\b(poly|bis|tris) (?=\()")
_COLOUR_INDEX: Final = re.compile(r"^c[il]\.?\s*(?:no\.?)?\s*(?=\d{5})")
_NAMED_COLOUR: Final = re.compile(r"(?<=\w) c[il] ?\d{5}$")
_DENATURED: Final = re.compile(r"^(?:alcohol denat\.? ?)?sd alcohol[\w -]*$")
_SIMPLE: Final = re.compile(r"[a-z0-9 /'-]*")
_SPACES: Final = re.compile(r"\s+")
_SAME: Final = str.maketrans("[]{}\\", "()()/", "\u00ad\u200b\ufeff")


def normalise(label: str | Iterable[str]) -> list[str]:
    """Names of the ingredients on a label.

    Parameters
    ----------
    label : str or iterable of str
        The text; or its lines. A label of several products gives the union of their ingredients in the
        order of the first. Ingredients that "may be" contained count as contained.

    Returns
    -------
    list of str
        Distinct names in label order, at most `NAMES_CAP`; empty where nothing is an ingredient.
        Normalising the names again, joined by ", ", gives the same.

    Examples
    --------
    >>> normalise("Aqua (Water), 1,2-Hexanediol, Butyrospermum Parkii (Shea) Butter*, PARFUM. *Organic")
    ['water', '1,2-hexanediol', 'butyrospermum parkii butter', 'fragrance']
    >>> normalise("Night Mask: Water / Aqua / Eau, Zinc Oxide 20%. May contain (+/-): CI 77491")
    ['water', 'zinc oxide', 'iron oxides']
    """
    names = _once(label if isinstance(label, str) else _joined_lines(label))
    for _ in range(8):  # odd texts come to rest after a few rounds; real labels at once
        again = _once(", ".join(names))
        if again == names:
            return names
        names = again
    return []


def normalise_name(name: str) -> str:
    """One name in the words of `normalise`, for lists such as what a user avoids; "" if it is none.

    Examples
    --------
    >>> normalise_name("Parfum (Fragrance)")
    'fragrance'
    """
    names = normalise(name)
    return names[0] if names else ""


def _joined_lines(lines: Iterable[str]) -> str:
    """Lines as one text: broken names are mended, headings and full stops keep lines apart."""
    return "\n".join(line.strip() for line in lines)


def _once(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    if _SIMPLE.fullmatch(folded) and not _MAY_CONTAIN.search(folded):
        return list(_names(folded))  # most names of an inventory, an order of magnitude faster
    folded = re.sub(r"(?<=[:.])\s*\n\s*|\n(?=[^\n,]*:\s*(?:\n|$))", "; ", folded)
    folded = _SEPARATORS.sub(",", _MAY_CONTAIN.sub(",", folded))
    folded = folded.translate(_SAME)
    folded = _GLUED.sub(r"\1", folded)
    folded = _PERCENT.sub(" ", _LOCANT_SPACE.sub(r"\1,\2-", _SPACES.sub(" ", folded)))
    names: dict[str, None] = {}
    for part in _parts(_balanced(folded)):
        names.update(dict.fromkeys(_names(part)))
    return list(names)[:NAMES_CAP]


def _balanced(text: str) -> str:
    """`text` without brackets that have no partner, or whose partner is far away."""
    opened: list[int] = []
    lost: list[int] = []
    for at in (match.start() for match in re.finditer(r"[()]", text)):
        if text[at] == "(":
            opened.append(at)
        elif opened:
            start = opened.pop()
            if at - start > 2 * LENGTH_CAP:
                lost += [start, at]
        else:
            lost.append(at)
    letters = list(text)
    for at in opened + lost:
        letters[at] = ","
    return "".join(letters)


def _parts(text: str) -> Iterator[str]:
    """Pieces of `text` between commas that stand outside brackets and names ("1,2-hexanediol")."""
    kept = {match.start() for match in _LOCANT_COMMA.finditer(text)}
    depth = start = 0
    for match in _BREAK.finditer(text):
        mark, at = text[match.start()], match.start()
        depth += (mark == "(") - (mark == ")")
        if mark in ",." and depth == 0 and at not in kept:
            yield text[start:at]
            start = match.end()
    yield text[start:]


@lru_cache(maxsize=1 << 17)
def _names(part: str) -> tuple[str, ...]:
    """Names in one piece of a label: usually one; more where brackets hold a list."""
    part = part.strip()
    if _FOOTNOTE.match(part):
        return ()
    part = _HEADING.sub("", part).strip() if ":" in part else part
    base, inner = _without_brackets(part)
    found = [_plain(alternative) for alternative in base]
    for text in inner:
        listed = "," in _LOCANT_COMMA.sub("", text)
        # What is bracketed behind a perfume or a vitamin is in the bottle, not another word for it.
        if listed or not found[0] or found[0] == "fragrance" or found[0].startswith("vitamin "):
            found += [name for piece in _parts(text) for name in _names(piece)]
    return tuple(name for name in found if name)


def _without_brackets(part: str) -> tuple[list[str], list[str]]:
    """The name without remarks in brackets, and the remarks; brackets of chemistry stay."""
    outside, inner, start = "", [], 0
    for match in re.finditer(r"\((?:[^()]|\([^()]*\))*\)", part):
        before = outside + part[start : match.start()]
        content = match.group()[1:-1]
        chemical = bool(_CHEMICAL.search(before)) and "," not in _LOCANT_COMMA.sub("", content)
        leading = not before.strip() and ("/" in content or "+" in content) and match.end() < len(part)
        if chemical or leading:
            outside = before + match.group()
        else:
            outside = before + " "
            inner.append(content)
        start = match.end()
    outside += part[start:]
    return [outside], inner


def _plain(name: str) -> str:
    """A name without brackets, in its one spelling; "" if there is nothing left or too much."""
    name = _SPACES.sub(" ", name).strip(_MARKS)
    name = _PREFIX.sub("", name).replace("*", "").replace("’", "'").strip(_MARKS)
    name = name.replace("sulph", "sulf").replace("hydrolys", "hydrolyz").replace("aluminium", "aluminum")
    name = _NAMED_COLOUR.sub("", _COLOUR_INDEX.sub("ci ", _COLOUR.sub(r"\1 \2", _one_language(name))))
    name = "alcohol denat" if _DENATURED.match(name) else _SYNONYMS.get(name, name)
    return name if 1 < len(name) <= LENGTH_CAP and any(letter.isalnum() for letter in name) else ""


def _one_language(name: str) -> str:
    """The first of several names of one thing ("Water / Aqua / Eau"); other slashes are part of a name."""
    spaced = _SPACED_SLASH.split(name)
    if len(spaced) > 1 and (" " in spaced[0] or spaced[0] in _SYNONYMS or spaced[0] in _SYNONYMS.values()):
        return spaced[0]
    parts = [part.strip() for part in name.split("/")]
    if len(parts) == 1:
        return name
    if len({_SYNONYMS.get(part, part) for part in parts}) == 1:
        return parts[0]
    last_words = {part.rpartition(" ")[2] for part in parts}
    same_kind = len(last_words) == 1 and all(" " in part for part in parts)
    return parts[0] if same_kind or (_FRENCH.search(parts[-1]) and parts[0]) else "/".join(parts)
