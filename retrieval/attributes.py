"""Products with the same words: functions, brand, levels of the category, ingredients."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from dataset.parameters import check_int, check_number, check_weights
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from dataset.words import category_levels, label_weights, single_words, unit_length
from retrieval.item_to_item import largest_of_product
from retrieval.sparse_rows import SparseRows

KINDS: Final = ("functions", "brand", "category", "ingredients")
DEFAULT_WEIGHTS: Final = {"functions": 1.0, "brand": 1.0, "category": 1.0, "ingredients": 0.0}


@dataclass(frozen=True, kw_only=True)
class Attributes:
    """Item i points to item j by the cosine of their words, rare words weighing most.

    Needs no event of either product, so new products are found and point to others. Words are taken as
    they are, unlike those of `Content`, which are smoothed into embeddings: that two products share one
    rare word is what is lost there.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    weights : mapping of str to float
        Weight of each kind of word: `functions`, `brand`, `category` (every level of the path is a word),
        `ingredients`; a kind that is not named weighs 0. Changes results.
    rarity_power : float
        A word weighs log(known items / items with the word) to this power; 0 ignores rarity. Changes
        results.
    step_decay : float
        Weight of an event per step back in the history; within 0 and 1. Changes results.
    half_life_days : float
        Age at which an event counts half, beside `step_decay`; 0 switches it off. Changes results.
    neighbours : int
        Entries kept an item. Changes results.
    """

    quota: int = 100
    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    rarity_power: float = 2.0
    step_decay: float = 0.6
    half_life_days: float = 0.0
    neighbours: int = 300

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_int(self, "neighbours", low=1)
        check_weights(self, "weights", choices=KINDS)
        check_number(self, "rarity_power", low=0, high=10)
        check_number(self, "step_decay", low=0, high=1)
        check_number(self, "half_life_days", low=0)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SparseRows:
        """Compare the items that the snapshot knows; those of later launches are no neighbours."""
        n_items = len(snapshot.items)
        items, words = word_vectors(snapshot, self.weights, self.rarity_power)
        similar = largest_of_product(words, words.T.tocsr(), self.neighbours)
        row_of_item = np.full(n_items, -1, np.int32)
        row_of_item[items] = np.arange(len(items))
        return SparseRows(
            neighbours=sp.csr_matrix(
                (similar.data, items[similar.indices], similar.indptr), shape=(len(items), n_items)
            ),
            row_of_item=row_of_item,
            step_decay=self.step_decay,
            half_life_days=self.half_life_days,
        )


def word_vectors(
    snapshot: Snapshot, weights: Mapping[str, float], rarity_power: float
) -> tuple[npt.NDArray[np.int32], sp.csr_matrix]:
    """The known items as weighted words, unit length.

    Parameters
    ----------
    snapshot : Snapshot
    weights : mapping of str to float
        Of each of `KINDS`; a kind that is not named weighs 0.
    rarity_power : float

    Returns
    -------
    items : int32 array of shape (n,)
        Known items with a word that weighs anything, ascending. A word of all known items does not, unless
        `rarity_power` is 0.
    matrix : CSR matrix, float32, of shape (n, number of words of the known items)
    """
    known, items = snapshot.known_items, snapshot.items
    lists = {
        "functions": items.functions.lists.take(known),
        "brand": single_words(items.brand.codes[known]),
        "category": category_levels(items.category.take(known)),
        "ingredients": items.ingredients.lists.take(known),
    }
    blocks = [sp.csr_matrix((len(known), 0))]
    for kind in KINDS:  # not in the order of `weights`, in which sums must not hang
        weight = float(weights.get(kind, 0.0))
        if weight > 0:
            blocks.append(weight * _by_rarity(label_weights(lists[kind], 0.0), rarity_power))
    matrix = sp.hstack(blocks, format="csr")
    matrix.eliminate_zeros()
    worded = np.flatnonzero(np.diff(matrix.indptr))
    return known[worded], unit_length(matrix[worded]).astype(np.float32)


def _by_rarity(presence: sp.csr_matrix, power: float) -> sp.csr_matrix:
    """Multiply each column by log(rows / rows that hold the word) ** power; every word is held by one."""
    holders = np.bincount(presence.indices, minlength=presence.shape[1])
    rarity = np.log(presence.shape[0] / holders) ** power
    weights = presence.data * rarity[presence.indices]
    return sp.csr_matrix((weights, presence.indices, presence.indptr), shape=presence.shape)
