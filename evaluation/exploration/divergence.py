"""How far two distributions over the same parts are from each other."""

import numpy as np
import numpy.typing as npt
from scipy import special

BY_CHANCE = 1e-3  # how often equal distributions may reach an index that still passes for chance


def population_stability(
    now: npt.NDArray[np.float64], then: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Population stability index of rows of counts: the sum of (q - p) ln(q / p) over the parts.

    Half a count is added to each part of both, so that an empty one gives a finite figure; parts that are
    empty in both are left out. By custom, below .1 is read as stable, above .25 as shifted.

    Parameters
    ----------
    now, then : float64 arrays of shape (m, parts)

    Returns
    -------
    float64 array of shape (m,)
        0 and up; NaN where either row is empty.

    References
    ----------
    Siddiqi, "Credit risk scorecards", Wiley 2006, chapter 8.
    """
    used = (now > 0) | (then > 0)
    q, p = (_shares(np.where(used, counts + 0.5, 0.0)) for counts in (now, then))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(used, (q - p) * np.log(q / p), 0.0)
    empty = (now.sum(axis=1) == 0) | (then.sum(axis=1) == 0)
    return np.where(empty, np.nan, terms.sum(axis=1))


def jensen_shannon(now: npt.NDArray[np.float64], then: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Jensen-Shannon divergence of rows of counts, in bits: 0 where equal, 1 where nothing is shared.

    Parameters
    ----------
    now, then : float64 arrays of shape (m, parts)

    Returns
    -------
    float64 array of shape (m,)
        NaN where either row is empty.

    References
    ----------
    Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37, 1991.
    """
    q, p = _shares(now), _shares(then)
    middle = (p + q) / 2
    divergence = (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum(axis=1) / (2 * np.log(2))
    empty = (now.sum(axis=1) == 0) | (then.sum(axis=1) == 0)
    return np.where(empty, np.nan, divergence)


def stability_by_chance(
    now: npt.NDArray[np.float64],
    then: npt.NDArray[np.float64],
    n_now: npt.NDArray[np.integer],
    n_then: npt.NDArray[np.integer],
) -> npt.NDArray[np.float64]:
    """The index that equal distributions would exceed once in a thousand times, float64 of shape (m,).

    (1/n + 1/m) times a quantile of the chi-square distribution with as many degrees of freedom as there are
    parts with a count, less one.

    Parameters
    ----------
    now, then : float64 arrays of shape (m, parts)
    n_now, n_then : int arrays of shape (m,)
        Independent units, such as users, behind the counts.

    References
    ----------
    Yurdakul, "Statistical properties of population stability index", Western Michigan University 2018.
    """
    freedom = np.maximum(((now > 0) | (then > 0)).sum(axis=1) - 1, 0)
    quantile = np.where(freedom > 0, special.chdtri(np.maximum(freedom, 1), BY_CHANCE), 0.0)
    return np.asarray((1 / np.maximum(n_now, 1) + 1 / np.maximum(n_then, 1)) * quantile)


def _shares(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300))
