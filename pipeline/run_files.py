"""The tables of a run folder, with external ids: lists, values by query, groups."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from dataset.dataset import Dataset
from dataset.ragged import Categorical
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from evaluation.evaluate import Evaluated


def write_lists(path: Path, dataset: Dataset, test: Snapshot, lists: Ranked) -> None:
    """The two-stage lists of the test queries, a row an item, in the order of the queries."""
    row, rank = np.nonzero(lists.items >= 0)
    frame = pd.DataFrame(
        {
            "user": dataset.user_ids.decode(test.queries.user[row]),
            "rank": (rank + 1).astype(np.int16),
            "item": dataset.item_ids.decode(lists.items[row, rank]),
            "score": lists.scores[row, rank],
        }
    )
    frame.to_parquet(path, index=False)


def write_per_query(path: Path, dataset: Dataset, evaluated: Evaluated) -> None:
    """Each metric of each run by query, for paired comparisons later."""
    frame = evaluated.per_query.copy()
    frame["user"] = dataset.user_ids.decode(frame["user"].to_numpy(np.int32))
    frame.astype(dict.fromkeys(frame.columns[3:], np.float32)).to_parquet(path, index=False)


def write_groups(path: Path, dataset: Dataset, test: Snapshot, groups: Mapping[str, Categorical]) -> None:
    """The label of each query in each grouping, for comparisons of groups later; null where unknown."""
    columns = {name: _labels(group) for name, group in groups.items()}
    user = dataset.user_ids.decode(test.queries.user)
    pd.DataFrame({"user": user, **columns}).to_parquet(path, index=False)


def _labels(group: Categorical) -> "pd.Series[str]":
    names = np.array([*group.names, None], object)  # the last place serves code -1
    return pd.Series(names[group.codes], dtype="str")
