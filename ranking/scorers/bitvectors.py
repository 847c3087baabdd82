"""Trees as sets of leaves: a split takes leaves away from many rows at once, and the first one left counts.

Descending a tree jumps about in memory and mispredicts half its branches. Here every split of a tree is
looked at, but for a block of rows at a time and without a branch: the processor compares 8 to 32 rows in one
instruction. With 31 leaves that is 30 comparisons instead of about 6, each a hundredth of the price.
"""

from dataclasses import dataclass
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
from numba.core import cgutils
from numba.extending import intrinsic

from ranking.scorers.columns import Columns, fill
from ranking.scorers.forest import Forest
from ranking.scorers.proof import fall_back, prove
from ranking.scorers.scorer import FittedScorer, Trees, UnsupportedError

MOST_LEAVES: Final = 64
_WORDS: Final = (np.uint16, np.uint32, np.uint64)
_ROWS: Final = 192  # of a block: its columns stay in the cache, and their strides are no power of 2
_UNROLLED: Final = 4


@dataclass(frozen=True, kw_only=True)
class BitVectors:
    """Our own kernel, exact by construction: the same comparisons, the same sum in the same order.

    For trees of at most 64 leaves; the time grows with the leaves, and doubles where a word of 16 or 32 bits
    no longer holds them.

    References
    ----------
    Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression
    trees", SIGIR 2015, section 3 (leaves as bits of a word, algorithm 1).
    Lucchese et al., "Exploiting CPU SIMD extensions to speed-up document scoring with tree ensembles", SIGIR
    2016 (many rows an instruction).
    """

    def of(self, trees: Trees) -> FittedScorer:
        """The scorer of a model, or LightGBM's own with a warning where the trees are too large."""
        try:
            return converted(trees)
        except UnsupportedError as error:
            return fall_back("bitvectors", str(error), trees)


def converted(trees: Trees) -> "FittedBitVectors":
    """The scorer of a model.

    Raises
    ------
    UnsupportedError
        If a tree has more than 64 leaves, or the model is not one sum of leaves.
    """
    forest = Forest.of(trees.text)
    scorer = FittedBitVectors.of(forest)
    prove(scorer, forest, trees)
    return scorer


