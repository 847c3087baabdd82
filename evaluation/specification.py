"""What is measured, and what the measures know of the shop."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.errors import ConfigurationError
from dataset.parameters import check_int, check_number
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from evaluation.metrics.average_precision import AveragePrecision
from evaluation.metrics.hit_rate import HitRate
from evaluation.metrics.metric import Metric
from evaluation.metrics.ndcg import Ndcg
from evaluation.metrics.precision import Precision
from evaluation.metrics.recall import Recall
from evaluation.metrics.reciprocal_rank import ReciprocalRank


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The specification of what is measured, and how surely.

    Parameters
    ----------
    cutoffs : sequence of int
        Lengths of list at which recall and nDCG are taken. Changes which figures there are.
    headline : int
        One of `cutoffs`; all other metrics are taken here alone.
    max_psi : float or None
        Largest population stability index that a feature may have between the ranker's training and its work;
        None: any. Changes whether a run fails, no figure.
    max_shifted_gain : float
        Share of the ranker's gain, within 0 and 1, that may rest on features above `max_psi`. Changes
        whether a run fails, no figure.
    n_resamples : int
        Bootstrap resamples. Changes the ends of intervals slightly, no mean; time grows with it.
    seed : int
        Of the resamples. Changes the ends of intervals slightly.
    """

    cutoffs: Sequence[int] = (5, 10, 20, 50)
    headline: int = 10
    max_psi: float | None = None
    max_shifted_gain: float = 0.05
    n_resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        check_int(self, "headline", low=1)
        if self.max_psi is not None:
            check_number(self, "max_psi", low=0)
        check_number(self, "max_shifted_gain", low=0, high=1)
        check_int(self, "n_resamples", low=1, high=100_000)
        check_int(self, "seed", low=0)
        cutoffs = self.cutoffs
        is_list = isinstance(cutoffs, Sequence) and not isinstance(cutoffs, str)
        if not is_list or not all(type(k) is int and k >= 1 for k in cutoffs):
            raise ConfigurationError(
                f"The 'cutoffs' parameter of Evaluation must be ints of at least 1. Got {cutoffs!r} instead."
            )
        if self.headline not in cutoffs:
            raise ConfigurationError(
                f"The 'headline' parameter of Evaluation must be one of cutoffs {list(cutoffs)}. "
                f"Got {self.headline} instead; add it to cutoffs."
            )
        object.__setattr__(self, "cutoffs", tuple(sorted(set(cutoffs))))

    @property
    def depth(self) -> int:
        """How long the lists to be evaluated must be."""
        return max(self.cutoffs)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The accuracy metrics, in the order of the report."""
        k = self.headline
        graded = [metric(cut) for metric in (Recall, Ndcg) for cut in self.cutoffs]
        return (*graded, Precision(k), ReciprocalRank(k), AveragePrecision(k), HitRate(k))

    def metric(self, name: str) -> Metric:
        """The accuracy metric of that name; `ConfigurationError` if there is none."""
        named = {metric.name: metric for metric in self.metrics}
        if name not in named:
            raise ConfigurationError(f"The metric must be one of {', '.join(named)}. Got {name!r}.")
        return named[name]


@dataclass(frozen=True, kw_only=True)
class ItemFacts:
    """What metrics beyond accuracy know of the catalogue: n_items items.

    Parameters
    ----------
    available : bool array of shape (n_items,)
        Items that may be recommended.
    popularity : int64 array of shape (n_items,)
        Number of distinct users who had each item in the history.
    n_users : int
        Number of users with a history.
    vectors : Vectors or None
        In which diversity is measured; without them it is left out.
    """

    available: npt.NDArray[np.bool_]
    popularity: npt.NDArray[np.int64]
    n_users: int
    vectors: Vectors | None = None

    @classmethod
    def of(cls, snapshot: Snapshot, vectors: Vectors | None = None) -> "ItemFacts":
        """The facts as of the snapshot."""
        events, n_items = snapshot.history, len(snapshot.items)
        pairs = np.unique(events.user.astype(np.int64) * n_items + events.item)
        return cls(
            available=snapshot.available,
            popularity=np.bincount(pairs % max(n_items, 1), minlength=n_items).astype(np.int64),
            n_users=len(np.unique(events.user)),
            vectors=vectors,
        )
