"""nDCG of whole pools, from tables in which most negatives were left out."""

import numpy as np
import numpy.typing as npt


def expected_ranks(
    offsets: npt.NDArray[np.int64], scores: npt.NDArray[np.float32], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Rank, from 1, that each row would have in the pool that its query's rows were drawn from.

    One plus the weights of the rows above it: each stands for as many candidates of the pool (Horvitz and
    Thompson, Journal of the American Statistical Association 1952, section 2). Ties go to the earlier row.

    Parameters
    ----------
    offsets : int64 array of shape (m + 1,)
        Rows of query q are `offsets[q]:offsets[q + 1]`.
    scores : float32 array of shape (n,)
    weights : float64 array of shape (n,)
        See `Sampling.weights`.
    """
    query = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((-scores, query))
    above = np.cumsum(weights[order]) - weights[order]
    before = np.concatenate([[0.0], np.cumsum(weights[order])])[offsets[:-1]]
    out = np.empty(len(scores))
    out[order] = 1 + above - before[query[order]]
    return out


def expected_ndcg(
    offsets: npt.NDArray[np.int64], ranks: npt.NDArray[np.float64], grade: npt.NDArray[np.int8], k: int
) -> float:
    """Mean nDCG@k of the queries that have a positive; gains are 2 ** grade - 1.

    Parameters
    ----------
    offsets : int64 array of shape (m + 1,)
    ranks : float64 array of shape (n,)
        From 1; +inf for rows that are in no list.
    grade : int8 array of shape (n,)
    k : int

    References
    ----------
    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 20 (2002), section 2.3.
    """
    gain = np.exp2(grade.astype(np.float64)) - 1
    query = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    best = expected_ranks(offsets, grade.astype(np.float32), np.ones(len(grade)))
    dcg, ideal = (
        np.bincount(query, gain * (of <= k) / np.log2(1 + of), minlength=len(offsets) - 1)
        for of in (ranks, best)
    )
    return float((dcg[ideal > 0] / ideal[ideal > 0]).mean()) if (ideal > 0).any() else 0.0