@dataclass(frozen=True)
class FittedBitVectors:
    """A forest as words of leaves.

    Parameters
    ----------
    n_features : int
    columns : Columns
    offsets : int64 array of shape (T + 1,)
        Splits of tree t, in fours, are `offsets[t]:offsets[t + 1]`.
    column : int32 array of shape (s,)
    threshold : float32 array of shape (s,)
        +inf for those that fill up the last four of a tree.
    kept : uint16, uint32 or uint64 array of shape (s,)
        Leaves that remain for a row that goes right: all but those of the left subtree.
    leaf : float64 array of shape (T, w)
        From left to right; w is the number of bits of a word.
    """

    n_features: int
    columns: Columns
    offsets: npt.NDArray[np.int64]
    column: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    kept: npt.NDArray[Any]
    leaf: npt.NDArray[np.float64]
    name: str = "bitvectors"

    @staticmethod
    def of(forest: Forest) -> "FittedBitVectors":
        """The words of a forest; `UnsupportedError` if a tree has too many leaves for one."""
        if forest.most_leaves > MOST_LEAVES:
            raise UnsupportedError(f"a tree has {forest.most_leaves} leaves, more than {MOST_LEAVES}")
        word = next(word for word in _WORDS if forest.most_leaves <= np.iinfo(word).bits)
        n_splits = np.diff(forest.split_offsets)
        offsets = np.cumsum([0, *(-(-n_splits // _UNROLLED) * _UNROLLED)], dtype=np.int64)
        column = np.zeros(offsets[-1], np.int32)
        threshold = np.full(offsets[-1], np.inf, np.float32)
        kept = np.full(offsets[-1], np.iinfo(word).max, word)
        leaf = np.zeros((forest.n_trees, np.iinfo(word).bits))
        for tree in range(forest.n_trees):
            own = slice(forest.split_offsets[tree], forest.split_offsets[tree + 1])
            start, stop = offsets[tree], offsets[tree] + n_splits[tree]
            order, cleared = _left_subtrees(forest.left[own].tolist(), forest.right[own].tolist())
            column[start:stop], threshold[start:stop] = forest.column[own], forest.threshold[own]
            kept[start:stop] = [np.iinfo(word).max - bits for bits in cleared]
            leaf[tree, : len(order)] = forest.leaf[forest.leaf_offsets[tree] + np.array(order)]
        return FittedBitVectors(forest.n_features, forest.columns, offsets, column, threshold, kept, leaf)

    def score(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Sums of leaves, float32 of shape (n,)."""
        assert values.dtype == np.float32
        assert values.shape[1] == self.n_features
        out = np.empty(len(values), np.float32)
        trees = self.offsets, self.column, self.threshold, self.kept, self.leaf
        _score(np.ascontiguousarray(values), self.columns.arrays, *trees, out)
        return out


def _left_subtrees(left: list[int], right: list[int]) -> tuple[list[int], list[int]]:
    """Leaves of a tree from left to right, and the bits of those in the left subtree of each split."""
    order: list[int] = []
    cleared = [0] * len(left)
    waiting: list[tuple[int, int]] = [(0 if left else -1, -1)]
    while waiting:  # a split comes back, after its left subtree, with the number of leaves before it
        node, before = waiting.pop()
        if node < 0:
            order.append(-1 - node)
        elif before < 0:
            waiting += [(node, len(order)), (left[node], -1)]
        else:
            cleared[node] = (1 << len(order)) - (1 << before)
            waiting.append((right[node], -1))
    return order, cleared


@intrinsic
def _first_bit(typing_context, word):  # type: ignore[no-untyped-def]
    """Place of the lowest bit of a word that is not 0, in one instruction."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], cgutils.true_bit)

    return word(word), generate


@numba.njit(nogil=True, cache=True)
def _score(values, columns, offsets, column, threshold, kept, leaf, out):  # type: ignore[no-untyped-def]
    """Float32 sums of all rows; see `FittedBitVectors`."""
    block = np.empty((max(len(columns[0]), 1), _ROWS), np.float32)
    alive = np.empty(_ROWS, kept.dtype)
    total = np.empty(_ROWS)
    block[:] = 0
    for start in range(0, len(values), _ROWS):
        n = min(_ROWS, len(values) - start)
        fill(values, start, n, *columns, block)
        total[:] = 0
        for tree in range(len(leaf)):
            _leaves_alive(block, offsets[tree], offsets[tree + 1], column, threshold, kept, alive)
            for row in range(_ROWS):
                total[row] += leaf[tree, _first_bit(alive[row])]
        for row in range(n):
            out[start + row] = total[row]


@numba.njit(nogil=True, cache=True)
def _leaves_alive(block, first, last, column, threshold, kept, alive):  # type: ignore[no-untyped-def]
    """Leaves that no split of a tree takes away; four splits at a time, so that `alive` is read less."""
    alive[:] = ~kept.dtype.type(0)
    for at in range(first, last, _UNROLLED):
        a, b, c, d = block[column[at]], block[column[at + 1]], block[column[at + 2]], block[column[at + 3]]
        ta, tb, tc, td = threshold[at], threshold[at + 1], threshold[at + 2], threshold[at + 3]
        ka, kb, kc, kd = kept[at], kept[at + 1], kept[at + 2], kept[at + 3]
        for row in range(_ROWS):
            word = alive[row]
            word = word & ka if a[row] > ta else word
            word = word & kb if b[row] > tb else word
            word = word & kc if c[row] > tc else word
            word = word & kd if d[row] > td else word
            alive[row] = word
