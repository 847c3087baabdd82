"""LightGBM's own prediction: what the others are measured by, and fall back to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.scorers.scorer import Trees


@dataclass(frozen=True, kw_only=True)
class Native:
    """`Booster.predict`, on one thread: the blocks of users are what is spread over threads."""

    def of(self, trees: Trees) -> "FittedNative":
        """The scorer of a model."""
        return FittedNative(trees.opened)


@dataclass(frozen=True)
class FittedNative:
    """A booster.

    Parameters
    ----------
    booster : lightgbm.Booster
    """

    booster: Any
    name: str = "lightgbm"

    def score(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Raw scores, float32 of shape (n,)."""
        if not len(values):
            return np.zeros(0, np.float32)
        return np.asarray(self.booster.predict(values, num_threads=1, raw_score=True), np.float32)
