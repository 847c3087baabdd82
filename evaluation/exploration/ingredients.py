"""What is known of ingredients: coverage, what could not be placed, families."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import numpy as np

from evaluation.exploration.material import Material, spread
from evaluation.exploration.wording import percent

MISSES: Final = 50
FAMILIES: Final = 40


def ingredients(
    material: Material,
    inventory: Collection[str] | None,
    families_of: Callable[[str], Collection[str]],
) -> dict[str, Any] | None:
    """Ingredient lists of the products; None where no product has one.

    Parameters
    ----------
    material : Material
    inventory : collection of str or None
        Names that are known, such as those of CosIng, in the spelling of `dataset.ingredients`; None: there
        is no inventory, and nothing is said of coverage.
    families_of : callable
        Families of a name: parabens, silicones and the like.

    Returns
    -------
    mapping
        `items`, products with a list, and `share`, of all; `of_transactions`, share of the transactions that
        are on such a product; `length`, `spread` of names on a list; `distinct`, names; `mentions`, of a name
        on a list; `coverage`: None without an inventory, else `placed` and `share` of the mentions whose name
        is in the inventory, and `distinct_share`, of the distinct names; `misses`: the 50 most frequent names
        that are not, with the number of products that mention them, and `misses_in_all`, how many there are;
        `families`: name to `items` and `share` (of the products with a list that hold a member) and
        `of_transactions` (of the transactions on products with a list), by falling share.
    """
    lists = material.dataset.items.ingredients
    length = lists.lists.lengths
    listed = length > 0
    if not listed.any():
        return None
    events, chosen = material.events, material.is_transaction
    bought = np.bincount(events.item[chosen], minlength=len(length))
    mentions = np.bincount(lists.lists.values, minlength=len(lists.words))
    found: dict[str, Any] = {
        "items": int(listed.sum()),
        "share": float(listed.mean()),
        "of_transactions": float(bought[listed].sum() / bought.sum()),
        "length": spread(length[listed]),
        "distinct": int((mentions > 0).sum()),
        "mentions": int(mentions.sum()),
        "coverage": None,
        "misses": {},
        "misses_in_all": None,
        "families": _families(material, families_of, bought),
    }
    if inventory is not None:
        found |= _coverage(lists.words, mentions, inventory)
    return {**found, "reading": _reading(found)}


def _coverage(words: tuple[str, ...], mentions: Any, inventory: Collection[str]) -> dict[str, Any]:
    known = np.array([word in inventory for word in words], bool)
    used = mentions > 0
    order = np.argsort(-np.where(known, 0, mentions), kind="stable")[:MISSES]
    return {
        "coverage": {
            "placed": int(mentions[known].sum()),
            "share": float(mentions[known].sum() / mentions.sum()),
            "distinct_share": float(known[used].mean()),
        },
        "misses": {words[at]: int(mentions[at]) for at in order if not known[at] and mentions[at]},
        "misses_in_all": int((used & ~known).sum()),
    }


def _families(
    material: Material, families_of: Callable[[str], Collection[str]], bought: Any
) -> dict[str, dict[str, Any]]:
    lists = material.dataset.items.ingredients
    of_word = [sorted(families_of(word)) for word in lists.words]
    names = sorted({name for families in of_word for name in families})
    rows, values = lists.lists.rows, lists.lists.values
    listed = lists.lists.lengths > 0
    found = {}
    for name in names:
        member = np.array([name in families for families in of_word], bool)
        holds = np.zeros(len(lists), bool)
        holds[rows[member[values]]] = True
        found[name] = {
            "items": int(holds.sum()),
            "share": float(holds.sum() / listed.sum()),
            "of_transactions": float(bought[holds].sum() / max(bought[listed].sum(), 1)),
        }
    order = sorted(found, key=lambda name: (-found[name]["share"], name))
    return {name: found[name] for name in order[:FAMILIES]}


def _reading(found: Mapping[str, Any]) -> str:
    said = (
        f"{percent(found['share'])} of the products have an ingredient list, of "
        f"{found['length']['median']:,.0f} "
        f"names in the middle; they take {percent(found['of_transactions'])} of the transactions. "
    )
    if found["coverage"] is None:
        return said + "No inventory was given, so nothing is said of coverage: set dataset.cosing or cosing."
    share = found["coverage"]["share"]
    return said + (
        f"{percent(share)} of {found['mentions']:,} mentions are names of the inventory; "
        f"{found['misses_in_all']:,} distinct names are not."
    )
