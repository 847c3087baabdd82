"""What the ranker sees of each candidate."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class FeatureMatrix:
    """Named columns, one row a candidate, in the order of the candidates.

    Parameters
    ----------
    values : float32 array of shape (n, f), C-contiguous
        NaN where a feature is unknown.
    names : tuple of str
        Column names, distinct, "family.feature".
    categorical : tuple of str
        Those of `names` that hold category codes (0 and up, NaN where missing).
    """

    values: npt.NDArray[np.float32]
    names: tuple[str, ...]
    categorical: tuple[str, ...] = ()

    def take(self, rows: npt.NDArray[np.integer]) -> "FeatureMatrix":
        """The rows named, in that order."""
        return FeatureMatrix(self.values[rows], self.names, self.categorical)

    def beside(self, other: "FeatureMatrix") -> "FeatureMatrix":
        """The columns of both, for the same candidates."""
        values = np.concatenate([self.values, other.values], axis=1)
        return FeatureMatrix(values, self.names + other.names, self.categorical + other.categorical)
