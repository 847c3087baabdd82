"""Lists of a block of users as flat arrays, and the table of a part that is made of several blocks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.reasons.columns import reason_columns
from pipeline.reasons.reasons import Explanation, Reasons


@dataclass(frozen=True)
class Lists:
    """The lists of a block of users, a row an item, by user, then rank: n rows.

    Parameters
    ----------
    user : int32 array of shape (m,)
        Codes of the block's users, ascending.
    row : int32 array of shape (n,)
        Position in `user`.
    rank : int32 array of shape (n,)
        From 1.
    item : int32 array of shape (n,)
    score : float32 array of shape (n,)
        The ranker's, which a policy leaves as they are; NaN for items filled up from popularity, which it
        did not see.
    sources : int32 array of shape (n,)
        Position in `names`.
    names : tuple of str
        The combinations of sources, joined by "|".
    rung : int8 array of shape (m,)
        Who answered each user, a position in `rungs`.
    rungs : tuple of str
    reasons : Reasons or None
        A row an item; None where none are asked for.
    """

    user: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]
    rank: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    score: npt.NDArray[np.float32]
    sources: npt.NDArray[np.int32]
    names: tuple[str, ...]
    rung: npt.NDArray[np.int8]
    rungs: tuple[str, ...]
    reasons: Reasons | None = None


def lists_table(
    part: Sequence[Lists],
    user_ids: pa.Array,
    item_ids: pa.Array,
    run_id: str,
    explained: Callable[[], Explanation],
) -> pa.Table:
    """Rows of a part: user, rank, item, score, sources, rung, run_id, and the reasons if there are any.

    Each distinct text stands there once.

    Parameters
    ----------
    part : sequence of Lists
        Of its blocks, in order.
    user_ids, item_ids : pyarrow.Array
        External ids by code.
    run_id : str
    explained : callable
        What the reasons were read from; called only if there are any.
    """
    users = np.concatenate([lists.user for lists in part])
    first = np.cumsum([0, *(len(lists.user) for lists in part)])
    row = np.concatenate([lists.row + start for lists, start in zip(part, first[:-1], strict=True)])
    used, item = _compacted(np.concatenate([lists.item for lists in part]), len(item_ids))
    names = sorted({name for lists in part for name in lists.names})
    position = {name: at for at, name in enumerate(names)}
    sources = [np.array([position[name] for name in lists.names])[lists.sources] for lists in part]
    score = np.concatenate([lists.score for lists in part])
    rung = np.concatenate([lists.rung[lists.row] for lists in part])
    reasons = [lists.reasons for lists in part if lists.reasons is not None]
    return pa.table(
        {
            "user": _coded(row, user_ids.take(pa.array(users))),
            "rank": np.concatenate([lists.rank for lists in part]),
            "item": _coded(item, item_ids.take(pa.array(used))),
            "score": pa.array(score, mask=np.isnan(score)),
            "sources": _coded(np.concatenate(sources), pa.array(names, pa.string())),
            "rung": _coded(rung, pa.array(part[0].rungs, pa.string())),
            "run_id": _coded(np.zeros(len(row), np.int32), pa.array([run_id], pa.string())),
            **(reason_columns(reasons, explained(), item_ids) if reasons else {}),
        }
    )


def _coded(codes: npt.NDArray[Any], texts: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), texts)


def _compacted(codes: npt.NDArray[np.int32], n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The codes that occur, ascending, and the position of each given code among them."""
    occurs = np.zeros(n, bool)
    occurs[codes] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]
