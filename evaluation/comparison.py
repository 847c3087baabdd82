"""Whether two runs differ: paired by user, from the values by query that each run keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from evaluation.intervals import bootstrap
from evaluation.sections import MAIN_RUN, POOL
from evaluation.significance import holm, minimum_detectable_effect, randomisation_test

FACTS: Final = ("user", "is_warm", "n_relevant")


@dataclass(frozen=True)
class Comparison:
    """Differences of a run to another, or why there are none.

    Parameters
    ----------
    figures : mapping of str to figures
        Metric to mean, low and high of the paired difference, as in `metrics.json`; empty where refused.
        From `compare_all` also "p" and "p_holm" of the randomisation test, "detectable", the smallest
        difference that as many users would show to be one, and "n", the users.
    refused : str
        Why the two cannot be compared, as the rest of a sentence; empty where they can.
    """

    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A run beside others, as a row of their table.

    Parameters
    ----------
    label : str
        What was varied.
    metrics : mapping
        As in `metrics.json`; empty where the run failed.
    comparison : Comparison or None
        To the first run; None for the first itself and for one that failed.
    error : str
        Why it failed, a sentence; empty where it did not.
    """

    label: str
    metrics: Mapping[str, Any]
    comparison: Comparison | None = None
    error: str = ""

    @property
    def figures(self) -> Mapping[str, Mapping[str, float | None]]:
        """Metric to figures of the main run."""
        return self.metrics.get("runs", {}).get(MAIN_RUN, {})  # type: ignore[no-any-return]

    @property
    def differences(self) -> Mapping[str, Mapping[str, float | None]]:
        """Metric to figures of the difference to the first run; empty where there is none."""
        return {} if self.comparison is None else self.comparison.figures

    @property
    def pool_recall(self) -> Mapping[str, float | None] | None:
        """Recall of all candidates together."""
        return self.metrics.get("retrieval", {}).get(POOL, {}).get("recall_all")  # type: ignore[no-any-return]

    @property
    def seconds(self) -> float | None:
        """How long the run took; a stage that the cache remembered took none."""
        return self.metrics.get("seconds", {}).get("total")  # type: ignore[no-any-return]


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Values of two runs for the same m users: those with history and something to find.

    Parameters
    ----------
    metrics : tuple of str
        The c metrics that both have.
    user : array of shape (m,)
        Ids, in the order of the first run.
    values, others : float64 arrays of shape (m, c)
        Of the main run of the one, and of the first.
    """

    metrics: tuple[str, ...]
    user: npt.NDArray[np.object_]
    values: npt.NDArray[np.float64]
    others: npt.NDArray[np.float64]

    @property
    def differences(self) -> npt.NDArray[np.float64]:
        """Of each user, float64 of shape (m, c)."""
        return self.values - self.others


def paired(run: pd.DataFrame, first: pd.DataFrame, metrics: Sequence[str]) -> Paired | str:
    """The values to compare, or why there are none, as the rest of a sentence; see `compare`."""
    reason = _other_users(run, first)
    if reason:
        return reason
    # The order of the first run: with it, the resamples are those behind the intervals of its means.
    run = run.set_index("user").loc[first["user"]].reset_index()
    columns = {metric: f"{MAIN_RUN}/{metric}" for metric in metrics}
    columns = {metric: name for metric, name in columns.items() if name in run and name in first}
    if not columns:
        reason = f"the two have no {' or '.join(metrics)} in common"
    reason = _other_questions(run, first) or reason
    if reason:
        return reason
    asked = (first["is_warm"] & (first["n_relevant"] > 0)).to_numpy(np.bool_)
    values, others = (frame.loc[asked, list(columns.values())].to_numpy(np.float64) for frame in (run, first))
    user = first.loc[asked, "user"].to_numpy(object)
    return Paired(metrics=tuple(columns), user=user, values=values, others=others)


def compare(
    run: pd.DataFrame, first: pd.DataFrame, metrics: Sequence[str], *, n_resamples: int, seed: int
) -> Comparison:
    """The main run of `run` minus that of `first`, over the users with history.

    They are compared where both asked the same users, with history or without as before, and with as many
    items to find: what was fitted may differ, the questions may not.

    Parameters
    ----------
    run, first : DataFrame
        As in `queries.parquet`: a row a user with `FACTS`, then "run/metric".
    metrics : sequence of str
        Those that one of the two lacks are left out.
    n_resamples, seed : int
        Of the bootstrap.
    """
    found = paired(run, first, metrics)
    return (
        Comparison(refused=found)
        if isinstance(found, str)
        else Comparison(_intervals(found, n_resamples, seed))
    )


def compare_all(
    runs: Sequence[pd.DataFrame], metrics: Sequence[str], *, n_resamples: int, n_draws: int, seed: int
) -> list[Comparison]:
    """Every run but the first minus the first, with what is needed to judge several at once.

    Parameters
    ----------
    runs : sequence of DataFrame
        As in `compare`; at least one.
    metrics : sequence of str
    n_resamples, n_draws, seed : int
        Of the bootstrap and of the randomisation test.

    Returns
    -------
    list of Comparison
        One for each run behind the first. Of each metric, "p_holm" is adjusted over all of them.
    """
    first, *others = runs
    pairs = [paired(run, first, metrics) for run in others]
    tested = [
        {} if isinstance(pair, str) else _tested(pair, _intervals(pair, n_resamples, seed), n_draws, seed)
        for pair in pairs
    ]
    for metric in metrics:
        rows = [figures[metric] for figures in tested if metric in figures]
        for row, p in zip(rows, holm(np.array([row["p"] for row in rows], np.float64)), strict=True):
            row["p_holm"] = float(p)
    return [
        Comparison(figures, pair if isinstance(pair, str) else "")
        for figures, pair in zip(tested, pairs, strict=True)
    ]


def _intervals(pair: Paired, n_resamples: int, seed: int) -> dict[str, dict[str, float | None]]:
    found = bootstrap(pair.differences, n_resamples=n_resamples, seed=seed).intervals()
    return {metric: interval.as_json() for metric, interval in zip(pair.metrics, found, strict=True)}


def _tested(
    pair: Paired, intervals: Mapping[str, Mapping[str, float | None]], n_draws: int, seed: int
) -> dict[str, dict[str, float | None]]:
    """Intervals with the figures of the tests; "p_holm" is filled in once all p are known."""
    differences = pair.differences
    p = randomisation_test(differences, n_draws=n_draws, seed=seed)
    detectable = minimum_detectable_effect(differences)
    n = (~np.isnan(differences)).sum(axis=0)
    return {
        metric: {
            **intervals[metric],
            "p": float(p[at]),
            "p_holm": None,
            "detectable": float(detectable[at]) if n[at] > 1 else None,
            "n": int(n[at]),
        }
        for at, metric in enumerate(pair.metrics)
    }


def _other_users(run: pd.DataFrame, first: pd.DataFrame) -> str:
    """What to say if two runs did not ask the same users; nothing if they did."""
    if len(run) != len(first):
        return f"it asked {len(run):,} users instead of {len(first):,}"
    n_others = len(set(run["user"]) - set(first["user"]))
    return f"{n_others:,} of its {len(run):,} users are others" if n_others else ""


def _other_questions(run: pd.DataFrame, first: pd.DataFrame) -> str:
    """What to say if two runs asked something else of the same users; nothing if they did not."""
    for name, what in (("n_relevant", "another number of items to find"), ("is_warm", "another history")):
        n_changed = int((run[name].to_numpy() != first[name].to_numpy()).sum())
        if n_changed:
            return f"{n_changed:,} of its {len(run):,} users have {what}"
    return ""
