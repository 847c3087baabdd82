"""Training tables cut into partitions, each query whole in one of them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError
from ranking.table import RankingTable


def partitions(table: RankingTable, n: int) -> list[RankingTable]:
    """A table cut into n tables of about as many rows, between queries; queries without a row are left out.

    Raises
    ------
    DataContractError
        If there are fewer queries than n.
    """
    offsets = np.unique(table.offsets)
    m = len(offsets) - 1
    if m < n:
        raise DataContractError(
            f"Distributed training needs queries for each of {n} workers. Got {m} of them; "
            "lower ranking.workers, or take ranking=lambdamart."
        )
    at = np.searchsorted(offsets, np.linspace(0, len(table), n + 1)[1:-1])
    # One query of most rows takes several cuts: each then moves on by a query, as far as leaves one for each.
    number = np.arange(1, n)
    at = np.minimum(np.maximum.accumulate(np.maximum(at - number, 0)) + number, m - n + number)
    cuts = np.concatenate([[0], at, [m]])
    parts = []
    for first, last in pairwise(cuts.tolist()):
        rows = np.arange(offsets[first], offsets[last])
        parts.append(
            RankingTable(offsets[first : last + 1] - rows[0], table.features.take(rows), table.grade[rows])
        )
    query = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    check_partitions(np.split(query, offsets[cuts[1:-1]]))
    return parts


def check_partitions(queries: Sequence[npt.NDArray[np.integer]]) -> None:
    """Refuse queries whose rows are split over partitions, or scattered within one: pairs would be lost.

    Parameters
    ----------
    queries : sequence of integer arrays
        The query of each row of each partition.

    Raises
    ------
    DataContractError
    """
    seen: dict[int, int] = {}
    for number, query in enumerate(queries):
        starts = np.flatnonzero(np.diff(query, prepend=query[:1] - 1))
        for name in query[starts].tolist():
            if name in seen:
                raise DataContractError(
                    f"The rows of a query must lie together in one partition. Got query {name} in partition "
                    f"{seen[name]} and again in {number}; cut between queries."
                )
            seen[name] = number
