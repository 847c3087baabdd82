"""Whether two runs differ: paired by user, from the values by query that each run keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from evaluation.intervals import bootstrap
from evaluation.sections import MAIN_RUN, POOL

FACTS: Final = ("user", "is_warm", "n_relevant")


@dataclass(frozen=True)
class Comparison:
    """Differences of a run to another, or why there are none.

    Parameters
    ----------
    figures : mapping of str to figures
        Metric to mean, low and high of the paired difference, as in `metrics.json`; empty where refused.
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
    reason = _other_users(run, first)
    if not reason:
        # The order of the first run: with it, the resamples are those behind the intervals of its means.
        run = run.set_index("user").loc[first["user"]].reset_index()
        reason = _other_questions(run, first)
    columns = {metric: f"{MAIN_RUN}/{metric}" for metric in metrics}
    columns = {metric: name for metric, name in columns.items() if name in run and name in first}
    if not columns:
        reason = reason or f"the two have no {' or '.join(metrics)} in common"
    if reason:
        return Comparison(refused=reason)
    asked = (first["is_warm"] & (first["n_relevant"] > 0)).to_numpy(np.bool_)
    values, others = (frame.loc[asked, list(columns.values())].to_numpy(np.float64) for frame in (run, first))
    intervals = bootstrap(values - others, n_resamples=n_resamples, seed=seed).intervals()
    return Comparison({metric: found.as_json() for metric, found in zip(columns, intervals, strict=True)})


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
