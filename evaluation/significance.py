"""Whether a difference is more than chance, among several, and how small a one could be told at all.

References
----------
Pitman, "Significance tests which may be applied to samples from any populations", Supplement to the Journal
of the Royal Statistical Society 4, 1937; Smucker, Allan, Carterette, "A comparison of statistical
significance tests for information retrieval evaluation", CIKM 2007 (randomisation test).
Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
Bloom, "Minimum detectable effects", Evaluation Review 19, 1995; Webber, Moffat, Zobel, "Statistical power in
retrieval experimentation", CIKM 2008 (queries as the sample).
"""

from statistics import NormalDist
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError

ALPHA: Final = 0.05
POWER: Final = 0.8
_BLOCK: Final = 64  # draws made together, a bit each: part of what a seed means
_ROUNDING: Final = 1e-12  # sums that differ by less, relative to the largest possible one, are equal


def randomisation_test(
    differences: npt.NDArray[np.float64], *, n_draws: int = 10_000, seed: int = 0
) -> npt.NDArray[np.float64]:
    """How often chance alone gives as large a mean difference: two-sided p of each column.

    If two runs are equal, which of them got which of a user's two values is a toss, so the signs of the
    differences are drawn anew. All columns share the draws, and none depends on the columns beside it.

    Parameters
    ----------
    differences : float64 array of shape (m, c)
        A row a user, one run minus the other; NaN counts as a user without a value.
    n_draws : int
        The p-value is (1 + draws at least as large) / (1 + n_draws), so never below 1 / (1 + n_draws).
    seed : int
        Equal seeds and equal m give the same draws.

    Returns
    -------
    float64 array of shape (c,)
        In (0, 1]; 1 where all differences are 0, or none is known.

    Examples
    --------
    >>> float(randomisation_test(np.zeros((20, 1)), n_draws=100)[0])
    1.0
    """
    values = np.where(np.isnan(_matrix(differences)), 0.0, differences)
    reached = np.abs(values.sum(axis=0)) - _ROUNDING * np.abs(values).sum(axis=0)
    m, n_columns = values.shape
    random = np.random.default_rng(seed)
    count = np.zeros(n_columns, np.int64)
    for first in range(0, n_draws, _BLOCK):
        signs = _signs(random, m)[:, : min(_BLOCK, n_draws - first)]
        sums = np.zeros((n_columns, signs.shape[1]))
        _signed_sums(signs, values, sums)
        count += (np.abs(sums) >= reached[:, None]).sum(axis=1)
    return (1 + count) / (1 + n_draws)


def holm(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """p-values adjusted for being several: where they are at most alpha, hardly any is there by chance.

    Rejecting those, one errs anywhere at all with a probability of at most alpha.

    Parameters
    ----------
    p : float64 array of shape (n,)
        Of all hypotheses that are looked at together.

    Returns
    -------
    float64 array of shape (n,)
        In the same order, in [0, 1], never below `p`.

    Examples
    --------
    >>> holm(np.array([0.04, 0.01, 0.03])).tolist()
    [0.06, 0.03, 0.06]
    """
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted


def minimum_detectable_effect(
    differences: npt.NDArray[np.float64], *, alpha: float = ALPHA, power: float = POWER
) -> npt.NDArray[np.float64]:
    """The smallest true mean difference that as many users would show to be one, by column.

    (z(1 - alpha / 2) + z(power)) s / sqrt(m), with z the normal quantile and s the standard deviation of the
    differences (Bloom 1995). What is smaller may be there and stay unseen.

    Parameters
    ----------
    differences : float64 array of shape (m, c)
        As in `randomisation_test`; NaN is left out.
    alpha : float
        Two-sided level of the test.
    power : float
        Probability of finding a difference of that size.

    Returns
    -------
    float64 array of shape (c,)
        In the unit of the metric; NaN where fewer than two users have a value.
    """
    known = ~np.isnan(_matrix(differences))
    n = known.sum(axis=0)
    mean = np.where(known, differences, 0.0).sum(axis=0) / np.maximum(n, 1)
    squares = np.where(known, (differences - mean) ** 2, 0.0).sum(axis=0)
    z = NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(power)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: npt.NDArray[np.float64] = z * np.sqrt(squares / (n - 1) / n)
    return np.where(n > 1, found, np.nan)


def _matrix(differences: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if differences.ndim != 2:
        raise DataContractError(
            f"Differences must be a matrix, a row a user. Got {differences.ndim} dimensions."
        )
    return differences


def _signs(random: np.random.Generator, m: int) -> npt.NDArray[np.uint8]:
    """A toss for each user and draw of a block, 0 or 1, uint8 of shape (m, block)."""
    drawn = np.frombuffer(random.bytes(m * _BLOCK // 8), np.uint8)
    return np.unpackbits(drawn.reshape(m, _BLOCK // 8), axis=1)


@numba.njit(nogil=True, cache=True)
def _signed_sums(signs, values, out):  # type: ignore[no-untyped-def]
    """Add `values[q]` to `out[:, d]` where signs[q, d], else take it off; signs (m, b), out (c, b)."""
    for query in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = values[query, column]
            if value != 0:  # as for most users: two runs often fail the same ones
                for draw in range(signs.shape[1]):
                    out[column, draw] += value if signs[query, draw] else -value
