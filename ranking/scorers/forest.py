"""LightGBM's text model as arrays, with thresholds that float32 comparisons decide alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ranking.scorers.columns import GREATEST, Columns
from ranking.scorers.scorer import UnsupportedError

_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # bits of decision_type; two more are the kind of missing value
_ZERO, _NAN = 1, 2

# Feature, whether the missing go right, whether 0 is missing, whether capped, and the categories.
_Key = tuple[int, bool, bool, bool, tuple[int, ...] | None]


@dataclass(frozen=True)
class Forest:
    """T trees of s splits in all; the score of a row is the sum of the leaves that it falls into.

    A row goes left at a split unless its column is greater than the threshold. Features are float32 and
    LightGBM's thresholds float64: `x <= t` holds for a float32 x exactly if it holds for the greatest float32
    that is not above t, so that each threshold is rounded down.

    Parameters
    ----------
    n_features : int
    columns : Columns
    split_offsets, leaf_offsets : int64 arrays of shape (T + 1,)
        Splits, or leaves, of tree t are rows `offsets[t]:offsets[t + 1]`.
    column : int32 array of shape (s,)
        Which of `columns` a split reads.
    threshold : float32 array of shape (s,)
    left, right : int32 arrays of shape (s,)
        Split of the same tree where a row goes on; -1 - i for leaf i of the tree.
    leaf : float64 array of shape (s + T,)
    """

    n_features: int
    columns: Columns
    split_offsets: npt.NDArray[np.int64]
    leaf_offsets: npt.NDArray[np.int64]
    column: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    leaf: npt.NDArray[np.float64]

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.leaf_offsets) - 1

    @property
    def most_leaves(self) -> int:
        """Leaves of the largest tree; 0 without a tree."""
        return int(np.diff(self.leaf_offsets).max(initial=0))

    @staticmethod
    def of(model: str) -> "Forest":
        """The forest of a text model.

        Raises
        ------
        UnsupportedError
            If its score is not a plain sum of constant leaves.
        """
        head, *blocks = model.partition("\nend of trees")[0].split("\nTree=")
        facts = _entries(head)
        kind = facts.get("num_tree_per_iteration", "1"), facts.get("num_class", "1")
        trees = [_entries(block) for block in blocks]
        averaged = "average_output" in head.splitlines()
        if kind != ("1", "1") or averaged or any(tree.get("is_linear", "0") != "0" for tree in trees):
            raise UnsupportedError("its score is not one sum of constant leaves")
        n_splits = [int(tree["num_leaves"]) - 1 for tree in trees]
        keys = [key for tree, n in zip(trees, n_splits, strict=True) for key in _keys(tree, n)]
        distinct = sorted(set(keys), key=lambda key: (*key[:4], key[4] or ()))
        place = {key: at for at, key in enumerate(distinct)}
        categorical = np.array([key[4] is not None for key in keys], np.bool_)
        capped = np.array([key[3] for key in keys], np.bool_)
        threshold = rounded_down(_joined(trees, n_splits, "threshold", np.float64))
        threshold[capped] = GREATEST
        return Forest(
            n_features=int(facts["max_feature_idx"]) + 1,
            columns=_columns(distinct),
            split_offsets=np.cumsum([0, *n_splits], dtype=np.int64),
            leaf_offsets=np.cumsum([0, *(n + 1 for n in n_splits)], dtype=np.int64),
            column=np.array([place[key] for key in keys], np.int32),
            threshold=np.where(categorical, np.float32(0.5), threshold),
            left=_joined(trees, n_splits, "left_child", np.int32),
            right=_joined(trees, n_splits, "right_child", np.int32),
            leaf=_joined(trees, [n + 1 for n in n_splits], "leaf_value", np.float64),
        )


def rounded_down(threshold: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The greatest float32 that is not above each number."""
    with np.errstate(over="ignore"):
        nearest = threshold.astype(np.float32)
        below = np.nextafter(nearest, np.float32(-np.inf))
    return np.where(nearest.astype(np.float64) > threshold, below, nearest)


def _entries(block: str) -> dict[str, str]:
    """Lines of "name=value"."""
    return {name: value for name, _, value in (line.partition("=") for line in block.splitlines())}


def _keys(tree: dict[str, str], n: int) -> Iterator[_Key]:
    """What the split of each of n columns needs of its feature."""
    feature, kind, threshold = (
        _array(tree, name, np.float64)[:n] for name in ("split_feature", "decision_type", "threshold")
    )
    bounds, words = (_array(tree, name, np.int64) for name in ("cat_boundaries", "cat_threshold"))
    for at, bits, limit in zip(feature.astype(int), kind.astype(int), threshold, strict=True):
        if bits & _CATEGORICAL:
            chosen = words[bounds[int(limit)] : bounds[int(limit) + 1]]
            yield int(at), True, False, False, tuple(chosen.tolist())
            continue
        missing = (bits >> 2) & 3
        # LightGBM takes NaN for 0 where training saw none missing.
        goes_left = bits & _DEFAULT_LEFT if missing in (_ZERO, _NAN) else limit >= 0
        # LightGBM writes `x <= inf` where only the missing go right.
        yield int(at), not goes_left, missing == _ZERO, not goes_left and limit == np.inf, None


def _columns(keys: list[_Key]) -> Columns:
    lengths = [-1 if words is None else len(words) for *_, words in keys]
    first = np.cumsum([0, *(max(length, 0) for length in lengths)])[:-1]
    return Columns(
        feature=np.array([key[0] for key in keys], np.int32),
        missing=np.array([np.inf if key[1] else -np.inf for key in keys], np.float32),
        zero_is_missing=np.array([key[2] for key in keys], np.bool_),
        capped=np.array([key[3] for key in keys], np.bool_),
        first_word=first.astype(np.int32),
        n_words=np.array(lengths, np.int32),
        words=np.array([word for *_, words in keys for word in words or ()], np.uint32),
    )


def _array(tree: dict[str, str], name: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.array(tree.get(name, "").split(), dtype)


def _joined(trees: list[dict[str, str]], n: list[int], name: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The first n numbers of each tree, one tree after the other."""
    parts = [_array(tree, name, dtype)[:length] for tree, length in zip(trees, n, strict=True)]
    return np.concatenate([np.zeros(0, dtype), *parts])
