"""The main job: data to split to fitted recommender to figures and report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from dataset.canonical import Source as DataSource
from dataset.cleaning import Cleaning
from dataset.dataset import Dataset
from dataset.ragged import Categorical
from dataset.snapshot import Snapshot
from dataset.splits.split import Split, Splitter
from evaluation.beyond_accuracy import beyond_accuracy
from evaluation.brief import Brief
from evaluation.evaluate import Evaluated, evaluate
from evaluation.groups import attribute_groups, evaluate_groups, history_length_groups, price_groups
from evaluation.list_facts import ListFacts
from evaluation.metrics.metric import hit_matrix
from evaluation.report.content import ReportContent
from evaluation.report.report import render, render_model_card
from evaluation.sections import MAIN_RUN
from evaluation.skew import skew_section
from evaluation.specification import Evaluation, ItemFacts
from evaluation.standing import best_baseline
from pipeline.artefacts import MANIFEST, write_folder, write_json, write_text
from pipeline.measurement import Measured, measure, two_stage_lists
from pipeline.preparation import Prepared, load
from pipeline.progress import Stopwatch, peak_rss_mb
from pipeline.run_files import write_groups, write_lists, write_per_query
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
    brief : Brief
    seed : int
    cleaning : Cleaning
    """

    source: DataSource
    splitter: Splitter
    recommender: TwoStage
    baselines: Mapping[str, Source]
    evaluation: Evaluation
    brief: Brief
    seed: int = 0
    cleaning: Cleaning = field(default_factory=Cleaning.default)

    def run(self, folder: RunFolder, config: str, name: str) -> dict[str, Any]:
        """Do it all and fill the run's folder; returns the metrics."""
        watch = self.recommender.stopwatch
        prepared = self._prepared()
        with watch.stage("split"):
            split = self.splitter.split(prepared.dataset)
        folder.log("split", queries=len(split.test.queries), history=len(split.test.history))
        fitted = self.recommender.fit(split)
        if told := getattr(self.recommender.ranking, "facts", None):
            folder.log("ranking", **told)
        with watch.stage("test_lists"):
            measured = self._measure(prepared.dataset, split, fitted)
        with watch.stage("evaluation"):
            evaluated = self._evaluate(split, fitted, measured)
            groups = groups_of(split.test)
            by_group = self._by_group(evaluated, groups)
            beyond = self._beyond_accuracy(split.test, fitted, measured, evaluated, groups)
        metrics = self._metrics(prepared, split, evaluated)
        metrics |= {"losses": measured.losses.section(self.evaluation.headline), "groups": by_group}
        metrics |= {"beyond_accuracy": beyond, "skew": self._skew(fitted, measured)}
        with watch.stage("report"):
            # First what took hours: the report is drawn of it, and may fail.
            write_json(folder.path / "metrics.json", metrics)
            write_lists(
                folder.path / "lists.parquet", prepared.dataset, split.test, measured.runs["two_stage"]
            )
            write_per_query(folder.path / "queries.parquet", prepared.dataset, evaluated)
            write_groups(folder.path / "groups.parquet", prepared.dataset, split.test, groups)
            write_folder(folder.path / "model", fitted.save)
            if fitted.ladder is not None:
                write_json(folder.path / "ladder.json", fitted.ladder.as_json())
                folder.log("ladder", rungs={rung.name: rung.events for rung in fitted.ladder.rungs})
            content = self._content(metrics, prepared, split, fitted, config, name)
            write_text(folder.path / "report.html", render(content))
            write_text(folder.path / "model_card.md", render_model_card(content))
        metrics |= {"seconds": {**watch.seconds, "total": watch.total}, "peak_rss_mb": peak_rss_mb()}
        metrics["seconds_inside_blocks"] = dict(watch.inside_blocks)
        metrics["peak_rss_mb_after"] = dict(watch.peak_mb)
        write_json(folder.path / "metrics.json", metrics)
        folder.finish(
            {"name": name, "seed": self.seed, "data": prepared.dataset.digest, "inputs": prepared.inputs}
        )
        return metrics

    def left(self, folder: RunFolder, config: str) -> dict[str, Any] | None:
        """The metrics of this very run, where it is in the folder already; None where it has to be run."""
        if not (folder.path / MANIFEST).exists():
            return None
        if not folder.holds(config, self._prepared().dataset.digest):
            return None
        metrics: dict[str, Any] = json.loads((folder.path / "metrics.json").read_text(encoding="utf-8"))
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

    def _prepared(self) -> Prepared:
        watch = self.recommender.stopwatch
        with watch.stage("preparation"):
            return load(
                self.source, self.recommender.cache, self.seed, self.cleaning, Stopwatch(watch.console)
            )

    def _measure(self, dataset: Dataset, split: Split, fitted: FittedTwoStage) -> Measured:
        past, depth = self._past(split), self.evaluation.depth
        return measure(
            self.recommender,
            fitted,
            split.test,
            past,
            self.baselines,
            dataset.oracle,
            depth,
            headline=self.evaluation.headline,
        )

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

    def _by_group(self, evaluated: Evaluated, groups: Mapping[str, Categorical]) -> dict[str, Any]:
        """nDCG of the main run and the best baseline, by group."""
        metric = f"ndcg@{self.evaluation.headline}"
        baseline = best_baseline(evaluated.metrics["runs"], self.evaluation.headline) or MAIN_RUN
        values = {run: evaluated.column(run, metric) for run in (MAIN_RUN, baseline)}
        return evaluate_groups(values, groups, n_resamples=self.evaluation.n_resamples, seed=self.seed)

    def _beyond_accuracy(
        self,
        test: Snapshot,
        fitted: FittedTwoStage,
        measured: Measured,
        evaluated: Evaluated,
        groups: Mapping[str, Categorical],
    ) -> dict[str, Any]:
        k, vectors = self.evaluation.headline, fitted.stage_one.vectors
        searched = {name: vectors[name] for name in ("ingredients", "functionality") if name in vectors}
        return beyond_accuracy(
            measured.runs,
            test.truth,
            ListFacts.of(test, searched),
            groups,
            {run: evaluated.column(run, f"ndcg@{k}") for run in measured.runs},
            k=k,
            rows=np.flatnonzero(test.is_warm & (test.truth.items.lengths > 0)),
            n_resamples=self.evaluation.n_resamples,
            seed=self.evaluation.seed,
        )

    def _skew(self, fitted: FittedTwoStage, measured: Measured) -> dict[str, Any]:
        """How far the features at work are from those of the training; passed where the ranker reads none."""
        if fitted.profile is None or measured.features is None:
            return {"passed": True, "limit": self.evaluation.max_psi, "worst": None, "features": {}}
        limits = (self.evaluation.max_psi, self.evaluation.max_shifted_gain)
        return skew_section(fitted.profile, measured.features, importance_of(fitted), *limits)

    def _content(
        self,
        metrics: dict[str, Any],
        prepared: Prepared,
        split: Split,
        fitted: FittedTwoStage,
        config: str,
        name: str,
    ) -> ReportContent:
        dataset, test, k = prepared.dataset, split.test, self.evaluation.headline
        importance = importance_of(fitted)
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
            brief=self.brief.tell(metrics, k, [*test.users.categorical, *test.users.numeric]),
            model={
                "ranker": type(self.recommender.ranking).__name__,
                "sources": list(self.recommender.retrieval.sources),
                "embeddings": list(fitted.stage_one.vectors),
                "features": len(importance),
                "candidates at most": self.recommender.retrieval.budget,
            },
            importance=importance,
            groups=metrics["groups"],
            stage_peak_rss_mb=self.recommender.stopwatch.peak_mb,
            quarantine=prepared.report["reasons"],
            warnings=split.warnings,
            provenance={"data": dataset.digest, **provenance()},
        )


def importance_of(fitted: FittedTwoStage) -> dict[str, float]:
    """Share of each feature in what the ranker goes by; empty where it tells none."""
    importance: dict[str, float] = getattr(fitted.ranker, "importance", dict)()
    return importance


def groups_of(test: Snapshot) -> dict[str, Categorical]:
    """By what the queries of a snapshot are looked at apart."""
    histories = test.histories.take(test.queries.user)
    groups = {"history length": history_length_groups(histories.lengths)}
    prices = price_groups(histories, test.items.price)
    if (prices.codes >= 0).any():
        groups["price tier"] = prices
    return groups | attribute_groups(test.users, test.queries.user)


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
