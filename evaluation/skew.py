"""Whether the ranker sees at work what it saw in training: each feature's distribution, then and now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
from scipy import special

from dataset.errors import DataContractError
from dataset.feature_matrix import FeatureMatrix
from dataset.persistence import Saved

MAX_EDGES: Final = 200
PSI_PARTS: Final = 10  # beside the one for missing values
BY_CHANCE: Final = 1e-3  # how often equal distributions may reach a PSI that still passes for chance
_TINY: Final = 1e-300
_TILE: Final = 256  # rows: with a hundred columns, what a processor keeps near


@dataclass(frozen=True)
class Histogram(Saved):
    """Rows of a feature matrix counted in the bins of a `Profile`, of all columns one after the other.

    Small whatever was counted; the sum over blocks of queries, in their order, is that of the whole.

    Parameters
    ----------
    counts : float64 array of shape (b,)
        Sum of the rows' weights in each bin, of at least 0.
    n_queries : int
        Queries that the rows belong to: how many there are that can differ from one another by chance.
    """

    counts: npt.NDArray[np.float64]
    n_queries: int

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self.counts + other.counts, self.n_queries + other.n_queries)

    @classmethod
    def total(cls, parts: Sequence["Histogram"]) -> "Histogram":
        """The sum of at least one part, taken in order."""
        return reduce(add, parts)


@dataclass(frozen=True)
class Profile(Saved):
    """How the columns of a table are spread, to hold another table against.

    Each column has up to `MAX_EDGES` edges, which are values of its own. Its bins are, from edge to edge,
    what lies below it and above the one before, and what equals it; then what lies above all, and what is
    missing: 2 e + 2 bins for e edges.

    Parameters
    ----------
    names, categorical : tuple of str
        As of the `FeatureMatrix`.
    edges : float32 array
        Of all columns, strictly ascending within each.
    offsets : int64 array of shape (f + 1,)
        Edges of column c are `edges[offsets[c]:offsets[c + 1]]`.
    reference : Histogram
        Of the table that the edges were taken from.
    """

    names: tuple[str, ...]
    categorical: tuple[str, ...]
    edges: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]
    reference: Histogram

    @classmethod
    def of(
        cls,
        matrix: FeatureMatrix,
        weights: npt.NDArray[np.float64] | None = None,
        *,
        n_queries: int | None = None,
    ) -> "Profile":
        """Profile of a table of n rows.

        A column with at most `MAX_EDGES` distinct values has all of them as edges, one with more so many
        quantiles, so that less than 1 / `MAX_EDGES` of the known rows lies between two. A categorical column
        has its most frequent codes, and all others lie between.

        Parameters
        ----------
        matrix : FeatureMatrix
        weights : float64 array of shape (n,) or None
            How many rows each stands for, above 0; one by default.
        n_queries : int or None
            That the rows belong to; by default each to one of its own.
        """
        weights = np.ones(len(matrix.values)) if weights is None else weights
        edges = [
            _edges(column, weights, name in matrix.categorical)
            for name, column in zip(matrix.names, matrix.values.T, strict=True)
        ]
        offsets = np.cumsum([0, *(len(own) for own in edges)]).astype(np.int64)
        flat = np.concatenate([np.zeros(0, np.float32), *edges])
        empty = cls(matrix.names, matrix.categorical, flat, offsets, Histogram(np.zeros(0), 0))
        return replace(empty, reference=empty.count(matrix, weights, n_queries=n_queries))

    def count(
        self,
        matrix: FeatureMatrix,
        weights: npt.NDArray[np.float64] | None = None,
        *,
        rows: npt.NDArray[np.int64] | None = None,
        n_queries: int | None = None,
    ) -> Histogram:
        """Rows of another table, counted in the bins of this one.

        Parameters
        ----------
        matrix : FeatureMatrix
        weights : float64 array or None
            Of the rows counted: how many each stands for; one by default.
        rows : int64 array or None
            Those to be counted; all by default.
        n_queries : int or None
            That the rows belong to; by default each to one of its own.

        Raises
        ------
        DataContractError
            If the columns are not those of the profile.
        """
        if matrix.names != self.names:
            others = sorted(set(matrix.names) ^ set(self.names)) or ["their order"]
            raise DataContractError(
                f"Features at work must be the {len(self.names)} of training. "
                f"Got {len(matrix.names)}, with a difference in {', '.join(others[:3])}."
            )
        rows = np.arange(len(matrix.values)) if rows is None else rows
        weights = np.ones(len(rows)) if weights is None else weights
        counts = np.zeros(2 * len(self.edges) + 2 * len(self.names))
        _count(matrix.values, rows, weights, self.edges, self.offsets, counts)
        return Histogram(counts, len(rows) if n_queries is None else n_queries)

    def column(self, at: int) -> slice:
        """Where the bins of a column lie in a histogram."""
        return slice(2 * int(self.offsets[at]) + 2 * at, 2 * int(self.offsets[at + 1]) + 2 * at + 2)


def skew(profile: Profile, histogram: Histogram) -> dict[str, dict[str, float]]:
    """How far each feature has moved: a histogram of the table at work, counted by the profile.

    Returns
    -------
    mapping of feature to {"psi", "ks", "by_chance"}
        `psi`: population stability index, the sum of (q - p) ln(q / p) over parts with shares p in training
        and q at work, 0 and up. The parts are the intervals between the deciles of what training knew, each
        with its upper end, equal deciles taken once, and the missing values; of a categorical column the
        nine most frequent codes, the other ones and the missing values. Half a query is added to each part
        of both, so that an empty one gives a finite figure; parts that are empty in both are left out. By
        custom, below .1 is read as stable, above .25 as shifted. It knows no distance between parts: where
        many rows share a value, a small move of it may weigh much, and `ks` little.

        `ks`: Kolmogorov-Smirnov distance, the largest between the two distribution functions, within 0 and
        1; a missing value counts as the largest. Exact for columns with at most `MAX_EDGES` distinct values
        in training, whatever comes at work; otherwise too low by less than 1 / `MAX_EDGES`. Codes have no
        order: of theirs, it is what the worst would give, half the sum of the differences of the shares.

        `by_chance`: the PSI that equal distributions would exceed once in 1 / `BY_CHANCE` times if all rows
        of a query were alike, as in columns that describe the user: (1/n + 1/m) times a quantile of the
        chi-square distribution, with n and m queries. Rows that differ within a query vary less.

    References
    ----------
    Siddiqi, "Credit risk scorecards", Wiley 2006, chapter 8 (the index and its reading).
    Yurdakul, "Statistical properties of population stability index", Western Michigan University 2018
    (its distribution).
    """
    then, now = profile.reference, histogram
    noise = 1 / max(then.n_queries, 1) + 1 / max(now.n_queries, 1)
    moved = {}
    for at, name in enumerate(profile.names):
        p, q = then.counts[profile.column(at)], now.counts[profile.column(at)]
        is_code = name in profile.categorical
        parts = _by_frequency(p) if is_code else _between_deciles(p)
        p, q = p / max(p.sum(), _TINY), q / max(q.sum(), _TINY)
        psi, freedom = _psi(parts, p * then.n_queries, q * now.n_queries)
        quantile = float(special.chdtri(freedom, BY_CHANCE)) if freedom else 0.0
        moved[name] = {"psi": psi, "ks": _distance(p - q, is_code), "by_chance": noise * quantile}
    return moved


def skew_section(
    profile: Profile,
    histogram: Histogram,
    importance: Mapping[str, float],
    limit: float | None,
    tolerated: float = 0.05,
) -> dict[str, Any]:
    """The section "skew" of `metrics.json`.

    A feature counts if the ranker uses it and its PSI is more than chance. A run passes as long as those that
    count and lie above the limit carry little of the ranker's gain: of a hundred features some follow the
    season, and a tree or two that splits on them does no harm.

    Parameters
    ----------
    profile : Profile
    histogram : Histogram
    importance : mapping of feature to share
        Of the ranker's gain; empty where it tells none, and then all features have equal shares.
    limit : float or None
        PSI above which a feature is held to have shifted; None passes everything.
    tolerated : float
        Share of the gain that shifted features may carry together, within 0 and 1; 0: none may be used.

    Returns
    -------
    mapping
        `passed`; `limit`; `tolerated`; `worst`, the one that counts with the highest PSI, as {"feature",
        "psi", "ks"}, or None where none counts; `above`, how many that count lie above the limit, and
        `gain_above`, their share of the gain; `queries`, how many were compared, as {"training",
        "inference"}; `features`, the highest PSI first, each as {"psi", "ks", "by_chance", "importance"}.
    """
    moved = skew(profile, histogram) if histogram.counts.any() else {}
    gains = importance or dict.fromkeys(moved, 1 / max(len(moved), 1))
    features = {
        name: {**moved[name], "importance": gains.get(name, 0.0)}
        for name in sorted(moved, key=lambda name: (-moved[name]["psi"], name))
    }
    counting = [name for name, f in features.items() if f["importance"] > 0 and f["psi"] > f["by_chance"]]
    above = [name for name in counting if limit is not None and features[name]["psi"] > limit]
    worst = [{"feature": name, **{key: features[name][key] for key in ("psi", "ks")}} for name in counting]
    gain_above = sum(features[name]["importance"] for name in above)
    return {
        "passed": gain_above <= tolerated,
        "limit": limit,
        "tolerated": tolerated,
        "worst": worst[0] if worst else None,
        "above": len(above),
        "gain_above": gain_above,
        "queries": {"training": profile.reference.n_queries, "inference": histogram.n_queries},
        "features": features,
    }


def check_skew(section: Mapping[str, Any]) -> None:
    """Refuse a run whose ranker sees at work what it did not see in training, by its section.

    Raises
    ------
    DataContractError
        Naming the worst feature, where the section did not pass.
    """
    if section["passed"]:
        return
    worst, others = section["worst"], section["above"] - 1
    name, more = worst["feature"], f" and {others} more" if others else ""
    raise DataContractError(
        f"Features must be spread at work as in training: those with a population stability index above "
        f"{section['limit']:g} (evaluation.max_psi) may carry {section['tolerated']:.0%} of the ranker's "
        f"gain. Got {section['gain_above']:.1%} on {name}, whose index is {worst['psi']:.3g}{more}; leave it "
        f"out with +features.exclude.skewed={name}, or make it relative to its moment."
    )


def _edges(
    column: npt.NDArray[np.float32], weights: npt.NDArray[np.float64], is_code: bool
) -> npt.NDArray[np.float32]:
    """Values that the bins of a column are made of, ascending."""
    known = ~np.isnan(column)
    column, weights = np.ascontiguousarray(column[known]), weights[known]
    values = np.unique(column)
    if len(values) <= MAX_EDGES:
        return values
    if is_code:
        mass = np.bincount(np.searchsorted(values, column), weights)
        return np.sort(values[np.argsort(-mass, kind="stable")[:MAX_EDGES]])
    order = np.argsort(column)
    below = np.cumsum(weights[order])
    at = np.searchsorted(below, np.arange(1, MAX_EDGES + 1) / MAX_EDGES * below[-1])
    return np.unique(column[order[np.minimum(at, len(order) - 1)]])


@numba.njit(nogil=True, cache=True)
def _count(values, rows, weights, edges, offsets, counts):  # type: ignore[no-untyped-def]
    """Add the weights of rows of `values`, (n, f), to the bins of their columns."""
    for start in range(0, len(rows), _TILE):
        stop = min(start + _TILE, len(rows))
        for column in range(len(offsets) - 1):
            first, end = offsets[column], offsets[column + 1]
            own = 2 * (first + column)
            for at in range(start, stop):
                value = values[rows[at], column]
                if np.isnan(value):
                    counts[own + 2 * (end - first) + 1] += weights[at]
                    continue
                low, n = first, end - first
                while n > 0:  # ends at the first edge that is not below the value
                    half = n // 2
                    if edges[low + half] < value:
                        low += half + 1
                        n -= half + 1
                    else:
                        n = half
                is_edge = low < end and edges[low] == value
                counts[own + 2 * (low - first) + is_edge] += weights[at]


def _between_deciles(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Part of each bin of an ordered column; missing values apart."""
    known = counts[:-2].reshape(-1, 2).sum(axis=1)  # of each edge, with what lies below it
    deciles = np.unique(np.searchsorted(PSI_PARTS * np.cumsum(known), np.arange(1, PSI_PARTS) * known.sum()))
    parts = np.searchsorted(deciles, np.arange(len(known) + 1))  # the last: above all edges
    return np.append(np.repeat(parts, 2)[:-1], PSI_PARTS)


def _by_frequency(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Part of each bin of codes: the most frequent ones alone, the others together; missing ones apart."""
    parts = np.full(len(counts), PSI_PARTS - 1)
    frequent = np.argsort(-counts[1:-1:2], kind="stable")[: PSI_PARTS - 1]
    parts[1 + 2 * frequent] = np.arange(len(frequent))
    parts[-1] = PSI_PARTS
    return parts


def _psi(
    parts: npt.NDArray[np.int64], p: npt.NDArray[np.float64], q: npt.NDArray[np.float64]
) -> tuple[float, int]:
    """The index and its degrees of freedom, from counts by bin then and now."""
    counts = [np.bincount(parts, counted) for counted in (p, q)]
    used = (counts[0] > 0) | (counts[1] > 0)
    then, now = ((count[used] + 0.5) / (count[used].sum() + 0.5 * used.sum()) for count in counts)
    return float(((now - then) * np.log(now / then)).sum()), int(used.sum()) - 1


def _distance(difference: npt.NDArray[np.float64], is_code: bool) -> float:
    """Kolmogorov-Smirnov distance, or of codes the total variation, from the difference of the shares."""
    return float(np.abs(difference).sum() / 2 if is_code else np.abs(np.cumsum(difference)).max())
