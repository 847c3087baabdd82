"""SHAP values of trees, summed by family of features: exact, and many rows an instruction."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from ranking.scorers.columns import Columns, fill
from ranking.scorers.forest import Forest
from ranking.scorers.scorer import UnsupportedError

_ROWS: Final = 64  # of a block: its columns and outcomes stay in the cache

# Of a path: the product of shares, the outcomes (split, whether to the right), by feature.
_Path = dict[int, tuple[float, list[tuple[int, bool]]]]


@dataclass(frozen=True)
class Paths:
    """The ways to the leaves of a forest, L leaves, each with the d features that it asks about.

    A leaf of value v adds to feature i, with o = 1 where the row keeps to the path as far as i is asked
    about, else 0, and z the share of the training's rows that did so at the splits on i,

        v (o_i - z_i) * integral over t in (0, 1) of the product over j != i of z_j (1 - t) + o_j t.

    That is Shapley's sum over subsets: its weights s! (d - 1 - s)! / d! are the integrals of
    t^s (1 - t)^(d - 1 - s). The integrand is a polynomial of degree d - 1, which the rule of Gauss and
    Legendre with d / 2 points, rounded up, integrates exactly. All factors are positive: nothing cancels.

    Parameters
    ----------
    forest : Forest
    base : float
        Mean of the forest over the training's rows.
    value : float64 array of shape (L,)
        Of each leaf.
    tree_offsets : int64 array of shape (T + 1,)
        Leaves of each tree.
    offsets : int64 array of shape (L + 1,)
        Parts, a leaf and a feature, of each leaf.
    family : int32 array of shape (p,)
        Where the feature of a part counts.
    share : float64 array of shape (p,)
        The z above.
    outcome_offsets : int64 array of shape (p + 1,)
    outcome : int32 array
        Of each part the splits, by their number within the tree, that must send the row to the right; of
        those that must send it to the left, -1 - number.
    point_offsets : int64 array of shape (L + 1,)
    point, weight : float64 arrays
        Of the rule, of each leaf.

    References
    ----------
    Lundberg, Erion and Lee, "Consistent individualized feature attribution for tree ensembles", 2018,
    algorithm 1 (what is computed).
    """

    forest: Forest
    base: float
    value: npt.NDArray[np.float64]
    tree_offsets: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    family: npt.NDArray[np.int32]
    share: npt.NDArray[np.float64]
    outcome_offsets: npt.NDArray[np.int64]
    outcome: npt.NDArray[np.int32]
    point_offsets: npt.NDArray[np.int64]
    point: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]

    @classmethod
    def of(cls, model: str, family_of: Sequence[int]) -> "Paths":
        """The paths of a text model.

        Parameters
        ----------
        model : str
        family_of : sequence of int
            Where each feature of the model counts, from 0.

        Raises
        ------
        UnsupportedError
            If the score is not one sum of leaves, or the model does not say how many rows came to each.
        """
        forest = Forest.of(model)
        base, value, family, share, outcomes, depth = 0.0, [], [], [], [], []
        for tree, (of_split, of_leaf) in enumerate(_counts(model, forest)):
            leaves = forest.leaf[forest.leaf_offsets[tree] : forest.leaf_offsets[tree + 1]]
            base += float(leaves @ (of_leaf / of_leaf.sum()))
            for leaf, path in _paths(forest, tree, of_split, of_leaf):
                value.append(float(leaves[leaf]))
                depth.append(len(path))
                for feature, (z, steps) in path.items():
                    family.append(family_of[feature])
                    share.append(z)
                    outcomes.append([split if right else -1 - split for split, right in steps])
        rules = [np.polynomial.legendre.leggauss(max(1, -(-d // 2))) for d in depth]
        return cls(
            forest=forest,
            base=base,
            value=np.array(value, np.float64),
            tree_offsets=forest.leaf_offsets,
            offsets=np.cumsum([0, *depth], dtype=np.int64),
            family=np.array(family, np.int32),
            share=np.array(share, np.float64),
            outcome_offsets=np.cumsum([0, *(len(steps) for steps in outcomes)], dtype=np.int64),
            outcome=np.array([step for steps in outcomes for step in steps], np.int32),
            point_offsets=np.cumsum([0, *(len(points) for points, _ in rules)], dtype=np.int64),
            point=np.concatenate([np.zeros(0), *((1 + points) / 2 for points, _ in rules)]),
            weight=np.concatenate([np.zeros(0), *(weights / 2 for _, weights in rules)]),
        )

    def add(self, values: npt.NDArray[np.float32], out: npt.NDArray[np.float64]) -> None:
        """Add what each family gives each row.

        Parameters
        ----------
        values : float32 array of shape (n, f), C-contiguous
            Columns in the order of the training.
        out : float64 array of shape (n, number of families)
        """
        forest: Forest = self.forest
        columns: Columns = forest.columns
        splits = forest.split_offsets, forest.column, forest.threshold
        parts = self.offsets, self.family, self.share, self.outcome_offsets, self.outcome
        rule = self.point_offsets, self.point, self.weight
        deepest = int(np.diff(self.offsets).max(initial=0))
        most = int(np.diff(forest.split_offsets).max(initial=0))
        _add(values, columns.arrays, splits, self.tree_offsets, self.value, parts, rule, deepest, most, out)


def _counts(model: str, forest: Forest) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """How many of the training's rows came to each split, and to each leaf, of each tree."""
    found = []
    blocks = model.partition("\nend of trees")[0].split("\nTree=")[1:]
    for block, n_splits in zip(blocks, np.diff(forest.split_offsets), strict=True):
        counts = [
            np.array((re.findall(rf"^{name}=(.*)$", block, re.MULTILINE) or [""])[0].split(), np.float64)
            for name in ("internal_count", "leaf_count")
        ]
        if not n_splits:
            found.append((np.zeros(0), np.ones(1)))
            continue
        of_split, of_leaf = counts[0][:n_splits], counts[1][: n_splits + 1]
        if len(of_leaf) <= n_splits or len(of_split) < n_splits or (of_leaf <= 0).any():
            raise UnsupportedError("it does not say how many rows came to each leaf")
        found.append((of_split, of_leaf))
    return found


