"""What each family of features adds to a score: the ranker's own account of it."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.errors import ArtefactError, ConfigurationError
from dataset.feature_matrix import FeatureMatrix
from ranking.bagged import FittedBag
from ranking.blended import FittedBlend
from ranking.cascade import FittedCascade
from ranking.columns import ordered
from ranking.conditional_logit import FittedConditionalLogit
from ranking.contributions_kernels import Paths
from ranking.lambdamart import FittedLambdaMart
from ranking.scorers.scorer import UnsupportedError

BASE: Final = "base"
"""Stands for what the trees say of a row before any feature is looked at: their mean over the training."""

TOLERANCE: Final = 1e-6
"""By how much the contributions to a score may miss it; by this share of it where it is above 1."""

ROWS: Final = 4096  # explained together by LightGBM: memory grows with it, results do not


@dataclass(frozen=True)
class Contributions:
    """What the score of each row is made of.

    Parameters
    ----------
    names : tuple of str
        `BASE`, then the families of the features.
    values : float64 array of shape (n, len(names))
        In the unit of the score; a row sums to it.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float64]

    def gaps(self, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """How far the sum of each row is from a score, absolute, float64 of shape (n,)."""
        return np.asarray(np.abs(self.values.sum(axis=1) - scores.astype(np.float64)))

    def check(self, scores: npt.NDArray[np.float32]) -> None:
        """Raise unless every row sums to its score, within `TOLERANCE`.

        Parameters
        ----------
        scores : float32 array of shape (n,)

        Raises
        ------
        ArtefactError
            If one does not: the features that were explained are not those that were scored.
        """
        gaps = self.gaps(scores)
        wrong = ~(gaps <= TOLERANCE * np.maximum(1, np.abs(scores)))
        if wrong.any():
            raise ArtefactError(
                f"Contributions must sum to the score within {TOLERANCE:g}. Got gaps of up to "
                f"{gaps[wrong].max():.3g} in {int(wrong.sum()):,} of {len(gaps):,} rows; take reasons=short, "
                "and behind a cascade let ranking.reads name every family that compares a user's candidates."
            )


def contributions(ranker: Any, features: FeatureMatrix) -> Contributions | None:
    """What each family of features adds to the scores that a fitted ranker gives; None if it does not tell.

    The mean over a bag is the mean of what its members say, and a blend adds as its scores do. Behind a
    cascade, the full model speaks: it is what scores all that gets into a list.

    Parameters
    ----------
    ranker : FittedRanker
    features : FeatureMatrix
        Of the rows to explain; the family of a column is what stands before the first dot of its name.

    Raises
    ------
    ConfigurationError
        If a family is called "base".

    References
    ----------
    Lundberg, Erion and Lee, "Consistent individualized feature attribution for tree ensembles", 2018,
    algorithm 2; the sum over a family is the family's part since the values are additive (section 2.1).
    """
    if not isinstance(ranker, _TELLING):
        return None
    family_of = [name.partition(".")[0] for name in features.names]
    families = tuple(dict.fromkeys(family_of))
    if BASE in families:
        raise ConfigurationError(f"A family of features must not be called {BASE!r} where reasons are full.")
    return Contributions((BASE, *families), _of(ranker, features, families))


_TELLING: Final = (FittedCascade, FittedBag, FittedBlend, FittedConditionalLogit, FittedLambdaMart)


def _of(ranker: Any, features: FeatureMatrix, families: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """The base and each family's part of a score, float64 of shape (n, 1 + len(families))."""
    match ranker:
        case FittedCascade():
            return _of(ranker.full, features, families)
        case FittedBag():
            total = np.zeros((len(features.values), 1 + len(families)))
            for member in ranker.members.values():
                total += _of_trees(member, features, families)
            return total / len(ranker.members)
        case FittedBlend():
            trees = _of(ranker.trees, features, families)
            logit = _of_logit(ranker.logit, features, families)
            return trees + ranker.weight * logit
        case FittedConditionalLogit():
            return _of_logit(ranker, features, families)
        case _:
            return _of_trees(ranker, features, families)


def _of_logit(
    logit: FittedConditionalLogit, features: FeatureMatrix, families: tuple[str, ...]
) -> npt.NDArray[np.float64]:
    """What stands at its mean adds nothing, so the base is 0."""
    group = [1 + families.index(name.partition(".")[0]) for name in logit.features]
    return logit.parts(features, np.array(group, np.int64), 1 + len(families))


def _of_trees(
    member: FittedLambdaMart, features: FeatureMatrix, families: tuple[str, ...]
) -> npt.NDArray[np.float64]:
    """The base and each family's sum, float64 of shape (n, 1 + len(families))."""
    family_of = tuple(families.index(name.partition(".")[0]) for name in member.features)
    rows = ordered(features, member.features)
    out = np.zeros((len(rows), 1 + len(families)))
    paths = _paths_of(member.model, family_of)
    if paths is not None:
        out[:, 0] = paths.base
        paths.add(rows, out[:, 1:])
        return out
    for start in range(0, len(rows), ROWS):
        part = slice(start, start + ROWS)
        found = member._booster.predict(rows[part], pred_contrib=True, num_threads=1)
        out[part, 0] = found[:, -1]
        for column, family in enumerate(family_of):  # no BLAS, whose sums hang on the number of threads
            out[part, 1 + family] += found[:, column]
    return out


@lru_cache(maxsize=16)  # a block comes after another, of the same few models
def _paths_of(model: str, family_of: tuple[int, ...]) -> Paths | None:
    """Our own kernel of a model; None if LightGBM's is needed."""
    try:
        return Paths.of(model, family_of)
    except UnsupportedError:
        return None
