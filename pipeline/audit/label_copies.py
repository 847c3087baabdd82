"""Whether a single feature tells the label by itself: then it is no feature but a copy of the answer."""

from dataclasses import dataclass, field, replace
from typing import Final

import numba
import numpy as np

from dataset.feature_matrix import FeatureMatrix
from dataset.parameters import check_int, check_number
from pipeline.audit.audited import Audited, Finding
from ranking.ranker import FittedRanker, TrainingTables, Watch, nobody
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion
from ranking.sampling import Sampling
from ranking.table import RankingTable

CANARY: Final = "canary.copy_of_the_label"


@dataclass(frozen=True, kw_only=True)
class LabelCopies:
    """No feature separates what was taken from what was not, within the queries of the validation table.

    A canary, a noisy copy of the label, is planted into a copy of the table first and must be caught: an
    alarm that does not ring is a finding as well.

    Parameters
    ----------
    limit : float
        Area under the ROC curve, of either direction, from which a feature counts as a copy, .5 to 1.
    noise : float
        Standard deviation of what is added to the canary, in units of the label.
    seed : int
        Of that noise.
    """

    limit: float = 0.98
    noise: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        check_number(self, "limit", low=0.5, high=1)
        check_number(self, "noise", low=0)
        check_int(self, "seed", low=0)

    def check(self, audited: Audited) -> Finding:
        """Measure every feature of the table that the ranker is validated on, and the canary."""
        areas = areas_within_queries(self._with_canary(validation_table(audited)))
        strength = {name: max(area, 1 - area) for name, area in areas.items()}
        canary = strength.pop(CANARY)
        best = max(strength, key=lambda name: strength[name], default="") if canary == canary else ""
        figures = {"canary": canary, "strongest": best, "auc": strength.get(best)}
        if not canary >= self.limit:
            text = (
                f"The alarm does not ring: a canary that copies the label was not caught (AUC {canary:.3f})."
            )
            return Finding(False, text, figures)
        copies = [name for name, area in strength.items() if area >= self.limit]
        if copies:
            told = ", ".join(f"{name} (AUC {strength[name]:.3f})" for name in copies)
            return Finding(False, f"The label can be read off {told}.", {**figures, "copies": copies})
        strongest = (
            f"; the strongest of {len(strength)} features, {best}, has {strength[best]:.3f}" if best else ""
        )
        return Finding(
            True, f"The planted copy of the label was caught (AUC {canary:.3f}){strongest}.", figures
        )

    def _with_canary(self, table: RankingTable) -> RankingTable:
        noise = np.random.default_rng(self.seed).normal(scale=self.noise, size=len(table))
        canary = ((table.grade > 0) + noise).astype(np.float32)
        features = table.features
        values = np.column_stack([features.values, canary])
        return replace(table, features=FeatureMatrix(values, (*features.names, CANARY), features.categorical))


def areas_within_queries(table: RankingTable) -> dict[str, float]:
    """Area under the ROC curve of each feature, over pairs of a taken and another candidate of one query.

    The share of pairs whose taken candidate has the greater value, ties counted half and unknown values
    least; .5 says nothing, 1 and 0 say all. NaN where there is no pair.

    References
    ----------
    Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 143 (1982), section "The
    Wilcoxon statistic".
    """
    wins = np.zeros(len(table.features.names))
    positive = table.grade > 0
    n_pairs = _count_wins(table.offsets, positive, table.features.values, wins)
    share = wins / n_pairs if n_pairs else np.full(len(wins), np.nan)
    return dict(zip(table.features.names, share.tolist(), strict=True))


def validation_table(audited: Audited) -> RankingTable:
    """The table on which the ranker of the run is validated."""
    recommender = audited.experiment.recommender
    sampling = getattr(recommender.ranking, "sampling", None)
    onlooker = _Onlooker(sampling if isinstance(sampling, Sampling) else Sampling())
    replace(recommender, ranking=onlooker).fit(audited.split)
    return onlooker.seen["validation"]


@dataclass(frozen=True)
class _Onlooker:
    """A ranker that learns nothing and keeps the table it would have been validated on."""

    sampling: Sampling
    seen: dict[str, RankingTable] = field(default_factory=dict)

    def fit(self, tables: TrainingTables, threads: int, watch: Watch = nobody) -> FittedRanker:
        """Have the tables built."""
        self.seen["validation"] = tables()[1]
        return ReciprocalRankFusion()


@numba.njit(nogil=True, cache=True)
def _count_wins(offsets, positive, values, wins):  # type: ignore[no-untyped-def]
    """Add the pairs won by each column to `wins`, (f,); returns how many there are. `values` is (n, f)."""
    n_pairs = 0
    for query in range(len(offsets) - 1):
        for taken in range(offsets[query], offsets[query + 1]):
            if not positive[taken]:
                continue
            for other in range(offsets[query], offsets[query + 1]):
                if positive[other]:
                    continue
                n_pairs += 1
                for column in range(values.shape[1]):
                    value, against = values[taken, column], values[other, column]
                    if value > against or (np.isnan(against) and not np.isnan(value)):
                        wins[column] += 1.0
                    elif value == against or (np.isnan(against) and np.isnan(value)):
                        wins[column] += 0.5
    return n_pairs
