"""Whether the ids or the order of the rows tell anything: under other ids, the run must be as good."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.canonical import Tables
from dataset.cleaning import clean
from dataset.encoding import encode
from dataset.parameters import check_int, check_number
from evaluation.intervals import Interval, paired_difference
from pipeline.audit.audited import Audited, Finding
from pipeline.cache import Cache


@dataclass(frozen=True, kw_only=True)
class PermutedIds:
    """All ids are drawn anew, all rows shuffled, and the whole experiment is judged again.

    Another order of the codes means another draw of ties, of negatives and of the ranker's columns, so the
    figure moves a little; only a fall beyond `tolerance`, with certainty, under each of several copies
    counts.

    Parameters
    ----------
    tolerance : float
        Of the metric, at least 0: the run may be better than its copy by so much.
    copies : int
        Copies under other ids, at most: the first that is as good as the run ends the check. Each costs as
        long as the run did.
    n_resamples : int
        Of the interval.
    seed : int
        Of the ids and of the resamples.
    """

    tolerance: float = 0.002
    copies: int = 3
    n_resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        check_number(self, "tolerance", low=0)
        check_int(self, "copies", low=1)
        check_int(self, "n_resamples", low=1, high=100_000)
        check_int(self, "seed", low=0)

    def check(self, audited: Audited) -> Finding:
        """Judge one copy after the other until one is as good."""
        own, metric = audited.measured("two_stage"), audited.metric
        tables, _ = clean(audited.raw, audited.experiment.cleaning)
        gaps: list[Interval] = []
        for copy in range(self.copies):
            audited.say(f"permuted ids: copy {copy + 1}")
            other = self._judged(audited, tables, self.seed + copy)
            gaps.append(paired_difference(own, other, n_resamples=self.n_resamples, seed=self.seed))
            if gaps[-1].low <= self.tolerance:
                break
        gap = gaps[-1]
        passed = gap.low <= self.tolerance  # not so where there is nobody to compare, and no interval
        text = (
            f"The run's {metric} is {gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f}) against the same "
            "data under other ids and in another order"
        )
        figures = {"differences": [interval.as_json() for interval in gaps]}
        return Finding(
            passed, f"{text}." if passed else f"{text}: ids or their order tell the answer.", figures
        )

    def _judged(self, audited: Audited, tables: Tables, seed: int) -> npt.NDArray[np.float64]:
        """The metric under other ids, float64 of shape (m,), for each query of the run; NaN where none."""
        experiment = audited.experiment
        renamed, users = permuted(tables, seed)
        dataset = encode(renamed, audited.dataset.name, experiment.seed)
        recommender = replace(experiment.recommender, cache=Cache(None))  # nobody will ask for this again
        experiment = replace(experiment, recommender=recommender)
        split = experiment.splitter.split(dataset)
        values = experiment.judge(split, audited.metric)
        by_id = pd.Series(values, index=dataset.user_ids.decode(split.test.queries.user))
        asked = audited.dataset.user_ids.decode(audited.split.test.queries.user)
        return np.asarray(by_id.reindex(asked.map(users)), np.float64)


def permuted(tables: Tables, seed: int) -> tuple[Tables, Mapping[str, str]]:
    """Clean tables under other ids with their rows in another order, and the new id of each user.

    Clean ones, since in raw tables the order of rows is data: of an id that comes twice the last row counts.
    """
    rng = np.random.default_rng(seed)
    users, items = _renamed(tables.users["user"], rng), _renamed(tables.items["item"], rng)
    events = tables.interactions
    events = events.assign(user=events["user"].map(users), item=events["item"].map(items))
    renamed = replace(
        tables,
        users=_shuffled(tables.users.assign(user=tables.users["user"].map(users)), rng),
        items=_shuffled(tables.items.assign(item=tables.items["item"].map(items)), rng),
        interactions=_shuffled(events, rng),
    )
    return renamed, users


def _renamed(ids: "pd.Series[str]", rng: np.random.Generator) -> dict[str, str]:
    """A new name for each id: numbers, in an order that is drawn."""
    ordered = sorted(ids)
    return dict(zip(ordered, map(str, rng.permutation(len(ordered)) + 1), strict=True))


def _shuffled(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
