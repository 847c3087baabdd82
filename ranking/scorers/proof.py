"""Rows on which a scorer must give LightGBM's own scores, byte for byte, before it is trusted."""

import logging
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from ranking.scorers.forest import Forest
from ranking.scorers.native import FittedNative, Native
from ranking.scorers.scorer import FittedScorer, Trees, UnsupportedError

N_ROWS: Final = 2048
_SPECIAL: Final = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-35, -1e-35, 1e-40, -0.5, -1.0, 3e9)
_LOG: Final = logging.getLogger(__name__)


def prove(scorer: FittedScorer, forest: Forest, trees: Trees) -> None:
    """Compare a scorer with LightGBM at and around every threshold, and on real rows where there are some.

    Raises
    ------
    UnsupportedError
        If a single byte differs.
    """
    rows = boundary_rows(forest)
    if trees.sample is not None:
        rows = np.concatenate([rows, trees.sample])
    expected, got = Native().of(trees).score(rows), scorer.score(rows)
    n_other = int((expected.view(np.int32) != got.view(np.int32)).sum())
    if n_other:
        raise UnsupportedError(f"{n_other} of {len(rows)} scores differ from LightGBM's")


def boundary_rows(forest: Forest, n: int = N_ROWS, seed: int = 0) -> npt.NDArray[np.float32]:
    """Rows in which every feature takes every value that could change its side of a split.

    Values are the thresholds, the float32 numbers next to them, the categories and what is missing, infinite
    or nearly 0; they are joined at random into rows, at least n, float32 of shape (m, f).
    """
    rng = np.random.default_rng(seed)
    values = [_values(forest, feature) for feature in range(forest.n_features)]
    m = max([n, *map(len, values)])
    out = np.empty((m, forest.n_features), np.float32)
    for feature, possible in enumerate(values):
        rounds = [rng.permutation(possible) for _ in range(-(-m // len(possible)))]
        out[:, feature] = np.concatenate(rounds)[:m]
    return out


def _values(forest: Forest, feature: int) -> npt.NDArray[np.float32]:
    """What a feature may be, each number once."""
    columns = forest.columns
    own = np.flatnonzero(columns.feature == feature)
    limits = forest.threshold[np.isin(forest.column, own[columns.n_words[own] < 0])]
    with np.errstate(over="ignore"):
        sides = [np.nextafter(limits, np.float32(side)) for side in (-np.inf, np.inf)]
    codes = np.arange(32 * columns.n_words[own].max(initial=0) + 1, dtype=np.float32)
    special = np.array(_SPECIAL, np.float32)
    return np.concatenate([np.unique(np.concatenate([limits, *sides])), codes, special])


def fall_back(wanted: str, why: str, trees: Trees) -> FittedNative:
    """LightGBM's own prediction, with a warning; the same one is told once."""
    _warn(f"scorer={wanted} gives way to LightGBM's own prediction, slower and with the same scores: {why}.")
    return Native().of(trees)


@cache
def _warn(sentence: str) -> None:
    _LOG.warning(sentence)
