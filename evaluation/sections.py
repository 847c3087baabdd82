"""The sections of `metrics.json` that evaluation fills."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evaluation.intervals import Bootstrap, Interval, bootstrap
from evaluation.retrieval import CUTOFFS, RetrievalStatistics

MAIN_RUN: Final = "two_stage"
POOL: Final = "fused"


def runs_section(
    drawn: Bootstrap, columns: Sequence[tuple[str, str]], coverage: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, Any]]:
    """Run to metric to figures.

    Parameters
    ----------
    drawn : Bootstrap
    columns : sequence of (run, metric)
        What each column of `drawn` holds.
    coverage : mapping of run to metric to share
        Figures of all lists together, which have no interval.
    """
    section: dict[str, dict[str, Any]] = {run: {} for run in coverage}
    for (run, metric), interval in zip(columns, drawn.intervals(), strict=True):
        section[run][metric] = interval.as_json()
    for run, shares in coverage.items():
        for metric, share in shares.items():
            section[run][metric] = Interval.without_spread(share).as_json()
    return section


def differences_section(drawn: Bootstrap, columns: Sequence[tuple[str, str]]) -> dict[str, dict[str, Any]]:
    """Paired differences of the main run and every other: "two_stage - popularity" to metric to figures."""
    at = {column: place for place, column in enumerate(columns)}
    others = [(run, metric) for run, metric in columns if run != MAIN_RUN and (MAIN_RUN, metric) in at]
    main = np.array([at[MAIN_RUN, metric] for _, metric in others], np.int64)
    intervals = drawn.differences(main, np.array([at[column] for column in others], np.int64))
    section: dict[str, dict[str, Any]] = {f"{MAIN_RUN} - {run}": {} for run, _ in others}
    for (run, metric), interval in zip(others, intervals, strict=True):
        section[f"{MAIN_RUN} - {run}"][metric] = interval.as_json()
    return section


def retrieval_section(statistics: RetrievalStatistics, *, n_resamples: int, seed: int) -> dict[str, Any]:
    """Source to figures, over all queries of `statistics`; "fused" is the pool.

    Each source: "recall@k" of its own nominations and "recall_all" of all of them; "hits"; "unique_hits"
    that no other source found; the shares of the pool that it nominated, and that it alone nominated.
    Only nominations that were kept in the pool are seen.
    """
    recall = statistics.recall
    recall = recall.reshape(len(recall), recall.shape[1] * recall.shape[2])
    intervals = bootstrap(recall, n_resamples=n_resamples, seed=seed).intervals()
    keys = [*(f"recall@{k}" for k in CUTOFFS), "recall_all"]
    n_pool = int(statistics.pool_size.sum())
    section: dict[str, Any] = {}
    for at, source in enumerate((*statistics.sources, POOL)):
        figures = intervals[at * len(keys) : (at + 1) * len(keys)]
        section[source] = {key: figure.as_json() for key, figure in zip(keys, figures, strict=True)}
        section[source]["hits"] = int(statistics.hits[:, at, -1].sum())
    for at, source in enumerate(statistics.sources):
        section[source]["unique_hits"] = int(statistics.unique_hits[:, at].sum())
        section[source]["share_of_pool"] = _share(statistics.nominated[:, at], n_pool)
        section[source]["share_alone"] = _share(statistics.nominated_alone[:, at], n_pool)
    section[POOL]["unique_hits"] = int(statistics.unique_hits.sum())
    section[POOL]["mean_pool_size"] = n_pool / max(len(statistics), 1)
    return section


def _share(counts: npt.NDArray[np.integer], total: int) -> float:
    return int(counts.sum()) / max(total, 1)
