"""What a trial is judged by: the metric of the two-stage lists, over rehearsals before the test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dataset.errors import ConfigurationError, DataContractError
from dataset.splits.split import Split
from evaluation.intervals import Bootstrap, Interval, bootstrap
from evaluation.specification import Evaluation
from pipeline.applications import experiment_of
from pipeline.cache import ReadOnlyCache
from pipeline.experiment import Experiment
from pipeline.preparation import load
from pipeline.progress import Stopwatch
from pipeline.tuning.space import Space, Value
from ranking.ranker import Watch


@dataclass(frozen=True)
class Objective:
    """The metric of a configuration, by user and rehearsal.

    Parameters
    ----------
    space : Space
    metric : str
    data : str
        Digest of the dataset.
    splits : sequence of Split
        Of the dataset as given, one a rehearsal: R.
    evaluation : Evaluation
    """

    space: Space
    metric: str
    data: str
    splits: Sequence[Split]
    evaluation: Evaluation

    @classmethod
    def of(cls, space: Space, metric: str, rehearsals: Sequence[int]) -> "Objective":
        """Load the dataset of the configuration, once, and cut it for each rehearsal.

        Raises
        ------
        ConfigurationError
            If there is no such metric, or the split cannot set the test aside.
        """
        given = experiment_of(space.config)
        given.evaluation.metric(metric)
        splitter = given.splitter
        if not hasattr(splitter, "set_aside"):
            raise ConfigurationError(
                "A study needs a split that can set the test aside, split=temporal or "
                f"split=leave_last_out. Got {type(splitter).__name__}."
            )
        cache, cleaning = given.recommender.cache, given.cleaning
        dataset = load(given.source, cache, given.seed, cleaning).dataset
        splits = [replace(splitter, set_aside=n).split(dataset) for n in rehearsals]  # type: ignore[type-var]
        return cls(space, metric, dataset.digest, splits, given.evaluation)

    def judge(self, rehearsal: int, parameters: Mapping[str, Value], watch: Watch) -> npt.NDArray[np.float64]:
        """The metric of a configuration in one rehearsal, by its number in `splits`.

        Returns
        -------
        float64 array of shape (n_users,)
            NaN for users who are not asked for, have no history or no truth.
        """
        split = self.splits[rehearsal]
        values = np.full(len(split.test.users), np.nan)
        values[split.test.queries.user] = self._experiment(parameters).judge(split, self.metric, watch)
        if np.isnan(values).all():
            raise DataContractError(
                "A rehearsal needs users with history and something taken after it. Got none; name others "
                "in tune.rehearsals."
            )
        return values

    def _experiment(self, parameters: Mapping[str, Value]) -> Experiment:
        """The experiment with other values, quiet; what only one trial needs is not kept in the cache."""
        experiment = experiment_of(self.space.applied(parameters))
        recommender = replace(experiment.recommender, stopwatch=Stopwatch())
        if not self.space.shares_tables and parameters != self.space.start:
            recommender = replace(recommender, cache=ReadOnlyCache(recommender.cache.folder))
        return replace(experiment, recommender=recommender)

    def figure(self, values: npt.NDArray[np.float64]) -> Interval:
        """Mean over rehearsals of the mean over users, float64 of shape (n_users, R)."""
        drawn = self._drawn(values)
        return _of_one(drawn.means.mean(), drawn.resampled.mean(axis=1))

    def difference(self, values: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> Interval:
        """The figure of `values` minus that of `others`, users paired."""
        drawn = self._drawn(np.concatenate([values, -others], axis=1))
        # Both sides have R columns, so that the difference of their means is twice the mean of all.
        return _of_one(2 * drawn.means.mean(), 2 * drawn.resampled.mean(axis=1))

    def _drawn(self, values: npt.NDArray[np.float64]) -> Bootstrap:
        """Users are resampled with all their rehearsals, which say much the same of them."""
        asked = values[~np.isnan(values).all(axis=1)]
        return bootstrap(asked, n_resamples=self.evaluation.n_resamples, seed=self.evaluation.seed)


def _of_one(mean: float, resampled: npt.NDArray[np.float64]) -> Interval:
    return Bootstrap(np.array([mean]), resampled.reshape(-1, 1)).intervals()[0]
