"""Products by what they are for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from dataset.factorisation import right_factors, unit_vectors
from dataset.parameters import check_int, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from dataset.words import by_rarity, category_levels, repeat_weights, single_words, unit_length


@dataclass(frozen=True, kw_only=True)
class FunctionalityVectors:
    """Latent factors of functions, category path and brand; cosine space.

    Parameters
    ----------
    dimensions : int
        Length of a vector; less where the catalogue has less rank. Changes results.
    category_weight : float
        Weight of each level of the category path; a function stated once weighs 1. Changes results.
    brand_weight : float
        Weight of the brand: shoppers are loyal, so neighbours predict better where it is heavy. Changes
        results.
    seed : int
        Of the random start of the factorisation.
    """

    dimensions: int = 64
    category_weight: float = 1.0
    brand_weight: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "dimensions", low=1)
        check_number(self, "category_weight", low=0)
        check_number(self, "brand_weight", low=0)
        check_int(self, "seed", low=0)

    def fit(self, snapshot: Snapshot) -> Vectors | None:
        """Unit vectors of the known items that have any of the three; None where none has."""
        known = snapshot.known_items
        words = unit_length(self._words(snapshot, known))
        _, right = right_factors(words, self.dimensions, self.seed)
        return unit_vectors(known, words, right)

    def _words(self, snapshot: Snapshot, known: npt.NDArray[np.int32]) -> sp.csr_matrix:
        items = snapshot.items
        functions = by_rarity(repeat_weights(items.functions.lists.take(known)))
        levels = by_rarity(repeat_weights(category_levels(items.category.take(known))))
        brand = by_rarity(repeat_weights(single_words(items.brand.codes[known])))
        blocks = [functions, self.category_weight * levels, self.brand_weight * brand]
        matrix = sp.hstack(blocks, format="csr")
        matrix.eliminate_zeros()
        return matrix
