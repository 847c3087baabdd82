"""Random candidates and ranking tables with a signal planted in one feature."""

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.feature_matrix import FeatureMatrix
from ranking.table import RankingTable

NAMES = ("pair.signal", "item.noise", "item.brand", "pair.gaps")
CATEGORICAL = ("item.brand",)


def candidates(seed: int = 0, m: int = 12, most: int = 15, n_items: int = 200) -> Candidates:
    """Of m queries, the third of them none; three sources, each candidate nominated by one at least."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, most + 1, m)
    lengths[2:3] = 0
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = [np.sort(rng.choice(n_items, n, replace=False)) for n in lengths]
    item = np.concatenate([np.zeros(0, np.int64), *rows]).astype(np.int32)
    ranks = rng.integers(0, 6, (len(item), 3)).astype(np.int16)
    ranks[:, 0] = np.where(ranks.any(axis=1), ranks[:, 0], 1)
    scores = rng.normal(size=ranks.shape).astype(np.float32)
    scores[rng.random(scores.shape) < 0.2] = np.nan
    return Candidates(offsets, item, ("one", "two", "three"), scores, ranks)


def features(n: int, seed: int = 0) -> FeatureMatrix:
    """A signal, noise, a category with gaps, and a column that is mostly unknown."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, len(NAMES))).astype(np.float32)
    values[:, 2] = rng.integers(0, 4, n)
    values[rng.random(n) < 0.1, 2] = np.nan
    values[rng.random(n) < 0.7, 3] = np.nan
    return FeatureMatrix(values, NAMES, CATEGORICAL)


def grades_of(matrix: FeatureMatrix, seed: int) -> npt.NDArray[np.int8]:
    """Taken the likelier the greater the signal, and more often from brand 2."""
    rng = np.random.default_rng(seed + 1000)
    chance = 1 / (1 + np.exp(3 - 2 * matrix.values[:, 0] - (matrix.values[:, 2] == 2)))
    return (rng.random(len(chance)) < chance).astype(np.int8)


def table(seed: int = 0, m: int = 80, size: int = 12) -> RankingTable:
    """m queries of `size` candidates."""
    matrix = features(m * size, seed)
    return RankingTable(np.arange(m + 1, dtype=np.int64) * size, matrix, grades_of(matrix, seed))


def empty_table() -> RankingTable:
    """Of no query."""
    return RankingTable(np.zeros(1, np.int64), features(0), np.zeros(0, np.int8))


def without_positives(given: RankingTable) -> RankingTable:
    """The same rows, none of them taken."""
    return RankingTable(given.offsets, given.features, np.zeros_like(given.grade))
