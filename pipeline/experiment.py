"""The main job: data to split to fitted recommender to figures and report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.canonical import Source as DataSource
from dataset.dataset import Dataset
from dataset.ranked import Ranked
from dataset.splits.split import Split, Splitter
from evaluation.evaluate import Evaluated, evaluate
from evaluation.groups import attribute_groups, evaluate_groups, history_length_groups
from evaluation.metrics.metric import hit_matrix
from evaluation.report.report import ReportContent, render
from evaluation.specification import Evaluation, ItemFacts
from evaluation.standing import best_baseline
from pipeline.artefacts import write_folder, write_json, write_text
from pipeline.measurement import Measured, measure, two_stage_lists
from pipeline.preparation import Prepared, load
from pipeline.progress import peak_rss_mb
from pipeline.run_folder import RunFolder, provenance
from pipeline.stage_one import StageOneFitter
from pipeline.two_stage import FittedTwoStage, TwoStage
from ranking.ranker import Watch, nobody
from retrieval.source import Source

DIVERSITY_IN = ("ingredients", "functionality", "collaborative")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """The specification of a run.

    Parameters
    ----------
    source : dataset.canonical.Source
    splitter : Splitter
    recommender : TwoStage
    baselines : mapping of str to retrieval.source.Source
    evaluation : Evaluation
    seed : int
    max_quarantined_share : float
    """

    source: DataSource
    splitter: Splitter
    recommender: TwoStage
    baselines: Mapping[str, Source]
    evaluation: Evaluation
    seed: int = 0
    max_quarantined_share: float = 0.05

    def run(self, folder: RunFolder, config: str, name: str) -> dict[str, Any]:
        """Do it all and fill the run's folder; returns the metrics."""
        watch = self.recommender.stopwatch
        with watch.stage("preparation"):
            prepared = load(self.source, self.recommender.cache, self.seed, self.max_quarantined_share)
        with watch.stage("split"):
            split = self.splitter.split(prepared.dataset)
        folder.log("split", queries=len(split.test.queries), history=len(split.test.history))
        fitted = self.recommender.fit(split)
        with watch.stage("test_lists"):
            measured = self._measure(prepared.dataset, split, fitted)
        with watch.stage("evaluation"):
            evaluated = self._evaluate(split, fitted, measured)
        metrics = self._metrics(prepared, split, evaluated)
        with watch.stage("report"):
            content = self._content(metrics, prepared, split, fitted, evaluated, config, name)
            write_text(folder.path / "report.html", render(content))
            _write_lists(folder.path / "lists.parquet", prepared.dataset, split, measured.runs["two_stage"])
            _write_per_query(folder.path / "queries.parquet", prepared.dataset, evaluated)
            write_folder(folder.path / "model", fitted.save)
        metrics |= {"seconds": {**watch.seconds, "total": watch.total}, "peak_rss_mb": peak_rss_mb()}
        metrics["seconds_inside_blocks"] = dict(watch.inside_blocks)
        metrics["peak_rss_mb_after"] = dict(watch.peak_mb)
        write_json(folder.path / "metrics.json", metrics)
        folder.finish(
            {"name": name, "seed": self.seed, "data": prepared.dataset.digest, "inputs": prepared.inputs}
        )
        return metrics

    def judge(self, split: Split, metric: str, watch: Watch = nobody) -> npt.NDArray[np.float64]:
        """One metric of the two-stage lists, as `run` measures it, without anything beside it.

        Parameters
        ----------
        split : Split
            Of `splitter`.
        metric : str
            A name of `evaluation.metrics`: "ndcg@10".
        watch : Watch
            Sees the ranker's training.

        Returns
        -------
        float64 array of shape (m,)
            A value for each query of the split's test; NaN for users without history, and without truth.
        """
        measure_of, test = self.evaluation.metric(metric), split.test
        fitted = self.recommender.fit(split, watch)
        lists = two_stage_lists(self.recommender, fitted, test, self._past(split), measure_of.k)
        values = measure_of(hit_matrix(lists, test.truth), test.truth.items.lengths)
        return np.where(test.is_warm, values, np.nan)

    def _measure(self, dataset: Dataset, split: Split, fitted: FittedTwoStage) -> Measured:
        past, depth = self._past(split), self.evaluation.depth
        return measure(self.recommender, fitted, split.test, past, self.baselines, dataset.oracle, depth)

    def _past(self, split: Split) -> str:
        """Fingerprint under which the candidates of the test are remembered."""
        spec = self.recommender
        fitter = StageOneFitter(spec.retrieval, spec.features, spec.engine, spec.cache, spec.stopwatch)
        return fitter.key(split.test)

    def _evaluate(self, split: Split, fitted: FittedTwoStage, measured: Measured) -> Evaluated:
        vectors = fitted.stage_one.vectors
        diversity = next((vectors[name] for name in DIVERSITY_IN if name in vectors), None)
        return evaluate(
            self.evaluation,
            runs=measured.runs,
            truth=split.test.truth,
            user=split.test.queries.user,
            is_warm=split.test.is_warm,
            items=ItemFacts.of(split.test, diversity),
            retrieval=measured.retrieval,
        )

    def _metrics(self, prepared: Prepared, split: Split, evaluated: Evaluated) -> dict[str, Any]:
        dataset, watch = prepared.dataset, self.recommender.stopwatch
        facts = {
            "dataset": {
                "name": dataset.name,
                "users": len(dataset.users),
                "items": len(dataset.items),
                "interactions": len(dataset.interactions),
                "digest": dataset.digest,
                "rows": prepared.report["tables"],
            },
            "split": {
                "kind": type(self.splitter).__name__,
                **{
                    snapshot.name: {
                        "cutoff": _date(snapshot.cutoff),
                        "history": len(snapshot.request_history),
                        "queries": len(snapshot.queries),
                        "warm": int(snapshot.is_warm.sum()),
                        "catalogue": int(snapshot.catalogue.sum()),
                    }
                    for snapshot in split.snapshots
                },
                "warnings": list(split.warnings),
            },
        }
        return facts | evaluated.metrics | {"seconds": {**watch.seconds, "total": watch.total}}

    def _content(
        self,
        metrics: dict[str, Any],
        prepared: Prepared,
        split: Split,
        fitted: FittedTwoStage,
        evaluated: Evaluated,
        config: str,
        name: str,
    ) -> ReportContent:
        k = self.evaluation.headline
        dataset, test = prepared.dataset, split.test
        baseline = best_baseline(metrics["runs"], k) or "two_stage"
        history = test.histories.lengths[test.queries.user]
        groups = {"history length": history_length_groups(history)}
        groups |= attribute_groups(test.users, test.queries.user)
        values = {run: evaluated.column(run, f"ndcg@{k}") for run in ("two_stage", baseline)}
        importance = getattr(fitted.ranker, "importance", dict)
        return ReportContent(
            metrics=metrics,
            config=config,
            title=name,
            question=(
                f"Which of {int(test.available.sum()):,} products will each of {len(test.queries):,} "
                f"shoppers take next, given what was known of them before {_date(test.cutoff)}? Items that "
                "a shopper has or avoids, and items out of stock, are never shown."
            ),
            headline=k,
            importance=importance(),
            groups=evaluate_groups(values, groups, n_resamples=self.evaluation.n_resamples, seed=self.seed),
            stage_peak_rss_mb=self.recommender.stopwatch.peak_mb,
            quarantine=prepared.report["reasons"],
            warnings=split.warnings,
            provenance={"data": dataset.digest, **provenance()},
        )


def _write_lists(path: Path, dataset: Dataset, split: Split, lists: Ranked) -> None:
    """The two-stage lists of the test queries, a row an item, in the order of the queries."""
    row, rank = np.nonzero(lists.items >= 0)
    frame = pd.DataFrame(
        {
            "user": dataset.user_ids.decode(split.test.queries.user[row]),
            "rank": (rank + 1).astype(np.int16),
            "item": dataset.item_ids.decode(lists.items[row, rank]),
            "score": lists.scores[row, rank],
        }
    )
    frame.to_parquet(path, index=False)


def _write_per_query(path: Path, dataset: Dataset, evaluated: Evaluated) -> None:
    """Each metric of each run by query, for paired comparisons later."""
    frame = evaluated.per_query.copy()
    frame["user"] = dataset.user_ids.decode(frame["user"].to_numpy(np.int32))
    frame.astype(dict.fromkeys(frame.columns[3:], np.float32)).to_parquet(path, index=False)


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
