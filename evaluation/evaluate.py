"""From lists and truth to the figures of `metrics.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.errors import DataContractError
from dataset.queries import Qrels
from dataset.ranked import Ranked
from evaluation.intervals import Bootstrap, bootstrap
from evaluation.metrics.coverage import Coverage
from evaluation.metrics.diversity import Diversity
from evaluation.metrics.metric import hit_matrix
from evaluation.metrics.novelty import Novelty
from evaluation.retrieval import RetrievalStatistics
from evaluation.sections import differences_section, retrieval_section, runs_section
from evaluation.specification import Evaluation, ItemFacts

Columns = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Evaluated:
    """Figures with intervals, and the values that they are means of.

    Parameters
    ----------
    metrics : dict
        The sections "queries", "retrieval", "runs", "cold" and "differences" of `metrics.json`.
    per_query : DataFrame
        A row a query: `user` (int32 code), `is_warm`, `n_relevant`, then "run/metric" (float64, NaN where
        undefined).
    """

    metrics: dict[str, Any]
    per_query: pd.DataFrame

    def column(self, run: str, metric: str, *, warm_only: bool = True) -> npt.NDArray[np.float64]:
        """One metric of one run by query, float64 of shape (m,); NaN for cold queries if `warm_only`."""
        values = self.per_query[f"{run}/{metric}"].to_numpy(np.float64)
        return np.where(self.per_query["is_warm"], values, np.nan) if warm_only else values


def evaluate(
    evaluation: Evaluation,
    *,
    runs: Mapping[str, Ranked],
    truth: Qrels,
    user: npt.NDArray[np.int32],
    is_warm: npt.NDArray[np.bool_],
    items: ItemFacts,
    retrieval: RetrievalStatistics | None = None,
) -> Evaluated:
    """Measure all runs on the same queries, over the same resamples.

    Parameters
    ----------
    evaluation : Evaluation
    runs : mapping of str to Ranked
        Lists of all m queries, at least `evaluation.depth` places wide; short lists end in -1.
    truth : Qrels
        Queries without truth are counted and left out of every mean.
    user : int32 array of shape (m,)
    is_warm : bool array of shape (m,)
        Whether the query's user has a history.
    items : ItemFacts
    retrieval : RetrievalStatistics or None
        Of the same queries; without them the section "retrieval" is empty.

    Raises
    ------
    DataContractError
        If the runs are not all of the same queries, or too narrow for the largest cut-off.
    """
    _check(evaluation, runs, [len(truth), len(user), len(is_warm)], retrieval)
    columns, values = _per_query(evaluation, runs, truth, items)
    answered = truth.items.lengths > 0
    warm, cold = np.flatnonzero(answered & is_warm), np.flatnonzero(answered & ~is_warm)
    drawn = _bootstrap(evaluation, values[warm])
    drawn_cold = _bootstrap(evaluation, values[cold])
    metrics = {
        "queries": _queries_section(warm, cold, truth),
        "retrieval": {}
        if retrieval is None
        else retrieval_section(
            retrieval.take(warm), n_resamples=evaluation.n_resamples, seed=evaluation.seed
        ),
        "runs": runs_section(drawn, columns, _coverage(evaluation, runs, warm, items)),
        "cold": {"runs": runs_section(drawn_cold, columns, _coverage(evaluation, runs, cold, items))},
        "differences": differences_section(drawn, columns),
    }
    facts = pd.DataFrame({"user": user, "is_warm": is_warm, "n_relevant": truth.items.lengths})
    named = pd.DataFrame(values, columns=[f"{run}/{metric}" for run, metric in columns])
    return Evaluated(metrics, pd.concat([facts, named], axis=1))


def _per_query(
    evaluation: Evaluation, runs: Mapping[str, Ranked], truth: Qrels, items: ItemFacts
) -> tuple[Columns, npt.NDArray[np.float64]]:
    """(run, metric) of each column, and the values by query, float64 of shape (m, columns)."""
    novelty, diversity = Novelty(evaluation.headline), Diversity(evaluation.headline)
    columns: list[tuple[str, str]] = []
    values: list[npt.NDArray[np.float64]] = []
    n_relevant = truth.items.lengths
    for run, ranked in runs.items():
        hits = hit_matrix(ranked, truth)
        of_run = {metric.name: metric(hits, n_relevant) for metric in evaluation.metrics}
        of_run[novelty.name] = novelty(ranked, items.popularity, items.n_users)
        if items.vectors is not None:
            of_run[diversity.name] = diversity(ranked, items.vectors)
        columns += [(run, name) for name in of_run]
        values += [np.where(n_relevant > 0, column, np.nan) for column in of_run.values()]
    return columns, np.stack(values, axis=1) if values else np.zeros((len(truth), 0))


def _bootstrap(evaluation: Evaluation, values: npt.NDArray[np.float64]) -> Bootstrap:
    return bootstrap(values, n_resamples=evaluation.n_resamples, seed=evaluation.seed)


def _coverage(
    evaluation: Evaluation, runs: Mapping[str, Ranked], rows: npt.NDArray[np.integer], items: ItemFacts
) -> dict[str, dict[str, float]]:
    coverage = Coverage(evaluation.headline)
    return {run: {coverage.name: coverage(lists.take(rows), items.available)} for run, lists in runs.items()}


def _queries_section(
    warm: npt.NDArray[np.integer], cold: npt.NDArray[np.integer], truth: Qrels
) -> dict[str, int]:
    n_evaluated = len(warm) + len(cold)
    return {
        "all": n_evaluated,
        "warm": len(warm),
        "cold": len(cold),
        "without_truth": len(truth) - n_evaluated,
    }


def _check(
    evaluation: Evaluation,
    runs: Mapping[str, Ranked],
    lengths: Sequence[int],
    retrieval: RetrievalStatistics | None,
) -> None:
    found = {*lengths, *(len(ranked) for ranked in runs.values())}
    if retrieval is not None:
        found.add(len(retrieval))
    if len(found) > 1:
        raise DataContractError(f"All parts must be of the same queries. Got {sorted(found)} rows.")
    for name, ranked in runs.items():
        if ranked.items.shape[1] < evaluation.depth:
            raise DataContractError(
                f"Lists must be {evaluation.depth} places wide for the largest cut-off. Run '{name}' has "
                f"{ranked.items.shape[1]}; ask for longer lists or lower evaluation.cutoffs."
            )
