"""The columns of a matrix as a model wants them: by name, whatever order they come in."""

import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError
from dataset.feature_matrix import FeatureMatrix


def ordered(matrix: FeatureMatrix, names: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """The columns named, in that order, float32 of shape (n, len(names)), C-contiguous."""
    if matrix.names == names:
        return np.ascontiguousarray(matrix.values)
    at = [matrix.names.index(name) for name in names]
    return np.take(matrix.values, at, axis=1)


def trained_on(matrix: FeatureMatrix | None, names: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """The columns named, in that order, which must be all there are; shape as in `ordered`.

    Raises
    ------
    DataContractError
        If one of them is missing, or another is there.
    """
    if matrix is None or set(matrix.names) != set(names):
        given = set() if matrix is None else set(matrix.names)
        missing, extra = sorted(set(names) - given), sorted(given - set(names))
        raise DataContractError(
            f"The ranker needs the features that it was trained on. Missing: {missing}; unknown: {extra}."
        )
    return ordered(matrix, names)
