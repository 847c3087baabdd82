"""How far a mean over queries can be believed: percentile bootstrap, paired across runs.

All columns of a matrix share the same resamples of queries, so the difference of two columns'
resampled means is the paired difference, and no column costs a resample of its own.

References
----------
Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3 (percentile interval);
Sakai, "Evaluating evaluation metrics based on the bootstrap", SIGIR 2006 (queries as the units, paired).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError

CONFIDENCE: Final = 0.95
_BLOCK: Final = 32  # resamples drawn together: their sums stay in cache; part of what a seed means


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % bootstrap interval; NaN where there is none.

    Parameters
    ----------
    mean, low, high : float
    """

    mean: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | None]:
        """The mapping of `metrics.json`; NaN becomes None, since JSON has no NaN."""
        entries = {"mean": self.mean, "low": self.low, "high": self.high}
        return {key: value if np.isfinite(value) else None for key, value in entries.items()}

    @classmethod
    def without_spread(cls, value: float) -> "Interval":
        """A figure that is a property of all queries together."""
        return cls(value, float("nan"), float("nan"))


@dataclass(frozen=True)
class Bootstrap:
    """Means of c columns over m queries, and over resamples of those queries.

    Parameters
    ----------
    means : float64 array of shape (c,)
    resampled : float64 array of shape (n_resamples, c)
        Row r holds the means over resample r, the same resample for every column.
    """

    means: npt.NDArray[np.float64]
    resampled: npt.NDArray[np.float64]

    def intervals(self) -> list[Interval]:
        """The interval of each column."""
        return _intervals(self.means, self.resampled)

    def differences(
        self, columns: npt.NDArray[np.integer], others: npt.NDArray[np.integer]
    ) -> list[Interval]:
        """Paired intervals of column `columns[i]` minus column `others[i]`."""
        return _intervals(
            self.means[columns] - self.means[others], self.resampled[:, columns] - self.resampled[:, others]
        )


def bootstrap(values: npt.NDArray[np.float64], *, n_resamples: int, seed: int) -> Bootstrap:
    """Resample the rows of `values` with replacement.

    Single-threaded sums in a fixed order, no BLAS: bytes do not depend on the number of threads, nor
    a column's result on the columns beside it. Costs n_resamples x m x c additions.

    Parameters
    ----------
    values : float64 array of shape (m, c)
        A row a query; NaN cells are left out of their column's means.
    n_resamples : int
        Changes the precision of the intervals' ends, not the means.
    seed : int
        Equal seeds and equal m give the same resamples.

    Examples
    --------
    >>> bootstrap(np.array([[1.], [2.], [3.]]), n_resamples=200, seed=0).intervals()[0].mean
    2.0
    """
    if values.ndim != 2:
        raise DataContractError(f"Values must be a matrix, a row a query. Got {values.ndim} dimensions.")
    m, n_columns = values.shape
    valid = ~np.isnan(values)
    pattern_of, first_of_pattern = _patterns(valid)
    # A pattern's 0/1 column, summed with the same weights, is the denominator of its columns.
    weighed = np.concatenate(
        [np.where(valid, values, 0.0), valid[:, first_of_pattern].astype(np.float64)], axis=1
    )
    denominator = n_columns + pattern_of
    sums = np.zeros((1 + n_resamples, weighed.shape[1]))
    _weighted_sums(np.ones((m, 1), np.int32), weighed, sums[:1])
    for first, counts in _resample_counts(m, n_resamples, seed):
        _weighted_sums(counts, weighed, sums[1 + first : 1 + first + counts.shape[1]])
    with np.errstate(invalid="ignore"):
        means = sums[:, :n_columns] / sums[:, denominator]
    return Bootstrap(means[0], means[1:])


def paired_difference(
    values: npt.NDArray[np.float64],
    others: npt.NDArray[np.float64],
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Mean of `values` minus `others` over the same queries, float64 arrays of shape (m,).

    Queries where either is NaN are left out of both.
    """
    if values.shape != others.shape:
        raise DataContractError(
            f"A paired difference needs the same queries on both sides. Got {len(values)} and {len(others)}."
        )
    difference = np.asarray(values - others, np.float64).reshape(-1, 1)
    return bootstrap(difference, n_resamples=n_resamples, seed=seed).intervals()[0]


def _patterns(valid: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Which distinct column each column equals, and a column of each kind; most runs share one."""
    kinds: dict[bytes, int] = {}
    packed = np.packbits(valid.T, axis=1)
    pattern_of = np.array([kinds.setdefault(column.tobytes(), len(kinds)) for column in packed], np.int64)
    return pattern_of, np.unique(pattern_of, return_index=True)[1].astype(np.int64)


def _resample_counts(m: int, n_resamples: int, seed: int) -> Iterator[tuple[int, npt.NDArray[np.int32]]]:
    """Blocks of resamples: the first's number, and how often each draws each row, int32 (m, b)."""
    random = np.random.default_rng(seed)
    for first in range(0, n_resamples if m else 0, _BLOCK):
        n = min(_BLOCK, n_resamples - first)
        drawn = random.integers(0, m, size=(n, m))
        counts = np.empty((m, n), np.int32)
        for column in range(n):
            counts[:, column] = np.bincount(drawn[column], minlength=m)
        yield first, counts


@numba.njit(nogil=True, cache=True)
def _weighted_sums(counts, values, out):  # type: ignore[no-untyped-def]
    """Add `counts[q, r] * values[q]` to `out[r]`; counts (m, b), values (m, c), out (b, c)."""
    for query in range(values.shape[0]):
        for resample in range(counts.shape[1]):
            count = counts[query, resample]
            if count:
                weight = np.float64(count)
                for column in range(values.shape[1]):
                    out[resample, column] += weight * values[query, column]


def _intervals(means: npt.NDArray[np.float64], resampled: npt.NDArray[np.float64]) -> list[Interval]:
    tail = 100 * (1 - CONFIDENCE) / 2
    ends = np.full((2, len(means)), np.nan)
    defined = np.isfinite(resampled).all(axis=0) & (len(resampled) > 0)
    if defined.any():
        ends[:, defined] = np.percentile(resampled[:, defined], [tail, 100 - tail], axis=0)
    for column in np.flatnonzero(~defined):  # few queries have a value: some resamples drew none of them
        drawn = resampled[np.isfinite(resampled[:, column]), column]
        if len(drawn):
            ends[:, column] = np.percentile(drawn, [tail, 100 - tail])
    return [Interval(float(m), float(lo), float(hi)) for m, lo, hi in zip(means, *ends, strict=True)]
