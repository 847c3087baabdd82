"""From a composed configuration to the page: what the command calls."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig
from rich.console import Console

from dataset.canonical import Source
from dataset.cosing import load_cosing
from dataset.dataset import Dataset
from dataset.errors import ConfigurationError, DataContractError
from dataset.ingredients import families_of
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.split import Splitter
from dataset.splits.temporal import Temporal
from evaluation.exploration.feature_correlation import feature_correlation
from evaluation.exploration.report import render
from evaluation.exploration.specification import LEFT_OUT, Exploration
from evaluation.exploration.table import advice_table, overview_table
from pipeline.applications import checked, cleaning_of, resolved
from pipeline.artefacts import write_json, write_text
from pipeline.cache import Cache
from pipeline.configuration import build
from pipeline.engines.engine import one_thread_a_kernel
from pipeline.exploration.candidate_features import candidate_features
from pipeline.exploration.flattery import flattery
from pipeline.exploration.measurement import Measurement
from pipeline.preparation import Prepared, load
from pipeline.progress import Stopwatch, output, peak_rss_mb
from pipeline.run_folder import provenance

RESULT: Final = "explore.json"
PAGE: Final = "report.html"
_STAGES: Final = {"activity_and_popularity": "popularity", "feature_correlation": "candidate_features"}


@dataclass(frozen=True, kw_only=True)
class Exploring:
    """One look at a dataset.

    Parameters
    ----------
    exploration : Exploration
    measurement : Measurement
    inventory : collection of str or None
        Names of ingredients that are known; None: nothing is said of coverage.
    stopwatch : Stopwatch
    """

    exploration: Exploration
    measurement: Measurement
    inventory: Collection[str] | None = None
    stopwatch: Stopwatch = field(default_factory=Stopwatch, compare=False)

    def explore(self, dataset: Dataset) -> dict[str, Any]:
        """All sections, the advice and what was measured, as plain values; equal data, equal values."""
        one_thread_a_kernel()
        spec, watch = self.exploration, self.stopwatch
        with watch.stage("looking"):
            material = spec.material(dataset)
        found: dict[str, Any] = {}
        for name, section in spec.sections(material, self.inventory, families_of).items():
            with watch.stage(_STAGES.get(name, name)):
                found[name] = section()
        left_out = {name: LEFT_OUT[name] for name, section in found.items() if section is None}
        with watch.stage("split_advice"):
            advice = spec.advice(material, found["volumes"]["season"])
        found["split_advice"] = advice
        sample, n_sampled = self.measurement.sample(dataset, spec.seed)
        for name, measure in (("random_split", self._flattery), ("feature_correlation", self._features)):
            with watch.stage(_STAGES.get(name, name)):
                try:
                    found[name] = {
                        **measure(sample, advice, material.transaction_kinds),
                        "users_sampled": n_sampled,
                    }
                except DataContractError as error:
                    found[name] = None
                    left_out[name] = str(error)
        return {**found, "left_out": left_out}

    def _flattery(self, sample: Dataset, advice: Mapping[str, Any], kinds: tuple[str, ...]) -> dict[str, Any]:
        splitter, share = _splitter(advice, kinds, sample)
        return flattery(
            sample,
            splitter,
            self.measurement,
            target_kinds=kinds,
            share=share,
            name=str(advice["kind"]).replace("_", "-"),
            n_resamples=self.exploration.n_resamples,
            seed=self.exploration.seed,
        )

    def _features(self, sample: Dataset, advice: Mapping[str, Any], kinds: tuple[str, ...]) -> dict[str, Any]:
        splitter, _ = _splitter(advice, kinds, sample)
        spec = self.exploration
        labelled, facts = candidate_features(sample, splitter, self.measurement, self.stopwatch, spec.seed)
        return feature_correlation(labelled, facts, n_permutations=spec.n_permutations, seed=spec.seed)


def run_explore(config: DictConfig) -> dict[str, Any]:
    """Look at the data of a source; prints what was found, and writes the page and its JSON twin."""
    out, cache_dir = checked(lambda: (Path(str(config.out)), config.cache_dir))
    text = resolved(config)
    source = build(config, "dataset")
    watch = Stopwatch(Console(stderr=True))
    exploring = Exploring(
        exploration=build(config, "explore"),
        measurement=build(config, "measure"),
        inventory=_inventory(source, config.cosing),
        stopwatch=watch,
    )
    _check_out(out)
    with watch.stage("preparation"):
        cache = Cache(Path(cache_dir) if cache_dir else None)
        prepared = load(source, cache, config.seed, cleaning_of(config), watch)
    explored = {"title": prepared.dataset.name, **exploring.explore(prepared.dataset)}
    explored |= {"preparation": _counts(prepared), "provenance": _provenance(prepared), "config": text}
    explored |= {"seconds": {**watch.seconds, "total": watch.total}, "peak_rss_mb": peak_rss_mb()}
    with watch.stage("report"):
        write_json(out / RESULT, explored)
        # Made of the file, so that nothing is on the page that is not in there.
        write_text(out / PAGE, render(json.loads((out / RESULT).read_text(encoding="utf-8"))))
    console = output()
    console.print(overview_table(explored))
    console.print(advice_table(explored))
    if explored["split_advice"]["override"]:
        console.print(explored["split_advice"]["override"], style="bold", highlight=False, markup=False)
    console.print(f"Report: {out / PAGE}", highlight=False, markup=False, soft_wrap=True)
    return explored


def _splitter(advice: Mapping[str, Any], kinds: tuple[str, ...], sample: Dataset) -> tuple[Splitter, float]:
    """The advised split, and the share of the transactions that its test takes."""
    if advice["kind"] == "temporal":
        splitter = Temporal(cutoff=str(advice["cutoff"]), n_training=1, target_kinds=kinds)
        return splitter, float(advice["chosen"]["share_after"])
    if advice["kind"] == "leave_last_out":
        events = sample.interactions
        chosen = events.is_kind(kinds)
        users = len({*events.user[chosen].tolist()})
        return LeaveLastOut(n_training=1, target_kinds=kinds), users / max(int(chosen.sum()), 1)
    raise DataContractError("No split can be advised, so nothing is fitted.")


def _inventory(source: Source, path: str | None) -> Collection[str] | None:
    """Names of the inventory that was given, or else of the one that the source reads."""
    path = path or getattr(source, "cosing", None)
    return load_cosing(path) if path else None


def _check_out(out: Path) -> None:
    strangers = out.is_dir() and any(out.iterdir()) and not (out / RESULT).exists()
    if strangers or (out.exists() and not out.is_dir()):
        raise ConfigurationError(f"out must be new, empty or the folder of an exploration. Got {out}.")


def _counts(prepared: Prepared) -> dict[str, Any]:
    return {name: prepared.report.get(name, {}) for name in ("tables", "reasons")}


def _provenance(prepared: Prepared) -> dict[str, Any]:
    return {"data": prepared.dataset.digest, "inputs": dict(prepared.inputs), **provenance()}
