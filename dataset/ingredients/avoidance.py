"""What somebody avoids, met with what products contain: by name, by another word for it, by family."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from dataset.ingredients.families import families_asked, families_of, without_asking
from dataset.ingredients.normalising import normalise
from dataset.ingredients.synonyms import key


def avoided(wish: str) -> list[str]:
    """A list of what to avoid as words that products can be met with.

    Parameters
    ----------
    wish : str
        Ingredients and families, as somebody writes them.

    Returns
    -------
    list of str
        Families by their names and ingredients by their normalised names, distinct.

    Examples
    --------
    >>> avoided("Paraben-free, no sulphates, Parfum, mineral oil")
    ['parabens', 'sulfates', 'fragrance', 'mineral oils']
    """
    words: dict[str, None] = {}
    for part in wish.split(","):
        families = sorted(families_asked(part))
        words.update(dict.fromkeys(families or normalise(without_asking(part))))
    return list(words)


def members_of(avoids: Sequence[str], names: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    """Which of `names` each of `avoids` excludes.

    Parameters
    ----------
    avoids : sequence of str
        Families or ingredients, as `avoided` gives them or in other words.
    names : sequence of str
        Ingredients of products.

    Returns
    -------
    list of int64 arrays
        Positions in `names`, ascending, one array for each of `avoids`. A name is excluded if it belongs to
        a family that is meant, or is the ingredient meant, but for hyphens and spaces.
    """
    placed: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        placed.setdefault(key(name), []).append(at)
    asked = [(families_asked(avoid), {avoid, *normalise(without_asking(avoid))}) for avoid in avoids]
    of_family = _by_family({family for families, _ in asked for family in families}, names)
    found = []
    for families, ingredients in asked:
        positions = {at for name in ingredients for at in placed.get(key(name), ())}
        positions.update(at for family in families for at in of_family[family])
        found.append(np.array(sorted(positions), np.int64))
    return found


def _by_family(wanted: Iterable[str], names: Sequence[str]) -> dict[str, list[int]]:
    of_family: dict[str, list[int]] = {family: [] for family in wanted}
    if of_family:
        for at, name in enumerate(names):
            for family in families_of(name) & of_family.keys():
                of_family[family].append(at)
    return of_family
