"""What is looked at, and how closely."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dataset.dataset import Dataset
from dataset.errors import ParameterError
from dataset.interactions import KINDS
from dataset.parameters import check_int, check_names
from evaluation.exploration.activity_and_popularity import activity_and_popularity
from evaluation.exploration.attributes import attributes
from evaluation.exploration.baskets import baskets
from evaluation.exploration.cold_start import cold_start
from evaluation.exploration.drift import drift
from evaluation.exploration.ingredients import ingredients
from evaluation.exploration.material import Material
from evaluation.exploration.missingness import missingness
from evaluation.exploration.ratings import ratings
from evaluation.exploration.recency import recency
from evaluation.exploration.repurchase import repurchase
from evaluation.exploration.split_advice import SplitNeeds, split_advice
from evaluation.exploration.volumes import volumes

Section = Callable[[], dict[str, Any] | None]
LEFT_OUT: Final[Mapping[str, str]] = {
    "ratings": "No event has a rating.",
    "recency": "The clock is nominal.",
    "baskets": "The clock is nominal.",
    "cold_start": "The clock is nominal.",
    "drift": "The clock is nominal, or the log is too short or too thin to compare months.",
    "attributes": "Users have no attributes, or items no categories.",
    "ingredients": "No product has an ingredient list.",
}
"""Why a section may have nothing to say."""


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """The specification of an exploration; each parameter changes results.

    Parameters
    ----------
    target_kinds : sequence of str
        Kinds of events that count as transactions; the same as the split's, or the advice is for another one.
    category_depth : int
        Levels of the category path that make a category.
    trailing_months : int
        Months, taken together, that each month is compared with for drift.
    needs : SplitNeeds
        What a test must have.
    n_draws : int
        Of each test and interval of attributes; the least p is 1 / (1 + n_draws).
    n_permutations : int
        Of the test of each categorical feature; the least p is 1 / (1 + n_permutations).
    n_resamples : int
        Bootstrap resamples of the figures of the random split.
    seed : int
        Of all draws.
    """

    target_kinds: Sequence[str] = ("purchase", "rating")
    category_depth: int = 2
    trailing_months: int = 3
    needs: SplitNeeds = field(default_factory=SplitNeeds)
    n_draws: int = 999
    n_permutations: int = 199
    n_resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        check_names(self, "target_kinds", choices=KINDS, may_be_empty=False)
        object.__setattr__(self, "target_kinds", tuple(self.target_kinds))
        for name in ("category_depth", "trailing_months"):
            check_int(self, name, low=1, high=100)
        for name in ("n_draws", "n_permutations", "n_resamples"):
            check_int(self, name, low=20, high=100_000)
        check_int(self, "seed", low=0)
        if not isinstance(self.needs, SplitNeeds):
            raise ParameterError("Exploration", "needs", "a SplitNeeds with its _target_", self.needs)

    def material(self, dataset: Dataset) -> Material:
        """The dataset, ready to be looked at; see `Material.of` for what it raises."""
        return Material.of(dataset, self.target_kinds, self.category_depth)

    def sections(
        self,
        material: Material,
        inventory: Collection[str] | None,
        families_of: Callable[[str], Collection[str]],
    ) -> Mapping[str, Section]:
        """What is to be worked out, by name, in the order of the page; each may have nothing to say.

        Parameters
        ----------
        material : Material
        inventory, families_of
            See `evaluation.exploration.ingredients`.
        """
        return {
            "volumes": lambda: volumes(material),
            "activity_and_popularity": lambda: activity_and_popularity(material),
            "ratings": lambda: ratings(material),
            "missingness": lambda: missingness(material),
            "recency": lambda: recency(material),
            "repurchase": lambda: repurchase(material),
            "baskets": lambda: baskets(material),
            "cold_start": lambda: cold_start(material),
            "attributes": lambda: attributes(material, n_draws=self.n_draws, seed=self.seed),
            "ingredients": lambda: ingredients(material, inventory, families_of),
            "drift": lambda: drift(material, self.trailing_months),
        }

    def advice(self, material: Material, season: Mapping[str, Any] | None) -> dict[str, Any]:
        """Where to cut; see `evaluation.exploration.split_advice`."""
        return split_advice(material, self.needs, season)
