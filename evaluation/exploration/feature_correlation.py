"""Which candidate features go with a purchase in the next window.

The rows are candidates: pairs of a user and an item that simple retrieval named at a moment. Rows of one user
are no independent witnesses, so users are the units of every interval and test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from dataset.errors import DataContractError
from dataset.feature_matrix import FeatureMatrix
from evaluation.exploration.multiplicity import benjamini_hochberg

_Z: Final = 1.959964
LIMIT: Final = 0.05


@dataclass(frozen=True)
class Labelled:
    """Candidates with their features and what became of them: n rows of m queries.

    Parameters
    ----------
    matrix : FeatureMatrix
    label : bool array of shape (n,)
        Whether the user took the item in the window.
    query : int32 array of shape (n,)
        Ascending.
    """

    matrix: FeatureMatrix
    label: npt.NDArray[np.bool_]
    query: npt.NDArray[np.int32]


def feature_correlation(
    labelled: Labelled, facts: Mapping[str, Any], *, n_permutations: int = 199, seed: int = 0
) -> dict[str, Any]:
    """Spearman's correlation of each number, and mutual information of each category, with the purchase.

    Parameters
    ----------
    labelled : Labelled
    facts : mapping
        What else the section says: where the rows are from.
    n_permutations : int
        Of the labels within each query, for the mutual information: the least p is 1 / (1 + n_permutations).
    seed : int
        Of the permutations.

    Returns
    -------
    mapping
        The facts; `rows`, `queries`, `purchases`; `numeric`: feature to `rho`, `low`, `high` (Spearman over
        all rows: who, and which item), `within`, `within_low`, `within_high` (over ranks within each query:
        which item alone, all that a ranker can use; None for what is the same for all candidates of a user),
        `p`, `p_adjusted`, `known` (share of rows); `categorical`: feature to `bits` (mutual information
        beyond chance), `share` (of the label's entropy), `p`, `p_adjusted`, `known`; both by falling
        strength; `constant`: features that do not vary; `of_user`: categories that are the same for all
        candidates of a user, so that they order nothing by themselves and are not tested. Adjusted by
        Benjamini and Hochberg over all features together.

    Raises
    ------
    DataContractError
        If no row, or every row, is a purchase.
    """
    matrix, label = labelled.matrix, labelled.label
    if not label.any() or label.all():
        raise DataContractError(
            f"Features are compared with purchases, which some candidates must be and some not. Got "
            f"{int(label.sum())} of {len(label)}."
        )
    numeric: dict[str, dict[str, Any]] = {}
    codes: dict[str, npt.NDArray[np.float32]] = {}
    constant, of_user = [], []
    for at, name in enumerate(matrix.names):
        column = matrix.values[:, at]
        known = ~np.isnan(column)
        if not known.any() or (column[known] == column[known][0]).all():
            constant.append(name)
        elif name in matrix.categorical and _is_of_query(column, labelled.query):
            of_user.append(name)
        elif name in matrix.categorical:
            codes[name] = column
        else:
            numeric[name] = _correlation(column, labelled)
    categorical = _informations(codes, labelled, n_permutations, seed)
    every = {**numeric, **categorical}
    p = np.array([figures["p"] for figures in every.values()], np.float64)
    for figures, adjusted in zip(every.values(), benjamini_hochberg(p).tolist(), strict=True):
        figures["p_adjusted"] = adjusted if np.isfinite(adjusted) else None
    found = {
        **facts,
        "rows": len(label),
        "queries": len(np.unique(labelled.query)),
        "purchases": int(label.sum()),
        "numeric": _by(numeric, lambda figures: -abs(figures["rho"])),
        "categorical": _by(categorical, lambda figures: -figures["bits"]),
        "constant": constant,
        "of_user": of_user,
    }
    return {**found, "reading": _reading(found)}


def clustered_correlation(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], cluster: npt.NDArray[np.integer]
) -> tuple[float, float, float]:
    """Pearson's correlation of two columns, its standard error, and p of the hypothesis that it is 0.

    Over ranks it is Spearman's. The variance is that of the sum of influences over clusters, which counts
    their rows as one witness; the ranks are taken as they are. The test uses the variance under the
    hypothesis, and the normal distribution.

    References
    ----------
    Devlin, Gnanadesikan, Kettenring, "Robust estimation and outlier detection with correlation
    coefficients", Biometrika 62, 1975 (the influence of a row on a correlation); Cameron, Miller, "A
    practitioner's guide to cluster-robust inference", Journal of Human Resources 50, 2015.
    """
    n = len(x)
    deviations = [column - column.mean() for column in (x, y)]
    scales = [np.sqrt((column**2).mean()) for column in deviations]
    if min(scales) == 0:
        return float("nan"), float("nan"), float("nan")
    u, v = (column / scale for column, scale in zip(deviations, scales, strict=True))
    rho = float((u * v).mean())
    codes = np.unique(cluster, return_inverse=True)[1]
    groups = int(codes[-1]) + 1 if len(codes) else 0
    factor = groups / max(groups - 1, 1)
    influence = np.bincount(codes, weights=u * v - rho / 2 * (u**2 + v**2))
    error = float(np.sqrt(factor * (influence**2).sum()) / n)
    score = np.bincount(codes, weights=u * v)
    under_null = float(np.sqrt(factor * ((score - score.mean()) ** 2).sum()) / n)
    p = 2 * float(stats.norm.sf(abs(rho) / under_null)) if under_null > 0 else float("nan")
    return rho, error, p


def mutual_information(codes: npt.NDArray[np.integer], label: npt.NDArray[np.bool_], n_codes: int) -> float:
    """Of a category and a yes or no, in bits: the sum of p(c, y) log2 p(c, y) / p(c) p(y) over their counts.

    References
    ----------
    Cover, Thomas, "Elements of information theory", 2nd edition, 2006, section 2.3.
    """
    joint = np.bincount(codes * 2 + label, minlength=2 * n_codes).reshape(n_codes, 2) / len(codes)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    terms = np.divide(joint, apart, out=np.ones_like(joint), where=joint > 0)
    return float((joint * np.log2(terms)).sum())


def _correlation(column: npt.NDArray[np.float32], labelled: Labelled) -> dict[str, Any]:
    known = ~np.isnan(column)
    value, query = column[known], labelled.query[known]
    label = labelled.label[known].astype(np.float64)
    rho, error, p = clustered_correlation(stats.rankdata(value), label, query)
    figures = {"rho": rho, "low": rho - _Z * error, "high": rho + _Z * error, "p": p, "known": known.mean()}
    inside, error, _ = clustered_correlation(*_within(value, label, query), query)
    figures |= {"within": inside, "within_low": inside - _Z * error, "within_high": inside + _Z * error}
    return {name: float(value) if np.isfinite(value) else None for name, value in figures.items()}


def _within(
    value: npt.NDArray[np.float32], label: npt.NDArray[np.float64], query: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Ranks within each query, from 0 to 1, and labels, both less their mean of the query."""
    order = np.lexsort((value, query))
    codes = np.unique(query, return_inverse=True)[1]
    size = np.bincount(codes)
    start = np.concatenate([[0], np.cumsum(size)])[:-1]
    new = np.ones(len(order), bool)
    new[1:] = (query[order[1:]] != query[order[:-1]]) | (value[order[1:]] != value[order[:-1]])
    tie = np.cumsum(new) - 1
    place = np.bincount(tie, weights=np.arange(len(order))) / np.bincount(tie)
    rank = np.empty(len(order))
    rank[order] = place[tie]
    rank = (rank - start[codes]) / np.maximum(size[codes] - 1, 1)
    centred = [column - (np.bincount(codes, weights=column) / size)[codes] for column in (rank, label)]
    centred[0][np.abs(centred[0]) < 1e-12] = 0  # what does not vary within any query has no rank there
    return centred[0], centred[1]


def _informations(
    columns: Mapping[str, npt.NDArray[np.float32]], labelled: Labelled, n_permutations: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Of each categorical column; a missing category counts as one of its own. All share the permutations."""
    label, n = labelled.label, len(labelled.label)
    codes = {name: np.unique(column, return_inverse=True)[1] for name, column in columns.items()}
    sizes = {name: int(own.max()) + 1 for name, own in codes.items()}
    random = np.random.default_rng(seed)
    drawn = np.empty((n_permutations, len(codes)))
    for at in range(n_permutations if codes else 0):
        permuted = label[np.argsort(labelled.query + random.random(n))]  # each query keeps its place
        drawn[at] = [mutual_information(own, permuted, sizes[name]) for name, own in codes.items()]
    share = label.mean()
    entropy = float(-sum(p * np.log2(p) for p in (share, 1 - share)))
    found = {}
    for at, (name, own) in enumerate(codes.items()):
        bits = mutual_information(own, label, sizes[name])
        beyond = max(bits - float(drawn[:, at].mean()), 0.0)
        found[name] = {
            "bits": beyond,
            "share": beyond / entropy,
            "p": float((1 + (drawn[:, at] >= bits - 1e-15).sum()) / (1 + n_permutations)),
            "known": float((~np.isnan(columns[name])).mean()),
        }
    return found


def _is_of_query(column: npt.NDArray[np.float32], query: npt.NDArray[np.int32]) -> bool:
    """Whether a column is the same in all rows of each query, which stand together."""
    value = np.nan_to_num(column, nan=-1.0)
    return bool((value[1:] == value[:-1])[query[1:] == query[:-1]].all())


def _by(figures: dict[str, dict[str, Any]], key: Any) -> dict[str, dict[str, Any]]:
    return {name: figures[name] for name in sorted(figures, key=lambda name: (key(figures[name]), name))}


def _reading(found: Mapping[str, Any]) -> str:
    numeric = found["numeric"]
    every = {**numeric, **found["categorical"]}
    sure = [
        name
        for name, figures in every.items()
        if figures["p_adjusted"] is not None and figures["p_adjusted"] < LIMIT
    ]
    said = f"{len(sure)} of {len(every)} features go with a purchase by more than chance. "
    ranking = [name for name in numeric if numeric[name]["within"] is not None]
    if ranking:
        best = max(ranking, key=lambda name: abs(numeric[name]["within"]))
        figures = numeric[best]
        said += (
            f"Among the candidates of one user, {best} orders best: {figures['within']:+.3f} "
            f"[{figures['within_low']:+.3f}, {figures['within_high']:+.3f}]. "
        )
    return (
        said + "A weak feature alone may be a strong one together with others; this table excludes nothing."
    )
