"""What a ranker learns from: features and grades, grouped by query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError
from dataset.feature_matrix import FeatureMatrix
from dataset.persistence import Saved


@dataclass(frozen=True)
class RankingTable(Saved):
    """Rows of candidates, n, of m queries.

    Parameters
    ----------
    offsets : int64 array of shape (m + 1,)
        Rows of query q are `offsets[q]:offsets[q + 1]`.
    features : FeatureMatrix
    grade : int8 array of shape (n,)
        Relevance: 0 for what the user did not take, else the grade of the truth.
    """

    offsets: npt.NDArray[np.int64]
    features: FeatureMatrix
    grade: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.grade)

    @staticmethod
    def concatenate(tables: "Sequence[RankingTable]") -> "RankingTable":
        """Tables with the same columns, one after the other.

        Raises
        ------
        DataContractError
            If the columns differ, or stand in another order.
        """
        columns = {(table.features.names, table.features.categorical) for table in tables}
        if len(columns) > 1:
            raise DataContractError(
                f"Tables to be joined must have the same columns in one order. Got {len(columns)} layouts."
            )
        ends = np.cumsum([0, *(len(table) for table in tables)])
        offsets = [table.offsets[:-1] + start for table, start in zip(tables, ends[:-1], strict=True)]
        first = tables[0].features
        values = np.concatenate([table.features.values for table in tables])
        return RankingTable(
            np.concatenate([*offsets, ends[-1:]]).astype(np.int64),
            FeatureMatrix(values, first.names, first.categorical),
            np.concatenate([table.grade for table in tables]),
        )
