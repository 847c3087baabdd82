"""How strongly two labels hang together, and whether it is more than chance."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats


@dataclass(frozen=True)
class Association:
    """Of a table of counts whose units are independent.

    Parameters
    ----------
    v : float
        Cramér's V corrected for its bias, within 0 and 1; 0 where the table shows no more than chance.
    low, high : float
        95 % interval: percentiles over bootstrap resamples of the units. A resample's chi-square has its own
        bias on top of the table's, so it is corrected twice.
    p : float
        Probability that chance alone gives as large a chi-square, both margins kept.
    """

    v: float
    low: float
    high: float
    p: float


def cramers_v(counts: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Bias-corrected Cramér's V of each table.

    Parameters
    ----------
    counts : int array of shape (..., r, c)
        Rows and columns without a count are not counted as categories.

    Returns
    -------
    float64 array of shape (...)
        Within [0, 1]; NaN where fewer than two rows or columns have a count.

    References
    ----------
    Bergsma, "A bias-correction for Cramér's V and Tschuprow's T", Journal of the Korean Statistical Society
    42, 2013: phi² - (r-1)(c-1)/(n-1), at least 0, over min(r~, c~) - 1 with r~ = r - (r-1)²/(n-1).

    Examples
    --------
    >>> float(cramers_v(np.array([[50, 0], [0, 50]])).round(3))
    1.0
    """
    return _corrected(np.asarray(counts, np.float64), 1)


def chi_square(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pearson's statistic of each table, float64 of shape (...); cells that nothing is expected in are 0."""
    n = counts.sum(axis=(-2, -1), keepdims=True)
    expected = counts.sum(axis=-1, keepdims=True) * counts.sum(axis=-2, keepdims=True) / np.maximum(n, 1)
    deviation = np.divide((counts - expected) ** 2, expected, out=np.zeros_like(counts), where=expected > 0)
    return np.asarray(deviation.sum(axis=(-2, -1)))


def association(counts: npt.NDArray[np.int64], *, n_draws: int, seed: int) -> Association | None:
    """How strongly the rows and columns of a table hang together; None where either is but one.

    Parameters
    ----------
    counts : int64 array of shape (r, c)
        Each unit counted once.
    n_draws : int
        Tables drawn for the p-value (never below 1 / (1 + n_draws)) and resamples for the interval.
    seed : int
        Of the draws.

    References
    ----------
    Patefield, "Algorithm AS 159", Applied Statistics 30, 1981 (tables with given margins).
    """
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return None
    random = np.random.default_rng(seed)
    margins = stats.random_table(counts.sum(axis=1), counts.sum(axis=0))
    drawn = margins.rvs(n_draws, random_state=random)
    reached = chi_square(counts.astype(np.float64)) * (1 - 1e-12)
    as_large = int((chi_square(drawn.astype(np.float64)) >= reached).sum())
    n = int(counts.sum())
    resampled = random.multinomial(n, counts.ravel() / n, size=n_draws).reshape(-1, *counts.shape)
    values = _corrected(resampled.astype(np.float64), 2)
    low, high = np.nanpercentile(values, [2.5, 97.5]) if (~np.isnan(values)).any() else (np.nan, np.nan)
    return Association(float(cramers_v(counts)), float(low), float(high), (1 + as_large) / (1 + n_draws))


def _corrected(counts: npt.NDArray[np.float64], times: int) -> npt.NDArray[np.float64]:
    """Cramér's V of each table, the bias of phi² taken off so many times."""
    n = counts.sum(axis=(-2, -1))
    rows, columns = (np.count_nonzero(counts.sum(axis=axis), axis=-1) for axis in (-1, -2))
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = (rows - 1) * (columns - 1) / (n - 1)
        phi2 = np.maximum(chi_square(counts) / n - times * bias, 0)
        row, column = rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)
        v = np.sqrt(phi2 / (np.minimum(row, column) - 1))
    return np.asarray(np.where((rows > 1) & (columns > 1), np.minimum(v, 1), np.nan))
