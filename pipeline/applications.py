"""From a composed configuration to the work: what the commands in `scripts` call."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.table import Table

from dataset.dataset import Dataset
from dataset.errors import ArtefactError, ConfigurationError
from dataset.snapshot import Snapshot
from evaluation.skew import check_skew
from evaluation.table import results_table
from pipeline.ablation import left_out, reduced
from pipeline.artefacts import MANIFEST, sha256
from pipeline.cache import Cache
from pipeline.configuration import build
from pipeline.experiment import Experiment
from pipeline.lists_folder import ListsFolder
from pipeline.preparation import load, prepare
from pipeline.progress import Stopwatch, output
from pipeline.recommendation import Recommendation
from pipeline.run_folder import RunFolder
from pipeline.stage_one import StageOneFitter
from pipeline.sweep import others_go_on
from pipeline.two_stage import FittedTwoStage, TwoStage

Value = TypeVar("Value")


@others_go_on()
def run_experiment(config: DictConfig) -> dict[str, Any]:
    """The main job; prints the table of results and the path of the report."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    absent, config = checked(lambda: (left_out(config), reduced(config)))
    text = resolved(config)
    experiment = experiment_of(config)
    watch = experiment.recommender.stopwatch
    run = RunFolder.begin(folder, text)
    if absent:
        run.log("left_out", parts=absent)
    metrics = experiment.run(run, text, str(config.run.name))
    console = output()
    console.print(results_table(metrics, experiment.evaluation.headline))
    console.print(f"{watch.total:.1f} s, peak {metrics['peak_rss_mb']:,.0f} MB", highlight=False)
    console.print(f"Report: {folder / 'report.html'}", highlight=False, soft_wrap=True)
    check_skew(metrics["skew"])  # last, so that what fails can be looked at
    return metrics


def run_prepare(config: DictConfig) -> Mapping[str, Any]:
    """Bring a source into the canonical tables; prints what became of its rows."""
    source = build(config, "dataset")
    out, limit = checked(lambda: (Path(str(config.out)), config.max_quarantined_share))
    report = prepare(source, out, limit)
    console = output()
    console.print(_counts_table(report))
    for table, reasons in report["reasons"].items():
        for reason, count in reasons.items():
            console.print(f"{table}: {reason}: {count:,}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"Tables: {out}", highlight=False, markup=False, soft_wrap=True)
    return report


def run_recommend(config: DictConfig) -> dict[str, int]:
    """Write the lists of every user with the model of a run; prints where they are."""
    run, out, cache_dir = checked(lambda: (Path(str(config.run)), Path(str(config.out)), config.cache_dir))
    job = _recommendation(config)
    manifest = RunFolder(run).read()
    folder = ListsFolder.at(out)
    made = OmegaConf.create((run / "config.yaml").read_text(encoding="utf-8"))
    assert isinstance(made, DictConfig)  # the manifest vouches for it
    cache = Cache(Path(cache_dir) if cache_dir else None)
    with job.stopwatch.stage("preparation"):
        dataset = load(build(made, "dataset"), cache, made.seed, made.max_quarantined_share).dataset
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if dataset.digest != manifest.get("data"):
        if job.as_of == "test":
            raise ArtefactError(
                f"as_of=test needs the data that {run} was made with. Got other data; "
                "bring the old files back, or take as_of=latest."
            )
        console.print("The data has changed since the run: the lists are made of it as it is now.")
    model, snapshot = _at(run, made, job, cache, dataset)
    run_id = f"{run.resolve().name}-{sha256(run / MANIFEST)[:8]}"
    with job.stopwatch.stage("lists"):
        counts = job.write(model, snapshot, dataset, folder, run_id)
    folder.finish({"run_id": run_id, "n": job.n, "as_of": job.as_of, "data": dataset.digest, **counts})
    if counts["short_lists"]:
        console.print(
            f"{counts['short_lists']:,} of {counts['users']:,} lists are shorter than n={job.n}: "
            f"{int(snapshot.available.sum()):,} items are on offer, fewer where some are owned or avoided."
        )
    console.print(f"{counts['rows']:,} rows for {counts['users']:,} users. Lists: {out}")
    return counts


def _recommendation(config: DictConfig) -> Recommendation:
    """The specification that the settings of `recommend` describe."""
    engine = build(config, "engine")
    names = ("n", "as_of", "users", "part_size", "block_size")
    settings = checked(lambda: {name: config[name] for name in names})
    return Recommendation(engine=engine, stopwatch=Stopwatch(Console(stderr=True)), **settings)


def _at(
    run: Path, made: DictConfig, job: Recommendation, cache: Cache, dataset: Dataset
) -> tuple[FittedTwoStage, Snapshot]:
    """The model at the moment that is asked for, and that moment with its users."""
    splitter, model = build(made, "split"), FittedTwoStage.load(run / "model")
    if job.as_of == "test":
        return model, job.asked(splitter.split(dataset).test)
    snapshot = splitter.latest(dataset)
    retrieval, features = build(made, "retrieval"), build(made, "features")
    fitter = StageOneFitter(retrieval, features, job.engine, cache, job.stopwatch)
    return replace(model, stage_one=fitter.fit([snapshot])[0]), job.asked(snapshot)


def _counts_table(report: Mapping[str, Any]) -> Table:
    """Rows of each table, by what became of them."""
    names = ("in", "added", "kept", "quarantined", "merged", "cells")
    table = Table(box=None)
    table.add_column("table")
    for name in names:
        table.add_column("cells emptied" if name == "cells" else name, justify="right")
    for key, counts in report["tables"].items():
        table.add_row(key, *(f"{counts[name]:,}" for name in names))
    return table


def experiment_of(config: DictConfig) -> Experiment:
    """The specification that a configuration describes, without what it leaves out."""
    config = checked(lambda: reduced(config))
    cache_dir = config.cache_dir
    recommender = checked(
        lambda: TwoStage(
            retrieval=build(config, "retrieval"),
            features=build(config, "features"),
            ranking=build(config, "ranking"),
            engine=build(config, "engine"),
            cache=Cache(Path(cache_dir) if cache_dir else None),
            block_size=config.block_size,
            stopwatch=Stopwatch(Console(stderr=True)),
        )
    )
    return checked(
        lambda: Experiment(
            source=build(config, "dataset"),
            splitter=build(config, "split"),
            recommender=recommender,
            baselines={name: build(config, f"baselines.{name}") for name in config.baselines},
            evaluation=build(config, "evaluation"),
            brief=build(config, "brief"),
            seed=config.seed,
            max_quarantined_share=config.max_quarantined_share,
        )
    )


def resolved(config: DictConfig) -> str:
    """The configuration as YAML, every reference resolved."""
    return checked(lambda: OmegaConf.to_yaml(config, resolve=True))


def checked(read: Callable[[], Value]) -> Value:
    """Turn what OmegaConf says of a missing or mistyped value into one sentence."""
    try:
        return read()
    except OmegaConfBaseException as error:
        raise ConfigurationError(str(error).splitlines()[0]) from error
