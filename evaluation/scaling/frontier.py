"""Which cells no other beats in everything: the Pareto set over nDCG@10, seconds per user and memory.

References
----------
Kung, Luccio, Preparata, "On Finding the Maxima of a Set of Vectors", JACM 22(4), 1975 (section 1: the partial
order and its maximal elements; grids are small enough for all pairs).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from evaluation.scaling.cells import Cell, cost, done, ndcg

KINDS: Final = ("two_stage", "source")
"""Of the frontier: what could be run. Exhaustive ranking and the oracle are yardsticks."""


def undominated(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which points no other dominates, being lower somewhere and higher nowhere.

    Parameters
    ----------
    costs : float64 array of shape (n, d)
        Lower is better in each column; negate what should be high.

    Returns
    -------
    bool array of shape (n,)
        Of equal points, all or none.

    Examples
    --------
    >>> undominated(np.array([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0]])).tolist()
    [True, True, False]
    """
    nowhere_higher = (costs[:, None, :] <= costs[None, :, :]).all(axis=2)
    somewhere_lower = (costs[:, None, :] < costs[None, :, :]).any(axis=2)
    kept: npt.NDArray[np.bool_] = np.logical_not(np.any(nowhere_higher & somewhere_lower, axis=0))
    return kept


def frontier(cells: Sequence[Cell], costs: Sequence[str] = ("seconds", "memory")) -> list[str]:
    """Names of the cells on the frontier of nDCG@10 and costs, the cheapest by the first cost first.

    Parameters
    ----------
    cells : sequence of mapping
        Of one data set. Those that failed, lack a figure or are yardsticks are left out.
    costs : sequence of str
        Of `COSTS`; one that no cell has, as memory on some systems, does not count.
    """
    kept = [cell for cell in done(cells, *KINDS) if ndcg(cell) is not None]
    counted = [name for name in costs if any(cost(cell, name) is not None for cell in kept)]
    kept = [cell for cell in kept if all(cost(cell, name) is not None for name in counted)]
    if not kept or not counted:
        return []
    points = np.array([[-(ndcg(cell) or 0.0), *(cost(cell, name) for name in counted)] for cell in kept])
    names = [kept[at]["cell"] for at in np.flatnonzero(undominated(points))]
    first = {cell["cell"]: cost(cell, counted[0]) or 0.0 for cell in kept}
    return sorted(names, key=lambda name: (first[name], name))
