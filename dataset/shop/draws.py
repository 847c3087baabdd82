"""Vectorised draws from discrete distributions by inverse cumulative probability."""

import numpy as np
import numpy.typing as npt


def draw_index(rng: np.random.Generator, weights: npt.ArrayLike, size: int) -> npt.NDArray[np.int32]:
    """`size` independent draws of an index in proportion to `weights`, int32 of shape (size,)."""
    cumulative = np.cumsum(np.asarray(weights, np.float64))
    index = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
    return np.asarray(np.minimum(index, len(cumulative) - 1), np.int32)


def draw_by_row(rng: np.random.Generator, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """One draw of a column for each row in proportion to its weights, int32 of shape (n,).

    Parameters
    ----------
    weights : float64 array of shape (n, k)
        Not negative; no row all zero.
    """
    cumulative = np.cumsum(weights, axis=1)
    threshold = rng.random((len(weights), 1)) * cumulative[:, -1:]
    index = (cumulative <= threshold).sum(axis=1)
    return np.asarray(np.minimum(index, weights.shape[1] - 1), np.int32)


def draw_distinct(
    rng: np.random.Generator, weights: npt.NDArray[np.float64], k: int
) -> npt.NDArray[np.int32]:
    """k distinct columns for each row, drawn one after the other in proportion to the weights left.

    Returns
    -------
    int32 array of shape (n, k), in the order drawn.

    References
    ----------
    Gumbel top-k: Kool, van Hoof and Welling, "Stochastic Beams and Where to Find Them", ICML 2019, section 2.
    """
    keys = np.log(weights) + rng.gumbel(size=weights.shape)
    return np.argsort(-keys, axis=1, kind="stable")[:, :k].astype(np.int32)
