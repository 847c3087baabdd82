"""What every scorer is: a specification, and the value that adds up the leaves of one model."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np
import numpy.typing as npt


class UnsupportedError(Exception):
    """A scorer cannot take a model; its message ends the sentence that tells of the fallback."""


@dataclass(frozen=True)
class Trees:
    """A model as LightGBM knows it, and as text.

    Parameters
    ----------
    text : str
    sample : float32 array of shape (n, f) or None
        Rows of real features on which a scorer must agree, beside those that are drawn.
    booster : lightgbm.Booster or None
        Of the text, where the caller has one.
    """

    text: str
    sample: npt.NDArray[np.float32] | None = None
    booster: Any = field(default=None, repr=False, compare=False)

    @cached_property
    def opened(self) -> Any:
        """The booster."""
        return lgb.Booster(model_str=self.text) if self.booster is None else self.booster


class FittedScorer(Protocol):
    """The trees of one model, ready to be added up."""

    @property
    def name(self) -> str:
        """Which of the scorers it is, after any fallback."""
        ...

    def score(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Sum of the leaves of each row, added in float64 in the order of the trees, float32 of shape (n,).

        Parameters
        ----------
        values : float32 array of shape (n, f), C-contiguous
            Columns in the order of the training.
        """
        ...


class Scorer(Protocol):
    """A specification of how trees are added up. It changes only speed."""

    def of(self, trees: Trees) -> FittedScorer:
        """The scorer of a model."""
        ...
