"""Families of ingredients that people avoid as one: parabens, sulfates, fragrance allergens.

Which ingredients belong to which family is told by lists and by parts of names, in `families.yaml`.
A name too many is better than one too few: who avoids a family must not meet a member of it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import yaml

from dataset.ingredients.synonyms import key

_ASKED: Final = re.compile(
    r"^(?:no |non[ -]|without |free (?:of|from) |avoid(?:s|ing)? |all |any |added ){1,3}"
)
_FREE: Final = re.compile(r"[ -]free$")
_TOGETHER: Final = re.compile(r" ?[/&+,;()] ?| and | or ")


@dataclass(frozen=True, kw_only=True)
class Family:
    """Ingredients that are avoided as one.

    Parameters
    ----------
    wordings : tuple of str
        How people ask for it, beside its name.
    names : frozenset of str
        Members, spelt as `normalise` spells them.
    patterns : re.Pattern
        Found in the names of further members.
    exceptions : frozenset of str
        Names that a pattern finds and that are none.
    """

    wordings: tuple[str, ...]
    names: frozenset[str]
    patterns: re.Pattern[str] | None
    exceptions: frozenset[str]

    def __contains__(self, name: str) -> bool:
        if name in self.names:
            return True
        found = self.patterns is not None and self.patterns.search(name) is not None
        return found and name not in self.exceptions


@lru_cache(maxsize=1)
def families() -> Mapping[str, Family]:
    """Every family by its name."""
    text = (files(__package__) / "families.yaml").read_text(encoding="utf-8")
    return {name: _family(entry) for name, entry in yaml.safe_load(text).items()}


@lru_cache(maxsize=1 << 17)
def families_of(name: str) -> frozenset[str]:
    """The families of an ingredient.

    Parameters
    ----------
    name : str
        As `normalise` spells it.

    Examples
    --------
    >>> sorted(families_of("sodium laureth sulfate"))
    ['pegs', 'sulfates']
    >>> families_of("magnesium sulfate")
    frozenset()
    """
    return frozenset(family for family, members in families().items() if name in members)


def members(family: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that belong to `family`, in their order.

    Raises
    ------
    KeyError
        If there is no such family.
    """
    belongs = families()[family]
    return [name for name in names if name in belongs]


def families_asked(wording: str) -> frozenset[str]:
    """The families that somebody means who writes `wording` into the list of what to avoid.

    Case, plural, hyphens and "no", "without", "free of" or "-free" make no difference; several families
    may stand together.

    Examples
    --------
    >>> sorted(families_asked("Paraben-free")), sorted(families_asked("no AHAs/BHAs"))
    (['parabens'], ['aha', 'bha'])
    >>> families_asked("methylparaben")
    frozenset()
    """
    meant = without_asking(wording)
    whole = _asked_as().get(_singular(meant))
    if whole:
        return frozenset((whole,))
    found = (_asked_as().get(_singular(_FREE.sub("", part))) for part in _TOGETHER.split(meant))
    return frozenset(family for family in found if family)


def without_asking(wording: str) -> str:
    """What is to be avoided, without the words that ask for it: "no", "without", "-free".

    Examples
    --------
    >>> without_asking("Fragrance-free")
    'fragrance'
    """
    return _FREE.sub("", _ASKED.sub("", " ".join(wording.casefold().split())))


@lru_cache(maxsize=1)
def _asked_as() -> Mapping[str, str]:
    return {
        _singular(wording): name
        for name, family in families().items()
        for wording in (name, *family.wordings)
    }


def _singular(wording: str) -> str:
    """A key that plurals share."""
    return "".join(key(word).removesuffix("s") for word in wording.replace("sulph", "sulf").split(" "))


def _family(entry: Mapping[str, Any]) -> Family:
    patterns = entry.get("patterns", ())
    return Family(
        wordings=tuple(entry["wordings"]),
        names=frozenset(entry.get("names", ())),
        patterns=re.compile("|".join(patterns)) if patterns else None,
        exceptions=frozenset(entry.get("except", ())),
    )
