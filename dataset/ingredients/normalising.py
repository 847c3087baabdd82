"""Labels to names: the two functions that everything else goes through."""

from collections.abc import Iterable
from typing import Final

from dataset.ingredients.labels import pieces
from dataset.ingredients.names import names_in

NAMES_CAP: Final = 400
"""Names kept of one label; sets of several products stay below it."""


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
    >>> normalise("Emulsifier (Polysorbate 20), Parfum (Linalool)")
    ['polysorbate 20', 'fragrance', 'linalool']
    """
    text = label if isinstance(label, str) else "\n".join(label)
    names: dict[str, None] = {}
    for piece in pieces(text):
        names.update(dict.fromkeys(names_in(piece)))
        if len(names) >= NAMES_CAP:
            break
    return list(names)[:NAMES_CAP]


def normalise_name(name: str) -> str:
    """One name in the words of `normalise`, for lists such as an inventory; "" if it is none.

    Examples
    --------
    >>> normalise_name("Parfum (Fragrance)")
    'fragrance'
    """
    names = normalise(name)
    return names[0] if names else ""