def _paths(
    forest: Forest, tree: int, of_split: npt.NDArray[np.float64], of_leaf: npt.NDArray[np.float64]
) -> list[tuple[int, _Path]]:
    """Each leaf of a tree with what is asked on the way to it."""
    start = int(forest.split_offsets[tree])
    found: list[tuple[int, _Path]] = []
    waiting: list[tuple[int, _Path]] = [(0 if len(of_split) else -1, {})]
    while waiting:
        node, path = waiting.pop()
        if node < 0:
            found.append((-1 - node, path))
            continue
        feature = int(forest.columns.feature[forest.column[start + node]])
        z, steps = path.get(feature, (1.0, []))
        for child, right in (
            (int(forest.left[start + node]), False),
            (int(forest.right[start + node]), True),
        ):
            count = of_split[child] if child >= 0 else of_leaf[-1 - child]
            on = (z * float(count / of_split[node]), [*steps, (node, right)])
            waiting.append((child, {**path, feature: on}))
    return found


@numba.njit(nogil=True, cache=True)
def _add(  # type: ignore[no-untyped-def]
    values, columns, splits, tree_offsets, value, parts, rule, deepest, most, out
):
    """Add to `out` of shape (n, families); see `Paths`."""
    split_offsets, column, threshold = splits
    block = np.zeros((max(len(columns[0]), 1), _ROWS), np.float32)
    right = np.zeros((max(most, 1), _ROWS))
    total = np.empty((out.shape[1], _ROWS))
    scratch = np.empty((3 + deepest + (deepest + 1) // 2, _ROWS))
    for start in range(0, len(values), _ROWS):
        n = min(_ROWS, len(values) - start)
        fill(values, start, n, *columns, block)
        total[:] = 0
        for tree in range(len(tree_offsets) - 1):
            first = split_offsets[tree]
            for split in range(first, split_offsets[tree + 1]):
                read, limit, to = block[column[split]], threshold[split], right[split - first]
                for row in range(_ROWS):
                    to[row] = 1.0 if read[row] > limit else 0.0
            for leaf in range(tree_offsets[tree], tree_offsets[tree + 1]):
                _add_leaf(leaf, value[leaf], right, parts, rule, deepest, scratch, total)
        for row in range(n):
            for family in range(out.shape[1]):
                out[start + row, family] += total[family, row]


@numba.njit(nogil=True, cache=True)
def _add_leaf(leaf, value, right, parts, rule, deepest, scratch, total):  # type: ignore[no-untyped-def]
    """Add what a leaf gives to each family, `total` of shape (families, _ROWS)."""
    offsets, family, share, outcome_offsets, outcome = parts
    point_offsets, point, weight = rule
    first, d = offsets[leaf], offsets[leaf + 1] - offsets[leaf]
    kept, product, term = scratch[:d], scratch[deepest:], scratch[len(scratch) - 1]
    for j in range(d):
        keeps = kept[j]
        keeps[:] = 1.0
        for at in range(outcome_offsets[first + j], outcome_offsets[first + j + 1]):
            if outcome[at] >= 0:
                went = right[outcome[at]]
                for row in range(_ROWS):
                    keeps[row] *= went[row]
            else:
                went = right[-1 - outcome[at]]
                for row in range(_ROWS):
                    keeps[row] *= 1.0 - went[row]
    points = point_offsets[leaf + 1] - point_offsets[leaf]
    for q in range(points):
        t, whole = point[point_offsets[leaf] + q], product[q]
        whole[:] = value * weight[point_offsets[leaf] + q]
        for j in range(d):
            low, keeps = share[first + j] * (1.0 - t), kept[j]
            for row in range(_ROWS):
                whole[row] *= low + t * keeps[row]
    for j in range(d):
        keeps, z, to = kept[j], share[first + j], total[family[first + j]]
        term[:] = 0.0
        for q in range(points):
            t, whole = point[point_offsets[leaf] + q], product[q]
            less, rest = 1.0 / (z * (1.0 - t)), 1.0 / (z * (1.0 - t) + t)
            change = rest - less
            for row in range(_ROWS):
                term[row] += whole[row] * (less + change * keeps[row])
        for row in range(_ROWS):
            to[row] += (keeps[row] - z) * term[row]
