"""The fastest scorer that takes the model."""

from dataclasses import dataclass

from ranking.scorers import bitvectors, onedal
from ranking.scorers.native import Native
from ranking.scorers.scorer import FittedScorer, Trees, UnsupportedError


@dataclass(frozen=True, kw_only=True)
class Auto:
    """Bit vectors for trees of up to 64 leaves, else oneDAL where it is installed, else LightGBM."""

    def of(self, trees: Trees) -> FittedScorer:
        """The scorer of a model."""
        for converted in (bitvectors.converted, onedal.converted):
            try:
                return converted(trees)
            except UnsupportedError:
                continue
        return Native().of(trees)
