"""For whom it is good: means by groups of queries."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError
from dataset.ragged import Categorical, offsets_of
from dataset.snapshot import Histories
from dataset.users import Users
from evaluation.intervals import bootstrap

FEWEST: Final = 20
"""Queries in a group below which its interval says nothing."""

UNKNOWN: Final = "unknown"
OTHER: Final = "other"
HISTORY_EDGES: Final = (2, 5, 10)
AGE_EDGES: Final = (25, 35, 45, 55)


def by_group(
    values: npt.NDArray[np.float64], groups: Categorical, *, n_resamples: int = 1000, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Mean and interval of `values` within each group that has a value.

    Parameters
    ----------
    values : float64 array of shape (m,)
        Of each query; NaN is left out.
    groups : Categorical of m rows
        Missing labels form the group "unknown".
    n_resamples, seed : int
        As in `bootstrap`; each group is resampled by itself.

    Returns
    -------
    dict
        Label to {"mean", "low", "high", "n"}, in the order of `groups.names`.
    """
    if len(values) != len(groups.codes):
        raise DataContractError(
            f"Groups must label every query. Got {len(groups.codes)} labels for {len(values)} queries."
        )
    result: dict[str, dict[str, Any]] = {}
    for code, label in [*enumerate(groups.names), (-1, UNKNOWN)]:
        members = values[(groups.codes == code) & ~np.isnan(values)]
        if len(members):
            drawn = bootstrap(members[:, None], n_resamples=n_resamples, seed=seed)
            result[label] = {**drawn.intervals()[0].as_json(), "n": len(members)}
    return result


def bands(values: npt.NDArray[np.floating], edges: Sequence[float]) -> Categorical:
    """Label numbers by the band they fall in; NaN is missing.

    The names stand in the order of the bands, not of the alphabet.

    Parameters
    ----------
    values : float array of shape (m,)
    edges : sequence of float
        Ascending; a value equal to an edge belongs to the band above it.

    Examples
    --------
    >>> bands(np.array([18., 25., 70.]), [25, 35]).names
    ('under 25', '25 to 35', '35 and up')
    """
    if not len(edges):
        return Categorical(np.where(np.isnan(values), -1, 0).astype(np.int32), ("all",))
    text = [f"{edge:g}" for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(text)]
    codes = np.searchsorted(np.asarray(edges, np.float64), values, side="right")
    names = (f"under {text[0]}", *between, f"{text[-1]} and up")
    return Categorical(np.where(np.isnan(values), -1, codes).astype(np.int32), names)


def history_length_groups(lengths: npt.NDArray[np.integer]) -> Categorical:
    """Label queries by the number of their events: none, 1, 2-4, 5-9, 10+; int array of shape (m,)."""
    codes = np.where(lengths < 1, 0, 1 + np.searchsorted(HISTORY_EDGES, lengths, side="right"))
    return Categorical(codes.astype(np.int32), ("none", "1", "2-4", "5-9", "10+"))


def price_groups(histories: Histories, price: npt.NDArray[np.float32]) -> Categorical:
    """Label queries by the tercile of the median price in their history: what the user usually spends.

    Parameters
    ----------
    histories : Histories
        A row a query, m rows. Every event counts alike.
    price : float32 array of shape (n_items,)
        NaN where unknown; such events are left out.

    Returns
    -------
    Categorical of m rows
        Bands between the terciles of the medians, rounded to hundredths; missing where no price is known.
    """
    medians = _medians(histories, price.astype(np.float64))
    return bands(medians, _percentiles(medians, (100 / 3, 200 / 3), decimals=2))


def attribute_groups(
    users: Users, user: npt.NDArray[np.int32], *, max_labels: int = 12, min_queries: int = FEWEST
) -> dict[str, Categorical]:
    """Label queries by each attribute that their users have.

    Parameters
    ----------
    users : Users
        As known at the snapshot.
    user : int32 array of shape (m,)
        User code of each query.
    max_labels : int
        Rarer labels than the `max_labels` most frequent become "other"; a single one stays.
    min_queries : int
        Labels of fewer queries become "other" too.

    Returns
    -------
    dict of str to Categorical
        Attributes without any value are left out. Age falls in fixed bands, other numbers in quarters.
    """
    groups = {
        name: _most_frequent(c.take(user), max_labels, min_queries) for name, c in users.categorical.items()
    }
    for name, values in users.numeric.items():
        edges = AGE_EDGES if name == "age" else _percentiles(values[user], (25, 50, 75))
        groups[name] = bands(values[user], edges)
    return {name: group for name, group in groups.items() if (group.codes >= 0).any()}


def _percentiles(
    values: npt.NDArray[np.floating], shares: Sequence[float], decimals: int | None = None
) -> list[float]:
    """The distinct percentiles of the known values, but for those that no value lies below."""
    known = values[~np.isnan(values)]
    found = np.percentile(known, shares) if len(known) else np.zeros(0)
    edges = np.unique(found if decimals is None else np.round(found, decimals))
    return [float(edge) for edge in edges if edge > known.min()]


def _medians(histories: Histories, price: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Median of the known prices of each row, float64 of shape (m,); NaN where there is none."""
    paid, query = price[histories.item], histories.query
    known = ~np.isnan(paid)
    paid, query = paid[known], query[known]
    paid = paid[np.lexsort((paid, query))]
    n = np.bincount(query, minlength=len(histories))
    starts, some = offsets_of(n)[:-1], n > 0
    medians = np.full(len(histories), np.nan)
    low, high = starts + (n - 1) // 2, starts + n // 2
    medians[some] = (paid[low[some]] + paid[high[some]]) / 2
    return medians


def _most_frequent(labels: Categorical, n: int, min_queries: int) -> Categorical:
    counts = np.bincount(labels.codes[labels.codes >= 0], minlength=len(labels.names))
    n_rare = int(((counts > 0) & (counts < min_queries)).sum())
    if int((counts > 0).sum()) <= n + 1 and n_rare <= 1:
        return labels
    frequent = np.argsort(-counts, kind="stable")[:n]
    kept = np.sort(frequent[counts[frequent] >= min_queries])
    new_code = np.full(len(labels.names) + 1, len(kept), np.int32)  # the last place serves code -1
    new_code[kept], new_code[-1] = np.arange(len(kept)), -1
    names: Mapping[int, str] = dict(enumerate(labels.names))
    return Categorical(new_code[labels.codes], (*(names[int(code)] for code in kept), OTHER))


def evaluate_groups(
    values: Mapping[str, npt.NDArray[np.float64]],
    groups: Mapping[str, Categorical],
    *,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, dict[str, dict[str, Any]]]]:
    """`by_group` for several runs and groupings: grouping to run to label to figures.

    Parameters
    ----------
    values : mapping of str to float64 array of shape (m,)
        One metric of each run; see `Evaluated.column`.
    groups : mapping of str to Categorical of m rows
    """
    return {
        name: {
            run: by_group(column, group, n_resamples=n_resamples, seed=seed) for run, column in values.items()
        }
        for name, group in groups.items()
    }
