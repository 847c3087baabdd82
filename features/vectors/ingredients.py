"""Products by what is in them."""

from dataclasses import dataclass

from dataset.factorisation import right_factors, unit_vectors
from dataset.parameters import check_int, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from dataset.words import by_rarity, label_weights, unit_length


@dataclass(frozen=True, kw_only=True)
class IngredientVectors:
    """Latent factors of INCI names weighted by label position and rarity; cosine space.

    Parameters
    ----------
    dimensions : int
        Length of a vector; less where the catalogue has less rank. Changes results.
    position_decay : float
        Weight of the ingredient at place p of the label is p ** -position_decay: 0 ignores the order,
        1 halves the second. Neighbours predicted the next product best with a gentle decay. Changes results.
    seed : int
        Of the random start of the factorisation.
    """

    dimensions: int = 64
    position_decay: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "dimensions", low=1)
        check_number(self, "position_decay", low=0)
        check_int(self, "seed", low=0)

    def fit(self, snapshot: Snapshot) -> Vectors | None:
        """Unit vectors of the known items that list ingredients; None where none does."""
        known = snapshot.known_items
        labels = snapshot.items.ingredients.lists.take(known)
        words = unit_length(by_rarity(label_weights(labels, self.position_decay)))
        _, right = right_factors(words, self.dimensions, self.seed)
        return unit_vectors(known, words, right)
